"""`snap refresh` as a person types it: what is asked and why, and every mistake told."""

import json
import re

import pytest

from snapshotter.results import Exit
from tests.archive.worlds import Api, a_file, item, series, snapshot
from tests.server import Reply, Server

DAYS = [f"2026-03-{day:02}" for day in range(1, 6)]
FIVE = '{ start = "2026-03-01", end = "2026-03-05", step = "1d" }'
QUICK = '[pacing]\nmin_interval = "0s"\n[retry]\nattempts = 1\n'
KEYS = {"jobs", "held_back", "notices", "lanes", "staleness", "calibration"}


@pytest.fixture
def api():
    return Api([item(f"{day[8:]}T0{n}:00", f"{day}-{n}") for day in DAYS for n in range(4)], size=100)


@pytest.fixture
def saved(person, api, monkeypatch):
    """Five days that are complete, a whole state, and a stream of another source that was never fetched."""
    person.types("init", "a")
    monkeypatch.chdir(person.folder / "a")
    with Server(api) as server:
        state = snapshot().replace("[streams.items]", "[streams.state]")
        files = {"demo": series(window=FIVE) + state, "fresh": series(window=FIVE)}
        for name, streams in files.items():
            (person.folder / f"a/sources/{name}.toml").write_text(a_file(server.url, streams, name=name, head=QUICK))
        person.types("fetch", "demo")
        api.asked = 0
        yield person


def days_in(text: str) -> list[str]:
    return re.findall(r"^  \w+ +(2026-03-\d\d):", text, re.MULTILINE)


def test_a_dry_run_names_every_window_with_why_and_asks_nothing(saved, api):
    text = saved.types("refresh", "demo/items", "--older-than", "0d", "--dry-run")

    assert days_in(text) == DAYS[::-1]
    assert "  asked    2026-03-05: last asked today\n" in text
    assert api.asked == 0


@pytest.mark.parametrize(
    ("words", "days"),
    [
        (["--since", "2026-03-04"], DAYS[3:]),
        (["--until", "2026-03-02"], DAYS[:2]),
        (["--since", "2026-03-02", "--until", "2026-03-03"], DAYS[1:3]),
        (["--since", "2026-03-05", "--until", "2026-03-05"], DAYS[4:]),
        (["--since", "2026-03-02", "--budget", "2"], DAYS[3:]),
        (["--older-than", "90d"], []),
        (["--older-than", "0d", "--since", "2026-03-02", "--until", "2026-03-02"], DAYS[1:2]),
        (["--older-than", "0d", "--budget", "0"], []),
    ],
    ids=" ".join,
)
def test_days_are_chosen_by_age_by_date_and_within_a_budget(saved, words, days):
    assert days_in(saved.types("refresh", "demo/items", *words, "--dry-run")) == days[::-1]


def test_what_a_budget_does_not_hold_is_counted(saved):
    text = saved.types("refresh", "demo", "--older-than", "0d", "--budget", "1", "--dry-run")

    assert "demo/state: 1 window\n" in text
    assert "held back: demo/items: 5 windows: --budget 1 holds no more\n" in text


def test_days_are_asked_and_what_differs_is_committed_silently(saved, api):
    api.records[0]["v"] = 2

    assert saved.types("refresh", "demo/items", "--since", "2026-03-01", "--until", "2026-03-03") == ""
    assert saved.err == ""
    assert api.asked == 3
    assert "1 changed" in saved.types("log", "demo/items", "2026-03-01", "--oneline").splitlines()[0]


def test_a_script_gets_json_of_a_run_and_of_a_plan(saved):
    ran = json.loads(saved.types("refresh", "demo/items", "--since", "2026-03-05", "--json"))
    plan = json.loads(saved.types("refresh", "demo/items", "--since", "2026-03-05", "--dry-run", "--json"))

    assert (ran["commits"], ran["streams"][0]["windows"]) == ([], 1)
    assert plan["jobs"][0]["why"] == "2026-03-05: you named it; last asked today"
    assert set(plan) == KEYS


def test_explained_it_says_what_may_be_spent_and_how_well_it_does(saved):
    text = saved.types("refresh", "demo", "--explain")

    assert "20 requests a day for this, 0 spent today, 0 chosen now" in text
    assert "how many differ from the source is not known" in text
    assert json.loads(saved.types("refresh", "demo", "--explain", "--json"))["lanes"][0]["budget"] == 20


