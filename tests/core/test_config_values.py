"""What a file says becomes the value that says the same; what it leaves out gets the documented default."""

import pytest

from snapshotter.core.spans import parse_span
from snapshotter.spec import (
    ApiKeyAuth,
    BasicAuth,
    BearerAuth,
    BodyAuth,
    Carry,
    Client,
    CommandAuth,
    CursorPaging,
    DayRule,
    ErrorRule,
    JwtBearerAuth,
    LinkHeader,
    NextUrl,
    NoAuth,
    NoPaging,
    OAuth2Auth,
    OffsetPaging,
    Overlap,
    Pacing,
    PageNumber,
    PagingCommon,
    RefreshRule,
    Retry,
    Selection,
    Shape,
    Slot,
    Span,
    Template,
    Where,
)
from tests.core.config_builders import (
    CLIENT,
    STREAM,
    a_file,
    a_windowed_file,
    load,
    settings,
    source_of,
    stream_of,
)

T = Template((Slot("secrets", "t"),))
ME = Template(("me",))
OAUTH2 = """\
type = "oauth2"
grant_type = "client_credentials"
token_url = "https://e.org/t"
client_id = "me"
client_secret = "{secrets.t}"
"""


def test_what_is_left_out_has_the_documented_default():
    source = source_of(a_file())

    assert source.client == Client("https://api.example.org/v1")
    assert source.auth == NoAuth()
    assert source.pacing == Pacing()
    assert source.retry == Retry()
    assert source.streams["items"].paging == NoPaging()
    assert source.streams["items"].refresh == RefreshRule()
    assert source.streams["items"].selection == Selection(id=("id",), order="newest_first")


@pytest.mark.parametrize(
    ("lines", "auth"),
    [
        ('type = "none"', NoAuth()),
        ('type = "bearer"\ntoken = "{secrets.t}"\nscheme = "bearer"', BearerAuth(T, "bearer")),
        ('type = "basic"\nusername = "me"\npassword = "{secrets.t}"', BasicAuth(ME, T)),
        ('type = "api_key"\nname = "X-Key"\ntoken = "{secrets.t}"', ApiKeyAuth("header", "X-Key", T)),
        ('type = "api_key"\nin = "query"\nname = "key"\ntoken = "{secrets.t}"', ApiKeyAuth("query", "key", T)),
        ('type = "body"\nfields = { k = "{secrets.t}", v = 1 }', BodyAuth({"k": T, "v": 1})),
        ('type = "command"\nargv = ["give", "token"]', CommandAuth(("give", "token"))),
        (
            OAUTH2,
            OAuth2Auth("client_credentials", "https://e.org/t", ME, T),
        ),
        (
            'type = "jwt_bearer"\ntoken_url = "https://e.org/t"\nkey = "{secrets.t}"\nissuer = "me"\nscopes = ["a"]',
            JwtBearerAuth("https://e.org/t", T, ME, "https://e.org/t", scopes=("a",)),
        ),
    ],
)
def test_every_way_to_authenticate(lines, auth):
    text = a_file('[secrets]\nt = "env:T"\n[auth]\n' + lines, stream=STREAM + 'method = "POST"\njson = {}\n')

    assert source_of(text).auth == auth


EMPTY_PAGE = PagingCommon(("empty_page",))


@pytest.mark.parametrize(
    ("paginate", "paging"),
    [
        ('type = "link_header"', LinkHeader()),
        ('type = "link_header"\nrel = "older"', LinkHeader("older")),
        ('type = "next_url"', NextUrl()),
        ('type = "next_url"\nnext = { header = "X-Next" }', NextUrl(Where(header="x-next"))),
        (
            'type = "cursor"\ncursor = "a.b"\nparam = "c"\ninitial = ""\ncarry = ["x"]\ninto = "json"',
            CursorPaging(Where("a.b"), "c", "json", "", Carry("some", ("x",))),
        ),
        ('type = "page_number"\nparam = "p"\nstart = 0', PageNumber("p", start=0, common=EMPTY_PAGE)),
        ('type = "offset"\nparam = "o"', OffsetPaging("o", common=EMPTY_PAGE)),
        (
            'type = "offset"\nparam = "o"\nstart = 1\nsize = 9\nsize_param = "n"\ntotal = "all"\nstop = ["short_page"]',
            OffsetPaging("o", "query", 1, 9, "n", PagingCommon(("short_page",), total=Where("all"))),
        ),
        ('type = "none"\nmax_items = 100', NoPaging(PagingCommon(max_items=100))),
    ],
)
def test_every_way_to_turn_pages(paginate, paging):
    text = a_file(f"[streams.items.paginate]\n{paginate}\n", stream=STREAM + 'method = "POST"\njson = {}\n')

    assert stream_of(text).paging == paging


def test_a_placeholder_of_the_page_stands_for_the_parameter():
    text = a_file(stream=STREAM + 'paginate = { type = "page_number" }\nparams = { q = "page:{page.number}" }\n')

    assert stream_of(text).paging == PageNumber(None, common=EMPTY_PAGE)


