"""`import` as a person types it."""

import json

import pytest

STREAM = "usgs-earthquakes/events"


def a_quake(name: str, at: int, mag: float) -> dict:
    return {"id": name, "type": "Feature", "properties": {"mag": mag, "time": at}, "geometry": None}


@pytest.fixture
def old(person):
    folder = person.folder / "old/usgs-earthquakes/events"
    folder.mkdir(parents=True)
    for run, mag in (("20180203T000000Z", 1.0), ("20180204T000000Z", 1.5)):
        text = json.dumps([a_quake("x1", 1517400000000, mag)])
        (folder / f"2018-01-31--run-{run}.json").write_text(text)
    return person.folder / "old"


def test_an_old_folder_is_looked_at_taken_and_taken_once(person, archive, old):
    looked = person.types("import", "pdpl", str(old), "--dry-run")
    taken = person.types("import", "pdpl", str(old))
    again = json.loads(person.types("import", "pdpl", str(old), "--json"))
    shown = person.types("show", STREAM, "2018-01-31", "--at", "2018-02-03")

    assert "would import 2 runs, 2 records" in looked
    assert "2018-02-03 00:00 to 2018-02-04 00:00 UTC" in taken
    assert max(map(len, taken.splitlines())) <= 80
    assert again[0]["known"] == 2
    assert "commit" not in again[0]
    assert '"mag":1.0' in shown
    person.types("verify", "--full")


def test_an_export_is_taken_and_what_is_wrong_is_said(person, archive):
    (person.folder / "x.json").write_text(json.dumps([a_quake("x1", 1517400000000, 2.0)]))
    (person.folder / "y.json").write_text("[{}]")

    person.types("import", "files", "../x.json", "--into", STREAM, "--observed", "2018-02-01")
    person.types("import", "files", "../y.json", "--into", STREAM, code=2)

    assert "y.json: record 1" in person.err
    assert "x1" in person.types("show", STREAM, "2018-01-31")
    told = person.types("why", STREAM, "2018-01-31")
    assert "imported" in told
    assert "by hand" not in told
    for wrong in (["--proves", "2018"], ["--observed", "soon"], ["--into", "nobody/knows"]):
        person.types("import", "files", "../x.json", "--into", STREAM, *wrong, code=2)
