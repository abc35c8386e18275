"""How much of what is stored differs from its source: told with how sure it is, and nothing where nothing is known."""

from datetime import UTC, date, datetime, timedelta

import pytest

from snapshotter.core.refreshing.findings import again, staleness_words, surprising
from snapshotter.core.refreshing.hazards import wilson
from snapshotter.core.refreshing.honesty import bands, staleness, together
from snapshotter.evidence import Checked
from snapshotter.model import Recheck

NOW = datetime(2026, 3, 14, tzinfo=UTC)


def a_check(days=1, changed=0, *, held=0, picked="audit", ago=10, expected_ppm=None) -> Checked:
    """A request of so many days."""
    rechecks = (Recheck(10, 20, days, changed, held),)
    at = NOW - timedelta(days=ago)
    return Checked(at, refresh=True, requests=1, picked=picked, expected_ppm=expected_ppm, rechecks=rechecks)


def the_share(*checks):
    return staleness("a/b", checks, NOW)


def test_days_asked_one_by_one_give_the_interval_of_wilson():
    one = the_share(*[a_check()] * 980, *[a_check(changed=1)] * 20)

    assert (one.days, one.changed, one.requests) == (1_000, 20, 1_000)
    assert (one.low, one.high) == pytest.approx(wilson(20, 1_000))
    assert staleness_words(one) == "2.2% ± 0.9 of stored days differ from the source (20 of 1,000 drawn by chance)"


def test_days_that_come_with_one_request_make_it_no_surer_than_one_day_would():
    one = the_share(*[a_check(days=30)] * 9, a_check(days=30, changed=30))

    assert (one.days, one.share) == (300, 0.1)
    assert (one.low, one.high) == pytest.approx(wilson(1, 10))


def test_where_no_day_differed_it_says_how_many_may_at_most():
    words = staleness_words(the_share(*[a_check()] * 4))

    assert words == "at most 49.0% of stored days differ from the source (0 of 4 drawn by chance)"


def test_nothing_drawn_is_nothing_known():
    assert the_share() is None
    assert the_share(a_check(picked="value"), a_check(ago=401)) is None


def test_a_day_that_is_held_is_neither_stale_nor_right():
    one = the_share(a_check(), a_check(days=0, held=1), a_check(changed=1))

    assert (one.days, one.changed, one.requests, one.held) == (2, 1, 2, 1)
    assert staleness_words(one).endswith("(1 of 2 drawn by chance, 1 more held)")
    assert the_share(a_check(days=0, held=1)) is None


def test_streams_together_count_by_what_they_store():
    large, small = the_share(*[a_check()] * 100), the_share(*[a_check(changed=1)] * 10)

    one = together([(large, 9_000), (small, 1_000)])

    assert one.share == pytest.approx(0.1)
    assert (one.streams, one.days) == (2, 110)
    assert 0.05 < one.low < 0.1 < one.high < 0.15
    assert together([(large, 9_000)]) is None
    assert together([(large, 9_000), (small, 0)]) is None


def test_a_request_of_which_only_the_user_knows_the_end_does_not_judge_what_was_expected():
    known = [a_check(changed=1, expected_ppm=500_000), a_check(expected_ppm=500_000)]
    unknown = [a_check(days=0, held=1, expected_ppm=500_000), a_check(days=2, held=1, expected_ppm=500_000)]

    assert bands([*known, *unknown]) == [(0.5, 1.0, 2, 1.0, 1)]


def test_what_was_asked_again_in_words():
    assert again([]) == ""
    assert again([Recheck(1, 2, 3, 1), Recheck(1, 2, 0, 0, held=1)]) == "asked again: 4 days, 1 changed, 1 held"
    days = [date(2024, 3, 5), date(2024, 3, 9)]
    told = "2 days from 2024-03-05 to 2024-03-09 changed unexpectedly (provider recomputed March 2024?)"
    assert surprising(days) == told
