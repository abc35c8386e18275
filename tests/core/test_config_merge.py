"""Defaults and templates lie below streams, settings below all; a mistake is told where it was written."""

import pytest

from snapshotter.core.spans import parse_span
from snapshotter.spec import CursorPaging, DayRule, LinkHeader, NoPaging, PageNumber, PagingCommon, Where
from tests.core.config_builders import STREAM, a_file, load, problems_of, settings, source_of, stream_of, the_problem

DEFAULTS = '[defaults.paginate]\ntype = "cursor"\ncursor = "next"\nparam = "c"\n'
WINDOWS = '[defaults.window]\nstart = "2020-01-01"\nparams = { since = "{window.start|iso}" }\n'


def with_template(template: str, *lines: str) -> str:
    return a_file(f"[templates.t]\n{template}", stream=STREAM + 'use = "t"\n' + "\n".join(lines))


def test_tables_merge_key_by_key():
    stream = stream_of(a_file(DEFAULTS, "[streams.items.paginate]\nsize = 5\nsize_param = 'n'\n"))

    assert stream.paging == CursorPaging(Where(body="next"), "c", size=5, size_param="n")


def test_another_type_replaces_the_lower_table_whole():
    stream = stream_of(a_file(DEFAULTS, '[streams.items.paginate]\ntype = "page_number"\nparam = "p"\n'))

    assert stream.paging == PageNumber("p", common=PagingCommon(("empty_page",)))


def test_paging_is_switched_off_by_its_type():
    stream = stream_of(a_file(DEFAULTS, '[streams.items.paginate]\ntype = "none"\n'))

    assert stream.paging == NoPaging()


def test_a_window_is_switched_off_by_false():
    text = a_file(WINDOWS, stream=STREAM + "window = false\n")

    assert stream_of(text).window is None


def test_another_way_to_the_day_takes_the_lower_one_back():
    text = with_template('day = { first_of = ["a", "b"], parse = "instant", zone = "UTC" }').replace(
        'day = { field = "at", parse = "instant", zone = "UTC" }', 'day = { field = "at" }'
    )

    assert stream_of(text).day == DayRule(first_of=("at",), parse="instant", zone="UTC")


def test_lists_are_replaced():
    text = with_template('ignore = ["a"]', 'ignore = ["b"]')

    assert stream_of(text).selection.ignore == ("b",)


def test_members_called_type_merge_like_any_other():
    text = with_template('params = { type = "a", other = 1 }', 'params = { type = "b" }')

    assert stream_of(text).params == {"type": "b", "other": 1}


def test_a_template_lies_above_the_defaults():
    text = with_template('every = "2h"') + '\n[defaults]\nevery = "3h"\nmethod = "GET"\n'

    assert stream_of(text).every == parse_span("2h")


def test_settings_lie_below_everything():
    known = settings(rest='[defaults]\nevery = "3h"\n[defaults.paginate]\ntype = "link_header"\n')

    stream = stream_of(a_file(stream=STREAM + 'every = "1h"\n'), known=known)

    assert stream.every == parse_span("1h")
    assert stream.paging == LinkHeader()


def test_settings_lie_below_client_pacing_and_retry():
    known = settings(
        rest='[defaults]\nclient = { user_agent = "me" }\npacing = { min_interval = "2s" }\nretry = { attempts = 2 }\n'
    )

    source = source_of(a_file("[retry]\nattempts = 3\n"), known=known)

    assert source.client.user_agent == "me"
    assert source.client.base_url == "https://api.example.org/v1"
    assert source.pacing.min_interval == parse_span("2s")
    assert source.retry.attempts == 3


def test_defaults_of_the_settings_take_their_variables_from_each_source():
    known = settings(rest='[defaults.window]\nstart = "{vars.since}"\nparams = { s = "{window.start|iso}" }\n')

    stream = stream_of(a_file('[vars]\nsince = "2021-01-01"\n'), known=known)

    assert stream.window is not None
    assert stream.window.start == "2021-01-01"


# --- where a mistake is told ---


def test_a_mistake_in_the_defaults_is_told_once_and_there():
    streams = STREAM + STREAM.replace("streams.items", "streams.others")
    problem = the_problem(a_file('[defaults]\nevery = "1 day"\n', stream=streams))

    assert problem.key == "defaults.every"
    assert problem.line == 21


def test_a_mistake_in_a_template_nobody_uses_is_found():
    assert the_problem(a_file("[templates.t]\nevry = '1d'\n")).key == "templates.t.evry"


def test_what_a_template_lacks_is_told_at_its_table():
    problem = the_problem(with_template('paginate = { type = "cursor" }'))

    assert problem.key == "templates.t.paginate.cursor"
    assert problem.line == 16


def test_what_is_wrong_together_is_told_at_the_stream():
    problem = the_problem(with_template("horizon = { items = 5 }", "horizon = { itms = 5 }"))

    assert problem.key == "streams.items.horizon.itms"


def test_a_mistake_that_settings_bring_names_their_file():
    known = settings(rest='[defaults]\nignore = ["views"]\n')

    problem = the_problem(a_file(stream=STREAM.replace('id = "id"\n', "")), known=known)

    assert (problem.file, problem.line, problem.key) == ("snap.toml", None, "defaults.ignore")


