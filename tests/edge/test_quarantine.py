"""What could not be used is kept as it came, listed, and never dropped by itself."""

import errno
import stat

import pytest

from snapshotter.edge.quarantine import Quarantine
from snapshotter.errors import Damaged, DiskRefused, UsageError
from tests.edge.clocks import NOON, HandClock
from tests.edge.spooling import Failing, Watched

HTML = b"<html>Please log in</html>\xff"


def a_quarantine(folder, **more) -> Quarantine:
    return Quarantine(folder / "quarantine", HandClock(), **more)


def put(quarantine: Quarantine, body: bytes = HTML, *, job: str = "a/b", reason: str = "syntax", facts=None):
    return quarantine.put(body, source="a", stream="b", job=job, reason=reason, message="line 1", facts=facts)


def test_bytes_are_kept_with_what_is_known_of_them(tmp_path):
    entry = put(a_quarantine(tmp_path), facts={"status": "200", "url": "https://api/x"})

    seen = a_quarantine(tmp_path)

    assert seen.entries() == (entry,)
    assert seen.entry(entry.name) == entry
    assert seen.get(entry.name) == HTML
    assert (entry.size, entry.at, entry.reason, entry.facts["status"]) == (len(HTML), NOON, "syntax", "200")


def test_an_empty_quarantine_is_not_even_made(tmp_path):
    quarantine = a_quarantine(tmp_path)

    assert (quarantine.entries(), quarantine.size(), quarantine.warning()) == ((), 0, None)
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_may_read_it(tmp_path):
    put(a_quarantine(tmp_path))

    modes = {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "quarantine").iterdir()}

    assert modes == {0o600}
    assert stat.S_IMODE((tmp_path / "quarantine").stat().st_mode) == 0o700


def test_the_same_bytes_are_stored_once_and_each_job_is_told(tmp_path):
    quarantine = a_quarantine(tmp_path)

    one, two = put(quarantine, job="a/b"), put(quarantine, job="a/c")

    assert {entry.job for entry in quarantine.entries()} == {"a/b", "a/c"}
    assert len(list(tmp_path.rglob("*.body"))) == 1
    quarantine.drop(one.name)
    assert quarantine.get(two.name) == HTML


def test_the_same_bytes_of_the_same_job_are_told_once_with_the_latest_reason(tmp_path):
    quarantine = a_quarantine(tmp_path)

    put(quarantine, reason="syntax")
    put(quarantine, reason="selection")

    assert [entry.reason for entry in quarantine.entries()] == ["selection"]


def test_entries_come_oldest_first(tmp_path):
    clock = HandClock()
    quarantine = Quarantine(tmp_path, clock)
    for body in (b"1", b"2", b"3"):
        put(quarantine, body)
        clock.sleep(60)

    assert [quarantine.get(entry.name) for entry in quarantine.entries()] == [b"1", b"2", b"3"]


def test_what_is_dropped_is_gone(tmp_path):
    quarantine = a_quarantine(tmp_path)
    entry = put(quarantine)

    quarantine.drop(entry.name)

    assert quarantine.entries() == ()
    assert list((tmp_path / "quarantine").iterdir()) == []


@pytest.mark.parametrize("name", ["", "nothing", "../lock", "0123456789abcdef01234567"])
def test_a_name_is_exact(tmp_path, name):
    quarantine = a_quarantine(tmp_path)
    entry = put(quarantine)

    for wrong in (name, entry.name[:-1]):
        with pytest.raises(UsageError, match="snap quarantine"):
            quarantine.get(wrong)
        with pytest.raises(UsageError, match="snap quarantine"):
            quarantine.drop(wrong)


def test_it_warns_long_before_it_is_full(tmp_path):
    quarantine = a_quarantine(tmp_path, limit=4_000)

    put(quarantine, b"a" * 1_000)
    assert quarantine.warning() is None
    put(quarantine, b"b" * 1_000)
    assert "snap quarantine retry" in quarantine.warning()


