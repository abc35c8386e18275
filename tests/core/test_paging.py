"""Pages are turned until the API says that there are no more; every other end is named and proves nothing."""

import json
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.paging import Next, PageSeen, Stop, advance, begin, digest_of, same_first_page, total_on
from snapshotter.model import JsonBody, Response, Secretive, Window
from snapshotter.spec import (
    Carry,
    Client,
    CursorPaging,
    Kind,
    LinkHeader,
    NextUrl,
    NoAuth,
    NoPaging,
    OffsetPaging,
    Pacing,
    PageNumber,
    PagingCommon,
    Retry,
    Slot,
    Source,
    Stream,
    Template,
    Where,
    WindowRule,
)
from tests.core.streams import parsed

NOW = datetime(2018, 2, 2, tzinfo=UTC)
WINDOW = Window(datetime(2018, 2, 1, tzinfo=UTC), NOW)
HOST = "https://api.example.com"
NEXT_TOKEN = CursorPaging(Where(body="next"), param="token")


def common(*stop, **said):
    said = {name: Where(body=value) if name in ("total", "has_more") else value for name, value in said.items()}
    return PagingCommon(stop=stop or ("no_next",), **said)


def a_walk(paging, *, window=None, full_page_seen=False, **said):
    said = {name: value if name == "method" else parsed(value) for name, value in said.items()}
    rule = None if window is None else WindowRule(start="2018-01-01", params=parsed(window))
    stream = Stream("x", "items", Kind.SERIES, Template(("/items",)), paging=paging, window=rule, **said)
    client = Client(base_url=HOST, allow_hosts=("cdn.example.com",))
    source = Source("x", "x", "sources/x.toml", None, {}, client, NoAuth(), (), (), Pacing(), Retry(), {})
    return begin(source, stream, WINDOW if window else None, run_now=NOW, full_page_seen=full_page_seen)


def a_page(records=(), *, headers=(), url=f"{HOST}/items", known=False, **members):
    plain = {"data": list(records)} | members
    response = Response(200, tuple(headers), json.dumps(plain).encode(), NOW, url)
    keys = tuple(json.dumps(record).encode() for record in records)
    return PageSeen(response, plain, len(keys), keys, known)


def asked(walk):
    """What a walk's request says in its query."""
    return {name: value if isinstance(value, Secretive) else str(value) for name, value in walk.request.params}


def walked(walk, *pages):
    """Every query asked, and the end, when the server answers with these pages in this order."""
    queries = [asked(walk)]
    for page in pages:
        step = advance(walk, page)
        if isinstance(step, Stop):
            return queries, step
        walk = step.walk
        queries.append(asked(walk))
    return queries, None


def stopped(walk, *pages):
    return walked(walk, *pages)[1]


def is_end(step, reason, *, good):
    return isinstance(step, Stop) and (step.reason, step.good) == (reason, good)


# --- one page ---


def test_without_a_paginator_there_is_one_page():
    assert is_end(stopped(a_walk(NoPaging()), a_page([1])), "no_next", good=True)


def test_one_page_that_says_there_is_more_is_no_end():
    walk = a_walk(NoPaging(common(has_more="more")))

    assert is_end(stopped(walk, a_page([1], more=True)), "max_pages", good=False)


# --- tokens ---


def test_a_cursor_replaces_the_one_before_among_the_other_parameters():
    walk = a_walk(NEXT_TOKEN, params={"limit": 2, "q": "x"})

    queries, end = walked(walk, a_page([1, 2], next="a"), a_page([3], next="b"), a_page([4], next=None))

    base = {"limit": "2", "q": "x"}
    assert queries == [base, base | {"token": "a"}, base | {"token": "b"}]
    assert is_end(end, "no_next", good=True)


@pytest.mark.parametrize("nothing", [None, "", False, [], {}, {"a": None}])
def test_an_empty_cursor_is_none(nothing):
    assert is_end(stopped(a_walk(NEXT_TOKEN), a_page([1], next=nothing)), "no_next", good=True)


