"""A real `snap fetch` that gets a real signal: the page in hand is finished, what is proved is committed, 130."""

import os
import signal
import subprocess
import sys

import pytest

from tests.archive.worlds import Api, an_archive, item, series
from tests.edge.git_archives import git
from tests.server import Raw

THREE_DAYS = '{ start = "2026-03-11", end = "2026-03-13", step = "1d" }'
RECORDS = [item(f"{day}T0{hour}:00", f"{day}-{hour}") for day in (11, 12, 13) for hour in range(5)]  # two pages a day


class Interrupting(Api):
    """Sends signals to the one who asks, before it answers the nth request; after two of them it says nothing."""

    process = None
    at = 0
    signals = ()

    def __call__(self, request):
        if self.asked + 1 == self.at:
            for number in self.signals:
                os.kill(self.process.pid, number)
            if len(self.signals) > 1:
                self.asked += 1
                return Raw((), then="stall")
        return super().__call__(request)


def fetch(archive, api, *signals, at):
    """A fetch in a process of its own."""
    api.at, api.signals = at, signals
    world = archive.world
    xdg = archive.path.parent / "xdg"
    xdg.mkdir(exist_ok=True)
    if not (xdg / "snap").exists():
        (xdg / "snap").symlink_to(world.state)
    env = {**world.env, "XDG_STATE_HOME": str(xdg), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "snapshotter", "--archive", str(archive.path), "fetch"]
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        api.process = process
        said, _ = process.communicate(timeout=60)
    return process.returncode, said


@pytest.fixture
def api():
    return Interrupting(list(RECORDS))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_one_signal_lets_the_page_in_hand_be_finished_and_names_what_was_saved(tmp_path, api, number):
    with an_archive(tmp_path, api, series(window=THREE_DAYS)) as archive:
        before = int(git(archive.path, "rev-list", "--count", "HEAD"))

        code, said = fetch(archive, api, number, at=3)  # the first page of the second day

        assert code == 130, said
        commits = int(git(archive.path, "rev-list", "--count", "HEAD")) - before
        assert f"interrupted; {commits} commit" in said
        assert api.asked < 6
        assert git(archive.path, "status", "--porcelain") == ""

        code, said = fetch(archive, api, at=0)
        assert code == 0, said
        assert api.asked == 6  # no page was asked twice


def test_a_second_signal_stops_at_once(tmp_path, api):
    with an_archive(tmp_path, api, series(window=THREE_DAYS)) as archive:
        code, said = fetch(archive, api, signal.SIGINT, signal.SIGTERM, at=3)

        assert code == -signal.SIGTERM, said
        code, said = fetch(archive, api, at=0)
        assert code == 0, said
        assert api.asked == 7  # the one without an answer
