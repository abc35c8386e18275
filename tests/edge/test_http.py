"""One request, one answer: dressed with its secrets, followed within its origin, shown without secrets."""

from datetime import UTC, datetime
from urllib.parse import quote

import pytest

from snapshotter import __version__
from snapshotter.edge.http import Habits, describe, sealed, shown_headers, unsealed
from snapshotter.errors import Refused
from snapshotter.masking import Masker
from snapshotter.model import FormBody, JsonBody, Miss, Response
from snapshotter.spec import ApiKeyAuth, BearerAuth
from tests.senders import SECRET, a_request, a_sender, a_source, secret, secretive
from tests.server import (
    Reply,
    Server,
    by_path,
    json_reply,
    redirect,
    reset,
)

OK = json_reply({"ok": True})
BEARER = BearerAuth(secret())
BODY = b'{"ok": true}'


def the_answer(script, request=None, **client):
    """What a sender makes of a server's answer."""
    with Server(script) as server, a_sender(a_source(server.url, **client)) as sender:
        return sender.send(request or a_request(f"{server.url}/x"))


def what_arrived(*, source=None, secrets=None, extra_headers=(), **request):
    """The request as the server saw it."""
    with Server([OK]) as server:
        made = (source or a_source)(server.url)
        with a_sender(made, secrets=secrets) as sender:
            answer = sender.send(a_request(f"{server.url}/x", **request), extra_headers=extra_headers)
    assert isinstance(answer, Response), answer
    return server.seen[0]


# --- what is sent ---


def test_a_request_says_who_we_are_and_what_we_take():
    seen = what_arrived()

    assert seen.header("user-agent") == f"snapshotter/{__version__}"
    assert seen.header("accept") == "application/json"
    assert seen.header("accept-encoding") == "gzip, deflate"
    assert seen.header("cookie") is None
    assert seen.header("authorization") is None


def test_the_source_says_its_own_user_agent_and_accept():
    seen = what_arrived(
        source=lambda url: a_source(url, user_agent="archive of anna"), headers=(("accept", "text/x"), ("X-Api", "3"))
    )

    assert seen.header("user-agent") == "archive of anna"
    assert seen.header("accept") == "text/x"
    assert seen.header("x-api") == "3"
    assert [name for name, _ in seen.headers].count("accept") == 1


def test_conditions_go_along_for_one_request():
    seen = what_arrived(extra_headers={"If-None-Match": '"abc"'})

    assert seen.header("if-none-match") == '"abc"'


def test_parameters_follow_the_ones_of_the_url_in_their_order():
    with Server([OK]) as server, a_sender(server.url) as sender:
        sender.send(a_request(f"{server.url}/x?z=1&a=%7E+b", params=(("b", "ä/&"), ("b", ""), ("a", "c d"))))

    assert server.seen[0].target == "/x?z=1&a=%7E+b&b=%C3%A4%2F%26&b=&a=c%20d"


@pytest.mark.parametrize(
    "target", ["/a%2Fb/c?x=1;2&x=%20+&y", "/é?q=ü", "/?a={b}|c", "/a//b/./c", "/x?url=https%3A%2F%2Fa.b%2F%3Fc%3Dd"]
)
def test_a_next_url_is_used_as_given(target):
    with Server([OK]) as server, a_sender(server.url) as sender:
        sender.send(a_request(f"{server.url}{target}#part"))

    escaped = quote(target, safe="%/?=&;+:.~", encoding="utf-8")
    assert server.seen[0].target.replace("/b/./c", "/b/c") == escaped.replace("/b/./c", "/b/c")


def test_secrets_are_put_in_where_the_request_names_them():
    seen = what_arrived(
        method="POST",
        params=(("key", secretive()),),
        headers=(("X-Key", secretive("k=")),),
        body=JsonBody({"auth": [secretive()], "n": 1, "ö": None}),
    )

    assert seen.query == [("key", SECRET)]
    assert seen.header("x-key") == f"k={SECRET}"
    assert seen.json == {"auth": [SECRET], "n": 1, "ö": None}
    assert seen.header("content-type") == "application/json"