def test_an_absent_cursor_is_none():
    assert is_end(stopped(a_walk(NEXT_TOKEN), a_page([1])), "no_next", good=True)


@pytest.mark.parametrize(
    ("cursor", "sent"), [("478", "478"), (0, "0"), (10**20, "100000000000000000000"), (1.5, "1.5")]
)
def test_a_cursor_may_be_any_scalar(cursor, sent):
    queries, _ = walked(a_walk(NEXT_TOKEN), a_page([1], next=cursor))

    assert queries[1] == {"token": sent}


def test_a_cursor_that_is_a_text_stays_one_in_a_body():
    walk = a_walk(CursorPaging(Where(body="next"), param="from", into="json"), method="POST", json={"size": 2})

    step = advance(walk, a_page([1], next="478"))

    assert walk.request.body == JsonBody({"size": 2})
    assert step.walk.request.body == JsonBody({"size": 2, "from": "478"})


@pytest.mark.parametrize(
    ("carry", "sent"),
    [
        (Carry("all"), {"a": "1", "b": "2", "limit": "9", "token": "t"}),
        (Carry("none"), {"token": "t"}),
        (Carry("some", ("b", "limit")), {"b": "2", "limit": "9", "token": "t"}),
    ],
)
def test_a_later_page_sends_what_is_carried(carry, sent):
    paging = CursorPaging(Where(body="next"), param="token", carry=carry, size=9, size_param="limit")

    queries, _ = walked(a_walk(paging, params={"a": 1, "b": 2}), a_page([1], next="t"))

    assert queries == [{"a": "1", "b": "2", "limit": "9"}, sent]


@pytest.mark.parametrize("initial", ["", "*"])
def test_an_initial_cursor_is_sent_on_the_first_page_even_if_empty(initial):
    assert asked(a_walk(CursorPaging(Where(body="next"), param="token", initial=initial))) == {"token": initial}


def test_the_members_of_a_cursor_are_sent_under_their_names():
    walk = a_walk(CursorPaging(Where(body="next")), params={"until": 0, "q": "x"})

    queries, _ = walked(walk, a_page([1], next={"until": 5, "ids": [1, 2], "none": None}))

    assert queries[1] == {"until": "5", "q": "x", "ids": "2"}


def test_a_cursor_may_stand_anywhere_in_a_request():
    walk = a_walk(
        CursorPaging(Where(body="next")), method="POST", json={"query": "q", "variables": {"after": "{page.cursor}"}}
    )

    step = advance(walk, a_page([1], next="c"))

    assert walk.request.body == JsonBody({"query": "q", "variables": {"after": None}})
    assert step.walk.request.body == JsonBody({"query": "q", "variables": {"after": "c"}})
    assert step.walk.request.params == ()


def test_a_cursor_in_a_header():
    walk = a_walk(CursorPaging(Where(header="X-Next"), param="token"))

    queries, end = walked(walk, a_page([1], headers=[("x-next", "t")]), a_page([2]))

    assert queries[1] == {"token": "t"}
    assert is_end(end, "no_next", good=True)


@pytest.mark.parametrize(("param", "cursor"), [(None, "plain"), (None, {"a": {"b": 1}}), ("token", {"a": [{}]})])
def test_a_cursor_that_cannot_be_sent_is_no_end(param, cursor):
    walk = a_walk(CursorPaging(Where(body="next"), param=param))

    assert is_end(stopped(walk, a_page([1], next=cursor)), "decode", good=False)


@pytest.mark.parametrize("cursor", ["a\r\nX-Evil: 1", "\x00"])
def test_a_hostile_cursor_does_not_reach_a_header(cursor):
    walk = a_walk(CursorPaging(Where(body="next")), headers={"X-At": "{page.cursor}"})

    assert is_end(stopped(walk, a_page([1], next=cursor)), "decode", good=False)


def test_a_cursor_expression_that_fails_is_no_end():
    walk = a_walk(CursorPaging(Where(body="length(data[0])"), param="token"))

    assert is_end(stopped(walk, a_page([7])), "decode", good=False)


