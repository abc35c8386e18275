"""The three worked examples load into the values they mean."""

from snapshotter.core.spans import parse_span
from snapshotter.spec import (
    Action,
    BearerAuth,
    Carry,
    CursorPaging,
    DayRule,
    ErrorRule,
    Horizon,
    Kind,
    LinkHeader,
    OAuth2Auth,
    PageNumber,
    PagingCommon,
    RateHeaders,
    RateLimit,
    RefreshRule,
    SecretRef,
    Slot,
    Template,
    Where,
    WindowRule,
)
from tests.core.config_builders import an_example

LIMIT_RULES = (
    ErrorRule(Action.RATE_LIMITED, status=(403, 429), header_name="x-ratelimit-remaining", header_matches="^0$"),
    ErrorRule(Action.RATE_LIMITED, status=(403, 429), body="contains(message || '', 'secondary')"),
)


def a_secret(name: str) -> Template:
    return Template((Slot("secrets", name),))


def a_bound(end: str, form: str) -> Template:
    return Template((Slot("window", end, (form,)),))


def test_a_feed_is_merged_newest_first_until_something_known_is_met():
    feed = an_example("code_host").streams["feed"]

    assert feed.key == "codehost/feed"
    assert feed.is_feed
    assert feed.path == Template(("/users/mona/events",))
    assert feed.paging == LinkHeader(common=PagingCommon(("no_next", "known_record"), max_pages=12))
    assert feed.day == DayRule(first_of=("created_at",), parse="instant", zone="UTC")
    assert feed.horizon == Horizon(300, parse_span("30d"), "x-poll-interval")


def test_rules_of_the_stream_come_before_those_of_the_source():
    source = an_example("code_host")

    assert source.streams["feed"].errors == (ErrorRule(Action.END, status=(422,), page="later"), *LIMIT_RULES)
    assert source.streams["stars"].errors == LIMIT_RULES


def test_a_state_is_a_snapshot_without_a_day():
    stars = an_example("code_host").streams["stars"]

    assert stars.kind is Kind.SNAPSHOT
    assert stars.day is None
    assert stars.window is None
    assert stars.selection.ignore == ("repo.stargazers_count", "repo.updated_at")
    assert stars.expect.max_drop == 0.2


def test_client_and_limits_are_as_written():
    source = an_example("code_host")

    assert source.secrets == {"pat": SecretRef("pat", "env", "CODEHOST_TOKEN")}
    assert source.auth == BearerAuth(a_secret("pat"))
    assert source.client.user_agent == "archive of mona"
    assert source.client.conditional
    assert source.rate_limits == (RateLimit("hour", 5000, parse_span("1h"), reserve=100),)
    assert source.rate_headers == (
        RateHeaders(("hour",), "x-ratelimit-limit", "x-ratelimit-remaining", reset="x-ratelimit-reset", adopt=True),
    )


def test_instants_are_asked_in_utc_and_filed_by_local_days():
    pulse = an_example("ring").streams["pulse"]

    assert pulse.window == WindowRule(
        start="2023-06-01",
        step=parse_span("30d"),
        max_span=parse_span("30d"),
        bounds="[]",
        granularity=parse_span("1s"),
        settle=parse_span("10m"),
        lookback=parse_span("7d"),
        zone="UTC",
        empty_stop=6,
        params={"start_datetime": a_bound("start", "iso"), "end_datetime": a_bound("end", "iso")},
    )
    assert pulse.day == DayRule(first_of=("timestamp",), parse="instant", zone="Europe/Berlin")
    assert pulse.selection.id == ("timestamp", "source")


def test_a_default_reaches_every_stream():
    source = an_example("ring")

    paging = CursorPaging(Where(body="next_token"), "next_token", carry=Carry("none"))
    assert {stream.paging for stream in source.streams.values()} == {paging}


def test_a_template_is_laid_below_the_streams_that_use_it():
    streams = an_example("ring", zone="Asia/Tokyo").streams
    readiness, training = streams["readiness"], streams["training"]

    assert readiness.window is not None
    assert training.window is not None
    assert readiness.window.bounds == "[]"
    assert training.window.bounds == "[)"
    assert training.window.lookback == parse_span("8d")
    assert training.window.step == readiness.window.step == parse_span("90d")
    assert training.refresh == RefreshRule("ladder", (parse_span("3d"), parse_span("30d"), parse_span("90d")))


def test_records_that_name_a_day_take_both_zones_from_the_settings():
    readiness = an_example("ring", zone="Asia/Tokyo").streams["readiness"]

    assert readiness.day == DayRule(first_of=("day",), parse="date", zone="Asia/Tokyo")
    assert readiness.window is not None
    assert readiness.window.zone == "Asia/Tokyo"


def test_tokens_that_rotate_are_described_whole():
    auth = an_example("sports").auth

    assert auth == OAuth2Auth(
        grant_type="refresh_token",
        token_url="https://www.strava.com/oauth/token",
        client_id=a_secret("app"),
        client_secret=a_secret("app_secret"),
        refresh_token=a_secret("first_token"),
        authorize_url="https://www.strava.com/oauth/authorize",
        scopes=("read", "activity:read_all"),
        scope_separator=",",
        expires="expires_at",
        refresh_before=parse_span("10m"),
    )


def test_numbered_pages_end_with_an_empty_one():
    diary = an_example("sports").streams["diary"]

    assert diary.paging == PageNumber("page", common=PagingCommon(("empty_page",)))
    assert diary.day == DayRule(first_of=("start_date_local",), parse="prefix", zone="Europe/Berlin")


def test_details_name_their_parent_and_their_own_rules_come_first():
    full, tracks = an_example("sports").streams["diary"].details

    assert full.path == Template(("/activities/", Slot("record", "id")))
    assert tracks.path == Template(("/activities/", Slot("record", "id"), "/streams"))
    assert (full.fetch_if, tracks.fetch_if) == ("changed", "missing")
    assert [rule.action for rule in full.errors] == [Action.TOMBSTONE, Action.REFRESH_AUTH, Action.RATE_LIMITED]


def test_limits_may_count_some_requests_only():
    limits = an_example("sports").rate_limits

    assert [(limit.name, limit.limit, limit.method) for limit in limits] == [
        ("quarter", 200, None),
        ("daily", 2000, None),
        ("quarter_reads", 100, "GET"),
        ("daily_reads", 1000, "GET"),
    ]