def test_a_form_is_sent_as_a_form():
    seen = what_arrived(method="POST", body=FormBody((("a", "b c"), ("k", secretive()), ("a", "&"))))

    assert seen.body == f"a=b%20c&k={SECRET}&a=%26".encode()
    assert seen.header("content-type") == "application/x-www-form-urlencoded"


def test_a_post_without_a_body_says_so():
    assert what_arrived(method="POST").header("content-length") == "0"


def test_no_cookie_is_kept_or_sent():
    with Server([OK.with_headers(Set_Cookie="session=1; Path=/")]) as server, a_sender(server.url) as sender:
        first = sender.send(a_request(f"{server.url}/x"))
        sender.send(a_request(f"{server.url}/x", headers=(("Cookie", "session=1"),)))

    assert server.seen[1].header("cookie") is None
    assert first.header("set-cookie") == "***"


def test_netrc_is_not_read(a_home_of_its_own):
    (a_home_of_its_own / ".netrc").write_text("default login anna password sekrit-of-netrc\n")

    assert what_arrived().header("authorization") is None


def test_a_connection_is_used_again():
    with Server([OK]) as server, a_sender(server.url) as sender:
        for _ in range(3):
            sender.send(a_request(f"{server.url}/x"))

    assert {seen.connection for seen in server.seen} == {0}


# --- redirects ---


def redirecting(status=302, target="/there", **answers):
    return by_path({"/x": redirect(target, status), "/there": OK, **answers})


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_within_the_origin_is_followed_with_its_credentials(status):
    with Server(redirecting(status)) as server, a_sender(a_source(server.url, BEARER)) as sender:
        answer = sender.send(a_request(f"{server.url}/x", headers=(("X-A", "b"),)))

    assert (answer.status, answer.url) == (200, f"{server.url}/there")
    assert [seen.header("authorization") for seen in server.seen] == [f"Bearer {SECRET}"] * 2
    assert server.seen[1].header("x-a") == "b"


@pytest.mark.parametrize("status", [300, 304, 305, 306])
def test_other_answers_of_that_class_are_given_back(status):
    assert the_answer(redirecting(status)).status == status


def test_a_redirect_to_nowhere_is_given_back():
    assert the_answer([Reply(302)]).status == 302


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("https://evil.example/", "https://evil.example, another origin"),
        ("http://127.0.0.1:1/", "http://127.0.0.1:1, another origin"),
        ("//evil.example/x", "http://evil.example, another origin"),
        ("ftp://127.0.0.1/", "not an http or https URL"),
        ("http://user:pw@127.0.0.1/", "not an http or https URL"),
        ("http://127.0.0.1\\@evil.example/", "not an http or https URL"),
        ("http://[::1", "no address"),
        ("javascript:alert(1)", "not an http or https URL"),
    ],
)
def test_a_redirect_elsewhere_is_not_followed_and_named(target, words):
    with Server(redirecting(target=target)) as server, a_sender(a_source(server.url, BEARER)) as sender:
        answer = sender.send(a_request(f"{server.url}/x"))

    assert answer.miss in (Miss.ORIGIN, Miss.REDIRECT)
    assert words in answer.message
    assert len(server.seen) == 1


def test_an_allowed_host_is_asked_without_any_secret():
    with Server([OK]) as other:
        target = f"{other.url}/there?page=2&key={SECRET}&sig={quote('a/b')}"
        with Server(redirecting(target=target)) as server:
            source = a_source(server.url, BEARER, allow_hosts=(f"127.0.0.1:{other.port}",))
            with a_sender(source) as sender:
                headers = (("X-Key", secretive()), ("X-Plain", "p"))
                answer = sender.send(a_request(f"{server.url}/x", headers=headers, params=(("k", secretive()),)))

    (seen,) = other.seen
    assert answer.status == 200
    assert seen.target == "/there?page=2&sig=a/b"
    assert (seen.header("authorization"), seen.header("x-key"), seen.header("x-plain")) == (None, None, "p")
    assert SECRET not in str(seen)
    assert SECRET not in answer.url


