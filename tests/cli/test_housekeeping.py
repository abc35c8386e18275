"""`rename`, `remove` and `check --accept` as a person types them."""

import json


def committed(archive, person):
    import subprocess

    subprocess.run(
        ["git", "-c", "user.name=A", "-c", "user.email=a@b", "commit", "-qam", "mine"], cwd=archive, check=True
    )


def test_a_rename_is_shown_first_and_done_with_yes(person, archive):
    person.types("fetch")
    committed(archive, person)

    shown = person.types("rename", "usgs-earthquakes", "quakes", code=2)
    assert "usgs-earthquakes/events -> quakes/events" in shown
    assert "--yes does it" in person.err
    assert "done in one commit" in person.types("rename", "usgs-earthquakes", "quakes", "--yes")
    assert "quakes/events" in person.types("status")
    assert person.types("verify", "--full").startswith("full: no damage")


def test_remove_tells_a_script_what_it_did(person, archive):
    person.types("fetch")
    committed(archive, person)

    looked = json.loads(person.types("remove", "usgs-earthquakes", "--dry-run", "--json"))
    done = json.loads(person.types("remove", "usgs-earthquakes", "--yes", "--json"))
    assert "commit" not in looked or looked["commit"] is None
    assert len(done["commit"]) == 40
    assert looked["documents"] == done["documents"] > 0


def test_check_says_what_a_change_means_and_accepts_it(person, archive):
    person.types("fetch")
    file = archive / "sources/usgs-earthquakes.toml"
    file.write_text(file.read_text().replace('id = "id"', 'id = "properties.code"'))

    told = person.types("check", code=2)
    assert "id: id -> properties.code" in told
    assert "keep the old identity" in told
    person.types("fetch", code=2)
    accepted = person.types("check", "usgs-earthquakes/events", "--accept")
    assert "the next fetch goes on" in accepted
    person.types("check")
    person.types("fetch")


def test_what_is_accepted_is_named(person, archive):
    person.types("check", "--accept", code=2)
    assert "name what is meant" in person.err


def test_a_backup_is_tried(person, archive):
    import subprocess

    person.types("fetch")
    subprocess.run(["git", "clone", "-q", "--bare", str(archive), "../b.git"], cwd=archive, check=True)

    assert "it has everything that is committed here" in person.types("restore", "--test", "../b.git")
    person.types("restore", "../b.git", code=2)
    assert "snap clone ../b.git FOLDER" in person.err


def test_a_copy_without_a_text_is_made_and_told(person, archive):
    person.types("fetch")
    (person.folder / "texts").write_text("Northern California\nus2000\n")
    person.types("copy", "../c", "--without-text", "../texts", code=2)
    assert "under 8 characters" in person.err

    (person.folder / "texts").write_text("California\n")
    told = person.types("copy", "../c", "--without-text", "../texts", "--drop-records")
    assert "left out of versions of documents" in told
    assert "full: no damage" in told
    assert "/.." not in told
    assert "no damage" in person.types("-C", "../c", "verify")
