"""How the next page of an answer is reached, as far as one answer and its address tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

from snapshotter.core.links import linked
from snapshotter.core.proposing.address import snake
from snapshotter.core.proposing.draft import GUESS, LIKELY, SURE, Said
from snapshotter.core.proposing.shapes import jmespath
from snapshotter.errors import Unreadable
from snapshotter.frozen import dataclass

DEEPEST = 3
_PAGES = ("page", "page_number", "pageno", "page_no", "pagenum", "page_num", "page_index", "p", "pg", "current_page")
_OFFSETS = ("offset", "skip", "start_index", "startat", "start_at", "from_index", "first_result", "start", "from")
_SIZES = ("per_page", "perpage", "page_size", "pagesize", "limit", "size", "count", "max_results", "maxresults", "rows",
          "take", "top", "page_limit", "num", "first", "max")  # fmt: skip
_CURSORS = {  # where a cursor stands in a body -> the parameter it is usually sent by
    "next_token": "next_token", "next_page_token": "page_token", "next_cursor": "cursor", "cursor": "cursor",
    "end_cursor": "after", "continuation": "continuation", "continuation_token": "continuation_token",
    "next_continuation_token": "continuation_token", "bookmark": "bookmark", "marker": "marker",
    "next_marker": "marker", "after": "after", "next_max_id": "max_id", "next_page_cursor": "cursor",
    "next_page_key": "page_key", "scroll_id": "scroll_id", "pagination_token": "pagination_token",
    "next_sync_token": "sync_token", "next_key": "key", "next_id": "next_id",
}  # fmt: skip
_NEXT_URLS = ("next", "next_url", "next_page", "next_page_url", "next_link", "next_href", "next_uri",
              "odata_next_link", "next_page_uri")  # fmt: skip
_OTHERS = re.compile(r"(.*_)?(self|first|last|prev|previous|back|newer|this|current|canonical|html)(_.*)?")
_TURNS = frozenset({*_PAGES, *_OFFSETS, *_CURSORS, *_CURSORS.values(), "after", "page_token"})
_TOTALS = ("total", "total_count", "total_results", "total_items", "count", "num_found", "total_records", "hits")
_MORE = ("has_more", "more", "has_next", "has_next_page", "more_available", "truncated", "is_truncated")


@dataclass(frozen=True, slots=True)
class Page:
    """What is known of one page."""

    url: str
    headers: Sequence[tuple[str, str]]  # names in lower case
    body: Any
    inside: tuple[str, ...]  # the member of the body that holds the records
    received: int
    pairs: Sequence[tuple[str, str]]  # the query, secrets and windows left out


@dataclass(frozen=True, slots=True)
class Turning:
    """What the `paginate` table will say, and which parameters of the address it takes over."""

    said: tuple[Said, ...] = ()
    takes: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    allow: str = ""  # another host that pages lie on

    @property
    def is_paged(self) -> bool:
        """Whether there is a next page at all."""
        return bool(self.said) and self.said[0].value != "none"


def find_turning(page: Page) -> Turning:
    """The paginator: what the answer says comes first, then what the address says."""
    around = [(place, value) for place, value in _members(page.body, ()) if place[: len(page.inside)] != page.inside
              or not page.inside]  # fmt: skip
    if not isinstance(page.body, dict):
        around = []
    for look in (_link_header, _next_url, _cursor, _header_cursor, _url_of_another_page, _numbered, _offset):
        found = look(page, around)
        if found is not None:
            return found
    return _unsaid(page)


Around = list[tuple[tuple[str, ...], Any]]


def _members(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every plain member of a body, and every list of links, by place."""
    if isinstance(value, dict) and len(place) <= DEEPEST:
        for name, member in value.items():
            yield from _members(member, (*place, name))
    elif place and not isinstance(value, dict):
        yield place, value


def _link_header(page: Page, around: Around) -> Turning | None:
    try:
        found = linked([value for name, value in page.headers if name == "link"], "next", page=page.url)
    except Unreadable:
        return None
    if found is None:
        return None
    said = Said("type", "link_header", SURE, 'the answer has a Link header with rel="next"')
    return _allowed(Turning((said,)), found, page)


def _allowed(turning: Turning, target: str, page: Page) -> Turning:
    here, there = urlsplit(page.url), urlsplit(urljoin(page.url, target))
    if there.netloc in ("", here.netloc):
        return turning
    host = there.hostname or ""
    question = f"The next page lies at {there.scheme}://{there.netloc}: is that host to be asked as well?"
    return Turning(turning.said, turning.takes, (*turning.questions, question), host)


