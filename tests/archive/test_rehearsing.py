"""A run tries by itself whether the remote would restore: now and then, loudly when it would not."""

import errno
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from snapshotter.archive import looking, rehearsing, reporting
from snapshotter.archive.opening import for_writing, open_archive
from snapshotter.core import report_whole
from snapshotter.core.rehearsing import is_due
from snapshotter.edge.files import Disk
from snapshotter.model import Batch, FileChange
from snapshotter.results import Exit
from snapshotter.results.rehearsing import Tried
from tests.archive.worlds import Api, an_archive, item
from tests.edge.git_archives import git

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MONTH = timedelta(days=30)


def test_it_comes_round_and_after_a_failure_every_day():
    def due(days, *, good):
        return is_due(Tried(NOW, "origin", good, ""), every=MONTH, now=NOW + timedelta(days=days))

    assert is_due(None, every=MONTH, now=NOW)
    assert [due(days, good=True) for days in (1, 29, 30)] == [False, False, True]
    assert [due(days, good=False) for days in (0.5, 1)] == [False, True]


@pytest.fixture
def archive(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")])) as archive:
        git(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
        archive.git("remote", "add", "origin", str(tmp_path / "remote.git"))
        settle(archive, 'push = true\nrestore_test = "30d"\n')
        yield archive


def settle(archive, remote):
    with for_writing(archive.path, archive.world, command="test") as opened:
        change = FileChange("snap.toml", f'format = 1\nzone = "UTC"\n[remote]\n{remote}'.encode())
        opened.store.commit(Batch((change,), "Settings\n", archive.clock.now()), opened.store.head())
        opened.store.finish()


def known(archive):
    return rehearsing.last(open_archive(archive.path, archive.world))


def test_a_whole_remote_is_tried_once_a_month_and_told_in_the_report(archive):
    assert archive.run().exit is Exit.DONE
    first = known(archive)
    archive.later(days=1)
    archive.run()

    assert first.good
    assert known(archive) == first
    text = report_whole.text(reporting.report(archive.path, archive.world))
    assert f"restore tried from origin on {first.at:%Y-%m-%d}: whole" in text
    archive.later(days=30)
    archive.run()
    assert known(archive).at > first.at


def test_a_remote_that_is_damaged_is_an_alarm_until_it_is_whole(archive, tmp_path):
    archive.run()
    packs = [*(tmp_path / "remote.git/objects").rglob("*.pack"), *(tmp_path / "remote.git/objects").glob("??/*")]
    kept = {path: path.read_bytes() for path in packs}
    for path in packs:
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-30] + b"x" * 30)
    archive.later(days=31)
    bad = archive.run()

    assert bad.exit is Exit.NOT_TOLD
    [notice] = [notice for notice in bad.notices if notice.about == "restore"]
    assert "a restore from origin would fail, tried on 2026-" in notice.text
    assert notice in looking.status(archive.path, (), archive.world).notices
    for path, data in kept.items():
        path.write_bytes(data)
    archive.later(days=1)
    assert archive.run().exit is Exit.DONE


def test_no_remote_is_an_alarm_too_and_no_address_is_taken_from_the_settings(archive, tmp_path):
    settle(archive, f'name = "ext::touch {tmp_path}/ran"\nrestore_test = "1d"\n')

    assert "git knows no remote of this name" in archive.run().notices[-1].text
    assert not (tmp_path / "ran").exists()


def test_what_is_not_pushed_yet_is_no_alarm_where_runs_do_not_push(archive):
    archive.run()
    settle(archive, 'restore_test = "1d"\n')
    archive.later(days=2)

    assert archive.run().exit is Exit.DONE
    assert "it lacks" in known(archive).words


def test_a_try_that_cannot_be_remembered_is_told_and_ends_no_run(archive):
    archive.world = replace(archive.world, disk=Full(rehearsing.MEMORY))

    ran = archive.run()

    assert Exit.DISK in ran.codes
    assert [notice.text for notice in ran.notices if "cannot be remembered" in notice.text]
    assert known(archive) is None


class Full(Disk):
    """A disk that has no room for one file."""

    def __init__(self, name):
        self.name = name

    def before(self, step, path):
        if step == "create" and self.name in path:
            raise OSError(errno.ENOSPC, "No space left on device")
