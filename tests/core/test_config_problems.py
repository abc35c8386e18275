"""Every mistake of a file is found, named with its place, and told with the next step."""

import pytest

from snapshotter.core.config import Problem, check_together
from tests.core.config_builders import (
    CLIENT,
    FILE,
    HEAD,
    STREAM,
    a_file,
    a_windowed_file,
    load,
    problems_of,
    settings,
    source_of,
    the_problem,
)

OAUTH = """\
[auth]
type = "oauth2"
token_url = "https://example.org/token"
client_id = "mine"
"""
SECRETS = '[secrets]\ntoken = "env:TOKEN"\n'
LIMITS = '[[rate_limits]]\nname = "a"\nlimit = 10\ninterval = "1h"\n'


def a_stream(*lines: str) -> str:
    return a_file(stream=STREAM + "\n".join(lines))


def a_series(*lines: str) -> str:
    return a_file(stream='[streams.items]\nkind = "series"\npath = "/items"\n' + "\n".join(lines))


def a_paged(paginate: str, *, params: str = "{}", rest: str = "") -> str:
    return a_stream(f"paginate = {paginate}", f"params = {params}", rest)


def a_detail(*lines: str) -> str:
    return a_file("[streams.items.details.full]\n" + "\n".join(lines))


def a_limit(interval: str, kind: str = "fixed") -> str:
    return a_file(f'[[rate_limits]]\nname = "a"\nlimit = 10\ninterval = "{interval}"\nkind = "{kind}"')


def test_a_mistake_is_told_in_one_line_with_its_place_and_the_nearest_known_key():
    problem = the_problem(a_stream('pagniate = { type = "link_header" }'))

    assert str(problem) == (f"{FILE}:13: streams.items.pagniate: unknown key 'pagniate'; did you mean 'paginate'?")


def test_all_mistakes_come_at_once_in_the_order_of_the_file():
    text = a_file(
        '[pacing]\nmin_interval = 250\nconcurency = 2\n[retry]\nattempts = true\ncap = "1 minute"\n',
        stream=STREAM + 'method = "DELETE"\n',
    )

    assert [(problem.line, problem.key) for problem in problems_of(text)] == [
        (13, "streams.items.method"),
        (16, "pacing.min_interval"),
        (17, "pacing.concurency"),
        (19, "retry.attempts"),
        (20, "retry.cap"),
    ]


def test_a_bad_file_gives_no_source_and_a_good_one_no_problem():
    assert load(a_file()).problems == ()
    assert load(a_stream("order = 3")).sources == ()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("format = 1\nsource = \n", 2),
        ('format = 1\na = "open', 2),
        ("[client\n", 1),
        ("format = 1\nformat = 1\n", 2),
        ('x = """\n', 2),
    ],
)
def test_what_is_no_toml_is_named_with_its_line(text, line):
    problem = the_problem(text)

    assert problem.line == line
    assert problem.message.startswith("no TOML")


@pytest.mark.parametrize("text", ["x = " + "[" * 5000, "x = 1" + "0" * 5000])
def test_what_no_parser_can_hold_is_a_problem_too(text):
    assert "cannot be read" in the_problem(text).message or "no TOML" in the_problem(text).message


def test_a_byte_order_mark_is_no_mistake():
    assert load("\ufeff" + a_file()).problems == ()


# --- kinds of values: (lines of [pacing]-like tables, key, words of the message) ---


