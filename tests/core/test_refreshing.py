"""How often days change is learned from little, and what a budget is spent on."""

import random
from math import comb, expm1, isfinite, log, sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.refreshing.foresight import PRICE, foresee, price_of
from snapshotter.core.refreshing.hazards import EDGES, Hazard, Seen, fit, learned, prior, wilson
from snapshotter.core.refreshing.honesty import bands
from snapshotter.core.refreshing.observing import unsure
from snapshotter.core.refreshing.policy import Candidate, Judge, Rule, choose

BUCKETS = len(EDGES)
TODAY = 1_000
EVEN = {"a": Judge(Hazard.of([0.01] * BUCKETS)), "b": Judge(Hazard.of([0.000_01] * BUCKETS))}


def a_day(stream: str = "a", *, old: int = 300, asked: int = 100, **more) -> Candidate:
    """A day that was asked so many days ago."""
    return Candidate(stream, [(old - asked, TODAY - old)], **more)


def chosen(candidates, budget, *, seed=1):
    return choose(candidates, EVEN, today=TODAY, budget=budget, dice=random.Random(seed).random)


# --- rates ---


def bias_and_error(checks: int, rate: float, estimate) -> tuple[float, float]:
    """Of an estimate from so many checks, a day apart: exactly, over all numbers of changes they may show."""
    chance = -expm1(-rate)
    shares = [comb(checks, hits) * chance**hits * (1 - chance) ** (checks - hits) for hits in range(checks + 1)]
    found = [estimate(checks, hits) / rate for hits in range(checks + 1)]
    bias = sum(share * value for share, value in zip(shares, found, strict=True))
    return bias, sqrt(sum(share * (value - 1) ** 2 for share, value in zip(shares, found, strict=True)))


def naive(checks, hits):
    return hits / checks


def reduced(checks, hits):
    return -log((checks - hits + 0.5) / (checks + 0.5))


def fitted(checks, hits):
    return fit([Seen(1, 2, checks, hits)], Hazard.of([0.25] * BUCKETS)).rates[1]


@pytest.mark.parametrize(
    ("checks", "rate", "estimate", "bias", "error"),
    [
        (3, 0.5, naive, 0.79, 0.60), (3, 0.5, reduced, 1.01, 0.96), (3, 0.5, fitted, 0.93, 0.68),
        (10, 2.0, naive, 0.43, 0.57), (10, 2.0, reduced, 0.97, 0.345), (10, 2.0, fitted, 0.82, 0.29),
        (30, 2.0, naive, 0.43, 0.57), (30, 2.0, reduced, 1.00, 0.25), (30, 2.0, fitted, 0.94, 0.21),
    ],
)  # fmt: skip
def test_estimates_have_the_bias_and_error_that_are_told_of_them(checks, rate, estimate, bias, error):
    assert bias_and_error(checks, rate, estimate) == pytest.approx((bias, error), abs=0.01)


def test_the_fit_errs_least_where_little_was_seen():
    for checks, rate in [(3, 0.5), (10, 2.0), (30, 2.0)]:
        assert bias_and_error(checks, rate, fitted)[1] < bias_and_error(checks, rate, reduced)[1]


@given(st.lists(st.builds(lambda since, gap, days: Seen(since, since + gap, days, days), st.integers(0, 2_000),
                          st.integers(1, 900), st.integers(1, 10_000)), max_size=20))  # fmt: skip
def test_rates_stay_finite_where_everything_changed(seen):
    assert all(isfinite(rate) and rate > 0 for rate in fit(seen, prior()).rates)


def test_nothing_seen_to_change_leaves_no_more_than_three_by_the_exposure():
    assert 0 < fit([Seen(4, 8, 100, 0)], prior()).rates[3] < 3 / 400


def test_what_is_not_seen_is_as_it_was_believed():
    assert fit([], prior()).rates == pytest.approx(prior().rates)


def test_three_streams_tell_of_each_other():
    lively = [Seen(8, 15, 100, 60)]
    alone = learned({"new": []})["new"].rates[4]
    among = learned({"new": [], "a": lively, "b": lively})["new"].rates[4]

    assert among > 3 * alone


@pytest.mark.parametrize(
    ("found", "days", "low", "high"), [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (1, 100, 0.0018, 0.0545)]
)
def test_the_interval_of_a_share_is_that_of_wilson(found, days, low, high):
    assert wilson(found, days) == pytest.approx((low, high), abs=0.0001)


