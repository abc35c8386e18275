"""Run records for tests: one that says only what matters, and random histories of a stream."""

from datetime import UTC, date, datetime, timedelta

from hypothesis import strategies as st

from snapshotter.core.ledger import SILENT
from snapshotter.model import DayFact, JobStory, MissFact, PageFact, Reason, RunRecord, Validators, Window

STREAM = "usgs-earthquakes/events"
START = datetime(2018, 2, 1, tzinfo=UTC)


def at(text: str) -> datetime:
    """`02-05 03:15` of 2018, UTC."""
    return datetime.strptime(f"2018-{text}", "%Y-%m-%d %H:%M").replace(tzinfo=UTC)


def span(first: str, last: str) -> Window:
    """`span("02-05 00:00", "02-06 00:00")`."""
    return Window(at(first), at(last))


def day_span(day: str, *, days: int = 1) -> Window:
    start = at(f"{day} 00:00")
    return Window(start, start + timedelta(days=days))


def a_page(number: int = 0, *, records: int = 3, status: int = 200) -> PageFact:
    return PageFact(number, status, "GET https://example.test/", "ab" * 32, 120, at("02-05 03:15"), records)


def a_day(records: int = 3, *, change: str = "new", added: int = 0, removed: int = 0, edited: int = 0) -> DayFact:
    sha256 = None if change == "none" else f"{records:064x}"
    return DayFact(records, sha256, change, added, removed, edited)


def a_miss(state: str = "failed", *, kind: str = "server", status: int | None = 503, why: str = "503") -> MissFact:
    return MissFact(state, kind, why, status)


def a_story(window: Window | None = None, **given) -> JobStory:
    """Good and proving its whole window, unless `miss` is given."""
    miss = given.get("miss")
    told = {
        "job": f"{STREAM} {window}",
        "reason": Reason.RECENT,
        "why": "the newest days",
        "window": window,
        "proved": None if miss else window,
        "zone": "UTC",
        "stop": miss.kind if miss else "no_next",
        "at": at("02-07 06:00"),
        "requests": 1,
    }
    return JobStory(**told | given)


def a_record(*stories: JobStory, **given) -> RunRecord:
    source, stream = STREAM.split("/")
    told = {
        "run": "20180207T060000Z-3f9a2c",
        "sequence": 0,
        "closes": True,
        "snap": "0.1.0",
        "command": "fetch",
        "started": at("02-07 06:00"),
        "at": at("02-07 06:01"),
        "source": source,
        "stream": stream,
        "settings": {},
        "stories": stories,
    }
    return RunRecord(**told | given)


# --- random histories ---

HOURS = st.integers(0, 14 * 24).map(lambda hours: START + timedelta(hours=hours))
DAYS = st.integers(0, 13).map(lambda days: date(2018, 2, 1) + timedelta(days=days))
MOMENTS = st.integers(0, 10**6).map(lambda seconds: START + timedelta(seconds=seconds, microseconds=seconds % 7))
WORDS = st.sampled_from(["no_next", "503 Service Unavailable", "ümlaut \n Run: forged", ""])


@st.composite
def windows(draw):
    start = draw(HOURS)
    return Window(start, start + timedelta(hours=draw(st.sampled_from([0, 1, 6, 24, 24, 30, 72]))))


MISSES = st.builds(
    MissFact,
    state=st.sampled_from(["failed", "invalid", "partial"]),
    kind=st.sampled_from(["server", "network", "unreadable"]),
    why=WORDS,
    status=st.none() | st.sampled_from([429, 503]),
    quarantine=st.none() | st.just("q1"),
    next_try=st.none() | MOMENTS,
    tries=st.integers(1, 9),
    first=st.none() | MOMENTS,
)
FACTS = st.builds(
    a_day,
    st.integers(0, 5),
    change=st.sampled_from(["new", "changed", "same", "emptied", "none"]),
    added=st.integers(0, 3),
)
VALIDATORS = st.builds(Validators, st.sampled_from(["i1", "i2"]), etag=st.sampled_from(['"a"', '"b"']))


@st.composite
def stories(draw):
    window = draw(st.none() | windows() | windows())
    miss = draw(st.none() | MISSES)
    proved = draw(st.none() | windows()) if window is None or miss else window
    return JobStory(
        job=f"{STREAM} {window}",
        reason=draw(st.sampled_from(sorted(set(Reason) - set(SILENT), key=str))),
        why="the newest days",
        window=window,
        proved=proved,
        zone=draw(st.sampled_from(["UTC", "Europe/Berlin"])),
        stop=draw(WORDS),
        at=draw(MOMENTS),
        requests=draw(st.integers(0, 3)),
        pages=tuple(a_page(number, records=draw(st.integers(0, 4))) for number in range(draw(st.integers(0, 3)))),
        days=draw(st.dictionaries(DAYS, FACTS, max_size=3)),
        miss=miss,
        validators=draw(st.none() | VALIDATORS),
        history_ends=(ends := draw(st.none() | st.none() | st.just("3 empty windows"))),
        history_before=draw(st.none() | MOMENTS) if ends else None,
        dateless=draw(st.none() | FACTS),
        withdrawn=draw(st.none() | st.none() | windows()),
    )


@st.composite
def histories(draw, *, most: int = 8):
    """Records of one stream in random order, with clocks that jump and turns that may repeat (two machines)."""
    names = st.tuples(st.sampled_from(["20180207T060000Z-3f9a2c", "20180208T060000Z-aaaaaa"]), st.integers(0, 9))
    found = draw(st.lists(names, unique=True, max_size=most))
    return [
        a_record(
            *draw(st.lists(stories(), min_size=1, max_size=3)),
            run=run,
            sequence=sequence,
            turn=draw(st.integers(0, 3)),
            at=draw(MOMENTS),
        )
        for run, sequence in found
    ]