def test_what_this_run_may_spend_is_told_beside_the_budget_of_the_day(saved):
    told = saved.types("refresh", "demo/items", "--explain", "--budget", "3")

    assert "20 requests a day for this, 0 spent today, 0 chosen now of at most 3 in this run" in told


def test_several_targets_are_asked_together(saved, api):
    saved.types("fetch", "fresh")
    text = saved.types("refresh", "demo/items", "fresh", "--since", "2026-03-05", "--dry-run")

    assert "demo/items: 1 window\n" in text
    assert "fresh/items: 1 window\n" in text
    assert "demo/state" not in text


def test_a_whole_state_that_is_named_is_asked_again(saved, api):
    assert "demo/state: 1 window\n  asked    the whole state" in saved.types("refresh", "demo/state", "--dry-run")

    saved.types("refresh", "demo/state")
    assert api.asked == 1


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["fresh"], "nothing to ask again"),
        (["fresh/items"], "fresh/items: no day of it is complete yet; `snap fetch` comes first"),
        (["fresh", "--older-than", "1d"], "fresh/items: no day of it is complete yet; `snap fetch` comes first"),
        (["demo/items", "--since", "2026-04-01"], "none of its complete days lies from 2026-04-01 on"),
        (["demo/items", "--until", "2025-04-01"], "none of its complete days lies up to 2025-04-01"),
        (["demo/state", "--since", "2026-03-01"], "it is one whole state and has no days; leave --since"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_where_there_is_nothing_to_ask_it_says_why(saved, api, words, told):
    assert told in saved.types("refresh", *words, "--dry-run")
    saved.types("refresh", *words)
    assert api.asked == 0


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nothere"], "no source or stream 'nothere'; known are demo, demo/items, demo/state, fresh"),
        (["demo/itms"], "did you mean demo/items?"),
        (["--since", "2026-03-05", "--until", "2026-03-01"], "--since 2026-03-05 lies after --until 2026-03-01"),
        (["--since", "yesterday"], "'yesterday' is not a day; write it like"),
        (["--older-than", "banana"], "write it like"),
        (["--older-than", "90"], "write it like"),
        (["--budget", "-1"], "-1 is not in the range"),
        (["--budget", "many"], "not a valid integer"),
    ],
    ids=lambda words: " ".join(words) if isinstance(words, list) else "",
)
def test_a_mistake_is_told_and_is_no_run_that_died(saved, api, words, told):
    saved.types("refresh", *words, code=Exit.CONFIG)
    assert told in saved.err

    saved.types("refresh", "demo/items", "--since", "2026-03-05")
    assert saved.err == ""
    assert api.asked == 1


def test_an_api_that_is_down_costs_no_day(saved, api):
    api.instead = lambda _: Reply(503, b"no")

    saved.types("refresh", "demo/items", "--since", "2026-03-05", code=Exit.SOME_DAYS)

    assert "failed: demo/items 2026-03-05" in saved.err
    assert "complete" in saved.types("status", "demo/items")


def test_another_run_that_holds_the_archive_is_named(saved):
    from snapshotter.archive.opening import for_writing
    from snapshotter.cli.surroundings import the_world

    with for_writing(saved.folder / "a", the_world(), command="snap fetch"):
        saved.types("refresh", "demo/items", "--since", "2026-03-05", code=Exit.BUSY)

    assert "snap fetch" in saved.err


@pytest.mark.parametrize(("left", "why"), [(0, "no records, the archived one 4"), (1, "1 record where the archived")])
def test_what_comes_back_worse_waits_and_the_user_decides(saved, api, left, why):
    lost = [one for one in api.records if one["at"].startswith("2026-03-05")]
    api.records[:] = [one for one in api.records if one not in lost] + lost[:left]

    saved.types("refresh", "demo/items", "--since", "2026-03-05", code=Exit.SOME_DAYS)

    assert "snap held accept demo/items 2026-03-05" in saved.err
    assert why in " ".join(saved.types("held").split())
    assert saved.types("show", "demo/items", "2026-03-05").count('"id"') == 4
    assert f"{4 - left} removed" in saved.types("diff", "demo/items", "2026-03-05", "--held")
    saved.types("held", "accept", "demo/items", "2026-03-05")
    assert saved.types("show", "demo/items", "2026-03-05").count('"id"') == left
