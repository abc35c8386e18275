"""What two machines archived together is what one machine would have that asked all of it in that order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core import joining
from snapshotter.core.joining import Side
from snapshotter.core.runs import run_id
from snapshotter.model import DayFact, JobStory, Reason, RunRecord, Window
from tests.core.test_documents import HOURLY, Archive, a_thing, span
from tests.core.things import a_stream

BEGAN = datetime(2024, 6, 1, tzinfo=UTC)
PARTS = [span("01 00", "01 12"), span("01 12", "02 00"), span("02 00", "03 00"), span("01 00", "03 00")]
HOURS = st.sampled_from(["01 03", "01 09", "01 15", "02 04", "02 20"])
CHANGES = st.tuples(st.sampled_from("abc"), st.none() | st.tuples(HOURS, st.integers(0, 3)))
ASKS = st.tuples(st.booleans(), st.sampled_from(PARTS))


class Machine:
    """Archives what it asks, and writes run records."""

    def __init__(self, stream, documents=None):
        self.archive = Archive(stream)
        self.archive.documents |= documents or {}
        self.records = ()

    def asks(self, server, window: Window, *, at: datetime, turn: int):
        wanted = [thing for thing in server.values() if window.holds(datetime.fromisoformat(thing["at"]))]
        outcome = self.archive.settle(wanted, proves=window)
        days = {day: DayFact(change.records, "00", "changed") for day, change in outcome.documents.items()}
        story = JobStory("job", Reason.RECENT, "", window, window, "UTC", "end", at, 1, days=days)
        stream = self.archive.stream
        name = run_id(at, turn)
        record = RunRecord(name, 1, True, "1", "fetch", at, at, stream.source, stream.name, {}, (story,), turn=turn)
        self.records = (*self.records, record)

    def side(self, base, other):
        """What either changed, as it is here."""
        here, there = self.archive.documents, other.archive.documents
        changed = {day for day in {*here, *there} if here.get(day) != there.get(day)}
        return Side({day: here[day] for day in changed if day in here}, self.records)


def joined(base, one, two):
    found = joining.join(one.archive.stream, base, one.side(base, two), two.side(base, one))
    same = {day: data for day, data in one.archive.documents.items() if two.archive.documents.get(day) == data}
    return same | dict(found.documents)


@given(st.lists(CHANGES, max_size=4), st.lists(CHANGES | ASKS, max_size=14))
def test_two_machines_together_have_what_one_would_have(before, steps):
    stream, server = replace(a_stream(), window=HOURLY), {}

    def changes(name, what):
        server.pop(name, None)
        if what is not None:
            server[name] = a_thing(name, what[0], value=what[1])

    for name, what in before:
        changes(name, what)
    first = Machine(stream)
    first.asks(server, PARTS[-1], at=BEGAN, turn=1)
    base = dict(first.archive.documents)
    alone, one, two = Machine(stream, base), Machine(stream, base), Machine(stream, base)
    for number, (who, what) in enumerate(steps):
        if isinstance(who, str):
            changes(who, what)
            continue
        for machine in (alone, one if who else two):
            machine.asks(server, what, at=BEGAN + timedelta(hours=number + 1), turn=len(machine.records) + 2)

    found = joined(base, one, two)

    def filled(documents):
        return {day: data for day, data in documents.items() if data != b"[]\n"}

    assert filled(found) == filled(alone.archive.documents)
    assert joined(base, two, one) == found
