"""A lane without pauses asks the next window while the last one is committed; nothing is lost whatever happens."""

import errno
import threading
from dataclasses import replace

import pytest

from snapshotter.errors import DiskRefused
from tests.archive.worlds import Api, an_archive, item, series
from tests.edge.git_archives import Calm

UNPACED = '[pacing]\nmin_interval = "0s"\n'
DAYS = series(window='{ start = "2026-03-08", end = "2026-03-10", step = "1d" }')
THREE = [item(f"2026-03-{day}T08:00:00Z", f"i{day}") for day in ("08", "09", "10")]


class Waiting(Calm):
    """A disk that writes no pack before something has happened."""

    def __init__(self):
        self.goes = threading.Event()
        self.came = []

    def before(self, step, path):
        if step == "create" and "objects/pack" in path:
            self.came.append(self.goes.wait(10))


class Refusing(Waiting):
    """One that then refuses it."""

    def before(self, step, path):
        super().before(step, path)
        if self.came:
            raise OSError(errno.EIO, "the disk refused")


def asked_with(tmp_path, disk):
    """An archive that is asked with a disk, which hears when the second window is asked for."""
    api = Api(list(THREE), before=lambda number: disk.goes.set() if number == 2 else None)
    return api, an_archive(tmp_path, api, DAYS, head=UNPACED)


def test_the_next_window_is_asked_while_the_last_one_is_committed(tmp_path):
    disk = Waiting()
    api, made = asked_with(tmp_path, disk)
    with made as archive:
        calm, archive.world = archive.world, replace(archive.world, disk=disk)
        archive.fetch()
        archive.world = calm

        assert disk.came[0]
        assert [archive.ids(f"2026-03-{day}") for day in ("08", "09", "10")] == [["i08"], ["i09"], ["i10"]]
        assert archive.spooled() == ()
        assert archive.runs()[-1].closes
        assert archive.fetch().streams == ()
        assert api.asked == 3


def test_a_commit_that_fails_ends_the_run_and_what_was_asked_meanwhile_is_not_asked_again(tmp_path):
    disk = Refusing()
    api, made = asked_with(tmp_path, disk)
    with made as archive:
        calm, archive.world = archive.world, replace(archive.world, disk=disk)
        with pytest.raises(DiskRefused):
            archive.fetch()
        archive.world = calm
        assert api.asked == 2

        archive.fetch()

        assert [archive.ids(f"2026-03-{day}") for day in ("08", "09", "10")] == [["i08"], ["i09"], ["i10"]]
        assert api.asked == 3