def test_a_redirect_back_home_does_not_bring_the_secret_back():
    with Server(lambda seen: OK) as home, Server(lambda seen: redirect(f"{home.url}/admin")) as other:
        home.script = lambda seen: OK if seen.path == "/admin" else redirect(f"{other.url}/bounce")
        source = a_source(home.url, BEARER, allow_hosts=(f"127.0.0.1:{other.port}",))
        with a_sender(source) as sender:
            answer = sender.send(a_request(f"{home.url}/x"))

    assert answer.status == 200
    assert [seen.header("authorization") for seen in home.seen] == [f"Bearer {SECRET}", None]


def test_a_key_in_the_query_is_put_into_a_redirect_within_the_origin_once():
    auth = ApiKeyAuth("query", "api_key", secret())
    with (
        Server(redirecting(target="/there?page=2&api_key=old")) as server,
        a_sender(a_source(server.url, auth)) as sender,
    ):
        answer = sender.send(a_request(f"{server.url}/x"))

    assert server.seen[1].target == f"/there?page=2&api_key={SECRET}"
    assert SECRET not in answer.url


def test_a_circle_is_left_at_once():
    script = by_path({"/x": redirect("/y"), "/y": redirect("/x")})

    with Server(script) as server, a_sender(server.url) as sender:
        answer = sender.send(a_request(f"{server.url}/x"))

    assert (answer.miss, len(server.seen)) == (Miss.REDIRECT, 2)
    assert "circle" in answer.message


def test_five_redirects_are_followed_and_a_sixth_is_not():
    def steps(count):
        return lambda seen: OK if seen.path == f"/{count}" else redirect(f"/{int(seen.path[1:] or 0) + 1}")

    for count, good in ((5, True), (6, False)):
        with Server(steps(count)) as server, a_sender(server.url) as sender:
            answer = sender.send(a_request(f"{server.url}/0"))
        assert isinstance(answer, Response) is good
        assert len(server.seen) == 6


@pytest.mark.parametrize("status", [307, 308])
def test_a_post_is_sent_again_within_its_origin(status):
    with Server(redirecting(status)) as server, a_sender(server.url) as sender:
        answer = sender.send(a_request(f"{server.url}/x", method="POST", body=JsonBody({"a": 1})))

    assert answer.status == 200
    assert [(seen.method, seen.json) for seen in server.seen] == [("POST", {"a": 1})] * 2


@pytest.mark.parametrize("status", [301, 302, 303])
def test_a_post_never_becomes_a_get(status):
    with Server(redirecting(status)) as server, a_sender(server.url) as sender:
        answer = sender.send(a_request(f"{server.url}/x", method="POST"))

    assert (answer.status, len(server.seen)) == (status, 1)


def test_a_post_does_not_leave_its_origin():
    with Server([OK]) as other, Server(redirecting(307, f"{other.url}/there")) as server:
        source = a_source(server.url, allow_hosts=(f"127.0.0.1:{other.port}",))
        with a_sender(source) as sender:
            answer = sender.send(a_request(f"{server.url}/x", method="POST", body=JsonBody({})))

    assert (answer.miss, other.seen) == (Miss.ORIGIN, [])


# --- origins ---


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "http://api.example/x",
        "https://api.example:8443/x",
        "https://api.example.evil.example/x",
        "https://api.example@evil.example/x",
        "https://user:pw@api.example/x",
        "https://api.example\\@evil.example/x",
        "https://api.example\t.evil.example/",
        "https://api.example:443:80/x",
        "https://api.example:0/",
        "https://api.example:99999/",
        "//api.example/x",
        "/x",
        "file:///etc/passwd",
        "https:///x",
        "",
    ],
)
def test_a_next_page_elsewhere_is_not_asked(url):
    with a_sender(a_source("https://api.example/v1", BEARER)) as sender:
        answer = sender.send(a_request(url))

    assert answer.miss is Miss.ORIGIN
    assert "user:pw" not in answer.message


