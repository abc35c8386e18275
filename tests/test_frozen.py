"""Our `dataclass` makes what the standard library's makes."""

import copy
import dataclasses
import pickle
from collections.abc import Mapping
from dataclasses import FrozenInstanceError, field, fields, replace
from typing import ClassVar, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.frozen import dataclass

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Nothing:
    pass


@dataclass(frozen=True, slots=True)
class One:
    value: object


@dataclass(frozen=True, slots=True)
class Many:
    """Its words."""

    name: str
    count: int = 3
    more: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)
    given: tuple[str, ...] = ()

    @property
    def double(self) -> int:
        return self.count * 2


@dataclass(frozen=True, slots=True)
class Base:
    first: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived(Base):
    second: int = 2


@dataclass(frozen=True, slots=True)
class Checked:
    text: str

    def __post_init__(self):
        if not self.text:
            raise ValueError("empty")
        object.__setattr__(self, "text", self.text.lower())


@dataclass(frozen=True, slots=True)
class Own:  # noqa: PLW1641 - which the decorator makes
    value: int

    def __eq__(self, other):
        return True

    def __repr__(self):
        return "own"


@dataclass(frozen=True, slots=True)
class Of(Generic[T]):
    value: T


@dataclasses.dataclass(frozen=True, slots=True)
class StandardMany:
    name: str
    count: int = 3
    more: Mapping[str, int] = field(default_factory=dict, repr=False, compare=False)
    given: tuple[str, ...] = ()


VALUES = [Nothing(), One(1), Many("a", 1, {"b": 2}), Derived(1, second=3), Checked("A"), Of("x")]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_copies_are_equal_and_hash_alike(value):
    for other in (replace(value), copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert other == value
        assert hash(other) == hash(value)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_nothing_can_be_set_or_deleted(value):
    for name in [*(one.name for one in fields(value)), "other"]:
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 1)
        with pytest.raises(FrozenInstanceError):
            delattr(value, name)


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_there_are_slots_only(value):
    assert not hasattr(value, "__dict__")


@given(st.text(), st.integers(), st.lists(st.text()), st.text(), st.integers())
def test_it_compares_hashes_and_shows_as_the_standard_does(name, count, given_, other_name, other_count):
    ours = [Many(name, count, given=tuple(given_)), Many(other_name, other_count)]
    standard = [StandardMany(name, count, given=tuple(given_)), StandardMany(other_name, other_count)]

    assert (ours[0] == ours[1]) == (standard[0] == standard[1])
    assert hash(ours[0]) == hash(standard[0])
    assert repr(ours[0]) == repr(standard[0]).replace("StandardMany", "Many")


@pytest.mark.parametrize(
    ("args", "named"), [((), {}), (("a", 1, {}, (), 5), {}), (("a",), {"name": "b"}), (("a",), {"nothing": 1})]
)
def test_it_refuses_the_arguments_that_the_standard_refuses(args, named):
    with pytest.raises(TypeError) as standard:
        StandardMany(*args, **named)
    with pytest.raises(TypeError) as ours:
        Many(*args, **named)

    assert str(ours.value) == str(standard.value).replace("StandardMany", "Many")


def test_keyword_only_fields_are_so():
    with pytest.raises(TypeError):
        Derived(1, 2)

    assert Derived(5, second=6) == Derived(first=5, second=6)


def test_values_of_two_classes_are_never_equal():
    assert One(1) != Of(1)
    assert Base(1) != Derived(1)


def test_not_a_number_equals_itself_as_in_a_tuple():
    odd = float("nan")

    assert One(odd) == One(odd)


def test_a_check_after_making_is_made():
    assert Checked("ABC").text == "abc"
    with pytest.raises(ValueError, match="empty"):
        Checked("")


def test_methods_of_its_own_stay():
    assert Own(1) == Own(2)
    assert repr(Own(1)) == "own"
    assert hash(Own(1)) == hash(Own(1))


def test_patterns_match_by_position():
    match Many("a", 4):
        case Many(name, count):
            assert (name, count) == ("a", 4)


def test_what_is_not_frozen_is_made_by_the_standard_library():
    @dataclass(slots=True)
    class Loose:
        value: int = 0

    loose = Loose()
    loose.value = 2

    assert loose == Loose(2)


def test_an_ordered_class_is_ordered():
    @dataclass(frozen=True, slots=True, order=True)
    class Ordered:
        value: int

    assert Ordered(1) < Ordered(2)


def test_documentation_and_properties_stay():
    assert Many.__doc__ == "Its words."
    assert Many("a", 2).double == 4


@dataclass(frozen=True, slots=True)
class Over(Many):
    name: str = "b"
    seen: ClassVar[int] = 0
    last: int = field(default=1, kw_only=True)


@dataclass(frozen=True, slots=True)
class Further(Many):
    count: int = 4
    last: int = field(default=1, kw_only=True)


@dataclasses.dataclass(frozen=True, slots=True)
class StandardOver(StandardMany):
    name: str = "b"
    seen: ClassVar[int] = 0
    last: int = field(default=1, kw_only=True)


@dataclasses.dataclass(frozen=True, slots=True)
class StandardFurther(StandardMany):
    count: int = 4
    last: int = field(default=1, kw_only=True)


@pytest.mark.parametrize(("ours", "standard"), [(Many, StandardMany), (Over, StandardOver), (Further, StandardFurther)])
def test_fields_slots_and_patterns_are_those_of_the_standard(ours, standard):
    told = ("name", "type", "default", "default_factory", "init", "repr", "hash", "compare", "kw_only")

    assert [[getattr(one, name) for name in told] for one in fields(ours)] == [
        [getattr(one, name) for name in told] for one in fields(standard)
    ]
    assert ours.__slots__ == standard.__slots__
    assert ours.__match_args__ == standard.__match_args__
    assert ours.__qualname__ == ours.__name__
    assert ours.__doc__


def test_a_default_that_could_change_is_refused():
    with pytest.raises(ValueError, match="mutable default"):

        @dataclass(frozen=True, slots=True)
        class Changing:
            value: list = []  # noqa: RUF012
