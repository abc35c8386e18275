"""Records that break the schema of their stream wait to be seen; a schema that cannot be used stops its stream."""

import json
import sys

import pytest

from snapshotter.archive import holding, setup
from snapshotter.core.conforming import RecordSchema
from snapshotter.errors import ConfigError
from snapshotter.results import Exit
from tests.archive.worlds import Api, an_archive, item, series, snapshot

DAY = "2026-03-12"
AGAIN = '{ start = "2026-03-12", end = "2026-03-12", step = "1d", lookback = "9d" }'
EXPECT = '[streams.items.expect]\nschema = "schema/item.json"\n'
STREAMS = series(window=AGAIN, more=EXPECT)
SCHEMA = {"type": "object", "required": ["id"], "properties": {"v": {"type": "number"}}}


def good(name: str, v: object = 1) -> dict:
    return item("12T08:00", name, v=v)


def place(archive, schema: object) -> None:
    file = archive.path / "schema/item.json"
    file.write_text(schema if isinstance(schema, str) else json.dumps(schema))


def waiting(archive):
    return holding.held(archive.path, (), archive.world)


@pytest.mark.parametrize("streams", [STREAMS, snapshot(more=EXPECT)])
def test_a_version_with_records_that_break_the_schema_waits(tmp_path, streams):
    api = Api([good("a"), good("b")])
    with an_archive(tmp_path, api, streams) as archive:
        place(archive, SCHEMA)
        archive.fetch()
        before = archive.files()
        api.records[:] = [good("a"), good("b", v="broken"), good("c")]
        archive.later(hours=12)
        ran = archive.fetch()

        (version,) = waiting(archive)
        assert "1 of 2 new or changed records do not meet schema/item.json: v: 'broken' is not of type 'number'" in (
            version.why
        )
        assert set(archive.files()) == {*before, version.path}
        assert Exit.SOME_DAYS in ran.codes


def test_the_first_version_of_a_day_waits_too(tmp_path):
    with an_archive(tmp_path, Api([good("a", v=None)]), STREAMS) as archive:
        place(archive, SCHEMA)
        archive.fetch()

        assert archive.day(DAY) is None
        assert waiting(archive)[0].why.startswith("its record does not meet schema/item.json: v: None is not of type")


def test_what_stood_there_before_the_schema_holds_nothing_back(tmp_path):
    api = Api([good("a", v="old")])
    with an_archive(tmp_path, api, STREAMS) as archive:
        place(archive, {})
        archive.fetch()
        place(archive, SCHEMA)
        api.records[:] = [good("a", v="old"), good("b")]
        archive.later(hours=12)
        archive.fetch()

        assert archive.ids("12") == ["a", "b"]
        assert waiting(archive) == ()


@pytest.mark.parametrize(
    ("schema", "words"),
    [(None, "no such file"), ("{", "not JSON"), ('{"type": 7}', "no JSON Schema: type"), ("[]", "is an object")],
)
def test_a_schema_that_cannot_be_used_stops_its_stream_before_anything_is_asked(tmp_path, schema, words):
    with an_archive(tmp_path, Api([good("a")]), STREAMS) as archive:
        if schema is not None:
            place(archive, schema)
        ran = archive.fetch()

        assert any(words in notice.text for notice in ran.notices)
        assert Exit.CONFIG in ran.codes
        assert archive.server.seen == []
        assert any(words in note.text for note in setup.check(archive.path, (), archive.world).notes)


def test_a_schema_asks_nobody_for_what_it_refers_to():
    schema = RecordSchema(b'{"$ref": "http://127.0.0.1:9/never.json"}', file="s.json")

    with pytest.raises(ConfigError, match="leads nowhere"):
        schema.broken(None, b'[\n{"id":1}\n]\n')


def test_a_schema_may_refer_to_itself():
    text = {"$defs": {"n": {"type": "number"}}, "properties": {"v": {"$ref": "#/$defs/n"}}}
    schema = RecordSchema(json.dumps(text).encode(), file="s.json")

    assert schema.broken(None, b'[\n{"v":1}\n]\n') is None
    assert "is not of type" in (schema.broken(b"[]\n", b'[\n{"v":"x"}\n]\n') or "")


def test_a_missing_extra_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "jsonschema", None)

    with pytest.raises(ConfigError, match=r"snapshotter\[schema\]"):
        RecordSchema(b"{}", file="s.json")
