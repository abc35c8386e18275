"""Frozen values and their JSON form: the way back gives the same value, anything else is named."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from enum import Enum
from typing import Literal

import pytest

from snapshotter.codec import Malformed, from_plain, instant_text, to_plain
from snapshotter.results import Exit


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True, slots=True)
class Inner:
    when: datetime
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True, slots=True)
class Outer:
    count: int
    colour: Colour = Colour.RED
    maybe: str | None = None
    inner: Inner | None = None
    many: tuple[Inner, ...] = ()
    days: Mapping[date, int] = field(default_factory=dict)
    flag: bool = False


WHEN = datetime(2018, 2, 5, 3, 15, tzinfo=UTC)
FULL = Outer(3, Colour.RED, "x", Inner(WHEN), (Inner(WHEN, "b"),), {date(2018, 2, 5): 1}, flag=True)


def test_members_that_say_the_default_are_left_out():
    assert to_plain(Outer(3)) == {"count": 3}


def test_the_way_back_gives_the_same_value():
    assert to_plain(FULL)["many"] == [{"when": "2018-02-05T03:15:00Z", "kind": "b"}]
    assert from_plain(Outer, to_plain(FULL)) == FULL


def test_an_instant_is_written_in_utc():
    eastward = datetime(2018, 2, 5, 4, 15, 0, 250_000, tzinfo=timezone(timedelta(hours=1)))

    assert instant_text(eastward) == "2018-02-05T03:15:00.250000Z"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ([], ""),
        ({}, "count"),
        ({"count": True}, "count"),
        ({"count": 1.0}, "count"),
        ({"count": 2**63}, "count"),
        ({"count": 1, "other": 2}, "other"),
        ({"count": 1, "colour": "blue"}, "colour"),
        ({"count": 1, "colour": []}, "colour"),
        ({"count": 1, "maybe": 1}, "maybe"),
        ({"count": 1, "flag": 0}, "flag"),
        ({"count": 1, "many": {}}, "many"),
        ({"count": 1, "days": []}, "days"),
        ({"count": 1, "days": {"2018-2-5": 1}}, "days.2018-2-5"),
        ({"count": 1, "days": {"20180205": 1}}, "days.20180205"),
        ({"count": 1, "many": [{"when": "2018-02-05T03:15:00Z"}, {"when": "2018-02-05"}]}, "many[1].when"),
        ({"count": 1, "inner": {"when": "2018-02-05T04:15:00+01:00"}}, "inner.when"),
        ({"count": 1, "inner": {"when": "0001-01-01T00:00:00+14:00"}}, "inner.when"),
        ({"count": 1, "inner": {"when": "2018-02-05T03:15Z"}}, "inner.when"),
        ({"count": 1, "inner": {"when": "2018-02-05T03:15:00Z", "kind": "c"}}, "inner.kind"),
    ],
)
def test_anything_else_is_named_with_its_place(value, path):
    with pytest.raises(Malformed) as caught:
        from_plain(Outer, value)

    assert caught.value.path == path


def test_what_was_found_is_shown_in_part_only():
    with pytest.raises(Malformed, match=r"count: expected a whole number below 2\^63, found 'x{56}\.\.\."):
        from_plain(Outer, {"count": "x" * 1000})


def test_a_type_without_one_json_form_is_refused_where_it_is_declared():
    @dataclass(frozen=True, slots=True)
    class Either:
        value: int | str

    with pytest.raises(TypeError, match="no single JSON form"):
        from_plain(Either, {"value": 1})


def test_a_set_is_written_in_order_and_numbers_that_are_enums_plainly():
    plain = to_plain(frozenset({Exit.CONFIG, Exit.SOME_DAYS, Exit.DAMAGED}))

    assert plain == [2, 3, 5]
    assert {type(number) for number in plain} == {int}
