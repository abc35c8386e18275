"""Budgets never let a request leave that the server would refuse, whatever the times and the answers."""

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.core.counting import Sent
from snapshotter.core.limits import Budgets, Limits
from snapshotter.spec import RateHeaders, RateLimit, Span

NOON = datetime(2026, 3, 14, 12, 0, tzinfo=UTC)
QUARTER = Span(microseconds=900_000_000)
SIX_HOURS = Span(microseconds=6 * 3_600_000_000)
HOUR = Span(microseconds=3_600_000_000)
MINUTE = Span(microseconds=60_000_000)


def a_limit(limit: int = 100, interval: Span = QUARTER, **more) -> RateLimit:
    return RateLimit(more.pop("name", "short"), limit, interval, **more)


def fresh(*limits: RateLimit, headers: tuple[RateHeaders, ...] = (), now: datetime = NOON) -> Budgets:
    return Limits(limits, headers).restore({}, now)


def waits(budgets: Budgets, now: datetime, method: str = "GET", path: str = "/x") -> float:
    spent = budgets.earliest(now, method=method, path=path)
    return (spent.until - now).total_seconds() if spent else 0.0


def charged(budgets: Budgets, now: datetime, times: int = 1, method: str = "GET", path: str = "/x") -> Budgets:
    for _ in range(times):
        budgets = budgets.charge(now, method=method, path=path)
    return budgets


def answered(budgets: Budgets, now: datetime, status: int = 200, **headers: str) -> Budgets:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return budgets.correct(now, sent=now, method="GET", path="/x", status=status, headers=pairs)


def over_the_wire(budgets: Budgets, limits: Limits, now: datetime) -> Budgets:
    return limits.restore(json.loads(json.dumps(budgets.plain())), now)


# --- counting ---


def test_a_fixed_limit_waits_for_the_next_quarter_of_an_hour():
    now = NOON + timedelta(minutes=7)

    budgets = charged(fresh(a_limit(kind="fixed")), now, 100)

    assert waits(charged(fresh(a_limit(kind="fixed")), now, 99), now) == 0
    assert waits(budgets, now) == 8 * 60 + 1


def test_a_sliding_limit_waits_until_the_first_request_is_an_interval_old():
    budgets = charged(fresh(a_limit(2)), NOON)
    budgets = charged(budgets, NOON + timedelta(minutes=5))

    assert waits(budgets, NOON + timedelta(minutes=6)) == 9 * 60 + 1
    assert waits(budgets, NOON + timedelta(minutes=15, seconds=1)) == 0


def test_the_reserve_is_left_for_others():
    budgets = charged(fresh(a_limit(10, reserve=4)), NOON, 6)

    assert waits(budgets, NOON) > 0


def test_the_longest_of_several_waits_counts_and_is_named():
    day = a_limit(3, Span(days=1), kind="fixed", name="day")

    spent = charged(fresh(a_limit(2), day), NOON, 3).earliest(NOON, method="GET", path="/x")

    assert spent is not None
    assert spent.until == datetime(2026, 3, 15, 0, 0, 1, tzinfo=UTC)
    assert spent.why == "the limit day (3 per 1d) is spent"


@pytest.mark.parametrize(
    ("method", "path", "is_counted"),
    [
        ("GET", "/search/code", True),
        ("get", "/search/a/b", True),
        ("POST", "/search/code", False),
        ("GET", "/x", False),
    ],
)
def test_only_requests_that_match_are_counted_and_held(method, path, is_counted):
    limit = a_limit(1, method="GET", path="/search/*")

    budgets = charged(fresh(limit), NOON, method=method, path=path)

    assert (waits(budgets, NOON, path="/search/z") > 0) == is_counted
    assert waits(budgets, NOON, method="DELETE") == 0


