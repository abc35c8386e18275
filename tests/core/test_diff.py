"""A change is told in exact counts and a few lines, cheaply."""

import json
import subprocess
import sys
import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snapshotter.canonical import Number, encode
from snapshotter.core.diff import LINES, WHOLE, WIDTH, as_deepdiff, bounded, compare, summarise
from snapshotter.model import Change, Edit, FieldEdit, Record


def a_record(value, *, key: bytes | None = None) -> Record:
    """A record told by its `id`, or by `key`."""
    own = encode(value["id"]) if isinstance(value, dict) and "id" in value else None
    return Record(encode(value), key or own, None, None)


def changed(old, new, *, ignore=(), clock=lambda: 0.0) -> Change:
    return summarise([a_record(value) for value in old], [a_record(value) for value in new], ignore=ignore, clock=clock)


def lines(old, new, **given) -> tuple[str, ...]:
    return changed([old], [new], **given).lines


QUAKE = {"id": "ci37868143", "properties": {"mag": 2, "sig": 62, "tags": ["a", "b"], "odd name": None}}


def a_quake(**properties) -> dict:
    return {**QUAKE, "properties": QUAKE["properties"] | properties}


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (a_quake(), a_quake(mag=2.1), "changed ci37868143: properties.mag 2 → 2.1"),
        (a_quake(mag=Number("1.10")), a_quake(mag=1.1), "changed ci37868143: properties.mag 1.10 → 1.1"),
        (a_quake(mag=1), a_quake(mag=1.0), "changed ci37868143: properties.mag 1 → 1.0"),
        (a_quake(mag=1), a_quake(mag="1"), 'changed ci37868143: properties.mag 1 → "1"'),
        (a_quake(mag=1), a_quake(mag=True), "changed ci37868143: properties.mag 1 → true"),
        (a_quake(), a_quake(mag=3, sig=70), "changed ci37868143: properties.mag 2 → 3, properties.sig 62 → 70"),
        (a_quake(), a_quake(new={"a": [1]}), 'changed ci37868143: properties.new (none) → {"a":[1]}'),
        (a_quake(tags=["a", "b"]), a_quake(tags=["b"]), 'changed ci37868143: properties.tags[0] "a" → (none)'),
        (a_quake(tags=["b"]), a_quake(tags=["a", "b"]), 'changed ci37868143: properties.tags[0] (none) → "a"'),
        (a_quake(), a_quake(**{"odd name": "x"}), 'changed ci37868143: properties."odd name" null → "x"'),
        (a_quake(), a_quake(mag="a\nb\x9b"), 'changed ci37868143: properties.mag 2 → "a\\nb\\u009b"'),
        ({"id": 7, "a": 1}, {"id": 7, "b": 1}, "changed 7: a 1 → (none), b (none) → 1"),
        ({"id": ["t", 1], "a": 1}, {"id": ["t", 1], "a": [1]}, 'changed ["t",1]: a 1 → [1]'),
    ],
)
def test_a_changed_record_says_what_changed(old, new, line):
    assert lines(old, new) == (line,)


def test_what_is_ignored_is_not_told():
    assert lines(a_quake(), a_quake(mag=3, sig=70), ignore=("properties.sig",)) == (
        "changed ci37868143: properties.mag 2 → 3",
    )
    assert lines(a_quake(), a_quake(sig=70), ignore=("properties.sig",)) == ("changed ci37868143: only ignored fields",)


def test_records_come_and_go_by_their_id():
    change = changed([{"id": 1}, {"id": "b\n"}], [{"id": 1}, {"id": 3}])

    assert (change.added, change.removed, change.lines) == (1, 1, ("removed b\\u000a", "added 3"))


def test_records_without_an_id_are_matched_by_content_each_copy_for_itself():
    change = changed([[1], [1], [2]], [[1], [3], [3]])

    assert (change.added, change.removed, change.changed) == (2, 2, 0)
    assert sorted(change.lines) == ["added [3]", "added [3]", "removed [1]", "removed [2]"]


