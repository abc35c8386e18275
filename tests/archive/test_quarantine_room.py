"""The quarantine is bounded as a whole, and both a run and `status` say long before that it fills up."""

from snapshotter.archive import looking
from tests.archive.worlds import Api, an_archive, series, some_items
from tests.server import html_page

LARGE = 600 * 1024**2  # of 1 GiB


def half_full(archive):
    folder = archive.path / ".git/snap/quarantine"
    folder.mkdir(parents=True, mode=0o700)
    with (folder / f"{'a' * 64}.body").open("wb") as file:
        file.truncate(LARGE)


def warnings(notices):
    return [notice.text for notice in notices if notice.about == "quarantine"]


def test_a_run_that_adds_to_a_filling_quarantine_says_so(tmp_path):
    with an_archive(tmp_path, Api(some_items(2), instead=lambda request: html_page()), series()) as archive:
        half_full(archive)

        (warning,) = warnings(archive.fetch().notices)

        assert "holds 600" in warning
        assert "snap quarantine retry" in warning


def test_a_run_that_adds_nothing_does_not_repeat_it(tmp_path):
    with an_archive(tmp_path, Api(some_items(2)), series()) as archive:
        half_full(archive)

        assert warnings(archive.fetch().notices) == []


def test_status_says_so_while_it_is_so(tmp_path):
    with an_archive(tmp_path, Api(some_items(2)), series()) as archive:
        archive.fetch()
        assert warnings(looking.status(archive.path, (), archive.world).notices) == []

        half_full(archive)

        assert len(warnings(looking.status(archive.path, (), archive.world).notices)) == 1
