"""The tables of a stream: what may be said, what it means, what holds if nothing is said."""

from __future__ import annotations

from snapshotter.core.config.calls import body, headers, parameters, path, template
from snapshotter.core.config.kinds import (
    any_text,
    day_format,
    duration,
    expression,
    flag,
    header_name,
    inner_file,
    list_of,
    member_path,
    moment,
    name,
    one_of,
    one_or_many,
    percent,
    place_of_value,
    positive,
    regex,
    text,
    whole,
    word_or_list,
    zone,
)
from snapshotter.core.config.placeholders import ASKING, CALLS, DETAIL_CALLS, DETAIL_NAMES, DETAIL_PATH
from snapshotter.core.config.tables import Key, Table, a_list_of_tables, a_table, a_table_or_false
from snapshotter.core.config.unions import either, named_tables, or_word, record_template

ERROR_HEADER = Table(
    "header",
    "A header of the answer and what it must look like.",
    (
        Key("name", header_name(), "Name of the header.", needed=True, example='"x-ratelimit-remaining"'),
        Key("matches", regex(), "Regular expression found somewhere in its value.", needed=True, example='"^0$"'),
    ),
)

ERRORS = Table(
    "errors",
    "What to do with an answer. Rules are tried in order; all conditions of a rule must hold. A stream's rules come"
    " before those of the source, and both before what the engine does by itself.",
    (
        Key("status", one_or_many(whole(100, 599)), "HTTP status codes.", example="[403, 429]"),
        Key("body", expression(), "JMESPath into the body that must find something true.", example='"error.code"'),
        Key(
            "header", a_table(ERROR_HEADER), "A header that must match.", example='{ name = "x-left", matches = "^0$" }'
        ),
        Key(
            "page",
            one_of("first", "later"),
            "Only on this page of a walk.",
            default_note="`first` for `empty`",
            example='"later"',
        ),
        Key(
            "action",
            one_of("retry", "rate_limited", "refresh_auth", "fail", "end", "empty", "tombstone", "skip_stream"),
            "`retry` asks again; `rate_limited` waits for the limit; `refresh_auth` gets a new token once; `fail` gives"
            " the window up; `end` ends the walk well; `empty` is a page without records; `tombstone` (details) notes"
            " that there is nothing; `skip_stream` leaves the stream for this run.",
            needed=True,
            example='"end"',
        ),
        Key("message", text(), "What a person is told.", example='"the account has no such sensor"'),
    ),
)

_TURNING = ("cursor", "page_number", "offset")
_STOPS = ("no_next", "empty_page", "short_page", "known_record")

PAGINATE = Table(
    "paginate",
    "How one window is turned page by page.",
    (
        Key(
            "type",
            one_of("none", "link_header", "next_url", "cursor", "page_number", "offset"),
            "The way to the next page.",
            needed=True,
            example='"link_header"',
        ),
        Key("rel", text(), "Relation of the link to follow.", default="next", types=("link_header",)),
        Key("next", place_of_value(), "Where the next address stands.", default="next", types=("next_url",)),
        Key("cursor", place_of_value(), "Where the next cursor stands; null or absent ends the walk. Every member of an"
            " object is sent under its own name.", needed=True, example='"paging.next"', types=("cursor",)),
        Key("param", text(), "Parameter that carries cursor, number or offset.", example='"page"', types=_TURNING),
        Key("into", one_of("query", "json"), "Where it is sent.", default="query", types=_TURNING),
        Key("initial", any_text(), "Cursor of the first page, sent even if empty.", example='""', types=("cursor",)),
        Key("carry", word_or_list("all", "none"), "Which parameters of the first request later pages repeat.",
            default="all", example='["limit"]', types=("cursor",)),
        Key("start", whole(0), "First number or offset.", default_note="1 for page_number, 0 for offset",
            example="1", types=("page_number", "offset")),
        Key("size", whole(1), "Records on a full page.", example="100", types=_TURNING),
        Key("size_param", text(), "Parameter that asks for `size`.", example='"limit"', types=_TURNING),
        Key("stop", list_of(one_of(*_STOPS), least=1), "What ends the walk well.",
            default_note='`["empty_page"]` for page_number and offset, else `["no_next"]`',
            example='["no_next", "known_record"]'),
        Key("total", place_of_value(), "Where the number of all records stands; it must agree.", example='"count"'),
        Key("has_more", place_of_value(), "Where it says whether there is more.", example='"has_more"'),
        Key("max_pages", whole(1), "Reaching it is an error, never an end.", default=10_000),
        Key("max_items", whole(1), "The most the API gives for one query; reaching it is an error.", example="10000"),
    ),
    by_type=True,
)  # fmt: skip