def test_what_is_too_much_is_refused_and_nothing_is_dropped_for_it(tmp_path):
    quarantine = a_quarantine(tmp_path, limit=4_000)
    kept = put(quarantine, b"a" * 2_000)

    with pytest.raises(DiskRefused, match=r"quarantine is full.*a/b.*snap quarantine"):
        put(quarantine, b"b" * 2_000)

    assert quarantine.entries() == (kept,)
    quarantine.drop(kept.name)
    put(quarantine, b"b" * 2_000)


def test_a_body_that_lost_its_label_is_still_listed_and_can_be_dropped(tmp_path):
    quarantine = a_quarantine(tmp_path)
    put(quarantine)
    next(tmp_path.rglob("*.json")).unlink()

    [entry] = quarantine.entries()

    assert (entry.reason, entry.size, quarantine.get(entry.name)) == ("unlabelled", len(HTML), HTML)
    quarantine.drop(entry.name)
    assert quarantine.entries() == ()


@pytest.mark.parametrize(
    "label", [b"", b"{", b"[]", b"{}", b'{"sha256": "../../x", "at": "2026-01-01T00:00:00+00:00"}']
)
def test_a_spoiled_label_does_not_hide_its_body(tmp_path, label):
    quarantine = a_quarantine(tmp_path)
    put(quarantine)
    next(tmp_path.rglob("*.json")).write_bytes(label)

    assert [entry.reason for entry in quarantine.entries()] == ["unlabelled"]


def test_a_label_that_names_another_file_is_not_believed(tmp_path):
    quarantine = a_quarantine(tmp_path)
    put(quarantine)
    label = next(tmp_path.rglob("*.json"))
    label.write_text(label.read_text().replace('"sha256": "', '"sha256": "../'))

    assert [entry.reason for entry in quarantine.entries()] == ["unlabelled"]


@pytest.mark.parametrize("content", [b"other", None])
def test_bytes_that_changed_on_the_disk_are_damage(tmp_path, content):
    quarantine = a_quarantine(tmp_path)
    entry = put(quarantine)
    body = next(tmp_path.rglob("*.body"))
    body.unlink() if content is None else body.write_bytes(content)

    with pytest.raises(Damaged, match=f"snap quarantine drop {entry.name}"):
        quarantine.get(entry.name)


def test_bytes_that_changed_on_the_disk_are_mended_when_they_come_again(tmp_path):
    quarantine = a_quarantine(tmp_path)
    put(quarantine)
    next(tmp_path.rglob("*.body")).write_bytes(b"other")

    entry = put(quarantine)

    assert quarantine.get(entry.name) == HTML


def test_the_bytes_are_on_the_disk_before_their_label(tmp_path):
    disk = Watched()

    entry = put(a_quarantine(tmp_path, disk=disk))

    renamed = [step.split(" ", 1)[1] for step in disk.steps if step.startswith("rename ")]
    assert renamed == [f"{entry.sha256}.body", f"{entry.name}.json"]
    assert disk.steps[-1].startswith("sync folder")


@pytest.mark.parametrize("step", ["create", "write", "sync", "rename", "sync folder"])
@pytest.mark.parametrize("after", [0, 1])
def test_a_disk_that_refuses_is_told_and_the_bytes_can_be_put_again(tmp_path, step, after):
    with pytest.raises(DiskRefused, match="disk is full"):
        put(a_quarantine(tmp_path, disk=Failing(step, errno.ENOSPC, after=after)))

    entry = put(a_quarantine(tmp_path))

    assert a_quarantine(tmp_path).entries() == (entry,)


def test_what_a_kill_left_half_written_is_swept_away(tmp_path):
    quarantine = a_quarantine(tmp_path)
    put(quarantine)
    (tmp_path / "quarantine" / ".snap-tmp-1-1").write_bytes(b"half")

    put(quarantine, b"more")

    assert len(list((tmp_path / "quarantine").iterdir())) == 4