def test_the_nearest_template_is_named():
    text = with_template("").replace('use = "t"', 'use = "dayly"').replace("templates.t", "templates.daily")

    assert the_problem(text).nearest == "daily"


def test_streams_keep_their_order():
    names = ["zebra", "apple", "mango"]
    streams = "".join(STREAM.replace("streams.items", f"streams.{name}") for name in names)

    assert list(source_of(a_file(stream=streams)).streams) == names


# --- accounts ---

VARS = '[vars]\nuser = "nobody"\n[secrets]\ntoken = "env:TOKEN"\n'
AUTH = '[auth]\ntype = "bearer"\ntoken = "{secrets.token}"\n'
PER_USER = STREAM.replace('"/items"', '"/users/{vars.user}/items"')


def test_each_account_is_a_source_of_its_own():
    text = a_file(
        VARS,
        AUTH,
        '[accounts.anna]\nuser = "anna"\ntoken = "env:ANNA"\n',
        '[accounts.bob.vars]\nuser = "b@b"\n[accounts.bob.secrets]\ntoken = { from = "file:/b", public = true }\n',
        stream=PER_USER,
    )

    anna, bob = load(text).sources

    assert [(source.name, source.api, source.account) for source in (anna, bob)] == [
        ("things-anna", "things", "anna"),
        ("things-bob", "things", "bob"),
    ]
    assert anna.streams["items"].key == "things-anna/items"
    assert anna.streams["items"].path.parts == ("/users/anna/items",)
    assert bob.streams["items"].path.parts == ("/users/b%40b/items",)
    assert (anna.secrets["token"].where, bob.secrets["token"].where) == ("ANNA", "/b")


def test_an_account_may_be_named_in_a_request():
    text = a_file("[accounts.anna]\n", stream=STREAM + 'params = { who = "{account}" }\n')

    assert load(text).sources[0].streams["items"].params == {"who": "anna"}


def test_an_account_may_bring_what_the_file_leaves_open():
    text = a_file('[accounts.anna.vars]\nuser = "anna"\n', stream=PER_USER)

    assert load(text).problems == ()


@pytest.mark.parametrize(
    ("accounts", "key", "words"),
    [
        ("[accounts.Anna]\n", "accounts.Anna", "small letters"),
        (f"[accounts.{'x' * 60}]\n", "accounts." + "x" * 60, "small letters"),
        ('[accounts.anna]\nusr = "a"\n', "accounts.anna.usr", "neither"),
        ("[accounts]\nanna = 1\n", "accounts.anna", "must be a table"),
        ('[accounts.anna]\ntoken = "pa55word"\n', "accounts.anna.token", "not the secret"),
        ("[accounts.anna]\nuser = [1]\n", "accounts.anna.user", "must be a text"),
    ],
)
def test_an_account_is_checked(accounts, key, words):
    problem = the_problem(a_file(VARS, AUTH, accounts, stream=PER_USER))

    assert problem.key == key
    assert words in problem.message


def test_a_name_of_both_kinds_has_to_be_told_apart():
    text = a_file('[vars]\nx = 1\n[secrets]\nx = "env:X"\n[accounts.a]\nx = "env:Y"\n')

    assert "both" in the_problem(text).message


def test_a_mistake_of_all_accounts_is_told_once():
    text = a_file(VARS, AUTH, "[accounts.a]\n[accounts.b]\n", stream=PER_USER + 'every = "x"\n')

    assert [problem.key for problem in problems_of(text)] == ["streams.items.every"]


def test_accounts_that_are_no_tables_are_a_mistake():
    assert the_problem(a_file().replace("[client]", "accounts = 3\n[client]")).key == "accounts"


# --- variables ---


def test_a_value_that_is_one_placeholder_keeps_its_type():
    text = a_file("[vars]\nn = 5\nlat = 52.5\non = true\n") + '\n[streams.items.params]\nn = "{vars.n}"\n'
    text += 'lat = "{vars.lat}"\non = "{vars.on}"\ntext = "n={vars.n}"\nbraces = "{{n}}"\n'

    assert stream_of(text).params == {"n": 5, "lat": 52.5, "on": True, "text": "n=5", "braces": "{n}"}


def test_variables_reach_numbers_lengths_addresses_and_zones():
    text = a_file(
        '[vars]\nn = 5\nzone = "Asia/Tokyo"\npause = "2s"\nhost = "example.org"\n',
        '[pacing]\nmin_interval = "{vars.pause}"\nconcurrency = "{vars.n}"\n',
        client='[client]\nbase_url = "https://{vars.host}/v1"\n',
    ).replace('zone = "UTC"', 'zone = "{vars.zone}"')

    source = source_of(text)

    assert source.client.base_url == "https://example.org/v1"
    assert source.pacing.concurrency == 5
    assert source.pacing.min_interval == parse_span("2s")
    assert source.streams["items"].day is not None
    assert source.streams["items"].day.zone == "Asia/Tokyo"


def test_a_variable_of_the_wrong_type_is_told_where_it_is_used():
    problem = the_problem(a_file('[vars]\nn = "five"\n[pacing]\nconcurrency = "{vars.n}"\n'))

    assert problem.key == "pacing.concurrency"


@pytest.mark.parametrize("value", ["[1]", "{ a = 1 }", "2020-01-01", "nan"])
def test_variables_are_plain(value):
    assert the_problem(a_file(f"[vars]\nx = {value}\n")).key == "vars.x"
