"""An archive is made, found and read, and a commit lands whole or not at all."""

import os
import stat
from datetime import UTC, datetime

import pytest

from snapshotter.edge.store import Store, blob_id
from snapshotter.errors import ArchiveMoved, Busy, Damaged, UsageError
from tests.edge.git_archives import (
    DAY,
    NEXT,
    Faulty,
    a_batch,
    a_store,
    an_archive,
    git,
    is_sound,
    opened,
    save,
    status,
)


def test_a_new_archive_is_private_on_main_and_empty(tmp_path):
    store = a_store(tmp_path / "deep/archive")

    assert store.head() is None
    assert list(store.paths()) == []
    assert git(store.root, "symbolic-ref", "HEAD") == "refs/heads/main\n"
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in store.root.rglob("*")} == {0}


def test_making_an_archive_leaves_the_umask_alone(tmp_path):
    before = os.umask(0o022)

    a_store(tmp_path / "archive")

    assert os.umask(before) == 0o022


def test_git_says_nothing_about_the_settings(tmp_path):
    store = an_archive(tmp_path / "archive")

    assert git(store.root, "status", check=False).stderr == ""


def test_what_is_committed_reads_back_and_git_finds_nothing_wrong(tmp_path):
    store = an_archive(tmp_path / "archive")

    save(store, {DAY: b"[\n1\n]\n", NEXT: b"[]\n"})

    assert store.read(DAY) == b"[\n1\n]\n"
    assert git(store.root, "show", f"HEAD:{NEXT}") == "[]\n"
    assert is_sound(store.root)
    assert status(store.root) == ""


def test_the_commit_says_who_when_and_what(tmp_path, a_home_of_its_own):
    a_home_of_its_own.joinpath(".gitconfig").write_text("[user]\nname = Anna <A>\nemail = anna@example.org\n")
    store = a_store(tmp_path / "archive")

    save(store, {DAY: b"[]\n"}, message="Archive 1 day\n\nTrailer: x\n", at=datetime(2024, 2, 5, 1, tzinfo=UTC))

    said = git(store.root, "log", "-1", "--format=%an %ae %aI %cn %cI %B%(trailers:key=Trailer)")
    assert said.startswith("Anna A anna@example.org 2024-02-05T01:00:00+00:00 Anna A 2024-02-05T01:00:00+00:00 Archive")
    assert "Trailer: x" in said


def test_without_settings_of_git_snap_signs(tmp_path):
    store = an_archive(tmp_path / "archive")

    assert git(store.root, "log", "-1", "--format=%an <%ae>") == "snap <snap@localhost>\n"


def test_a_message_with_odd_characters_does_not_break_the_commit(tmp_path):
    store = an_archive(tmp_path / "archive")

    save(store, {NEXT: b"[]\n"}, message="sub\0ject \ud800 ü\n")

    assert git(store.root, "log", "-1", "--format=%s") == "sub\\x00ject \\ud800 ü\n"
    assert is_sound(store.root)


def test_only_changed_folders_are_rewritten(tmp_path):
    other = "usgs/other/2018/02/2018-02-05.json"
    store = an_archive(tmp_path / "archive", {DAY: b"[]\n", other: b"[]\n"})
    before = git(store.root, "rev-parse", "HEAD:usgs/other", "HEAD:usgs/quakes")

    save(store, {DAY: b"[\n1\n]\n"})

    after = git(store.root, "rev-parse", "HEAD:usgs/other", "HEAD:usgs/quakes")
    assert before.split()[0] == after.split()[0]
    assert before.split()[1] != after.split()[1]


def test_removing_the_last_file_removes_its_folders(tmp_path):
    store = an_archive(tmp_path / "archive")

    save(store, {DAY: None})

    assert git(store.root, "ls-tree", "-r", "--name-only", "HEAD") == "snap.toml\n"
    assert sorted(path.name for path in store.root.iterdir()) == [".git", "snap.toml"]


def test_an_archive_can_become_empty(tmp_path):
    store = an_archive(tmp_path / "archive", {DAY: b"[]\n"})

    save(store, {DAY: None, "never/there": None})

    assert list(store.paths()) == []
    assert is_sound(store.root)


def test_a_commit_may_change_nothing(tmp_path):
    store = an_archive(tmp_path / "archive")

    save(store, {DAY: b"[]\n"})

    assert git(store.root, "rev-list", "--count", "HEAD") == "2\n"


def test_reads_at_a_commit_see_that_commit(tmp_path):
    store = an_archive(tmp_path / "archive")
    first = store.head()
    save(store, {DAY: b"[\n1\n]\n"})

    assert store.read(DAY, first) == b"[]\n"
    assert store.blob_id(DAY, first) == blob_id(b"[]\n") == Store.id_of(b"[]\n")
    assert store.blob(store.blob_id(DAY)) == b"[\n1\n]\n"


def test_what_is_not_a_file_reads_as_none(tmp_path):
    store = an_archive(tmp_path / "archive")

    assert [store.read(path) for path in ("usgs", "usgs/none", f"{DAY}/deeper")] == [None, None, None]


