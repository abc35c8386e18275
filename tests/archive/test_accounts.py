"""Two accounts of one API side by side, from one file: days, keys, lanes and tokens of their own."""

from contextlib import contextmanager

import pytest

from snapshotter.archive import authorizing, budgets, changing, looking
from snapshotter.archive.accounts import add_account
from snapshotter.archive.opening import for_writing
from snapshotter.errors import UsageError
from snapshotter.model import Batch, FileChange
from snapshotter.results import Exit
from tests.archive.worlds import AGAIN, Api, a_file, an_archive, item, series
from tests.server import json_reply

HEAD = """[vars]
user = "nobody" # whose items
[secrets]
token = "env:TOKEN" # made in the settings of the service
[auth]
type = "bearer"
token = "{secrets.token}"
"""
OWN = {"token-of-anna-1": [item("12T01:00", "a")], "token-of-ben-22": [item("12T02:00", "b"), item("12T03:00", "c")]}
ENV = {"TOKEN_ANNA": "token-of-anna-1", "TOKEN_BEN": "token-of-ben-22"}


def of_whom(request):
    """Everybody gets their own records."""
    records = OWN.get((request.header("authorization") or "").removeprefix("Bearer "))
    if records is None or not request.path.startswith("/users/"):
        return json_reply({"message": "who are you?"}, 401)
    return json_reply({"data": Api(records).chosen(dict(request.query)), "next": None})


@contextmanager
def accounts(tmp_path, head=HEAD, *, env=ENV, names=("anna", "ben")):
    with an_archive(tmp_path, of_whom, env=env) as archive:
        items = series(window=AGAIN).replace('"/items"', '"/users/{vars.user}/items"')
        file = a_file(archive.server.url, items, head=head)
        archive.place(file)
        for name in names:
            add_account(archive.path, "demo", name, archive.world)
        yield archive


def test_each_account_has_days_and_keys_of_its_own(tmp_path):
    with accounts(tmp_path) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert archive.ids("12", stream="demo-anna/items") == ["a"]
        assert archive.ids("12", stream="demo-ben/items") == ["b", "c"]
        told = looking.status(archive.path, (), archive.world).streams
        assert [stream.stream for stream in told] == ["demo-anna/items", "demo-ben/items"]
        assert archive.is_clean()


def test_one_account_without_a_key_does_not_stop_the_other(tmp_path):
    with accounts(tmp_path, env={"TOKEN_BEN": ENV["TOKEN_BEN"]}) as archive:
        ran = archive.fetch()

        assert ran.exit is Exit.CONFIG
        assert ["demo-anna" in notice.about for notice in ran.notices] == [True]
        assert archive.ids("12", stream="demo-ben/items") == ["b", "c"]


def test_the_table_is_added_and_every_comment_stays(tmp_path):
    with accounts(tmp_path, names=()) as archive:
        before = archive.read("sources/demo.toml")
        added = add_account(archive.path, "demo", "anna", archive.world)

        assert added.source == "demo-anna"
        assert archive.read("sources/demo.toml") == before.rstrip() + (
            '\n\n[accounts.anna]\n# user = "nobody" # for all accounts so far\ntoken = "env:TOKEN_ANNA"\n'
        )
        with pytest.raises(UsageError, match="has the account 'anna' already"):
            add_account(archive.path, "demo", "anna", archive.world)


def test_days_that_were_fetched_without_accounts_are_not_left_behind(tmp_path):
    with accounts(tmp_path, env={**ENV, "TOKEN": ENV["TOKEN_BEN"]}, names=()) as archive:
        archive.fetch()
        with pytest.raises(UsageError, match="demo/ holds days that were fetched without accounts"):
            add_account(archive.path, "demo", "anna", archive.world)


def test_an_edit_that_is_not_committed_is_not_swept_up(tmp_path):
    with accounts(tmp_path, names=()) as archive:
        file = archive.path / "sources/demo.toml"
        file.write_text(file.read_text() + "# mine\n")
        with pytest.raises(UsageError, match="not committed"):
            add_account(archive.path, "demo", "anna", archive.world)


def test_two_keys_are_two_lanes_and_one_client_is_one(tmp_path):
    oauth = """[secrets]
client = "env:CLIENT"
refresh = "env:REFRESH"
[auth]
type = "oauth2"
grant_type = "refresh_token"
token_url = "http://127.0.0.1:9/token"
client_id = "{secrets.client}"
refresh_token = "{secrets.refresh}"
[vars]
user = "me"
"""
    env = {"CLIENT": "client-12345", "REFRESH_ANNA": "seed-of-anna-1", "REFRESH_BEN": "seed-of-ben-22"}
    with accounts(tmp_path / "keys") as archive:
        lanes = budgets.limits(archive.path, (), archive.world).lanes
        assert [lane.sources for lane in lanes] == [("demo-anna",), ("demo-ben",)]

    with accounts(tmp_path / "client", oauth, env=env) as archive:
        assert "client" not in archive.read("sources/demo.toml").partition("[accounts.anna]")[2]
        (lane,) = budgets.limits(archive.path, (), archive.world).lanes
        assert lane.sources == ("demo-anna", "demo-ben")


def test_each_account_is_authorized_by_itself(tmp_path):
    oauth = """[vars]
user = "me"
[auth]
type = "oauth2"
grant_type = "refresh_token"
token_url = "BASE/token"
authorize_url = "https://example.org/authorize"
redirect = "paste"
client_id = "client-12345"
"""

    def script(request):
        if request.path == "/token":
            return json_reply({"access_token": f"token-of-{request.form['code']}", "refresh_token": "refresh-123456"})
        return of_whom(request)

    with an_archive(tmp_path, script) as archive:
        url = archive.server.url
        items = series().replace('"/items"', '"/users/{vars.user}/items"')
        archive.place(a_file(url, items, head=oauth.replace("BASE", url)))
        for name, code in (("anna", "anna-1"), ("ben", "ben-22")):
            add_account(archive.path, "demo", name, archive.world)
            authorizing.authorize(
                archive.path, f"demo-{name}", archive.world, show=lambda _: None, ask=lambda code=code: code
            )
        archive.fetch()

        assert archive.ids("12", stream="demo-anna/items") == ["a"]
        assert archive.ids("12", stream="demo-ben/items") == ["b", "c"]


def test_a_user_who_takes_another_name_keeps_the_archive(tmp_path):
    with accounts(tmp_path) as archive:
        archive.fetch()
        renamed = archive.read("sources/demo.toml").replace('user = "nobody" # whose', 'user = "somebody" # whose')
        with for_writing(archive.path, archive.world, command="test") as opened:
            change = FileChange("sources/demo.toml", renamed.encode())
            opened.store.commit(Batch((change,), "Rename\n", archive.clock.now()), opened.store.head())
            opened.store.finish()
        asked = len(archive.server.seen)
        assert "--accept" in archive.fetch().notices[0].text  # it might be somebody else: that is for a person to say
        changing.accept(archive.path, ["demo-anna", "demo-ben"], archive.world)
        ran = archive.fetch()

        assert ran.exit is Exit.DONE
        assert {request.path for request in archive.server.seen[asked:]} == {"/users/somebody/items"}
        assert archive.ids("12", stream="demo-anna/items") == ["a"]
        assert ran.commits == ()
