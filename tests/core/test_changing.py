"""Each key of a stream: whether its change is harmless, or what it does to saved days."""

import pytest

from snapshotter.core.changing import Effect, Saved, changes, changes_of_source, consequence, why_stopped
from tests.core.config_builders import load

BASE = """format = 1
source = "demo"
[client]
base_url = "https://api.example.org"
[streams.items]
kind = "series"
path = "/items"
records = "data"
id = "id"
params = { from = "{window.start|iso}", to = "{window.end|iso}" }
keep_if = "kind == 'a'"
drop = ["tmp"]
ignore = ["seen"]
every = "1d"
paginate = { type = "cursor", cursor = "next", param = "cursor" }
window = { start = "2026-03-12", step = "1d", zone = "UTC" }
day = { field = "at", parse = "instant", zone = "UTC" }
[retry]
attempts = 3
[pacing]
min_interval = "1s"
"""

TABLE = [
    ("attempts = 3", "attempts = 4", None, None),
    ('min_interval = "1s"', 'min_interval = "2s"', None, None),
    ('every = "1d"', 'every = "2d"', "every", Effect.HARMLESS),
    ('param = "cursor"', 'param = "after"', "paginate", Effect.HARMLESS),
    ('start = "2026-03-12"', 'start = "2025-03-12"', "window.start", Effect.HARMLESS),
    ('step = "1d"', 'step = "7d"', "window.step", Effect.HARMLESS),
    ('step = "1d", zone = "UTC"', 'step = "1d", zone = "Asia/Tokyo"', "window.zone", Effect.HARMLESS),
    ("kind == 'a'", "kind == 'b'", "keep_if", Effect.ANSWERS),
    ('drop = ["tmp"]', 'drop = ["temp"]', "drop", Effect.ANSWERS),
    ('ignore = ["seen"]', "ignore = []", "ignore", Effect.ANSWERS),
    ('field = "at"', 'field = "created"', "day.field", Effect.DAYS),
    ('parse = "instant"', 'parse = "date"', "day.parse", Effect.DAYS),
    ('parse = "instant", zone = "UTC"', 'parse = "instant", zone = "Asia/Tokyo"', "day.zone", Effect.DAYS),
    ('id = "id"', 'id = "uuid"', "id", Effect.IDENTITY),
    ('path = "/items"', 'path = "/things"', "path", Effect.DATA),
    ('records = "data"', 'records = "rows"', "records", Effect.DATA),
    ('from = "{window', 'since = "{window', "params", Effect.DATA),
    ("https://api.example.org", "https://api.example.com", "client.base_url", Effect.DATA),
]


def compared(was, now):
    old, new = load(was).sources[0], load(now).sources[0]
    return [*changes(old.streams["items"], new.streams["items"]), *changes_of_source(old, new)]


@pytest.mark.parametrize(("was", "now", "key", "effect"), TABLE, ids=[f"{row[2]}-{row[1][:20]}" for row in TABLE])
def test_a_change_of_a_key_has_its_effect(was, now, key, effect):
    assert was in BASE
    found = compared(BASE, BASE.replace(was, now, 1))

    assert [(item.key, item.effect) for item in found if item.key == key] == ([] if key is None else [(key, effect)])
    assert all(item.effect is effect or item.effect is Effect.HARMLESS for item in found)


def test_the_same_description_has_no_changes():
    assert compared(BASE, BASE + "# a comment\n") == []


def test_the_gravest_comes_first_and_names_both_values():
    found = compared(BASE, BASE.replace('path = "/items"', 'path = "/things"').replace('id = "id"', 'id = "uuid"'))

    assert [str(item) for item in found] == ["path: /items -> /things", "id: id -> uuid"]


def test_a_changed_identity_says_what_the_next_fetch_would_do_and_the_ways_on():
    (change,) = compared(BASE, BASE.replace('id = "id"', 'id = "uuid"'))
    why = why_stopped("demo/items", [change], Saved(days=1204))

    assert "1,204 archived days keep the old identity; the next fetch would take known records for new ones" in why
    assert "`snap check demo/items --accept`" in why


def test_a_changed_zone_cannot_be_accepted():
    (change,) = compared(BASE, BASE.replace('instant", zone = "UTC"', 'instant", zone = "Asia/Tokyo"'))

    assert "--accept" not in why_stopped("demo/items", [change], Saved(days=3))


def test_where_nothing_is_archived_nothing_is_stopped():
    (change,) = compared(BASE, BASE.replace('id = "id"', 'id = "uuid"'))

    assert why_stopped("demo/items", [change], Saved()) is None
    assert "nothing is archived yet" in consequence(change, Saved())


def test_what_was_found_empty_elsewhere_counts_as_saved():
    (change,) = compared(BASE, BASE.replace('path = "/items"', 'path = "/things"'))

    assert "what was found empty" in why_stopped("demo/items", [change], Saved(proved=1))


@pytest.mark.parametrize("effect", [Effect.HARMLESS, Effect.ANSWERS])
def test_what_reinterprets_nothing_stops_nothing(effect):
    rows = [row for row in TABLE if row[3] is effect]
    found = [item for row in rows for item in compared(BASE, BASE.replace(row[0], row[1], 1))]

    assert why_stopped("demo/items", found, Saved(days=3)) is None