@pytest.mark.parametrize(
    ("table", "key", "words"),
    [
        ("[pacing]\nmin_interval = 250", "pacing.min_interval", "with its unit"),
        ('[pacing]\nmin_interval = "250"', "pacing.min_interval", "length of time"),
        ('[retry]\nbase = "0s"', "retry.base", "longer than nothing"),
        ("[pacing]\nconcurrency = true", "pacing.concurrency", "whole number"),
        ("[pacing]\nconcurrency = 0", "pacing.concurrency", "1 to 16"),
        ("[pacing]\nconcurrency = 1.0", "pacing.concurrency", "whole number"),
        ("[pacing]\npersist = 1", "pacing.persist", "true or false"),
        ('[pacing]\npersist = "yes"', "pacing.persist", "true or false"),
        ('[pacing]\nwhen_exhausted = "pause"', "pacing.when_exhausted", "must be one of wait, stop"),
        ("[pacing]\nlane = 3", "pacing.lane", "must be a text"),
        ('[pacing]\nlane = ""', "pacing.lane", "must not be empty"),
        ('[pacing]\nlane = "a\\nb"', "pacing.lane", "control characters"),
        ("[retry]\nstatuses = 500", "retry.statuses", "must be a list"),
        ("[retry]\nstatuses = [99]", "retry.statuses[0]", "100 to 599"),
        ("pacing = 3", "pacing", "must be a table"),
        ("errors = {}", "errors", "list of tables"),
        ('[[rate_limits]]\nname = "a"\nlimit = 10', "rate_limits[0].interval", "missing"),
    ],
)
def test_a_value_of_another_kind_is_refused(table, key, words):
    first, _, rest = table.partition("\n")
    problem = the_problem(
        HEAD + (f"{first}\n" if "=" in first else "") + CLIENT + STREAM + ("" if "=" in first else table)
    )

    assert problem.key == key
    assert words in problem.message
    assert rest is not None


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        ("max_body = 1000", "client.max_body", "64MiB"),
        ('max_body = "0MB"', "client.max_body", "64MiB"),
        ('allow_hosts = ["https://cdn.example.org"]', "client.allow_hosts[0]", "must be a host"),
        ("headers = { Host = 'other' }", "client.headers.Host", "not yours to set"),
        ("headers = { 'a b' = 'x' }", 'client.headers."a b"', "no name of a header"),
        ("headers = { A = [1] }", "client.headers.A", "must be a text"),
        ("timeout = { connect = '0s' }", "client.timeout.connect", "longer than nothing"),
        ("timeout = '60s'", "client.timeout", "must be a table"),
    ],
)
def test_what_a_client_says_is_checked(line, key, words):
    problem = the_problem(a_file(client=CLIENT + line + "\n"))

    assert problem.key == key
    assert words in problem.message


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("ftp://example.org", "must be an address"),
        ("example.org", "must be an address"),
        ("https://", "must be an address"),
        ("https://exa mple.org", "must be an address"),
        ("https://example.org:99999", "must be an address"),
        ("https://[::1", "must be an address"),
        ("https://me:pa55word@example.org", "user or a password"),
        ("https://example.org/?key=1", "?query"),
        ("https://example.org/#top", "#fragment"),
    ],
)
def test_an_address_is_checked_and_never_shown(address, words):
    problem = the_problem(a_file(client=f'[client]\nbase_url = "{address}"\n'))

    assert words in problem.message
    assert problem.value is None
    assert "pa55word" not in str(problem)


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        ('method = "PUT"', "method", "GET, POST"),
        ('records = "data["', "records", ""),
        ("records = 3", "records", "must be a text"),
        ('records = ""', "records", ""),
        ("params = { a = { b = 1 } }", "params.a", "list of these"),
        ("params = { a = 2020-01-01 }", "params.a", "in quotes"),
        ("params = { a = inf }", "params.a", "no such number"),
        ('params = { a = "{nothing.x}" }', "params.a", "nothing"),
        ('params = { a = "{open" }', "params.a", "other half"),
        ("expect = { max_drop = 20 }", "expect.max_drop", "from"),
        ('expect = { max_drop = "120%" }', "expect.max_drop", "100%"),
        ('expect = { schema = "../x.json" }', "expect.schema", "file of the archive"),
        ("refresh = { weight = 0 }", "refresh.weight", "above 0"),
        ("refresh = { weight = true }", "refresh.weight", "must be a number"),
        ("ignore = ['a..b']", "ignore[0]", ""),
        ("headers = 3", "headers", "table of names"),
        ("params = 3", "params", "table of names"),
        ("details = 3", "details", "tables with a name"),
        ("refresh = { recheck = [] }", "refresh.recheck", "empty list"),
        ('use = "daily"', "use", "no template"),
        ("window = true", "window", "must be a table"),
        ("lookback = '3d'", "lookback", "unknown key"),
    ],
)
def test_what_a_stream_says_is_checked(line, key, words):
    problem = the_problem(a_stream(line))

    assert problem.key == f"streams.items.{key}"
    assert words in problem.message


