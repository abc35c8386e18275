"""A stream is recorded once, without any secret, and played again offline with everything that can go wrong."""

import json
from contextlib import contextmanager
from pathlib import Path

import pytest

from snapshotter.archive import benching, recording
from snapshotter.errors import Refused, UsageError
from snapshotter.results.bench import RecordOptions
from tests.archive.worlds import Api, a_file, an_archive, feed, item, series, snapshot, some_items
from tests.provider import CLIENT, Provider
from tests.server import json_reply

TOKEN = "sekrit-token-1"
BEARER = '[secrets]\ntoken = "env:TOKEN"\n[auth]\ntype = "bearer"\ntoken = "{secrets.token}"'
SEED = 'refresh_token = "{secrets.refresh_token}"'
OAUTH = """[secrets]
client_id = "env:client_id"
client_secret = "env:client_secret"
refresh_token = "env:refresh_token"
[auth]
type = "oauth2"
grant_type = "refresh_token"
token_url = "http://127.0.0.1:PORT/token"
client_id = "{secrets.client_id}"
client_secret = "{secrets.client_secret}"
refresh_token = "{secrets.refresh_token}"
"""


def record(archive, **options):
    """Record the one stream; gives the file."""
    told = recording.record(
        archive.path, "demo/items", archive.world, options=RecordOptions(**options), tell=lambda step: None
    )
    return Path(told.path)


def play(archive, recording_file, **more):
    (told,) = benching.play_all(archive.path, str(recording_file), archive.world, **more).streams
    return told


def came_of(told):
    return {played.scenario: played.passed for played in told.scenarios}


@contextmanager
def recorded(tmp_path, api, streams=None, **options):
    """An archive whose stream was recorded, and whose server is gone."""
    with an_archive(tmp_path, api, streams) as archive:
        file = record(archive, **options)
    yield archive, file


def test_a_recording_is_played_without_the_server_and_every_fault_ends_well(tmp_path):
    with recorded(tmp_path, Api(some_items(7))) as (archive, file):
        told = play(archive, file)

    assert told.good
    assert (told.requests, told.records, told.days) == (3, 7, {"2026-03-12": 7})
    assert told.stops == {"no_next": 1}
    assert came_of(told) == {
        "429 with Retry-After": True,
        "503, then good": True,
        "500 on the last page": True,
        "page cut in the middle": True,
        "broken JSON": True,
        "repeated cursor": True,
        "token expired (401)": None,
        "timeout, then good": True,
        "slow answer": True,
    }
    assert archive.files() == []


@pytest.mark.parametrize(
    "streams",
    [series("offset"), feed(), snapshot("page")],
    ids=["offset", "feed", "state"],
)
def test_every_kind_of_stream_can_be_played(tmp_path, streams):
    with recorded(tmp_path, Api(some_items(7), newest_first="/feed" in streams), streams) as (archive, file):
        told = play(archive, file)

    assert told.good, [played for played in told.scenarios if played.passed is False]
    assert came_of(told)["repeated cursor"] is True


class SignedIn(Provider):
    """The API behind a token, which throws its secrets back at whoever asks."""

    def __init__(self, api):
        super().__init__()
        self.api = api

    def data(self, seen):
        answer = super().data(seen)
        if answer.status != 200:
            return answer
        return self.api(seen).with_headers(Set_Cookie=f"id={self.access}", X_Echo=f"Bearer {self.access}")


def test_a_token_is_renewed_in_a_play_and_no_secret_is_in_the_file(tmp_path):
    provider = SignedIn(Api(some_items(7)))
    with an_archive(tmp_path, provider, env=CLIENT) as archive:
        head = OAUTH.replace("PORT", str(archive.server.port))
        archive.place(a_file(archive.server.url, series(), head=head))
        text = (file := record(archive)).read_text()
    told = play(archive, file)

    assert told.good
    assert came_of(told)["token expired (401)"] is True
    for secret in (*CLIENT.values(), provider.access, provider.refresh, "set-cookie", "/token"):
        assert secret not in text
    assert "Bearer {secrets.access_token}" in text


def test_a_source_whose_first_token_comes_from_a_browser_is_played_as_if_somebody_had_said_yes(tmp_path):
    provider = SignedIn(Api(some_items(4)))
    with an_archive(tmp_path, provider, env=CLIENT) as archive:
        head = OAUTH.replace("PORT", str(archive.server.port))
        archive.place(a_file(archive.server.url, series(), head=head))
        file = record(archive)
        seedless = head.replace(SEED, 'authorize_url = "http://127.0.0.1/yes"')
        archive.place(a_file(archive.server.url, series(), head=seedless))

    assert play(archive, file).good


