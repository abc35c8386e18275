"""A miss has a class, is asked again with growing gaps, and is given up in the end."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from snapshotter.core.missing import (
    MissClass,
    class_of,
    class_words,
    given_up_words,
    is_given_up,
    is_transient,
    next_try,
    step_words,
)
from snapshotter.evidence import Missed, Stamp
from snapshotter.model import Reason
from tests.histories import a_miss, at, day_span

NOW = at("02-05 00:00")


def tried(kind, *, status=None, state="failed", until_given_up=True):
    """The misses of a window that is asked whenever it may be, until it is given up or two years have passed."""
    found, when, tries = [], NOW, 0
    while when < NOW + timedelta(days=700) and tries < 99:
        tries += 1
        fact = replace(a_miss(state, kind=kind, status=status), tries=tries, first=NOW)
        due = next_try(fact, at=when, reason=Reason.RETRY)
        found.append(Missed(day_span("02-01"), replace(fact, next_try=due), when, Stamp(tries, when, "r", 0, 0)))
        if until_given_up and is_given_up(found[-1]):
            break
        when = due or when
    return found


@pytest.mark.parametrize(
    ("miss", "expected"),
    [
        (a_miss(kind="network", status=None), MissClass.NETWORK),
        (a_miss(kind="server", status=503), MissClass.SERVER),
        (a_miss(kind="rate_limit", status=429), MissClass.RATE_LIMIT),
        (a_miss(kind="auth", status=401), MissClass.AUTH),
        (a_miss(kind="forbidden", status=403), MissClass.FORBIDDEN),
        (a_miss(kind="request", status=404), MissClass.GONE),
        (a_miss(kind="gone", status=410), MissClass.GONE),
        (a_miss(kind="request", status=422), MissClass.REQUEST),
        (a_miss("invalid", kind="syntax", status=200), MissClass.UNUSABLE),
        (a_miss("invalid", kind="html", status=200), MissClass.SERVER),
        (a_miss("partial", kind="loop", status=None), MissClass.CUT_SHORT),
        (a_miss(kind="unheard-of", status=None), MissClass.OTHER),
    ],
)
def test_every_miss_has_a_class(miss, expected):
    assert class_of(miss) is expected


def test_every_class_has_words_and_a_step_unless_it_heals():
    for one in MissClass:
        assert class_words(one)
        fact = a_miss("invalid" if one is MissClass.UNUSABLE else "failed", kind=one.value, status=None)
        assert is_transient(one) == (step_words(fact) == "") or one is MissClass.CUT_SHORT


def test_what_was_refused_here_is_not_blamed_on_the_api():
    assert "path and params" in step_words(a_miss(kind="request", status=422))
    assert "refused here" in step_words(a_miss(kind="request", status=None))


@pytest.mark.parametrize("kind", ["network", "server", "rate_limit", "forbidden", "gone", "request"])
def test_gaps_grow_and_end(kind):
    misses = tried(kind)

    gaps = [later.at - one.at for one, later in pairwise(misses)]
    assert gaps == sorted(gaps)
    assert gaps[0] == timedelta()  # the very next run asks again
    assert 3 < len(misses) < 14
    assert "snap reconcile" in given_up_words(misses[-1])


def test_an_outage_of_a_month_heals_by_itself():
    assert tried("server")[-1].at - NOW > timedelta(days=30)


def test_credentials_are_tried_every_hour_for_ever():
    misses = tried("auth", until_given_up=False)

    assert not any(is_given_up(missed) for missed in misses)
    assert misses[-1].fact.next_try - misses[-1].at == timedelta(hours=1)


def test_many_tries_in_a_short_time_are_no_reason_to_give_up():
    fact = replace(a_miss(), tries=50, first=NOW)

    assert not is_given_up(Missed(day_span("02-01"), fact, NOW + timedelta(days=2), Stamp(1, NOW, "r", 0, 0)))


def test_what_is_new_never_waits_long():
    fact = replace(a_miss(), tries=9, first=NOW)

    assert next_try(fact, at=NOW, reason=Reason.RECENT) == NOW + timedelta(hours=1)
    assert next_try(fact, at=NOW, reason=Reason.RETRY) == NOW + timedelta(days=14)


def test_what_the_server_asked_for_is_never_shortened():
    fact = replace(a_miss(kind="rate_limit"), next_try=NOW + timedelta(hours=5))

    assert next_try(fact, at=NOW, reason=Reason.RECENT) == NOW + timedelta(hours=5)
