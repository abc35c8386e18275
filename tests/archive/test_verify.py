"""A zoo of damage: each kind is found, called by its name, and comes with what to do; a whole archive is whole."""

import os
import subprocess
from contextlib import contextmanager
from itertools import chain

import pytest

from snapshotter.archive import housekeeping, verifying
from snapshotter.core.verifying import FULL, QUICK, share
from snapshotter.edge.state import ArchiveLock
from snapshotter.errors import Busy
from snapshotter.results import Damage, Verified
from tests.archive.worlds import Api, Archive, an_archive, item, series, snapshot, some_items
from tests.server import html_page

DAY = "demo/items/2026/03/2026-03-12.json"
TWO_DAYS = '{ start = "2026-03-12", end = "2026-03-14", step = "1d" }'
STALE = 1_700_000_000


@contextmanager
def fetched(folder):
    """An archive with two days."""
    with an_archive(folder, Api([*some_items(4), item("13T08:00", "z")]), series(window=TWO_DAYS)) as archive:
        archive.fetch()
        yield archive


def verify(archive: Archive, scope=FULL) -> Verified:
    return verifying.verify(archive.path, archive.world, scope=scope, tell=archive._tell)


def found(archive: Archive, scope=FULL) -> list[tuple[str, str]]:
    """Kind and place of each damage."""
    return [(item.kind, item.where) for item in verify(archive, scope).damage]


def only(archive: Archive, scope=FULL) -> Damage:
    (damage,) = verify(archive, scope).damage
    return damage


def commit(archive: Archive, path: str, text: str | None) -> None:
    """Somebody edits a file, or removes it, and commits that."""
    file = archive.path / path
    if text is None:
        file.unlink()
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    archive.git("add", "-A", "--", path)
    archive.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "by hand")


def loosened(archive: Archive) -> None:
    """All objects as files of their own, so that one of them can be broken."""
    packs = archive.path / ".git/objects/pack"
    moved = archive.path.parent / "packs"
    packs.rename(moved)
    packs.mkdir()
    for pack in moved.glob("*.pack"):
        with pack.open("rb") as data:
            subprocess.run(["git", "unpack-objects", "-q"], cwd=archive.path, stdin=data, check=True)


def object_of(archive: Archive, path: str):
    oid = archive.git("rev-parse", f"HEAD:{path}").strip()
    return oid, archive.path / ".git/objects" / oid[:2] / oid[2:]


def flip(file, at: int) -> None:
    data = bytearray(file.read_bytes())
    data[at] ^= 0xFF
    file.chmod(0o600)
    file.write_bytes(data)


def run_record(archive: Archive) -> str:
    listed = archive.git("ls-tree", "-r", "--name-only", "HEAD").splitlines()
    return next(path for path in listed if "/_runs/" in path)


# --- whole archives ---


@pytest.mark.parametrize("scope", [QUICK, FULL, share("1/1")], ids=lambda scope: scope.name)
def test_a_whole_archive_is_called_whole(tmp_path, scope):
    with fetched(tmp_path) as archive:
        result = verify(archive, scope)

    assert result.damage == ()
    assert result.counts["run records"] > 0
    assert result.counts["ledgers"] == 1
    assert result.counts.get("documents", 0) == (0 if scope is QUICK else 2)


def test_an_archive_in_which_nothing_was_fetched_yet_is_whole(tmp_path):
    with an_archive(tmp_path, Api([])) as archive:
        assert verify(archive).damage == ()


def test_what_waits_is_whole_too(tmp_path):
    with an_archive(tmp_path, Api(some_items(2)), snapshot()) as archive:
        archive.fetch()
        archive.later(minutes=5)
        archive.fetch()

        assert verify(archive).counts["waiting run records"] == 1
        assert verify(archive).damage == ()


def test_a_commit_by_hand_that_no_command_has_seen_yet_is_no_damage(tmp_path):
    with fetched(tmp_path) as archive:
        commit(archive, "NOTES.md", "mine")

        assert verify(archive).damage == ()