def test_a_secret_parameter_stays_a_name_on_every_page():
    queries, _ = walked(a_walk(NEXT_TOKEN, params={"key": "{secrets.token}"}), a_page([1], next="a"))

    assert [query["key"] for query in queries] == [Secretive((Slot("secrets", "token"),))] * 2


def test_saying_no_more_ends_although_a_cursor_is_there():
    walk = a_walk(CursorPaging(Where(body="next"), param="token", common=common(has_more="more")))

    assert is_end(stopped(walk, a_page([1], next="a", more=False)), "no_next", good=True)


def test_saying_more_without_a_cursor_is_no_end():
    walk = a_walk(CursorPaging(Where(body="next"), param="token", common=common(has_more="more")))

    assert is_end(stopped(walk, a_page([1], more=True)), "decode", good=False)


@pytest.mark.parametrize(
    ("word", "goes_on"), [("true", True), ("1", True), ("False", False), ("0", False), ("", False)]
)
def test_a_header_may_say_whether_there_is_more(word, goes_on):
    paging = PageNumber(param="page", common=PagingCommon(has_more=Where(header="X-More")))

    step = advance(a_walk(paging), a_page([1], headers=[("x-more", word)]))

    assert isinstance(step, Next) is goes_on


# --- next addresses ---


def test_a_link_is_followed_as_given():
    walk = a_walk(LinkHeader(), params={"per_page": 100})
    link = [("link", f'<{HOST}/items?per_page=100&page=2>; rel="prev next"'), ("link", "<x>; rel=last")]

    step = advance(walk, a_page([1], headers=link))

    assert step.walk.request.url == f"{HOST}/items?per_page=100&page=2"
    assert step.walk.request.params == ()


def test_an_address_in_the_body_is_resolved_against_the_answer():
    step = advance(
        a_walk(NextUrl(Where(body="paging.next"))), a_page([1], url=f"{HOST}/v2/items", paging={"next": "more?p=2"})
    )

    assert step.walk.request.url == f"{HOST}/v2/more?p=2"


@pytest.mark.parametrize("nothing", [None, "", False])
def test_an_empty_address_is_none(nothing):
    assert is_end(stopped(a_walk(NextUrl()), a_page([1], next=nothing)), "no_next", good=True)


def test_an_address_elsewhere_is_not_followed():
    end = stopped(a_walk(NextUrl()), a_page([1], next="https://evil.example/items"))

    assert is_end(end, "origin", good=False)
    assert "evil.example" in end.why


def test_an_allowed_host_is_followed():
    assert isinstance(advance(a_walk(NextUrl()), a_page([1], next="https://cdn.example.com/2")), Next)


@pytest.mark.parametrize("wrong", [7, ["x"], "a\nb"])
def test_an_address_that_is_none_is_no_end(wrong):
    assert is_end(stopped(a_walk(NextUrl()), a_page([1], next=wrong)), "decode", good=False)


def test_a_link_header_that_is_cut_is_no_end():
    assert is_end(
        stopped(a_walk(LinkHeader()), a_page([1], headers=[("link", "<https://api.exam")])), "decode", good=False
    )


# --- numbers and offsets ---


def test_pages_are_numbered_until_one_is_empty():
    walk = a_walk(PageNumber(param="page", size=2, size_param="per_page"))

    queries, end = walked(walk, a_page([1, 2]), a_page([3]), a_page())

    assert [query["page"] for query in queries] == ["1", "2", "3"]
    assert {query["per_page"] for query in queries} == {"2"}
    assert is_end(end, "empty_page", good=True)


def test_a_number_in_a_placeholder_is_not_sent_twice():
    walk = a_walk(PageNumber(start=0), params={"p": "{page.number}"})

    assert walked(walk, a_page([1]))[0] == [{"p": "0"}, {"p": "1"}]


