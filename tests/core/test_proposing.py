"""What one answer and its address suggest, on answers of many shapes."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.core.config import load_source
from snapshotter.core.proposing import Seen, propose, read_address
from snapshotter.errors import UsageError
from snapshotter.spec import Kind, LinkHeader, NextUrl, NoPaging, OffsetPaging, PageNumber, Shape

URL = "https://api.example.org/v1/things"
TODAY = date(2024, 6, 1)
KEY = "k3y-0123456789-abcdef"


def proposal(body, url=URL, headers=(), **more):
    return propose(Seen(read_address(url), url, tuple(headers), body, **more), today=TODAY)


def stream_of(body, url=URL, headers=(), **more):
    """The one stream that the proposed file describes; the file must load without a problem."""
    found = proposal(body, url, headers, **more)
    loaded = load_source(found.text, file=f"sources/{found.source}.toml", settings=None)
    assert loaded.problems == (), found.text
    assert loaded.warnings == (), found.text
    return loaded.sources[0].streams[found.stream]


def things(count=12, *, newest_first=False, **fields):
    """Records with an id and a time an hour apart."""
    first = datetime(2024, 5, 1, tzinfo=UTC)
    made = []
    for number in range(count):
        at = (first + timedelta(hours=number)).isoformat().replace("+00:00", "Z")
        extra = {name: value(number) if callable(value) else value for name, value in fields.items()}
        made.append({"id": number + 100, "created_at": at, "note": "same", **extra})
    return made[::-1] if newest_first else made


# --- where the records are ---


@pytest.mark.parametrize(
    ("body", "path", "shape"),
    [
        (things(), "@", Shape.LIST),
        ({"data": things()}, "data", Shape.LIST),
        ({"items": things(), "paging": {"total": 12}}, "items", Shape.LIST),
        ({"results": things(), "facets": [{"n": 1}]}, "results", Shape.LIST),
        ({"type": "FeatureCollection", "features": things(), "bbox": [1.0, 2.0]}, "features", Shape.LIST),
        ({"response": {"odd name": things()}}, 'response."odd name"', Shape.LIST),
        ({"hourly": {"time": ["2024-05-01", "2024-05-02"], "t": [1.5, 2]}}, "hourly", Shape.COLUMNS),
        ({"columns": ["day", "n"], "rows": [["2024-05-01", 1], ["2024-05-02", 2]]}, "@", Shape.ROWS),
        ({"list": {str(n): {"time_added": "1714521600", "t": n} for n in range(4)}}, "list", Shape.ENTRIES),
        ({"id": 1, "a": 1, "b": "x", "c": 2.5, "d": "y", "laps": [{"n": 1}, {"n": 2}]}, "@", Shape.SINGLE),
        ({"temperature": 21.5, "at": "2024-05-01T12:00:00Z"}, "@", Shape.SINGLE),
        ([11, 12, 13], "@", Shape.LIST),
        ({"days": {"2024-11-11": {"score": 8}, "2024-11-12": {"score": 9}}}, "days", Shape.ENTRIES),
        ({"data": []}, "data", Shape.LIST),
    ],
)
def test_records_are_found_where_they_are(body, path, shape):
    selection = stream_of(body).selection

    assert (selection.records, selection.shape) == (path, shape)


def test_an_answer_of_a_document_a_line_is_said_to_be_one():
    assert stream_of(things(), is_ndjson=True).selection.decode == "ndjson"


# --- the id ---


@pytest.mark.parametrize(
    ("records", "identity"),
    [
        (things(), ("id",)),
        (things(id=lambda n: f"a{n}", user_id=lambda n: n), ("id",)),
        ([{"data": {"name": f"t3_{n}", "id": f"x{n}"}, "kind": "t3"} for n in range(5)], ("data.id",)),
        ([{"uuid": f"u{n}", "name": "x"} for n in range(5)], ("uuid",)),
        ([{"code": f"c{n}", "n": 1} for n in range(5)], ("code",)),
        ([{"timestamp": f"2024-05-01T1{n}:00:00Z", "bpm": 60} for n in range(5)], ("timestamp",)),
        ([{"timestamp": "2024-05-01T10:00:00Z", "source": s} for s in "abc"], ("timestamp", "source")),
    ],
)
def test_an_id_is_another_one_in_every_record(records, identity):
    assert stream_of({"data": records}).selection.id == identity


def test_a_field_named_id_that_repeats_is_not_taken_and_is_asked_about():
    found = proposal([{"id": 1, "text": "a"}, {"id": 1, "text": "b"}])

    assert "id is not unique here" in " ".join(found.questions)
    assert stream_of([{"id": 1, "text": "a"}, {"id": 1, "text": "b"}]).selection.id_is_hash


# --- the day ---


@pytest.mark.parametrize(
    ("field", "values", "parse"),
    [
        ("day", ["2024-05-01", "2024-05-02"], "date"),
        ("created_at", ["2024-05-01T10:00:00Z", "2024-05-02T10:00:00.123+02:00"], "instant"),
        ("time", [1714521600, 1714608000], "epoch"),
        ("time", [1714521600.25, 1714608000], "epoch"),
        ("time", [1714521600123, 1714608000456], "epoch_ms"),
        ("time_added", ["1714521600", "1714608000"], "epoch"),
        ("ts", ["1714521600.000200", "1714608000.000300"], "epoch"),
        ("ts", [1714521600123456, 1714608000456789], "epoch_us"),
        ("date", ["2024-05-01 (Wed)", "2024-05-02 (Thu)"], "prefix"),
        ("date", ["01.05.2024", "31.05.2024"], "fmt:%d.%m.%Y"),
        ("date", ["05/31/2024", "05/01/2024"], "fmt:%m/%d/%Y"),
        ("date", ["20240501", "20240502"], "fmt:%Y%m%d"),
        ("published", ["Wed, 01 May 2024 10:00:00 GMT", "Thu, 02 May 2024 10:00:00 GMT"], "http_date"),
        ("at", [1714521600123, 1714608000456], "epoch_ms"),
        ("occurred_ms", [1714521600123, 1714608000456], "epoch_ms"),
        ("odd", [1714521600123, 1714608000456], "epoch_ms"),
        ("start_date_local", ["2024-05-01T23:30:00Z", "2024-05-02T23:30:00Z"], "prefix"),
    ],
)
def test_the_day_is_read_as_it_is_written(field, values, parse):
    day = stream_of([{"id": n, field: value, "size": 7} for n, value in enumerate(values)]).day

    assert (day.first_of, day.parse) == ((field,), parse)


@pytest.mark.parametrize(
    "record",
    [
        {"n": 5, "duration": 1714521600, "name": "x"},
        {"version": "1.2", "phone": "4915112345678"},
        {"n": 1.5, "ok": True},
        {"date": "soon"},
        {"odd": 1714521600},
        {"order_id": 1714521600123},
    ],
)
def test_what_is_no_time_is_not_taken_for_one(record):
    assert stream_of([{**record, "id": 1}, {**record, "id": 2}]).day is None


def test_when_a_thing_was_made_goes_before_when_it_was_changed():
    records = things(updated_at="2024-05-09T00:00:00Z", end_date="2025-01-01")

    assert stream_of(records).day.first_of == ("created_at",)


def test_a_time_that_every_record_has_goes_before_a_better_name_that_some_lack():
    records = [{"id": n, "when": f"2024-05-0{n}T10:00:00Z", "what": {}} for n in range(1, 5)]
    records[0]["what"] = {"comment": {"created_at": "2020-01-01T00:00:00Z"}}

    assert stream_of(records).day.first_of == ("when",)


def test_a_number_in_an_object_of_times_is_a_time():
    assert stream_of([{"id": n, "t": {"origin": 1714521600 + n}} for n in (1, 2)]).day.first_of == ("t.origin",)


def test_a_time_without_a_zone_is_asked_about():
    found = proposal([{"id": n, "time": f"2024-05-0{n}T10:00"} for n in (1, 2)])

    assert "names no zone" in " ".join(found.questions)
    assert 'naive = "UTC"' in found.text


def test_a_false_z_is_asked_about():
    assert "is the Z false?" in proposal([{"id": 1, "start_date_local": "2024-05-01T23:30:00Z"}]).text


def test_a_field_that_some_records_lack_makes_them_undated():
    records = [*things(), {"id": 1, "created_at": None}]

    assert stream_of(records).day.missing == "undated"


# --- how it is asked ---


def test_the_newest_first_without_a_span_is_a_feed():
    stream = stream_of(things(newest_first=True), headers=[("link", f'<{URL}?page=2>; rel="next"')])

    assert stream.is_feed
    assert "known_record" in stream.paging.common.stop


def test_other_orders_without_a_span_are_a_whole_state():
    assert stream_of(things()).kind is Kind.SNAPSHOT


def test_a_state_that_shrinks_is_held_because_it_may_never_have_been_whole():
    found = proposal(things())

    assert stream_of(things()).expect.max_drop == 0.2
    assert "hold everything there is?" in " ".join(found.questions)


def test_a_cursor_of_the_address_is_not_taken_for_a_span():
    found = proposal({"data": things(), "after": "t3_x"}, f"{URL}?after=t3_a")

    assert "after looks like" not in " ".join(found.questions)


@pytest.mark.parametrize(
    ("query", "params"),
    [
        ("since=2024-05-01&until=2024-05-31", {"since": "date", "until": "date"}),
        ("startDate=2024-05-01&endDate=2024-05-31", {"startDate": "date", "endDate": "date"}),
        ("from=2024-05-01T00:00:00Z&to=2024-05-02T00:00:00Z", {"from": "iso", "to": "iso"}),
        (
            "starttime=2024-05-01T00:00:00&endtime=2024-05-02T00:00:00",
            {"starttime": "fmt:%Y-%m-%dT%H:%M:%S", "endtime": "fmt:%Y-%m-%dT%H:%M:%S"},
        ),
        ("after=1714521600&before=1714608000", {"after": "epoch", "before": "epoch"}),
        ("start=1714521600000&end=1714608000000", {"start": "epoch_ms", "end": "epoch_ms"}),
        ("from_ms=1714521600000&to_ms=1714608000000", {"from_ms": "epoch_ms", "to_ms": "epoch_ms"}),
        ("created[gte]=2024-05-01T00:00:00.000Z", {"created[gte]": "iso_ms"}),
        ("timeMin=2024-05-01T00:00:00%2B02:00", {"timeMin": "iso_offset"}),
    ],
)
def test_the_span_of_an_address_becomes_a_window(query, params):
    stream = stream_of({"data": things()}, f"{URL}?{query}&unit=m")

    sent = {name: value.slots()[0].filters[0] for name, value in stream.window.params.items()}
    assert sent == params
    assert list(stream.params) == ["unit"]


def test_dates_of_an_unknown_zone_are_asked_wider_for_records_with_instants():
    stream = stream_of(things(), f"{URL}?from=2024-05-01&to=2024-05-07")

    assert stream.window.overlap.before.days == 1


def test_an_end_that_was_seen_to_be_included_is_said_to_be():
    days = [{"id": n, "day": f"2024-05-0{n}"} for n in range(1, 8)]

    assert stream_of(days, f"{URL}?from=2024-05-01&to=2024-05-07").window.bounds == "[]"
    assert stream_of(days, f"{URL}?from=2024-05-01&to=2024-05-09").window.bounds == "[)"


def test_a_span_that_cannot_be_read_is_sent_as_it_is_and_asked_about():
    found = proposal(things(), f"{URL}?since=yesterday")

    assert "since looks like a span of time" in " ".join(found.questions)
    assert stream_of(things(), f"{URL}?since=yesterday").params["since"] == "yesterday"


@pytest.mark.parametrize(
    ("around", "query", "headers", "kind"),
    [
        ({}, "", [("link", f'<{URL}?page=2>; rel="next"')], LinkHeader),
        ({"next": f"{URL}?c=2"}, "", [], NextUrl),
        ({"count": 40, "next": None, "previous": None}, "", [], NextUrl),
        ({"links": {"next": {"href": "/v1/things?c=2"}}}, "", [], NextUrl),
        ({"links": [{"rel": "self", "href": "x"}, {"rel": "next", "href": f"{URL}?c=2"}]}, "", [], NextUrl),
        ({"@odata.nextLink": f"{URL}?c=2"}, "", [], NextUrl),
        ({"links": {"following": f"{URL}?page=2"}}, "", [], NextUrl),
        ({"links": {"self": f"{URL}?page=1", "last": f"{URL}?page=9"}}, "", [], NoPaging),
        ({"about": f"{URL}?unit=m", "docs": "https://docs.example.org/?page=2"}, "", [], NoPaging),
        ({}, "page=1&per_page=12", [], PageNumber),
        ({}, "per_page=12", [], PageNumber),
        ({"page": 1, "pages": 9}, "", [], PageNumber),
        ({}, "offset=0&limit=12", [], OffsetPaging),
        ({}, "limit=12", [], OffsetPaging),
        ({}, "limit=50", [], NoPaging),
        ({}, "", [], NoPaging),
    ],
)
def test_the_next_page_is_found(around, query, headers, kind):
    stream = stream_of({"data": things(), **around}, f"{URL}?{query}", headers)

    assert isinstance(stream.paging, kind)
    assert not set(stream.params) & {"page", "offset"}


@pytest.mark.parametrize(
    ("around", "query", "path", "param"),
    [
        ({"next_token": None}, "", "next_token", "next_token"),
        ({"nextPageToken": "abc"}, "", "nextPageToken", "pageToken"),
        ({"response_metadata": {"next_cursor": "abc"}}, "", "response_metadata.next_cursor", "cursor"),
        ({"meta": {"next_cursor": "abc"}}, "cursor=zz", "meta.next_cursor", "cursor"),
        ({"paging": {"cursors": {"after": "abc"}}, "has_more": True}, "", "paging.cursors.after", "after"),
    ],
)
def test_a_cursor_is_found_with_its_parameter(around, query, path, param):
    paging = stream_of({"data": things(), **around}, f"{URL}?{query}").paging

    assert (paging.cursor.body, paging.param) == (path, param)
    assert (paging.common.has_more is not None) == ("has_more" in around)


@pytest.mark.parametrize(
    ("header", "query", "param"),
    [
        ("x-next-cursor", "", "cursor"),
        ("x-next-page", "page=1&per_page=12", "page"),
        ("x-next-cursor", "after=3", "after"),
    ],
)
def test_a_cursor_in_a_header_is_found(header, query, param):
    paging = stream_of({"data": things()}, f"{URL}?{query}", [(header, "2")]).paging

    assert (paging.cursor.header, paging.param) == (header, param)


def test_a_limit_that_was_not_reached_must_never_cut_in_silence():
    assert stream_of(things(), f"{URL}?limit=500").paging.common.max_items == 500


def test_a_next_page_on_another_host_is_asked_about():
    found = proposal({"data": things(), "next": "https://cdn.example.net/2"})

    assert 'allow_hosts = ["cdn.example.net"]' in found.text
    assert "cdn.example.net" in " ".join(found.questions)


# --- secrets ---


@pytest.mark.parametrize(
    "query", [f"api_key={KEY}", f"appid={KEY}", f"access_token={KEY}", f"key={KEY}", f"x={KEY}&token=s", "q=1&pwd=abc"]
)
def test_a_secret_of_the_address_is_named_and_never_shown(query):
    found = proposal(things(), f"{URL}?{query}")
    loaded = load_source(found.text, file="sources/example.toml", settings=None)

    assert KEY not in repr(found)
    assert "=abc" not in found.text
    assert loaded.problems == ()
    assert all(ref.kind == "env" for ref in loaded.sources[0].secrets.values())
    assert "was taken for a secret" in " ".join(found.questions)


def test_a_password_before_the_host_becomes_basic_auth():
    found = proposal(things(), "https://anna:geheim123@api.example.org/v1/things")

    assert "geheim123" not in repr(found)
    assert "anna" not in repr(found)
    assert stream_of(things(), "https://anna:geheim123@api.example.org/v1/things")


@pytest.mark.parametrize("name", ["page_token", "next_token", "pageToken", "sort_key"])
def test_a_cursor_is_no_secret(name):
    assert read_address(f"{URL}?{name}=abc").credentials == ()


@pytest.mark.parametrize(
    "url", ["ftp://example.org/x", "https://", "http://[::1", "https://h/../x", "https://h:99999/"]
)
def test_what_cannot_be_asked_is_refused_without_showing_its_query(url):
    with pytest.raises(UsageError) as refused:
        read_address(url + "?key=geheim")

    assert "geheim" not in str(refused.value)


# --- the file ---


def test_no_line_of_a_proposal_is_wider_than_a_terminal():
    found = proposal({"data": things()}, f"{URL}?from=2024-05-01&to=2024-05-07&api_key={KEY}&limit=12")

    assert [line for line in found.text.splitlines() if len(line) > 80 and " " in line[2:]] == []


# --- what always holds ---

NAMES = st.one_of(
    st.sampled_from(
        ["id", "time", "date", "data", "items", "next", "cursor", "created_at", "a.b", 'q"', "", "é", "columns", "rows"]
    ),
    st.text(max_size=6),
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=8),
    st.sampled_from(
        ["2024-05-01", "2024-05-01T10:00:00Z", 1714521600, "1714521600000", "https://x.example/a{b}", "{vars.x}"]
    ),
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=25
)
QUERY = st.lists(
    st.tuples(
        st.one_of(NAMES, st.sampled_from(["since", "until", "page", "limit", "offset", "api_key", "token", "from"])),
        st.one_of(st.text(max_size=8), st.sampled_from(["2024-05-01", "1", "100", "{x}", "1714521600"])),
    ),
    max_size=5,
)


@settings(max_examples=150, deadline=None)
@given(JSON, QUERY, st.text(max_size=12), st.booleans())
def test_whatever_comes_the_proposed_file_loads(body, query, path, listed):
    from urllib.parse import quote, urlencode

    path = quote(path, safe="/") if ".." not in path and "." not in path.split("/") else ""
    url = f"https://api.example.org/{path}?{urlencode(query)}"

    assert stream_of([body, body] if listed else body, url) is not None


@settings(max_examples=30, deadline=None)
@given(st.lists(st.fixed_dictionaries({"id": st.integers(), "time": st.integers(1, 4_000_000_000)}), max_size=6))
def test_the_same_answer_gives_the_same_file(records):
    body = json.loads(json.dumps({"data": records}))

    assert proposal(body) == proposal(body)