OVERLAP = Table(
    "overlap",
    "How much wider than the window is asked.",
    (
        Key("before", duration(may_be_zero=True), "Before its start.", default="0s", example='"1h"'),
        Key("after", duration(may_be_zero=True), "After its end.", default="0s", example='"1d"'),
    ),
)

WINDOW = Table(
    "window",
    "How the stream is asked by time. `false` switches off what a default says.",
    (
        Key("start", moment(), "Nothing older is asked.", needed=True, example='"2015-01-01"'),
        Key("end", moment(may_be_now=True), "Nothing newer is asked.", default="now"),
        Key("step", duration(), "Width of one window, on a fixed grid.", example='"30d"'),
        Key("max_span", duration(), "The widest span that the API answers.", example='"30d"'),
        Key("bounds", one_of("[)", "[]", "(]", "()"), "Which ends the API includes.", default="[)"),
        Key("granularity", duration(), "The finest step of the API's own times, never finer than what is sent.",
            default_note="what the sent format shows, if `bounds` leave out the end or dates are sent", example='"1s"'),
        Key("settle", duration(may_be_zero=True), "How long a time stays unasked before it is old enough.",
            default="0s", example='"10m"'),
        Key("lookback", duration(may_be_zero=True), "How far back every run asks again.", default="0s", example='"7d"'),
        Key("overlap", or_word(a_table(OVERLAP), duration(may_be_zero=True)), "Ask this much wider and keep only what"
            " lies in the window.", default="0s", example='{ before = "1h", after = "1d" }'),
        Key("zone", zone(), "Zone of calendar steps and of the dates that are sent.",
            default_note="UTC; with `day.parse` `date` or `prefix`: `day.zone`", example='"UTC"'),
        Key("field", expression(), "The field that the API filters by, if it is not the one of the day.",
            example='"updated_at"'),
        Key("params", parameters(CALLS), "Parameters that name the window.",
            example='{ since = "{window.start|iso}" }'),
        Key("backfill", one_of("newest_first"), "The order of older windows.", default="newest_first"),
        Key("empty_stop", whole(1), "So many empty windows in a row end the history, if probes further back agree.",
            example="6"),
        Key("empty_again", list_of(duration()), "How long after its end an empty day is asked again, while no later day"
            " has records (devices sync late).", default=["1d", "3d", "7d", "21d"], example='["1d", "7d"]'),
    ),
)  # fmt: skip

DAY = Table(
    "day",
    "Which day a record belongs to: exactly one of `field`, `first_of`, `template` and `from`.",
    (
        Key("field", expression(), "Where the record names its time.", example='"created_at"'),
        Key("first_of", list_of(expression(), least=1), "The first of these that the record has.",
            example='["start.dateTime", "start.date"]'),
        Key("template", record_template(), "Several fields put together.",
            example='"{record.year}-{record.month}-{record.day}"'),
        Key("from", one_of("window"), "The answer names no day: all of it belongs to the day asked.",
            example='"window"'),
        Key("parse", day_format(), "How it is written. `prefix`: the first ten characters, whatever follows.",
            default="date", example='"instant"'),
        Key("naive", zone(), "Zone of an instant that is written without one.", example='"UTC"'),
        Key("zone", zone(), "Zone that cuts the days.", default_note="`zone` of `snap.toml`", example='"Asia/Tokyo"'),
        Key("missing", one_of("error", "undated"), "A record without a day.", default="error"),
    ),
)  # fmt: skip

