"""The report as a page: pure values in, HTML out; nothing from outside is ever more than text."""

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.core import overview, report_digest, report_whole
from snapshotter.core.page import page, percent
from snapshotter.core.page.markup import el
from snapshotter.core.page.style import SHEET, source
from snapshotter.model import DayFact, DayState, Edit, FieldEdit
from snapshotter.results import BudgetLeft, HeldVersion, LaneLeft, LimitsLeft, Notice, StreamStatus
from snapshotter.results.calendar import CalendarDay
from snapshotter.results.days import Gap, Lack
from snapshotter.results.past import RunLine
from snapshotter.results.reporting import Cover, Expiry, Found, Growth, Report, Year
from snapshotter.results.staleness import Staleness

NOW = datetime(2026, 4, 7, 5, 0, tzinfo=UTC)
LAST = date(2026, 4, 7)
HOSTILE = "</title><script>document.title='owned'</script><img src=x onerror=document.title='owned'>\"'><b>"


def a_report(text: str = "words", **given) -> Report:
    """A report with something in every section; `text` is what an API said."""
    days = tuple(CalendarDay(LAST - timedelta(days=n), DayState.SAVED, n + 1) for n in range(20, 0, -1))
    days = (*days[:3], replace(days[3], state=DayState.FAILED), *days[4:], CalendarDay(LAST, DayState.OPEN))
    counts = {DayState.SAVED: 1_019, DayState.FAILED: 1, DayState.OPEN: 1}
    status = StreamStatus("a/b", "series", date(2023, 1, 1), LAST, counts, NOW, 4_321, f"complete; {text}")
    lack = Lack(
        "failed", "auth", f"refused: {text}", "renew it, then", ("snap fetch a/b",), first_seen=NOW, last_try=NOW
    )
    edit = Edit("changed", json.dumps(text), fields=(FieldEdit(text, json.dumps(text), '"new"'),))
    told = {
        "archive": "life",
        "path": "/home/anna/life",
        "snap": "0.1.0",
        "at": NOW,
        "head": "0123456789abcdef",
        "since": date(2025, 4, 8),
        "first": days[0].day,
        "last": LAST,
        "streams": (Cover(status, days, (Year(2025, {DayState.SAVED: 365}, 999),)),),
        "notices": (Notice("warning", "a", text),),
        "troubles": overview.troubles([Gap("a/b", LAST, LAST, 1, lack)]),
        "held": (HeldVersion("a/b", "2026-04-01", "p", 2, 9, NOW, text),),
        "quarantine": (),
        "changes": (Found("a/b", "2026-03-29", NOW, 2, 0, 0, 1, (edit,)),),
        "more_changes": False,
        "runs": (RunLine("r", NOW, NOW, "fetch", ("a/b",), 7, 1, 0, 1),),
        "limits": LimitsLeft((LaneLeft("api.test", ("a",), (BudgetLeft("day", 10, 100, 0, 90, NOW),), 1.0),)),
        "growth": Growth(5_000_000, 200_000, {"2026-03": 120, "2026-04": 7}, 31),
        "staleness": (Staleness("a/b", 40, 1, 0.025, 0.004, 0.129),),
        "expiries": (Expiry("a", NOW + timedelta(days=20), "snap auth a"),),
        "counts": counts,
    }
    return Report(**told | given)


class Elements(HTMLParser):
    """Which elements there are, with the names of their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, tuple[str, ...]]] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, tuple(name for name, _ in attrs)))


TEXTS = st.text(alphabet=st.one_of(st.sampled_from("<>&\"'/= -!ab\n\u202e\0`"), st.characters()), max_size=60)


@settings(max_examples=150)
@given(TEXTS, TEXTS)
def test_no_text_leaves_its_element_or_its_attribute(inside, value):
    written = str(el("p", inside, title=value))

    assert Elements(written).found == [("p", ("title",))]
    assert written.endswith("</p>")
    assert written.count("<") == 2


@settings(max_examples=25)
@given(TEXTS)
def test_whatever_an_api_says_the_page_has_the_same_elements(text):
    words = page(a_report("words" + text))

    assert Elements(words).found == Elements(page(a_report("words"))).found


def test_a_hostile_text_is_shown_and_is_no_element():
    text = page(a_report(HOSTILE, archive=HOSTILE))

    assert "<script" not in text
    assert "<img" not in text
    assert "&lt;script&gt;" in text


def test_the_page_allows_its_one_sheet_and_nothing_else():
    text = page(a_report())

    assert f"default-src 'none'; style-src {source()}; base-uri 'none'; form-action 'none'" in text
    assert text.count("<style>") == 1
    assert SHEET in text
    assert not re.search(r'\sstyle="|\ssrc="|url\(|@import|<link|<script', text)
    assert set(re.findall(r'href="(.)', text)) == {"#"}


def test_every_link_leads_somewhere_on_the_page():
    text = page(a_report())

    assert set(re.findall(r'href="#([^"]+)"', text)) <= set(re.findall(r'id="([^"]+)"', text))


def test_tables_name_their_rows_and_columns():
    text = page(a_report())

    for table in re.findall(r"<table>.*?</table>", text):
        assert '<th scope="col"' in table
        assert '<th scope="row"' in table or "rowspan" in table
    assert len(re.findall(r'role="img" aria-label="[^"]+"', text)) == text.count('role="img"')


def test_an_archive_in_order_says_so():
    text = page(a_report(notices=(), troubles=(), held=()))

    assert "All is well: nothing waits for you" in text


def test_an_empty_archive_has_a_page_too():
    empty = a_report(streams=(), notices=(), troubles=(), held=(), changes=(), runs=(), limits=LimitsLeft(()),
                     staleness=(), expiries=(), growth=Growth(0, None, {}), counts={}, head=None)  # fmt: skip

    assert "No sources yet" in page(empty)
    assert "No run yet" in page(empty)
    assert "no run" in report_whole.text(empty)


@pytest.mark.parametrize(("part", "whole", "shown"), [(10, 10, "100 %"), (9_999, 10_000, "99.9 %"), (0, 3, "0.0 %")])
def test_all_is_there_only_where_it_is(part, whole, shown):
    assert percent(part, whole) == shown


# --- text ---


GOLDEN = """\
life, 2026-04-07 05:00 UTC

