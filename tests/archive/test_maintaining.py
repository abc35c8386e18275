"""Tidying up drops nothing, has an effect, and says how the archive grows."""

import gzip
import random
from datetime import UTC, datetime, timedelta

from snapshotter.archive import maintaining as archive_maintaining
from snapshotter.archive.opening import for_writing
from snapshotter.core.maintaining import LOOSE, Heap, Sample, growth, is_due, sampled, warnings
from snapshotter.model import Batch, FileChange
from tests.archive.worlds import Api, an_archive, item

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
GB = 1 << 30
MB = 1 << 20


def test_it_is_due_when_much_has_gathered_and_not_too_often():
    assert not is_due(Heap(10, 10, 1 * MB), last=None, every=WEEK, now=NOW)
    assert is_due(Heap(10, 30, 1 * MB), last=None, every=WEEK, now=NOW)
    assert is_due(Heap(1000, 1, 1 * MB), last=NOW - WEEK, every=WEEK, now=NOW)
    assert not is_due(Heap(1000, 1, 1 * MB), last=NOW - timedelta(days=1), every=WEEK, now=NOW)


def test_it_is_due_when_a_third_is_not_yet_stored_as_differences():
    assert is_due(Heap(0, 2, 5 * MB), last=None, every=WEEK, now=NOW)
    assert not is_due(Heap(0, 2, 140 * MB, told=100 * MB), last=None, every=WEEK, now=NOW)
    assert is_due(Heap(0, 2, 151 * MB, told=100 * MB), last=None, every=WEEK, now=NOW)


def test_growth_is_told_a_month_and_only_after_a_week():
    samples = (Sample(NOW, 100), Sample(NOW + timedelta(days=15), 1100))

    assert growth(samples) == 2000
    assert growth(samples[:1]) is None


def test_one_size_a_day_is_remembered():
    first = sampled((), Sample(NOW, 1))

    assert sampled(first, Sample(NOW + timedelta(hours=5), 2)) == first
    assert len(sampled(first, Sample(NOW + timedelta(days=1), 2))) == 2


def test_a_host_that_will_be_full_within_a_year_is_warned_of():
    assert list(warnings(1 * GB, 10 << 20)) == []
    assert "in about 4 months" in next(warnings(1 * GB, 1 * GB))
    assert "5.0 GB" in next(warnings(11 * GB, None))


def test_tidying_up_joins_packs_and_loses_nothing(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")])) as archive:
        archive.fetch()
        objects = archive.git("cat-file", "--batch-all-objects", "--batch-check")

        looked = archive_maintaining.maintain(archive.path, archive.world, dry_run=True)
        done = archive_maintaining.maintain(archive.path, archive.world)
        kept = archive.git("cat-file", "--batch-all-objects", "--batch-check")

        assert not looked.done
        assert done.packs_after == 1 < done.packs_before
        assert kept == objects
        assert archive.is_clean()


def test_versions_that_lie_in_one_pack_become_differences(tmp_path):
    chance = random.Random(1)
    lines = [chance.randbytes(500).hex() for _ in range(60)]
    with an_archive(tmp_path, Api([])) as archive:
        with for_writing(archive.path, archive.world, command="test") as opened:
            for number in range(20):  # so many small packs are joined into one, as they are
                data = "\n".join([*lines, str(number)]).encode()
                change = FileChange("docs/long.txt", data)
                opened.store.commit(Batch((change,), f"Version {number}\n", NOW), opened.store.head())
            opened.store.finish()
        before = archive_maintaining.maintain(archive.path, archive.world, dry_run=True)

        done = archive_maintaining.maintain(archive.path, archive.world)

        assert before.bytes > 15 * len(gzip.compress(data))
        assert done.bytes < 3 * len(gzip.compress(data))


def test_a_run_tidies_up_by_itself_when_that_is_due(tmp_path):
    with an_archive(tmp_path, Api([item("12T08:00", "a")])) as archive:
        (archive.path / "docs").mkdir()
        for number in range(LOOSE):
            (archive.path / f"docs/{number}.md").write_text(str(number))
        archive.git("-c", "core.fsync=none", "add", "docs")
        archive.git("-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "-qm", "Many files")

        ran = archive.fetch()

        assert not [notice for notice in ran.notices if notice.about == "maintenance"]
        assert len(list((archive.path / ".git/objects/pack").glob("*.pack"))) == 1
        assert archive.is_clean()