def test_a_key_in_the_address_stands_by_its_name_and_is_found_again(tmp_path):
    head = BEARER.replace('type = "bearer"', 'type = "api_key"\nin = "query"\nname = "key"')
    with an_archive(tmp_path, Api(some_items(4)), head=head, env={"TOKEN": "k+1"}) as archive:
        file = record(archive)

    told = play(archive, file)

    assert told.good
    assert "key={secrets.token}" in file.read_text()


def test_a_file_that_would_tell_a_secret_is_not_written(tmp_path):
    api = Api([])
    api.instead = lambda _: json_reply({"data": [], "next": None}).with_headers(**{TOKEN: "x"})
    with (
        an_archive(tmp_path, api, head=BEARER, env={"TOKEN": TOKEN}) as archive,
        pytest.raises(Refused, match="'token' would be in the file"),
    ):
        record(archive)

    assert not (archive.path / "recordings").exists()


def test_personal_values_become_stand_ins_that_still_belong_together(tmp_path):
    people = [
        item("12T01:00", "100200300", owner="Anna Example", mail="anna@anna.example", at_home=[52.1, 13.2]),
        item("12T02:00", "x", owner="Anna Example", friend="100200300", url="https://e.example/u/100200300"),
    ]
    paths = ("data[*].owner", "data[*].mail", "data[*].at_home", "data[*].id")
    with recorded(tmp_path, Api(people), scrub=paths) as (archive, file):
        text = file.read_text()
        told = play(archive, file)

    one, other = json.loads(text)["exchanges"][0]["response"]["json"]["data"]
    assert "Anna" not in text
    assert "100200300" not in text
    assert one["owner"] == other["owner"]
    assert one["mail"].endswith("@example.org")
    assert one["id"] == other["friend"]
    assert other["url"] == f"https://e.example/u/{one['id']}"
    assert len(one["id"]) == 9
    assert {type(part) for part in one["at_home"]} == {float}
    assert told.good


def test_a_path_at_which_nothing_stands_is_an_error(tmp_path):
    with (
        an_archive(tmp_path, Api(some_items(2))) as archive,
        pytest.raises(UsageError, match="no answer has such a member"),
    ):
        record(archive, scrub=("data[*].nmae",))


def test_a_source_file_that_takes_a_failure_for_the_end_is_found_out(tmp_path):
    rule = '[[streams.items.errors]]\nstatus = 500\naction = "end"'
    with recorded(tmp_path, Api(some_items(7)), series(more=rule)) as (archive, file):
        told = play(archive, file)

    assert not told.good
    (wrong,) = [played for played in told.scenarios if played.passed is False]
    assert wrong.scenario == "500 on the last page"
    assert "2026-03-12.json is called complete and is not" in wrong.got


def test_a_source_file_that_asks_for_something_else_is_told_what_is_not_there(tmp_path):
    with recorded(tmp_path, Api(some_items(4))) as (archive, file):
        other = tmp_path / "demo.toml"
        other.write_text(a_file(archive.server.url, series(more="").replace('"/items"', '"/things"')))
        told = play(archive, file, file=str(other))

    assert not told.good
    assert "not in the recording: GET /things?" in told.problems[0]


def test_a_recording_that_ends_after_some_pages_says_so(tmp_path):
    with recorded(tmp_path, Api(some_items(7)), pages=1) as (_, file):
        kept = json.loads(file.read_text())

    assert kept["cut"] is True
    assert len(kept["exchanges"]) == 1


def test_what_failed_is_not_recorded(tmp_path):
    with (
        an_archive(tmp_path, Api([], odd={1: json_reply({"message": "scope missing"}, 403)})) as archive,
        pytest.raises(Refused, match="scope missing"),
    ):
        record(archive)

    assert not (archive.path / "recordings").exists()


def test_a_file_that_is_no_recording_is_not_overwritten(tmp_path):
    mine = tmp_path / "mine.json"
    mine.write_text("{}")
    with an_archive(tmp_path, Api(some_items(2))) as archive, pytest.raises(UsageError, match="is no recording"):
        record(archive, file=str(mine))

    assert mine.read_text() == "{}"


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"exchanges": [], "format": 9}', '{"exchanges": [1], "format": 1}'])
def test_a_file_that_is_no_recording_is_said_to_be_none(tmp_path, text):
    file = tmp_path / "x.json"
    file.write_text(text)
    with an_archive(tmp_path, Api([])) as archive, pytest.raises(UsageError, match=r"x\.json"):
        play(archive, file)


def test_the_list_of_a_stream_with_details_can_be_recorded_and_played(tmp_path):
    more = '[streams.items.details.full]\npath = "/items/{record.id}"\n'
    with recorded(tmp_path, Api(some_items(4)), series(more=more)) as (archive, file):
        told = play(archive, file)

    assert told.good
    assert (told.requests, told.days) == (2, {"2026-03-12": 4})
