"""Trees, commits and packs are byte for byte what git makes of the same content, and git accepts them."""

import os
import subprocess
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.edge.files import Folder
from snapshotter.edge.store import packs
from snapshotter.edge.store.objects import made, make_commit, make_tree, parse_tree, rewrite
from snapshotter.errors import Damaged, DiskRefused
from tests.edge.git_archives import Calm, Faulty, Killed, git

NAMES = st.sampled_from([b"a", b"b", b"a-", b"a0", b"a.json", b"A", "ü".encode()])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join).map(bytes.decode)


def fits(files):
    """Whether no path is a folder of another."""
    return not any(other.startswith(f"{path}/") for path in files for other in files)


class Trees:
    """An object store in memory, with what a tree means as a plain mapping."""

    def __init__(self):
        self.objects = {}

    def read(self, raw):
        return parse_tree(self.objects[raw])

    def edit(self, root, changes):
        done = rewrite(root, changes, self.read)
        self.objects.update({tree.id: tree.data for tree in done.trees})
        return done

    def files(self, raw, where=""):
        found = {}
        for name, (mode, oid) in self.read(raw).items():
            path = where + name.decode()
            found.update(self.files(oid, f"{path}/") if mode == b"40000" else {path: oid})
        return found


def blob(number):
    return made(b"blob", b"%d\n" % number).id


@given(
    st.dictionaries(PATHS, st.integers(0, 9).map(blob), max_size=6).filter(fits),
    st.dictionaries(PATHS, st.none() | st.integers(0, 9).map(blob), max_size=6),
)
def test_an_edited_tree_is_the_tree_of_the_edited_files(old, changes):
    trees = Trees()
    first = trees.edit(None, old).root
    wanted = {path: oid for path, oid in {**old, **changes}.items() if oid is not None}

    if not fits(wanted):
        with pytest.raises(Damaged):
            trees.edit(first, changes)
        return
    done = trees.edit(first, changes)

    assert trees.files(done.root) == wanted
    assert done.root == Trees().edit(None, wanted).root  # however a state was reached, its tree is the same
    assert done.before == {path: old.get(path) for path in changes}


def test_folders_off_the_way_are_not_read():
    trees = Trees()
    first = trees.edit(None, {f"s{number}/x": blob(number) for number in range(9)}).root
    read = []

    rewrite(first, {"s3/x": blob(7)}, lambda raw: read.append(raw) or trees.read(raw))

    assert len(read) == 2


def test_an_executable_keeps_its_mode():
    trees = Trees()
    tree = make_tree({b"run": (b"100755", blob(1))})
    trees.objects[tree.id] = tree.data

    done = trees.edit(tree.id, {"run": blob(2)})

    assert trees.read(done.root) == {b"run": (b"100755", blob(2))}


@given(st.binary(max_size=200))
@settings(max_examples=5)
def test_a_blob_has_the_id_that_git_gives_it(data):
    said = subprocess.run(["git", "hash-object", "--stdin"], input=data, capture_output=True, check=True, cwd="/")

    assert made(b"blob", data).id.hex() == said.stdout.decode().strip()


def test_a_time_before_1970_becomes_the_first_that_git_can_say():
    commit = make_commit(b"\0" * 20, None, author="a <b>", at=datetime(1960, 1, 1, tzinfo=UTC), message="x")

    assert b"author a <b> 0 +0000\n" in commit.data


# --- packs ---


@pytest.fixture
def folder(tmp_path):
    git(tmp_path, "init", "-q", ".")
    return Folder(tmp_path / ".git", disk=Calm())


def some(numbers, size=1):
    return [made(b"blob", b"%d\n" % number * size) for number in numbers]


def in_pack(folder):
    listing = git(folder.root.parent, "cat-file", "--batch-all-objects", "--batch-check").splitlines()
    return {line.split()[0] for line in listing}


def pack_names(folder):
    return {name for name in folder.entries("objects/pack") if name.endswith(".pack")}


@pytest.mark.parametrize("size", [1, 7, 8, 1000, 20_000])
def test_git_verifies_a_pack_and_reads_it(folder, size):
    items = some(range(300), size)

    packs.write_pack(folder, [*items, items[0]])

    (name,) = pack_names(folder)
    git(folder.root.parent, "verify-pack", str(folder.root / "objects/pack" / name))
    assert in_pack(folder) == {item.id.hex() for item in items}
    assert git(folder.root.parent, "cat-file", "blob", items[7].id.hex()) == items[7].data.decode()


def test_the_index_is_the_one_that_git_makes(folder, tmp_path):
    packs.write_pack(folder, some(range(50)))
    (name,) = pack_names(folder)
    pack = folder.root / "objects/pack" / name

    git(tmp_path, "index-pack", "-o", str(tmp_path / "git.idx"), str(pack))

    assert (tmp_path / "git.idx").read_bytes() == pack.with_suffix(".idx").read_bytes()


def test_far_offsets_stand_in_their_own_table_as_git_writes_them(folder, tmp_path):
    packs.write_pack(folder, some(range(50)))
    (name,) = pack_names(folder)
    pack = folder.root / "objects/pack" / name
    git(tmp_path, "index-pack", "--index-version=2,0x40", "-o", str(tmp_path / "git.idx"), str(pack))
    content = pack.read_bytes()
    entries = packs._whole_entries(folder, name.removesuffix(".pack"))
    rows = [packs._Row(raw, packs.zlib.crc32(entry), content.index(entry)) for raw, entry in entries.items()]

    assert packs.make_index(rows, content[-20:], far=0x40) == (tmp_path / "git.idx").read_bytes()


