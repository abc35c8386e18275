"""A backup is one file that becomes the archive again; tokens move sealed."""

import os
import shutil
import stat
from dataclasses import replace

import pytest

from snapshotter.archive import backing_up, verifying
from snapshotter.archive.backing_up import Lock
from snapshotter.core.verifying import FULL
from snapshotter.edge.tokens import Tokens, Vault
from snapshotter.errors import UsageError
from tests.archive.worlds import Api, a_world, an_archive, item


@pytest.fixture
def archive(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")])) as archive:
        home = tmp_path / "gnupg"
        home.mkdir(mode=0o700)
        archive.world = replace(archive.world, env={**os.environ, "GNUPGHOME": str(home)})
        archive.fetch()
        yield archive


def comes_back(archive, file, lock, tmp_path):
    backing_up.restore(file, tmp_path / "back", lock, archive.world)
    back = type(archive)(tmp_path / "back", archive.world, archive.clock, archive.server)
    assert back.git("rev-parse", "HEAD") == archive.git("rev-parse", "HEAD")
    assert verifying.verify(back.path, back.world, scope=FULL, tell=lambda step: None).damage == ()


def test_a_backup_becomes_the_archive_again(archive, tmp_path):
    backing_up.backup(archive.path, tmp_path / "a.bundle", Lock(), archive.world)

    comes_back(archive, tmp_path / "a.bundle", Lock(), tmp_path)


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
def test_a_locked_backup_becomes_the_archive_again_and_shows_nothing(archive, tmp_path):
    secret = tmp_path / "passphrase"
    secret.write_text("a long passphrase\n")
    lock = Lock(passphrase=secret)
    backing_up.backup(archive.path, tmp_path / "a.bundle.gpg", lock, archive.world)

    assert b"refs/heads/main" not in (tmp_path / "a.bundle.gpg").read_bytes()
    comes_back(archive, tmp_path / "a.bundle.gpg", lock, tmp_path)


def test_a_backup_overwrites_nothing_and_a_lock_is_never_forgotten(archive, tmp_path):
    (tmp_path / "there").write_text("mine")

    with pytest.raises(UsageError, match="is there already"):
        backing_up.backup(archive.path, tmp_path / "there", Lock(), archive.world)
    with pytest.raises(UsageError, match=r"\.gpg or \.age"):
        backing_up.backup(archive.path, tmp_path / "a.bundle", Lock("me@example.org"), archive.world)
    with pytest.raises(UsageError, match="--recipient"):
        backing_up.backup(archive.path, tmp_path / "a.gpg", Lock(), archive.world)


def test_tokens_move_to_a_new_machine_sealed(archive, tmp_path):
    Vault(archive.world.state, "example").write(Tokens("access-token-1", 0.0))
    new = a_world(tmp_path / "new", archive.clock)

    assert backing_up.export_state(tmp_path / "moved", "long passphrase", archive.world) >= 1
    backing_up.import_state(tmp_path / "moved", "long passphrase", new)

    assert b"access-token-1" not in (tmp_path / "moved").read_bytes()
    assert Vault(new.state, "example").read().access == "access-token-1"
    assert stat.S_IMODE((new.state / "tokens/example.json").stat().st_mode) == 0o600
    assert backing_up.import_state(tmp_path / "moved", "long passphrase", new)[0] == 0


def test_another_passphrase_opens_nothing(archive, tmp_path):
    backing_up.export_state(tmp_path / "moved", "long passphrase", archive.world)

    with pytest.raises(UsageError, match="passphrase is not the one"):
        backing_up.import_state(tmp_path / "moved", "other passphrase", archive.world)
