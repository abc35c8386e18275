"""Tidying up drops nothing, has an effect, and says how the archive grows."""

from datetime import UTC, datetime, timedelta

from snapshotter.archive import maintaining as archive_maintaining
from snapshotter.core.maintaining import LOOSE, Sample, growth, is_due, sampled, warnings
from tests.archive.worlds import Api, an_archive, item

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WEEK = timedelta(days=7)
GB = 1 << 30


def test_it_is_due_when_much_has_gathered_and_not_too_often():
    assert not is_due(loose=10, packs=10, last=None, every=WEEK, now=NOW)
    assert is_due(loose=10, packs=30, last=None, every=WEEK, now=NOW)
    assert is_due(loose=1000, packs=1, last=NOW - WEEK, every=WEEK, now=NOW)
    assert not is_due(loose=1000, packs=1, last=NOW - timedelta(days=1), every=WEEK, now=NOW)


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
