"""What deserves to be asked again: failed, missing, or suspicious days, until they are confirmed."""

from datetime import date, timedelta

import pytest

from snapshotter.core.ledger import fold_all
from snapshotter.core.reconciling import Suspicion, findings, within
from snapshotter.core.states import Terms
from snapshotter.evidence import StreamLedger
from tests.histories import STREAM, a_day, a_miss, a_record, a_story, at, day_span, span

TERMS = Terms("UTC", at("02-25 06:00"), origin=at("02-01 00:00"))


def known(*stories):
    records = [a_record(story, sequence=number, turn=number) for number, story in enumerate(stories)]
    return fold_all(StreamLedger(STREAM), records)


def day(number):
    return date(2018, 2, number)


def month(**odd):
    """24 days of 40 records each in one window; `d05=0` makes one odd."""
    counts = {number: odd.get(f"d{number:02}", 40) for number in range(1, 25)}
    return a_story(
        day_span("02-01", days=24), days={day(number): a_day(count) for number, count in counts.items() if count}
    )


def shown(ledger):
    return [
        (one.suspicion, one.window.start.day, (one.window.end - one.window.start) / timedelta(days=1))
        for one in findings(ledger, TERMS, by_time=True)
    ]


def test_a_steady_stream_has_nothing_to_reconcile():
    assert shown(known(month())) == []


@pytest.mark.parametrize(
    ("odd", "expected"),
    [
        ({"d12": 3}, [(Suspicion.DROP, 12, 1)]),
        ({"d12": 15}, []),
        ({"d12": 0}, [(Suspicion.HOLE, 12, 1)]),
        ({"d12": 0, "d13": 0}, [(Suspicion.HOLE, 12, 2)]),
        ({f"d{number}": 0 for number in range(10, 15)}, []),
        ({"d12": 3, "d19": 2}, []),  # it comes every week
        ({"d24": 3}, []),  # nothing is known of what comes after
    ],
)
def test_what_looks_wrong_beside_its_neighbours_is_found(odd, expected):
    assert shown(known(month(**odd))) == expected


def test_what_was_asked_again_is_believed_until_there_is_new_evidence():
    first, again = month(d12=3, d16=0), (a_story(day_span("02-12")), a_story(day_span("02-16")))

    assert len(shown(known(first))) == 2 - 1  # a hole beside it makes the drop's neighbours unclear
    assert shown(known(month(d12=3), again[0])) == []
    assert shown(known(month(d16=0), again[1])) == []

    changed = a_story(day_span("02-15"), days={day(15): a_day(41, change="changed")})
    assert shown(known(month(d16=0), again[1], changed)) == [(Suspicion.HOLE, 16, 1)]


def test_what_is_not_proved_comes_first_and_only_the_part_that_lacks():
    ledger = known(
        a_story(day_span("02-01", days=3)),
        a_story(day_span("02-06", days=2)),
        a_story(day_span("02-09", days=16)),
        a_story(day_span("02-08"), miss=a_miss()),
        a_story(span("02-05 00:00", "02-05 12:00")),
    )

    assert shown(ledger) == [
        (Suspicion.FAILED, 8, 1),
        (Suspicion.MISSING, 5, 0.5),
        (Suspicion.MISSING, 4, 1),
    ]


def test_what_the_backfill_comes_to_by_itself_is_not_missing():
    assert shown(known(a_story(day_span("02-20", days=5)))) == []


def test_a_stream_that_is_asked_as_a_whole_is_asked_again_when_it_failed():
    [found] = findings(known(a_story(None, miss=a_miss())), TERMS, by_time=False)

    assert (found.suspicion, found.window) == (Suspicion.FAILED, None)
    assert within(found, since=day(1), until=None, zone="UTC") is None


def test_named_days_cut_what_is_found():
    [found] = findings(known(month(d12=0, d13=0)), TERMS, by_time=True)

    assert within(found, since=day(13), until=None, zone="UTC").window == day_span("02-13")
    assert within(found, since=day(14), until=None, zone="UTC") is None