def test_a_key_of_a_table_further_in_is_recognised():
    assert the_problem(a_stream("lookback = '3d'")).nearest == "window.lookback"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("items", 'one "/"'),
        ("https://evil.example/items", 'one "/"'),
        ("//evil.example/items", 'one "/"'),
        ("/a/../b", "climbs"),
        ("/a/%2e%2e/b", '".."'),
        ("/items?page=1", "params"),
        ("/items#x", "params"),
        ("/a b", "percent-encode"),
        ("/\\\\evil", "percent-encode"),
        ("/{secrets.token}", "may not stand here"),
        ("/{record.id}", "may not stand here"),
        ("/{vars.up}", "climbs"),
    ],
)
def test_a_path_stays_below_the_base_address(path, words):
    text = a_file('[vars]\nup = ".."\n', SECRETS, stream=STREAM.replace("/items", path, 1))

    assert any(problem.key == "streams.items.path" and words in problem.message for problem in problems_of(text))


@pytest.mark.parametrize(
    "name", ["Items", "1st", "a.b", "_runs", "ä", "sources", "schema", "docs", "snapshot", "x" * 64, ""]
)
def test_names_become_folders_and_are_checked(name):
    stream = STREAM.replace("[streams.items]", f'[streams."{name}"]')

    problem = the_problem(a_file(stream=stream))

    assert problem.key.startswith("streams.")
    assert "name" in problem.message


def test_the_source_is_named_like_a_folder_too():
    assert the_problem(a_file().replace('"things"', '"My Things"')).key == "source"


@pytest.mark.parametrize(
    ("written", "words"),
    [("2", "newer snap"), ("true", "must be 1"), ("1.0", "must be 1"), ('"1"', "must be 1"), ("0", "must be 1")],
)
def test_another_format_is_refused(written, words):
    assert words in the_problem(a_file().replace("format = 1", f"format = {written}")).message


@pytest.mark.parametrize("key", ["format", "source", "client", "streams"])
def test_what_every_file_needs_is_missed(key):
    lines = {"format": "format = 1\n", "source": 'source = "things"\n', "client": CLIENT, "streams": STREAM}
    text = "".join(text for name, text in lines.items() if name != key)

    assert any(problem.key == key and problem.message.startswith("missing") for problem in problems_of(text))


def test_a_file_without_a_stream_is_refused():
    assert "at least one" in the_problem(HEAD + CLIENT + "[streams]\n").message


# --- placeholders ---


def test_an_undeclared_variable_is_named_with_the_nearest():
    problem = the_problem(a_file('[vars]\nuser = "anna"\n', stream=STREAM + 'params = { u = "{vars.usr}" }\n'))

    assert problem.nearest == "user"
    assert problem.key == "streams.items.params.u"


def test_an_undeclared_secret_is_a_mistake():
    problem = the_problem(a_file('[auth]\ntype = "bearer"\ntoken = "{secrets.tokn}"\n' + SECRETS))

    assert (problem.key, problem.nearest) == ("auth.token", "token")


def test_account_needs_accounts():
    assert "[accounts.NAME]" in the_problem(a_stream('params = { a = "{account}" }')).message


@pytest.mark.parametrize("key", ["client.user_agent", "streams.items.every", "pacing.lane"])
def test_a_key_that_is_read_when_loading_knows_vars_only(key):
    table, _, name = key.rpartition(".")
    text = a_file() + f'\n[{table}]\n{name} = "{{window.start}}"\n'
    if table != "pacing":
        text = a_file().replace(f"[{table}]\n", f'[{table}]\n{name} = "{{window.start}}"\n')

    problem = next(problem for problem in problems_of(text) if problem.key == key)

    assert "{vars.…}" in problem.message


