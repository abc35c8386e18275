"""The zoo of damaged archives: each damage is named by `verify`, and no other command makes it worse or falls over it.

What each kind looks like in detail stands in `tests/archive/test_verify.py`; here every cage is opened to everybody.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from snapshotter.archive import fetching, looking, verifying
from snapshotter.core.verifying import FULL
from snapshotter.errors import SnapError, UsageError
from snapshotter.results import FetchOptions
from tests.archive.test_verify import DAY, commit, fetched, flip, loosened, object_of, run_record
from tests.torture.points import counted


@pytest.fixture(autouse=True)
def in_the_table():
    """One point of `make torture`."""
    with counted("damaged archives") as tried:
        yield
        tried.points = 1


WHO = ("-c", "user.name=A", "-c", "user.email=a@b", "-c", "protocol.file.allow=always")
STALE = 1_700_000_000


def a_flipped_byte_in_a_pack(archive):
    archive.git("-c", "gc.auto=1", "repack", "-adq")
    (pack,) = (archive.path / ".git/objects/pack").glob("*.pack")
    flip(pack, pack.stat().st_size - 8)


def a_cut_pack(archive):
    archive.git("-c", "gc.auto=1", "repack", "-adq")
    (pack,) = (archive.path / ".git/objects/pack").glob("*.pack")
    pack.chmod(0o600)
    os.truncate(pack, pack.stat().st_size // 2)


def a_missing_object(archive):
    loosened(archive)
    object_of(archive, DAY)[1].unlink()


def a_flipped_byte_in_an_object(archive):
    loosened(archive)
    flip(object_of(archive, DAY)[1], 12)


def a_reference_to_nowhere(archive):
    (archive.path / ".git/refs/heads/main").write_text("1" * 40 + "\n")


def a_document_that_is_not_canonical(archive):
    commit(archive, DAY, '[{"id": "mine"}]')


def a_document_without_a_proof(archive):
    commit(archive, "demo/items/2026/03/2026-03-01.json", "[]\n")


def a_deleted_document(archive):
    commit(archive, DAY, None)


def a_run_record_that_is_cut(archive):
    path = run_record(archive)
    commit(archive, path, archive.read(path)[:-20])


def a_run_record_that_is_gone(archive):
    commit(archive, run_record(archive), None)


def a_link_in_a_data_path(archive):
    (archive.path / DAY).unlink()
    (archive.path / DAY).symlink_to("/etc/passwd")
    archive.git("add", "-A", "--", DAY)
    archive.git(*WHO, "commit", "-qm", "link")


def a_submodule_in_a_data_path(archive):
    other = archive.path.parent / "other"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    subprocess.run(["git", *WHO, "commit", "-q", "--allow-empty", "-m", "x"], cwd=other, check=True)
    archive.git(*WHO, "submodule", "add", "-q", str(other), "demo/items/2025")
    archive.git(*WHO, "commit", "-qm", "submodule")


def a_filter_on_a_data_path(archive):
    commit(archive, ".gitattributes", "*.json filter=crypt\n")


def garbage_in_the_ledger(archive):
    (archive.path / ".git/snap/cache.sqlite").write_bytes(b"\xff" * 5000)


def a_cut_spool_frame(archive):
    folder = archive.path / ".git/snap/spool"
    (folder / "20260314T120000Z-abcdef+demo.items+001.spool").write_bytes(b"no frame at all")


def a_cut_pending_record(archive):
    folder = archive.path / ".git/snap/pending/demo/items"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "20260314T120000Z-abcdef-001.json").write_text('{"format": 1, "ru')


def a_lock_that_was_left(archive):
    lock = archive.path / ".git/index.lock"
    lock.touch()
    os.utime(lock, (STALE, STALE))


def a_corrupt_index(archive):
    flip(archive.path / ".git/index", 20)


def a_detached_head(archive):
    archive.git("checkout", "-q", "--detach")


def alternates_that_are_gone(archive):
    """The objects of the archive lie in a folder that went away."""
    lent = archive.path.parent / "lent"
    shutil.copytree(archive.path / ".git/objects", lent)
    for pack in (archive.path / ".git/objects/pack").iterdir():
        pack.unlink()
    (archive.path / ".git/objects/info").mkdir(exist_ok=True)
    (archive.path / ".git/objects/info/alternates").write_text(f"{lent}\n")
    lent.rename(archive.path.parent / "away")


ZOO = {
    a_flipped_byte_in_a_pack: {"pack", "object"},
    a_cut_pack: {"pack", "object", "reference"},
    a_missing_object: {"object"},
    a_flipped_byte_in_an_object: {"object"},
    a_reference_to_nowhere: {"reference"},
    a_document_that_is_not_canonical: {"document"},
    a_document_without_a_proof: {"orphan"},
    a_deleted_document: {"deleted"},
    a_run_record_that_is_cut: {"record"},
    a_run_record_that_is_gone: {"record"},
    a_link_in_a_data_path: {"link"},
    a_submodule_in_a_data_path: {"link"},
    a_filter_on_a_data_path: {"filter"},
    garbage_in_the_ledger: {"ledger"},
    a_cut_spool_frame: {"spool"},
    a_cut_pending_record: {"pending"},
    a_lock_that_was_left: {"lock"},
    a_corrupt_index: {"index"},
    a_detached_head: {"head"},
    alternates_that_are_gone: {"reference"},
}
CAGES = [pytest.param(damage, kinds, id=damage.__name__) for damage, kinds in ZOO.items()]


def objects(archive) -> set[Path]:
    """Every file that holds objects or kept answers."""
    git = archive.path / ".git"
    kept = [*(git / "objects").rglob("*"), *(git / "snap/quarantine").rglob("*")]
    return {path for path in kept if path.is_file() and not path.name.startswith("tmp_")}


def documents(archive) -> dict[str, bytes]:
    """The documents that lie in the working tree."""
    return {str(path): path.read_bytes() for path in (archive.path / "demo").rglob("2026-*.json") if path.is_file()}


def everything_else(archive):
    """What other commands say to it: a word, or an error for people."""
    world, path = archive.world, archive.path
    said = []
    for command in (
        lambda: looking.status(path, (), world),
        lambda: looking.log(path, "demo/items", None, world),
        lambda: looking.show(path, "demo/items", "2026-03-13", world),
        lambda: fetching.fetch(path, FetchOptions(), world, tell=archive._tell),
        lambda: looking.status(path, (), world),
    ):
        try:
            command()
        except SnapError as error:
            said.append(str(error))
    return said


@pytest.mark.parametrize(("damage", "kinds"), CAGES)
def test_each_damage_is_named_with_a_hint(tmp_path, damage, kinds):
    with fetched(tmp_path) as archive:
        damage(archive)
        found = verifying.verify(archive.path, archive.world, scope=FULL, tell=archive._tell).damage

        assert {item.kind for item in found} & kinds, found
        assert all(item.what and item.hint for item in found)


@pytest.mark.parametrize(("damage", "kinds"), CAGES)
def test_no_other_command_loses_data_over_it_or_falls(tmp_path, damage, kinds):
    with fetched(tmp_path) as archive:
        archive.later(days=1)
        damage(archive)
        kept, there = objects(archive), documents(archive)
        said = everything_else(archive)

        assert objects(archive) >= kept
        assert {name: data for name, data in documents(archive).items() if name in there} == there
        assert all(text.strip() for text in said)


def test_a_shallow_clone_is_refused_by_every_command_with_the_fix(tmp_path):
    with fetched(tmp_path) as archive:
        shallow = tmp_path / "shallow"
        archive.git("clone", "-q", "--depth=1", f"file://{archive.path}", str(shallow))

        with pytest.raises(UsageError, match="--unshallow"):
            verifying.verify(shallow, archive.world, scope=FULL, tell=archive._tell)
        with pytest.raises(UsageError, match="--unshallow"):
            fetching.fetch(shallow, FetchOptions(), archive.world, tell=archive._tell)


def test_kept_answers_that_were_altered_are_named_and_stay(tmp_path):
    from tests.archive.worlds import Api, an_archive
    from tests.server import html_page

    with an_archive(tmp_path, Api([], odd={1: html_page()})) as archive:
        archive.fetch()
        (body,) = (archive.path / ".git/snap/quarantine").glob("*.body")
        flip(body, 3)
        found = verifying.verify(archive.path, archive.world, scope=FULL, tell=archive._tell).damage
        everything_else(archive)

        assert [item.kind for item in found] == ["quarantine"]
        assert body.exists()


@pytest.mark.parametrize(("change", "how"), [("edit", "edited"), ("remove", "gone"), ("add", "new")])
def test_data_that_is_not_committed_is_told_and_no_damage(tmp_path, change, how):
    with fetched(tmp_path) as archive:
        file = archive.path / ("demo/items/2026/03/2026-03-01.json" if change == "add" else DAY)
        file.unlink() if change == "remove" else file.write_text("[]\n")
        found = verifying.verify(archive.path, archive.world, scope=FULL, tell=archive._tell)

        assert found.damage == ()
        assert found.uncommitted == ((str(file.relative_to(archive.path)), how),)
