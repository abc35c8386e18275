"""An `init` that is killed anywhere needs nobody: it can be done again, or the next command completes it."""

import random
from contextlib import suppress
from dataclasses import replace

import pytest

from snapshotter.archive import maintaining, setup, verifying
from snapshotter.core.verifying import FULL
from snapshotter.edge.files import TEMPORARY
from snapshotter.edge.world import SystemClock, World
from snapshotter.errors import UsageError
from tests.edge.git_archives import Calm, Faulty, Killed, git


def a_world(tmp_path, disk):
    env = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/local/bin", "GIT_CONFIG_NOSYSTEM": "1"}
    return World(env=env, state=tmp_path / "state", clock=SystemClock(), chance=random.Random(1), disk=disk)


def acts(tmp_path):
    disk = Faulty()
    setup.init(tmp_path / "probe/archive", a_world(tmp_path / "probe", disk), zone="UTC")
    return len(disk.steps)


@pytest.mark.parametrize("again", ["init", "another command"])
def test_an_init_killed_behind_its_commit_is_completed(tmp_path, again):
    count = acts(tmp_path)
    for at in range(1 if again == "init" else 2, count + 1, 3):
        root, world = tmp_path / f"{at}/archive", a_world(tmp_path / str(at), Calm())
        with pytest.raises(Killed):
            setup.init(root, replace(world, disk=Faulty(at, for_ever=True)), zone="UTC")
        has_commit = any((root / ".git/refs/heads").glob("main"))
        if again == "init" or not has_commit:
            with suppress(UsageError):  # it is an archive already: then the next command completes it
                setup.init(root, world, zone="UTC")
        maintaining.maintain(root, world)

        assert git(root, "status", "--porcelain") == ""
        assert git(root, "rev-list", "--count", "HEAD") == "1\n"
        assert [path for path in root.rglob("*") if path.name.startswith(TEMPORARY)] == []
        assert verifying.verify(root, world, scope=FULL, tell=lambda _: None).damage == ()
