"""The commands, typed one after the other, with what they print and their exit codes."""

import json
import re
import subprocess

import pytest

from snapshotter.cli import COMMANDS, snap


def git(folder, *words):
    who = ["-c", "user.name=anna", "-c", "user.email=anna@localhost"]
    return subprocess.run(["git", "-C", str(folder), *who, *words], check=True, capture_output=True, text=True).stdout


def test_from_nothing_to_a_browsable_archive(person, archive):
    assert "looks right" in person.types("try", "usgs-earthquakes/events")
    person.types("fetch")
    status = person.types("status")
    log = person.types("log", "usgs-earthquakes/events", "2018-02-02")
    document = person.types("show", "usgs-earthquakes/events", "2018-02-02")

    assert "complete from 2018-02-01 (the origin) to 2018-02-02" in status
    assert "new" in log
    assert len(json.loads(document)) == 242


def test_without_a_terminal_a_good_run_says_nothing(person, archive):
    out = person.types("fetch")

    assert out == ""
    assert person.err == ""


def test_a_second_fetch_makes_no_commit_and_leaves_git_clean(person, archive):
    git(archive, "commit", "-qam", "my values")
    person.types("fetch")
    before = git(archive, "rev-parse", "HEAD")
    person.types("fetch")

    assert git(archive, "rev-parse", "HEAD") == before
    assert git(archive, "status", "--porcelain") == ""
    git(archive, "fsck", "--strict")


def test_a_revision_is_a_new_version_and_the_old_one_can_be_shown(person, archive, quakes):
    person.types("fetch")
    quakes.revise()
    person.types("fetch")

    now = person.types("show", "usgs-earthquakes/events", "2018-02-02")
    then = person.types("show", "usgs-earthquakes/events", "2018-02-02", "--at", "HEAD~1")
    assert "usdemo0001" in now
    assert "usdemo0001" not in then
    assert "added usdemo0001" in person.types("log", "usgs-earthquakes/events", "2018-02-02")


def test_a_dry_run_names_every_window_and_asks_nothing(person, archive, quakes):
    told = person.types("fetch", "--dry-run")

    assert "2018-02-01" in told
    assert "never asked" in told
    assert quakes.requests == []
    assert "_runs" not in git(archive, "ls-tree", "-r", "--name-only", "HEAD")


def test_a_dry_run_of_a_long_past_names_the_first_windows_and_the_last_and_counts_the_others(person, archive):
    file = archive / "sources/usgs-earthquakes.toml"
    file.write_text(re.sub(r'since = ".*?"', 'since = "2015-01-01"', file.read_text(), count=1))

    told = person.types("fetch", "--dry-run").splitlines()

    assert len(told) < 40
    assert any(line.strip().endswith("windows more like these …") for line in told)
    assert "2015" in told[-1]


def test_days_that_were_asked_are_not_asked_again_and_the_way_to_do_so_is_named(person, archive):
    file = archive / "sources/usgs-earthquakes.toml"
    file.write_text(re.sub(r"(?m)^lookback .*\n", "", file.read_text()))
    days = ("--since", "2018-02-01", "--until", "2018-02-02")
    person.types("fetch", *days)

    assert "snap refresh" in person.types("fetch", "-v", *days)
    assert "snap refresh" in person.types("why", "usgs-earthquakes/events", "2018-02-01")


def test_a_fetch_without_sources_says_so(person, monkeypatch):
    person.types("init", "empty")
    monkeypatch.chdir(person.folder / "empty")

    assert "add one with `snap add`" in person.types("fetch", "-v")


def test_runs_are_listed_and_told(person, archive):
    person.types("fetch")
    (line,) = json.loads(person.types("runs", "--json"))

    story = person.types("runs", "show", line["run"])
    assert "proved" in story
    assert "473 records" in story


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["fetch", "nowhere"], 2, "no source or stream 'nowhere'"),
        (["fetch", "usgs-earthquake"], 2, "did you mean usgs-earthquakes"),
        (["fetch", "--since", "yesterday"], 2, "write it like 2018-02-05"),
        (["fetch", "--deadline", "10"], 2, "write it like"),
        (["show", "usgs-earthquakes/events", "2018-02-02"], 2, "no such document"),
        (["show", "usgs-earthquakes/events"], 2, "split by day"),
        (["runs", "show", "x"], 2, "no run 'x'"),
        (["add", "usgs-earthquakes"], 2, "is there already"),
        (["add", "nothing"], 2, "no source 'nothing'"),
        (["add", "usgs"], 2, "did you mean usgs-earthquakes?"),
        (["check", "nothing"], 2, "no source 'nothing'"),
        (["fetsh"], 2, "Did you mean 'fetch'"),
        (["init", "."], 2, "archive"),
    ],
)
def test_a_mistake_is_told_in_one_line_with_the_next_step(person, archive, words, code, told):
    out = person.types(*words, code=code)

    assert told in out + person.err
    assert "Traceback" not in person.err