def test_the_one_object_of_a_document_needs_no_name():
    old, new = a_record({"a": 1}, key=WHOLE), a_record({"a": 2}, key=WHOLE)

    assert summarise([old], [new], ignore=(), clock=lambda: 0.0).lines == ("changed: a 1 → 2",)


def test_an_id_that_stands_twice_in_an_edited_document_is_counted():
    change = changed([{"id": 1, "a": 1}, {"id": 1, "a": 2}], [{"id": 1, "a": 3}])

    assert (change.added, change.removed, change.changed) == (0, 1, 1)


def test_lines_are_few_and_the_largest_first():
    old = [{"id": number, "text": ""} for number in range(100)]
    new = [{"id": number, "text": "x" * number} for number in range(100)]

    change = changed(old, new)

    assert change.changed == 99
    assert [line.split(":")[0] for line in change.lines] == [f"changed {99 - number}" for number in range(LINES)]
    assert all(len(line) <= WIDTH for line in change.lines)


def test_of_very_many_changes_those_that_grew_most_are_named():
    old = [{"id": number, "text": ""} for number in range(1_500)]
    new = [{"id": number, "text": "x" * (number % 1_400 + 1)} for number in range(1_500)]

    change = changed(old, new)

    assert change.changed == 1_500
    assert change.lines[0].startswith("changed 1399: ")


def test_a_very_large_pair_is_compared_by_its_members_only():
    old, new = ({"id": 1, "a": [seed] * 100_000, "b": 1} for seed in (1, 2))

    assert lines(old, new) == ("changed 1: a differs",)


def test_a_very_large_list_is_not_looked_into():
    old, new = (a_record([seed] * 200_000, key=b"1") for seed in (1, 2))

    assert summarise([old], [new], ignore=(), clock=lambda: 0.0).lines == ("changed 1: differs in many places",)


def test_time_runs_out_and_the_change_says_so():
    ticks = iter(range(100))
    old, new = ([{"id": number, "v": value} for number in range(5)] for value in (1, 2))

    change = changed(old, new, clock=lambda: float(next(ticks)))

    assert change.cut_short
    assert change.changed == 5
    assert [line for line in change.lines if ":" in line] == ["changed 0: v 1 → 2"]


def test_one_insertion_among_5000_is_one_addition_in_milliseconds():
    old = [a_record({"id": number, "v": number % 7}) for number in range(5_000)]
    new = [*old[:2_500], a_record({"id": -1}), *old[2_500:]]

    began = time.perf_counter()
    change = summarise(old, new, ignore=(), clock=time.perf_counter)

    assert change == Change(added=1, lines=("added -1",), edits=(Edit("added", "-1"),))
    assert time.perf_counter() - began < 0.5


def test_deepdiff_is_loaded_only_for_records_that_changed():
    program = """
import sys
from snapshotter.core.diff import summarise
from snapshotter.model import Record
one, two = Record(b'1', None, None, None), Record(b'2', b'2', None, None)
summarise([one], [one, two], ignore=(), clock=lambda: 0.0)
sys.exit("deepdiff" in sys.modules)
"""

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_programs_get_each_field_with_its_old_and_new_json_text():
    change = changed([a_quake()], [a_quake(mag=Number("2.10"), new={"a": [1]})])

    assert change.edits == (
        Edit(
            "changed",
            '"ci37868143"',
            fields=(FieldEdit("properties.mag", "2", "2.10"), FieldEdit("properties.new", None, '{"a":[1]}')),
        ),
    )


def test_of_a_record_with_very_many_edits_the_first_are_told_and_the_rest_counted():
    old, new = ({"id": 1} | {f"m{place:02}": side for place in range(40)} for side in "ab")

    (edit,) = changed([old], [new]).edits

    assert (len(edit.fields), edit.more) == (24, 16)


