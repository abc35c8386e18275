"""Versions from the commits that the cache names are just those of git, whatever became of history."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pygit2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.archive import comparing, explaining, looking, opening
from snapshotter.archive.opening import Opened, documents_in, follow
from snapshotter.archive.versioning import versions
from snapshotter.core import ledger
from snapshotter.edge.cache import Cache
from snapshotter.edge.store import Git
from snapshotter.edge.store.objects import made, make_commit, rewrite
from snapshotter.errors import DiskRefused, UsageError
from snapshotter.model import Touched
from tests.archive.worlds import Api, an_archive, series
from tests.edge.git_archives import a_batch, a_store, git

STREAM = "usgs/quakes"
DAYS = [f"{STREAM}/2018/02/2018-02-0{number}.json" for number in (5, 6)]
PATHS = [*DAYS, f"{STREAM}/undated.json", f"{STREAM}/_held/2018/02/2018-02-05.json"]
NOON = datetime(2024, 2, 5, 12, tzinfo=UTC)

CONTENTS = st.none() | st.sampled_from([b"[1]\n", b"[2]\n", b"[3]\n"])
FILES = st.dictionaries(st.sampled_from([*PATHS, "notes.txt", f"{STREAM}/_runs/a.json"]), CONTENTS, max_size=3)
HOURS = st.integers(-50, 50)  # clocks jump
ACTS = st.one_of(
    st.tuples(st.just("run"), FILES, HOURS),
    st.tuples(st.just("run"), FILES, HOURS),
    st.tuples(st.just("user"), FILES, HOURS),
    st.tuples(st.just("merge"), FILES, HOURS),
    st.tuples(st.just("rename"), st.just({}), HOURS),
    st.tuples(st.just("back"), st.just({}), HOURS),
    st.tuples(st.just("look"), st.just({}), HOURS),
)


class History:
    """An archive, how its history goes on, and what is said of its documents."""

    def __init__(self, folder):
        self.store = a_store(folder / "archive")
        self.store.commit(a_batch({"snap.toml": b"format = 1\n"}), None)
        self.cache = Cache(folder / "cache.sqlite", ledger.fold_all)
        self.cache.apply(self.head, [])
        follow(self.cache, self.store, self.head)
        self.opened = Opened(self.store.root, self.store, None, None, _cache=self.cache)
        self.branch = pygit2.Repository(str(self.store.root)).references

    @property
    def head(self):
        return self.store.head()

    def act(self, what, files, hours):
        getattr(self, what)(files, NOON + timedelta(hours=hours))

    def look(self, _files, _at):
        follow(self.cache, self.store, self.head)

    def run(self, files, at):
        """As a run of ours: it tells the cache what it wrote, which takes it where it knew the commit before."""
        before = self.head
        self.move(self.made(before, files, at, "Archive 1 day"))
        differing = (path for path in files if self.store.blob_id(path, before) != self.store.blob_id(path))
        self.cache.commits.follow(self.head, [Touched(self.head, (before,), documents_in(differing))], after=before)

    def user(self, files, at):
        """As somebody with git: the cache hears nothing of it."""
        self.move(self.made(self.head, files, at, "An edit\n\nof mine"))

    def merge(self, files, at):
        """The work of another machine, that began before our last commits."""
        side = self.made(self.before(2), files, at - timedelta(hours=3), "There")
        both = {path: self.store.read(path, side) for path in files}
        self.move(self.made(self.head, both, at, "Merge", also=side))

    def rename(self, _files, at):
        """Each document lies elsewhere."""
        there = {path.replace("-05.", "-06."): self.store.read(path) for path in PATHS}
        self.move(self.made(self.head, dict.fromkeys(PATHS) | there, at, "Rename"))

    def back(self, _files, _at):
        """The branch is set back, by force."""
        self.move(self.before(1))

    def before(self, count):
        lines = git(self.store.root, "rev-list", f"--max-count={count + 1}", self.head).split()
        return lines[-1]

    def made(self, parent, files, at, words, also=None):
        repository = self.store._repository
        blobs = {path: made(b"blob", data) for path, data in files.items() if data is not None}
        ids = {path: blobs[path].id if path in blobs else None for path in files}
        edited = rewrite(repository.root(parent), ids, repository.tree)
        commit = make_commit(edited.root, parent, author="A <a@b>", at=at, message=f"{words}\n", also=also)
        self.store._write((*blobs.values(), *edited.trees, commit))
        return commit.id.hex()

    def move(self, commit):
        self.branch.create("refs/heads/main", commit, force=True)


@given(st.lists(ACTS, max_size=9))
@settings(max_examples=60, deadline=None)
def test_the_cache_and_git_name_the_same_versions(acts):
    with TemporaryDirectory() as name:
        history = History(Path(name))
        for act in acts:
            history.act(*act)
        with history.cache:
            for path in PATHS:
                assert list(versions(history.opened, path)) == list(history.store.versions(path))
                assert list(versions(history.opened, path, limit=1)) == list(history.store.versions(path, limit=1))


@pytest.fixture
def asked(monkeypatch):
    """What git was told of, in whole walks over history."""
    told = []
    records = Git.records

    def noted(self, *words):
        told.extend(word for word in words if word in ("--full-history", "--name-only"))
        return records(self, *words)

    monkeypatch.setattr(Git, "records", noted)
    return told


@pytest.fixture
def archive(tmp_path):
    records = [{"id": f"r{day}", "at": f"2026-03-{day:02}T08:00:00Z"} for day in range(1, 12)]
    window = '{ start = "2026-03-01", end = "2026-03-11", step = "1d" }'
    with an_archive(tmp_path, Api(records), series(window=window)) as archive:
        archive.fetch()
        yield archive


def looks(archive):
    """All that asks for versions of one document."""
    path, world, day = archive.path, archive.world, "2026-03-03"
    return (
        looking.log(path, "demo/items", day, world),
        comparing.show_at(path, "demo/items", day, world, at="HEAD"),
        comparing.versions_of(path, "demo/items", day, world, most=5),
        explaining.why(path, "demo/items", day, world),
    )


def test_after_a_run_git_looks_at_no_commit_but_those_of_the_document(archive, asked):
    with_cache = looks(archive)

    assert asked == []
    (archive.path / ".git/snap/cache.sqlite").unlink()
    assert looks(archive)[:3] == with_cache[:3]
    assert set(asked) == {"--full-history", "--name-only"}  # `why` made the cache again


def test_commits_by_hand_are_named_when_somebody_looks(archive, asked):
    document = archive.path / "demo/items/2026/03/2026-03-03.json"
    document.write_text("[]\n")
    git(archive.path, "commit", "-qam", "Mine")

    (newest, *_), *_ = looks(archive)

    assert newest.subject == "Mine"
    assert asked == ["--name-only"]


def test_who_has_looked_lets_go_of_the_cache(archive, monkeypatch):
    opened = []

    class Kept(Cache):
        def __init__(self, *args, **options):
            super().__init__(*args, **options)
            opened.append(self)

    monkeypatch.setattr(opening, "Cache", Kept)

    looks(archive)
    with pytest.raises(UsageError):
        comparing.diff(archive.path, "demo/items", ["2026-03-03", "nothing"], archive.world, most=1)

    assert len(opened) == 5
    for cache in opened:
        with pytest.raises(DiskRefused, match="a closed database"):
            cache.head()


def test_without_a_cache_looking_makes_none(archive):
    cache = archive.path / ".git/snap/cache.sqlite"
    cache.unlink()

    looking.log(archive.path, "demo/items", "2026-03-03", archive.world)

    with Cache(cache, ledger.fold_all) as made_anew:
        assert made_anew.head() is None


def test_while_another_writes_the_cache_git_is_asked(archive, monkeypatch):
    git(archive.path, "commit", "-q", "--allow-empty", "-m", "Mine")
    monkeypatch.setattr(opening, "Cache", partial(Cache, patience=0))
    with Cache(archive.path / ".git/snap/cache.sqlite", ledger.fold_all) as other, other._file.writing():
        found = looking.log(archive.path, "demo/items", "2026-03-03", archive.world)

    assert len(found) == 1


def test_a_commit_that_is_gone_lets_the_line_begin_anew(tmp_path):
    history = History(tmp_path)
    history.run({DAYS[0]: b"[1]\n"}, NOON)
    history.cache.commits.follow("f" * 40, [], after=history.head)

    assert [one.subject for one in versions(history.opened, DAYS[0])] == ["Archive 1 day"]
    assert history.cache.commits.of(DAYS[0]).base is None
    history.cache.close()


def test_what_another_process_noted_meanwhile_stays(tmp_path):
    history = History(tmp_path)
    before = history.head
    history.run({DAYS[0]: b"[1]\n"}, NOON)

    history.cache.commits.follow(before, [], after=before)

    assert history.cache.commits.of(DAYS[0]).commits == (history.head,)
    history.cache.close()
