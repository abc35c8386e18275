"""How often days change is learned from little, and what a budget is spent on."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.refreshing import policy
from snapshotter.core.refreshing.hazards import Hazard, Seen, fit, learned, prior, wilson
from snapshotter.core.refreshing.honesty import bands
from snapshotter.core.refreshing.observing import unsure
from snapshotter.core.refreshing.policy import Candidate, Judge, Rule, choose

TODAY = 1_000
EVEN = {"a": Judge(Hazard.of([0.01] * 12)), "b": Judge(Hazard.of([0.000_01] * 12))}


def a_day(stream: str = "a", *, old: int = 300, asked: int = 100, **more) -> Candidate:
    """A day that was asked so many days ago."""
    return Candidate(stream, [(old - asked, TODAY - old)], **more)


def chosen(candidates, budget, *, seed=1):
    return choose(candidates, EVEN, today=TODAY, budget=budget, dice=random.Random(seed).random)


# --- rates ---


@pytest.mark.parametrize(("checks", "rate", "most"), [(3, 0.5, 0.75), (10, 0.5, 0.6), (30, 0.5, 0.45)])
def test_rates_are_fitted_with_a_small_error_from_few_checks(checks, rate, most):
    chance, square = random.Random(4), 0.0
    before = Hazard.of([rate / 4] * 12)  # a prior that is wrong by a factor of four
    for _ in range(200):
        changed = sum(chance.random() < Hazard.of([rate] * 12).chance(1, 2) for _ in range(checks))
        found = fit([Seen(1, 2, checks, changed)], before).rates[1]
        square += (found / rate - 1) ** 2

    assert (square / 200) ** 0.5 < most


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
    assert all(one.value >= policy.WORTH for one in found if one.rule is Rule.VALUE)


def test_suspicion_ends_after_three_calm_days():
    assert list(unsure(lambda place: False if place <= 3 else None)) == []
    assert list(unsure(lambda place: None, near=4)) == [1, 2, 3, 4]
    assert list(unsure(lambda place: place == 2 if place <= 4 else None, near=6)) == [5, 6]