def test_an_offset_goes_on_by_the_records_received():
    walk = a_walk(OffsetPaging(param="offset", size=100, size_param="limit"))

    queries, _ = walked(walk, a_page(range(50)), a_page(range(50, 80)), a_page())

    assert [query["offset"] for query in queries] == ["0", "50", "80"]


def test_an_offset_in_a_body():
    walk = a_walk(OffsetPaging(param="offset", into="json", start=1), method="POST", json={"q": 1})

    assert walk.request.body == JsonBody({"q": 1, "offset": 1})
    assert advance(walk, a_page([1, 2])).walk.request.body == JsonBody({"q": 1, "offset": 3})


def test_a_short_page_ends_only_after_a_full_one():
    walk = a_walk(PageNumber(param="page", size=3, common=common("short_page")))

    assert is_end(stopped(walk, a_page([1, 2, 3]), a_page([4])), "short_page", good=True)


def test_a_server_that_caps_the_page_silently_is_asked_on():
    walk = a_walk(PageNumber(param="page", size=100, common=common("short_page")))

    queries, end = walked(walk, a_page(range(50)), a_page(range(50, 60)), a_page())

    assert len(queries) == 3
    assert is_end(end, "empty_page", good=True)


def test_a_full_page_of_an_earlier_walk_counts():
    walk = a_walk(PageNumber(param="page", size=3, common=common("short_page")), full_page_seen=True)

    assert is_end(stopped(walk, a_page([1])), "short_page", good=True)


def test_saying_more_outweighs_a_short_and_an_empty_page():
    paging = PageNumber(param="page", size=3, common=common("short_page", "empty_page", has_more="more"))
    walk = a_walk(paging, full_page_seen=True)

    queries, end = walked(walk, a_page([1], more=True), a_page(more=True), a_page([2], more=False))

    assert [query["page"] for query in queries] == ["1", "2", "3"]
    assert is_end(end, "no_next", good=True)


@pytest.mark.parametrize("paging", [PageNumber(param="page"), OffsetPaging(param="offset")])
def test_a_server_that_ignores_the_page_is_a_loop(paging):
    assert is_end(stopped(a_walk(paging), a_page([1, 2]), a_page([1, 2])), "loop", good=False)


# --- totals ---

COUNTED = common("empty_page", total="total")


@pytest.mark.parametrize(
    "paging", [PageNumber(param="page", common=COUNTED), OffsetPaging(param="offset", common=COUNTED)]
)
def test_a_total_that_is_reached_spares_the_empty_page(paging):
    queries, end = walked(a_walk(paging), a_page([1, 2], total=3), a_page([3], total="3"))

    assert len(queries) == 2
    assert is_end(end, "no_next", good=True)


@pytest.mark.parametrize(
    ("paging", "pages"),
    [
        (PageNumber(param="page", common=COUNTED), [a_page([1, 2], total=5), a_page()]),
        (OffsetPaging(param="offset", common=COUNTED), [a_page([1, 2, 3], total=2)]),
        (
            CursorPaging(Where(body="next"), param="t", common=COUNTED),
            [a_page([1], total=2, next="a"), a_page(total=2)],
        ),
        (LinkHeader(common=COUNTED), [a_page([1], total=2)]),
        (NoPaging(COUNTED), [a_page([1], total=2)]),
    ],
)
def test_a_total_that_does_not_agree_is_no_end(paging, pages):
    end = stopped(a_walk(paging), *pages)

    assert is_end(end, "total", good=False)
    assert "the API counts" in end.why


def test_a_total_is_no_check_where_the_walk_ends_at_a_known_record():
    paging = LinkHeader(common=common("no_next", "known_record", total="total"))
    page = a_page([1], total=300, known=True, headers=[("link", "<?p=2>; rel=next")])

    assert is_end(stopped(a_walk(paging), page), "known_record", good=True)


@pytest.mark.parametrize(("found", "total"), [(3, 3), ("3", 3), (3.0, 3), (None, None), ("", None)])
def test_a_total_may_be_written_in_several_ways(found, total):
    assert total_on(a_walk(NoPaging(COUNTED)).stream, a_page(total=found)) == total