def test_a_request_by_time_needs_a_window():
    text = a_stream('params = { since = "{window.start|iso}" }')

    assert "no window" in the_problem(text).message


def test_a_window_has_to_be_sent():
    text = a_stream('window = { start = "2020-01-01" }')

    assert "no request names it" in the_problem(text).message


# --- windows and days ---


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ('granularity = "1ms"', "window.granularity", "finer than what is sent"),
        ('bounds = "[]"', "window.granularity", "say how fine"),
        ('bounds = "(]"', "window.granularity", "say how fine"),
        ('granularity = "1h"\nstep = "1m"', "window.step", "shorter than granularity"),
        ('step = "365d"\nmax_span = "30d"', "window.step", "wider than max_span"),
        ('step = "P1M"\nmax_span = "30d"', "window.step", "wider than max_span"),
        ('max_span = "2d"\noverlap = "1d"', "window.overlap", "leaves nothing"),
        ('end = "2019-12-31"', "window.end", "before start"),
        ('end = "tomorrow"', "window.end", '"now"'),
        ('zone = "Europe/Berln"', "window.zone", "no known time zone"),
        ('zone = "localtime"', "window.zone", "no known time zone"),
        ('zone = "../../etc/passwd"', "window.zone", "no known time zone"),
        ('backfill = "oldest_first"', "window.backfill", "newest_first"),
        ("empty_stop = 0", "window.empty_stop", "at least 1"),
        ('overlap = { befor = "1d" }', "window.overlap.befor", "unknown key"),
    ],
)
def test_a_window_is_checked(lines, key, words):
    problem = the_problem(a_windowed_file(lines))

    assert problem.key == f"streams.items.{key}"
    assert words in problem.message


@pytest.mark.parametrize("start", ["2020", "2020-13-01", "now", "20200101", "2020-01-01T", "0000-01-01"])
def test_a_window_starts_at_a_date_or_an_instant(start):
    problem = the_problem(a_windowed_file().replace('"2020-01-01"', f'"{start}"'))

    assert problem.key == "streams.items.window.start"


def test_the_nearest_zone_is_named():
    assert the_problem(a_windowed_file('zone = "Europe/Berln"')).nearest == "Europe/Berlin"


def test_a_snapshot_is_not_asked_by_time():
    text = a_windowed_file().replace('kind = "series"', 'kind = "snapshot"')

    assert "one whole state" in the_problem(text).message


def test_a_series_needs_a_day():
    assert the_problem(a_series('order = "newest_first"')).key == "streams.items.day"


def test_a_feed_comes_newest_first():
    assert the_problem(a_series('day = { field = "at" }')).key == "streams.items.order"


@pytest.mark.parametrize(
    ("day", "key", "words"),
    [
        ("{}", "day", "exactly one"),
        ('{ field = "a", first_of = ["b"] }', "day", "found field and first_of"),
        ('{ field = "a", naive = "UTC" }', "day.naive", "never needs it"),
        ('{ field = "a", parse = "epoch", naive = "UTC" }', "day.naive", "never needs it"),
        ('{ field = "a", parse = "fmt:%d.%m." }', "day.parse", "name a day"),
        ('{ field = "a", parse = "fmt:%Q" }', "day.parse", "name a day"),
        ('{ field = "a", parse = "isntant" }', "day.parse", "must be one of"),
        ('{ field = "a", zone = "Mars" }', "day.zone", "no known time zone"),
        ('{ template = "x" }', "day.template", "names fields of the record"),
        ("{ template = 3 }", "day.template", "in quotes"),
        ('{ template = "{record.a" }', "day.template", "other half"),
        ('{ template = "{vars.a}" }', "day.template", "names fields of the record"),
        ('{ from = "record" }', "day.from", "must be one of window"),
        ('{ from = "window" }', "day.from", "no window"),
        ("{ first_of = [] }", "day.first_of", "empty list"),
    ],
)
def test_a_day_rule_is_checked(day, key, words):
    problem = the_problem(a_series('order = "newest_first"', f"day = {day}"))

    assert problem.key == f"streams.items.{key}"
    assert words in problem.message


