"""Failures seen elsewhere: secrets."""

import base64
import json
from urllib.parse import quote

from snapshotter.archive import recording, setup, trying
from snapshotter.results import Exit
from snapshotter.results.bench import RecordOptions
from tests.archive.worlds import AGAIN, Api, a_file, an_archive, series, some_items
from tests.failures import ONE_TRY
from tests.provider import CLIENT, Provider
from tests.server import json_reply

TOKEN = "a-secret/token+1"
BEARER = '[secrets]\ntoken = "env:TOKEN"\n[auth]\ntype = "bearer"\ntoken = "{secrets.token}"'
OAUTH = """[secrets]
client_id = "env:client_id"
client_secret = "env:client_secret"
refresh_token = "env:refresh_token"
[auth]
type = "oauth2"
grant_type = "refresh_token"
token_url = "BASE/token"
client_id = "{secrets.client_id}"
client_secret = "{secrets.client_secret}"
refresh_token = "{secrets.refresh_token}"
"""


class SignedIn(Provider):
    """An API behind single-use refresh tokens."""

    def __init__(self, api):
        super().__init__()
        self.api = api

    def data(self, seen):
        answer = super().data(seen)
        return self.api(seen).with_headers(Set_Cookie=f"id={self.access}") if answer.status == 200 else answer


def with_oauth(archive):
    """Describe the source anew, behind OAuth."""
    url = archive.server.url
    archive.place(a_file(url, series(window=AGAIN), head=OAUTH.replace("BASE", url)))


def test_a_token_does_not_go_where_a_next_url_points(tmp_path):
    """The server names a next page on another host, and gets the token sent there."""
    api = Api(some_items(5))
    api.odd = {1: json_reply({"data": api.records[:3], "next": "http://127.0.0.1:9/items?cursor=c3"})}
    paginate = '{ type = "next_url", next = "next" }'
    with an_archive(tmp_path, api, series(paginate), head=BEARER, env={"TOKEN": TOKEN}) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.SOME_DAYS
        assert archive.last().stop == "origin"
        assert "127.0.0.1:9" in archive.last().miss.why


def test_no_text_of_a_failed_run_shows_a_secret(tmp_path):
    """Debug output, exception texts and run records quote what the server said, and the server quotes the token."""
    coded = base64.b64encode(TOKEN.encode()).decode()
    said = f"{TOKEN} {quote(TOKEN, safe='')} {coded}"
    trace = tmp_path / "trace"
    answer = json_reply({"message": f"bad token: {said}"}, 500, X_Debug=said)
    with an_archive(tmp_path, [answer], head=f"{BEARER}\n{ONE_TRY}", env={"TOKEN": TOKEN}) as archive:
        ran = archive.fetch(trace=str(trace))

        shown = repr(ran) + "".join(archive.told) + repr(archive.runs()) + archive.git("log", "-p", "--all")
        files = [path for path in (archive.path / ".git/snap").rglob("*") if path.is_file()]
        seen = b"".join([shown.encode(), trace.read_bytes(), *(path.read_bytes() for path in files)])
        assert "bad token" in archive.last().miss.why
        assert [form for form in (TOKEN, quote(TOKEN, safe=""), coded) if form.encode() in seen] == []


def test_a_rotated_token_is_on_disk_before_its_first_use(tmp_path):
    """A single-use refresh token is spent, the process dies, and the new one is lost."""
    provider = SignedIn(Api(some_items(2)))
    with an_archive(tmp_path, provider, env=CLIENT) as archive:
        provider.store = archive.world.state
        with_oauth(archive)
        archive.fetch()
        assert provider.at_first_use
        assert all(provider.refresh in json.dumps(kept) for kept in provider.at_first_use)

        archive.later(hours=2)
        assert archive.fetch().exit is Exit.DONE
        assert provider.count == 2


def test_looking_at_a_source_spends_no_token_that_a_run_needs(tmp_path):
    """`--discover` or `check` renews the token, and what was given in place of it is forgotten."""
    provider = SignedIn(Api(some_items(2)))
    with an_archive(tmp_path, provider, env=CLIENT) as archive:
        with_oauth(archive)
        setup.check(archive.path, (), archive.world)
        assert provider.count == 0
        assert trying.try_stream(archive.path, "demo/items", archive.world, pages=1, day=None).good

        assert archive.fetch().exit is Exit.DONE
        assert provider.count == 1


def test_a_recording_keeps_no_cookie_and_no_credential_of_either_side(tmp_path):
    """A recorded cassette keeps `Set-Cookie`, and what the token endpoint said."""
    provider = SignedIn(Api(some_items(2)))
    with an_archive(tmp_path, provider, env=CLIENT) as archive:
        with_oauth(archive)
        file = tmp_path / "recording.json"
        recording.record(
            archive.path, "demo/items", archive.world, options=RecordOptions(file=str(file)), tell=lambda step: None
        )

        text = file.read_text().lower()
        hidden = ("set-cookie", "authorization", "/token", provider.access, provider.refresh, *CLIENT.values())
        assert '"r000"' in text
        assert [word for word in hidden if word in text] == []
