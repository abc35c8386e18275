"""What a changed description means for the days that a stream has already.

Two descriptions of one stream are compared key by key, as a source file names them. What only changes how or when
something is asked is harmless; what changes the meaning of saved days stops the stream until the user has decided.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from enum import Enum

from snapshotter.core.escaping import escape
from snapshotter.core.spans import span_text
from snapshotter.frozen import dataclass
from snapshotter.spec import DayRule, Shape, Slot, Source, Span, Stream, Template, WindowRule

ACCEPT = "check --accept"  # the command of the run record that says a change is meant
RENAME = "rename"  # the command of the run record that stands where a stream got its name
LONGEST = 60  # characters of a value that is shown


class Effect(Enum):
    """What a change reaches."""

    HARMLESS = "harmless"  # how and when is asked
    ANSWERS = "answers"  # what is stored of future answers
    DAYS = "days"  # which day a record belongs to
    IDENTITY = "identity"  # which records are the same one
    DATA = "data"  # it is other data altogether


STOPPING = frozenset({Effect.DAYS, Effect.IDENTITY, Effect.DATA})


@dataclass(frozen=True, slots=True)
class KeyChange:
    """One key that says something else now."""

    key: str  # as in the source file
    effect: Effect
    was: str
    now: str

    @property
    def stops(self) -> bool:
        """Whether nothing is asked of the stream until the user has decided."""
        return self.effect in STOPPING

    @property
    def is_final(self) -> bool:
        """Whether it cannot be accepted at all: saved days stay cut as they were."""
        return self.key == "day.zone"

    def __str__(self) -> str:
        return f"{self.key}: {self.was} -> {self.now}"


# Fields of the values, by the effect of a change. What is not named here changes future answers.
_STREAM = {
    "kind": Effect.DATA, "path": Effect.DATA, "method": Effect.DATA, "params": Effect.DATA, "json": Effect.DATA,
    "form": Effect.DATA, "headers": Effect.ANSWERS, "details": Effect.ANSWERS,
    "repeatable": Effect.HARMLESS, "every": Effect.HARMLESS, "paging": Effect.HARMLESS, "horizon": Effect.HARMLESS,
    "refresh": Effect.HARMLESS, "expect": Effect.HARMLESS, "errors": Effect.HARMLESS,
}  # fmt: skip
_SELECTION = {
    "records": Effect.DATA, "decode": Effect.DATA, "shape": Effect.DATA, "rows": Effect.DATA, "columns": Effect.DATA,
    "unnest": Effect.DATA, "id": Effect.IDENTITY, "id_is_hash": Effect.IDENTITY,
    "records_missing": Effect.HARMLESS, "order": Effect.HARMLESS,
}  # fmt: skip
_DAY = {
    "first_of": Effect.DAYS, "template": Effect.DAYS, "from_window": Effect.DAYS, "parse": Effect.DAYS,
    "naive": Effect.DAYS, "zone": Effect.DAYS,
}  # fmt: skip
_WINDOW = {
    "params": Effect.DATA, "zone": Effect.HARMLESS, "filter_field": Effect.ANSWERS, "start": Effect.HARMLESS,
    "end": Effect.HARMLESS, "step": Effect.HARMLESS, "max_span": Effect.HARMLESS, "settle": Effect.HARMLESS,
    "lookback": Effect.HARMLESS, "overlap": Effect.HARMLESS, "backfill": Effect.HARMLESS,
    "empty_stop": Effect.HARMLESS, "granularity": Effect.HARMLESS,
}  # fmt: skip
_NAMES = {  # where a file calls it otherwise
    "selection.shape": "as", "selection.id_is_hash": "id", "paging": "paginate", "day.first_of": "day.field",
    "day.from_window": "day.from", "window.filter_field": "window.field",
}  # fmt: skip
_OURS = ("source", "name", "selection", "day", "window")  # names of places, and what is compared inside


def changes(was: Stream, now: Stream) -> tuple[KeyChange, ...]:
    """Every key of a stream that says something else, the gravest first."""
    found = [
        *_compared(_plain(was), _plain(now), _STREAM),
        *_compared(_values(was.selection), _values(now.selection), _SELECTION, within="selection"),
        *_part("day", was.day, now.day, _DAY),
        *_part("window", was.window, now.window, _window_effects(now.day)),
    ]
    once = {item.key: item for item in found}
    return tuple(sorted(once.values(), key=lambda item: (_GRAVEST.index(item.effect), item.key)))


def changes_of_source(was: Source, now: Source) -> tuple[KeyChange, ...]:
    """What the tables of a source say otherwise that reaches its data: where it is asked, and with which headers."""
    told = [
        ("client.base_url", Effect.DATA, was.client.base_url, now.client.base_url),
        ("client.headers", Effect.ANSWERS, was.client.headers, now.client.headers),
    ]
    return tuple(KeyChange(key, effect, _shown(old), _shown(new)) for key, effect, old, new in told if old != new)


_GRAVEST = (Effect.DATA, Effect.IDENTITY, Effect.DAYS, Effect.ANSWERS, Effect.HARMLESS)


def _plain(stream: Stream) -> Mapping[str, object]:
    return {name: value for name, value in _values(stream).items() if name not in _OURS}


def _values(value: object) -> Mapping[str, object]:
    return {item.name: getattr(value, item.name) for item in fields(value)}  # type: ignore[arg-type]


def _compared(
    was: Mapping[str, object], now: Mapping[str, object], effects: Mapping[str, Effect], *, within: str = ""
) -> Iterator[KeyChange]:
    for name, old in was.items():
        new = now[name]
        if old != new:
            place = f"{within}.{name}" if within else name
            key = _NAMES.get(place, place.removeprefix("selection."))
            yield KeyChange(key, effects.get(name, Effect.ANSWERS), _shown(old), _shown(new))


def _part(
    name: str, was: DayRule | WindowRule | None, now: DayRule | WindowRule | None, effects: Mapping[str, Effect]
) -> Iterator[KeyChange]:
    """What changed in a table that one of the two may lack."""
    if was is not None and now is not None:
        yield from _compared(_values(was), _values(now), effects, within=name)
    elif was is not now:
        effect = Effect.DAYS if name == "day" else Effect.ANSWERS
        yield KeyChange(name, effect, "none" if was is None else "given", "none" if now is None else "given")


def _window_effects(day: DayRule | None) -> Mapping[str, Effect]:
    """Where the window says the day, its zone and its width cut the days."""
    if day is None or not day.from_window:
        return _WINDOW
    return _WINDOW | {"zone": Effect.DAYS, "step": Effect.DAYS}


def _shown(value: object) -> str:
    """A value for people, short."""
    text = _text(value)
    return escape(text if len(text) <= LONGEST else text[: LONGEST - 1] + "…", LONGEST * 4)


def _text(value: object) -> str:
    match value:
        case None | () | "":
            return "none"
        case bool():
            return "yes" if value else "no"
        case str() | int() | float():
            return str(value)
        case Span():
            return span_text(value)
        case Slot():
            return f"{{{'|'.join((f'{value.root}.{value.path}'.rstrip('.'), *value.filters))}}}"
        case Template():
            return "".join(_text(part) for part in value.parts)
        case Shape() | Enum():
            return str(value.value)
        case Mapping():
            return ", ".join(f"{name}={_text(item)}" for name, item in value.items()) or "none"
        case tuple() | list():
            return ", ".join(_text(item) for item in value)
        case _:
            return "as described"


def back_again(since: str) -> KeyChange:
    """A stream that was removed and is described again."""
    return KeyChange("stream", Effect.DATA, f"removed {since}", "described again")


# --- consequences ---


@dataclass(frozen=True, slots=True)
class Saved:
    """What a stream has already: documents of days, other documents, proved spans."""

    days: int = 0
    has_document: bool = False
    proved: int = 0
    is_removed: bool = False  # it was taken out on purpose

    @property
    def is_nothing(self) -> bool:
        """Whether no change can mean anything for it."""
        return not (self.days or self.has_document or self.proved or self.is_removed)

    def __str__(self) -> str:
        if self.days:
            return f"{self.days:,} archived day{'s' if self.days != 1 else ''}"
        return "the archived document" if self.has_document else "what was found empty"


def consequence(change: KeyChange, saved: Saved) -> str:
    """What a change means for what is archived and for the next fetch, in words."""
    if saved.is_nothing:
        return "nothing is archived yet, so it just holds from now on"
    if saved.is_removed:
        return "it was removed from the archive on purpose; the next fetch would download all of it again"
    keep = "keeps" if saved.days <= 1 else "keep"
    match change.effect:
        case Effect.HARMLESS:
            return "it changes how and when is asked; what is archived stays as it is"
        case Effect.ANSWERS:
            return (
                f"{saved} {keep} what was stored by the old words; what is asked again is stored by the new ones"
                " and replaces it, and history keeps both"
            )
        case Effect.DAYS:
            return f"{saved} {keep} the old division; the next fetch would cut days anew beside them" + (
                "; it can not be accepted" if change.is_final else ""
            )
        case Effect.IDENTITY:
            return f"{saved} {keep} the old identity; the next fetch would take known records for new ones"
        case Effect.DATA:
            return f"{saved} {keep} the old data; the next fetch would put other data among them under the same name"


def ways_on(stream: str, stopping: Sequence[KeyChange]) -> str:
    """What the user can do about a stream that is stopped."""
    ways = ["put the old words back", "describe the new ones as a stream under another name"]
    if not any(change.is_final for change in stopping):
        ways += [f"say that it is meant with `snap check {stream} --accept`"]
    return f"{', '.join(ways[:-1])}, or {ways[-1]}"


def _ways_back(stream: str) -> str:
    """The same for one that was removed: all of it would be downloaded again."""
    return (
        f"take its table out of the source file, or say with `snap check {stream} --accept` that it is meant:"
        " the next fetch then downloads all of it again"
    )


def why_stopped(stream: str, found: Sequence[KeyChange], saved: Saved) -> str | None:
    """Why nothing is asked of a stream, or None."""
    stopping = [change for change in found if change.stops]
    if not stopping or saved.is_nothing:
        return None
    if saved.is_removed:
        taken = f"it was {stopping[0].was} from the archive on purpose, and is described again"
        return f"{taken}. Nothing of it is asked until you {_ways_back(stream)}"
    told = "; ".join(str(change) for change in stopping)
    gravest = consequence(stopping[0], saved)
    return f"its description changed ({told}): {gravest}. Nothing of it is asked until you {ways_on(stream, stopping)}"


def cut_otherwise(stream: Stream, zones: Sequence[str]) -> str | None:
    """Why a stream cannot go on: its archived days were cut in another zone."""
    if stream.day is None or not zones or stream.day.zone == zones[-1]:
        return None
    was, now = zones[-1], stream.day.zone
    return (
        f"its archived days are cut in {was}, and day.zone says {now} now: put {was} back,"
        " or describe it as a new stream under another name; nothing of it is asked until then"
    )