def test_paths_below_a_prefix_come_sorted_with_their_ids(tmp_path):
    files = {"a/b.json": b"1\n", "a/b/c.json": b"2\n", "a-b": b"3\n", "z": b"4\n"}
    store = an_archive(tmp_path / "archive", files)

    assert list(store.paths()) == sorted((path, blob_id(data)) for path, data in files.items())
    assert list(store.paths("a/b")) == [("a/b/c.json", blob_id(b"2\n"))]
    assert list(store.paths("a-b")) == [("a-b", blob_id(b"3\n"))]
    assert list(store.paths("none")) == []


def test_a_commit_on_an_old_parent_is_refused(tmp_path):
    store = an_archive(tmp_path / "archive")
    first = store.head()
    save(store, {DAY: b"[\n1\n]\n"})

    with pytest.raises(ArchiveMoved, match="somebody else committed"):
        store.commit(a_batch({DAY: b"[\n2\n]\n"}), first)
    with pytest.raises(ArchiveMoved, match="not at no commit"):
        store.commit(a_batch({DAY: b"[\n2\n]\n"}), None)


def test_a_commit_of_another_process_in_the_middle_is_seen_under_the_lock(tmp_path):
    path = tmp_path / "archive"
    first = an_archive(path).head()

    class Rival(Faulty):
        def before(self, step, at):
            if at == "refs/heads/main.lock" and not self.steps:
                self.steps.append(step)
                path.joinpath(".git/refs/heads/main").write_text(rival + "\n")

    rival = git(path, "commit-tree", "HEAD^{tree}", "-p", first, "-m", "rival").strip()

    with pytest.raises(ArchiveMoved):
        opened(path, Rival()).commit(a_batch({DAY: b"[\n2\n]\n"}), first)

    assert opened(path).head() == rival
    assert not path.joinpath(".git/refs/heads/main.lock").exists()


def test_a_git_that_holds_the_branch_makes_us_busy(tmp_path):
    store = an_archive(tmp_path / "archive")
    store.root.joinpath(".git/refs/heads/main.lock").write_bytes(b"")

    with pytest.raises(Busy, match=r"main\.lock"):
        store.commit(a_batch({DAY: b"[\n2\n]\n"}), store.head())


def test_the_branch_may_be_packed(tmp_path):
    store = an_archive(tmp_path / "archive")
    git(store.root, "pack-refs", "--all", "--prune")

    save(store, {DAY: b"[\n1\n]\n"})

    assert git(store.root, "rev-list", "--count", "HEAD") == "2\n"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["checkout", "-q", "--detach"], "is checked out, and an archive is written on main only"),
        (["checkout", "-q", "-b", "mine"], "mine is checked out, .* switch main"),
    ],
)
def test_another_branch_is_named_with_the_way_back(tmp_path, command, words):
    store = an_archive(tmp_path / "archive")
    git(store.root, *command)

    with pytest.raises(Damaged, match=words):
        store.commit(a_batch({DAY: b"[\n2\n]\n"}), store.head())


def test_a_merge_under_way_is_not_disturbed(tmp_path):
    store = an_archive(tmp_path / "archive")
    store.root.joinpath(".git/MERGE_HEAD").write_text(f"{store.head()}\n")

    with pytest.raises(Damaged, match="a merge is under way"):
        store.commit(a_batch({DAY: b"[\n2\n]\n"}), store.head())


def test_a_broken_reference_is_damage_and_not_a_new_archive(tmp_path):
    store = an_archive(tmp_path / "archive")
    store.root.joinpath(".git/refs/heads/main").write_bytes(b"")

    with pytest.raises(Damaged, match=r"the last line of .*logs/refs/heads/main names it"):
        opened(store.root).head()


@pytest.mark.parametrize("path", ["../up", "/abs", "a//b", "a/../b", ".git/config", "a/.GIT/b", "a/git~1", ""])
def test_names_that_lead_out_are_refused(tmp_path, path):
    store = an_archive(tmp_path / "archive")

    with pytest.raises(ValueError, match=r"not a plain relative path|git does not allow"):
        store.commit(a_batch({path: b"x"}), store.head())


def test_one_path_stands_once_in_a_batch(tmp_path):
    store = an_archive(tmp_path / "archive")
    batch = a_batch({DAY: b"1\n"})

    with pytest.raises(ValueError, match="twice"):
        store.commit(type(batch)(batch.files * 2, batch.message, batch.at), store.head())


@pytest.mark.parametrize(
    ("there", "wanted"),
    [({"a": b"1\n"}, {"a/b": b"2\n"}), ({"a/b": b"1\n"}, {"a": b"2\n"})],
)
def test_a_file_and_a_folder_do_not_replace_each_other(tmp_path, there, wanted):
    store = an_archive(tmp_path / "archive", there)

    with pytest.raises(Damaged, match="a: a file and a folder cannot both stand here"):
        store.commit(a_batch(wanted), store.head())