def test_verify_changes_nothing(tmp_path):
    with fetched(tmp_path) as archive:
        loosened(archive)
        object_of(archive, DAY)[1].unlink()
        lock = archive.path / ".git/index.lock"
        lock.touch()
        before = sorted(str(path) for path in archive.path.rglob("*"))
        verify(archive)

        assert sorted(str(path) for path in archive.path.rglob("*")) == before


def test_while_a_run_is_at_work_verify_says_so(tmp_path):
    with fetched(tmp_path) as archive:
        lock = ArchiveLock(archive.path / ".git/snap/lock", archive.clock, command="snap fetch")
        with lock.held(), pytest.raises(Busy, match="snap fetch"):
            verify(archive)


# --- references ---


def test_a_reference_that_is_gone_comes_with_the_commit_it_named(tmp_path):
    with fetched(tmp_path) as archive:
        head = archive.git("rev-parse", "HEAD").strip()
        (archive.path / ".git/refs/heads/main").unlink()
        damage = only(archive, QUICK)

        assert (damage.kind, damage.where) == ("reference", "refs/heads/main")
        archive.git(*damage.hint.split("`")[1].split()[1:])
        assert archive.git("rev-parse", "HEAD").strip() == head
        assert verify(archive).damage == ()


def test_a_reference_to_a_commit_that_is_not_there_is_dangling(tmp_path):
    with fetched(tmp_path) as archive:
        (archive.path / ".git/refs/heads/main").write_text("1" * 40 + "\n")

        damage = only(archive, QUICK)
        assert damage.kind == "reference"
        assert "111111111111, which cannot be read" in damage.what


def test_a_reference_that_is_no_commit_name_is_told(tmp_path):
    with fetched(tmp_path) as archive:
        (archive.path / ".git/refs/heads/main").write_text("\0\0\0\0")

        assert found(archive, QUICK) == [("reference", "refs/heads/main")]


def test_a_head_on_another_branch_is_told(tmp_path):
    with fetched(tmp_path) as archive:
        (archive.path / ".git/HEAD").write_text("ref: refs/heads/elsewhere\n")

        damage = only(archive, QUICK)
        assert damage.kind == "head"
        assert "elsewhere" in damage.what


def test_history_that_was_cut_is_told_with_the_commit_that_brings_it_back(tmp_path):
    with fetched(tmp_path) as archive:
        archive.git("reset", "-q", "--hard", "HEAD~1")
        damage = only(archive, QUICK)

        assert damage.kind == "history"
        archive.git(*damage.hint.split("`")[3].split()[1:])
        assert verify(archive).damage == ()


# --- what killed programs leave ---


@pytest.mark.parametrize("name", ["index.lock", "refs/heads/main.lock", "objects/pack/tmp_pack_x"])
def test_what_a_killed_program_left_is_told_and_the_next_run_clears_it(tmp_path, name):
    with fetched(tmp_path) as archive:
        left = archive.path / ".git" / name
        left.touch()
        os.utime(left, (STALE, STALE))

        assert found(archive, QUICK) == [("lock", f".git/{name}")]
        archive.fetch()
        assert verify(archive).damage == ()


def test_a_spool_file_that_was_cut_is_told(tmp_path):
    with fetched(tmp_path) as archive:
        folder = archive.path / ".git/snap/spool"
        (folder / "20260314T120000Z-abcdef+demo.items+001.spool").write_bytes(b"no frame at all")

        damage = only(archive, QUICK)
        assert damage.kind == "spool"
        assert "asks again" in damage.hint
        archive.later(days=1)
        archive.fetch()
        assert verify(archive).damage == ()


# --- objects ---


def test_a_flipped_byte_in_an_object_names_the_file_it_is_the_content_of(tmp_path):
    with fetched(tmp_path) as archive:
        loosened(archive)
        oid, file = object_of(archive, DAY)
        flip(file, 12)

        damage = only(archive)
        assert (damage.kind, damage.where) == ("object", f"{oid} ({DAY})")
        assert "corrupt" in damage.what


