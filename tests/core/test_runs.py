"""A run record is a file that says everything, for people too, and is read back to the last member."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from hypothesis import given, settings

from snapshotter.canonical import decode as read_json
from snapshotter.core.runs import decode, encode, file_name, in_order, must_go, path_of, run_id
from snapshotter.errors import ConfigError, Damaged
from snapshotter.model import JobStory, Validators, Window
from tests.histories import a_day, a_miss, a_page, a_record, a_story, at, day_span, histories

RECORD = a_record(
    a_story(
        day_span("02-05"),
        pages=(a_page(),),
        received=3,
        stored=3,
        left_out={"keep_if": 2},
        days={date(2018, 2, 5): a_day(3, added=3)},
        validators=Validators("ab", etag='"x"'),
        envelope={"metadata.count": "3"},
    ),
    settings={"sources/usgs-earthquakes.toml": "ab" * 20},
)
PATH = "usgs-earthquakes/events/_runs/2018/02/07/20180207T060000Z-3f9a2c-000.json"

GOLDEN = """\
{
  "at": "2018-02-07T06:01:00Z",
  "closes": true,
  "command": "fetch",
  "format": 1,
  "run": "20180207T060000Z-3f9a2c",
  "sequence": 0,
  "settings": {
    "sources/usgs-earthquakes.toml": "abababababababababababababababababababab"
  },
  "snap": "0.1.0",
  "source": "usgs-earthquakes",
  "started": "2018-02-07T06:00:00Z",
  "stories": [
    {
      "at": "2018-02-07T06:00:00Z",
      "days": {
        "2018-02-05": {
          "added": 3,
          "change": "new",
          "records": 3,
          "sha256": "0000000000000000000000000000000000000000000000000000000000000003"
        }
      },
      "envelope": {
        "metadata.count": "3"
      },
      "job": "usgs-earthquakes/events",
      "left_out": {
        "keep_if": 2
      },
      "pages": [
        {
          "number": 0,
          "received": "2018-02-05T03:15:00Z",
          "records": 3,
          "request": "GET https://example.test/",
          "sha256": "abababababababababababababababababababababababababababababababab",
          "size": 120,
          "status": 200
        }
      ],
      "proved": {
        "end": "2018-02-06T00:00:00Z",
        "start": "2018-02-05T00:00:00Z"
      },
      "reason": "recent",
      "received": 3,
      "requests": 1,
      "stop": "no_next",
      "stored": 3,
      "validators": {
        "etag": "\\"x\\"",
        "identity": "ab"
      },
      "why": "the newest days",
      "window": {
        "end": "2018-02-06T00:00:00Z",
        "start": "2018-02-05T00:00:00Z"
      },
      "zone": "UTC"
    }
  ],
  "stream": "events"
}
"""


def test_the_file_is_this():
    story = replace(RECORD.stories[0], job="usgs-earthquakes/events")

    assert encode(replace(RECORD, stories=(story,))).decode() == GOLDEN


@settings(max_examples=80)
@given(histories(most=2))
def test_what_was_written_is_read_back(records):
    for record in records:
        assert decode(encode(record), path_of(record)) == record
        assert encode(decode(encode(record), "pending/x.json")) == encode(record)


def test_the_name_of_a_run_sorts_by_time_and_is_safe_in_a_path():
    assert run_id(datetime(2018, 2, 5, 3, 15, 0, 999, tzinfo=UTC), 0xFFF3F9A2C) == "20180205T031500Z-3f9a2c"
    assert run_id(at("02-05 03:15"), 7) == "20180205T031500Z-000007"


def test_its_path_follows_from_its_names_alone():
    assert path_of(replace(RECORD, sequence=12, at=at("03-01 00:00"))) == PATH.replace("-000.", "-012.")
    assert file_name(RECORD) == "20180207T060000Z-3f9a2c-000.json"


@pytest.mark.parametrize("name", ["", "../../x", "20180207T060000Z-3f9a2c/../x", "20180207T060000Z-3F9A2C\n"])
def test_no_path_is_made_of_a_name_that_is_none(name):
    with pytest.raises(ValueError, match="no run id"):
        path_of(replace(RECORD, run=name))


def test_records_in_order_follow_their_turns_not_their_clocks():
    late = replace(RECORD, at=at("12-24 00:00"), turn=1)
    early = replace(RECORD, at=at("02-07 00:00"), turn=2)

    assert in_order([early, late]) == [late, early]


@pytest.mark.parametrize(
    ("now", "expected"),
    [("02-07 07:00", False), ("02-08 06:00", False), ("02-08 06:01", True), ("02-05 00:00", True)],
)
def test_a_record_waits_a_day_at_most_whatever_the_clock_does(now, expected):
    assert must_go([RECORD], at(now)) is expected


def test_without_records_nothing_must_go():
    assert not must_go([], at("02-08 06:01"))


def test_the_folder_says_which_stream_a_record_is_of():
    moved = decode(encode(RECORD), PATH.replace("usgs-earthquakes/events", "usgs/quakes"))

    assert (moved.source, moved.stream, moved.run) == ("usgs", "quakes", RECORD.run)


# --- what is not as it was written ---


def changed(old, new):
    data = encode(RECORD)
    assert old in data
    return data.replace(old, new, 1)


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b"", "empty"),
        (b"{", "syntax"),
        (b"[]", "no format number"),
        (b"{}", "no format number"),
        (b'{"format": 1}', "is missing"),
        (changed(b'"format": 1', b'"format": true'), "no format number"),
        (changed(b'"format": 1', b'"format": 0'), "no format number"),
        (changed(b'"closes": true', b'"closes": 1'), "closes: expected true or false, found 1"),
        (changed(b'"closes": true', b'"closes": true, "more": 1'), "more: an unknown member"),
        (changed(b'"closes": true', b'"closes": true, "closes": false'), "duplicate_key"),
        (changed(b'"received": 3', b'"received": 1e3'), "stories[0].received: expected a whole number"),
        (changed(b'"sequence": 0', b'"sequence": 99999999999999999999'), "sequence: expected a whole number"),
        (changed(b'"sequence": 0', b'"sequence": -1'), "sequence, turn: a count below zero"),
        (changed(b'"records": 3', b'"records": -3'), "stories[0].days.2018-02-05.records: a count below zero"),
        (changed(b'"reason": "recent"', b'"reason": "x"'), "stories[0].reason: expected one of recent, backfill"),
        (changed(b'"2018-02-05"', b'"2018-02-30"'), "stories[0].days.2018-02-30: expected a day"),
        (changed(b"20180207T060000Z-3f9a2c", b"../../../etc/passwd"), "is no run id"),
        (changed(b'"source": "usgs-earthquakes"', b'"source": "../x"'), "source: '../x' is no name"),
        (changed(b"2018-02-06T00:00:00Z", b"2017-02-06T00:00:00Z"), "stories[0].proved: it ends before it starts"),
        (changed(b'"snap": "0.1.0"', b'"snap": null'), "snap: expected a text, found None"),
        (b"[" * 2000 + b"]" * 2000, "depth"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_named_with_the_place(data, found):
    with pytest.raises(Damaged) as caught:
        decode(data, PATH)

    assert str(caught.value).startswith(f"{PATH}: not a run record as it was written: ")
    assert found in str(caught.value)


def test_a_page_with_a_count_below_zero_is_damage_too():
    record = replace(RECORD, stories=(a_story(None, pages=(a_page(records=-1),)),))

    with pytest.raises(Damaged, match="pages: a count below zero"):
        decode(encode(record), PATH)


def test_a_record_that_lies_under_another_name_is_damage():
    with pytest.raises(Damaged, match="it is the record 20180207T060000Z-3f9a2c-000"):
        decode(encode(RECORD), PATH.replace("-000", "-001"))


def test_a_newer_format_is_refused_with_the_next_step():
    with pytest.raises(ConfigError, match=r"run record format 2; this snap reads up to 1: upgrade snap"):
        decode(changed(b'"format": 1', b'"format": 2, "news": []'), PATH)


def test_members_that_came_later_may_be_missing():
    data = encode(RECORD)
    assert b'"turn"' not in data
    assert read_json(data).value.keys().isdisjoint({"turn", "notes"})

    assert decode(data, PATH).turn == 0


def test_a_story_needs_no_window():
    story = JobStory(
        job="a/b", reason=RECORD.stories[0].reason, why="", window=None, proved=None, zone="UTC", stop="no_next",
        at=at("02-07 06:00"), requests=1, miss=a_miss(),
    )  # fmt: skip

    assert decode(encode(replace(RECORD, stories=(story,))), PATH).stories == (story,)


def test_instants_keep_their_microseconds():
    window = Window(datetime(2018, 2, 5, 0, 0, 0, 1, tzinfo=UTC), datetime.max.replace(tzinfo=UTC))
    record = replace(RECORD, stories=(a_story(window),))

    assert decode(encode(record), PATH).stories[0].window == window