@pytest.mark.parametrize(
    ("day", "rule"),
    [
        ('field = "a.b"\nparse = "epoch_ms"', DayRule(("a.b",), parse="epoch_ms")),
        ('first_of = ["a", "b"]', DayRule(("a", "b"))),
        ('field = "a"\nparse = "instant"\nnaive = "Asia/Tokyo"', DayRule(("a",), parse="instant", naive="Asia/Tokyo")),
        ('field = "a"\nmissing = "undated"', DayRule(("a",), missing="undated")),
        (
            'template = "{record.y}-{record.m}"\nparse = "fmt:%Y-%m"',
            DayRule(template=(Slot("record", "y"), "-", Slot("record", "m")), parse="fmt:%Y-%m"),
        ),
    ],
)
def test_every_way_to_the_day(day, rule):
    text = a_file(f"[streams.items.day]\n{day}\n", stream=STREAM.rpartition("day =")[0])

    assert stream_of(text).day == rule


def test_the_day_of_the_window():
    text = a_windowed_file('step = "1d"\ngranularity = "1d"').replace(
        'field = "at", parse = "instant"', 'from = "window"'
    )

    assert stream_of(text).day == DayRule(from_window=True, zone="UTC")


@pytest.mark.parametrize(
    ("params", "bounds", "expected"),
    [
        ("{window.start|date}", "[)", Span(days=1)),
        ("{window.start|date}", "[]", Span(days=1)),
        ("{window.start|iso}", "[)", parse_span("1s")),
        ("{window.start|iso_ms}", "()", parse_span("1ms")),
        ("{window.start|year}", "[]", Span(months=12)),
        ("{window.start|year}/{window.start|month}", "[]", Span(months=1)),
        ("{window.start|year}/{window.start|month}/{window.start|day}", "[]", Span(days=1)),
        ("{window.start|epoch}..{window.end|date}", "[)", Span(days=1)),
    ],
)
def test_granularity_follows_from_what_is_sent(params, bounds, expected):
    text = a_file(f'[streams.items.window]\nstart = "2020-01-01"\nbounds = "{bounds}"\nparams = {{ a = "{params}" }}\n')

    window = stream_of(text).window

    assert window is not None
    assert window.granularity == expected


@pytest.mark.parametrize(
    ("written", "overlap"),
    [
        ('"1d"', Overlap(Span(days=1), Span(days=1))),
        ('{ before = "1d" }', Overlap(Span(days=1))),
        ('{ before = "1d", after = "2d" }', Overlap(Span(days=1), Span(days=2))),
        ('"0s"', Overlap()),
    ],
)
def test_overlap_is_one_length_or_two(written, overlap):
    window = stream_of(a_windowed_file(f"overlap = {written}")).window

    assert window is not None
    assert window.overlap == overlap


@pytest.mark.parametrize("place", ["path", "headers", "json"])
def test_a_window_may_be_sent_anywhere(place):
    said = {
        "path": 'path = "/x/{window.start|date}"',
        "headers": 'headers = { A = "{window.start|date}" }',
        "json": 'json = { a = ["{window.start|date}"] }\nmethod = "POST"',
    }[place]
    stream = STREAM.replace('path = "/items"\n', "" if place == "path" else 'path = "/items"\n') + said

    assert load(a_file('[streams.items.window]\nstart = "2020-01-01"\n', stream=stream)).problems == ()


def test_a_table_of_rows():
    selection = stream_of(a_file(stream=STREAM + 'as = "rows"\nrows = "r"\ncolumns = "c.n"\n')).selection

    assert (selection.shape, selection.rows, selection.columns) == (Shape.ROWS, "r", "c.n")


def test_identity_by_content():
    selection = stream_of(a_file(stream=STREAM.replace('id = "id"', 'id = "hash"'))).selection

    assert selection.id_is_hash
    assert selection.id == ()


def test_a_rule_for_empty_speaks_of_the_first_page():
    rules = '[{ status = 404, action = "empty" }, { status = 404, page = "later", action = "empty" }]'

    first, later = stream_of(a_file(stream=STREAM + f"errors = {rules}\n")).errors

    assert (first.page, later.page) == ("first", "later")
    assert isinstance(first, ErrorRule)


@pytest.mark.parametrize(("size", "expected"), [("64MiB", 2**26), ("1 kB", 1000), ("2GB", 2 * 10**9), ("5B", 5)])
def test_a_size_has_its_unit(size, expected):
    assert source_of(a_file(client=CLIENT + f'max_body = "{size}"\n')).client.max_body == expected


@pytest.mark.parametrize(
    ("refresh", "policy"),
    [("{}", "learned"), ('{ recheck = ["1d"] }', "ladder"), ('{ recheck = ["1d"], policy = "learned" }', "learned")],
)
def test_ages_alone_mean_a_ladder(refresh, policy):
    assert stream_of(a_file(stream=STREAM + f"refresh = {refresh}\n")).refresh.policy == policy


def test_a_request_that_writes_says_so():
    text = a_file(stream=STREAM + 'method = "POST"\nrepeatable = false\nform = { a = [1, "b"] }\n')

    stream = stream_of(text)

    assert not stream.repeatable
    assert stream.form == {"a": [1, "b"]}


def test_without_settings_days_are_those_of_utc():
    text = a_file(stream=STREAM.replace(', zone = "UTC"', ""))

    without, with_settings = stream_of(text).day, stream_of(text, known=settings("Asia/Tokyo")).day

    assert without is not None
    assert with_settings is not None
    assert (without.zone, with_settings.zone) == ("UTC", "Asia/Tokyo")


@pytest.mark.parametrize("base", ["https://e.org", "https://e.org/", "https://e.org/api/v1/"])
def test_the_base_address_ends_without_a_slash(base):
    assert source_of(a_file(client=f'[client]\nbase_url = "{base}"\n')).client.base_url == base.rstrip("/")
