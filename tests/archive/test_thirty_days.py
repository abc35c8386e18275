"""A month of bad luck, and every word that a person would hear of it."""

import errno
import json
import os
import re
import socket
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from snapshotter.archive import reporting
from snapshotter.archive.opening import for_writing
from snapshotter.errors import SnapError
from snapshotter.model import Batch, FileChange
from tests.archive.worlds import Api, an_archive, series, utc
from tests.edge.git_archives import Calm, git
from tests.server import Reply, Server, json_reply

GOLDEN = Path(__file__).parent / "golden/thirty_days.txt"
START = utc("2026-03-01T05:17")
EVERY = timedelta(hours=12)
WINDOW = '{ start = "2026-02-20", step = "1d", lookback = "2d" }'
LANE = '[pacing]\nlane = "demo"\n'  # else chance would go by the number of a port
PACE = 'every = "12h"\n[streams.items.refresh]\nbudget = 3\nceiling = "7d"\n'


class NoSpace(Calm):
    """A disk without a free byte: what a file has already can be written over."""

    def write(self, fd, data):
        if os.lseek(fd, 0, os.SEEK_CUR) + len(data) > os.fstat(fd).st_size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(fd, data)


def a_record(day, hour, *, version=1):
    return {"id": f"{day:%m%d}-{hour}", "at": f"{day:%Y-%m-%d}T{hour:02}:00:00Z", "steps": day.day * 100 + version}


def a_month():
    first = utc("2026-02-20T00:00")
    return [a_record(first + timedelta(days=day), hour) for day in range(45) for hour in (3, 9, 15)]


@dataclass
class Month:
    """Thirty days, three runs a day, and what went out on each."""

    archive: object
    api: Api
    box: Server
    remote: Path
    exits: list = field(default_factory=list)
    mails: list = field(default_factory=list)
    days: int = 0

    def pass_by(self, *, days):
        """Run on time for so many days."""
        for _ in range(round(days * 24 * 3600 / EVERY.total_seconds())):
            self._run()
        self.days += days

    def _run(self):
        clock = self.archive.clock
        clock.jump(START + EVERY * len(self.exits) - clock.now())
        before = len(self.box.seen)
        try:
            self.exits.append(self.archive.run().exit)
        except SnapError as error:
            self.exits.append(type(error).__name__)
        for seen in self.box.seen[before:]:
            told = json.loads(seen.body)
            self.mails.append(f"=== {clock.now():%B %d, %H:00}: {told['subject']}\n{told['text']}")

    @contextmanager
    def answering(self, answer):
        """The API answers this instead."""
        self.api.instead = answer
        yield
        self.api.instead = None

    @contextmanager
    def disk_full(self):
        world, self.archive.world = self.archive.world, replace(self.archive.world, disk=NoSpace())
        yield
        self.archive.world = world

    def settle(self, *, pushes):
        """What the settings say: whom to tell, and whether to push."""
        remote = "[remote]\npush = true\n" if pushes else ""
        told = f'[[notify]]\ntype = "webhook"\nurl = "{self.box.url}/told"\n'
        change = FileChange("snap.toml", f'format = 1\nzone = "UTC"\n{remote}{told}'.encode())
        with for_writing(self.archive.path, self.archive.world, command="test") as opened:
            batch = Batch((change,), "Settings\n", self.archive.clock.now())
            opened.store.commit(batch, opened.store.head())
            opened.store.finish()

    @contextmanager
    def push_refused(self):
        hook = self.remote / "hooks/pre-receive"
        hook.parent.mkdir(exist_ok=True)
        hook.write_text("#!/bin/sh\necho 'quota exceeded' >&2\nexit 1\n")
        hook.chmod(0o755)
        yield
        hook.unlink()

    def recompute(self):
        """The provider computes everything anew."""
        for record in self.api.records:
            record["steps"] += 7

    def recomputed_days(self):
        """How many days stand as the provider computed them anew; each one whole, its first version in history."""
        found = 0
        for path in self.archive.path.glob("demo/items/2026/*/*.json"):
            name = str(path.relative_to(self.archive.path))
            [version] = {record["steps"] % 100 for record in json.loads(path.read_bytes())}
            if version == 8:
                found += 1
                first = self.archive.git("log", "--reverse", "--format=%H", "--", name).split()[0]
                old = json.loads(self.archive.git("show", f"{first}:{name}"))
                assert {record["steps"] % 100 for record in old} <= {1, 8}
        return found

    def told_of_changes(self):
        """How many changed documents the report of the last week counts."""
        found = reporting.report(self.archive.path, self.archive.world, since=START.date() + timedelta(days=23))
        return len(found.changes)

    def text(self):
        """The mails, a line a thing, without what is another one on each machine."""
        told = re.sub(r"\n {4}", " ", "\n".join(self.mails)).replace(str(self.archive.path.parent), "/home/anna")
        told = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1", told)
        told = re.sub(r"kept as [0-9a-f]{24}", "kept as 0123abcd", told)
        told = re.sub(r"\d+ KiB free", "0 KiB free", told)
        return told.replace(f" on {socket.gethostname()}.", " on myhost.")


@contextmanager
def a_month_of(folder):
    api = Api(a_month(), size=100)
    with (
        Server(lambda seen: Reply(200, b"")) as box,
        an_archive(folder, api, series(window=WINDOW, more=PACE), head=LANE, now=START) as archive,
    ):
        remote = folder / "remote.git"
        git(folder, "init", "-q", "--bare", "-b", "main", "remote.git")
        archive.git("remote", "add", "origin", str(remote))
        month = Month(archive, api, box, remote)
        month.settle(pushes=False)
        yield month


def renamed(seen):
    """The member that held the records has another name now."""
    return json_reply({"payload": [], "cursor": None})


def test_a_month_of_bad_luck_is_told_in_a_few_words(tmp_path, a_home_of_its_own):
    with a_month_of(tmp_path) as month:
        month.pass_by(days=3)
        with month.answering(lambda seen: Reply(503, b"")):
            month.pass_by(days=3)
        month.pass_by(days=2)
        with month.answering(lambda seen: Reply(401, b'{"error": "expired"}')):
            month.pass_by(days=2)
        month.pass_by(days=2)
        with month.answering(renamed):
            month.pass_by(days=1)
        month.pass_by(days=3)
        with month.disk_full():
            month.pass_by(days=1)
        month.pass_by(days=1)
        month.settle(pushes=True)  # only now: a push takes longer than everything else of a run
        month.pass_by(days=1)
        with month.push_refused():
            month.pass_by(days=2)
        month.pass_by(days=1)
        month.settle(pushes=False)
        month.pass_by(days=1)
        month.recompute()
        month.pass_by(days=7)

        assert month.days == 30
        assert month.recomputed_days() >= 20  # of 3 requests a day, and what is asked again anyway
        assert month.told_of_changes() >= 15
        assert month.text() == GOLDEN.read_text()