@pytest.mark.parametrize(
    "window", ['step = "7d"\ngranularity = "1d"', 'granularity = "1d"', 'step = "1d"\ngranularity = "1h"']
)
def test_a_day_from_the_window_needs_windows_of_one_day(window):
    text = a_windowed_file(window, 'zone = "UTC"').replace('field = "at", parse = "instant"', 'from = "window"')

    assert "window.step" in the_problem(text).message


def test_a_day_from_the_window_allows_no_overlap():
    text = a_windowed_file('step = "1d"\ngranularity = "1d"\noverlap = "1h"')
    text = text.replace('field = "at", parse = "instant"', 'from = "window"')

    assert the_problem(text).key == "streams.items.window.overlap"


@pytest.mark.parametrize("parse", ["date", "prefix", "fmt:%d.%m.%Y"])
def test_records_that_name_days_want_windows_of_the_same_zone(parse):
    text = a_windowed_file('zone = "Asia/Tokyo"').replace('"instant"', f'"{parse}"')

    problem = the_problem(text)

    assert problem.key == "streams.items.window.zone"
    assert "Asia/Tokyo" in problem.message


@pytest.mark.parametrize("parse", ["instant", "epoch_ms", "fmt:%d.%m.%Y %H:%M"])
def test_records_that_name_instants_may_be_asked_in_any_zone(parse):
    assert load(a_windowed_file('zone = "Asia/Tokyo"').replace('"instant"', f'"{parse}"')).problems == ()


def test_asking_wider_makes_another_zone_right():
    text = a_windowed_file('zone = "Asia/Tokyo"', 'overlap = "1d"').replace('"instant"', '"date"')

    assert load(text).problems == ()


# --- records ---


@pytest.mark.parametrize(
    ("lines", "keys"),
    [
        ('as = "rows"', ["streams.items.rows", "streams.items.columns"]),
        ('as = "rows"\nrows = "r"', ["streams.items.columns"]),
        ('columns = "c"', ["streams.items.columns"]),
        ('as = "columns"\nrows = "r"', ["streams.items.rows"]),
        ('as = "single"\npaginate = { type = "link_header" }', ["streams.items.paginate"]),
    ],
)
def test_each_shape_needs_its_own_keys(lines, keys):
    assert [problem.key for problem in problems_of(a_stream(lines))] == keys


@pytest.mark.parametrize("identity", ["", 'id = "hash"\n'])
def test_ignore_needs_an_id(identity):
    text = a_file(stream=STREAM.replace('id = "id"\n', identity) + 'ignore = ["views"]\n')

    assert the_problem(text).key == "streams.items.ignore"


# --- paging ---


@pytest.mark.parametrize(
    ("paginate", "key", "words"),
    [
        ("{}", "type", "missing"),
        ('{ type = "pages" }', "type", "must be one of"),
        ('{ type = "cursor" }', "cursor", "needs it"),
        ('{ type = "link_header", cursor = "next" }', "cursor", "does not belong"),
        ('{ type = "page_number" }', "param", "{page.number}"),
        ('{ type = "offset" }', "param", "{page.offset}"),
        ('{ type = "offset", param = "o", stop = ["no_next"] }', "stop", "nothing ends the walk"),
        ('{ type = "offset", param = "o", stop = ["short_page"] }', "stop", "needs size"),
        ('{ type = "offset", param = "o", size_param = "limit" }', "size", "missing"),
        ('{ type = "offset", param = "o", into = "json" }', "into", "no json body"),
        ('{ type = "cursor", cursor = { header = "a", x = 1 } }', "cursor", "JMESPath"),
        ('{ type = "cursor", cursor = 3 }', "cursor", "JMESPath"),
        ('{ type = "cursor", cursor = "c", param = "c", carry = "some" }', "carry", "all, none"),
        ('{ type = "none", stop = ["end"] }', "stop[0]", "must be one of"),
        ('{ type = "none", max_pages = 0 }', "max_pages", "at least 1"),
    ],
)
def test_a_paginator_is_checked(paginate, key, words):
    problem = the_problem(a_paged(paginate))

    assert problem.key == f"streams.items.paginate.{key}"
    assert words in problem.message