def test_the_message_names_the_host_and_the_setting():
    with a_sender("https://api.example") as sender:
        answer = sender.send(a_request(f"https://evil.example:8443/x?key={SECRET}"))

    assert answer.message == (
        "the next page is said to be at https://evil.example:8443, another origin than https://api.example; "
        "it was not asked. If that is meant, add 'evil.example:8443' to client.allow_hosts"
    )


def test_an_allowed_next_page_gets_no_secret():
    with Server([OK]) as other:
        source = a_source("https://api.example", BEARER, allow_hosts=(f"127.0.0.1:{other.port}",))
        http_home = a_source("http://localhost:1", BEARER, allow_hosts=(f"127.0.0.1:{other.port}",))
        request = a_request(f"{other.url}/x?a={SECRET}&b=2", params=(("k", secretive()), ("p", "1")))
        with a_sender(source) as sender:
            encrypted = sender.send(request)
        with a_sender(http_home) as sender:
            sender.send(request)

    assert encrypted.miss is Miss.ORIGIN
    assert [seen.target for seen in other.seen] == ["/x?b=2&p=1"]
    assert other.seen[0].header("authorization") is None


def test_an_address_elsewhere_with_a_secret_in_its_path_is_not_asked():
    source = a_source("http://localhost:1", BEARER, allow_hosts=("127.0.0.1:2",))
    with a_sender(source) as sender:
        answer = sender.send(a_request(f"http://127.0.0.1:2/{SECRET}/x"))

    assert answer.miss is Miss.ORIGIN
    assert SECRET not in answer.message


def test_a_body_with_secrets_stays_at_home():
    source = a_source("http://localhost:1", allow_hosts=("127.0.0.1:2",))
    with a_sender(source) as sender:
        answer = sender.send(a_request("http://127.0.0.1:2/", method="POST", body=JsonBody({"k": secretive()})))

    assert answer.miss is Miss.ORIGIN


@pytest.mark.parametrize("base", ["http://api.example", "http://10.0.0.1", "http://127.0.0.1.evil.example"])
def test_secrets_do_not_travel_in_the_open(base):
    with pytest.raises(Refused, match=r"client\.base_url is http.*allow_http = true"), a_sender(a_source(base, BEARER)):
        pass
    with a_sender(base) as sender, pytest.raises(Refused, match="in the open"):
        sender.send(a_request(f"{base}/x", params=(("k", secretive()),)))


def test_secrets_travel_in_the_open_if_the_user_says_so():
    with a_sender(a_source("http://api.example", BEARER, allow_http=True)) as sender:
        assert sender is not None


def test_a_base_url_that_is_none_is_refused():
    with pytest.raises(Refused, match=r"client\.base_url"), a_sender("nonsense"):
        pass


# --- secrets ---


@pytest.mark.parametrize("value", ["two\nlines", "nul\0", " blank", "tab\tbed", "snow☃"])
def test_a_secret_that_no_header_carries_is_refused_without_being_shown(value):
    with pytest.raises(Refused) as refused, a_sender(a_source("https://a.example", BEARER), secrets={"token": value}):
        pass

    assert "the secret 'token' cannot be sent in the header Authorization" in str(refused.value)
    assert value not in str(refused.value)


def test_a_secret_without_a_value_is_refused_with_a_hint():
    words = "the secret 'token' has no value; set the environment variable TOKEN"
    with pytest.raises(Refused, match=words), a_sender(a_source("https://a.example", BEARER), secrets={}):
        pass


def test_the_url_of_an_answer_shows_no_secret():
    with Server([OK]) as server, a_sender(server.url, secrets={"token": "short"}) as sender:
        answer = sender.send(a_request(f"{server.url}/x", params=(("k", secretive()), ("b", "%}"))))

    assert answer.url == f"{server.url}/x?k={{secrets.token}}&b=%25%7D"


