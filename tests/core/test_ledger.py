"""The ledger is a fold: any order, any repetition, any split of the records gives the same."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.core.ledger import counted, filled_days, fold, fold_all, is_news, merge, validators_of, zones
from snapshotter.evidence import Stamp, StreamLedger
from snapshotter.model import Reason, Validators, Window
from tests.histories import START, STREAM, a_day, a_miss, a_page, a_record, a_story, at, day_span, histories, span

NOTHING = StreamLedger(STREAM)


@settings(max_examples=60)
@given(histories(), st.randoms(use_true_random=False))
def test_neither_order_nor_repetition_of_records_changes_the_ledger(records, chance):
    shuffled = records + chance.choices(records, k=3) if records else []
    chance.shuffle(shuffled)

    assert fold_all(NOTHING, shuffled) == fold_all(NOTHING, records)


@settings(max_examples=60)
@given(histories(), st.integers(0, 8), st.integers(0, 8))
def test_two_halves_that_may_share_records_merge_to_the_whole(records, first, second):
    one, other = records[:first], records[min(first, second) :]

    merged = merge(fold_all(NOTHING, one), fold_all(NOTHING, other))

    assert merged == fold_all(NOTHING, records)


@settings(max_examples=20)
@given(histories(most=4))
def test_what_a_user_decided_is_evidence_of_documents_and_of_nothing_else(records):
    decided = [
        replace(record, stories=tuple(replace(story, reason=Reason.DECIDED) for story in record.stories))
        for record in records
    ]

    known, evident = fold_all(NOTHING, decided), fold_all(NOTHING, records)
    assert (known.days, known.dateless, known.totals) == (evident.days, evident.dateless, evident.totals)
    assert replace(known, days={}, dateless=None, totals=NOTHING.totals, turn=0) == NOTHING


def latest(found):
    return max(found, default=None, key=lambda item: item[0])


def told(records):
    """Every story with its stamp, told plainly."""
    for record in records:
        for place, story in enumerate(record.stories):
            yield Stamp(record.turn, record.at, record.run, record.sequence, place), story


def known_at(segments, instant):
    return next((segment for segment in segments if segment.window.holds(instant)), None)


@settings(max_examples=40)
@given(histories(most=6))
def test_at_every_instant_the_latest_proof_and_the_latest_unanswered_miss_hold(records):
    ledger = fold_all(NOTHING, records)

    for hour in range(18 * 24):
        instant = START + timedelta(hours=hour)
        proof = latest(
            (s, story)
            for s, story in told(records)
            if any(window and window.holds(instant) for window in (story.proved, story.withdrawn))
        )
        counts = proof and proof[1].proved and proof[1].proved.holds(instant)  # else it was taken back
        miss = latest(
            (s, story)
            for s, story in told(records)
            if story.window and story.miss and story.window.holds(instant) and not (proof and proof[0] >= s)
        )

        known = known_at(ledger.proofs, instant)
        missed = known_at(ledger.misses, instant)
        span = known_at(ledger.proved, instant)

        assert (known and known.stamp) == (proof and proof[0])
        assert (span.zone if span else None) == (proof[1].zone if counts else None)
        assert (missed and (missed.stamp, missed.fact)) == (miss and (miss[0], miss[1].miss))


@settings(max_examples=40)
@given(histories())
def test_a_ledger_agrees_with_itself(records):
    ledger = fold_all(NOTHING, records)

    for segments in (ledger.proved, ledger.proofs, ledger.misses):
        assert all(segment.window.start < segment.window.end for segment in segments)
        assert all(one.window.end <= two.window.start for one, two in pairwise(segments))
    assert ledger.totals.filled == sum(document.records > 0 for document in ledger.days.values())
    assert ledger.totals.records == sum(document.records for document in ledger.days.values())


# --- single facts ---


def known(*records):
    """The ledger of these records, told one after the other."""
    return fold_all(NOTHING, [replace(record, sequence=n, turn=n) for n, record in enumerate(records)])


def day(text):
    return date.fromisoformat(f"2018-{text}")


def test_a_later_failure_takes_no_proof_away():
    ledger = known(a_record(a_story(day_span("02-05"))), a_record(a_story(day_span("02-05"), miss=a_miss())))

    assert [proved.window for proved in ledger.proved] == [day_span("02-05")]
    assert [missed.window for missed in ledger.misses] == [day_span("02-05")]


def test_a_proof_answers_earlier_misses_where_it_lies():
    ledger = known(
        a_record(a_story(day_span("02-05", days=3), miss=a_miss())),
        a_record(a_story(day_span("02-06"))),
    )

    assert [missed.window for missed in ledger.misses] == [day_span("02-05"), day_span("02-07")]


def test_a_window_proved_in_part_is_missed_in_its_rest():
    story = a_story(day_span("02-05", days=2), proved=day_span("02-06"), miss=a_miss("partial", kind="interrupted"))

    ledger = known(a_record(story))

    assert [missed.window for missed in ledger.misses] == [day_span("02-05")]


def test_windows_that_touch_are_one_proved_span_and_two_proofs():
    ledger = known(a_record(a_story(day_span("02-05"))), a_record(a_story(day_span("02-06"))))

    assert [proved.window for proved in ledger.proved] == [day_span("02-05", days=2)]
    assert len(ledger.proofs) == 2


def test_what_was_proved_in_another_zone_keeps_it():
    ledger = known(
        a_record(a_story(day_span("02-05", days=3), zone="UTC")),
        a_record(a_story(day_span("02-06"), zone="Europe/Berlin")),
    )

    assert [(p.window, p.zone) for p in ledger.proved] == [
        (day_span("02-05"), "UTC"),
        (day_span("02-06"), "Europe/Berlin"),
        (day_span("02-07"), "UTC"),
    ]
    assert zones(ledger) == ("UTC", "Europe/Berlin")


def test_a_turn_tells_the_later_record_when_the_clock_was_set_back():
    before = a_record(a_story(day_span("02-05"), days={day("02-05"): a_day(3)}), at=at("12-24 00:00"))
    after = a_record(a_story(day_span("02-05"), days={day("02-05"): a_day(4, change="changed")}), at=at("02-07 00:00"))

    ledger = known(before, after)

    assert ledger.days[day("02-05")].records == 4
    assert ledger.turn == 1


def test_a_document_remembers_when_it_changed_last():
    ledger = known(
        a_record(a_story(day_span("02-05"), days={day("02-05"): a_day(3)}, at=at("02-06 00:00"))),
        a_record(a_story(day_span("02-05"), days={day("02-05"): a_day(3, change="same")}, at=at("02-07 00:00"))),
    )

    document = ledger.days[day("02-05")]
    assert (document.at, document.changed.at) == (at("02-07 00:00"), at("02-06 00:00"))


def test_a_day_without_a_document_is_not_one():
    ledger = known(a_record(a_story(day_span("02-05"), days={day("02-05"): a_day(0, change="none")})))

    assert ledger.days == {}


def test_filled_days_are_those_with_records():
    days = {day("02-05"): a_day(3), day("02-06"): a_day(1), day("02-07"): a_day(0)}

    assert filled_days(known(a_record(a_story(day_span("02-05", days=3), days=days)))) == (day("02-05"), day("02-06"))
    assert filled_days(NOTHING) is None


def test_a_good_whole_view_answers_the_failed_one_before():
    failed = known(a_record(a_story(None, miss=a_miss())))
    good = fold(failed, a_record(a_story(None), sequence=1, turn=1))

    assert (failed.whole_missed is not None, good.whole_missed) == (True, None)
    assert (failed.last_good, good.last_good.at) == (None, at("02-07 06:00"))


def test_the_end_of_history_is_where_it_was_found_last():
    ledger = known(
        a_record(a_story(day_span("02-05"), history_ends="2 empty windows")),
        a_record(a_story(day_span("02-01"), history_ends="422")),
    )

    assert (ledger.history.before, ledger.history.how) == (at("02-01 00:00"), "422")


def test_sizes_of_pages_count_only_where_another_page_followed():
    ledger = known(a_record(a_story(day_span("02-05"), pages=(a_page(0, records=100), a_page(1, records=7)))))

    assert ledger.page_sizes == (100,)


def test_a_record_of_another_stream_is_refused():
    with pytest.raises(ValueError, match="does not belong"):
        fold(NOTHING, a_record(stream="other"))
    with pytest.raises(ValueError, match="two streams"):
        merge(NOTHING, StreamLedger("a/b"))


# --- tries ---


def test_tries_are_counted_until_a_proof():
    first = counted(NOTHING, a_miss(), window=day_span("02-05"), at=at("02-06 00:00"))
    once = known(a_record(a_story(day_span("02-05"), miss=first, at=at("02-06 00:00"))))
    second = counted(once, a_miss(), window=day_span("02-05"), at=at("02-07 00:00"))
    proved = fold(once, a_record(a_story(day_span("02-05")), sequence=1, turn=1))
    again = counted(proved, a_miss(), window=day_span("02-05"), at=at("02-08 00:00"))

    assert [(miss.tries, miss.first) for miss in (first, second, again)] == [
        (1, at("02-06 00:00")),
        (2, at("02-06 00:00")),
        (1, at("02-08 00:00")),
    ]


def test_tries_of_a_job_without_a_window_are_its_own():
    ledger = known(a_record(a_story(None, miss=a_miss()), a_story(day_span("02-05"), miss=replace(a_miss(), tries=7))))

    assert counted(ledger, a_miss(), window=None, at=at("02-08 00:00")).tries == 2


# --- validators ---

TAG = Validators("i1", etag='"a"')


def test_validators_are_known_while_their_answer_is_the_latest():
    ledger = known(a_record(a_story(day_span("02-05"), validators=TAG)))

    assert validators_of(ledger, "i1", window=day_span("02-05")) == TAG
    assert validators_of(ledger, "i2", window=day_span("02-05")) is None
    assert validators_of(ledger, "i1", window=None) is None


def test_validators_are_forgotten_when_a_part_of_their_window_is_proved_again():
    ledger = known(
        a_record(a_story(day_span("02-05"), validators=TAG)), a_record(a_story(span("02-05 06:00", "02-05 07:00")))
    )

    assert validators_of(ledger, "i1", window=day_span("02-05")) is None


def test_validators_of_a_whole_view_are_those_of_the_latest_one():
    ledger = known(a_record(a_story(None, validators=TAG)))
    later = fold(ledger, a_record(a_story(None), sequence=1, turn=1))

    assert validators_of(ledger, "i1", window=None) == TAG
    assert validators_of(later, "i1", window=None) is None


# --- news ---

TODAY = span("02-07 00:00", "02-07 06:00")
LONGER = span("02-07 00:00", "02-07 06:01")
PROVED = a_record(a_story(day_span("02-01", days=6)), a_story(TODAY))
FAILED = a_record(a_story(TODAY, miss=a_miss()))


def news(*before, now, settle=timedelta()):
    record = a_record(*now, sequence=9, turn=9, at=at("02-07 06:01"))
    return is_news(known(*before), record, settle=settle)


@pytest.mark.parametrize(
    "story",
    [
        a_story(LONGER),
        a_story(LONGER, days={day("02-07"): a_day(3, change="same"), day("02-06"): a_day(0, change="none")}),
        a_story(day_span("02-03")),
        a_story(None),
        a_story(LONGER, validators=TAG),
        a_story(Window(TODAY.end, TODAY.end)),
    ],
)
def test_the_same_again_is_no_news(story):
    assert not news(PROVED, now=[story])


@pytest.mark.parametrize(
    "story",
    [
        a_story(LONGER, days={day("02-07"): a_day(3, change="new")}),
        a_story(LONGER, days={day("02-07"): a_day(3, change="changed")}),
        a_story(LONGER, days={day("02-07"): a_day(0, change="emptied")}),
        a_story(None, dateless=a_day(3, change="changed")),
        a_story(day_span("01-31")),
        a_story(span("01-31 23:00", "02-07 06:01")),
        a_story(day_span("02-03"), zone="Europe/Berlin"),
        a_story(LONGER, miss=a_miss()),
        a_story(None, miss=a_miss()),
        a_story(day_span("02-03"), history_ends="422"),
    ],
)
def test_a_document_a_proof_of_a_day_that_is_over_a_miss_and_an_end_are_news(story):
    assert news(PROVED, now=[story])


def test_a_day_that_is_not_settled_stays_open():
    story = a_story(day_span("02-06"))

    assert news(now=[story])
    assert not news(now=[story], settle=timedelta(days=1))


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (a_story(TODAY, miss=a_miss()), False),
        (a_story(LONGER, miss=a_miss(why="other words")), False),
        (a_story(LONGER, miss=a_miss(status=502)), True),
        (a_story(LONGER, miss=a_miss("invalid", kind="unreadable")), True),
        (a_story(span("02-06 23:00", "02-07 06:01"), miss=a_miss()), True),
        (a_story(LONGER), True),
        (a_story(span("02-07 06:00", "02-07 06:01")), False),
        (a_story(None), False),
    ],
)
def test_only_the_first_miss_of_its_kind_of_a_day_is_news_and_its_end(story, expected):
    assert news(FAILED, now=[story]) is expected


@pytest.mark.parametrize(
    ("story", "expected"), [(a_story(None, miss=a_miss()), False), (a_story(None), True), (a_story(TODAY), False)]
)
def test_the_end_of_a_failing_whole_view_is_news(story, expected):
    assert news(a_record(a_story(None, miss=a_miss())), now=[story]) is expected


def test_other_validators_for_the_same_request_are_news():
    before = a_record(a_story(day_span("02-05"), validators=TAG))

    assert news(before, now=[a_story(day_span("02-05"), validators=Validators("i1", etag='"b"'))])
    assert not news(before, now=[a_story(day_span("02-05"), validators=TAG)])


def test_the_end_of_history_found_again_is_no_news():
    end = a_story(day_span("02-05"), history_ends="422")

    assert not news(a_record(end), now=[end])