@pytest.mark.parametrize(
    ("paginate", "params", "words"),
    [
        ('{ type = "offset", param = "o" }', '{ o = "{page.offset}" }', "already"),
        ('{ type = "offset", param = "o", size = 5, size_param = "n" }', '{ m = "{page.size}" }', "already"),
        ('{ type = "offset", param = "o" }', '{ n = "{page.size}" }', "paginate.size is missing"),
        ('{ type = "offset", param = "o" }', '{ n = "{page.number}" }', "paginate.type is 'offset'"),
        ('{ type = "none" }', '{ c = "{page.cursor}" }', "paginate.type is 'none'"),
    ],
)
def test_placeholders_of_a_page_and_the_paginator_agree(paginate, params, words):
    assert words in the_problem(a_paged(paginate, params=params)).message


def test_stopping_at_a_known_record_needs_an_id_and_the_newest_first():
    stream = '[streams.items]\nkind = "snapshot"\npath = "/items"\n'
    text = a_file(stream=stream + 'paginate = { type = "link_header", stop = ["known_record"] }\n')

    messages = [problem.message for problem in problems_of(text)]

    assert len(messages) == 3
    assert all(message.startswith("known_record") for message in messages)


def test_a_cursor_without_a_parameter_is_odd_but_allowed():
    loaded = load(a_paged('{ type = "cursor", cursor = "next" }'))

    assert loaded.problems == ()
    assert "every cursor must be an object" in loaded.warnings[0].message


# --- requests, answers, details ---


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ("json = { a = 1 }", "json"),
        ("form = { a = 1 }", "form"),
        ('method = "POST"\njson = { a = 1 }\nform = { a = 1 }', "form"),
    ],
)
def test_a_body_is_sent_once_and_with_post(lines, key):
    assert the_problem(a_stream(lines)).key == f"streams.items.{key}"


def test_authentication_in_the_body_needs_a_body():
    auth = '[auth]\ntype = "body"\nfields = { t = "{secrets.token}" }\n'

    assert the_problem(a_file(auth + SECRETS)).key == "streams.items.method"


@pytest.mark.parametrize(
    ("rule", "key", "words"),
    [
        ('{ action = "fail" }', "", "hold for every answer"),
        ('{ page = "first", action = "end" }', "", "hold for every answer"),
        ('{ status = 404, action = "tombstone" }', ".action", "only a detail"),
        ('{ status = 404, action = "explode" }', ".action", "must be one of"),
        ("{ status = 404 }", ".action", "missing"),
        ('{ status = 404, page = "second", action = "end" }', ".page", "must be one of"),
        ('{ header = { name = "x", matches = "(" }, action = "end" }', ".header.matches", "regular expression"),
        ('{ header = { name = "x" }, action = "end" }', ".header.matches", "missing"),
        ('{ body = "a ||", action = "end" }', ".body", ""),
    ],
)
def test_a_rule_for_answers_is_checked(rule, key, words):
    problem = the_problem(a_stream(f"errors = [{rule}]"))

    assert problem.key == f"streams.items.errors[0]{key}"
    assert words in problem.message


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ('path = "/items"', ".path", "names nothing of the record"),
        ('path = "/items/{window.start}"', ".path", "may not stand here"),
        ('path = "/items/{record.id}"\nfetch_if = "stale"', ".stale_after", "missing"),
        ('path = "/items/{record.id}"\nper_run = 0', ".per_run", "at least 1"),
        ('path = "/items/{record.id}"\nerrors = [{ status = 404, action = "end" }]', ".errors[0].action", "no pages"),
        ('path = "/items/{record.id}"\nname = "{window.start}"', ".name", "may not stand here"),
        ("per_run = 1", ".path", "missing"),
    ],
)
def test_a_detail_is_checked(lines, key, words):
    problem = the_problem(a_detail(lines))

    assert problem.key == f"streams.items.details.full{key}"
    assert words in problem.message


