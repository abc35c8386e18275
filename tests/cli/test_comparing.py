"""`diff`, `versions`, `show --at` and `log --oneline` as a person types them."""

import json
import re
import subprocess

import pytest

STREAM, DAY = "usgs-earthquakes/events", "2018-02-02"
FILE = "usgs-earthquakes/events/2018/02/2018-02-02.json"


@pytest.fixture
def edited(person, archive):
    """A day of earthquakes whose first magnitude was corrected, and whose last record was taken out."""
    person.types("fetch")
    lines = (archive / FILE).read_text().splitlines()
    lines[1] = re.sub(r'"mag":[^,]+', '"mag":9.9', lines[1])
    lines = [*lines[:-3], lines[-3].rstrip(","), lines[-1]]
    (archive / FILE).write_text("\n".join(lines) + "\n")
    who = ["-c", "user.name=anna", "-c", "user.email=anna@localhost"]
    subprocess.run(["git", *who, "commit", "-qam", "Correct a magnitude"], cwd=archive, check=True)
    return archive


def test_a_difference_reads_well(person, edited):
    text = person.types("diff", STREAM, DAY)

    assert text.startswith(f"{STREAM} {DAY}\n--- ")
    assert "\n1 changed, 1 removed\n" in text
    assert "properties.mag: " in text
    assert "→ 9.9" in text
    assert "\x1b" not in text


def test_stat_counts_fields_and_json_is_for_scripts(person, edited):
    stat = person.types("diff", STREAM, DAY, "-1", "0", "--stat")
    told = json.loads(person.types("diff", STREAM, DAY, "--json"))
    deep = json.loads(person.types("diff", STREAM, DAY, "--format", "deepdiff"))

    assert "  properties.mag: 1\n" in stat
    assert (told["change"]["changed"], told["change"]["removed"]) == (1, 1)
    assert any(edit["fields"][0]["new"] == "9.9" for edit in told["change"]["edits"] if "fields" in edit)
    assert set(deep) == {"values_changed", "dictionary_item_removed"}


def test_versions_are_listed_and_counted(person, edited):
    day = person.types("versions", STREAM, DAY)
    days = person.types("versions", "--most-changed")

    assert [line.split()[0] for line in day.splitlines()] == ["0", "-1"]
    assert f"2 versions  {STREAM} {DAY}" in days
    assert json.loads(person.types("versions", STREAM, "--json"))[0]["versions"] == 2


def test_show_at_prints_the_old_bytes_and_names_the_version(person, edited):
    text = person.types("show", STREAM, DAY, "--at", "-1")

    assert '"mag":9.9' not in text
    assert "UTC: usgs-earthquakes/events: " in person.err
    assert person.err.startswith("version ")


def test_the_log_has_a_line_a_commit(person, edited):
    lines = person.types("log", STREAM, DAY, "--oneline").splitlines()

    assert len(lines) == 2
    assert lines[0].endswith("Correct a magnitude")


@pytest.mark.parametrize(
    "words",
    [["diff", STREAM], ["diff", STREAM, DAY, "-9"], ["diff", STREAM, DAY, "--hled"], ["diff", STREAM, DAY, "--held"]],
)
def test_a_mistake_is_told(person, edited, words):
    person.types(*words, code=2)

    assert person.err.strip()