3 things wait for you:
  a: warning (`snap status`)
  a/b: 1 day failed, auth (`snap gaps a/b`)
  1 held version (`snap held`)

Days (1 missing)
  a/b: 1,019 of 1,020 days, last 2026-04-07, 4,321 records
    lacking: 1 failed

Since 2025-04-08
  1 document changed after being archived
    a/b: 1
  the newest 1 run: 7 requests, 1 with problems
  31 commits

Now
  4.8 MB on this disk, 195.3 kB more a month
  requests left: api.test 90 of 100
  a/b: 6.7% ± 6.2 of stored days differ from the source (1 of 40 drawn by
    chance)
  the next authorization to end: a, on 2026-04-27, in 20 days (to renew it: snap
    auth a)"""


def test_the_text_for_mail_has_counts_and_names():
    assert report_whole.text(a_report()) == GOLDEN


def test_the_text_for_mail_repeats_nothing_that_an_api_said():
    text = report_whole.text(a_report("anna@example.org ran 10 km"))

    assert text == GOLDEN
    assert max(map(len, text.splitlines())) <= 80


def test_a_digest_says_the_most_in_its_subject_and_all_of_the_report_below():
    told = report_digest.message(a_report(), "weekly", grown=3 << 20)

    assert told.subject == "snap: life: weekly digest: 3 things wait for you, 1 day missing, 1 change"
    assert told.text == GOLDEN.replace("31 commits", "31 commits, 3.0 MB more") + "\n"


def test_a_digest_of_an_archive_in_order_is_calm():
    calm = a_report(notices=(), troubles=(), held=(), changes=(), counts={DayState.SAVED: 4})

    assert report_digest.message(calm, "daily", grown=None).subject == "snap: life: daily digest: all is well"


# --- what a report counts ---


def gap(first, last, *, cause="auth", state="failed", why="no", commands=()):
    days = (last - first).days + 1
    return Gap("a/b", first, last, days, Lack(state, cause, why, "", commands))


def test_gaps_of_one_reason_are_one_trouble_with_one_command():
    one, two = LAST - timedelta(days=1), LAST
    command = "snap fetch a/b --since {0} --until {0}"

    (trouble,) = overview.troubles([
        gap(one, one, state="partial", commands=(command.format(one),)), gap(two, two, commands=(command.format(two),)),
    ])  # fmt: skip

    assert (trouble.ranges, trouble.days, trouble.lack.state) == (((one, two),), 2, "failed")
    assert trouble.lack.commands == (f"snap fetch a/b --since {one} --until {two}",)


def test_what_waits_for_a_person_comes_first():
    found = overview.troubles([gap(LAST - timedelta(days=9), LAST, cause="to_come", why="later"), gap(LAST, LAST)])

    assert [(trouble.waits, trouble.days) for trouble in found] == [(True, 1), (False, 10)]


@pytest.mark.parametrize(
    ("fact", "hours", "told"),
    [
        (DayFact(3, "x", "new", added=3), 900, False),
        (DayFact(3, "x", "changed", added=1), 30, False),
        (DayFact(3, "x", "changed", added=1), 80, True),
        (DayFact(3, "x", "changed", edited=1), 1, True),
        (DayFact(0, "x", "emptied", removed=3), 1, True),
    ],
    ids=["new", "grew soon", "grew late", "edited", "emptied"],
)
def test_which_new_versions_are_told_as_changes(fact, hours, told):
    at = datetime(2026, 4, 1, tzinfo=UTC) + timedelta(hours=hours)

    assert overview.is_a_change(fact, date(2026, 4, 1), at=at, zone="UTC") is told
