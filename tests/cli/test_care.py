"""`verify`, `held` and `quarantine retry`, typed."""

import json

import pytest


def test_a_whole_archive_is_told_so(person, archive):
    person.types("fetch")

    assert "no damage" in person.types("verify")
    assert "2 documents" in person.types("verify", "--full")


def test_damage_gives_exit_code_5_with_its_kind_and_what_to_do(person, archive):
    person.types("fetch")
    (archive / ".git/snap/cache.sqlite").write_bytes(b"\xff" * 5000)

    told = person.types("verify", code=5)
    assert told.startswith("ledger: .git/snap/cache.sqlite: ")
    assert "nothing is lost" in told
    assert "1 damaged" in told


def test_damage_has_json(person, archive):
    (archive / ".git/HEAD").write_text("ref: refs/heads/other\n")

    told = json.loads(person.types("verify", "--json", code=5))
    assert told["damage"][0]["kind"] == "head"


@pytest.mark.parametrize("words", [["--subset", "0/3"], ["--subset", "x"], ["--full", "--subset", "1/2"]])
def test_a_part_that_is_none_is_told(person, archive, words):
    person.types("verify", *words, code=2)

    assert "--subset" in person.err


def test_without_anything_to_decide_or_to_read_again_the_commands_say_so(person, archive):
    assert "no version waits" in person.types("held")
    assert "is empty" in person.types("quarantine", "retry")
    assert json.loads(person.types("held", "--json")) == []
    person.types("held", "accept", "usgs-earthquakes/events", "2018-02-01", code=2)
    assert "snap held" in person.err


def test_a_version_that_waits_is_shown_and_decided(person, archive, quakes):
    person.types("fetch")
    file = archive / "sources/usgs-earthquakes.toml"
    file.write_text(file.read_text().replace("max_drop =", "min_records = 10000\nmax_drop ="))
    quakes.revise()
    person.types("fetch", code=3)
    assert "snap held accept usgs-earthquakes/events 2018-02-02" in person.err

    told = person.types("held")
    assert "usgs-earthquakes/events 2018-02-02: offered" in told
    assert "min_records" in told
    assert "waiting for you" in person.types("status")
    assert "rejected" in person.types("held", "reject", "usgs-earthquakes/events", "2018-02-02")
    assert "no damage" in person.types("verify", "--full")