def test_a_missing_object_is_told_and_the_hint_puts_it_back(tmp_path):
    with fetched(tmp_path) as archive:
        loosened(archive)
        oid, file = object_of(archive, DAY)
        file.unlink()
        damage = only(archive)

        assert (damage.kind, damage.where) == ("object", f"{oid} ({DAY})")
        assert "missing" in damage.what
        archive.git(*damage.hint.split("`")[1].split()[1:])
        assert verify(archive).damage == ()


def test_a_missing_object_is_found_by_every_share(tmp_path):
    with fetched(tmp_path) as archive:
        loosened(archive)
        oid, file = object_of(archive, DAY)
        file.unlink()

        for number in (1, 2, 3):
            assert found(archive, share(f"{number}/3")) == [("object", f"{oid} ({DAY})")]


def test_a_missing_folder_of_the_last_commit_is_found_by_the_quick_look(tmp_path):
    with fetched(tmp_path) as archive:
        loosened(archive)
        oid, file = object_of(archive, "demo/items/2026")
        file.unlink()

        assert "object" in {kind for kind, _ in found(archive, QUICK)}
        assert ("object", oid) in found(archive)


def test_a_flipped_byte_in_a_pack_is_told(tmp_path):
    with fetched(tmp_path) as archive:
        archive.git("-c", "gc.auto=1", "repack", "-adq")
        (pack,) = (archive.path / ".git/objects/pack").glob("*.pack")
        flip(pack, pack.stat().st_size - 8)

        kinds = {kind for kind, _ in found(archive)}
        assert "pack" in kinds
        assert kinds <= {"pack", "object", "reference"}


# --- documents ---


def test_a_document_that_was_edited_by_hand_comes_with_the_command_that_brings_it_back(tmp_path):
    with fetched(tmp_path) as archive:
        commit(archive, DAY, '[{"id": "mine"}]')
        damage = only(archive)

        assert (damage.kind, damage.where) == ("document", DAY)
        assert "not in canonical form" in damage.what
        assert "not what the run" in damage.what
        archive.git(*damage.hint.split("`")[3].split()[1:])
        commit(archive, DAY, (archive.path / DAY).read_text())
        assert verify(archive).damage == ()


def test_a_document_that_was_edited_in_canonical_form_is_found_by_its_hash(tmp_path):
    with fetched(tmp_path) as archive:
        commit(archive, DAY, '[\n{"at":"2026-03-12T08:00:00Z","id":"mine"}\n]\n')

        damage = only(archive)
        assert damage.kind == "document"
        assert "canonical" not in damage.what


def test_shares_together_find_what_the_full_look_finds(tmp_path):
    with fetched(tmp_path) as archive:
        commit(archive, DAY, "[]")

        by_share = [found(archive, share(f"{number}/3")) for number in (1, 2, 3)]
        assert [*chain(*by_share)] == found(archive) == [("document", DAY)]


def test_a_deleted_document_comes_with_the_command_that_brings_it_back(tmp_path):
    with fetched(tmp_path) as archive:
        commit(archive, DAY, None)
        damage = only(archive)

        assert (damage.kind, damage.where) == ("deleted", DAY)
        archive.git(*damage.hint.split("`")[3].split()[1:])
        archive.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "back")
        assert verify(archive).damage == ()


def test_a_document_that_no_run_record_speaks_of_is_an_orphan(tmp_path):
    with fetched(tmp_path) as archive:
        commit(archive, "demo/items/2026/03/2026-03-01.json", "[]\n")

        assert found(archive) == [("orphan", "demo/items/2026/03/2026-03-01.json")]


@pytest.mark.parametrize("name", ["2026/04/2026-03-01.json", "2026/02/2026-02-30.json", "2026-03-12.json"])
def test_a_document_in_the_wrong_folder_is_misplaced(tmp_path, name):
    with fetched(tmp_path) as archive:
        commit(archive, f"demo/items/{name}", "[]\n")

        assert found(archive) == [("misplaced", f"demo/items/{name}")]


