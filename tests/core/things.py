"""Streams for tests of the core: builders that hide what does not matter."""

from datetime import UTC, datetime

from snapshotter.spec import DayRule, Kind, Selection, Shape, Stream, Template, WindowRule

BY_TIME = DayRule(first_of=("at",), parse="instant", zone="UTC")
BY_DATE = DayRule(first_of=("day",), parse="date", zone="UTC")


def at(text: str) -> datetime:
    """An instant of ISO 8601, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def a_stream(*, day: DayRule | None = BY_TIME, window: WindowRule | None = None, **given) -> Stream:
    """`api/things`, a series by `at` in UTC whose records have an `id`; keywords of `Selection` and `Stream`."""
    of_stream = {key: given.pop(key) for key in ("kind", "expect") if key in given}
    selection = Selection(**{"id": ("id",)} | given)
    return Stream(
        "api", "things", **{"kind": Kind.SERIES} | of_stream,
        path=Template(("/things",)), selection=selection, day=day, window=window,
    )  # fmt: skip


def a_snapshot(**given) -> Stream:
    """The same as one whole state."""
    return a_stream(**{"day": None, "kind": Kind.SNAPSHOT} | given)


def a_single(**given) -> Stream:
    """The same with one object a day."""
    return a_stream(**{"shape": Shape.SINGLE, "id": ()} | given)