_NOT_MERGED = {"merge": "details are not merged into one document: each has a file of its own; leave store out"}

HORIZON = Table(
    "horizon",
    "What the API still remembers: asked too seldom, something is lost for good.",
    (
        Key("items", whole(1), "So many newest records.", example="300"),
        Key("age", duration(), "Records up to this age.", example='"30d"'),
        Key("poll", header_name(), "Header that names the least pause between two looks, in seconds; kept across runs.",
            example='"x-poll-interval"'),
    ),
)  # fmt: skip

REFRESH = Table(
    "refresh",
    "When a saved day is asked again.",
    (
        Key("policy", one_of("learned", "ladder", "never"),
            "`learned`: from what changed before; `ladder`: at fixed ages.",
            default_note="`ladder` if only `recheck` is given, else `learned`", example='"never"'),
        Key("recheck", list_of(duration(), least=1), "Ages at which a day is asked again.", example='["3d", "30d"]'),
        Key("budget", whole(0), "Requests per lane and day for this.", example="50"),
        Key("weight", positive(), "How much this stream counts among the others.", default=1),
        Key("floor", duration(), "A day is not asked again sooner than this.", example='"1d"'),
        Key("ceiling", duration(), "Every day is asked again after this at the latest.", example='"400d"'),
    ),
)  # fmt: skip

EXPECT = Table(
    "expect",
    "What a new version must look like; if it does not, it is held until you have seen it.",
    (
        Key("min_records", whole(0), "At least so many records.", example="1"),
        Key("max_drop", percent(), "At most this share of the records may vanish.", example='"20%"'),
        Key(
            "schema",
            inner_file(),
            "JSON Schema that new and changed records must meet.",
            example='"schema/activity.json"',
        ),
        Key("non_empty", flag(), "It may not become empty.", default=False),
    ),
)

DETAIL = Table(
    "details",
    "A second call for every record of the stream.",
    (
        Key("path", path(DETAIL_PATH), "Path of the call.", needed=True, example='"/activities/{record.id}"'),
        Key("params", parameters(DETAIL_CALLS), "Parameters of the call.", example="{ full = true }"),
        Key("records", expression(), "What of the answer is kept.", default="@"),
        Key("store", one_of("item", refused=_NOT_MERGED), "Each record has a file of its own.", default="item"),
        Key("name", template(DETAIL_NAMES), "Name of the file.", default_note="the id of the record",
            example='"{detail.type}-{record.id}"'),
        Key("fetch_if", one_of("missing", "changed", "stale"), "When it is asked: never seen, the record changed, or"
            " older than `stale_after`.", default="missing"),
        Key("ignore", list_of(member_path()), "Members of the record whose change does not count.",
            example='["kudos_count"]'),
        Key("stale_after", duration(), "Age after which it is asked again.", example='"365d"'),
        Key("per_run", whole(1), "At most so many calls in a run.", example="400"),
        Key("errors", a_list_of_tables(ERRORS), "Rules for its answers; those of the source follow.",
            example='[{ status = 404, action = "tombstone" }]'),
    ),
)  # fmt: skip


def stream_keys(*, first: tuple[Key, ...] = ()) -> tuple[Key, ...]:
    """The keys of a stream, a template and the defaults."""
    return (*first, *_REQUEST, *_RECORDS, *_TABLES)