@pytest.mark.parametrize(
    ("zone", "interval", "now", "until"),
    [
        ("Europe/Berlin", Span(days=1), "2026-03-28T23:30:00+00:00", "2026-03-29T22:00:00+00:00"),  # 23 hours
        ("Europe/Berlin", Span(days=1), "2026-10-25T00:30:00+00:00", "2026-10-25T23:00:00+00:00"),  # 25 hours
        ("Europe/Berlin", SIX_HOURS, "2026-03-28T23:30:00+00:00", "2026-03-29T04:00:00+00:00"),
        ("Asia/Kathmandu", HOUR, "2026-03-14T12:00:00+00:00", "2026-03-14T12:15:00+00:00"),
        ("America/Los_Angeles", Span(months=1), "2026-03-01T07:59:00+00:00", "2026-03-01T08:00:00+00:00"),
        ("UTC", Span(months=12), "2026-03-01T07:59:00+00:00", "2027-01-01T00:00:00+00:00"),
        ("UTC", Span(days=7), "2026-03-14T12:00:00+00:00", "2026-03-19T00:00:00+00:00"),
    ],
)  # fmt: skip
def test_fixed_windows_lie_on_the_clock_of_their_zone(zone, interval, now, until):
    moment = datetime.fromisoformat(now)

    spent = charged(fresh(a_limit(1, interval, kind="fixed", zone=zone)), moment).earliest(moment, method="G", path="/")

    assert spent is not None
    assert spent.until == datetime.fromisoformat(until) + timedelta(seconds=1)


def test_a_request_beside_a_border_counts_on_both_sides():
    before = NOON - timedelta(milliseconds=300)

    budgets = charged(fresh(a_limit(1, kind="fixed")), before)

    assert waits(budgets, NOON + timedelta(minutes=1)) == 14 * 60 + 1


def test_a_slow_answer_moves_the_request_to_its_latest_moment():
    budgets = charged(fresh(a_limit(1)), NOON)
    late = NOON + timedelta(seconds=30)

    budgets = budgets.correct(late, sent=NOON, method="GET", path="/x", status=200, headers=())

    assert waits(budgets, late) == 15 * 60 + 1


def test_a_sliding_limit_of_thousands_stays_small():
    budgets = fresh(a_limit(5_000, HOUR))

    for second in range(3_600):
        budgets = charged(budgets, NOON + timedelta(seconds=second))

    assert len(json.dumps(budgets.plain())) < 3_000


KINDS = st.sampled_from(["fixed", "sliding"])
STEPS = st.lists(
    st.tuples(st.integers(0, 40_000_000), st.integers(0, 30_000_000), st.floats(0, 1)), min_size=1, max_size=60
)


@given(kind=KINDS, limit=st.integers(1, 12), reserve=st.integers(0, 3), steps=STEPS, stored=st.booleans())
def test_no_window_ever_sees_more_than_the_limit(kind, limit, reserve, steps, stored):
    limits = Limits((a_limit(limit + reserve, MINUTE, kind=kind, reserve=reserve),))
    budgets, now, seen = limits.restore({}, NOON), NOON, []

    for pause, latency, share in steps:
        now += timedelta(microseconds=pause)
        spent = budgets.earliest(now, method="GET", path="/x")
        sent = spent.until if spent else now
        now = sent + timedelta(microseconds=latency)
        seen.append(sent + timedelta(microseconds=int(latency * share)))
        budgets = budgets.charge(sent, method="GET", path="/x")
        budgets = budgets.correct(now, sent=sent, method="GET", path="/x", status=200, headers=())
        budgets = over_the_wire(budgets, limits, now) if stored else budgets

    assert most_in_a_minute(seen, kind) <= limit


def most_in_a_minute(seen: list[datetime], kind: str) -> int:
    if kind == "fixed":
        minutes = [moment.replace(second=0, microsecond=0) for moment in seen]
        return max(minutes.count(minute) for minute in minutes)
    return max(sum(first <= moment < first + timedelta(minutes=1) for moment in seen) for first in seen)


@settings(max_examples=25)
@given(steps=st.lists(st.integers(0, 1_000_000), min_size=100, max_size=200))
def test_joined_counts_keep_a_large_limit_too(steps):
    budgets, now, seen = fresh(a_limit(70, MINUTE)), NOON, []

    for pause in steps:
        now += timedelta(microseconds=pause)
        spent = budgets.earliest(now, method="GET", path="/x")
        now = spent.until if spent else now
        seen.append(now)
        budgets = charged(budgets, now)

    assert most_in_a_minute(seen, "sliding") <= 70


# --- a server that enforces ---


