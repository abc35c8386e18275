"""Two machines, one stream: what each archived of it becomes one, record by record."""

import json

import pytest

from snapshotter.archive import sharing, trust, verifying
from snapshotter.archive.opening import for_writing, open_archive
from snapshotter.core import ledger
from snapshotter.core.verifying import FULL
from snapshotter.evidence import StreamLedger
from snapshotter.model import Batch, FileChange
from tests.archive.worlds import DAY, Api, Archive, a_world, an_archive, item, series, snapshot
from tests.edge.git_archives import git
from tests.server import json_reply

HALVES = '{ start = "2026-03-12", end = "2026-03-12", step = "12h", lookback = "2d" }'
UNDATED = DAY.replace(" }", ', missing = "undated" }')


class Two:
    """One archive on two machines with a remote between them."""

    def __init__(self, folder, archive):
        self.folder, self.one = folder, archive
        git(folder, "init", "-q", "--bare", "-b", "main", "remote.git")
        archive.git("remote", "add", "origin", str(folder / "remote.git"))
        assert sharing.push(archive.path, archive.world).state == "pushed"
        world = a_world(folder / "second", archive.clock)
        world.chance.seed(99)
        sharing.clone(str(folder / "remote.git"), folder / "second/archive", world)
        self.two = Archive(folder / "second/archive", world, archive.clock, archive.server)
        trust.agree(self.two.path, world, trust.look(self.two.path, world))

    @property
    def api(self):
        return self.one.server.script

    def merge(self):
        """The second pushes, the first merges and pushes, the second takes that; all of it is whole."""
        assert sharing.push(self.two.path, self.two.world).is_good
        told = sharing.push(self.one.path, self.one.world)
        assert told.is_good, told
        sharing.pull(self.two.path, self.two.world)
        assert self.one.git("rev-parse", "HEAD") == self.two.git("rev-parse", "HEAD")
        for each in (self.one, self.two):
            is_whole(each)
        return [f"{notice.about}: {notice.text}" for notice in told.notices if notice.about.startswith("demo/")]


def is_whole(archive):
    assert archive.is_clean()
    assert verifying.verify(archive.path, archive.world, scope=FULL, tell=lambda step: None).damage == ()
    opened = open_archive(archive.path, archive.world)
    with opened.closing():
        assert opened.cache.ledger("demo/items") == ledger.fold_all(StreamLedger("demo/items"), archive.runs())


@pytest.fixture
def two(tmp_path):
    with an_archive(tmp_path, Api([]), series(window=HALVES)) as archive:
        yield Two(tmp_path, archive)


def asks_half(archive, half):
    """Ask the morning or the afternoon only: the other window fails."""
    wanted = {"morning": "T00:00", "afternoon": "T12:00"}[half]
    api = archive.server.script
    api.instead = lambda request: None if wanted in dict(request.query)["from"] else json_reply({}, 400)
    archive.fetch()
    api.instead = None


def change(archive, files):
    with for_writing(archive.path, archive.world, command="test") as opened:
        changed = tuple(FileChange(path, data) for path, data in files.items())
        opened.store.commit(Batch(changed, "By hand\n", archive.clock.now()), opened.store.head())
        opened.store.finish()


def test_a_day_that_each_proved_a_half_of_is_whole(two):
    two.api.records += [item("12T08:00", "a"), item("12T15:00", "b")]
    asks_half(two.one, "morning")
    asks_half(two.two, "afternoon")
    assert (two.one.ids("12"), two.two.ids("12")) == (["a"], ["b"])

    told = two.merge()

    assert two.one.ids("12") == ["a", "b"]
    assert two.one.state_of("12") == "saved"
    assert told == ["demo/items/2026/03/2026-03-12.json: both machines changed it; their records were joined"]


def test_of_two_versions_of_a_record_the_one_asked_for_later_stands_and_is_told(two):
    two.api.records += [item("12T08:00", "a", v=1), item("12T09:00", "b", v=1)]
    two.two.fetch()
    two.api.records[0]["v"] = 2
    two.one.later(minutes=5)
    asks_half(two.one, "morning")

    (told,) = two.merge()

    assert [record["v"] for record in two.one.day("12")] == [2, 1]
    assert 'of "a" both had a version; the one asked for later stands' in told
    assert '"v":1' in two.one.git("log", "-p", "--no-textconv", "--", "demo/items")


def test_the_later_answer_stands_also_when_it_says_what_was_there_before(two):
    two.api.records.append(item("12T08:00", "a", v=1))
    two.one.fetch()
    sharing.push(two.one.path, two.one.world)
    sharing.pull(two.two.path, two.two.world)
    two.api.records[0]["v"] = 2
    two.two.later(minutes=5)
    two.two.fetch()
    two.api.records[0]["v"] = 1
    two.api.records.append(item("12T15:00", "b"))
    two.one.later(minutes=5)
    two.one.fetch()

    two.merge()

    assert [record.get("v") for record in two.one.day("12")] == [1, None]


def test_a_record_that_a_later_whole_view_lacks_goes_and_one_nobody_asked_about_stays(two):
    two.api.records += [item("12T08:00", "gone"), item("12T15:00", "stays")]
    two.two.fetch()
    del two.api.records[0]
    two.api.records.append(item("12T09:00", "new"))
    two.one.later(minutes=5)
    asks_half(two.one, "morning")

    two.merge()

    assert two.one.ids("12") == ["new", "stays"]