_REQUEST = (
    Key("kind", one_of("series", "snapshot"), "`series` is split by day, `snapshot` is one whole state.", needed=True,
        example='"series"'),
    Key("path", path(ASKING), "Path of the endpoint, below `client.base_url`.", needed=True, example='"/events"'),
    Key("method", one_of("GET", "POST"), "HTTP method.", default="GET"),
    Key("repeatable", flag(), "Whether asking twice does no harm: a POST that only reads. A request that is not is"
        " never sent again once it may have arrived.", default=True),
    Key("params", parameters(CALLS), "Parameters of the query.", example="{ per_page = 100 }"),
    Key("headers", headers(CALLS), "Headers beside those of the client.", example='{ Accept = "application/json" }'),
    Key("json", body(CALLS), "JSON body.", example='{ query = "all" }'),
    Key("form", parameters(CALLS), "Form body.", example='{ state = "all" }'),
    Key("every", duration(), "How often it is asked.", default="1d", example='"6h"'),
)  # fmt: skip

_RECORDS = (
    Key("records", expression(), "JMESPath that selects the records in the body; it selects and never builds.",
        default="@", example='"data.items"'),
    Key("records_missing", one_of("error", "empty"), "What it means when that finds nothing or null.", default="error"),
    Key("decode", one_of("json", "ndjson"), "One document, or one a line.", default="json"),
    Key("as", one_of("list", "single", "values", "entries", "rows", "columns"), "The shape of what is selected: a list;"
        " one record; the values of an object; its members as key and value; tables with `columns` and `rows`; an"
        " object of parallel arrays.", default="list"),
    Key("rows", member_path(), "With `as = \"rows\"`: where the rows stand.", example='"rows"'),
    Key("columns", member_path(), "With `as = \"rows\"`: where the names of the cells stand.", example='"columns"'),
    Key("unnest", member_path(), "A list inside each element; each of its items becomes a record.", example='"items"'),
    Key("keep_if", expression(), "Only records for which this is true are stored; the others are counted.",
        example='"status != \'cancelled\'"'),
    Key("id", either(one_or_many(expression()), "hash"), "What makes a record the same record, or `hash`: its content.",
        example='"id"'),
    Key("sort", expression(), "What records of a document are sorted by.", default_note="the id", example='"time"'),
    Key("order", one_of("none", "newest_first", "oldest_first"), "The order in which the API sends; it is checked.",
        default="none"),
    Key("ignore", list_of(member_path()), "Members whose change alone is no change.", example='["stats.views"]'),
    Key("envelope", list_of(member_path()), "Members outside the records that go into the run record.",
        example='["meta.version"]'),
    Key("drop", list_of(member_path()), "Members of records that are not stored.", example='["session"]'),
)  # fmt: skip

_TABLES = (
    Key("paginate", a_table(PAGINATE), "How pages are turned.", default={"type": "none"},
        example='{ type = "link_header" }'),
    Key("window", a_table_or_false(WINDOW), "How it is asked by time.", example='{ start = "2015-01-01" }'),
    Key("day", a_table_or_false(DAY), "Which day a record belongs to.", example='{ field = "date" }'),
    Key("horizon", a_table_or_false(HORIZON), "What the API still remembers.", example='{ items = 300 }'),
    Key("refresh", a_table(REFRESH), "When a saved day is asked again.", default={}, example='{ recheck = ["30d"] }'),
    Key("expect", a_table(EXPECT), "What a new version must look like.", default={}, example='{ max_drop = "20%" }'),
    Key("errors", a_list_of_tables(ERRORS), "Rules for answers, before those of the source.",
        example='[{ status = 422, page = "later", action = "end" }]'),
    Key("details", named_tables(DETAIL, name()), "Second calls, by name.",
        example='{ full = { path = "/items/{record.id}" } }'),
)  # fmt: skip

STREAM = Table(
    "streams",
    "One endpoint. Its name is a folder of the archive.",
    stream_keys(first=(Key("use", text(), "Name of a template that lies below this table.", example='"daily"'),)),
)
TEMPLATE = Table("templates", "What the streams that name it with `use` have in common.", stream_keys())
LAYER = Table("defaults", "What holds for every stream that does not say otherwise.", stream_keys())
