"""Needs of real APIs that no other test plays as a whole: hosts apart, two-level walks, deep pages that are refused."""

import pytest

from snapshotter.results import Exit
from tests.archive.worlds import Api, a_file, an_archive, feed, item, series, some_items
from tests.provider import CLIENT, Provider
from tests.server import Server, json_reply

OAUTH = """[vars]
user = "anna"
[secrets]
client_id = "env:client_id"
client_secret = "env:client_secret"
refresh_token = "env:refresh_token"
[auth]
type = "oauth2"
grant_type = "refresh_token"
token_url = "TOKENS/token"
client_id = "{secrets.client_id}"
client_secret = "{secrets.client_secret}"
refresh_token = "{secrets.refresh_token}"
"""


def test_tokens_come_from_another_host_and_the_user_agent_names_the_user(tmp_path):
    """The API and its token endpoint are two hosts; the service wants to know whose program asks."""
    provider, api = Provider(), Api(some_items(2))
    with Server(provider) as tokens, an_archive(tmp_path, api, env=CLIENT) as archive:
        head = OAUTH.replace("TOKENS", tokens.url)
        client = 'user_agent = "snap by /u/{vars.user}"'
        archive.place(a_file(archive.server.url, series(), head=head, client=client))
        archive.fetch()

        assert archive.ids("12") == ["r000", "r001"]
        assert [seen.path for seen in tokens.seen] == ["/token"]
        (asked,) = archive.server.seen
        assert asked.header("authorization") == f"Bearer {provider.access}"
        assert asked.header("user-agent") == "snap by /u/anna"


def test_a_year_is_asked_by_offset_and_then_the_year_before(tmp_path):
    """Two levels: pages inside a year, years back to the first one."""
    months = [(year, month) for year in (2023, 2024, 2025) for month in "1357"]
    api = Api([item(f"{year}-0{month}-05T01:00:00Z", f"{year}-{month}") for year, month in months])
    api.instead = lambda seen: of_year(api, dict(seen.query))
    window = '{ start = "2024-01-01", end = "2025-12-31", step = "P1Y" }'
    params = '{ year = "{window.start|year}" }'
    with an_archive(tmp_path, api, series("offset", window=window, params=params)) as archive:
        assert archive.fetch().exit is Exit.DONE

        years = [dict(seen.query)["year"] for seen in archive.server.seen]
        assert years == sorted(years, reverse=True)
        assert set(years) == {"2025", "2024"}
        assert len(archive.files()) == 8


def of_year(api, query):
    found = [record for record in api.records if record["at"].startswith(query["year"])]
    start = int(query.get("offset", 0))
    return json_reply({"data": found[start : start + 3]})


def test_a_page_beyond_the_last_is_refused_and_that_is_the_end(tmp_path):
    """Asking deeper than the API goes is answered with 422, which is no failure there."""
    rule = '[[streams.items.errors]]\nstatus = 422\npage = "later"\naction = "end"'
    api = Api(some_items(7, day="14"), newest_first=True, odd={3: json_reply({"message": "too deep"}, 422)})
    with an_archive(tmp_path, api, feed("link", more=rule)) as archive:
        assert archive.fetch().exit is Exit.DONE
        assert archive.last().stop == "end_rule"
        assert len(archive.ids("14")) == 6


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("{window.start|date}", "2026-03-12"),
        ("{window.start|date}T00:00:00Z", "2026-03-12T00:00:00Z"),
        ("{window.start|iso_ms}", "2026-03-12T00:00:00.000Z"),
        ("{window.end|epoch}", "1773360000"),
        ("{window.start|year}/{window.start|month}/{window.start|day}", "2026/3/12"),
    ],
)
def test_times_are_sent_as_each_api_wants_them(tmp_path, given, sent):
    params = f'{{ at = "{given}", from = "{{window.start|iso}}", to = "{{window.end|iso}}", flag = true, count = 5 }}'
    with an_archive(tmp_path, Api(some_items(1)), series(params=params)) as archive:
        archive.fetch()

        query = dict(archive.server.seen[0].query)
        assert query["at"] == sent
        assert (query["flag"], query["count"]) == ("true", "5")


LISTING = """[streams.items]
kind = "snapshot"
path = "/user/anna/saved"
params = { limit = 2 }
records = "data.children"
id = "data.name"
paginate = { type = "cursor", cursor = "data.after", param = "after" }
"""


def test_a_cursor_may_stand_deep_in_the_answer(tmp_path):
    """A listing: records wrapped in their kind, the cursor beside them, null at the end."""

    def listing(seen):
        start = int(dict(seen.query).get("after", "t0")[1:])
        children = [{"kind": "t3", "data": {"name": f"t{number}"}} for number in range(start + 1, min(start + 3, 6))]
        after = children[-1]["data"]["name"] if start + 2 < 5 else None
        return json_reply({"kind": "Listing", "data": {"children": children, "after": after}})

    with an_archive(tmp_path, listing, LISTING) as archive:
        assert archive.fetch().exit is Exit.DONE

        assert [record["data"]["name"] for record in archive.state()] == ["t1", "t2", "t3", "t4", "t5"]
        assert [dict(seen.query).get("after") for seen in archive.server.seen] == [None, "t2", "t4"]
        assert {dict(seen.query)["limit"] for seen in archive.server.seen} == {"2"}
