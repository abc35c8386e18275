"""No request of a lane leaves early, whoever else asks, and whatever happens to clocks and processes."""

import itertools
import json
import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from snapshotter.core.limits import Limits
from snapshotter.edge.files import TEMPORARY
from snapshotter.edge.lanes import LaneGate, Turn, lane_name
from snapshotter.edge.world import SystemClock
from snapshotter.model import Spent
from snapshotter.spec import Pacing, RateLimit, Span
from tests.edge.clocks import NOON, HandClock

QUARTER = Span(microseconds=900_000_000)
LANE = lane_name("api.example", "key")


def seconds(number: float) -> Span:
    return Span(microseconds=int(number * 1_000_000))


def a_gate(state: Path, clock, *limits: RateLimit, stopped=lambda: False, **pacing) -> LaneGate:
    pacing = {"min_interval": seconds(0.25), **pacing}
    return LaneGate(state, LANE, pacing=Pacing(**pacing), limits=Limits(limits), clock=clock, stopped=stopped)


def sent(gate: LaneGate, status: int = 200, **headers: str):
    with gate.turn(method="GET", path="/x") as turn:
        if isinstance(turn, Spent):
            return turn
        turn.answered(status, tuple(headers.items()))
        return turn.sent


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(sorted(times))]


# --- pacing ---


def test_requests_keep_their_distance_from_send_to_send(tmp_path):
    gate = a_gate(tmp_path, HandClock())

    times = [sent(gate) for _ in range(4)]

    assert [(moment - NOON).total_seconds() for moment in times] == [0, 0.25, 0.5, 0.75]


def test_a_slow_answer_costs_no_further_pause(tmp_path):
    clock = HandClock()
    gate = a_gate(tmp_path, clock)

    with gate.turn():
        clock.jump(timedelta(seconds=2))
        clock.steady += 2
    sent(gate)

    assert clock.slept == []


def test_the_distance_counts_from_when_the_request_really_left(tmp_path):
    clock = HandClock()
    gate = a_gate(tmp_path, clock)

    with gate.turn() as turn:
        clock.sleep(0.2)  # connecting took its time
        turn.left()
    later = sent(gate)

    assert later == NOON + timedelta(seconds=0.45)


def test_the_next_run_keeps_the_distance_too(tmp_path):
    clock = HandClock()
    sent(a_gate(tmp_path, clock))

    assert sent(a_gate(tmp_path, clock)) == NOON + timedelta(seconds=0.25)


@pytest.mark.parametrize("jump", [timedelta(days=-3), timedelta(days=400), timedelta(hours=1), timedelta(hours=-1)])
def test_a_jump_of_the_clock_neither_shortens_nor_stretches_the_pause(tmp_path, jump):
    clock = HandClock()
    gate = a_gate(tmp_path, clock)
    sent(gate)

    clock.jump(jump)
    sent(gate)

    assert sum(clock.slept) == pytest.approx(0.25)


def test_a_send_of_the_future_does_not_hold_the_next_run(tmp_path):
    sent(a_gate(tmp_path, HandClock(NOON + timedelta(days=400))))

    sent(a_gate(tmp_path, clock := HandClock()))

    assert clock.slept == []


def test_lanes_of_other_keys_and_hosts_do_not_wait(tmp_path):
    names = {lane_name("a", "k"), lane_name("b", "k"), lane_name("a", "l"), lane_name("a", None), lane_name("A", "k")}

    assert len(names) == 4
    assert not any("k" in name for name in names)


def test_threads_take_turns(tmp_path):
    gate, inside, most = a_gate(tmp_path, SystemClock(), min_interval=seconds(0)), [], []

    def ask() -> None:
        for _ in range(5):
            with gate.turn() as turn:
                inside.append(turn)
                most.append(len(inside))
                inside.pop()

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert most == [1] * 15


def test_concurrency_opens_more_than_one_slot(tmp_path):
    gate = a_gate(tmp_path, HandClock(), concurrency=2, min_interval=seconds(0), max_wait=seconds(1))

    with gate.turn() as one, gate.turn() as two, gate.turn() as three:
        assert isinstance(one, Turn)
        assert isinstance(two, Turn)
        assert isinstance(three, Spent)


def test_a_lane_in_use_is_left_after_max_wait(tmp_path):
    clock = HandClock()

    with a_gate(tmp_path, clock).turn(), a_gate(tmp_path, clock, max_wait=seconds(3)).turn() as second:
        assert isinstance(second, Spent)
        assert "another run" in second.why

    assert sum(clock.slept) == pytest.approx(3, abs=0.1)


