"""Builders: archives, batches and what stock git says of them."""

import errno
import os
import subprocess
from datetime import UTC, datetime

from snapshotter.edge.files import Disk
from snapshotter.edge.store import Store
from snapshotter.model import Batch, FileChange

NOON = datetime(2024, 2, 5, 12, tzinfo=UTC)
DAY = "usgs/quakes/2018/02/2018-02-05.json"
NEXT = "usgs/quakes/2018/02/2018-02-06.json"


class Calm(Disk):
    """Syncs nothing, for tests that cut no power."""

    def sync(self, fd):
        pass

    def sync_all(self, fd):
        return True


class Killed(BaseException):
    """As if the process had died here: nothing of ours catches it."""


class Faulty(Calm):
    """Counts the acts; at the nth one it is killed or refused, once or for ever."""

    def __init__(self, at=None, error=None, *, for_ever=False):
        self.steps, self.at, self.error, self.for_ever = [], at, error, for_ever

    def before(self, step, path):
        self.steps.append((step, path))
        if self.at is not None and (len(self.steps) == self.at or (self.for_ever and len(self.steps) > self.at)):
            if self.error is None:
                raise Killed
            raise OSError(self.error, os.strerror(self.error))


class Full(Calm):
    """A disk that becomes full in the middle of its nth write."""

    def __init__(self, at):
        self.at = at

    def write(self, fd, data):
        self.at -= 1
        if self.at < 0:
            os.write(fd, data[: len(data) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return os.write(fd, data)


def git(path, *arguments, check=True, **env):
    command = ["git", "-C", str(path), "-c", "user.name=Anna", "-c", "user.email=anna@example.org", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, **env})
    if check and done.returncode:
        raise AssertionError(f"git {' '.join(arguments)}: {done.stderr}")
    return done.stdout if check else done


def a_batch(files, message="Archive 1 day\n\nTrailer: x\n", at=NOON):
    return Batch(tuple(FileChange(path, data) for path, data in files.items()), message, at)


def a_store(path, disk=None):
    return Store.create(path, env=dict(os.environ), disk=disk or Calm())


def opened(path, disk=None):
    return Store.open(path, env=dict(os.environ), disk=disk or Calm())


def an_archive(path, files=None):
    """An archive with one commit, settled and finished."""
    store = a_store(path)
    save(store, {"snap.toml": b"format = 1\n", DAY: b"[]\n"} if files is None else files)
    return store


def save(store, files, **batch):
    """Commit, settle and finish; gives the commit."""
    commit = store.commit(a_batch(files, **batch), store.head())
    store.settle()
    store.finish()
    return commit


def status(path):
    return git(path, "status", "--porcelain")


def is_sound(path):
    return git(path, "fsck", "--strict", "--full", check=False).returncode == 0
