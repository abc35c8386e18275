"""A call says exactly what the source file says, in its order, with secrets by name."""

from datetime import UTC, datetime

import pytest

from snapshotter.core.calls import detail_call, next_call, stream_call
from snapshotter.core.template import Context, parse
from snapshotter.errors import Unreadable
from snapshotter.model import FormBody, JsonBody, Request, Secretive
from snapshotter.spec import (
    Carry,
    Client,
    Detail,
    Kind,
    NoAuth,
    Pacing,
    Retry,
    Slot,
    Source,
    Stream,
    Template,
    WindowRule,
)
from tests.core.streams import parsed

START, END = datetime(2018, 2, 1, tzinfo=UTC), datetime(2018, 2, 2, tzinfo=UTC)
TOKEN = Secretive((Slot("secrets", "token"),))


def a_source(base_url="https://api.example.com/v1", headers=None):
    client = Client(base_url=base_url, headers=parsed(headers or {}))
    return Source("x", "x", "sources/x.toml", None, {}, client, NoAuth(), (), (), Pacing(), Retry(), {})


def a_stream(path="/items", *, window=None, **said):
    said = {name: value if name == "method" else parsed(value) for name, value in said.items()}
    template = parse(path)
    rule = None if window is None else WindowRule(start="2018-01-01", params=parsed(window))
    path = template if isinstance(template, Template) else Template((template,))
    return Stream("x", "items", Kind.SERIES, path, window=rule, **said)


def a_context(**page):
    return Context(run_now=END, window=(START, END), page={"cursor": None} | page)


def a_call(stream, *, source=None, page=None, **more):
    return stream_call(source or a_source(), stream, a_context(**(page or {})), **more)


@pytest.mark.parametrize(
    ("base", "path", "url"),
    [
        ("https://api.example.com", "/items", "https://api.example.com/items"),
        ("https://api.example.com/v1/", "/items/", "https://api.example.com/v1/items/"),
        ("https://api.example.com/v1", "/", "https://api.example.com/v1/"),
        ("https://api.example.com", "/{window.start|fmt:%Y/%m}/{page.number}", "https://api.example.com/2018%2F02/3"),
    ],
)
def test_a_path_goes_on_from_the_base(base, path, url):
    assert a_call(a_stream(path), source=a_source(base), page={"number": 3}).url == url


def test_parameters_keep_their_order_and_their_spelling():
    stream = a_stream(params={"b": 1, "a": [True, "x"], "empty": "", "f": 0.5}, window={"to": "{window.end|date}"})

    assert a_call(stream).params == (
        ("b", "1"), ("a", "true"), ("a", "x"), ("empty", ""), ("f", "0.5"), ("to", "2018-02-02"),
    )  # fmt: skip


def test_what_the_paginator_sends_replaces_or_is_added():
    stream = a_stream(params={"page": 1, "q": "x"})

    assert a_call(stream, query={"page": 2, "size": 50}).params == (("page", "2"), ("q", "x"), ("size", "50"))


def test_a_parameter_without_a_value_is_not_sent():
    assert a_call(a_stream(params={"after": "{page.cursor}", "q": ""})).params == (("q", ""),)


def test_a_secret_is_sent_by_name():
    call = a_call(a_stream(params={"key": "{secrets.token}"}), source=a_source(headers={"X-Key": "{secrets.token}"}))

    assert call.params == (("key", TOKEN),)
    assert call.headers == (("X-Key", TOKEN),)


def test_a_stream_replaces_a_header_of_the_source_in_any_spelling():
    source = a_source(headers={"Accept": "a", "X-A": "1"})

    assert a_call(a_stream(headers={"accept": "b"}), source=source).headers == (("X-A", "1"), ("accept", "b"))


def test_a_json_body_keeps_types_and_nulls():
    stream = a_stream(method="POST", json={"size": 5, "after": "{page.cursor}", "deep": {"key": "{secrets.token}"}})

    assert a_call(stream, json={"page": 2}).body == JsonBody(
        {"size": 5, "after": None, "deep": {"key": TOKEN}, "page": 2}
    )


def test_a_form_is_sent_like_a_query():
    stream = a_stream(method="POST", form={"a": [1, 2], "since": "{window.start|epoch}"})

    assert a_call(stream).body == FormBody((("a", "1"), ("a", "2"), ("since", "1517443200")))


def test_a_later_page_repeats_what_is_carried():
    stream = a_stream(params={"a": 1, "b": 2, "at": "x{page.cursor}"})

    assert a_call(stream, carry=Carry("none"), query={"t": 1}, page={"cursor": "c"}).params == (
        ("at", "xc"),
        ("t", "1"),
    )
    assert a_call(stream, carry=Carry("some", ("b",))).params == (("b", "2"), ("at", "x"))


def test_a_table_is_no_parameter():
    with pytest.raises(Unreadable, match="after: dict"):
        a_call(a_stream(params={"after": "{page.cursor}"}), page={"cursor": {"a": 1}})


def test_a_next_address_is_used_as_given():
    source, stream = a_source(headers={"A": "b"}), a_stream(params={"q": "x"}, window={"to": "{window.end|date}"})

    assert next_call(source, stream, a_context(), url="https://e.org/?q=y&p=2") == Request(
        "GET", "https://e.org/?q=y&p=2", headers=(("A", "b"),)
    )


def test_a_detail_is_asked_by_its_record():
    detail = Detail("full", parse("/items/{record.id}"), params=parsed({"v": "{record.v}", "all": True}))

    call = detail_call(a_source(), detail, Context(run_now=END, record={"id": "a/b", "v": 3}))

    assert call == Request("GET", "https://api.example.com/v1/items/a%2Fb", (("v", "3"), ("all", "true")))
