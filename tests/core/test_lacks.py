"""Every class of miss has its words, and the command that helps."""

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings

from snapshotter.core.lacks import NEEDED, gap_of, lack_of
from snapshotter.core.ledger import fold_all
from snapshotter.core.states import Judge, Judged, Terms
from snapshotter.evidence import Missed, Stamp, StreamLedger
from snapshotter.model import DayState
from snapshotter.results.days import Hindrance
from tests.histories import STREAM, a_miss, at, day_span, histories

NOW = at("02-09 00:00")
DAYS = (date(2018, 2, 5), date(2018, 2, 6))
ASK = "snap fetch usgs/events --since 2018-02-05 --until 2018-02-06"
TRUST = Hindrance("untrusted", "nobody agreed", "agree", "snap trust")
SPENT = Hindrance("budget", "the budget is spent", "the next fetch goes on there", "snap fetch usgs/events")


def missed(state="failed", **given):
    fact = replace(a_miss(state), first=at("02-06 06:00"), **given)
    return Missed(
        day_span("02-05"), fact, at("02-07 06:00"), Stamp(1, at("02-07 06:00"), "20180207T060000Z-3f9a2c", 1, 0)
    )


def lack(judged, hindrance=None):
    return lack_of("usgs/events", judged, days=DAYS, now=NOW, hindrance=hindrance)


@pytest.mark.parametrize(
    ("given", "cause", "step", "commands"),
    [
        ({"kind": "network", "status": None}, "network", "the next fetch asks it again", (ASK,)),
        ({"kind": "auth", "status": 401}, "auth", "renew the credentials of usgs, then", (ASK,)),
        ({"kind": "forbidden", "status": 403}, "forbidden", "see what the credentials of usgs may read, then", (ASK,)),
        (
            {"kind": "gone", "status": 410},
            "gone",
            "the API no longer has these days; to ask all the same",
            (ASK,),
        ),
        (
            {"kind": "request", "status": 400},
            "request",
            "correct path and params in the source file, then",
            ("snap check usgs", ASK),
        ),
        (
            {"next_try": at("02-10 06:00")},
            "server",
            "asked again by itself from 2018-02-10 06:00 UTC; at once",
            (ASK,),
        ),
        (
            {"kind": "rate_limit", "status": 429, "next_try": at("02-10 06:00")},
            "rate_limit",
            "asked again by itself from 2018-02-10 06:00 UTC",
            (),
        ),
        (
            {"state": "invalid", "kind": "syntax", "quarantine": "q1"},
            "unusable",
            "look at what came, correct the source file, read it again",
            ("snap quarantine show q1", "snap check usgs", "snap quarantine retry q1"),
        ),
        ({"state": "invalid", "kind": "secret"}, "unusable", "correct the source file, then", ("snap check usgs", ASK)),
    ],
)
def test_a_miss_is_told_with_what_helps(given, cause, step, commands):
    found = lack(Judged(DayState(given.get("state", "failed")), "", missed(**given)))

    assert (found.cause, found.step, found.commands) == (cause, step, commands)
    assert found.evidence.run == "20180207T060000Z-3f9a2c"


def test_what_was_given_up_says_so():
    old = replace(missed(tries=12), at=at("04-20 06:00"))

    found = lack(Judged(DayState.FAILED, "", old))

    assert found.step == "given up after 12 tries since 2018-02-06; to ask it again"
    assert found.commands == ("snap reconcile usgs/events",)


def test_the_status_is_told_once():
    assert lack(Judged(DayState.FAILED, "", missed(why="503 (busy)"))).why == "the API failed: 503 (busy)"
    assert lack(Judged(DayState.FAILED, "", missed(why="busy"))).why == "the API failed (503): busy"


@pytest.mark.parametrize(
    ("judged", "hindrance", "cause", "commands"),
    [
        (Judged(DayState.UNTRIED, "never asked"), None, "to_come", ("snap fetch usgs/events",)),
        (Judged(DayState.UNTRIED, "never asked"), SPENT, "budget", ("snap fetch usgs/events",)),
        (Judged(DayState.UNTRIED, "never asked"), TRUST, "untrusted", ("snap trust",)),
        (Judged(DayState.FAILED, "", missed()), TRUST, "server", ("snap trust",)),
        (Judged(DayState.FAILED, "", missed()), SPENT, "server", (ASK,)),
        (Judged(DayState.PARTIAL, "asked in part"), None, "in_part", (ASK,)),
        (Judged(DayState.OPEN, "not over yet"), None, "not_over", ()),
        (Judged(DayState.EMPTY, "proved, no records"), None, "proved_empty", ()),
        (Judged(DayState.BEYOND, "before the origin, 2018-02-07"), None, "origin", ()),
        (Judged(DayState.BEYOND, "after the end, 2018-02-01"), None, "end", ()),
        (Judged(DayState.BEYOND, "past the end of history: 3 windows"), None, "history_end", (ASK,)),
    ],
)
def test_what_was_not_missed_says_what_stands_in_the_way(judged, hindrance, cause, commands):
    found = lack(judged, hindrance)

    assert (found.cause, found.commands) == (cause, commands)


@settings(max_examples=60)
@given(histories(most=5))
def test_every_day_of_any_history_has_a_reason_and_what_is_lacking_a_way_on(records):
    ledger = fold_all(StreamLedger(STREAM), records)
    terms = Terms("UTC", at("02-10 00:00"), origin=at("02-01 00:00"))

    for piece in Judge(ledger, terms).ranges((date(2018, 1, 25), date(2018, 2, 20))):
        gap = gap_of(STREAM, piece, now=terms.now, hindrance=None)

        assert gap.lack.why
        assert len(gap.lack.why) < 400
        if piece.judged.state in NEEDED:
            assert gap.lack.step or gap.lack.commands
            assert "\n" not in gap.lack.why
