"""What the disk refuses beside a commit that is saved is told by every command, not by runs alone."""

import errno
from dataclasses import replace

import pytest

from snapshotter.archive import adding, housekeeping, setup
from snapshotter.errors import DiskRefused
from tests.archive.worlds import Api, an_archive, series, some_items
from tests.edge.git_archives import Calm, git


class NoLogs(Calm):
    """No room for git's log of the branch."""

    def before(self, step, path):
        if path.startswith("logs/"):
            raise OSError(errno.ENOSPC, "No space left on device")


COMMANDS = {
    "rename": lambda path, world: housekeeping.rename(path, "demo", "renamed", world),
    "remove": lambda path, world: housekeeping.remove(path, "demo", world),
    "add": lambda path, world: adding.add(path, "usgs-earthquakes", world),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_log_that_cannot_be_written_is_told_by_every_command_and_its_commit_stands(tmp_path, name):
    with an_archive(tmp_path, Api(some_items(2)), series()) as archive:
        before = archive.git("rev-parse", "HEAD").strip()

        with pytest.raises(DiskRefused, match="the commit is saved"):
            COMMANDS[name](archive.path, replace(archive.world, disk=NoLogs()))

        assert archive.git("rev-parse", "HEAD~1").strip() == before
        assert archive.is_clean()


def test_so_does_init(tmp_path, a_home_of_its_own):
    with an_archive(tmp_path, Api([]), series()) as archive:
        with pytest.raises(DiskRefused, match="the commit is saved"):
            setup.init(tmp_path / "other", replace(archive.world, disk=NoLogs()), zone="UTC")

        assert git(tmp_path / "other", "rev-list", "--count", "HEAD") == "1\n"