def test_a_detail_without_an_id_needs_a_name():
    text = a_detail('path = "/items/{record.uid}"').replace('id = "id"\n', "")

    assert the_problem(text).key == "streams.items.details.full"


@pytest.mark.parametrize(
    ("refresh", "key"),
    [
        ('{ policy = "ladder" }', "recheck"),
        ('{ recheck = ["30d", "3d"] }', "recheck"),
        ('{ recheck = ["3d", "3d"] }', "recheck"),
        ('{ floor = "30d", ceiling = "1d" }', "ceiling"),
    ],
)
def test_refreshing_is_checked(refresh, key):
    assert the_problem(a_stream(f"refresh = {refresh}")).key == f"streams.items.refresh.{key}"


def test_a_horizon_says_something():
    assert the_problem(a_stream("horizon = {}")).key == "streams.items.horizon"


def test_only_what_is_asked_as_a_whole_has_a_horizon():
    window = '{ start = "2020-01-01", params = { from = "{window.start|iso}" } }'
    problem = the_problem(a_stream(f"window = {window}\nhorizon = {{ items = 5 }}"))
    assert problem.key == "streams.items.horizon"
    assert "asked as a whole" in problem.message


def test_details_are_not_merged_and_the_mistake_says_why():
    problem = the_problem(a_stream('details.full = { path = "/x/{record.id}", store = "merge" }'))
    assert problem.key == "streams.items.details.full.store"
    assert "each has a file of its own" in problem.message


# --- limits ---


@pytest.mark.parametrize("interval", ["7m", "36h", "2d", "7d", "P5M", "P1M1D", "P1DT1H"])
def test_a_fixed_limit_starts_again_by_the_clock(interval):
    assert the_problem(a_limit(interval)).key == "rate_limits[0].interval"


@pytest.mark.parametrize("interval", ["1s", "15m", "1h", "24h", "1d", "P1M", "P3M", "P1Y"])
def test_what_divides_a_day_or_a_year_is_aligned(interval):
    assert load(a_limit(interval)).problems == ()
    assert load(a_limit("7m", "sliding")).problems == ()


@pytest.mark.parametrize(
    ("tables", "key", "words"),
    [
        (LIMITS + LIMITS, "rate_limits[1].name", "two limits"),
        (LIMITS + "reserve = 10", "rate_limits[0].reserve", "nothing would be left"),
        (LIMITS + '[[rate_headers]]\nfor = ["b"]\nused = "x"', "rate_headers[0].for[0]", "no limit has"),
        (LIMITS + '[[rate_headers]]\nfor = ["a"]\nlimit = "x"', "rate_headers[0]", "remaining or used"),
        ('[[rate_headers]]\nused = "x"\nadopt = true', "rate_headers[0].limit", "missing"),
        ('[retry]\nbase = "2m"', "retry.base", "longer than cap"),
        (LIMITS + 'match = { method = "get" }', "rate_limits[0].match.method", "GET"),
    ],
)
def test_limits_are_checked(tables, key, words):
    problem = the_problem(a_file(tables))

    assert problem.key == key
    assert words in problem.message


# --- authentication ---


