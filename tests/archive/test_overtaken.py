"""A record that comes twice in one walk: the later one is stored, and a different earlier one is not lost."""

import json

from tests.archive.worlds import Api, an_archive, item, series


def test_the_later_of_two_versions_is_stored_and_the_other_stands_in_the_run_record(tmp_path):
    twice = [item("12T08:00", "a", mag=1), item("12T09:00", "b"), item("12T10:00", "c"), item("12T08:00", "a", mag=2)]
    with an_archive(tmp_path, Api(twice), series()) as archive:
        archive.fetch()

        assert [record.get("mag") for record in archive.day("12")] == [2, None, None]
        assert [json.loads(text)["mag"] for text in archive.last().overtaken] == [1]
        assert archive.last().duplicates == 1


def test_a_record_that_comes_twice_alike_is_only_counted(tmp_path):
    twice = [item("12T08:00", "a"), item("12T09:00", "b"), item("12T10:00", "c"), item("12T08:00", "a")]
    with an_archive(tmp_path, Api(twice), series()) as archive:
        archive.fetch()

        assert archive.last().overtaken == ()
        assert archive.last().duplicates == 1