def test_an_error_inside_a_turn_frees_the_lane(tmp_path):
    gate = a_gate(tmp_path, HandClock())

    with pytest.raises(RuntimeError), gate.turn():
        raise RuntimeError

    assert sent(gate) == NOON + timedelta(seconds=0.25)


ASK = """
import json, sys, time
from datetime import UTC, datetime
from pathlib import Path
from snapshotter.core.limits import Limits
from snapshotter.edge.files import TEMPORARY
from snapshotter.edge.lanes import LaneGate
from snapshotter.edge.world import SystemClock
from snapshotter.spec import Pacing, Span

pacing = Pacing(min_interval=Span(microseconds=20_000))
gate = LaneGate(Path(sys.argv[1]), "lane", pacing=pacing, limits=Limits(), clock=SystemClock())
for _ in range(int(sys.argv[2])):
    with gate.turn() as turn:
        print(datetime.now(UTC).timestamp(), flush=True)
        turn.left()
"""


def asking(state: Path, times: int) -> subprocess.Popen:
    command = [sys.executable, "-c", ASK, str(state), str(times)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_two_processes_never_send_closer_than_the_interval(tmp_path):
    processes = [asking(tmp_path, 20) for _ in range(2)]

    times = [float(line) for process in processes for line in process.communicate()[0].split()]

    assert len(times) == 40
    assert min(gaps(times)) >= 0.02 - 1e-6


def test_a_killed_process_leaves_the_lane_and_its_distance(tmp_path):
    process = asking(tmp_path, 10_000)
    times = [float(process.stdout.readline()) for _ in range(3)]
    process.kill()
    times += [float(line) for line in process.communicate()[0].split()]

    times += [float(line) for line in asking(tmp_path, 3).communicate()[0].split()]

    assert len(times) >= 6
    assert min(gaps(times)) >= 0.02 - 1e-6


# --- budgets ---


def a_limit(limit: int, **more) -> RateLimit:
    return RateLimit("short", limit, QUARTER, **more)


def test_a_spent_budget_is_waited_for(tmp_path):
    clock = HandClock()
    gate = a_gate(tmp_path, clock, a_limit(2))

    times = [sent(gate) for _ in range(3)]

    assert (times[2] - times[0]).total_seconds() == pytest.approx(901, abs=0.01)


def test_a_wait_beyond_max_wait_is_told_instead(tmp_path):
    gate = a_gate(tmp_path, clock := HandClock(), a_limit(1), max_wait=seconds(60))

    sent(gate)
    spent = sent(gate)

    assert spent == Spent(NOON + timedelta(seconds=901), "the limit short (1 per 15m) is spent")
    assert clock.slept == []


def test_a_source_that_stops_when_exhausted_does_not_wait_at_all(tmp_path):
    gate = a_gate(tmp_path, HandClock(), a_limit(1), when_exhausted="stop")

    sent(gate)

    assert isinstance(sent(gate), Spent)


def test_what_is_over_within_min_interval_is_pacing_and_not_exhaustion(tmp_path):
    clock = HandClock()
    limit = RateLimit("second", 1, seconds(1))
    gate = a_gate(tmp_path, clock, limit, when_exhausted="stop", min_interval=seconds(2))

    sent(gate)

    assert sent(gate) == NOON + timedelta(seconds=2)


def test_budgets_are_kept_for_the_next_run(tmp_path):
    clock = HandClock()
    sent(a_gate(tmp_path, clock, a_limit(1)))

    later = sent(a_gate(tmp_path, clock, a_limit(1), when_exhausted="stop"))

    assert isinstance(later, Spent)


def test_budgets_that_are_not_to_persist_end_with_the_gate(tmp_path):
    clock = HandClock()
    first = a_gate(tmp_path, clock, a_limit(1), persist=False, when_exhausted="stop")
    sent(first)
    clock.sleep(1)

    assert isinstance(sent(first), Spent)
    assert not isinstance(sent(a_gate(tmp_path, clock, a_limit(1), persist=False)), Spent)


def test_what_the_headers_say_is_kept_for_the_next_run(tmp_path):
    clock = HandClock()
    sent(a_gate(tmp_path, clock), ratelimit='"default";r=0;t=30')

    later = sent(a_gate(tmp_path, clock))

    assert (later - NOON).total_seconds() == pytest.approx(31)


class CountedLimits(Limits):
    """Limits that count how often a lane's file is looked at."""

    looks = 0

    def restore(self, plain, now):
        type(self).looks += 1
        return super().restore(plain, now)


def test_an_answer_that_says_nothing_of_limits_is_not_noted_where_there_are_none(tmp_path):
    gate = LaneGate(tmp_path, LANE, pacing=Pacing(min_interval=seconds(0)), limits=CountedLimits(), clock=HandClock())

    with gate.turn() as turn:
        before = CountedLimits.looks
        quiet = turn.answered(200, (("Content-Type", "application/json"),))
        after = CountedLimits.looks
        told = turn.answered(200, (("RateLimit", '"default";r=0;t=50'),))

    assert (before, after) == (1, 1)
    assert quiet.left(NOON) == ()
    assert [one.remaining for one in told.left(NOON)] == [0]
    assert isinstance(sent(a_gate(tmp_path, HandClock(), when_exhausted="stop")), Spent)


def test_a_pause_that_the_server_asked_for_holds_the_next_run_too(tmp_path):
    clock = HandClock()
    with a_gate(tmp_path, clock).turn() as turn:
        turn.refused(NOON + timedelta(minutes=2))

    spent = sent(a_gate(tmp_path, clock, when_exhausted="stop"))

    assert spent == Spent(NOON + timedelta(minutes=2), "the server asked for a pause")


def test_a_refusal_without_a_time_spends_the_aligned_limit(tmp_path):
    clock = HandClock(NOON + timedelta(minutes=5))
    with a_gate(tmp_path, clock, a_limit(100, kind="fixed")).turn() as turn:
        turn.refused()

    spent = sent(a_gate(tmp_path, clock, a_limit(100, kind="fixed"), when_exhausted="stop"))

    assert spent.until == NOON + timedelta(minutes=15, seconds=1)


def test_two_hundred_requests_into_a_hundred_a_quarter_take_two_quarters(tmp_path):
    clock = HandClock()
    gate = a_gate(tmp_path, clock, a_limit(100))

    times = [sent(gate) for _ in range(200)]

    assert max(sum(first <= moment < first + timedelta(minutes=15) for moment in times) for first in times) == 100
    assert (times[-1] - times[0]).total_seconds() < 16 * 60


def test_a_long_wait_ends_when_the_run_is_stopped(tmp_path):
    clock = HandClock()
    gate = a_gate(tmp_path, clock, a_limit(1), stopped=lambda: len(clock.slept) > 3)
    sent(gate)

    spent = sent(gate)

    assert isinstance(spent, Spent)
    assert sum(clock.slept) < 2


def test_a_long_wait_leaves_the_lane_to_others(tmp_path):
    clock = HandClock()
    other = a_gate(tmp_path, clock)
    seen = []

    def look() -> bool:
        if len(clock.slept) == 2 and not seen:
            seen.append(sent(other))
        return False

    gate = a_gate(tmp_path, clock, a_limit(1), stopped=look)
    sent(gate)
    sent(gate)

    assert isinstance(seen[0], type(NOON))


def test_a_clock_that_went_back_does_not_hold_the_lane_for_days(tmp_path):
    future = HandClock(NOON + timedelta(days=3))
    sent(a_gate(tmp_path, future, a_limit(1)))
    clock = HandClock()

    moment = sent(a_gate(tmp_path, clock, a_limit(1)))

    assert (moment - NOON).total_seconds() == pytest.approx(901)


def test_a_spoiled_state_file_is_written_anew(tmp_path):
    gate = a_gate(tmp_path, HandClock(), a_limit(5))
    sent(gate)
    file = next(tmp_path.rglob("*.json"))
    file.write_bytes(b"")

    sent(gate)

    assert "sent" in json.loads(file.read_bytes())


def test_what_is_stored_can_be_told(tmp_path):
    gate = a_gate(tmp_path, HandClock(), a_limit(5))
    sent(gate)

    left = Limits((a_limit(5),)).restore(gate.stored(), NOON).left(NOON)

    assert [(item.used, item.remaining) for item in left] == [(1, 4)]


def test_no_credential_stands_in_the_state_folder(tmp_path):
    sent(a_gate(tmp_path, HandClock()))

    assert all(b"key" not in file.read_bytes() and "key" not in file.name for file in tmp_path.rglob("*.*"))


def test_what_a_killed_writer_left_is_removed_but_not_what_another_is_writing(tmp_path):
    folder = tmp_path / "lanes"
    folder.mkdir()
    old, new = folder / f"{TEMPORARY}1-1", folder / f"{TEMPORARY}2-1"
    for path, age in ((old, 120), (new, 0)):
        path.write_bytes(b"{")
        at = HandClock().now().timestamp() - age
        os.utime(path, (at, at))

    with a_gate(tmp_path, HandClock()).turn():
        assert (old.exists(), new.exists()) == (False, True)
