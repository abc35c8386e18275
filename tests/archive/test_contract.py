"""From an API that keeps its contract, through any faults: nothing is called complete that is not, and all heals."""

import tempfile
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.archive.lanes import LONG_PATIENCE
from snapshotter.core.days import day_bounds, days_of
from snapshotter.core.intervals import covers, union
from snapshotter.core.missing import is_given_up
from snapshotter.core.states import ONE
from snapshotter.model import DayState, Reason
from tests.contracts import FATAL, FAULTS, Contract, Rig

NOW = datetime(2026, 4, 10, 12, 20, tzinfo=UTC)  # ten days after clocks were put forward in Europe
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Auckland")
PAGING = {
    "cursor": '{ type = "cursor", cursor = "next", param = "cursor" }',
    "total": '{ type = "page_number", param = "page", size = 2, total = "total" }',
    "none": '{ type = "none" }',
}
TROUBLE = st.sampled_from(["well", "well", "reset", *FAULTS, *FATAL])
DAYS_AGO = st.integers(0, 150) | st.integers(0, 20)
NEW = {Reason.RECENT, Reason.CONFIRM}
DONE = (DayState.SAVED, DayState.EMPTY, DayState.BEYOND)


def a_file(contract, *, zone, step, start, end, stop, settle):
    span = '{ from = "{window.start|iso}", to = "{window.end|iso}" }'
    rule = (
        f'start = "{start}", end = "{end}", step = "{step}", zone = "{zone}", settle = "{settle}", empty_stop = {stop}'
    )
    if contract.by_day:
        span = '{ from = "{window.start|date}", to = "{window.end|date}" }'
        rule += ', granularity = "1d", bounds = "[]"'
    ends = 'errors = [{ status = 422, action = "end" }]\n' if contract.ends else ""
    return (
        'format = 1\nsource = "demo"\n[client]\nbase_url = "https://api.test"\n[retry]\nattempts = 2\n'
        f'[streams.items]\nkind = "series"\npath = "/items"\nrecords = "data"\nid = "id"\nparams = {span}\n'
        f"paginate = {PAGING[contract.paging]}\n"
        f'window = {{ {rule} }}\nday = {{ field = "at", parse = "instant", zone = "{contract.zone}" }}\n{ends}'
    )


@st.composite
def rigs(draw, folder):
    by_day = draw(st.booleans())
    zone = draw(st.sampled_from(ZONES))
    contract = Contract(zone, draw(st.sampled_from(sorted(PAGING))), by_day=by_day, ends=draw(st.booleans()))
    if draw(st.booleans()):
        contract.edge = NOW - timedelta(days=draw(DAYS_AGO), hours=draw(st.integers(0, 23)))
        contract.refusal = draw(st.sampled_from([422 if contract.ends else 404, 404, 410]))
        contract.straddles = draw(st.booleans())
    elif draw(st.booleans()):
        contract.keeps = timedelta(days=draw(st.integers(60, 150)))  # longer than a window of the file
        contract.refusal = draw(st.sampled_from([422 if contract.ends else 404, 404, 410]))
        contract.straddles = True
    ages = draw(st.lists(st.tuples(DAYS_AGO, st.integers(0, 1440)), max_size=20))
    for days, minutes in ages:
        came(contract, NOW - timedelta(days=days, minutes=minutes), since=NOW - timedelta(days=500))
    file = a_file(
        contract,
        zone=zone if by_day else draw(st.sampled_from(ZONES)),
        step=draw(st.sampled_from(["1d", "7d", "P1M"])),
        start=(NOW - timedelta(days=draw(st.integers(8, 150)))).date(),
        end=draw(st.sampled_from(["now", "2026-04-03"])),
        stop=draw(st.integers(1, 3)),
        settle=draw(st.sampled_from(["0s", "6h", "2d"])),
    )
    return Rig(folder, contract, file, NOW)


def came(contract, at, *, since):
    """A record comes to the API; none comes behind its edge."""
    if contract.edge is None or at >= contract.edge:
        contract.held.append((since, at))


STEPS = st.tuples(
    st.integers(0, 200),  # hours that pass before the next run
    st.sampled_from([0, 0, 0, -1, -30, 2, 30, 24 * 40]),  # hours by which somebody sets the clock wrong
    st.lists(st.tuples(st.integers(0, 20) | DAYS_AGO, st.integers(0, 1440)), max_size=2),  # records that come late
    st.lists(TROUBLE, max_size=8),
    st.none() | st.integers(1, 6),  # requests that a run may send
)


def what_is_proved_is_had(rig):
    """Of every proved span everything is archived that the API held when it was asked."""
    judge = rig.judge()
    proofs = [proof for proof in judge.ledger.proofs if not proof.is_void]
    for proof in proofs:
        span, began = proof.window, rig.starts[proof.stamp.run, proof.stamp.sequence]
        archived = set().union(*(rig.ids(day) for day in days_of(span, rig.contract.zone)))
        assert rig.contract.holds(span.start, span.end, by=began) <= archived, f"{span} is said to be proved"
    for day in (first + ONE * number for first, last in judge.complete for number in range((last - first).days + 1)):
        bounds = day_bounds(day, rig.contract.zone)
        assert bounds.end <= rig.true.now()
        assert covers(union(proof.window for proof in proofs), rig.asked_of(bounds))
        assert rig.ids(day) <= rig.contract.holds(bounds.start, bounds.end)


def comes_to_rest(rig):
    """Without faults, a few runs leave nothing but what is new and what was given up.

    They are more where everything is refused: a run leaves it at ten windows in a row, one of which is the newest, and
    a window is given up at its fourth try. So every four runs are done with nine windows.
    """
    runs, most, still = 0, 12, 0
    while runs < most:
        drawn = rig.run()
        rig.pass_time(15 * 86_400)
        windows = len(drawn.work) + len(drawn.held_back)
        runs, most = runs + 1, max(most, 12 + 4 * (windows // (LONG_PATIENCE - 1)))
        is_still = {item.job.reason for item in drawn.work} <= NEW and all(
            "given up" in held.why for held in drawn.held_back
        )
        still = still + 1 if is_still else 0
        if still == 2:  # what is refused of new days is told by one run and planned by the next
            break
    else:
        raise AssertionError(
            f"no rest: {[item.job.why for item in drawn.work]}, {[one.why for one in drawn.held_back]}"
        )
    judge = rig.judge()
    for piece in judge.ranges((date(2025, 1, 1), judge.first_open - ONE * 16)):
        missed = piece.judged.missed
        gone = missed is not None and (is_given_up(missed) or rig.contract.keeps is not None)
        assert piece.judged.state in DONE or gone, piece


@settings(max_examples=30)
@given(st.data())
def test_nothing_is_called_proved_that_is_not_and_all_that_failed_heals(data):
    with tempfile.TemporaryDirectory() as folder, data.draw(rigs(Path(folder))) as rig:
        for hours, wrong, late, faults, budget in data.draw(st.lists(STEPS, min_size=1, max_size=5)):
            rig.run(faults=faults, budget=budget)
            what_is_proved_is_had(rig)
            assert rig.rebuilt() == rig.cache.ledger(rig.stream.key)
            rig.pass_time(hours * 3600 + 1)
            rig.clock.jump(timedelta(hours=wrong))
            for days, minutes in late:
                came(rig.contract, rig.true.now() - timedelta(days=days, minutes=minutes), since=rig.true.now())
        rig.clock.jump(rig.true.now() - rig.clock.now())
        comes_to_rest(rig)
        what_is_proved_is_had(rig)