def test_a_link_in_the_place_of_a_document_is_told(tmp_path):
    with fetched(tmp_path) as archive:
        (archive.path / DAY).unlink()
        (archive.path / DAY).symlink_to("/etc/passwd")
        archive.git("add", "-A", "--", DAY)
        archive.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "link")

        assert ("link", DAY) in found(archive)


def test_a_file_of_the_user_beside_the_data_is_no_damage(tmp_path):
    with fetched(tmp_path) as archive:
        commit(archive, "demo/items/README.md", "mine")

        assert verify(archive).damage == ()


# --- run records and the ledger ---


def test_a_run_record_that_cannot_be_read_is_found_by_the_quick_look(tmp_path):
    with fetched(tmp_path) as archive:
        path = run_record(archive)
        commit(archive, path, "{}")

        assert found(archive, QUICK) == [("record", path)]


def test_a_run_record_that_was_changed_and_still_reads_is_found_by_the_full_look(tmp_path):
    with fetched(tmp_path) as archive:
        path = run_record(archive)
        text = archive.read(path)
        commit(archive, path, text.replace('"requests": 1', '"requests": 7').replace('"snap": "', '"snap": "x'))
        damage = only(archive)

        assert (damage.kind, damage.where) == ("record", path)
        commit(archive, path, text)
        assert verify(archive).damage == ()


def test_a_run_record_that_was_removed_is_told(tmp_path):
    with fetched(tmp_path) as archive:
        path = run_record(archive)
        commit(archive, path, None)

        assert ("record", path) in found(archive)


def test_a_source_that_was_renamed_with_its_records_is_no_damage(tmp_path):
    with fetched(tmp_path) as archive:
        archive.git("mv", "demo", "other")
        archive.git("-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qm", "rename")

        assert {kind for kind, _ in found(archive)} <= {"ledger"}


@pytest.mark.parametrize("size", [100, 5_000])
def test_a_broken_ledger_is_told_and_is_made_again(tmp_path, size):
    with fetched(tmp_path) as archive:
        file = archive.path / ".git/snap/cache.sqlite"
        file.write_bytes(b"\xff" * size)
        damage = only(archive, QUICK)

        assert (damage.kind, damage.where) == ("ledger", ".git/snap/cache.sqlite")
        assert "nothing is lost" in damage.hint
        archive.states()
        assert verify(archive).damage == ()


def test_a_ledger_that_says_something_else_than_the_run_records_is_told(tmp_path):
    with fetched(tmp_path) as archive:
        import sqlite3

        connection = sqlite3.connect(archive.path / ".git/snap/cache.sqlite")
        connection.execute("DELETE FROM days")
        connection.commit()
        connection.close()

        damage = only(archive, QUICK)
        assert damage.kind == "ledger"
        assert "days" in damage.what


def test_a_ledger_that_still_knows_a_stream_that_went_is_no_damage(tmp_path):
    """A `snap remove` that is killed behind its commit leaves it so."""
    with fetched(tmp_path) as archive:
        known = (archive.path / ".git/snap/cache.sqlite").read_bytes()
        housekeeping.remove(archive.path, "demo", archive.world)
        (archive.path / ".git/snap/cache.sqlite").write_bytes(known)

        assert verify(archive).damage == ()


def test_a_waiting_run_record_that_cannot_be_read_is_told(tmp_path):
    with fetched(tmp_path) as archive:
        folder = archive.path / ".git/snap/pending/demo/items"
        folder.mkdir(parents=True)
        (folder / "20260314T120000Z-abcdef-001.json").write_text("{")

        assert [kind for kind, _ in found(archive, QUICK)] == ["pending"]


def test_kept_bytes_that_changed_on_the_disk_are_told(tmp_path):
    with an_archive(tmp_path, Api([], odd={1: html_page()})) as archive:
        archive.fetch()
        (body,) = (archive.path / ".git/snap/quarantine").glob("*.body")
        flip(body, 3)

        assert [kind for kind, _ in found(archive)] == ["quarantine"]