def test_a_request_is_described_in_one_line_without_secrets():
    masker = Masker({"token": SECRET})
    request = a_request(f"https://a.example/{SECRET}?a=1", params=(("k", secretive()),))
    post = a_request("https://a.example/x", method="POST", body=JsonBody({"k": secretive("a"), "n": "\x1b\n"}))
    form = a_request("https://a.example/x", method="POST", body=FormBody((("k", secretive()),)))

    assert describe(request, masker) == "GET https://a.example/{secrets.token}?a=1&k={secrets.token}"
    assert describe(post, masker) == 'POST https://a.example/x json {"k": "a{secrets.token}", "n": "\\u001b\\n"}'
    assert describe(form, masker) == "POST https://a.example/x form k={secrets.token}"


def test_a_description_is_never_long_and_never_moves_the_cursor():
    line = describe(a_request("https://a.example/\x1b[2J" + "x" * 1000), Masker())

    assert len(line) == 500
    assert line.isprintable()


def test_kept_headers_hold_no_cookie_and_no_secret():
    headers = (("set-cookie", "a=b"), ("link", f"<https://a.example/?k={SECRET}>"), ("etag", '"x"'))
    answer = Response(200, headers, b"", datetime.now(UTC), "")

    assert shown_headers(answer, Masker({"token": SECRET})) == (
        ("link", "<https://a.example/?k={secrets.token}>"),
        ("etag", '"x"'),
    )


def test_a_sealed_answer_holds_no_secret_outside_its_body_and_can_be_unsealed():
    masker = Masker({"token": "s&cret/token"})
    link = f"<https://a.example/x?key={quote('s&cret/token', safe='')}&page=2>; rel=next"
    answer = Response(200, (("link", link),), b"s&cret/token", datetime.now(UTC), "https://a.example/s&cret/token")

    kept = sealed(answer, masker)

    assert kept.url == "https://a.example/{secrets.token}"
    assert kept.header("link") == "<https://a.example/x?key={secrets.token|url}&page=2>; rel=next"
    assert kept.body == answer.body
    assert unsealed(kept, masker).headers == answer.headers


@pytest.mark.parametrize(("status", "body"), [(200, SECRET), (401, "{secrets.token}")])
def test_an_error_that_quotes_a_secret_shows_its_name_while_data_stays_as_it_is(status, body):
    with Server([json_reply({"message": SECRET}, status)]) as server, a_sender(server.url) as sender:
        answer = sender.send(a_request(f"{server.url}/x"))

    assert answer.body == f'{{"message": "{body}"}}'.encode()


def test_messages_show_no_secret_that_a_server_sent_back():
    with Server(redirecting(target=f"https://{SECRET}.example/{SECRET}")) as server, a_sender(server.url) as sender:
        answer = sender.send(a_request(f"{server.url}/x"))

    assert SECRET not in answer.message
    assert "{secrets.token}.example" in answer.message


# --- a trace, and further turns ---


def test_each_exchange_is_traced_without_secrets():
    traced = []
    habits = Habits(trace=traced.append)
    script = redirecting(target=f"/there?k={SECRET}")
    with Server(script) as server, a_sender(a_source(server.url, BEARER), habits=habits) as sender:
        sender.send(a_request(f"{server.url}/x", params=(("k", secretive()),)))
        sender.send(a_request(f"{server.url}/nothing"))

    assert [(one.method, one.status) for one in traced] == [("GET", 302), ("GET", 200), ("GET", 404)]
    assert traced[1].url == f"{server.url}/there?k={{secrets.token}}"
    assert ("Authorization", "***") in traced[0].sent
    assert SECRET not in repr(traced)


def test_trouble_is_traced_too():
    traced = []
    with Server([reset()]) as server, a_sender(server.url, habits=Habits(trace=traced.append)) as sender:
        sender.send(a_request(f"{server.url}/x"))

    assert traced[0].status is None
    assert "closed the connection" in traced[0].problem


def test_each_further_request_of_one_send_waits_for_its_turn():
    turns = []
    with Server(redirecting()) as server:
        habits = Habits(extra_turn=lambda: turns.append(len(server.seen)))
        with a_sender(a_source(server.url), habits=habits) as sender:
            sender.send(a_request(f"{server.url}/x"))
            sender.send(a_request(f"{server.url}/there"))

    assert turns == [1]
