"""What one call to an API looks like: a stream and what its placeholders stand for, as a `Request`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from snapshotter.core.template import Context, render, render_header, render_path, slots_in, text_of
from snapshotter.errors import Unreadable
from snapshotter.model import Body, FormBody, JsonBody, Pairs, Request, Secretive, Text
from snapshotter.spec import Carry, Client, Detail, Slot, Source, Stream, Template, Value

Values = Mapping[str, Value]
_NOTHING: Mapping[str, Any] = {}
_EVERYTHING = Carry()


def stream_call(
    source: Source,
    stream: Stream,
    context: Context,
    *,
    query: Mapping[str, Any] = _NOTHING,
    json: Mapping[str, Any] = _NOTHING,
    carry: Carry = _EVERYTHING,
) -> Request:
    """The request of one page; `query` and `json` replace parameters and members of these names or are added."""
    values = _carried(_params_of(stream), carry)
    return Request(
        method=stream.method,
        url=address(source.client, stream.path, context),
        params=pairs({**rendered(values, context), **query}),
        headers=headers_of(source.client.headers, stream.headers, context),
        body=_body(stream, context, more=json, carry=carry),
    )


def next_call(source: Source, stream: Stream, context: Context, *, url: str) -> Request:
    """The request of a page whose address the API gave: used as it is."""
    return Request(
        method=stream.method,
        url=url,
        headers=headers_of(source.client.headers, stream.headers, context),
        body=_body(stream, context, more=_NOTHING, carry=_EVERYTHING),
    )


def detail_call(source: Source, detail: Detail, context: Context) -> Request:
    """The request for one detail of the context's record."""
    return Request(
        method="GET",
        url=address(source.client, detail.path, context),
        params=pairs(rendered(detail.params, context)),
        headers=headers_of(source.client.headers, {}, context),
    )


def placeholders(stream: Stream) -> Iterator[Slot]:
    """Every placeholder in what a stream sends."""
    yield from stream.path.slots()
    for value in (_params_of(stream), stream.headers, stream.json, stream.form):
        yield from slots_in(value)


def address(client: Client, path: Template, context: Context) -> str:
    """The absolute address of a path below the base URL, whose own path stays in front."""
    return f"{client.base_url.rstrip('/')}/{render_path(path, context).lstrip('/')}"


def rendered(values: Values, context: Context) -> dict[str, Any]:
    """The values by name, with their placeholders filled in."""
    return {name: render(value, context) for name, value in values.items()}


def pairs(values: Mapping[str, Any]) -> Pairs:
    """Values as they are sent in a query or a form: a list repeats its name, None is not sent, an empty text is."""
    return tuple(
        (name, _single(name, item))
        for name, value in values.items()
        for item in (value if isinstance(value, list) else [value])
        if item is not None
    )


def headers_of(outer: Values, inner: Values, context: Context) -> Pairs:
    """Headers of the source and of the stream, which replaces those of the same name."""
    replaced = {name.lower() for name in inner}
    values = {name: value for name, value in outer.items() if name.lower() not in replaced} | dict(inner)
    done = ((name, render_header(value, context)) for name, value in values.items())
    return tuple((name, text) for name, text in done if text is not None)


def _params_of(stream: Stream) -> Values:
    return {**stream.params, **(stream.window.params if stream.window is not None else {})}


def _body(stream: Stream, context: Context, *, more: Mapping[str, Any], carry: Carry) -> Body:
    if stream.form is not None:
        return FormBody(pairs(rendered(_carried(stream.form, carry), context)))
    if isinstance(stream.json, Mapping) or (stream.json is None and more):
        return JsonBody({**rendered(_carried(stream.json or {}, carry), context), **more})
    return None if stream.json is None else JsonBody(render(stream.json, context))


def _carried(values: Values, carry: Carry) -> Values:
    """What a later page repeats of the first one; a value that holds the cursor itself always."""
    if carry.kind == "all":
        return values
    names = carry.names if carry.kind == "some" else ()
    return {
        name: value
        for name, value in values.items()
        if name in names or any((slot.root, slot.path) == ("page", "cursor") for slot in slots_in(value))
    }


def _single(name: str, value: Any) -> Text:
    if isinstance(value, Secretive):
        return value
    try:
        return text_of(value)
    except Unreadable as error:
        raise Unreadable(error.reason, f"{name}: {error.message}") from error
