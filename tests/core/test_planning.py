"""What is asked, in which order, and why; what is proved is left alone."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.history import EndFound
from snapshotter.core.intervals import covers, gaps, intersect, subtract, union
from snapshotter.core.planning import MissSeen, StreamState, due, plan_stream, silence_of, state_of
from snapshotter.core.spans import parse_span
from snapshotter.core.windows import frozen_end, origin, windows_over
from snapshotter.evidence import EVER, Document, Missed, Proved, Stamp, StreamLedger
from snapshotter.model import MissFact, Reason, Window
from snapshotter.spec import DayRule, Kind, Stream, Template, WindowRule

NOW = datetime(2018, 2, 10, 12, 30, tzinfo=UTC)
SPANS = ("step", "granularity", "settle", "lookback")


def history_end(stream, state):
    found = silence_of(stream, state)
    return None if found is None else found.end


def a_stream(kind=Kind.SERIES, *, zone="UTC", **said):
    said = {name: parse_span(text) if name in SPANS else text for name, text in said.items()}
    rule = WindowRule(
        **{"start": "2018-01-01", "step": parse_span("1d"), "granularity": parse_span("1s")} | said, zone=zone
    )
    return Stream("x", "items", kind, Template(("/items",)), window=rule, day=DayRule(("at",), zone=zone))


def a_whole(kind):
    return Stream("x", "items", kind, Template(("/items",)))


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def a_span(first, end):
    return Window(at(first), at(end))


def proved(*spans, **more):
    return StreamState(proved=tuple(a_span(*span) for span in spans), **more)


def planned(stream, state=StreamState(), **options):  # noqa: B008 - frozen
    return plan_stream(stream, state, **{"now": NOW} | options)


def shown(jobs):
    return [(job.reason.value, f"{job.window.start:%m-%d %H:%M}", f"{job.window.end:%m-%d %H:%M}") for job in jobs]


def windows_of(plan, *reasons):
    return [job.window for job in plan.jobs if job.reason in reasons]


# --- order and reasons ---


def test_a_new_stream_is_asked_from_today_back_to_its_origin():
    plan = planned(a_stream(start="2018-02-08"))

    assert shown(plan.jobs) == [
        ("recent", "02-10 00:00", "02-10 12:30"),
        ("backfill", "02-09 00:00", "02-10 00:00"),
        ("backfill", "02-08 00:00", "02-09 00:00"),
    ]
    assert plan.jobs[-1].why == "2018-02-08: never asked"


def test_windows_lie_on_the_grid_and_end_at_the_origin():
    plan = planned(a_stream(step="P1M", start="2017-12-15"))

    assert shown(plan.jobs) == [
        ("recent", "02-01 00:00", "02-10 12:30"),
        ("backfill", "01-01 00:00", "02-01 00:00"),
        ("backfill", "12-15 00:00", "01-01 00:00"),
    ]


def test_what_was_missed_since_the_newest_proved_day_is_recent():
    plan = planned(a_stream(), proved(("2018-01-01", "2018-02-08T10:00")))

    assert shown(plan.jobs) == [
        ("recent", "02-10 00:00", "02-10 12:30"),
        ("recent", "02-09 00:00", "02-10 00:00"),
        ("recent", "02-08 10:00", "02-09 00:00"),
    ]


def test_of_an_open_day_only_the_new_part_is_asked():
    plan = planned(a_stream(step="30d"), proved(("2018-01-01", "2018-02-10T12:00")))

    assert shown(plan.jobs) == [("recent", "02-10 12:00", "02-10 12:30")]
    assert plan.jobs[0].why == "2018-02-10, 12:00 to 12:30 UTC: never asked"


def test_of_an_open_day_that_can_only_be_asked_whole_all_is_asked():
    plan = planned(a_stream(granularity="1d"), proved(("2018-01-01", "2018-02-10T12:00")))

    assert shown(plan.jobs) == [("recent", "02-10 00:00", "02-10 12:30")]
    assert plan.jobs[0].why.endswith("not all of it is proved yet")


def test_everything_proved_asks_nothing():
    assert planned(a_stream(), proved(("2018-01-01", "2018-02-10T12:30"))).jobs == ()


def test_looking_back_asks_whole_days_again():
    plan = planned(a_stream(lookback="2d"), proved(("2018-01-01", "2018-02-10T12:30")))

    assert shown(plan.jobs) == [
        ("recent", "02-10 00:00", "02-10 12:30"),
        ("recent", "02-09 00:00", "02-10 00:00"),
        ("recent", "02-08 00:00", "02-09 00:00"),
    ]
    assert plan.jobs[-1].why == "2018-02-08: the last 2d are asked again (lookback)"


def test_looking_back_does_not_go_beyond_the_origin():
    plan = planned(a_stream(lookback="90d", step="30d", start="2018-02-09"), proved(("2018-02-09", "2018-02-10T12:30")))

    assert shown(plan.jobs) == [("recent", "02-09 00:00", "02-10 12:30")]


def test_what_is_new_since_the_newest_proved_day_is_recent_however_long_ago_that_was():
    plan = planned(a_stream(lookback="2d", step="7d"), proved(("2018-01-01", "2018-01-30")))

    assert {job.reason for job in plan.jobs} == {Reason.RECENT}
    assert union(windows_of(plan, Reason.RECENT)) == (a_span("2018-01-30", "2018-02-10T12:30"),)


def test_gaps_in_the_past_are_filled_newest_first():
    plan = planned(a_stream(), proved(("2018-01-03", "2018-01-20"), ("2018-01-21", "2018-02-10T12:30")))

    assert shown(plan.jobs) == [
        ("backfill", "01-20 00:00", "01-21 00:00"),
        ("backfill", "01-02 00:00", "01-03 00:00"),
        ("backfill", "01-01 00:00", "01-02 00:00"),
    ]


def test_a_hole_in_a_window_is_asked_alone():
    state = proved(("2018-01-01", "2018-01-10T06:00"), ("2018-01-10T07:00", "2018-02-10T12:30"))

    assert shown(planned(a_stream(step="30d"), state).jobs) == [("backfill", "01-10 06:00", "01-10 07:00")]
    assert shown(planned(a_stream(step="30d", granularity="1d"), state).jobs) == [
        ("backfill", "01-10 00:00", "01-11 00:00")
    ]


def test_nothing_is_asked_after_the_end_or_what_has_not_settled():
    assert shown(planned(a_stream(start="2018-02-08", end="2018-02-08")).jobs) == [
        ("recent", "02-08 00:00", "02-09 00:00")
    ]
    assert shown(planned(a_stream(start="2018-02-10", settle="2h")).jobs) == [("recent", "02-10 00:00", "02-10 10:30")]
    assert planned(a_stream(start="2018-03-01")).jobs == ()


def test_days_are_those_of_the_zone():
    plan = planned(a_stream(start="2018-02-10", granularity="1d", zone="Asia/Tokyo"))

    assert shown(plan.jobs) == [("recent", "02-09 15:00", "02-10 12:30")]
    assert plan.jobs[0].why.startswith("2018-02-10, 15:00 to 12:30 UTC")


# --- what failed ---

YESTERDAY = a_span("2018-01-20", "2018-01-21")
GAP = (("2018-01-01", "2018-01-19"), ("2018-01-21", "2018-02-10T12:30"))


def test_what_failed_and_is_due_comes_before_the_past():
    state = proved(
        ("2018-01-21", "2018-02-10T12:30"), misses={a_span("2018-01-05", "2018-01-06"): MissSeen("503", 2, NOW)}
    )

    plan = planned(a_stream(start="2018-01-05"), state)

    assert shown(plan.jobs)[:2] == [("retry", "01-05 00:00", "01-06 00:00"), ("backfill", "01-20 00:00", "01-21 00:00")]
    assert plan.jobs[0].why == "2018-01-05: failed 2 times, last: 503"


def test_what_failed_lately_waits():
    state = proved(*GAP, misses={YESTERDAY: MissSeen("503", next_try=NOW + timedelta(hours=1))})

    plan = planned(a_stream(), state)

    assert shown(plan.jobs) == [("backfill", "01-19 00:00", "01-20 00:00")]
    assert shown([held.job for held in plan.held_back]) == [("retry", "01-20 00:00", "01-21 00:00")]
    assert plan.held_back[0].why == "failed: 503; not again before 2018-02-10 13:30 UTC"


def test_the_newest_days_wait_too_if_they_failed_lately():
    missed = {a_span("2018-02-10", "2018-02-10T12:00"): MissSeen("timeout", next_try=NOW + timedelta(minutes=5))}

    plan = planned(a_stream(), proved(("2018-01-01", "2018-02-10"), misses=missed))

    assert plan.jobs == ()
    assert [held.job.reason for held in plan.held_back] == [Reason.RECENT]


def test_what_the_user_names_does_not_wait():
    state = proved(*GAP, misses={YESTERDAY: MissSeen("503", next_try=NOW + timedelta(hours=1))})

    plan = planned(a_stream(), state, since=date(2018, 1, 20), until=date(2018, 1, 20))

    assert shown(plan.jobs) == [("asked", "01-20 00:00", "01-21 00:00")]
    assert plan.held_back == ()


def test_what_was_given_up_is_left_alone_until_it_is_named():
    given_up = MissSeen("404", 9, given_up="given up after 9 tries")
    state = proved(*GAP, misses={YESTERDAY: given_up})

    plan = planned(a_stream(), state)

    assert shown(plan.jobs) == [("backfill", "01-19 00:00", "01-20 00:00")]
    assert plan.held_back[0].why == "failed 9 times, last: 404; given up after 9 tries"
    assert len(planned(a_stream(), state, since=date(2018, 1, 20), until=date(2018, 1, 20)).jobs) == 1


def test_what_is_new_is_never_given_up():
    missed = {a_span("2018-02-10", "2018-02-10T12:00"): MissSeen("503", 99, given_up="given up after 99 tries")}

    assert len(planned(a_stream(), proved(("2018-01-01", "2018-02-10"), misses=missed)).jobs) == 1


def test_a_miss_of_what_is_proved_since_is_no_reason():
    state = proved(("2018-01-01", "2018-02-10T12:30"), misses={YESTERDAY: MissSeen("503")})

    assert planned(a_stream(), state).jobs == ()


def test_many_misses_are_found_quickly():
    days = [a_span("2000-01-01", "2000-01-02")]
    while len(days) < 6_000:
        days.append(Window(days[-1].end, days[-1].end + timedelta(days=1)))

    plan = planned(a_stream(start="2000-01-01"), StreamState(misses={day: MissSeen("503") for day in days}))

    assert len(windows_of(plan, Reason.RETRY)) == 6_000


# --- days that the user named ---


def test_named_days_are_asked_where_they_are_not_proved():
    plan = planned(a_stream(), proved(GAP[1]), since=date(2018, 1, 19), until=date(2018, 1, 22))

    assert shown(plan.jobs) == [("asked", "01-20 00:00", "01-21 00:00"), ("asked", "01-19 00:00", "01-20 00:00")]


def test_named_days_that_are_new_are_recent():
    plan = planned(a_stream(lookback="1d"), proved(("2018-01-01", "2018-02-10T12:30")), since=date(2018, 2, 9))

    assert shown(plan.jobs) == [("recent", "02-10 00:00", "02-10 12:30"), ("recent", "02-09 00:00", "02-10 00:00")]


def test_named_days_are_asked_again_when_told_so():
    plan = planned(a_stream(), proved(("2018-01-01", "2018-02-10T12:30")), until=date(2018, 1, 2), again=True)

    assert shown(plan.jobs) == [("asked", "01-02 00:00", "01-03 00:00"), ("asked", "01-01 00:00", "01-02 00:00")]


def test_named_days_before_the_origin_are_not_asked():
    assert planned(a_stream(), until=date(2017, 12, 31)).jobs == ()
    assert planned(a_stream(), since=date(2018, 2, 12)).jobs == ()


def test_a_named_day_is_a_day_of_the_zone():
    plan = planned(a_stream(zone="America/New_York"), since=date(2018, 1, 5), until=date(2018, 1, 5))

    assert shown(plan.jobs) == [("asked", "01-05 05:00", "01-06 05:00")]


# --- snapshots and feeds ---


@pytest.mark.parametrize(("kind", "reason"), [(Kind.SNAPSHOT, Reason.SNAPSHOT), (Kind.SERIES, Reason.FEED)])
def test_what_has_no_window_is_one_job(kind, reason):
    plan = planned(a_whole(kind))

    assert [(job.window, job.reason, job.name) for job in plan.jobs] == [(None, reason, "x/items")]


def test_a_snapshot_that_failed_lately_waits():
    state = StreamState(misses={None: MissSeen("429", 3, NOW + timedelta(hours=1))})

    plan = planned(a_whole(Kind.SNAPSHOT), state)

    assert plan.jobs == ()
    assert plan.held_back[0].why.startswith("failed 3 times, last: 429; not again before")
    assert len(planned(a_whole(Kind.SNAPSHOT), state, since=date(2018, 2, 10)).jobs) == 1


def test_days_that_are_past_say_nothing_about_a_snapshot():
    assert planned(a_whole(Kind.SNAPSHOT), until=date(2018, 2, 9)).jobs == ()


# --- the end of history ---

RUN = a_stream(start="2018-01-01", empty_stop=3)
PROBES = ("2018-02-02", "2018-01-30", "2018-01-24", "2018-01-12", "2018-01-01")


def probed(*days):
    return [(day, f"{at(day) + timedelta(days=1):%Y-%m-%d}") for day in days]


@pytest.mark.parametrize(
    ("spans", "oldest", "left"),
    [
        ([("2018-02-05", "2018-02-10")], "2018-02-08T10:00", PROBES),
        ([("2018-02-05", "2018-02-10"), *probed(*PROBES[:3])], "2018-02-08T10:00", PROBES[3:]),
        ([("2018-02-05", "2018-02-10"), *probed(*PROBES)], "2018-02-08T10:00", ()),
        (
            [("2018-02-07", "2018-02-10")],
            None,
            ("2018-02-04", "2018-02-01", "2018-01-26", "2018-01-14", "2018-01-01"),
        ),
        ([("2018-02-06", "2018-02-10")], "2018-02-08T10:00", None),
        ([("2018-02-01", "2018-02-07"), ("2018-02-08", "2018-02-10")], "2018-02-08T10:00", None),
        ([("2018-02-05", "2018-02-10"), *probed(*PROBES)], "2018-01-24T10:00", None),
        ([("2018-01-01", "2018-01-03")], "2018-01-03", None),
        ([], None, None),
    ],
)
def test_behind_a_row_of_empty_windows_few_are_probed_to_find_the_end(spans, oldest, left):
    found = silence_of(RUN, proved(*spans, oldest_archived=oldest and at(oldest)))

    assert (found and tuple(f"{probe.start:%Y-%m-%d}" for probe in found.left)) == left


def test_only_when_every_probe_is_empty_history_has_an_end():
    state = proved(("2018-02-05", "2018-02-10"), *probed(*PROBES), oldest_archived=at("2018-02-08"))

    assert history_end(RUN, replace(state, proved=state.proved[:-1])) is None
    assert history_end(RUN, state) == EndFound(
        at("2018-02-08"),
        "3 windows in a row from 2018-02-05 on had no records, nor had 5 further back, down to 2018-01-01",
    )


@pytest.mark.parametrize(("years", "probes"), [(1, 9), (10, 12), (100, 16)])
def test_there_are_few_probes_however_long_the_past_is(years, probes):
    long = a_stream(start=f"{2018 - years}-01-01", empty_stop=2)

    found = silence_of(long, proved(("2018-02-05", "2018-02-10"), oldest_archived=at("2018-02-07")))

    assert len(found.probes) == probes


def test_a_probe_that_finds_records_reopens_what_lies_between():
    state = proved(("2018-02-05", "2018-02-10T12:30"), *probed(*PROBES[:4]), oldest_archived=at("2018-01-12"))

    asked = planned(RUN, state).jobs

    assert {job.reason for job in asked} == {Reason.BACKFILL}
    assert union(job.window for job in asked) == gaps(union(state.proved), whole_span(RUN))


def test_a_window_that_failed_interrupts_the_row_and_stays_in_history():
    failed = a_span("2018-02-07", "2018-02-08")
    state = proved(
        ("2018-02-04", "2018-02-07"),
        ("2018-02-08", "2018-02-10"),
        misses={failed: MissSeen("503")},
        oldest_archived=at("2018-02-08"),
    )

    found = silence_of(RUN, state)

    assert (found.row, found.before) == (a_span("2018-02-04", "2018-02-07"), failed.start)


def test_windows_that_the_api_no_longer_has_in_a_row_are_the_end_too():
    gone = {a_span(f"2018-02-0{day}", f"2018-02-0{day + 1}"): MissSeen("410", gone=True) for day in (3, 4, 5)}
    state = proved(("2018-02-06", "2018-02-10"), misses=gone, oldest_archived=at("2018-02-06"))

    found = silence_of(a_stream(), state)

    assert found.row == a_span("2018-02-03", "2018-02-06")
    assert found.how.startswith("3 windows in a row from 2018-02-03 on were gone, nor had")
    assert silence_of(a_stream(), replace(state, proved=())) is None


def test_windows_are_not_called_empty_while_it_is_unknown_where_records_lie():
    assert history_end(RUN, proved(("2018-01-01", "2018-02-10"), has_data=True)) is None


def test_beyond_the_end_of_history_nothing_is_asked_unless_named():
    state = proved(("2018-02-05", "2018-02-10T12:30"), *probed(*PROBES), oldest_archived=at("2018-02-08"))

    assert planned(RUN, state).jobs == ()
    assert planned(RUN, replace(state, proved=state.proved[:1], history_end=at("2018-02-08"))).jobs == ()
    assert len(planned(RUN, state, since=date(2018, 2, 1)).jobs) == 3


def test_looking_behind_the_end_again_asks_the_row_and_the_probes():
    state = proved(
        ("2018-02-05", "2018-02-10T12:30"),
        *probed(*PROBES),
        oldest_archived=at("2018-02-08"),
        history_end=at("2018-02-08"),
    )

    asked = planned(RUN, state, extend=True).jobs

    assert {job.reason for job in asked} == {Reason.PROBE}
    assert tuple(f"{job.window.start:%Y-%m-%d}" for job in asked) == (
        "2018-02-07",
        "2018-02-06",
        "2018-02-05",
        *PROBES,
    )


def test_young_empty_days_are_asked_again_in_one_go_where_a_window_holds_them():
    young = (a_span("2018-02-03", "2018-02-04"), a_span("2018-02-09", "2018-02-10"))
    state = proved(("2018-01-01", "2018-02-10T12:30"), young=young)

    assert shown(planned(a_stream(), state).jobs) == [
        ("confirm", "02-09 00:00", "02-10 00:00"),
        ("confirm", "02-03 00:00", "02-04 00:00"),
    ]
    assert shown(planned(a_stream(step="P1M"), state).jobs) == [("confirm", "02-03 00:00", "02-10 00:00")]


def test_gaps_after_the_end_of_history_are_filled():
    state = StreamState(proved=(a_span("2018-02-05", "2018-02-10T12:30"),), history_end=at("2018-02-03"))

    assert shown(planned(a_stream(), state).jobs) == [
        ("backfill", "02-04 00:00", "02-05 00:00"),
        ("backfill", "02-03 00:00", "02-04 00:00"),
    ]


def test_without_a_rule_history_has_no_end():
    assert history_end(a_stream(), proved(("2018-01-05", "2018-02-10"))) is None
    assert history_end(a_whole(Kind.SNAPSHOT), StreamState()) is None


# --- from a ledger ---


def test_a_ledger_says_what_is_proved_and_what_failed():
    fact = MissFact("failed", "server", "Service\nUnavailable", status=503, next_try=NOW)
    stamp = Stamp(1, NOW, "r", 0, 0)
    ledger = StreamLedger(
        "x/items",
        proved=(
            Proved(a_span("2018-01-01", "2018-01-02"), "UTC"),
            Proved(a_span("2018-01-02", "2018-01-03"), "Asia/Tokyo"),
        ),
        misses=(Missed(YESTERDAY, fact, NOW, stamp),),
        whole_missed=Missed(EVER, replace(fact, status=None), NOW, stamp),
        days={date(2018, 1, 2): Document(3, "ab", "Asia/Tokyo", NOW, stamp)},
    )

    state = state_of(ledger)

    assert state.proved == (a_span("2018-01-01", "2018-01-03"),)
    assert state.misses[YESTERDAY] == MissSeen("503", fact.tries, NOW, at=NOW)
    assert state.misses[None].why == "Service\\u000aUnavailable"
    assert state.oldest_archived == at("2018-01-01T15:00")


# --- when ---


@pytest.mark.parametrize(
    ("every", "passed", "is_due"),
    [
        ("1d", "23h30m", True),
        ("1d", "20h", False),
        ("15m", "14m30s", True),
        ("15m", "10m", False),
        ("30d", "29d", False),
    ],
)
def test_a_stream_is_due_when_its_time_has_passed(every, passed, is_due):
    assert due(parse_span(every), NOW - parse_span(passed).rough(), NOW) is is_due


def test_what_never_succeeded_is_due():
    assert due(parse_span("30d"), None, NOW)


# --- properties ---

HOURS = st.integers(-24 * 5, 24 * 45)
STARTED = at("2018-01-01")
spans = st.lists(
    st.tuples(HOURS, HOURS).map(lambda pair: Window(*(STARTED + timedelta(hours=hour) for hour in sorted(pair)))),
    max_size=6,
)
streams = st.builds(
    lambda step, granularity, lookback, zone: a_stream(
        step=step, granularity=granularity, lookback=lookback, zone=zone
    ),
    st.sampled_from(["1d", "7d", "P1M", "6h"]),
    st.sampled_from(["1s", "1h"]),
    st.sampled_from(["0s", "2d", "5h"]),
    st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kolkata"]),
)
dated = st.builds(
    lambda step, zone: a_stream(step=step, granularity="1d", zone=zone),
    st.sampled_from(["1d", "7d", "P1M"]),
    st.sampled_from(["UTC", "Asia/Kolkata"]),
)
either = streams | dated


def whole_span(stream):
    return Window(origin(stream.window), frozen_end(stream.window, NOW))


@given(either, spans)
def test_proving_what_is_planned_proves_everything_and_comes_to_rest(stream, known):
    state = StreamState(proved=tuple(known))

    jobs = planned(stream, state).jobs
    state = StreamState(proved=union(known, [job.window for job in jobs]))

    assert covers(union(state.proved), whole_span(stream))
    assert all("lookback" in job.why for job in planned(stream, state).jobs)


@given(either, spans)
def test_nothing_is_asked_outside_the_span_or_twice(stream, known):
    windows = [job.window for job in planned(stream, StreamState(proved=tuple(known))).jobs]

    assert not subtract(windows, [whole_span(stream)])
    assert sum((window.end - window.start for window in windows), timedelta()) == sum(
        (one.end - one.start for one in union(windows)), timedelta()
    )


@given(streams.filter(lambda stream: stream.window.zone != "Asia/Kolkata"), spans)  # whose hours begin at :30
def test_what_is_proved_is_asked_only_for_lookback(stream, known):
    plan = planned(stream, StreamState(proved=tuple(known)))

    asked = windows_of(plan, Reason.BACKFILL)
    if stream.window.lookback.is_zero:
        asked += windows_of(plan, Reason.RECENT)
    assert not intersect(asked, union(known))


@given(either.filter(lambda stream: stream.window.lookback.is_zero), spans)
def test_no_more_windows_are_asked_than_the_grid_has_in_the_gaps(stream, known):
    jobs = planned(stream, StreamState(proved=tuple(known))).jobs
    holes = gaps(union(known), whole_span(stream))

    assert len(jobs) <= sum(len(windows_over(stream.window, hole)) for hole in holes)


@given(either, spans, st.integers(0, 45), st.integers(0, 45))
def test_named_days_are_proved_by_what_is_planned_for_them(stream, known, first, last):
    since, until = (date(2018, 1, 1) + timedelta(days=day) for day in sorted((first, last)))

    jobs = planned(stream, StreamState(proved=tuple(known)), since=since, until=until).jobs

    everything = union(known, [job.window for job in jobs])
    asked_days = planned(stream, since=since, until=until).jobs
    assert not subtract([job.window for job in asked_days], everything)
