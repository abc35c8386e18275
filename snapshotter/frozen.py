"""`dataclass` for frozen values with slots, whose `__init__` is made when the first one is made.

The standard decorator compiles six functions a class when its module is loaded, and looks at each annotation and
signature. With two hundred classes that is a third of the time that a command takes to start, mostly for classes that
it never uses. Everything else, `fields` and `replace` among it, is as the standard library has it; what this does not
handle goes to the standard decorator.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from inspect import get_annotations
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 - what type checkers know it as
else:

    def dataclass(cls=None, /, **options):
        """Make a class a dataclass; takes what `dataclasses.dataclass` takes."""
        return (lambda given: _made(given, **options)) if cls is None else _made(cls, **options)

    def _made(cls, *, frozen=False, slots=False, kw_only=False, **others):
        own = set(cls.__dict__)
        if not (frozen and slots) or others or "__init__" in own:  # all others are rare
            return dataclasses.dataclass(cls, frozen=frozen, slots=slots, kw_only=kw_only, **others)
        if cls.__dict__.get("__hash__") is None:  # Python says so where a class has its own `__eq__`
            own.discard("__hash__")
        made = _slotted(cls, own, kw_only) if _plain(cls) else _slotted_by_the_standard(cls, own, kw_only)
        made.__init__ = _first_init(made)
        return made


_MISSING = dataclasses.MISSING
_FACTORY = object()  # stands for a value that was not given
_ODD = ("ClassVar", "InitVar", "KW_ONLY")  # annotations that are no fields


@dataclasses.dataclass(init=False, repr=False, eq=False, slots=True)
class _Model:
    """What the standard decorator writes beside the fields, the same for all classes."""

    value: int


_USUAL_FIELD = dataclasses.fields(_Model)[0]._field_type  # type: ignore[attr-defined]
_PARAMETERS = _Model.__dataclass_params__  # type: ignore[attr-defined]


def _plain(cls: type) -> bool:
    """Whether all that is annotated is a usual field with a usual default."""
    return "__slots__" not in cls.__dict__ and all(
        isinstance(kind, str)
        and not any(odd in kind for odd in _ODD)
        and cls.__dict__.get(name).__class__.__hash__ is not None
        for name, kind in get_annotations(cls).items()
    )


def _slotted(cls: type, own: set[str], kw_only: Any) -> type:
    """The class once more, with slots for its fields and the methods that all share."""
    fields: dict[str, dataclasses.Field[Any]] = {}
    taken: set[str] = set()  # slots of what it derives from
    for base in cls.__mro__[-2:0:-1]:
        fields.update(getattr(base, "__dataclass_fields__", {}))
        slots = base.__dict__.get("__slots__", ())
        taken.update((slots,) if isinstance(slots, str) else slots)
    members = dict(cls.__dict__)
    annotations = get_annotations(cls)
    for name, kind in annotations.items():
        default = members.pop(name, _MISSING)
        one: Any = default if isinstance(default, dataclasses.Field) else dataclasses.field(default=default)
        one.name, one.type, one._field_type = name, kind, _USUAL_FIELD
        one.kw_only = kw_only if one.kw_only is _MISSING else one.kw_only
        fields[name] = one
    for name in ("__dict__", "__weakref__"):
        members.pop(name, None)
    shared = {**_SHARED, **_comparing([field.name for field in fields.values() if field.compare])}
    members |= {name: method for name, method in shared.items() if name not in own}
    members["__doc__"] = members["__doc__"] or cls.__name__
    members["__slots__"] = tuple(name for name in annotations if name not in taken)
    members["__dataclass_fields__"], members["__dataclass_params__"] = fields, _PARAMETERS
    members.setdefault("__match_args__", tuple(field.name for field in fields.values() if not field.kw_only))
    made = type(cls)(cls.__name__, cls.__bases__, members)
    made.__qualname__ = cls.__qualname__
    return made


def _slotted_by_the_standard(cls: type, own: set[str], kw_only: Any) -> type:
    made: Any = dataclasses.dataclass(init=False, repr=False, eq=False, slots=True, kw_only=kw_only)(cls)
    shared = {**_SHARED, **_comparing([field.name for field in dataclasses.fields(made) if field.compare])}
    for name, method in shared.items():
        if name not in own:
            setattr(made, name, method)
    return cast("type", made)


def _first_init(made: type) -> Any:
    """Makes the real `__init__` and hands over to it."""

    def init(self: Any, *args: Any, **named: Any) -> None:
        made.__init__ = _init_of(made)  # type: ignore[misc]
        made.__init__(self, *args, **named)  # type: ignore[misc]

    init.__qualname__ = f"{made.__qualname__}.__init__"
    init.__name__ = "__init__"
    return init


def _init_of(made: type) -> Any:
    """An `__init__` that puts each value into its slot, which is how only this one gets past `__setattr__`."""
    known: dict[str, Any] = {"_factory": _FACTORY}
    usual: list[str] = []
    named: list[str] = []
    lines: list[str] = []
    for number, field in enumerate(dataclasses.fields(made)):
        default, value = "", field.name
        if field.default is not _MISSING:
            known[f"_default{number}"] = field.default
            default = f"=_default{number}"
        elif field.default_factory is not _MISSING:
            known[f"_make{number}"] = field.default_factory
            default, value = "=_factory", f"_make{number}() if {field.name} is _factory else {field.name}"
        known[f"_set{number}"] = getattr(made, field.name).__set__
        (named if field.kw_only else usual).append(f"{field.name}{default}")
        lines.append(f" _set{number}(self, {value})")
    if hasattr(made, "__post_init__"):
        lines.append(" self.__post_init__()")
    parameters = ", ".join(["self", *usual, *(["*", *named] if named else [])])
    exec(f"def __init__({parameters}):\n" + "\n".join(lines or [" pass"]), known)  # noqa: S102 - names of fields only
    init = known["__init__"]
    init.__qualname__ = f"{made.__qualname__}.__init__"
    return init


def _comparing(names: list[str]) -> dict[str, Any]:
    if len(names) > 1:
        return _compared_by(attrgetter(*names))
    return _compared_by(lambda self: tuple(getattr(self, name) for name in names))  # as attrgetter gives no tuple


def _compared_by(values: Callable[[Any], tuple[Any, ...]]) -> dict[str, Any]:
    def equal(self: object, other: object) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return {"__eq__": equal, "__hash__": lambda self: hash(values(self))}


# --- what all of these classes share ---


def _shown(self: Any) -> str:
    parts = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(parts)})"


def _refuse_to_set(self: object, name: str, value: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: object, name: str) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")


_known_places: dict[type, tuple[Any, ...]] = {}  # records are pickled by the hundred thousand


def _places(made: type) -> tuple[Any, ...]:
    """The slots of a class in the order of its fields."""
    found = _known_places.get(made)
    if found is None:
        found = _known_places[made] = tuple(getattr(made, field.name) for field in dataclasses.fields(made))
    return found


def _state(self: Any) -> list[Any]:
    return [place.__get__(self) for place in _places(type(self))]


def _restore(self: Any, state: list[Any]) -> None:
    for place, value in zip(_places(type(self)), state, strict=True):
        place.__set__(self, value)


_SHARED: dict[str, Any] = {
    "__repr__": _shown,
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _state,
    "__setstate__": _restore,
}
