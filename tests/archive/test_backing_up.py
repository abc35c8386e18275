"""A backup is one file or a row of files that becomes the archive again; tokens move sealed."""

import os
import shutil
import stat
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from snapshotter.archive import backing_up, moving, verifying
from snapshotter.archive.backing_up import Lock, Wanted
from snapshotter.core.verifying import FULL
from snapshotter.edge import outfiles
from snapshotter.edge.tokens import Tokens, Vault
from snapshotter.errors import CouldNotTell, UsageError
from tests.archive.worlds import AGAIN, Api, a_world, an_archive, item, series


@pytest.fixture
def archive(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")]), series(window=AGAIN)) as archive:
        home = tmp_path / "gnupg"
        home.mkdir(mode=0o700)
        archive.world = replace(archive.world, env={**os.environ, "GNUPGHOME": str(home)})
        archive.fetch()
        yield archive


def by_nothing(folder):
    return Lock(), Lock()


def by_gpg(folder):
    secret = folder / "passphrase"
    secret.write_text("a long passphrase\n")
    return Lock(passphrase=secret), Lock(passphrase=secret)


def by_age(folder):
    done = subprocess.run(["age-keygen", "-o", folder / "key"], capture_output=True, text=True, check=True)
    return Lock(done.stderr.split("Public key: ")[1].strip()), Lock(identity=folder / "key")


def needs(tool):
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


LOCKS = [
    pytest.param("", by_nothing, id="plain"),
    pytest.param(".gpg", by_gpg, id="gpg", marks=needs("gpg")),
    pytest.param(".age", by_age, id="age", marks=needs("age-keygen")),
]


def backup(archive, to, lock=None, **wanted):
    return backing_up.backup(archive.path, Wanted(to, lock or Lock(), **wanted), archive.world)


def grows(archive, name):
    archive.server.script.records.append(item("12T09:00", name))
    archive.later(minutes=5)
    archive.fetch()


def comes_back(archive, file, lock, folder):
    backing_up.restore(file, folder, lock, archive.world)
    back = type(archive)(folder, archive.world, archive.clock, archive.server)
    assert back.git("rev-parse", "HEAD") == archive.git("rev-parse", "HEAD")
    assert verifying.verify(back.path, back.world, scope=FULL, tell=lambda step: None).damage == ()
    assert back.is_clean()
    return back


@pytest.mark.parametrize(("ending", "lock"), LOCKS)
def test_a_backup_becomes_the_archive_again(archive, tmp_path, ending, lock):
    locked, opens = lock(tmp_path)
    file = tmp_path / f"a.bundle{ending}"
    backup(archive, file, locked)

    back = comes_back(archive, file, opens, tmp_path / "back")

    assert (b"refs/heads/main" in file.read_bytes()) is (ending == "")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert back.git("remote") == ""


@pytest.mark.parametrize(("ending", "lock"), LOCKS)
def test_a_folder_of_backups_gets_what_is_new_and_becomes_the_archive_again(archive, tmp_path, ending, lock):
    locked, opens = lock(tmp_path)
    folder = tmp_path / "backups"
    folder.mkdir()
    full = backup(archive, folder, locked)
    nothing = backup(archive, folder, locked)
    for name in ("b", "c"):
        grows(archive, name)
        more = backup(archive, folder, locked)
        assert (more.is_full, more.commits) == (False, 1)
    assert (full.is_full, nothing.commits) == (True, 0)

    back = comes_back(archive, folder, opens, tmp_path / "back")

    assert back.ids("12") == ["a", "b", "c"]
    assert sorted(file.name[:5] for file in folder.iterdir()) == ["0001-", "0002-", "0003-"]
    assert all(file.name.endswith(f".bundle{ending}") for file in folder.iterdir())
    assert not list((archive.path / ".git/snap").glob("backup-*"))


def test_everything_once_more_makes_the_ones_before_needless(archive, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    backup(archive, folder)
    grows(archive, "b")
    backup(archive, folder, full=True)
    next(folder.glob("0001-*")).unlink()
    grows(archive, "c")
    backup(archive, folder)

    assert comes_back(archive, folder, Lock(), tmp_path / "back").ids("12") == ["a", "b", "c"]


def test_a_row_with_a_gap_is_named_and_nothing_is_made(archive, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    backup(archive, folder)
    for name in ("b", "c"):
        grows(archive, name)
        backup(archive, folder)
    next(folder.glob("0002-*")).unlink()

    with pytest.raises(UsageError, match="a file between 0001-full"):
        backing_up.restore(folder, tmp_path / "back", Lock(), archive.world)
    next(folder.glob("0001-*")).unlink()
    with pytest.raises(UsageError, match="the full backup is gone"):
        backing_up.restore(folder, tmp_path / "back", Lock(), archive.world)

    assert not (tmp_path / "back").exists()


def test_a_backup_that_breaks_off_is_not_taken_for_the_whole(archive, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    backup(archive, folder)
    grows(archive, "b")
    backup(archive, folder)
    last = next(folder.glob("0002-*"))
    last.write_bytes(last.read_bytes()[:-100])

    with pytest.raises(CouldNotTell, match=f"{last.name}: .*; the 1 file before it would be restored"):
        backing_up.restore(folder, tmp_path / "back", Lock(), archive.world)

    assert not (tmp_path / "back").exists()
    last.unlink()
    assert backing_up.restore(folder, tmp_path / "back", Lock(), archive.world).files == 1


def test_a_folder_with_the_backup_of_another_archive_is_refused(archive, tmp_path):
    (tmp_path / "0007-full-0123456789ab.bundle").write_bytes(b"")

    with pytest.raises(UsageError, match="the backup of another one"):
        backup(archive, tmp_path)


@needs("gpg")
def test_what_does_not_fit_is_said_and_leaves_nothing(archive, tmp_path):
    locked, _ = by_gpg(tmp_path)
    backup(archive, tmp_path / "a.bundle.gpg", locked)
    (tmp_path / "other").write_text("another passphrase\n")
    (tmp_path / "backups").mkdir()
    backup(archive, tmp_path / "backups", locked)

    with pytest.raises(CouldNotTell, match="gpg: decryption failed"):
        backing_up.restore(
            tmp_path / "a.bundle.gpg", tmp_path / "back", Lock(passphrase=tmp_path / "other"), archive.world
        )
    with pytest.raises(UsageError, match="is locked by gpg, and the next one would be not locked"):
        backup(archive, tmp_path / "backups")
    with pytest.raises(UsageError, match="no such file or folder"):
        backing_up.restore(tmp_path / "nothing", tmp_path / "back", Lock(), archive.world)
    with pytest.raises(UsageError, match="is not empty"):
        backing_up.restore(tmp_path / "a.bundle.gpg", tmp_path, locked, archive.world)
    assert not (tmp_path / "back").exists()
    assert not list(tmp_path.glob(".*snap-*"))


@needs("gpg")
def test_a_restore_that_is_killed_leaves_nothing_readable_of_what_was_locked(archive, tmp_path):
    locked, opens = by_gpg(tmp_path)
    backup(archive, tmp_path / "a.bundle.gpg", locked)
    (tmp_path / "new").mkdir()
    with backing_up._opened(tmp_path / "a.bundle.gpg", opens, archive.world, beside=tmp_path / "new") as plain:
        there = plain.read_bytes()
        named = list((tmp_path / "new").iterdir())

    assert b"refs/heads/main" in there
    assert not Path("/proc/self/fd").is_dir() or named == []
    assert not plain.exists()


def test_what_killed_backups_left_goes_with_the_next_one(archive, tmp_path):
    folder = tmp_path / "backups"
    folder.mkdir()
    for place in (folder / ".0001-full-012345678901.bundle.x.part", tmp_path / ".a.bundle.x.part"):
        place.write_bytes(b"half")
    scratch = archive.path / ".git/snap/backup-x"
    scratch.mkdir()
    (scratch / "archive.bundle").write_bytes(b"half")

    backup(archive, folder)
    backup(archive, tmp_path / "a.bundle")

    assert [file.name[:5] for file in folder.iterdir()] == ["0001-"]
    assert not list(tmp_path.glob(".*.part"))
    assert not scratch.exists()


def test_a_part_that_somebody_is_writing_is_left_to_him(tmp_path):
    with outfiles.appearing(tmp_path / "a") as first, outfiles.appearing(tmp_path / "a") as second:
        assert first.exists()
        second.write_text("whole")

    assert (tmp_path / "a").read_text() == ""


@needs("age-keygen")
def test_a_key_of_age_that_does_not_open_it_is_said_in_its_words(archive, tmp_path):
    locked, _ = by_age(tmp_path)
    backup(archive, tmp_path / "a.bundle.age", locked)
    (tmp_path / "key").unlink()
    _, other = by_age(tmp_path)

    with pytest.raises(CouldNotTell, match="no identity matched"):
        backing_up.restore(tmp_path / "a.bundle.age", tmp_path / "back", other, archive.world)
    with pytest.raises(UsageError, match="--identity"):
        backing_up.restore(tmp_path / "a.bundle.age", tmp_path / "back", Lock(), archive.world)


def test_a_backup_overwrites_nothing_and_a_lock_is_never_forgotten(archive, tmp_path):
    (tmp_path / "there").write_text("mine")

    with pytest.raises(UsageError, match="is there already"):
        backup(archive, tmp_path / "there")
    with pytest.raises(UsageError, match=r"\.gpg or \.age"):
        backup(archive, tmp_path / "a.bundle", Lock("me@example.org"))
    with pytest.raises(UsageError, match="--recipient"):
        backup(archive, tmp_path / "a.gpg")


def test_tokens_move_to_a_new_machine_sealed(archive, tmp_path):
    Vault(archive.world.state, "example").write(Tokens("access-token-1", 0.0))
    new = a_world(tmp_path / "new", archive.clock)

    assert moving.export_state(tmp_path / "moved", "long passphrase", archive.world) >= 1
    moving.import_state(tmp_path / "moved", "long passphrase", new)

    assert b"access-token-1" not in (tmp_path / "moved").read_bytes()
    assert Vault(new.state, "example").read().access == "access-token-1"
    assert stat.S_IMODE((new.state / "tokens/example.json").stat().st_mode) == 0o600
    assert moving.import_state(tmp_path / "moved", "long passphrase", new)[0] == 0


def test_another_passphrase_opens_nothing(archive, tmp_path):
    moving.export_state(tmp_path / "moved", "long passphrase", archive.world)

    with pytest.raises(UsageError, match="passphrase is not the one"):
        moving.import_state(tmp_path / "moved", "other passphrase", archive.world)