@pytest.mark.parametrize("found", ["many", True, 2.5, [3], "²"])
def test_a_total_that_is_no_number_is_no_end(found):
    assert is_end(stopped(a_walk(NoPaging(COUNTED)), a_page([1], total=found)), "decode", good=False)


# --- ends that are not ---


def test_an_empty_page_with_a_next_one_goes_on():
    walk = a_walk(NEXT_TOKEN)

    queries, end = walked(walk, a_page([1], next="a"), a_page(next="b"), a_page(next="c"), a_page([2]))

    assert len(queries) == 4
    assert is_end(end, "no_next", good=True)


def test_empty_pages_do_not_go_on_for_ever():
    walk = a_walk(NEXT_TOKEN)

    end = stopped(walk, *(a_page(next=str(number)) for number in range(1_100)))

    assert is_end(end, "loop", good=False)


@pytest.mark.parametrize("cursors", [["a", "a"], [str(number) for number in range(12)]])
def test_an_api_that_always_sends_a_cursor_ends_with_empty_pages_where_the_file_says_so(cursors):
    walk = a_walk(CursorPaging(Where(body="next"), param="token", common=common("empty_page")))

    end = stopped(walk, a_page([1], next=cursors[0]), *(a_page(next=cursor) for cursor in cursors[1:]))

    assert is_end(end, "empty_page", good=True)


@pytest.mark.parametrize("cursors", [["a", "a"], ["a", "b", "a"], ["a", "b", "c", "b"]])
def test_a_cursor_that_comes_again_is_a_loop(cursors):
    pages = [a_page([number], next=cursor) for number, cursor in enumerate(cursors)]

    assert is_end(stopped(a_walk(NEXT_TOKEN), *pages), "loop", good=False)


def test_a_cursor_that_does_not_move_is_a_loop_although_the_request_differs():
    walk = a_walk(NEXT_TOKEN, params={"n": "{page.number}"})

    assert is_end(stopped(walk, a_page([1], next="a"), a_page([2], next="a")), "loop", good=False)


def test_a_next_address_that_leads_back_is_a_loop():
    walk = a_walk(NextUrl())
    pages = [a_page([number], next=f"/items?p={page}") for number, page in enumerate((2, 3, 2))]

    assert is_end(stopped(walk, *pages), "loop", good=False)


def test_a_walk_may_be_as_long_as_it_may_be_and_no_longer():
    walk = a_walk(CursorPaging(Where(body="next"), param="t", common=common(max_pages=2)))

    assert is_end(stopped(walk, a_page([1], next="a"), a_page([2], next="b")), "max_pages", good=False)
    assert is_end(stopped(walk, a_page([1], next="a"), a_page([2])), "no_next", good=True)


@pytest.mark.parametrize("after", ["b", None])
def test_reaching_what_the_api_gives_at_most_is_no_end_even_if_it_says_so(after):
    walk = a_walk(CursorPaging(Where(body="next"), param="t", common=common(max_items=4)))

    assert is_end(stopped(walk, a_page([1, 2], next="a"), a_page([3, 4], next=after)), "max_items", good=False)


def test_a_known_record_ends_only_where_the_file_says_so():
    page = a_page([1], next="a", known=True)

    assert isinstance(advance(a_walk(NEXT_TOKEN), page), Next)
    for paging in (CursorPaging(Where(body="next"), param="t", common=common("known_record")),
                   PageNumber(param="page", common=common("known_record"))):  # fmt: skip
        assert is_end(stopped(a_walk(paging), page), "known_record", good=True)


# --- windows and resuming ---


def test_a_window_is_told_on_every_counted_page():
    walk = a_walk(PageNumber(param="page"), window={"from": "{window.start|date}", "to": "{window.end|date}"})

    queries, _ = walked(walk, a_page([1]))

    assert [(query["from"], query["to"]) for query in queries] == [("2018-02-01", "2018-02-02")] * 2


