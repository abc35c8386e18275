"""Turning pages: the first request of a walk, then for each page seen the next request or why the walk stops.

Every end has a name. Only an end that the API itself told is good; a repeat, a limit reached or a number that does not
agree is bad, and then nothing is proved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, assert_never

from snapshotter.core.calls import next_call, placeholders, stream_call
from snapshotter.core.escaping import escape_value
from snapshotter.core.links import linked, resolved, why_not_follow
from snapshotter.core.select import compile_expression
from snapshotter.core.template import Context
from snapshotter.core.windows import bounds_of
from snapshotter.errors import Unreadable
from snapshotter.frozen import dataclass
from snapshotter.model import Request, Response, Window
from snapshotter.spec import (
    Carry,
    CursorPaging,
    LinkHeader,
    NextUrl,
    NoPaging,
    OffsetPaging,
    PageNumber,
    Source,
    Stream,
    Where,
)

# Empty pages in a row, each naming a next one: so many are an end where `empty_page` says so, and a fault elsewhere.
EMPTY_AT_THE_END = 10
EMPTY_AT_MOST = 1_000

_FALSE_WORDS = ("", "0", "false", "no", "null", "none")


@dataclass(frozen=True, slots=True)
class PageSeen:
    """What one page showed."""

    response: Response
    plain: Any  # its decoded body for JMESPath, or None
    received: int  # records in it, before anything was left out
    keys: tuple[bytes, ...] = ()
    known: bool = False  # it holds a record that is archived already
    digest: str | None = None  # of its records; where it is not given, of their keys or of the body

    def fingerprint(self) -> str:
        """The same for two pages with the same records."""
        return self.digest or digest_of(self.keys or (self.response.body,))


@dataclass(frozen=True, slots=True)
class Walk:
    """A walk at the moment when a page is to be asked; what is behind it decides how it goes on."""

    source: Source
    stream: Stream
    window: Window | None
    run_now: datetime
    request: Request
    number: int = 0  # of the page, from 0
    cursor: Any = None
    received: int = 0  # records of all pages before
    seen: tuple[frozenset[str], ...] = ()  # identities of all requests, this one too (see `_with`)
    before: str | None = None  # fingerprint of the page before, where pages may shift
    empty: int = 0  # empty pages in a row before
    total: int | None = None  # how many records there are, as last told
    full_page_seen: bool = False  # whether this stream's server has ever sent a page of exactly `size`
    places_cursor: bool = False  # whether a placeholder sends the cursor

    @property
    def shifts(self) -> bool:
        """Whether a record that comes or goes during the walk moves all others to other pages."""
        return isinstance(self.stream.paging, PageNumber | OffsetPaging)

    @property
    def needs_recheck(self) -> bool:
        """Whether the first page must be asked again at the end: it shifts, and no upper bound keeps it still."""
        return self.shifts and self.number > 0 and not _names(self.stream, "window", "end")


@dataclass(frozen=True, slots=True)
class Next:
    """Ask this page."""

    walk: Walk


@dataclass(frozen=True, slots=True)
class Stop:
    """Ask nothing more. `good`: an allowed end, so that what was asked may be called proved."""

    reason: str
    good: bool
    why: str = ""  # in words, where the reason needs some


Step = Next | Stop


def begin(
    source: Source, stream: Stream, window: Window | None, *, run_now: datetime, full_page_seen: bool = False
) -> Walk:
    """A walk before its first page."""
    cursor = stream.paging.initial if isinstance(stream.paging, CursorPaging) else None
    blank = Walk(
        source,
        stream,
        window,
        run_now,
        Request(stream.method, ""),
        full_page_seen=full_page_seen,
        places_cursor=_names(stream, "page", "cursor"),
    )
    first = _call(blank, cursor=cursor)
    return replace(blank, request=first, cursor=cursor, seen=_with(blank.seen, first.identity()))


def advance(walk: Walk, seen: PageSeen) -> Step:
    """What follows a page: the next one, or why the walk stops."""
    try:
        return _advance(walk, seen)
    except Unreadable as error:
        return Stop("decode", good=False, why=error.message)


def total_on(stream: Stream, seen: PageSeen) -> int | None:
    """How many records there are, as a page tells; None where it does not."""
    found = _found(stream.paging.common.total, seen)
    match found:
        case None | "":
            return None
        case str() if found.strip().isascii() and found.strip().isdigit() and len(found) <= 20:
            return int(found)
        case float() if found.is_integer():
            return int(found)
        case int() if not isinstance(found, bool):
            return found
        case _:
            raise Unreadable("total", f"total is {escape_value(found)}, which is no number of records")


def same_first_page(one: Iterable[bytes], other: Iterable[bytes]) -> bool:
    """Whether two answers to the first request hold the same ids, in whatever order."""
    return sorted(one) == sorted(other)


def digest_of(texts: Iterable[bytes]) -> str:
    """One short name for a sequence of records or keys."""
    parts = list(texts)
    lengths = b",".join([b"%d" % len(part) for part in parts])  # they tell where each of them ends
    return hashlib.sha256(b"%b;%b" % (lengths, b"".join(parts))).hexdigest()


# --- the decision ---


def _advance(walk: Walk, seen: PageSeen) -> Step:
    common = walk.stream.paging.common
    behind = _behind(walk, seen)
    if common.max_items is not None and behind.received >= common.max_items:
        return Stop("max_items", good=False, why=f"the API gives no more than {common.max_items} records in one walk")
    if walk.shifts and seen.received and behind.before == walk.before:
        return Stop("loop", good=False, why="two pages in a row hold the same records; is the page parameter right?")
    match walk.stream.paging:
        case NoPaging():
            return _after_the_only_page(behind, seen)
        case PageNumber() | OffsetPaging():
            return _after_counted_page(behind, seen)
        case LinkHeader() | NextUrl() | CursorPaging():
            return _after_page_with_token(behind, seen)
        case _:
            assert_never(walk.stream.paging)


def _behind(walk: Walk, seen: PageSeen) -> Walk:
    """The walk with this page behind it, before it is known what comes next."""
    size = _size(walk.stream)
    total = total_on(walk.stream, seen)
    return replace(
        walk,
        number=walk.number + 1,
        received=walk.received + seen.received,
        before=seen.fingerprint() if walk.shifts else None,
        empty=0 if seen.received else walk.empty + 1,
        total=walk.total if total is None else total,
        full_page_seen=walk.full_page_seen or (size is not None and seen.received == size),
    )


def _after_the_only_page(walk: Walk, seen: PageSeen) -> Step:
    if _has_more(walk.stream, seen):
        return Stop("max_pages", good=False, why="the answer says that there is more, but the stream has no paginate")
    return _ended(walk, "no_next")


def _after_counted_page(walk: Walk, seen: PageSeen) -> Step:
    common = walk.stream.paging.common
    more = _has_more(walk.stream, seen)
    if more is False or (walk.total is not None and walk.received >= walk.total):
        return _ended(walk, "no_next")
    if _met_known(walk, seen):
        return Stop("known_record", good=True)
    if more is None and not seen.received:
        return _ended(walk, "empty_page")
    size = _size(walk.stream)
    is_short = size is not None and seen.received < size and walk.full_page_seen
    if more is None and is_short and "short_page" in common.stop:
        return _ended(walk, "short_page")
    return _further(walk, _call(walk))


def _after_page_with_token(walk: Walk, seen: PageSeen) -> Step:
    more = _has_more(walk.stream, seen)
    token = _token(walk.stream, seen)
    if token is None and more:
        return Stop("decode", good=False, why="the answer says that there is more, but not where")
    if token is None or more is False:
        return _ended(walk, "no_next")
    if _met_known(walk, seen):
        return Stop("known_record", good=True)
    if not isinstance(walk.stream.paging, CursorPaging):
        refused = why_not_follow(token, walk.source.client)
        if refused is not None:
            return Stop("origin", good=False, why=refused)
        return _further(walk, next_call(walk.source, walk.stream, _context(walk, None), url=token))
    return _further(walk, _call(walk, cursor=token), cursor=token)


def _further(walk: Walk, following: Request, *, cursor: Any = None) -> Step:
    """The next page, unless that would go on for ever."""
    identity = following.identity()
    is_same = any(identity in some for some in walk.seen) or (cursor is not None and cursor == walk.cursor)
    if _ends_when_empty(walk.stream) and (walk.empty >= EMPTY_AT_THE_END or (walk.empty and is_same)):
        return _ended(walk, "empty_page")
    if is_same:
        return Stop("loop", good=False, why="the next page was asked before in this walk; is the page parameter right?")
    if walk.empty >= EMPTY_AT_MOST:
        return Stop("loop", good=False, why=f"{walk.empty} empty pages in a row, each naming a next one")
    if walk.number >= walk.stream.paging.common.max_pages:
        return Stop("max_pages", good=False, why=f"there is more after {walk.number} pages, which max_pages forbids")
    return Next(replace(walk, request=following, cursor=cursor, seen=_with(walk.seen, identity)))


def _with(seen: tuple[frozenset[str], ...], identity: str) -> tuple[frozenset[str], ...]:
    """One more in sets that each are larger than the next: few are copied, so a long walk costs what its pages cost."""
    grown = frozenset((identity,))
    while seen and len(seen[-1]) <= len(grown):
        grown, seen = grown | seen[-1], seen[:-1]
    return (*seen, grown)


def _ended(walk: Walk, reason: str) -> Stop:
    """A good end, if the number of records agrees."""
    if walk.total is not None and walk.total != walk.received:
        return Stop("total", good=False, why=f"{walk.received} records came, the API counts {walk.total}")
    return Stop(reason, good=True)


def _ends_when_empty(stream: Stream) -> bool:
    """Whether empty pages are an end although each names a next one: for APIs that always send a cursor."""
    common = stream.paging.common
    has_token = isinstance(stream.paging, LinkHeader | NextUrl | CursorPaging)
    return has_token and ("empty_page" in common.stop or "short_page" in common.stop)


def _met_known(walk: Walk, seen: PageSeen) -> bool:
    return seen.known and "known_record" in walk.stream.paging.common.stop


# --- reading a page ---


def _has_more(stream: Stream, seen: PageSeen) -> bool | None:
    """What the page says about more; None where it says nothing."""
    found = _found(stream.paging.common.has_more, seen)
    if found is None or isinstance(found, bool):
        return found
    return found.strip().lower() not in _FALSE_WORDS if isinstance(found, str) else bool(found)


def _token(stream: Stream, seen: PageSeen) -> Any:
    """The address or the cursor of the next page; null, false, and what is empty are none."""
    match stream.paging:
        case LinkHeader(rel):
            headers = [value for name, value in seen.response.headers if name == "link"]
            return linked(headers, rel, page=seen.response.url)
        case NextUrl(where):
            found = _found(where, seen)
            if not found:
                return None
            if not isinstance(found, str):
                raise Unreadable("next", f"next is {escape_value(found)}, which is no address")
            return resolved(found, page=seen.response.url)
        case CursorPaging(where):
            found = _found(where, seen)
            if isinstance(found, Mapping):
                found = {name: value for name, value in found.items() if value is not None}
            return None if found is None or found is False or found in ("", [], {}) else found
        case _:
            return None


def _found(where: Where | None, seen: PageSeen) -> Any:
    if where is None:
        return None
    if where.header is not None:
        return seen.response.header(where.header.lower())
    return None if where.body is None else compile_expression(where.body).search(seen.plain)


# --- building a page's request ---


def _call(walk: Walk, *, cursor: Any = None) -> Request:
    """The request of page `walk.number` after `walk.received` records."""
    paging = walk.stream.paging
    own = _own_values(walk, cursor)
    into_json = isinstance(paging, CursorPaging | PageNumber | OffsetPaging) and paging.into == "json"
    is_later = isinstance(paging, CursorPaging) and walk.number > 0
    return stream_call(
        walk.source,
        walk.stream,
        _context(walk, cursor),
        query={} if into_json else own,
        json=own if into_json else {},
        carry=paging.carry if isinstance(paging, CursorPaging) and is_later else Carry(),
    )


def _own_values(walk: Walk, cursor: Any) -> dict[str, Any]:
    """What the paginator itself sends, by name; nothing for what a placeholder sends already."""
    paging = walk.stream.paging
    if not isinstance(paging, CursorPaging | PageNumber | OffsetPaging):
        return {}
    own: dict[str, Any] = {}
    if paging.size_param is not None and _repeats(walk, paging.size_param):
        own[paging.size_param] = paging.size
    match paging:
        case PageNumber(param=str(param)):
            own[param] = paging.start + walk.number
        case OffsetPaging(param=str(param)):
            own[param] = paging.start + walk.received
        case CursorPaging() if not walk.places_cursor:
            own |= _cursor_values(paging, cursor)
    return own


def _repeats(walk: Walk, name: str) -> bool:
    paging = walk.stream.paging
    if walk.number == 0 or not isinstance(paging, CursorPaging):
        return True
    return paging.carry.kind == "all" or name in paging.carry.names


def _cursor_values(paging: CursorPaging, cursor: Any) -> dict[str, Any]:
    if cursor is None:
        return {}
    if paging.param is not None and not (isinstance(cursor, Mapping) and paging.into == "query"):
        return {paging.param: cursor}
    if isinstance(cursor, Mapping):
        return dict(cursor)
    raise Unreadable("cursor", f"the cursor is {escape_value(cursor)}; say in paginate.param how it is sent")


def _names(stream: Stream, root: str, path: str) -> bool:
    return any((slot.root, slot.path) == (root, path) for slot in placeholders(stream))


def _context(walk: Walk, cursor: Any) -> Context:
    paging, rule = walk.stream.paging, walk.stream.window
    zone = rule.zone if rule is not None else walk.stream.day.zone if walk.stream.day is not None else "UTC"
    return Context(
        run_now=walk.run_now,
        zone=zone,
        window=None if rule is None or walk.window is None else bounds_of(rule, walk.window),
        page={
            "number": walk.number + (paging.start if isinstance(paging, PageNumber) else 0),
            "offset": walk.received + (paging.start if isinstance(paging, OffsetPaging) else 0),
            "size": _size(walk.stream),
            "cursor": cursor,
        },
    )


def _size(stream: Stream) -> int | None:
    paging = stream.paging
    return paging.size if isinstance(paging, CursorPaging | PageNumber | OffsetPaging) else None