def test_few_packs_are_left_alone(folder):
    for number in range(packs.ROLL_AT - 1):
        packs.write_pack(folder, some([number]))

    assert packs.roll_up(folder) == 0


def test_many_small_packs_become_one_with_every_object(folder):
    for number in range(packs.ROLL_AT):
        packs.write_pack(folder, some([number, number + 1]))
    before = in_pack(folder)

    assert packs.roll_up(folder) == packs.ROLL_AT

    (name,) = pack_names(folder)
    git(folder.root.parent, "verify-pack", str(folder.root / "objects/pack" / name))
    assert in_pack(folder) == before


def test_a_kill_while_packs_are_joined_loses_no_object(tmp_path):
    for at in range(1, 2 * packs.ROLL_AT + 10):
        git(tmp_path, "init", "-q", str(at))
        root = tmp_path / str(at) / ".git"
        for number in range(packs.ROLL_AT):
            packs.write_pack(Folder(root, disk=Calm()), some([number]))

        with suppress(Killed):
            packs.roll_up(Folder(root, disk=Faulty(at, for_ever=True)))

        assert len(in_pack(Folder(root))) == packs.ROLL_AT


def test_what_a_killed_join_left_is_joined_again_without_a_loss(tmp_path):
    for at in range(1, 2 * packs.ROLL_AT + 10):
        git(tmp_path, "init", "-q", str(at))
        root = tmp_path / str(at) / ".git"
        for number in range(packs.ROLL_AT):
            packs.write_pack(Folder(root, disk=Calm()), some([number]))
        with suppress(Killed):
            packs.roll_up(Folder(root, disk=Faulty(at, for_ever=True)))

        packs.roll_up(Folder(root, disk=Calm()))

        assert len(in_pack(Folder(root))) == packs.ROLL_AT, f"killed at act {at}"


def test_a_pack_whose_index_is_cut_stays_out_of_a_join_and_stays(folder):
    for number in range(packs.ROLL_AT + 1):
        packs.write_pack(folder, some([number]))
    damaged = min(pack_names(folder))
    index = folder.root / "objects/pack" / damaged.replace(".pack", ".idx")
    index.chmod(0o600)
    os.truncate(index, 1090)

    assert packs.roll_up(folder) == packs.ROLL_AT

    assert damaged in pack_names(folder)
    assert len(pack_names(folder)) == 2


class Forgetful(Folder):
    """What it writes while it forgets is gone when somebody looks."""

    forgets = False

    def write(self, path, data, **how):
        return super().write(path, data[: len(data) // 2] if self.forgets else data, **how)


def test_packs_are_kept_where_what_they_were_joined_to_cannot_be_read_back(folder):
    forgetful = Forgetful(folder.root, disk=Calm())
    for number in range(packs.ROLL_AT):
        packs.write_pack(folder, some([number]))
    before = pack_names(folder)
    forgetful.forgets = True

    with pytest.raises(DiskRefused, match="cannot be read back; all are kept"):
        packs.roll_up(forgetful)

    assert before <= pack_names(folder)


def test_large_packs_join_only_when_the_small_ones_weigh_as_much(folder):
    packs.write_pack(folder, [made(b"blob", os.urandom(packs.SMALL + 1))])
    large = pack_names(folder)
    for number in range(packs.ROLL_AT):
        packs.write_pack(folder, some([number]))

    packs.roll_up(folder)

    assert large < pack_names(folder)
    assert len(pack_names(folder)) == 2


@pytest.mark.parametrize("ending", ["keep", "bitmap", "promisor"])
def test_a_pack_that_git_treats_in_its_own_way_is_left_alone(folder, ending):
    for number in range(packs.ROLL_AT + 1):
        packs.write_pack(folder, some([number]))
    kept = min(pack_names(folder))
    (folder.root / "objects/pack" / kept).with_suffix(f".{ending}").write_bytes(b"")

    packs.roll_up(folder)

    assert kept in pack_names(folder)


def test_packs_of_a_multi_pack_index_are_left_to_git(folder):
    for number in range(packs.ROLL_AT):
        packs.write_pack(folder, some([number]))
    git(folder.root.parent, "multi-pack-index", "write")

    assert packs.roll_up(folder) == 0


def test_deltas_and_damage_are_left_to_git(folder):
    text = b"".join(b"line %d\n" % number for number in range(500))
    for end in (b"one\n", b"two\n"):
        subprocess.run(
            ["git", "hash-object", "-w", "--stdin"],
            input=text + end,
            cwd=folder.root.parent,
            check=True,
            capture_output=True,
        )
    git(folder.root.parent, "repack", "-a", "-d", "-q", "--keep-unreachable")
    with_deltas = pack_names(folder)
    for number in range(packs.ROLL_AT + 1):
        packs.write_pack(folder, some([number]))
    broken = folder.root / "objects/pack" / min(pack_names(folder) - with_deltas)
    broken.chmod(0o600)
    broken.write_bytes(broken.read_bytes()[:-25] + b"\0" * 25)

    assert packs.roll_up(folder) == packs.ROLL_AT
    assert pack_names(folder) >= with_deltas | {broken.name}


def test_a_run_of_many_commits_keeps_its_packs_few(tmp_path):
    from tests.edge.git_archives import a_batch, an_archive, is_sound

    store = an_archive(tmp_path / "archive")
    for number in range(3 * packs.ROLL_AT):
        store.commit(a_batch({"a/x": b"%d\n" % number}), store.head())
        assert store.object_counts().packs <= 2 * packs.ROLL_AT
    store.finish()

    assert store.object_counts().packs < packs.ROLL_AT
    assert store.read("a/x") == b"%d\n" % number
    assert is_sound(store.root)
