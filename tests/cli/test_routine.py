"""`snap run` as a timer calls it."""

import json

from snapshotter.results import Exit


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


def test_only_run_takes_several_archives(person, archive):
    person.types("-C", "a", "-C", "b", "status", code=Exit.CONFIG)

    assert "only `run` takes several archives" in person.err


def test_an_archive_in_the_environment_may_have_a_space_in_its_name(person, archive, monkeypatch):
    moved = archive.rename(archive.parent / "my archive")
    monkeypatch.chdir("/")
    monkeypatch.setenv("SNAP_ARCHIVE", str(moved))

    assert person.types("run") == ""