def _next_url(page: Page, around: Around) -> Turning | None:
    for place, value in around:
        name = snake(place[-1])
        if isinstance(value, list):
            rels = [link for link in value if isinstance(link, dict) and link.get("rel") == "next"]
            if rels and isinstance(rels[0].get("href"), str):
                path = f"{jmespath(place)}[?rel=='next'].href | [0]"
                return _allowed(_next_said(path, LIKELY, "a list of links names the next one"), rels[0]["href"], page)
        is_next = name in _NEXT_URLS or (
            name in ("href", "url", "link") and len(place) > 1 and snake(place[-2]) == "next"
        )
        if is_next and isinstance(value, str) and value.startswith(("http://", "https://", "/", "?")):
            return _allowed(_next_said(jmespath(place), SURE, "it holds the address of the next page"), value, page)
    siblings = {snake(place[-1]): place for place, _ in around}
    for place, value in around:
        if snake(place[-1]) == "next" and value is None and {"previous", "prev"} & set(siblings):
            why = "it is null beside `previous`: probably the address of the next page, on the last one"
            return _next_said(jmespath(place), LIKELY, why)
    return None


def _next_said(path: str, sure: str, why: str) -> Turning:
    return Turning((Said("type", "next_url", sure, why), Said("next", path)))


def _cursor(page: Page, around: Around) -> Turning | None:
    for place, value in around:
        name = snake(place[-1])
        usual = _CURSORS.get(name)
        if name == "next" and isinstance(value, str) and value:
            usual = "cursor"
        if usual is None or not (value is None or isinstance(value, str | int)) or isinstance(value, bool):
            continue
        param, is_sent = _param_of_cursor(page, place[-1], usual)
        sure = LIKELY if is_sent or (value and name.endswith(("token", "cursor"))) else GUESS
        seen = "is null: the last page" if value is None else "holds a cursor" if value else "is empty: the last page"
        said = [Said("type", "cursor", sure, f"{jmespath(place)} {seen}"), Said("cursor", jmespath(place))]
        why = "the address has this parameter" if is_sent else f"it usually belongs to {place[-1]}; look it up"
        said += [Said("param", param, LIKELY if is_sent else GUESS, why), *_has_more(around)]
        question = () if is_sent else (f"By which parameter is the cursor sent? {param!r} is a guess.",)
        return Turning(tuple(said), (param,) if is_sent else (), question)
    return None


def _header_cursor(page: Page, around: Around) -> Turning | None:
    """A cursor in a header of the answer, like X-Next-Cursor."""
    for name, value in page.headers:
        plain = snake(name).removeprefix("x_")
        usual = (_CURSORS | {"next_page": "page", "next_offset": "offset"}).get(plain)
        if usual is None or not value:
            continue
        param, is_sent = _param_of_cursor(page, plain, usual)
        why = f"the answer has the header {name}, which holds a cursor"
        where = Said("cursor", {"header": name})
        hint = "the address has this parameter" if is_sent else f"it usually belongs to {name}; look it up"
        said = (Said("type", "cursor", LIKELY, why), where, Said("param", param, LIKELY if is_sent else GUESS, hint))
        question = () if is_sent else (f"By which parameter is the cursor sent? {param!r} is a guess.",)
        return Turning(said, (param,) if is_sent else (), question)
    return None


def _url_of_another_page(page: Page, around: Around) -> Turning | None:
    """An address of the same endpoint that asks for another page, under a name of its own."""
    here = urlsplit(page.url)
    for place, value in around:
        if not isinstance(value, str) or not value.startswith(("http://", "https://", "/", "?")):
            continue
        there = urlsplit(urljoin(page.url, value))
        is_same = (there.netloc, there.path) == (here.netloc, here.path)
        turns = {snake(name) for name, _ in set(parse_qsl(there.query)) - set(parse_qsl(here.query))} & _TURNS
        if is_same and turns and not _OTHERS.fullmatch(snake(place[-1])):
            why = f"it holds an address of the same endpoint with another {min(turns)}: probably the next page"
            asked = f"Is {jmespath(place)} the address of the next page?"
            return replace(_next_said(jmespath(place), LIKELY, why), questions=(asked,))
    return None