class Strict:
    """A server with 100 per quarter of an hour; counts what it refuses."""

    def __init__(self, kind: str) -> None:
        self.kind, self.times, self.refused = kind, [], 0

    def ask(self, now: datetime) -> int:
        quarter = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
        start = quarter if self.kind == "fixed" else now - timedelta(minutes=15)
        full = sum(start <= moment for moment in self.times) >= 100
        self.refused += full
        self.times.append(now)
        return 429 if full else 200


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
def test_two_hundred_requests_into_a_hundred_a_quarter_are_never_refused(kind):
    server, now = Strict(kind), NOON + timedelta(minutes=3)
    budgets = fresh(a_limit(kind=kind))

    for _ in range(200):
        spent = budgets.earliest(now, method="GET", path="/x")
        sent = max(now + timedelta(milliseconds=250), spent.until) if spent else now + timedelta(milliseconds=250)
        budgets = budgets.charge(sent, method="GET", path="/x")
        now = sent + timedelta(milliseconds=80)
        status = server.ask(sent + timedelta(milliseconds=40))
        budgets = budgets.correct(now, sent=sent, method="GET", path="/x", status=status, headers=())

    assert server.refused == 0
    assert now - NOON < timedelta(minutes=20)


# --- headers ---

GITHUB = RateHeaders(("core",), "x-ratelimit-limit", "x-ratelimit-remaining", reset="x-ratelimit-reset", adopt=True)
STRAVA = RateHeaders(("short", "day"), limit="x-ratelimit-limit", used="x-ratelimit-usage", adopt=True)


def github(limit: int = 5_000, reserve: int = 50) -> Budgets:
    return fresh(a_limit(limit, HOUR, name="core", reserve=reserve), headers=(GITHUB,))


def epoch(moment: datetime) -> str:
    return str(int(moment.timestamp()))


def github_headers(remaining: int, reset: datetime, limit: int = 5_000) -> dict[str, str]:
    values = {"limit": str(limit), "remaining": str(remaining), "reset": epoch(reset)}
    return {f"x-ratelimit-{name}": value for name, value in values.items()}


def test_the_servers_remaining_holds_until_its_reset():
    reset = NOON + timedelta(minutes=20)

    budgets = answered(charged(github(), NOON), NOON, **github_headers(52, reset))

    assert waits(charged(budgets, NOON, 1), NOON) == 0
    assert waits(charged(budgets, NOON, 2), NOON) == 20 * 60 + 1
    assert waits(charged(budgets, NOON, 2), reset + timedelta(seconds=1)) == 0


def test_after_the_reset_nothing_from_before_counts():
    budgets = charged(github(60, 0), NOON, 60)
    budgets = answered(budgets, NOON, **github_headers(0, NOON + timedelta(minutes=1), limit=60))

    later = NOON + timedelta(minutes=2)

    assert waits(charged(budgets, later, 59), later) == 0
    assert waits(charged(budgets, later, 60), later) > 0


def test_another_program_on_the_same_key_is_seen():
    budgets = answered(
        fresh(a_limit(100, name="core"), headers=(RateHeaders(("core",), used="x-used"),)), NOON, x_used="99"
    )

    assert waits(charged(budgets, NOON), NOON) == 15 * 60 + 1


def test_comma_lists_map_in_order():
    budgets = fresh(
        a_limit(200, kind="fixed"), a_limit(2_000, Span(days=1), kind="fixed", name="day"), headers=(STRAVA,)
    )

    now = NOON + timedelta(minutes=5)

    budgets = answered(charged(budgets, now), now, x_ratelimit_limit="200,2000", x_ratelimit_usage="12,2000")

    assert [left.used for left in budgets.left(now)] == [12, 2_000]
    assert waits(budgets, now) == 12 * 3600 - 299


@pytest.mark.parametrize(
    ("adopt", "server", "limit"), [(True, "600", 600), (False, "600", 100), (False, "60", 60), (True, "0", 100)]
)
def test_the_servers_limit_is_taken_when_told_to_or_when_it_is_lower(adopt, server, limit):
    budgets = fresh(a_limit(100), headers=(RateHeaders(("short",), limit="x-limit", adopt=adopt),))

    assert answered(budgets, NOON, x_limit=server).left(NOON)[0].limit == limit


def test_our_own_lower_limit_stands_beside_a_generous_server():
    rule = RateHeaders(("short",), "x-limit", "x-left", reset="x-reset", reset_format="delta")
    budgets = charged(fresh(a_limit(3), headers=(rule,)), NOON, 3)

    budgets = answered(budgets, NOON, x_limit="5000", x_left="4997", x_reset="3600")

    assert waits(budgets, NOON) == 15 * 60 + 1


SOON = NOON + timedelta(seconds=90)