@pytest.mark.parametrize(
    ("paging", "window", "rechecks"),
    [
        (PageNumber(param="page"), None, True),
        (OffsetPaging(param="offset"), {"from": "{window.start|date}"}, True),
        (OffsetPaging(param="offset"), {"to": "{window.end|date}"}, False),
        (CursorPaging(Where(body="next"), param="t"), None, False),
    ],
)
def test_a_counted_walk_without_an_upper_bound_is_checked_again(paging, window, rechecks):
    walk = a_walk(paging, window=window)

    step = advance(walk, a_page([1], next="a"))

    assert not walk.needs_recheck
    assert step.walk.needs_recheck is rechecks


def test_a_first_page_is_the_same_in_any_order():
    assert same_first_page((b"1", b"2"), (b"2", b"1"))
    assert not same_first_page((b"1", b"2"), (b"2", b"3"))
    assert not same_first_page((b"1", b"1"), (b"1",))


def test_walking_again_over_the_same_pages_asks_the_same():
    pages = [a_page([1], next="a"), a_page([2], next="b"), a_page([3])]

    assert walked(a_walk(NEXT_TOKEN), *pages) == walked(a_walk(NEXT_TOKEN), *pages)


def test_records_cut_in_another_place_are_another_page():
    assert digest_of([b"ab", b"c"]) != digest_of([b"a", b"bc"])


# --- properties: whatever the API is like, a good end has seen everything ---

servers = st.lists(st.lists(st.integers(0, 10**6), max_size=4, unique=True), max_size=8)


@given(servers)
def test_a_good_end_of_a_cursor_walk_has_seen_every_page(pages):
    walk, got = a_walk(NEXT_TOKEN), []

    for number, page in enumerate(pages):
        got += page
        step = advance(walk, a_page(page, next=f"c{number}" if number + 1 < len(pages) else None))
        if isinstance(step, Stop):
            break
        walk = step.walk

    assert not pages or (step.good and got == [record for page in pages for record in page])


@given(
    st.integers(0, 40),
    st.integers(1, 7),
    st.integers(1, 7),
    st.booleans(),
    st.sampled_from(["empty_page", "short_page"]),
)
def test_a_good_end_of_a_counted_walk_has_seen_every_record(count, size, cap, by_offset, stop):
    records, got = list(range(count)), []
    shown = min(size, cap)
    paging = (OffsetPaging if by_offset else PageNumber)(param="at", size=size, common=common(stop))
    walk = a_walk(paging)

    while True:
        at = int(asked(walk)["at"])
        start = at if by_offset else (at - 1) * shown
        got += records[start : start + shown]
        step = advance(walk, a_page(records[start : start + shown]))
        if isinstance(step, Stop):
            break
        walk = step.walk

    assert step.good
    assert got == records


@given(st.text(min_size=1), st.sampled_from(["param", "url"]))
def test_any_text_is_a_cursor(text, way):
    if way == "param":
        step = advance(a_walk(NEXT_TOKEN), a_page([1], next=text))
        assert asked(step.walk) == {"token": text}
    else:
        step = advance(a_walk(NextUrl()), a_page([1], next=f"{HOST}/x?" + "t=" + text))
        assert isinstance(step, Stop) or parse_qs(urlsplit(step.walk.request.url).query) is not None


@given(st.integers(0, 70), st.data())
def test_a_page_asked_long_before_is_known_again_though_few_sets_are_kept(pages, data):
    walk = a_walk(NEXT_TOKEN)
    for number in range(pages):
        walk = advance(walk, a_page([number], next=f"c{number}")).walk
    before = data.draw(st.integers(-1, pages - 2)) if pages > 1 else None

    if before is not None and before >= 0:
        again = advance(walk, a_page([pages], next=f"c{before}"))
        assert isinstance(again, Stop)
        assert again.reason == "loop"
    assert sum(map(len, walk.seen)) == pages + 1
    assert len(walk.seen) <= 7
