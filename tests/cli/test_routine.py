"""`snap run` as a timer calls it."""

import json

from snapshotter.archive import routine
from snapshotter.edge.state import ArchiveLock
from snapshotter.edge.world import SystemClock
from snapshotter.results import Exit
from tests.archive.test_executors import Threads


def test_a_good_run_says_nothing_without_a_terminal(person, archive):
    assert person.types("run") == ""
    assert person.err == ""
    assert person.types("run") == ""


def test_a_dry_run_tells_what_is_due_and_what_is_not(person, archive):
    assert "2018-02-02" in person.types("run", "--dry-run")
    assert not (archive / "usgs-earthquakes").exists()
    person.types("run")

    out = person.types("run", "--dry-run")

    assert "recent" not in out


def test_a_script_gets_json(person, archive):
    told = json.loads(person.types("run", "--json"))

    assert told["commits"]
    assert told["held_back"] == []


def test_several_archives_run_one_after_the_other_and_the_worst_code_counts(person, archive):
    other = person.folder / "b"
    person.types("init", str(other))
    (other / "sources").mkdir(exist_ok=True)
    (other / "sources/broken.toml").write_text("no toml")

    out = person.types("--archive", str(other), "--archive", str(archive), "run", code=Exit.CONFIG)

    assert out == ""
    assert "sources/broken.toml" in person.err
    assert (archive / "usgs-earthquakes/events/2018/02/2018-02-01.json").exists()


def test_an_archive_that_is_not_there_does_not_stop_the_other(person, archive):
    told = json.loads(
        person.types("-C", str(person.folder / "none"), "-C", str(archive), "run", "--json", code=Exit.CONFIG)
    )

    assert "error" in told[0]
    assert told[1]["result"]["commits"]


def test_a_bug_in_one_archive_does_not_stop_the_other(person, archive, monkeypatch):
    other = person.folder / "b"
    person.types("init", str(other))
    whole = routine.run

    def run(path, *given, **more):
        return 1 // 0 if path == other else whole(path, *given, **more)

    monkeypatch.setattr(routine, "run", run)
    told = json.loads(person.types("-C", str(other), "-C", str(archive), "run", "--json", code=Exit.BUG))

    assert "this is a bug in snap, sorry" in told[0]["error"]
    assert told[1]["result"]["commits"]


def test_after_an_interruption_no_further_archive_is_begun(person, archive, monkeypatch):
    other = person.folder / "b"
    person.types("init", str(other))
    whole = routine.run

    def run(path, options, world, *, tell, stops):
        stops.interrupt()
        return whole(path, options, world, tell=tell, stops=stops)

    monkeypatch.setattr(routine, "run", run)
    words = ("-C", str(archive), "-C", str(other), "run", "--json")
    told = json.loads(person.types(*words, code=Exit.INTERRUPTED))

    assert told[0]["result"]["commits"] == []
    assert told[1]["error"] == "interrupted before it began"


def test_an_archive_that_another_run_holds_does_not_stop_the_other(person, archive):
    other = person.folder / "b"
    person.types("init", str(other))

    with ArchiveLock(other / ".git/snap/lock", SystemClock(), command="snap fetch").held():
        told = json.loads(person.types("-C", str(other), "-C", str(archive), "run", "--json", code=Exit.BUSY))

    assert "another snap is at work here: `snap fetch`" in told[0]["error"]
    assert told[1]["result"]["commits"]


def test_only_run_takes_several_archives(person, archive):
    person.types("-C", "a", "-C", "b", "status", code=Exit.CONFIG)

    assert "only `run` takes several archives" in person.err


def test_an_archive_in_the_environment_may_have_a_space_in_its_name(person, archive, monkeypatch):
    moved = archive.rename(archive.parent / "my archive")
    monkeypatch.chdir("/")
    monkeypatch.setenv("SNAP_ARCHIVE", str(moved))

    assert person.types("run") == ""


def test_an_executor_elsewhere_without_encryption_is_refused_before_anything_is_asked(person, archive):
    person.types("run", "--executor", "dask://10.0.0.5:8786", code=Exit.CONFIG)

    assert "10.0.0.5 is not this machine, and what workers are sent holds secrets" in person.err
    assert not (archive / "usgs-earthquakes").exists()


def test_an_executor_may_stand_in_the_environment(person, archive, monkeypatch):
    monkeypatch.setenv("SNAP_EXECUTOR", "tests.archive.test_executors:Threads")

    person.types("run")

    assert (archive / "usgs-earthquakes/events/2018/02/2018-02-01.json").exists()
    assert Threads.given