@pytest.mark.parametrize(
    ("lines", "key", "words"),
    [
        ("[auth]", "auth.type", "missing"),
        ('[auth]\ntype = "barer"', "auth.type", "must be one of"),
        ('[auth]\ntype = "bearer"', "auth.token", "needs it"),
        ('[auth]\ntype = "none"\ntoken = "x"', "auth.token", "does not belong to type 'none'"),
        (OAUTH, "auth.refresh_token", "missing"),
        (OAUTH + 'grant_type = "client_credentials"', "auth.client_secret", "missing"),
        (OAUTH + 'authorize_url = "https://e.org"\nclient_auth = "basic"', "auth.client_secret", "missing"),
        (OAUTH + 'authorize_url = "https://e.org"\nredirect = "window"', "auth.redirect", "loopback"),
        ('[auth]\ntype = "command"\nargv = []', "auth.argv", "empty list"),
        ('[auth]\ntype = "body"\nfields = { a = "b" }', "auth.fields", "needs a secret"),
    ],
)
def test_authentication_is_checked(lines, key, words):
    text = a_file(lines, stream=STREAM + 'method = "POST"\njson = {}\n')

    problem = the_problem(text)

    assert problem.key == key
    assert words in problem.message


BEARER = '[auth]\ntype = "bearer"\ntoken = "{secrets.token}"\n'


@pytest.mark.parametrize("host", ["example.org", "10.0.0.1", "127.0.0.1.example.org", "[2001:db8::1]"])
def test_a_secret_does_not_travel_in_the_open(host):
    text = a_file(BEARER, SECRETS, client=f'[client]\nbase_url = "http://{host}/api"\n')

    assert the_problem(text).key == "client.base_url"


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1:8080", "[::1]:80", "api.localhost"])
def test_a_secret_may_go_to_this_machine(host):
    assert load(a_file(BEARER, SECRETS, client=f'[client]\nbase_url = "http://{host}"\n')).problems == ()


@pytest.mark.parametrize(
    "text",
    [
        a_file(client='[client]\nbase_url = "http://example.org"\n'),
        a_file(BEARER, SECRETS, client='[client]\nbase_url = "http://example.org"\nallow_http = true\n'),
    ],
)
def test_http_is_right_without_secrets_or_when_it_is_meant(text):
    assert load(text).problems == ()


@pytest.mark.parametrize(
    "text",
    [
        a_file(SECRETS, client='[client]\nbase_url = "http://e.org"\nheaders = { X = "{secrets.token}" }\n'),
        a_file(
            SECRETS,
            client='[client]\nbase_url = "http://e.org"\n',
            stream=STREAM + 'params = { k = "{secrets.token}" }',
        ),
        a_file(
            SECRETS,
            '[streams.items.details.d]\npath = "/{record.id}"\nparams = { k = "{secrets.token}" }\n',
            client='[client]\nbase_url = "http://e.org"\n',
        ),
    ],
)
def test_a_secret_is_seen_wherever_it_is_sent(text):
    assert the_problem(text).key == "client.base_url"


def test_a_token_address_is_held_to_the_same():
    auth = OAUTH.replace("https:", "http:") + 'authorize_url = "https://example.org"\n'

    assert the_problem(a_file(auth)).key == "auth.token_url"


# --- several files ---


def test_two_files_may_not_describe_one_source():
    source = source_of(a_file())

    (problem,) = check_together([source, source_of(a_file())])

    assert (problem.file, problem.key) == (FILE, "source")


def test_one_file_of_each_name_is_right():
    assert check_together([source_of(a_file()), source_of(a_file().replace("things", "others"))]) == ()


# --- oddities ---


def test_what_nothing_uses_is_mentioned():
    loaded = load(a_file('[vars]\na = 1\n[secrets]\nb = "env:B"\n[templates.c]\nevery = "6h"\n'))

    assert [warning.key for warning in loaded.warnings] == ["vars.a", "secrets.b", "templates.c"]
    assert loaded.sources


def test_a_problem_says_only_what_it_knows():
    assert str(Problem("snap.toml", None, "", "is odd")) == "snap.toml: is odd"
    assert str(Problem("a", 3, "b", "is odd", '"x"', "c")) == "a:3: b: is odd; found \"x\"; did you mean 'c'?"


def test_settings_lend_their_zone_to_days():
    known = settings("Asia/Tokyo")

    day = source_of(a_file(stream=STREAM.replace(', zone = "UTC"', "")), known=known).streams["items"].day

    assert day is not None
    assert day.zone == "Asia/Tokyo"
