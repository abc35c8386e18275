"""What one answer says about where an API's history begins: found, seen again, not so after all, or nothing."""

from __future__ import annotations

from datetime import datetime

from snapshotter.core import planning
from snapshotter.core.history import EndFound
from snapshotter.core.ledger import missed_in
from snapshotter.core.missing import ENDED, MissClass, class_of
from snapshotter.core.states import history_end as known_end
from snapshotter.evidence import SEEN_AGAIN, HistoryEnd, StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.model import Job, JobStory, Reason, Window
from snapshotter.spec import Stream

BACK = (*planning.PAST, Reason.RETRY)  # reasons of jobs that go back in time


@dataclass(frozen=True, slots=True)
class EndTold:
    """The API has nothing before `before`; since when that is doubted, where it rests on refusals of one day."""

    before: datetime
    how: str
    doubted: datetime | None = None
    turns: bool = True  # what is to be asked of the past is another thing now


def may_tell(stream: Stream, story: JobStory, known: StreamLedger, after: StreamLedger) -> bool:
    """Whether a story can change how far back the history of a stream is looked for."""
    if stream.window is None or story.window is None:
        return False
    zone = planning.zone_of(stream)
    if known_end(known, zone) is not None and story.reason is not Reason.EDGE:
        # Only records behind it speak against a known end, and only a refusal for it.
        return known_end(after, zone) is None or (story.reason in BACK and _is_refused(story))
    without = story.received == 0 and (story.proved is not None or story.miss is not None)
    return without or story.reason in (Reason.PROBE, Reason.EDGE)  # these may leave other questions than before


def told(
    stream: Stream, story: JobStory, *, known: StreamLedger, after: StreamLedger, seen: datetime
) -> EndTold | None:
    """The end of history as it is told with a story that may tell of it; `seen`: when its answer came.

    `known` is the ledger before it, `after` the one with it.
    """
    zone = planning.zone_of(stream)
    end, left, state = known_end(known, zone), known_end(after, zone), planning.state_of(after)
    if end is None:
        return _new(_found(stream, state, story), seen)
    if left is None:  # there are records behind it
        if story.reason is Reason.EDGE and _is_inside_a_refusal(story, known) and state.oldest_archived is not None:
            return EndTold(state.oldest_archived, end.how, end.doubted)
        return _new(_found(stream, state, story), seen)
    if story.window is None or story.window.start >= left.before:
        return None  # what is refused there is no evidence for it
    if story.reason in BACK and _is_refused(story):
        # Who looks behind a known end wants all of it asked, unless the API says that there is no more.
        turns = story.reason is Reason.EDGE or _is_end(story, state)
        return EndTold(left.before, left.how, _still_doubted(left, seen), turns)
    if story.reason is Reason.EDGE and story.proved is not None:  # what was refused has no records
        silent = planning.silence_of(stream, state)
        found = silent.end if silent is not None else None
        return None if found is None or found.by_refusal else _new(found, seen)
    return None


def is_asked_in_parts(story: JobStory, after: StreamLedger) -> bool:
    """Whether a story of new days, or of a hole, leaves a refused window of which the newer part may be there."""
    if story.reason not in (Reason.RECENT, Reason.RETRY) or story.window is None:
        return False
    if story.proved is None:
        return _is_refused(story)
    above = Window(story.proved.start - planning.MOMENT, story.proved.start)
    return any(class_of(missed.fact) is MissClass.GONE for missed in missed_in(after, above))


def newest_part(stream: Stream, story: JobStory, state: planning.StreamState) -> tuple[Job, ...]:
    """What is asked at once where a story tells that the newest days were refused together with older ones."""
    if story.reason is not Reason.RECENT or story.window is None or not _is_refused(story):
        return ()
    return planning.newest_part(stream, state, story.window)


def _found(stream: Stream, state: planning.StreamState, story: JobStory) -> EndFound | None:
    """The end of history, if the API said so in a story, or if silence and the probes behind it prove it."""
    if _is_end(story, state):
        assert story.window is not None  # noqa: S101 - as `_is_end` saw
        return EndFound(
            state.oldest_archived or story.window.end, "the API said so, by a rule with `end`", by_refusal=True
        )
    found = planning.silence_of(stream, state)
    return None if found is None else found.end


def _new(found: EndFound | None, seen: datetime) -> EndTold | None:
    return None if found is None else EndTold(found.before, found.how, seen if found.by_refusal else None)


def _is_end(story: JobStory, state: planning.StreamState) -> bool:
    """Whether the API answered to the first request for an older window that there is no more."""
    oldest = state.oldest_archived
    return (
        story.reason in BACK
        and story.miss is not None
        and story.miss.kind == ENDED
        and story.window is not None
        and (oldest is None or story.window.start < oldest)
    )


def _is_refused(story: JobStory) -> bool:
    return story.miss is not None and class_of(story.miss) is MissClass.GONE


def _is_inside_a_refusal(story: JobStory, known: StreamLedger) -> bool:
    """Whether a part of a refused window was asked, of which the rest is refused still."""
    window = story.window
    return window is not None and any(
        missed.window.start < window.start < missed.window.end for missed in missed_in(known, window)
    )


def _still_doubted(end: HistoryEnd, seen: datetime) -> datetime | None:
    """Since when an end is doubted that was seen so once more."""
    if end.doubted is None:
        return None
    since = min(end.doubted, seen)  # a clock that was ahead then
    return None if seen - since >= SEEN_AGAIN else since
