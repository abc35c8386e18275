"""What happened, for whoever looks for a fault: traces and the logs of runs, without secrets."""

import json
import stat

import pytest

from tests.server import Server, json_reply

SECRET = "secret-of-a-trace"


@pytest.fixture
def api():
    with Server(lambda seen: json_reply([{"id": 1}], X_Echo=seen.header("authorization") or "")) as server:
        yield server


@pytest.fixture
def asked(person, api, monkeypatch):
    """An archive of one small source with a secret."""
    person.types("init", "a")
    folder = person.folder / "a"
    (folder / "sources/demo.toml").write_text(
        'format = 1\nsource = "demo"\n[secrets]\ntoken = "env:DEMO_TOKEN"\n'
        f'[client]\nbase_url = "{api.url}"\n[pacing]\nmin_interval = "1ms"\n'
        '[auth]\ntype = "bearer"\ntoken = "{secrets.token}"\n'
        '[streams.items]\nkind = "snapshot"\npath = "/items"\nparams = { key = "{secrets.token}" }\n'
    )
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DEMO_TOKEN", SECRET)
    return folder


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def logs_of(folder):
    return sorted((folder / ".git/snap/log").iterdir())


@pytest.mark.parametrize("command", [["fetch"], ["try", "demo/items"]], ids=" ".join)
def test_a_trace_tells_each_exchange_in_one_masked_line(person, asked, command):
    person.types(*command, "--trace", "trace.jsonl")

    (line,) = lines_of(asked / "trace.jsonl")
    assert line["method"] == "GET"
    assert line["url"].endswith("/items?key={secrets.token}")
    assert line["status"] == 200
    assert ["Authorization", "***"] in line["sent"]
    assert ["x-echo", "Bearer {secrets.token}"] in line["received"]
    assert SECRET not in (asked / "trace.jsonl").read_text()
    assert stat.S_IMODE((asked / "trace.jsonl").stat().st_mode) == 0o600


def test_a_trace_is_added_to(person, asked):
    person.types("try", "demo/items", "--trace", "trace.jsonl")
    person.types("try", "demo/items", "--trace", "trace.jsonl")

    assert len(lines_of(asked / "trace.jsonl")) == 2


def test_a_trace_that_cannot_be_written_is_said_before_anything_is_asked(person, asked, api):
    person.types("fetch", "--trace", "nowhere/trace.jsonl", code=2)

    assert "nowhere/trace.jsonl: No such file" in person.err
    assert api.seen == []


def test_a_trace_on_a_full_disk_does_not_end_the_run(person, asked):
    person.types("fetch", "--trace", "/dev/full")

    assert "/dev/full: No space left on device; lines are missing" in person.err


def test_a_run_has_a_log_of_its_own(person, asked):
    person.types("fetch")

    (log,) = logs_of(asked)
    events = lines_of(log)
    assert [event["event"] for event in events][:2] == ["start", "planned"]
    assert "exchange" in [event["event"] for event in events]
    assert (events[-1]["event"], events[-1]["exit"], events[-1]["requests"]) == ("end", 0, 1)
    assert SECRET not in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_trial_leaves_no_log(person, asked):
    person.types("try", "demo/items")

    assert not (asked / ".git/snap/log").exists()


def test_the_logs_of_the_last_thirty_runs_are_kept(person, asked):
    folder = asked / ".git/snap/log"
    folder.mkdir(parents=True)
    old = [f"20200101T0000{number:02}Z-00000{number % 10}.jsonl" for number in range(40)]
    for name in (*old, "notes.txt"):
        (folder / name).write_text("{}\n")

    person.types("fetch")

    kept = sorted(path.name for path in folder.iterdir())
    assert len(kept) == 31
    assert kept[:29] == old[-29:]
    assert kept[-1] == "notes.txt"


def test_an_error_that_ends_a_run_is_the_last_event_of_its_log(person, asked):
    (asked / ".git/snap/spool").mkdir(parents=True)
    (asked / "demo").symlink_to(person.folder)

    person.types("fetch", code=5)

    (log,) = logs_of(asked)
    assert lines_of(log)[-1]["event"] == "error"


def test_a_script_gets_the_run_as_json(person, asked):
    told = json.loads(person.types("fetch", "--json"))

    assert [stream["requests"] for stream in told["streams"]] == [1]