def test_a_run_record_has_room_for_the_largest_edits_only():
    old, new = ([{"id": place, "text": side * 400} for place in range(LINES)] for side in "ab")
    edits = changed(old, new).edits

    kept = bounded(edits)

    assert kept == edits[: len(kept)]
    assert 5 < len(kept) < LINES
    assert bounded(edits[:1]) == edits[:1]


def an_hour(hour: int, **members) -> dict:
    return {"time": f"2024-05-01T{hour:02}:00", "kind": "hour", "unit": "C"} | members


def test_a_record_without_an_id_that_is_much_like_one_that_went_has_changed():
    old = [an_hour(hour, temp=hour) for hour in range(24)]
    new = [an_hour(hour, temp=99 if hour == 7 else hour) for hour in range(24)][1:]

    change = changed(old, new)

    assert (change.added, change.removed, change.changed) == (0, 1, 1)
    assert any(line.endswith(": temp 7 → 99") for line in change.lines)


def test_records_without_an_id_that_share_little_came_and_went():
    change = changed([{"a": 1, "b": 2, "c": 3}], [{"a": 1, "b": 9, "c": 9}])

    assert (change.added, change.removed, change.changed) == (1, 1, 0)


def test_looking_for_alike_records_ends_in_time_and_says_so():
    ticks = iter(range(10_000))
    old, new = ([{"k": place, "l": place, "v": side} for place in range(200)] for side in (1, 2))

    change = changed(old, new, clock=lambda: float(next(ticks)))

    assert change.cut_short
    assert len(new) == len(old) + change.added - change.removed


def test_thousands_of_records_without_ids_that_all_changed_take_bounded_time():
    old, new = (
        [
            a_record({"a": place, "b": f"n{place % 977}", "c": [place % 31] * 9, "v": [side, place]})
            for place in range(5_000)
        ]
        for side in (1, 2)
    )

    began = time.perf_counter()
    change = summarise(old, new, ignore=(), clock=time.perf_counter)

    assert time.perf_counter() - began < 10.0
    assert change.cut_short or change.changed == 5_000


def test_deepdiff_itself_gets_only_what_differs():
    old, new = ([a_record(a_quake(mag=mag)), a_record({"id": "same"})] for mag in (2, 3))

    told = json.loads(as_deepdiff(compare(old, new, clock=lambda: 0.0, deadline=1.0)))

    assert told == {
        "values_changed": {"root['ci37868143']['properties']['mag']": {"new_value": 3, "old_value": 2}},
    }


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(0, 3)
    | st.sampled_from([0.0, 1.0, 1.5, Number("1.10")])
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=4),
    max_leaves=10,
)
DOCUMENTS = st.dictionaries(st.text(max_size=2), VALUES, max_size=5).map(
    lambda by_id: [{"id": key, "v": value} for key, value in by_id.items()]
)


@given(DOCUMENTS, DOCUMENTS)
def test_counts_say_what_ids_came_went_and_changed(old, new):
    before, after = ({value["id"]: encode(value) for value in side} for side in (old, new))

    change = changed(old, new)

    assert change.added == len(after.keys() - before.keys())
    assert change.removed == len(before.keys() - after.keys())
    assert change.changed == sum(before[key] != after[key] for key in before.keys() & after.keys())
    assert len(change.lines) == min(LINES, change.added + change.removed + change.changed)
    assert not any("only ignored" in line for line in change.lines)


@given(DOCUMENTS, DOCUMENTS)
def test_no_line_moves_a_cursor(old, new):
    for line in changed(old, new).lines:
        assert not [char for char in line if unicodedata.category(char) in ("Cc", "Cf", "Zl", "Zp", "Cs")]


@given(st.lists(VALUES, max_size=6), st.lists(VALUES, max_size=6))
def test_records_without_an_id_balance(old, new):
    change = changed([[value] for value in old], [[value] for value in new])

    assert len(old) + change.added - change.removed == len(new)
    assert changed([[value] for value in new], [[value] for value in old]).added == change.removed
