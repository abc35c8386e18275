"""Renaming and removing: one commit, history kept, the ledger follows, nothing is asked again."""

import subprocess

import pytest

from snapshotter.archive import changing, housekeeping, looking, setup, verifying
from snapshotter.core.verifying import FULL
from snapshotter.errors import ConfigError, UsageError
from snapshotter.results import Exit
from tests.archive.worlds import Api, a_file, an_archive, item, series, some_items
from tests.server import html_page

TWO = '{ start = "2026-03-12", end = "2026-03-13", step = "1d" }'
OTHER = series(window=TWO).replace("streams.items", "streams.others")


def fetched(folder):
    """One source with two streams, fetched."""
    records = [*some_items(4), item("13T08:00", "z")]
    return an_archive(folder, Api(records), series(window=TWO) + OTHER)


def damage(archive):
    return verifying.verify(archive.path, archive.world, scope=FULL, tell=archive._tell).damage


def summaries(archive):
    return {line.stream: line.summary for line in looking.status(archive.path, (), archive.world).streams}


def edit(archive, was, now):
    file = archive.path / "sources/demo.toml"
    file.write_text(file.read_text().replace(was, now))


def test_a_renamed_stream_is_known_under_its_new_name_and_nothing_is_asked_again(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        archive.later(minutes=5)
        archive.fetch()
        before, asked, commits = summaries(archive), len(archive.server.seen), archive.commits()
        housekeeping.rename(archive.path, "demo/items", "things", archive.world)
        ran = archive.fetch()

        assert archive.commits() == commits + 1
        assert (ran.exit, len(archive.server.seen)) == (Exit.DONE, asked)
        assert summaries(archive) == {
            "demo/things": before["demo/items"].replace("items", "things"),
            "demo/others": before["demo/others"],
        }
        assert archive.ids("12", stream="demo/things") == ["r000", "r001", "r002", "r003"]
        assert archive.ids("12") is None
        assert damage(archive) == ()
        assert archive.is_clean()


def test_a_renamed_source_takes_its_file_along(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        asked = len(archive.server.seen)
        done = housekeeping.rename(archive.path, "demo", "sports", archive.world)
        ran = archive.fetch()

        assert done.files == ("sources/demo.toml", "sources/sports.toml")
        assert not (archive.path / "demo").exists()
        assert (ran.exit, len(archive.server.seen)) == (Exit.DONE, asked)
        assert archive.ids("13", stream="sports/items") == ["z"]
        assert damage(archive) == ()


def test_a_ledger_made_anew_after_a_rename_says_the_same(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        housekeeping.rename(archive.path, "demo/items", "things", archive.world)
        before = summaries(archive)
        (archive.path / ".git/snap/cache.sqlite").unlink()

        assert summaries(archive) == before


def test_after_a_rename_a_change_is_still_seen(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        housekeeping.rename(archive.path, "demo/items", "things", archive.world)
        edit(archive, 'id = "id"', 'id = "at"')
        archive.later(days=1)

        changed = setup.check(archive.path, (), archive.world).changed
        assert {stream.stream for stream in changed} == {"demo/things", "demo/others"}


def test_a_removed_stream_is_gone_and_its_history_stays(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        head = archive.git("rev-parse", "HEAD").strip()
        housekeeping.remove(archive.path, "demo/items", archive.world)

        assert [path for path in archive.files() if path.startswith("demo/items")] == ["demo/items/_removed.json"]
        assert list(summaries(archive)) == ["demo/others"]
        assert '"z"' in archive.git("show", f"{head}:demo/items/2026/03/2026-03-13.json")
        assert damage(archive) == ()
        assert archive.is_clean()


def test_a_removed_source_is_gone_with_its_file(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        housekeeping.remove(archive.path, "demo", archive.world)

        assert not (archive.path / "sources/demo.toml").exists()
        assert summaries(archive) == {}
        assert damage(archive) == ()


def test_a_removed_stream_that_is_described_again_waits_for_the_user(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        housekeeping.remove(archive.path, "demo", archive.world)
        archive.place(a_file(archive.server.url, series(window=TWO)))
        archive.later(days=1)
        stopped = archive.fetch()
        told = looking.status(archive.path, ["demo/items"], archive.world).notices
        changing.accept(archive.path, ["demo/items"], archive.world)
        went_on = archive.fetch()

        assert stopped.exit is Exit.CONFIG
        assert "from the archive on purpose, and is described again" in stopped.notices[-1].text
        assert "take its table out of the source file, or say with `snap check demo/items" in told[0].text
        assert went_on.exit is Exit.DONE
        assert archive.ids("13") == ["z"]
        assert damage(archive) == ()


def test_a_dry_run_changes_nothing(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        before = archive.commits()
        look = housekeeping.rename(archive.path, "demo", "sports", archive.world, dry_run=True)
        gone = housekeeping.remove(archive.path, "demo/items", archive.world, dry_run=True)

        assert (look.commit, look.documents) == (None, 4)
        assert (gone.commit, gone.documents) == (None, 2)
        assert archive.commits() == before
        assert archive.is_clean()


@pytest.mark.parametrize(
    ("target", "new", "words"),
    [
        ("demo/items", "others", "is there already"),
        ("demo/items", "Things", "is no name"),
        ("demo/items", "other/things", "stays in its source"),
        ("demo", "schema", "is no name"),
        ("demo/nothing", "things", "no source or stream"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tmp_path, target, new, words):
    with fetched(tmp_path) as archive, pytest.raises(UsageError, match=words):
        housekeeping.rename(archive.path, target, new, archive.world)


def test_a_file_with_edits_that_are_not_committed_is_refused(tmp_path):
    with fetched(tmp_path) as archive:
        edit(archive, "[client]", "# mine\n[client]")

        with pytest.raises(UsageError, match="commit them first"):
            housekeeping.rename(archive.path, "demo", "sports", archive.world)


def test_what_is_said_to_commit_a_file_that_git_does_not_know_yet_can_be_run_as_it_stands(tmp_path):
    with fetched(tmp_path / "my archives") as archive:
        archive.git("rm", "-q", "--cached", "sources/demo.toml")
        archive.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "Forget")
        with pytest.raises(UsageError) as told:
            housekeeping.rename(archive.path, "demo", "sports", archive.world)
        command = str(told.value).split("`")[1].replace(" commit ", " -c user.name=A -c user.email=a@b commit ")
        subprocess.run(command, shell=True, check=True, capture_output=True)  # as a person pastes it
        renamed = housekeeping.rename(archive.path, "demo", "sports", archive.world)

        assert renamed.commit is not None


def test_what_was_removed_or_lost_its_file_is_told_as_such_and_how_to_see_it(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        housekeeping.remove(archive.path, "demo/items", archive.world)
        with pytest.raises(UsageError, match=r"^demo/items: it was removed; `git -C .* log -- demo/items` shows"):
            looking.log(archive.path, "demo/items", None, archive.world)
        (archive.path / "sources/demo.toml").unlink()
        for target in ("demo", "demo/others"):
            with pytest.raises(UsageError, match=r"no source file describes it; put .* back into sources/demo.toml"):
                looking.log(archive.path, target, None, archive.world)


def test_a_description_that_changed_is_settled_before_a_rename(tmp_path):
    with fetched(tmp_path) as archive:
        archive.fetch()
        edit(archive, 'id = "id"', 'id = "at"')
        archive.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qam", "edit")

        with pytest.raises(ConfigError, match="old identity"):
            housekeeping.rename(archive.path, "demo/items", "things", archive.world)


def test_answers_that_wait_are_stored_before_a_rename(tmp_path):
    with fetched(tmp_path) as archive:
        archive.die_after_page(1)

        with pytest.raises(UsageError, match="run `snap fetch` first"):
            housekeeping.rename(archive.path, "demo", "sports", archive.world)


def test_unusable_answers_are_settled_before_a_rename(tmp_path):
    with an_archive(tmp_path, Api([], odd={1: html_page()})) as archive:
        archive.fetch()

        with pytest.raises(UsageError, match="snap quarantine"):
            housekeeping.rename(archive.path, "demo", "sports", archive.world)


def test_the_only_stream_goes_with_its_source(tmp_path):
    with an_archive(tmp_path, Api([])) as archive, pytest.raises(UsageError, match="`snap remove demo`"):
        housekeeping.remove(archive.path, "demo/items", archive.world)
