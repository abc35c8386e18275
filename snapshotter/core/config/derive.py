"""What follows from what a stream says: zones, granularity, ends of a walk. Checks and values use the same rules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from snapshotter.core.config.placeholders import slots_of
from snapshotter.core.spans import longest
from snapshotter.core.template import resolution
from snapshotter.spec import DayRule, Overlap, Settings, Slot, Span

_FINEST, _DAY = Span(microseconds=1), Span(days=1)
_PARTS = {"year": Span(months=12), "month": Span(months=1)}  # alone they say less than a day


def calls_of(stream: Mapping[str, Any]) -> list[Any]:
    """Everything of a stream that goes into a request."""
    window = stream["window"]
    calls = [stream[name] for name in ("path", "params", "headers", "json", "form")]
    return [*calls, window["params"]] if window is not None else calls


def is_dated(day: Mapping[str, Any]) -> bool:
    """Whether records name a day, and no instant."""
    return not DayRule(from_window=day["from"] is not None, parse=day["parse"]).has_instants


def day_zone(day: Mapping[str, Any] | None, settings: Settings | None) -> str:
    """The zone that cuts the days."""
    written = day["zone"] if day is not None else None
    return str(written or (settings.zone if settings is not None else "UTC"))


def window_zone(stream: Mapping[str, Any], settings: Settings | None) -> str:
    """The zone of calendar steps and sent dates: as written; else that of the day if records name days; else UTC."""
    window, day = stream["window"], stream["day"]
    if window["zone"] is not None:
        return str(window["zone"])
    return day_zone(day, settings) if day is not None and is_dated(day) else "UTC"


def sent_resolution(slots: Iterable[Slot]) -> Span | None:
    """The step that the sent form of a window can show: the coarser of its two ends; None if none is sent."""
    finest: dict[str, Span] = {}
    for slot in slots:
        if slot.root == "window":
            shows = _shows(slot)
            best = finest.get(slot.path, shows)
            finest[slot.path] = min(best, shows, key=longest)
    return max(finest.values(), key=longest, default=None)


def granularity(stream: Mapping[str, Any]) -> Span | None:
    """The granularity as written, or as it follows from what is sent; None where it has to be written.

    An included end is sent one granule earlier. If the API's times were finer than that granule, the records of
    the last granule would be lost; so there only whole days are taken for granted.
    """
    window = stream["window"]
    if window["granularity"] is not None:
        written: Span = window["granularity"]
        return written
    sent = sent_resolution(slots_of(*calls_of(stream)))
    if sent is None:
        return _FINEST
    return sent if window["bounds"].endswith(")") or longest(sent) >= longest(_DAY) else None


def stops(paginate: Mapping[str, Any]) -> tuple[str, ...]:
    """What ends a walk well."""
    if paginate["stop"] is not None:
        written: tuple[str, ...] = paginate["stop"]
        return written
    return ("empty_page",) if paginate["type"] in ("page_number", "offset") else ("no_next",)


def overlap_of(value: Any) -> Overlap:
    """An overlap as it was read: one length for both sides, or a table."""
    return Overlap(value, value) if isinstance(value, Span) else Overlap(value["before"], value["after"])


def _shows(slot: Slot) -> Span:
    return next((_PARTS[name] for name in slot.filters if name in _PARTS), resolution(slot))