@pytest.mark.parametrize(
    ("there", "wanted"),
    [({"a": b"1\n"}, {"a": None, "a/b": b"2\n"}), ({"a/b": b"1\n"}, {"a/b": None, "a": b"2\n"})],
)
def test_a_batch_that_removes_one_may_put_the_other(tmp_path, there, wanted):
    store = an_archive(tmp_path / "archive", there)

    save(store, wanted)

    assert dict(store.paths()) == {path: blob_id(data) for path, data in wanted.items() if data}
    assert status(store.root) == ""
    assert is_sound(store.root)


def test_a_link_in_the_tree_is_damage(tmp_path):
    store = an_archive(tmp_path / "archive")
    store.root.joinpath("usgs/link").symlink_to("quakes")
    git(store.root, "add", "usgs/link")
    git(store.root, "commit", "-q", "-m", "link")
    store.root.joinpath("usgs/link").unlink()

    with pytest.raises(Damaged, match="usgs/link: is a symbolic link"):
        store.commit(a_batch({"usgs/link/2018.json": b"x"}), store.head())


def test_a_submodule_in_the_tree_is_damage(tmp_path):
    store = an_archive(tmp_path / "archive")
    git(store.root, "update-index", "--add", "--cacheinfo", f"160000,{store.head()},usgs/sub")
    git(store.root, "commit", "-q", "-m", "sub")

    with pytest.raises(Damaged, match="usgs/sub: is a submodule"):
        store.commit(a_batch({"usgs/sub/2018.json": b"x"}), store.head())


def test_a_link_in_the_working_tree_stops_the_commit_and_its_target_stays(tmp_path):
    store = an_archive(tmp_path / "archive")
    outside = tmp_path / "outside"
    outside.mkdir()
    store.root.joinpath("strava").symlink_to(outside)
    store.root.joinpath("alone.json").symlink_to(outside / "alone.json")

    for path in ("strava/2018.json", "alone.json"):
        with pytest.raises(Damaged, match="is a symbolic link"):
            store.commit(a_batch({path: b"x"}), store.head())

    assert list(outside.iterdir()) == []


@pytest.mark.parametrize("where", [".gitattributes", "usgs/.gitattributes", ".git/info/attributes"])
def test_a_filter_is_never_bypassed(tmp_path, where):
    store = an_archive(tmp_path / "archive")
    store.root.joinpath(where).write_text("*.json filter=git-crypt\n")

    with pytest.raises(Damaged, match=r"2018-02-05\.json: git's attributes name the filter 'git-crypt'"):
        store.commit(a_batch({DAY: b"secret\n"}), store.head())


@pytest.mark.parametrize("where", ["own-attributes", ".config/git/attributes"])
def test_a_filter_in_the_users_own_attributes_counts_too(tmp_path, a_home_of_its_own, where):
    store = an_archive(tmp_path / "archive")
    (a_home_of_its_own / where).parent.mkdir(parents=True, exist_ok=True)
    (a_home_of_its_own / where).write_text("*.json filter=git-crypt\n")
    if where == "own-attributes":
        (a_home_of_its_own / ".gitconfig").write_text("[core]\n\tattributesFile = ~/own-attributes\n")

    with pytest.raises(Damaged, match="name the filter"):
        opened(store.root).commit(a_batch({DAY: b"secret\n"}), store.head())


def test_attributes_that_only_speak_of_filters_or_of_other_files_do_no_harm(tmp_path):
    store = an_archive(tmp_path / "archive")
    save(store, {".gitattributes": b"# no filter here\n*.bin filter=lfs\n*.json -filter\n"})

    save(store, {DAY: b"[\n1\n]\n"})

    assert status(store.root) == ""


def test_a_lost_object_is_damage_with_a_hint(tmp_path):
    store = an_archive(tmp_path / "archive")

    with pytest.raises(Damaged, match=r"blob 1{40} cannot be read .*snap verify"):
        store.blob("1" * 40)
    with pytest.raises(Damaged, match="is no blob"):
        store.blob(store.head())


def test_a_repack_by_another_program_does_not_disturb_a_reader(tmp_path):
    store = an_archive(tmp_path / "archive")
    for number in range(3):
        save(store, {NEXT: b"%d\n" % number})
    reader = opened(store.root)
    reader.read(DAY)

    git(store.root, "repack", "-a", "-d", "-f", "-q")

    assert (reader.read(DAY), reader.read(NEXT)) == (b"[]\n", b"2\n")


def test_the_archive_is_found_from_inside(tmp_path):
    store = an_archive(tmp_path / "archive")

    found = Store.find(store.root / "usgs/quakes/2018", env=dict(os.environ))

    assert found.root == store.root


def test_outside_of_an_archive_the_way_to_one_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"lies in no archive; .*snap init"):
        Store.find(tmp_path, env={})


def test_objects_are_counted(tmp_path):
    store = an_archive(tmp_path / "archive")
    git(store.root, "commit", "-q", "--allow-empty", "-m", "by hand")

    counts = store.object_counts()

    assert (counts.loose, counts.packs) == (1, 1)