def test_no_request_means_no_band():
    assert bands([]) == []


# --- what is chosen ---


def ages_asked(judge: Judge, *, until: int) -> list[int]:
    """When a day that was saved at two days old is worth asking, again and again."""
    found = [2]
    for age in range(3, until):
        if judge.judge(Candidate("a", [(found[-1], 0)]), age)[0] > 0:
            found.append(age)
    return found


def test_a_stream_that_nothing_is_known_of_is_asked_at_about_doubling_ages():
    assert ages_asked(Judge(prior(), price_of([])), until=130) == [2, 4, 8, 15, 29, 51, 79, 121]


def test_a_request_must_bring_more_once_a_stream_is_known():
    assert price_of([]) < price_of([Seen(1, 2, 20, 5)]) < price_of([Seen(1, 2, 2_000, 5)]) < PRICE


def test_a_day_that_goes_on_changing_is_left_until_it_settles():
    settles = Hazard.of([0.0] * 4 + [0.03] * 2 + [0.0] * (BUCKETS - 6))  # changes from its 8th to its 31st day

    assert 28 <= ages_asked(Judge(settles), until=300)[1] <= 33


def test_a_day_that_has_settled_is_not_asked_again():
    settles = Hazard.of([0.0] * 4 + [0.03] * 2 + [0.0] * (BUCKETS - 6))

    assert len(ages_asked(Judge(settles), until=2_000)) == 2


def test_what_will_be_found_is_less_the_dearer_it_is():
    cheap, dear = foresee(prior(), 0.05), foresee(prior(), 0.5)

    assert all(one >= other >= 0 for one, other in zip(cheap, dear, strict=True))


def test_a_request_is_worth_more_the_longer_its_days_waited():
    values = [EVEN["a"].judge(a_day(asked=asked), TODAY)[0] for asked in (1, 10, 50, 100, 200)]

    assert values == sorted(values)
    assert values[0] < 0.001


def test_what_is_hardly_likely_to_differ_is_left_alone_although_there_is_a_budget():
    rules = [one.rule for one in chosen([a_day("b") for _ in range(50)], 20)]

    assert set(rules) <= {Rule.AUDIT}


def test_a_ceiling_that_the_user_gave_comes_first():
    crowd = [a_day() for _ in range(30)]
    late = a_day("b", asked=60, ceiling=50, is_firm=True)

    first = chosen([*crowd, late], 3)[0]

    assert (first.place, first.rule) == (30, Rule.CEILING)


def test_the_floor_keeps_a_day_from_being_asked():
    assert chosen([a_day(floor=101)], 10) == []


def test_the_heavier_of_two_is_taken():
    (choice,) = chosen([a_day(), a_day(weight=3.0)], 1, seed=3)

    assert (choice.place, choice.rule) == (1, Rule.VALUE)


def test_each_day_is_as_likely_as_every_other_to_be_drawn():
    candidates = [Candidate("b", [(100, TODAY - 200)] * days) for days in (1, 1, 2)]
    drawn = [one.place for seed in range(2_000) for one in chosen(candidates, 100, seed=seed) if one.rule is Rule.AUDIT]
    firsts = [drawn.count(place) / len(drawn) for place in range(3)]

    assert firsts == pytest.approx([0.25, 0.25, 0.5], abs=0.04)


@given(
    st.lists(
        st.builds(
            a_day,
            st.sampled_from("ab"),
            old=st.integers(500, 900),
            asked=st.integers(0, 500),
            cost=st.integers(0, 9),
            suspected=st.booleans(),
            is_firm=st.booleans(),
        ),
        max_size=40,
    ),
    st.integers(0, 30),
    st.integers(0, 99),
)
def test_a_choice_never_costs_more_than_the_budget_and_takes_nothing_twice(candidates, budget, seed):
    found = chosen(candidates, budget, seed=seed)

    assert sum(one.cost for one in found) <= budget
    assert len({one.place for one in found}) == len(found)
    assert all(one.value > 0 for one in found if one.rule is Rule.VALUE)


def test_suspicion_ends_after_three_calm_days():
    assert list(unsure(lambda place: False if place <= 3 else None)) == []
    assert list(unsure(lambda place: None, near=4)) == [1, 2, 3, 4]
    assert list(unsure(lambda place: place == 2 if place <= 4 else None, near=6)) == [5, 6]
