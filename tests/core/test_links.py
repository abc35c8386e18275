"""Link headers are read by RFC 8288, and a next address leads nowhere that the source file does not allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.core.links import Link, linked, parse_links, resolved, why_not_follow
from snapshotter.errors import Unreadable
from snapshotter.spec import Client

PAGE = "https://api.example.com/v1/items?page=2"


@pytest.mark.parametrize(
    ("header", "target"),
    [
        ('<https://api.example.com/v1/items?page=3>; rel="next"', "https://api.example.com/v1/items?page=3"),
        ("<?page=3>; rel=next", "https://api.example.com/v1/items?page=3"),
        ("</v2/x>;REL=Next", "https://api.example.com/v2/x"),
        ('<a>; rel="prev next"', "https://api.example.com/v1/a"),
        ('<a;b,c>; rel="next"', "https://api.example.com/v1/a;b,c"),
        ('<a>; rel="prev", <b>; rel="next", <c>; rel="last"', "https://api.example.com/v1/b"),
        ('<a>; title="x; rel=\\"next\\", <y>"; rel=prev', None),
        ('<a>; title="a;b,c"; rel="next"', "https://api.example.com/v1/a"),
        ('<a>; rel="prev"; rel="next"', None),
        ('<a> ; rel = "next" ;', "https://api.example.com/v1/a"),
        (", ,<a>; flag; rel=next,", "https://api.example.com/v1/a"),
        ('<a#part>; rel="next"', "https://api.example.com/v1/a"),
        ('<a>; rel="next"; anchor="/other"', None),
        ('<a>; rel="next"; anchor="#top"', "https://api.example.com/v1/a"),
        ("<HTTPS://api.example.com/A?>; rel=next", "HTTPS://api.example.com/A?"),
        ("", None),
    ],
)
def test_the_next_page_is_found(header, target):
    assert linked([header], "next", page=PAGE) == target


def test_several_headers_are_one_list():
    assert linked(["<a>; rel=prev", "<b>; rel=next"], "next", page=PAGE) == "https://api.example.com/v1/b"


def test_another_relation_may_be_the_next_page():
    assert linked(["<a>; rel=next, <b>; rel=older"], "Older", page=PAGE) == "https://api.example.com/v1/b"


@pytest.mark.parametrize(
    "header", ["a; rel=next", "<a; rel=next", '<a>; rel="next', "<a> rel=next", '<a>; rel=x"y"', "<a>; rel=prev <b>"]
)
def test_a_header_that_is_cut_is_no_end(header):
    with pytest.raises(Unreadable, match="cannot be read"):
        linked([header], "next", page=PAGE)


@pytest.mark.parametrize("target", ["a\nb", "\\\\evil", "//[", "a\x00"])
def test_an_address_that_is_none_is_refused(target):
    with pytest.raises(Unreadable, match="no address"):
        resolved(target, page=PAGE)


@given(
    st.lists(
        st.tuples(st.text("abc/?&=;,:", max_size=8), st.sampled_from(["next", "prev last", "Next", "x"])), max_size=5
    )
)
def test_every_written_link_is_read(links):
    header = ", ".join(f'<{target}>; title="a,\\"<b>;"; rel="{rel}"' for target, rel in links)

    assert parse_links([header]) == tuple(Link(target, tuple(rel.lower().split())) for target, rel in links)


# --- where a next address may lead ---


def refusal(url, **client):
    return why_not_follow(url, Client(**{"base_url": "https://api.example.com/v1"} | client))


@pytest.mark.parametrize(
    "url",
    ["https://api.example.com/v2?x=1", "https://API.example.com:443/", "https://api.example.com/a b"],
)
def test_the_own_origin_is_followed(url):
    assert refusal(url) is None


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("https://evil.example/v1", "'evil.example'"),
        ("https://api.example.com.evil.example/", "allow_hosts"),
        ("https://api.example.com./", "allow_hosts"),
        ("https://api.example.com:8443/", "allow_hosts"),
        ("http://api.example.com/v1", "leaves https"),
        ("https://me:pw@api.example.com/", "not a plain"),
        ("https://api.example.com\\@evil.example/", "not a plain"),
        ("file:///etc/passwd", "not a plain"),
        ("https:///v1", "not a plain"),
        ("https://api.exämple.com/", "not a plain"),
        ("https://api.example.com:99999/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
    ],
)
def test_another_origin_is_not_followed(url, hint):
    assert hint in refusal(url)


def test_what_a_next_address_says_after_its_path_is_not_shown():
    assert "hush" not in refusal("file:///x?token=hush")


@pytest.mark.parametrize(
    ("url", "allowed", "follows"),
    [
        ("https://cdn.example.com/x", ["cdn.example.com"], True),
        ("https://cdn.example.com:444/x", ["cdn.example.com"], False),
        ("https://cdn.example.com:444/x", ["cdn.example.com:444"], True),
        ("http://cdn.example.com/x", ["cdn.example.com"], False),
    ],
)
def test_an_allowed_host_is_followed_but_never_out_of_https(url, allowed, follows):
    assert (refusal(url, allow_hosts=tuple(allowed)) is None) is follows


def test_a_loopback_source_stays_on_its_port():
    assert refusal("http://127.0.0.1:8000/x", base_url="http://127.0.0.1:8000") is None
    assert refusal("http://127.0.0.1:8001/x", base_url="http://127.0.0.1:8000") is not None
    assert refusal("http://[::1]:8000/x", base_url="http://[::1]:8000") is None
