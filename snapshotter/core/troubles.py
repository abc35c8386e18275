"""What is wrong now, from what is known now: a trouble that a run did not happen to meet is there all the same."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from math import ceil

from snapshotter.core import missing, planning
from snapshotter.core.escaping import escape
from snapshotter.core.intervals import covers, union
from snapshotter.core.notifying import REMINDERS, Standing, Trouble
from snapshotter.core.windows import origin
from snapshotter.core.wording import counted
from snapshotter.evidence import Missed, StreamLedger
from snapshotter.model import Window
from snapshotter.results import Ran
from snapshotter.results.details import Counted
from snapshotter.spec import Stream

DAYS = "days "  # before the key of a trouble that a ledger tells
DAY = timedelta(days=1)
DISK, DAMAGE, RESTORE = "disk", "damage", "restore"  # what a notice is about that tells a state of the whole archive
_ENDS = {"DiskRefused": (DISK, "nothing can be saved"), "Damaged": (DAMAGE, "the archive is damaged")}
STATES = (DISK, DAMAGE, RESTORE)  # one state each, whatever its words are


def of_run(ran: Ran) -> Iterator[Trouble]:
    """The errors of a run."""
    for notice in ran.notices:
        if notice.level == "error":
            words, lasting = _told(notice.about, notice.text), not notice.passes
            yield Trouble(f"{notice.about}:{'' if notice.about in STATES else _kind(notice.text)}", words, lasting)


def of_error(kind: str, text: str) -> Trouble:
    """What is wrong after a run that an error ended."""
    if kind in _ENDS:
        about, head = _ENDS[kind]
        return Trouble(f"{about}:", _told(head, _place_last(text)), lasting=True)
    return Trouble(f"run:{kind}", _told("the run ended", text), lasting=kind != "Busy")


def _place_last(text: str) -> str:
    """What is wrong before where: a path may be long, and a subject is short."""
    place, _, why = text.partition(": ")
    if not why or "/" not in place:
        return text
    what, semicolon, step = why.partition(";")
    return f"{what} ({place}){semicolon}{step}"


def of_stream(
    stream: Stream, known: StreamLedger, *, now: datetime, held: int = 0, details: Iterable[Counted] = ()
) -> Iterator[Trouble]:
    """The days that could not be had and were not had since, what waits for the user, details that failed."""
    groups: dict[str, list[Missed]] = {}
    for missed in _misses(stream, known):
        of = missing.class_of(missed.fact)
        name = missed.fact.state if missing.is_transient(of) else of.value
        groups.setdefault(name, []).append(missed)
    for lost in _lately_lost(known, now):
        day = f"{lost.window.start:%Y-%m-%d %H:%M}"
        words = f"{stream.key}: {missing.class_words(missing.class_of(lost.fact))}, from {day}"
        yield Trouble(f"{DAYS}{stream.key} {missing.LOST} {day}", words, lasting=True, ends=False)
    for name, found in groups.items():
        latest = max(found, key=lambda one: one.stamp)
        lasting = not missing.is_transient(missing.class_of(latest.fact))
        yield Trouble(f"{DAYS}{stream.key} {name}", f"{stream.key}: {_words(found, latest, lasting)}", lasting)
    if held:
        words = f"{counted(held, 'version')} waiting for you; `snap held` lists what waits"
        yield Trouble(f"{DAYS}{stream.key} held", f"{stream.key}: {words}", lasting=True)
    for one in details:
        if one.failed:
            words = f"{one.failed:,} details {one.name} failed; `snap gaps {stream.key}` says why"
            yield Trouble(f"{DAYS}{stream.key} {one.name}", f"{stream.key}: {words}", lasting=False)


def missing_days(stream: Stream, known: StreamLedger) -> int:
    """How many days were asked, could not be had, and were not had since."""
    spans = [missed.window for missed in _misses(stream, known)]
    return _days(spans) if stream.window is not None else len(spans)


def _misses(stream: Stream, known: StreamLedger) -> Iterator[Missed]:
    """Those that matter: not before the origin or the end of history, nor complete days whose last try was in vain
    while others came since."""
    if known.whole_missed is not None:
        yield known.whole_missed
    if stream.window is None:
        return
    end = planning.state_of(known).history_end
    floor = max(origin(stream.window), end) if end is not None else origin(stream.window)
    here = (missed for missed in known.misses if missed.window.end > floor)
    proved = union(one.window for one in known.proved)
    good = known.last_good.stamp if known.last_good is not None else None
    for missed in here:
        is_last_word = good is None or missed.stamp > good
        if missed.fact.kind != missing.LOST and (is_last_word or not covers(proved, missed.window)):
            yield missed


def _lately_lost(known: StreamLedger, now: datetime) -> list[Missed]:
    """What a feed no longer had when it was asked; told for as long as reminders are sent."""
    lost = (missed for missed in known.misses if missed.fact.kind == missing.LOST)
    return [missed for missed in lost if now - missed.at <= REMINDERS[-1]]


def _words(found: Collection[Missed], latest: Missed, lasting: bool) -> str:  # noqa: FBT001 - one sentence of two kinds
    of = missing.class_of(latest.fact)
    what = _days_words(found)
    if not lasting:
        return f"{what} {latest.fact.state}; `snap gaps` says why, and runs ask again by themselves"
    step = missing.step_words(latest.fact, by_time=missing.is_by_time(latest))
    return f"{what} {latest.fact.state}: {missing.class_words(of)}{f'; {step}' if step else ''}"


def _days_words(found: Collection[Missed]) -> str:
    spans = union(missed.window for missed in found)
    if any(span.end.year - span.start.year > 1_000 for span in spans):
        return "the whole state"
    return counted(_days(spans), "day")


def _days(spans: Iterable[Window]) -> int:
    return sum(ceil((span.end - span.start) / DAY) for span in union(spans))


def untouched(before: Mapping[str, Standing], targets: Collection[str], sources: Collection[str]) -> Iterator[Trouble]:
    """Troubles of sources that a run for some of them did not look at."""
    looked_at = {target.split("/")[0] for target in targets}
    for key, standing in before.items():
        source = key.split(":")[0].split("/")[0]
        if targets and source in sources and source not in looked_at:
            yield standing.trouble


def _kind(text: str) -> str:
    """What stays the same of an error's words from run to run: they begin with what is wrong."""
    return "".join(char for char in text.split(":", maxsplit=1)[0][:60] if not char.isdigit())


def _told(about: str, text: str) -> str:
    words = " ".join(escape(text, 300).split())
    return f"{about}: {words}" if about and not words.startswith(about) else words