@pytest.mark.parametrize(
    ("form", "text", "waited"),
    [
        ("epoch", epoch(SOON), 91),
        ("epoch", epoch(SOON) + ".5", 91.5),
        ("epoch_ms", epoch(SOON) + "000", 91),
        ("delta", "90", 91),
        ("delta", "90.25", 91.25),
        ("http_date", format_datetime(SOON, usegmt=True), 91),
        ("iso", "2026-03-14T12:01:30Z", 91),
        ("epoch", "garbage", 60),  # no reset that makes sense: left alone for a minute
        ("epoch", epoch(SOON) + "000", 60),
        ("delta", "-1", 60),
        ("delta", "1e9", 60),
        ("epoch", epoch(NOON - timedelta(hours=1)), 60),
    ],
)
def test_a_reset_is_read_in_every_format(form, text, waited):
    rule = RateHeaders((), remaining="x-left", reset="x-reset", reset_format=form)

    budgets = answered(fresh(headers=(rule,)), NOON, x_left="0", x_reset=text)

    assert waits(budgets, NOON) == waited


def test_a_wrong_clock_of_ours_does_not_shorten_the_wait():
    ours = NOON + timedelta(minutes=10)
    rule = RateHeaders((), remaining="x-left", reset="x-reset")

    budgets = answered(
        fresh(headers=(rule,)), ours, x_left="0", x_reset=epoch(SOON), date=format_datetime(NOON, usegmt=True)
    )

    assert waits(budgets, ours) == 91


def test_reddit_writes_its_numbers_with_fractions():
    rule = RateHeaders((), remaining="x-ratelimit-remaining", reset="x-ratelimit-reset", reset_format="delta")

    budgets = answered(fresh(headers=(rule,)), NOON, x_ratelimit_remaining="1.9", x_ratelimit_reset="344")

    assert waits(budgets, NOON) == 0
    assert waits(charged(budgets, NOON), NOON) == 345


@pytest.mark.parametrize(
    "headers",
    [
        {"ratelimit": "limit=100, remaining=0, reset=30", "ratelimit-policy": "100;w=60"},
        {"ratelimit": '"default";r=0;t=30', "ratelimit-policy": '"default";q=100;w=60'},
        {"ratelimit": '"a,b;c";r=7, "day" ; r=0 ; t=30', "ratelimit-policy": '"day";q=100;w=86400'},
        {"ratelimit": '"window";r=0', "ratelimit-policy": '"window";q=100;w=30'},
        {"ratelimit-limit": "100, 100;w=60", "ratelimit-remaining": "0", "ratelimit-reset": "30"},
        {"ratelimit-remaining": "0", "ratelimit-reset": epoch(NOON + timedelta(seconds=30))},
    ],
)
def test_the_ietf_fields_are_obeyed_without_being_declared(headers):
    assert waits(answered(fresh(), NOON, **headers), NOON) == 31


@pytest.mark.parametrize(
    "headers",
    [
        {"ratelimit": '"default";r=1;t=30'},
        {"ratelimit": '"bytes";r=0;t=30', "ratelimit-policy": '"bytes";q=9;qu="content-bytes"'},
        {"ratelimit": '"' + '\\"' * 20_000},
        {"ratelimit": ""},
        {"ratelimit": "remaining"},
        {"ratelimit-remaining": "nan"},
    ],
)
def test_fields_that_do_not_forbid_hold_nothing(headers):
    assert waits(answered(fresh(), NOON, **headers), NOON) == 0


# --- refusals and pauses ---


def test_a_bare_429_spends_the_shortest_aligned_limit():
    limits = (a_limit(kind="fixed"), a_limit(2_000, Span(days=1), kind="fixed", name="day"))

    now = NOON + timedelta(minutes=5)

    budgets = answered(charged(fresh(*limits), now), now, status=429)

    assert waits(budgets, now) == 10 * 60 + 1
    assert waits(budgets.refuse(now, method="GET", path="/x"), now) == 10 * 60 + 1


def test_a_refusal_that_the_headers_explain_spends_nothing_else():
    now = NOON + timedelta(minutes=5)
    day = a_limit(2_000, Span(days=1), kind="fixed", name="day")
    budgets = charged(fresh(a_limit(200, kind="fixed"), day, headers=(STRAVA,)), now)

    budgets = answered(budgets, now, status=429, x_ratelimit_limit="200,2000", x_ratelimit_usage="7,2001")

    assert waits(budgets.refuse(now, method="GET", path="/x"), now) == 12 * 3600 - 299
    assert budgets.left(now)[0].used == 7


def test_a_bare_429_without_an_aligned_limit_is_left_to_the_retry():
    budgets = answered(charged(fresh(a_limit(), headers=(STRAVA,)), NOON), NOON, status=429)

    assert waits(budgets, NOON) == 0