def test_the_catalogue_is_listed_outside_of_an_archive_and_marks_what_one_has(person, archive, monkeypatch):
    assert "usgs-earthquakes (added)" in person.types("add")

    monkeypatch.chdir(person.folder)
    assert "(added)" not in person.types("add")
    person.types("-C", "nowhere", "add", code=2)


def test_outside_of_an_archive_the_way_to_make_one_is_named(person):
    person.types("status", code=2)

    assert "snap init" in person.err


def test_check_names_all_mistakes_with_their_lines(person, archive):
    file = archive / "sources/usgs-earthquakes.toml"
    file.write_text(file.read_text().replace("lookback =", "lookbak =").replace('every = "6h"', "every = 6"))

    told = person.types("check", code=2)

    assert "lookback" in told
    assert told.count("sources/usgs-earthquakes.toml:") == 2


def test_a_broken_source_does_not_stop_the_others(person, archive):
    (archive / "sources/broken.toml").write_text("format = 1\nsource = 'broken'\n")

    person.types("fetch", code=2)

    assert "broken" in person.err
    assert "complete from" in person.types("status")


def test_two_files_that_give_one_source_are_told(person, archive):
    text = (archive / "sources/usgs-earthquakes.toml").read_text()
    (archive / "sources/another.toml").write_text(text)

    told = person.types("check", code=2)

    assert "usgs-earthquakes" in told
    assert "another.toml" in told


@pytest.mark.parametrize("command", ["fetch", "run"])
def test_a_missing_secret_stops_its_source_only(person, archive, command):
    person.types("add", "github")

    person.types(command, code=2)

    assert "GITHUB_TOKEN" in person.err
    assert "complete from" in person.types("status", "usgs-earthquakes")


def test_a_server_that_fails_is_told_and_gives_exit_code_3(person, archive, quakes):
    file = archive / "sources/usgs-earthquakes.toml"
    file.write_text(file.read_text().replace("/fdsnws/event/1/query", "/nowhere"))

    person.types("fetch", code=3)

    assert "404" in person.err
    assert "failed" in person.types("status")


@pytest.mark.parametrize(
    "words", [["status"], ["runs"], ["log"], ["check"], ["add"], ["fetch", "--dry-run"], ["quarantine"]]
)
def test_every_listing_has_json(person, archive, words):
    json.loads(person.types(*words, "--json"))


def test_the_environment_names_the_archive(person, archive, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SNAP_ARCHIVE", str(archive))

    assert "never asked" in person.types("status")


def test_a_listing_fits_80_columns(person, archive):
    person.types("fetch")

    for words in (["status"], ["runs"], ["add"]):
        assert max(len(line) for line in person.types(*words).splitlines()) <= 80, words


def test_help_lists_every_command(person):
    told = person.types("--help")

    assert all(name in told for name in COMMANDS)
    assert set(COMMANDS) == set(snap.list_commands(None))


def test_the_demo_ends_with_the_change_it_found_and_where_to_look(person):
    told = person.types("demo", "d")

    assert "5 edited" in told
    assert "1 added" in told
    assert "Where to look next" in told
    assert told.rstrip().endswith("d/.git/snap/report.html")
    assert (person.folder / "d/.git/snap/report.html").read_text().startswith("<!doctype html>")
    assert sorted(path.name for path in person.folder.iterdir()) == ["d"]


def test_what_the_demo_says_to_look_at_greets_nobody_with_a_warning(person, monkeypatch):
    told = person.types("demo", "d")
    [state] = re.findall(r'export XDG_STATE_HOME="\$PWD/(\S+)"', told)
    monkeypatch.chdir(person.folder / "d")
    monkeypatch.setenv("XDG_STATE_HOME", str(person.folder / "d" / state))

    for words in re.findall(r"^  snap (.+)$", told, re.MULTILINE):
        person.types(*words.split())
        assert person.err == ""
    assert "warning" not in person.types("status")
    assert "All is well: nothing waits for you." in person.types("report")


def test_an_account_is_added_to_a_file_of_the_catalogue(person, monkeypatch):
    person.types("init", "a")
    monkeypatch.chdir(person.folder / "a")

    told = person.types("add", "github", "--as", "anna")
    assert "set the environment variable GITHUB_TOKEN_ANNA" in told
    person.types("add", "github", "--as", "ben")

    text = (person.folder / "a/sources/github.toml").read_text()
    assert '[accounts.ben]\n# login = "octocat" # for all accounts so far\ntoken = "env:GITHUB_TOKEN_BEN"' in text
    assert "2 sources" in person.types("check", code=2)
    person.types("add", "--as", "anna", code=2)
