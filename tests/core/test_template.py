"""Placeholders are read once, keep their type when they stand alone, and cannot break out of their place."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.template import (
    Context,
    member,
    parse,
    render,
    render_header,
    render_path,
    resolution,
    slots_in,
    substitute,
    substitute_path,
    text_of,
)
from snapshotter.errors import ConfigError, Unreadable
from snapshotter.model import Secretive
from snapshotter.spec import Slot, Span, Template
from tests.core.streams import parsed

NOON = datetime(2018, 2, 1, 12, 30, 15, 250_999, tzinfo=UTC)
EVENING = datetime(2018, 2, 1, 23, 30, tzinfo=UTC)


def a_context(**changes):
    return Context(**{"run_now": NOON, "zone": "Europe/Berlin", "window": (NOON, EVENING)} | changes)


def rendered(text, **changes):
    return render(parse(text), a_context(**changes))


# --- reading ---


def test_a_text_without_placeholders_stays_a_text():
    assert parse("/events") == "/events"


def test_placeholders_are_read_with_root_path_and_filters():
    template = parse("from {window.start|fmt:%Y/%m/%d|lower} on")

    assert template == Template(("from ", Slot("window", "start", ("fmt:%Y/%m/%d", "lower")), " on"))


@pytest.mark.parametrize(
    ("text", "plain"),
    [("{{a}}", "{a}"), ("{{{{", "{{"), ("query {{ me {{ id }} }}", "query { me { id } }"), ("", "")],
)
def test_doubled_braces_are_literal(text, plain):
    assert parse(text) == plain


def test_a_placeholder_may_stand_in_literal_braces():
    assert parse("{{{vars.x}}}") == Template(("{", Slot("vars", "x"), "}"))


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{", "other half"),
        ("a}", "other half"),
        ("{a{b}", "other half"),
        ("{}", "no ''"),
        ("{var.x}", "'vars'"),
        ("{vars}", "{vars.NAME}"),
        ("{vars.a b}", "{vars.NAME}"),
        ("{window.strat}", "'start'"),
        ("{window.start.x}", "no 'start.x'"),
        ("{run.now-7d}", "'now'"),
        ("{page.token}", "no 'token'"),
        ("{account.anna}", "{account}"),
        ("{record.a..b}", "not a path"),
        ("{record.a[0]}", "not a path"),
        ("{window.start|dat}", "'date'"),
        ("{window.start|fmt:%Q}", "%Q"),
        ("{window.start|fmt:%}", "is not known"),
        ("{window.start|lower|date}", "first filter"),
        ("{page.cursor|date}", "takes no filter"),
        ("{secrets.token|lower}", "takes no filter"),
    ],
)
def test_a_mistake_is_named_with_what_was_probably_meant(text, hint):
    with pytest.raises(ConfigError) as error:
        parse(text)

    assert hint in str(error.value)


def test_placeholders_deep_in_a_value_are_found():
    value = parsed({"a": ["{vars.x}", 1, True], "b": {"c": "{window.end|date}"}, "d": None})

    assert [(slot.root, slot.path) for slot in slots_in(value)] == [("vars", "x"), ("window", "end")]


@given(st.text())
def test_any_text_with_its_braces_doubled_is_that_text(text):
    assert parse(text.replace("{", "{{").replace("}", "}}")) == text


# --- vars and account ---

KNOWN = {
    "vars": {"n": 5, "on": True, "tags": ["a", "b"], "user": "ann", "since": "2018-02-01"},
    "account": {"": "anna"},
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{vars.n}", 5),
        ("{vars.on}", True),
        ("{vars.tags}", ["a", "b"]),
        ("{vars.n} of {vars.on}", "5 of true"),
        ("{account}-{vars.user}", "anna-ann"),
        ("{vars.since|epoch}", 1517443200),
        ("{vars.user|url|lower}", "ann"),
    ],
)
def test_a_value_that_is_one_placeholder_keeps_its_type(text, value):
    assert substitute(parse(text), KNOWN) == value
    assert type(substitute(parse(text), KNOWN)) is type(value)


def test_what_is_not_known_yet_stays_a_placeholder():
    value = substitute(parsed({"q": ["{vars.user}:{window.start|date}"]}), KNOWN)

    assert value == {"q": [Template(("ann:", Slot("window", "start", ("date",))))]}


def test_a_variable_is_never_read_as_a_template():
    assert substitute(parse("x {vars.v}"), {"vars": {"v": "{secrets.token}"}}) == "x {secrets.token}"


@pytest.mark.parametrize(
    ("text", "hint"),
    [("{vars.usr}", "'user'"), ("a {vars.tags}", "single value"), ("{vars.user|date}", "neither a date")],
)
def test_a_variable_that_does_not_fit_is_a_mistake_of_the_file(text, hint):
    with pytest.raises(ConfigError, match=hint):
        substitute(parse(text), KNOWN)


def test_an_account_needs_accounts():
    with pytest.raises(ConfigError, match=r"accounts"):
        substitute(parse("{account}"), {"account": {}})


# --- paths ---


def test_a_variable_in_a_path_is_percent_encoded_as_one_segment():
    path = substitute_path(parse("/calendars/{vars.id}/events"), {"vars": {"id": "a/b@c?d#é"}})

    assert path == Template(("/calendars/a%2Fb%40c%3Fd%23%C3%A9/events",))


@pytest.mark.parametrize("text", ["/u/{vars.u}/x", "/{vars.u}", "/u/."])
def test_a_path_does_not_climb(text):
    with pytest.raises(ConfigError, match="climbs"):
        substitute_path(parse(text), {"vars": {"u": ".."}})


def test_a_secret_has_no_place_in_a_path():
    with pytest.raises(ConfigError, match="may not stand in a path"):
        substitute_path(parse("/x/{secrets.token}"), {})


def test_a_path_is_filled_in_from_the_record():
    assert render_path(parse("/item/{record.id}"), a_context(record={"id": "a b/\r\nc"})) == "/item/a%20b%2F%0D%0Ac"


def test_the_url_filter_does_not_encode_twice():
    assert render_path(Template(("/", Slot("record", "id", ("url",)))), a_context(record={"id": "a/b"})) == "/a%2Fb"


@pytest.mark.parametrize("record", [{"id": ""}, {"id": None}, {}, {"id": ".."}, {"id": []}, {"id": {"a": 1}}, 7])
def test_a_record_that_would_break_the_path_is_refused(record):
    with pytest.raises(Unreadable):
        render_path(parse("/item/{record.id}"), a_context(record=record))


# --- moments ---


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{window.start}", "2018-02-01T12:30:15Z"),
        ("{window.start|iso}", "2018-02-01T12:30:15Z"),
        ("{window.start|iso_ms}", "2018-02-01T12:30:15.250Z"),
        ("{window.start|iso_offset}", "2018-02-01T13:30:15+01:00"),
        ("{window.start|epoch}", 1517488215),
        ("{window.start|epoch_ms}", 1517488215250),
        ("{window.end|date}", "2018-02-02"),
        ("{window.end|year}", 2018),
        ("{window.end|month}", 2),
        ("{window.end|day}", 2),
        ("{window.end|fmt:%Y/%m/%d}", "2018/02/02"),
        ("{window.end|fmt:%d%%%b|lower}", "02%feb"),
        ("{window.end|date}T00:00:00Z", "2018-02-02T00:00:00Z"),
        ("{run.now|iso|url}", "2018-02-01T12%3A30%3A15Z"),
        ("{window.start|lower}", "2018-02-01t12:30:15z"),
    ],
)
def test_a_moment_is_rendered_in_the_zone_of_the_window(text, value):
    assert rendered(text) == value
    assert type(rendered(text)) is type(value)


def test_a_moment_before_1970_is_rounded_down():
    before = datetime(1969, 12, 31, 23, 59, 59, 500_000, tzinfo=UTC)

    assert rendered("{window.start|epoch}", window=(before, NOON)) == -1


def test_an_early_year_has_four_digits():
    early = datetime(987, 6, 5, tzinfo=UTC)

    assert rendered("{window.start|fmt:%Y-%m}", window=(early, NOON), zone="UTC") == "0987-06"


def test_a_moment_of_a_record_is_read_with_its_offset():
    assert rendered("{record.at|epoch}", record={"at": "1970-01-01T01:00:05+01:00"}) == 5


@pytest.mark.parametrize("at", ["yesterday", "2018-02-01T00:00:00", 12])
def test_a_moment_that_is_none_is_refused(at):
    with pytest.raises(Unreadable):
        rendered("{record.at|epoch}", record={"at": at})


def test_a_window_is_needed_where_one_is_named():
    with pytest.raises(ConfigError):
        rendered("{window.start|date}", window=None)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("{window.start}", Span(microseconds=1_000_000)),
        ("{window.start|date}", Span(days=1)),
        ("{window.start|year}", Span(days=1)),
        ("{window.start|epoch_ms}", Span(microseconds=1_000)),
        ("{window.start|fmt:%Y%m%dT%H}", Span(microseconds=3_600_000_000)),
        ("{window.start|fmt:%H:%M:%S.%f}", Span(microseconds=1)),
        ("{window.start|fmt:%B}", Span(days=1)),
    ],
)
def test_a_text_tells_moments_apart_only_so_finely(text, span):
    assert [resolution(slot) for slot in slots_in(parse(text))] == [span]


# --- values, secrets, headers ---


@pytest.mark.parametrize("cursor", ["478", 478, True, "", None])
def test_a_cursor_keeps_its_type(cursor):
    assert rendered("{page.cursor}", page={"cursor": cursor}) is cursor


def test_a_missing_cursor_is_nothing_in_a_longer_text():
    assert rendered("after:{page.cursor}", page={"cursor": None}) == "after:"


def test_a_secret_is_only_ever_a_name():
    value = render(
        parsed({"a": "{secrets.token}", "b": "t={secrets.token};n={page.number}"}), a_context(page={"number": 2})
    )

    assert value == {
        "a": Secretive((Slot("secrets", "token"),)),
        "b": Secretive(("t=", Slot("secrets", "token"), ";n=2")),
    }


def test_a_record_member_may_have_any_name():
    assert member('"a.b"."c\\"d".e', {"a.b": {'c"d': {"e": 1}}}) == 1
    assert member("@", 5) == 5
    assert member("a.b", {"a": [1]}) is None


@pytest.mark.parametrize("text", ["a\r\nX: y", "a\nb", "\x00", "a\x7f", "\x85", "→"])
def test_a_header_cannot_be_broken_out_of(text):
    with pytest.raises(Unreadable):
        render_header(parse("v={page.cursor}"), a_context(page={"cursor": text}))
    with pytest.raises(Unreadable):
        render_header(parse("{secrets.a}{page.cursor}"), a_context(page={"cursor": text}))


@pytest.mark.parametrize(("value", "text"), [(True, "true"), (3, "3"), (1.5, "1.5"), ("", ""), (None, None)])
def test_a_header_is_a_text(value, text):
    assert render_header(value, a_context()) == text


@pytest.mark.parametrize(("value", "text"), [(False, "false"), (10**30, "1" + "0" * 30), (0.1, "0.1"), ("x", "x")])
def test_values_are_sent_as_written(value, text):
    assert text_of(value) == text