def _param_of_cursor(page: Page, name: str, usual: str) -> tuple[str, bool]:
    """The parameter of the address that fits, else the usual one in the spelling that the API uses."""
    fitting = {usual, snake(name), "cursor", "after", "page_token", "starting_after"}
    sent = next((key for key, _ in page.pairs if snake(key) in fitting), None)
    if sent is not None:
        return sent, True
    words = usual.split("_")
    is_camel = "_" not in name and name != name.lower()
    return (words[0] + "".join(word.capitalize() for word in words[1:]) if is_camel else usual), False


def _has_more(around: Around) -> list[Said]:
    more = next((place for place, value in around if snake(place[-1]) in _MORE[:5] and isinstance(value, bool)), None)
    return [] if more is None else [Said("has_more", jmespath(more), LIKELY, "it is true or false and named like it")]


def _size_of(page: Page) -> tuple[str, int] | None:
    found = ((name, value) for name, value in page.pairs if snake(name) in _SIZES)
    return next(((name, int(value)) for name, value in found if _is_count(value) and int(value) > 0), None)


def _is_count(value: str) -> bool:
    return value.isascii() and value.isdecimal() and len(value) < 8


def _counting(page: Page, kind: str, param: Said, start: Said | None) -> Turning:
    size = _size_of(page)
    said = [Said("type", kind, param.sure, param.why), Said("param", param.value)]
    said += [start] if start is not None else []
    takes = [str(param.value)]
    if size is not None and size[0] != param.value:
        said += [Said("size", size[1]), Said("size_param", size[0])]
        takes.append(size[0])
        said.append(Said("stop", ["short_page", "empty_page"]))
    else:
        said.append(Said("stop", ["empty_page"]))
    return Turning(tuple(said), tuple(takes))


def _numbered(page: Page, around: Around) -> Turning | None:
    named = next(((name, value) for name, value in page.pairs if snake(name) in _PAGES and _is_count(value)), None)
    if named is None:
        return _next_number(page, around)
    name, value = named
    first = int(value) if int(value) < 2 else 1
    start = None if first == 1 else Said("start", first, LIKELY, "the address asks for this page")
    return _counting(page, "page_number", Said("param", name, LIKELY, "the address has this parameter"), start)


def _next_number(page: Page, around: Around) -> Turning | None:
    """A body that counts its pages."""
    for place, value in around:
        if snake(place[-1]) in ("next_page", "page", "current_page") and isinstance(value, int):
            why = f"{jmespath(place)} counts pages; the parameter is a guess"
            found = _counting(page, "page_number", Said("param", "page", GUESS, why), None)
            return Turning(found.said, found.takes, ("By which parameter is a page asked for? 'page' is a guess.",))
    return None


def _offset(page: Page, around: Around) -> Turning | None:
    named = next(((name, value) for name, value in page.pairs if snake(name) in _OFFSETS and _is_count(value)), None)
    if named is None:
        return None
    name, value = named
    start = Said("start", 1, LIKELY, "the address counts from 1") if value == "1" else None
    return _counting(page, "offset", Said("param", name, LIKELY, "the address has this parameter"), start)


def _unsaid(page: Page) -> Turning:
    """Nothing tells of a next page: a full page makes one probable."""
    size = _size_of(page)
    if size is None:
        return Turning()
    if page.received < size[1]:
        why = f"nothing names a next page; {size[0]} is a bound, and reaching it shall be told, not cut"
        return Turning((Said("type", "none", LIKELY, why), Said("max_items", size[1])))
    name = snake(size[0])
    full = f"the page is full ({page.received} records, {size[0]}={size[1]}) and nothing names the next one"
    question = f"How is the next page asked for? {full[0].upper()}{full[1:]}."
    if name in ("limit", "take", "rows", "top", "count", "max"):
        param = "skip" if name in ("take", "top") else "start" if name == "rows" else "offset"
        found = _counting(page, "offset", Said("param", param, GUESS, full), None)
    else:
        found = _counting(page, "page_number", Said("param", "page", GUESS, full), None)
    return Turning(found.said, found.takes, (question,))


def find_total(around_body: Any, received: int) -> Iterable[str]:
    """Where the number of all records may stand, as a line to think about."""
    if not isinstance(around_body, dict):
        return
    for place, value in _members(around_body, ()):
        if snake(place[-1]) in _TOTALS and isinstance(value, int) and not isinstance(value, bool) and value >= received:
            yield f'{jmespath(place)} = {value}: if it counts all records, add total = "{jmespath(place)}" to paginate'
