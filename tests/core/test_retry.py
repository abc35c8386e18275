"""Every answer has its verdict: used, asked again and when, or given up with a reason."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.retry import PASSING, backoff, judge, looks_like_html, retry_after
from snapshotter.core.statuses import words
from snapshotter.model import Again, EndHere, GiveUp, Miss, NoAnswer, RenewAuth, Response, Take, TakeEmpty
from snapshotter.spec import Action, ErrorRule, Retry, Span

NOW = datetime(2024, 5, 1, 12, 0, 0, tzinfo=UTC)
PLAIN = Retry(jitter=False)


def an_answer(status=200, body=b"[]", **headers):
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Response(status, named, body, NOW, "https://api.example/x")


def a_miss(miss, message="trouble", again_after=None):
    return NoAnswer(miss, message, NOW, again_after)


def verdict(answer, *rules, **changes):
    usual = {
        "policy": PLAIN,
        "page_is_first": True,
        "attempt": 1,
        "spent_seconds": 0.0,
        "max_wait": 1200.0,
        "now": NOW,
        "chance": 0.5,
    }
    return judge(answer, rules=rules, **(usual | changes))


def seconds(amount):
    return Span(microseconds=int(amount * 1_000_000))


# --- the whole table ---

ASKED_AGAIN = {202, 408, 425, 429, 500, 502, 503, 504, 522, 524, 529}
EMPTY = {204, 205}
KINDS = {
    "forbidden": {402, 403, 451, 999},
    "gone": {410},
    "rate_limit": {420},
    "network": {407, 511},
    "auth": {498},
}


def expected_of(status):
    """The default verdict on a status, in one word."""
    if status == 401:
        return "renew"
    if status in ASKED_AGAIN:
        return "again"
    if status in EMPTY:
        return "empty"
    if 200 <= status < 300 and status != 206:
        return "take"
    by_kind = next((kind for kind, some in KINDS.items() if status in some), None)
    by_class = {2: "server", 3: "request", 4: "request", 5: "server"}.get(status // 100, "other")
    return by_kind or by_class


def word_for(verdict):
    match verdict:
        case Take():
            return "take"
        case TakeEmpty():
            return "empty"
        case Again():
            return "again"
        case RenewAuth():
            return "renew"
        case GiveUp(kind):
            return kind
        case EndHere(stop):
            return stop


@pytest.mark.parametrize("hundred", range(100, 1000, 100))
def test_every_status_has_its_verdict(hundred):
    statuses = range(hundred, hundred + 100)

    found = {status: word_for(verdict(an_answer(status))) for status in statuses}

    assert found == {status: expected_of(status) for status in statuses}


ODD = (100, 206, 300, 304, 399, 400, 404, 418, 419, 451, 499, 501, 520, 521, 530, 599, 600, 999)


@pytest.mark.parametrize("status", ODD)
def test_a_window_given_up_for_a_status_names_it_and_what_it_means(status):
    found = verdict(an_answer(status))

    assert found.status == status
    assert found.why.startswith(f"{status} (")
    assert len(found.why) > len("404 ()")


@pytest.mark.parametrize("status", [404, 521, 999])
def test_the_source_file_may_name_any_other_status_to_be_asked_again(status):
    assert isinstance(verdict(an_answer(status), policy=Retry(statuses=(status,))), Again)


def test_a_status_taken_off_the_list_is_given_up():
    assert isinstance(verdict(an_answer(503), policy=Retry(statuses=(500,))), GiveUp)


def test_only_too_many_requests_is_the_lanes_matter():
    assert verdict(an_answer(429)).rate_limited
    assert not verdict(an_answer(503)).rate_limited


def test_not_modified_ends_the_walk_well_if_a_condition_was_sent():
    assert verdict(an_answer(304, b""), conditional=True) == EndHere("not_modified")
    assert verdict(an_answer(304, b""), conditional=False).kind == "request"


def test_a_refused_key_is_renewed_once_and_then_stops_the_source():
    assert isinstance(verdict(an_answer(401)), RenewAuth)

    again = verdict(an_answer(401), renewed=True)

    assert (again.kind, again.stops_source) == ("auth", True)


def test_a_missing_permission_is_never_empty():
    found = verdict(an_answer(403, b"[]"))

    assert (found.kind, found.status, found.stops_source) == ("forbidden", 403, False)


def test_forbidden_with_a_time_to_come_back_is_a_rate_limit():
    assert verdict(an_answer(403, retry_after="60")) == Again(60.0, words(403), rate_limited=True)


# --- trouble on the way ---


@pytest.mark.parametrize("miss", Miss)
def test_every_miss_has_its_verdict(miss):
    found = verdict(a_miss(miss, "the words"))

    if miss in PASSING:
        assert found == Again(1.0, "the words")
    else:
        kinds = {Miss.TLS: "network", Miss.AUTH: "auth"}
        assert found == GiveUp(kinds.get(miss, "request"), "the words", stops_source=miss is Miss.AUTH)


def test_what_does_not_pass_by_itself_is_not_tried_again():
    assert set(Miss) - PASSING == {Miss.TLS, Miss.TOO_LARGE, Miss.REDIRECT, Miss.ORIGIN, Miss.AUTH}


def test_a_busy_token_server_is_asked_again_when_it_said():
    assert verdict(a_miss(Miss.OTHER, again_after=30.0)) == Again(30.0, "trouble")
    assert verdict(a_miss(Miss.OTHER, again_after=5000.0)).again_after == 5000.0


def test_after_the_last_try_the_trouble_is_named_with_the_number_of_tries():
    found = verdict(a_miss(Miss.RESET), attempt=5, spent_seconds=31.0)

    assert found == GiveUp("network", "trouble; still so after 5 tries in 31 s")


# --- when ---


@pytest.mark.parametrize(("attempt", "pause"), [(1, 1), (2, 2), (3, 4), (4, 8), (7, 60), (1000, 60)])
def test_pauses_double_up_to_the_cap(attempt, pause):
    assert backoff(PLAIN, attempt=attempt, chance=0.5) == pause


@given(st.integers(1, 200), st.floats(0, 1, exclude_max=True))
def test_jitter_picks_a_part_of_the_pause(attempt, chance):
    assert backoff(Retry(), attempt=attempt, chance=chance) <= backoff(PLAIN, attempt=attempt, chance=0)


def test_tries_end_at_the_number_allowed():
    assert isinstance(verdict(an_answer(500), attempt=4), Again)
    assert verdict(an_answer(500), attempt=5) == GiveUp(
        "server", f"{words(500)}; still so after 5 tries in 0 s", status=500
    )


def test_tries_end_when_the_next_one_would_be_past_the_total():
    assert isinstance(verdict(an_answer(500), attempt=3, spent_seconds=896.0), Again)
    assert isinstance(verdict(an_answer(500), attempt=3, spent_seconds=897.0), GiveUp)


def test_a_wait_that_the_server_asked_for_is_not_held_against_the_total():
    assert verdict(an_answer(429, retry_after="1100")) == Again(1100.0, words(429), rate_limited=True)


def test_a_longer_wait_than_allowed_is_given_up_and_never_cut_short():
    found = verdict(an_answer(429, retry_after="3600"), max_wait=1200.0)

    assert (found.kind, found.again_after, found.status) == ("rate_limit", 3600.0, 429)


AGO = "Wed, 01 May 2024 11:59:00 GMT"


@pytest.mark.parametrize(
    ("value", "date", "wait"),
    [
        ("120", None, 120),
        (" 120 ", None, 120),
        ("+120", None, 120),
        ("1.5", None, 1.5),
        ("0.2", None, 0.2),
        ("0", None, None),
        ("-1", None, None),
        ("-0.5", None, None),
        ("", None, None),
        ("soon", None, None),
        ("120s", None, None),
        ("inf", None, None),
        ("nan", None, None),
        ("1e3", None, None),
        ("１２", None, None),
        ("9" * 400, None, None),
        (str(int(NOW.timestamp()) + 90), None, 90),
        (str(int(NOW.timestamp()) - 90), None, None),
        (str((int(NOW.timestamp()) + 90) * 1000), None, 90),
        (str(int(NOW.timestamp()) + 90), AGO, 150),
        ("Wed, 01 May 2024 12:01:30 GMT", None, 90),
        ("Wed, 01 May 2024 12:01:30 GMT", AGO, 150),
        ("Wednesday, 01-May-24 12:01:30 GMT", None, 90),
        ("Wed May  1 12:01:30 2024", None, 90),
        ("2024-05-01T12:01:30Z", None, 90),
        ("Wed, 01 May 2024 11:00:00 GMT", None, None),
        ("Wed, 01 May 2024 11:59:30 GMT", AGO, 30),
        ("Wed, 01 May 2024 12:01:30 GMT", "not a date", 90),
    ],
)
def test_retry_after_is_understood_in_all_its_shapes(value, date, wait):
    headers = {"retry_after": value} | ({"date": date} if date else {})

    assert retry_after(an_answer(429, **headers), NOW) == wait


@pytest.mark.parametrize("value", ["0", "-5", "soon", ""])
def test_a_retry_after_that_says_nothing_leaves_the_usual_pause(value):
    assert verdict(an_answer(429, retry_after=value), attempt=3) == Again(4.0, words(429), rate_limited=True)


def test_of_several_retry_afters_the_longest_counts():
    answer = Response(429, (("retry-after", "5"), ("retry-after", "50")), b"", NOW, "")

    assert retry_after(answer, NOW) == 50


@given(st.text(max_size=40))
def test_no_retry_after_breaks_anything_or_asks_for_a_negative_wait(value):
    wait = retry_after(an_answer(429, retry_after=value), NOW)

    assert wait is None or wait > 0


@given(st.integers(1, 10), st.floats(0, 2000), st.integers(-10, 5000), st.floats(0, 1, exclude_max=True))
def test_no_try_is_ever_earlier_than_the_server_asked(attempt, spent, asked, chance):
    answer = an_answer(503, retry_after=str(asked))

    found = verdict(answer, policy=Retry(), attempt=attempt, spent_seconds=spent, chance=chance)

    if isinstance(found, Again):
        assert found.seconds >= min(asked, 1200)
        assert attempt < 5
    else:
        assert found.again_after is None or found.again_after == asked


# --- rules of the source file ---


@pytest.mark.parametrize(
    ("action", "expected"),
    [
        (Action.RETRY, Again(1.0, words(422))),
        (Action.RATE_LIMITED, Again(1.0, words(422), rate_limited=True)),
        (Action.REFRESH_AUTH, RenewAuth(words(422))),
        (Action.FAIL, GiveUp("request", words(422), 422)),
        (Action.END, EndHere("end_rule", "422 (the API cannot work with these parameters)", 422)),
        (Action.EMPTY, TakeEmpty(words(422))),
        (Action.TOMBSTONE, TakeEmpty(words(422))),
        (Action.SKIP_STREAM, GiveUp("request", words(422), 422, stops_stream=True)),
    ],
)
def test_each_action_has_its_verdict(action, expected):
    assert verdict(an_answer(422), ErrorRule(action, status=(422,))) == expected


def test_refresh_auth_by_a_rule_is_done_once():
    found = verdict(an_answer(400), ErrorRule(Action.REFRESH_AUTH, status=(400,)), renewed=True)

    assert (found.kind, found.stops_source) == ("auth", True)


def test_the_first_rule_that_holds_decides():
    rules = [ErrorRule(Action.FAIL, status=(500,)), ErrorRule(Action.END, status=(404,)), ErrorRule(Action.EMPTY)]

    assert verdict(an_answer(404), *rules) == EndHere("end_rule", "404 (not found; check the path)", 404)


def test_a_rule_speaks_in_its_own_words():
    rule = ErrorRule(Action.FAIL, status=(422,), message="asked beyond the last page")

    assert verdict(an_answer(422), rule).why == "asked beyond the last page (422)"


@pytest.mark.parametrize(
    ("page", "is_first", "holds"),
    [
        ("first", True, True),
        ("first", False, False),
        ("later", True, False),
        ("later", False, True),
        (None, True, True),
        (None, False, True),
    ],
)
def test_a_rule_is_for_the_page_it_names(page, is_first, holds):
    found = verdict(an_answer(404), ErrorRule(Action.EMPTY, status=(404,), page=page), page_is_first=is_first)

    assert isinstance(found, TakeEmpty) is holds


@pytest.mark.parametrize(
    ("body", "holds"),
    [
        (b'{"message": "You hit the secondary rate limit"}', True),
        (b'{"message": "other"}', False),
        (b"{}", False),
        (b"[1, 2]", False),
        (b'{"message": 5}', False),
        (b"<html>", False),
        (b"", False),
        (b"\xff", False),
    ],
)
def test_a_rule_on_the_body_is_false_where_the_body_does_not_fit_it(body, holds):
    rule = ErrorRule(Action.RATE_LIMITED, status=(403,), body="contains(message || '', 'secondary rate limit')")

    assert isinstance(verdict(an_answer(403, body), rule), Again) is holds


def test_a_rule_on_the_body_sees_an_error_that_came_as_success():
    rule = ErrorRule(Action.FAIL, body="error")

    assert verdict(an_answer(200, b'{"error": "no such user"}'), rule).kind == "other"
    assert verdict(an_answer(200, b'{"data": []}'), rule) == Take()


@pytest.mark.parametrize(("value", "holds"), [("0", True), ("10", False), (None, False)])
def test_a_rule_on_a_header_is_a_regular_expression(value, holds):
    rule = ErrorRule(Action.RATE_LIMITED, header_name="X-RateLimit-Remaining", header_matches="^0$")
    headers = {} if value is None else {"x_ratelimit_remaining": value}

    assert isinstance(verdict(an_answer(403, **headers), rule), Again) is holds


def test_a_rule_on_a_header_without_a_pattern_wants_it_to_be_there():
    rule = ErrorRule(Action.END, header_name="x-last")

    assert isinstance(verdict(an_answer(200, x_last=""), rule), EndHere)
    assert verdict(an_answer(200), rule) == Take()


# --- words ---


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"message": "Bad credentials"}', "Bad credentials"),
        (b'{"error": {"code": 5, "message": "Quota exceeded"}}', "Quota exceeded"),
        (b'{"errors": [{"title": "Invalid page"}]}', "Invalid page"),
        (b'{"error": "invalid_request", "error_description": "too old"}', "too old"),
        (b'"just a text"', "just a text"),
    ],
)
def test_what_the_server_says_about_an_error_is_told(body, said):
    assert verdict(an_answer(400, body)).why == f'{words(400)}: "{said}"'


def test_data_is_never_quoted():
    assert verdict(an_answer(200, b'{"error": "private"}'), ErrorRule(Action.FAIL)).why == words(200)


def test_a_plain_text_error_is_told_by_its_first_line():
    answer = an_answer(400, b"Error 400: Bad Request\n\nlimit must be\n", content_type="text/plain")

    assert verdict(answer).why.endswith('"Error 400: Bad Request"')


def test_what_the_server_says_cannot_move_the_cursor_or_fill_the_screen():
    why = verdict(an_answer(400, b'{"message": "a\\u001b[2J\\nb' + b"x" * 500 + b'"}')).why

    assert why.isprintable()
    assert len(why) < 400


def test_a_web_page_in_place_of_an_error_is_called_one():
    assert verdict(an_answer(404, b"<!DOCTYPE html><html>")).why.endswith("with an HTML page (a login? maintenance?)")


@pytest.mark.parametrize(
    ("body", "content_type", "is_html"),
    [
        (b"<!DOCTYPE html>", "application/json", True),
        (b"\n  <HTML>", "", True),
        (b"\xef\xbb\xbf<html>", "", True),
        (b"Please wait", "text/html; charset=utf-8", True),
        (b"<?xml version='1.0'?>", "application/xml", False),
        (b'{"a": "<html>"}', "text/html", False),
        (b"[]", "", False),
        (b"", "", False),
    ],
)
def test_a_web_page_is_known_by_its_body_or_its_type(body, content_type, is_html):
    assert looks_like_html(an_answer(200, body, content_type=content_type)) is is_html


def test_a_total_of_nothing_allows_no_second_try():
    assert isinstance(verdict(an_answer(500), policy=Retry(total=seconds(0.5), jitter=False)), GiveUp)


def test_dates_far_away_are_no_dates():
    far = (NOW + timedelta(days=365 * 900)).strftime("%a, %d %b %Y %H:%M:%S GMT")

    assert retry_after(an_answer(429, retry_after=far), NOW) is None