@pytest.mark.parametrize("headers", [{"retry-after": "7"}, {"ratelimit": '"x";r=3;t=9'}])
def test_a_429_that_explains_itself_spends_nothing_else(headers):
    budgets = answered(charged(fresh(a_limit(kind="fixed")), NOON), NOON, status=429, **headers)

    assert waits(budgets, NOON) == 0


def test_a_pause_holds_everything_but_never_for_years():
    hour, years = timedelta(hours=1), timedelta(days=5_000)

    assert waits(fresh().hold(NOON + hour, "the server's pause", now=NOON), NOON) == 3600
    assert waits(fresh().hold(NOON + years, "the server's pause", now=NOON), NOON) == 32 * 86_400


# --- remembering ---

LIMITS = Limits((a_limit(kind="fixed"), a_limit(40, HOUR, name="core")), (GITHUB,))


def some_budgets() -> Budgets:
    budgets = charged(LIMITS.restore({}, NOON), NOON, 30)
    budgets = answered(
        budgets, NOON, x_ratelimit_remaining="7", x_ratelimit_reset=epoch(SOON), ratelimit='"d";r=3;t=50'
    )
    return budgets.hold(SOON, "the server's pause", now=NOON)


def test_what_is_stored_comes_back_the_same():
    assert over_the_wire(some_budgets(), LIMITS, NOON) == some_budgets()


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["format", "as_of", "budgets", "served", "held", "kind", "interval", "zone", "sent", "seen"]
                ),
                inner,
            )
        ),
    )
)
def test_a_spoiled_store_is_taken_as_unused(plain):
    stored = {**plain, "format": 1} if isinstance(plain, dict) else {"format": 1, "budgets": [plain]}

    LIMITS.restore(stored, NOON).earliest(NOON, method="GET", path="/x")


@pytest.mark.parametrize("zone", ["Nowhere/Atall", "../../etc/passwd", "", "/etc"])
def test_a_stored_zone_that_does_not_exist_is_left_out(zone):
    plain = {"format": 1, "budgets": [{"kind": "fixed", "interval": [0, 1, 0], "zone": zone, "sent": [[0, 1]]}]}

    assert LIMITS.restore(plain, NOON).budgets == LIMITS.restore({}, NOON).budgets


@pytest.mark.parametrize("kind", ["fixed", "sliding"])
def test_a_clock_that_went_back_waits_an_interval_and_not_for_years(kind):
    limits = Limits((a_limit(kind=kind),))
    future = NOON + timedelta(days=400)
    budgets = charged(limits.restore({}, future), future, 100).hold(future + timedelta(minutes=5), "x", now=future)

    back = over_the_wire(budgets, limits, NOON)

    assert 0 < waits(back, NOON) <= 15 * 60 + 1
    assert back.plain() != budgets.plain()
    assert waits(over_the_wire(back, limits, NOON), NOON + timedelta(minutes=16)) == 0


def test_a_clock_that_jumped_ahead_forgets_what_is_over():
    assert waits(over_the_wire(some_budgets(), LIMITS, NOON + timedelta(days=400)), NOON + timedelta(days=400)) == 0


def test_two_archives_share_a_limit_whatever_they_call_it():
    ours, theirs = Limits((a_limit(10, name="mine"),)), Limits((a_limit(10, name="short"),))

    budgets = over_the_wire(charged(ours.restore({}, NOON), NOON, 10), theirs, NOON)

    assert waits(budgets, NOON) > 0


def test_a_limit_that_only_the_other_archive_declares_is_counted_but_not_kept():
    ours, theirs = Limits((a_limit(10),)), Limits((a_limit(5, HOUR, name="other"),))
    stored = charged(theirs.restore({}, NOON), NOON)

    mixed = charged(over_the_wire(stored, ours, NOON), NOON, 4)

    assert waits(mixed, NOON) == 0
    assert waits(over_the_wire(mixed, theirs, NOON), NOON) == 3601


def test_what_is_left_is_told_limit_by_limit():
    left = some_budgets().left(NOON)

    assert [(item.name, item.used, item.limit, item.remaining) for item in left] == [
        ("short", 30, 100, 70),
        ("core", 33, 40, 7),
        ("ratelimit d", None, None, 3),
    ]
    assert left[0].until == NOON + timedelta(minutes=15)
    assert fresh(a_limit()).left(NOON)[0].until is None


def test_counts_are_plain_pairs():
    sent: Sent = some_budgets().budgets[0].sent

    assert all(isinstance(part, int) for pair in sent for part in pair)