def test_a_record_that_moved_on_one_machine_stands_once(tmp_path):
    days = '{ start = "2026-03-10", end = "2026-03-12", step = "1d", lookback = "4d" }'
    api = Api([item("10T08:00", "a", v=1), item("11T08:00", "b", v=1)])
    with an_archive(tmp_path, api, series(window=days)) as archive:
        two = Two(tmp_path, archive)
        two.one.fetch()
        api.records[0] |= {"at": "2026-03-12T08:00:00Z"}
        api.records[1] |= {"v": 2}
        two.two.later(minutes=5)
        two.two.fetch()

        two.merge()

        assert [two.one.ids(day) for day in ("10", "11", "12")] == [[], ["b"], ["a"]]


def test_records_without_an_id_keep_every_copy(tmp_path):
    api = Api([item("12T08:00", "x"), item("12T08:00", "x"), item("12T15:00", "y")])
    text = series(window=HALVES).replace('id = "id"\n', "")
    with an_archive(tmp_path, api, text) as archive:
        two = Two(tmp_path, archive)
        asks_half(two.one, "morning")
        asks_half(two.two, "afternoon")

        two.merge()

        assert two.one.ids("12") == ["x", "x", "y"]


def test_records_without_a_day_are_joined_too(tmp_path):
    api = Api([item("12T08:00", "a")])
    with an_archive(tmp_path, api, snapshot(day=UNDATED)) as archive:
        two = Two(tmp_path, archive)
        for number, each in enumerate((two.one, two.two)):
            body = {"data": [item("12T08:00", "a"), {"id": f"n{number}", "at": None}], "next": None}
            api.instead = lambda request, body=body: json_reply(body)
            each.later(minutes=5)
            each.fetch()

        two.merge()

        assert [record["id"] for record in json.loads(two.one.read("demo/items/undated.json"))] == ["n1"]


@pytest.mark.parametrize("later", ["one", "two"])
def test_of_a_whole_state_the_one_asked_for_later_stands(tmp_path, later):
    api = Api([item("12T08:00", "a")])
    with an_archive(tmp_path, api, snapshot()) as archive:
        two = Two(tmp_path, archive)
        for number, name in enumerate(("two", "one") if later == "one" else ("one", "two")):
            api.records = [item("12T08:00", f"state{number}")]
            two.one.later(minutes=5)
            getattr(two, name).fetch()

        (told,) = two.merge()

        assert [record["id"] for record in two.one.state()] == ["state1"]
        assert "asked for later and stands" in told


def test_a_version_that_waits_on_both_is_the_one_offered_later(tmp_path):
    more = 'expect = { max_drop = "10%" }'
    days = '{ start = "2026-03-12", end = "2026-03-12", step = "1d", lookback = "3d" }'
    api = Api([item(f"12T{hour:02}:00", f"r{hour}") for hour in range(8)])
    with an_archive(tmp_path, api, series(window=days, more=more)) as archive:
        two = Two(tmp_path, archive)
        two.one.fetch()
        sharing.push(two.one.path, two.one.world)
        sharing.pull(two.two.path, two.two.world)
        api.records = api.records[:3]
        two.two.later(minutes=5)
        two.two.fetch()
        api.records = api.records[:2]
        two.one.later(minutes=5)
        two.one.fetch()

        two.merge()

        held = json.loads(two.one.read("demo/items/_held/2026/03/2026-03-12.json"))
        assert [record["id"] for record in held] == ["r0", "r1"]
        assert len(two.one.ids("12")) == 8


DETAILS = '[streams.items.details.full]\npath = "/items/{record.id}"\nfetch_if = "changed"\n'


def test_of_a_detail_the_later_answer_stands_where_its_record_is(tmp_path):
    days = '{ start = "2026-03-11", end = "2026-03-12", step = "1d", lookback = "3d" }'
    api = Api([item("11T08:00", "a", v=1)])
    said = {"n": 0}

    def detail(request):
        if not request.path.startswith("/items/"):
            return None
        said["n"] += 1
        return json_reply({"said": said["n"]})

    api.instead = detail
    with an_archive(tmp_path, api, series(window=days, more=DETAILS)) as archive:
        two = Two(tmp_path, archive)
        two.one.fetch()
        sharing.push(two.one.path, two.one.world)
        sharing.pull(two.two.path, two.two.world)
        api.records[0]["at"] = "2026-03-12T08:00:00Z"
        two.two.later(minutes=5)
        two.two.fetch()
        api.records[0] |= {"at": "2026-03-11T08:00:00Z", "v": 3}
        two.one.later(minutes=5)
        two.one.fetch()

        two.merge()

        files = [path for path in two.one.files() if "/full/" in path]
        assert two.one.ids("11") == ["a"]
        assert files == ["demo/items/full/2026/03/11/a.json"]
        assert json.loads(two.one.read(files[0])) == {"said": said["n"]}


def test_a_stream_that_nobody_describes_any_more_is_merged_as_files(two):
    two.api.records.append(item("12T08:00", "a"))
    two.one.fetch()
    two.api.records.append(item("12T09:00", "b"))
    two.two.later(minutes=5)
    two.two.fetch()
    for each in (two.one, two.two):
        change(each, {"sources/demo.toml": None})

    assert sharing.push(two.two.path, two.two.world).is_good
    assert sharing.push(two.one.path, two.one.world).is_good

    assert two.one.ids("12") == ["a", "b"]


def test_what_a_merge_made_is_told_of_the_day(two):
    from snapshotter.archive import explaining

    two.api.records += [item("12T08:00", "a"), item("12T15:00", "b")]
    asks_half(two.one, "morning")
    asks_half(two.two, "afternoon")
    two.merge()

    told = explaining.why(two.one.path, "demo/items", "2026-03-12", two.one.world)

    assert any(decision.what == "merged" for decision in told.decisions)
