"""What a timer is told: in full, at a minute of the archive's own, and read as it is meant."""

import plistlib
import re
import shlex

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snapshotter.core import scheduling
from snapshotter.core.scheduling import KINDS, PERIODS, Timer
from snapshotter.errors import UsageError


def a_timer(archive="/home/anna/archive", minutes=60, **more):
    said = {"program": "/home/anna/snap-env/bin/snapshotter", "home": "/home/anna", "version": "1.2.3"}
    environment = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
    return Timer(archive=archive, minutes=minutes, **{"environment": environment, **said, **more})


def cron_line(timer):
    return scheduling.cron(timer).split("\n")[1]


def moments(field, end):
    return set(range(end)) if field == "*" else {int(value) for value in field.split(",")}


@pytest.mark.parametrize("minutes", [period for period in PERIODS if period <= 24 * 60])
def test_cron_comes_round_evenly(minutes):
    minute, hour, *_ = cron_line(a_timer(minutes=minutes)).split(" ")

    times = sorted(60 * h + m for h in moments(hour, 24) for m in moments(minute, 60))

    assert len(times) == 24 * 60 // minutes
    assert {b - a for a, b in zip(times, [*times[1:], times[0] + 24 * 60], strict=True)} == {minutes}


def test_archives_run_at_times_of_their_own_that_stay_the_same():
    minutes = {a_timer(f"/srv/{number}").offset for number in range(100)}

    assert len(minutes) > 30
    assert a_timer().offset == a_timer().offset


def test_a_run_ends_before_the_next_begins():
    assert a_timer(minutes=60).command[-1] == "48m"
    assert a_timer(minutes=5).command[-1] == "4m"


def test_what_was_missed_is_made_up_for():
    assert "@reboot" in scheduling.cron(a_timer(minutes=24 * 60))
    assert "@reboot" not in scheduling.cron(a_timer(minutes=60))
    assert "Persistent=true" in scheduling.printed("systemd", a_timer()).files[f"{a_timer().name}.timer"]


PATHS = st.text(st.characters(codec="utf-8", exclude_characters='"\\\0', exclude_categories=["C"]), min_size=1)


@settings(max_examples=50)
@given(PATHS, st.sampled_from(PERIODS))
def test_a_shell_reads_the_line_of_cron_as_it_is_meant(name, minutes):
    timer = a_timer(f"/home/{name}"[:100], minutes)

    line = cron_line(timer).split(" ", 5)[5].replace("\\%", "%")

    assert "%" not in cron_line(timer).replace("\\%", "")
    assert tuple(shlex.split(line)[2:]) == timer.command


@settings(max_examples=50)
@given(PATHS, PATHS)
def test_other_lines_of_a_crontab_are_left_alone(mine, other):
    timer = a_timer(f"/home/{mine}"[:100])
    before = f"MAILTO={other[:50]}\n5 4 * * * backup\n"

    once = scheduling.installed(before, timer)

    assert scheduling.installed(once, timer) == once
    assert scheduling.found(once, timer.archive) == scheduling.cron(timer)
    assert scheduling.removed(once, timer.archive) == before


def test_a_crontab_without_a_last_line_break_gets_one():
    assert scheduling.installed("1 2 3 4 5 x", a_timer()).startswith("1 2 3 4 5 x\n# BEGIN snap")


def test_a_block_without_its_end_is_left_to_a_person():
    with pytest.raises(UsageError, match="without its '# END snap /home/anna/archive'"):
        scheduling.removed("# BEGIN snap /home/anna/archive\n1 2 3 4 5 mine\n", "/home/anna/archive")


@pytest.mark.parametrize("archive", ['/home/a"b', "/home/a\nb", "/home/a\\b"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_name_that_could_be_read_otherwise_is_refused(kind, archive):
    with pytest.raises(UsageError, match="cannot stand in a schedule"):
        scheduling.printed(kind, a_timer(archive))


def test_a_line_that_cron_would_cut_is_refused():
    with pytest.raises(UsageError, match="cuts them"):
        scheduling.printed("cron", a_timer("/home/" + "x" * 1000))


@pytest.mark.parametrize("seconds", [60, 90, 7 * 60, 25 * 3600])
def test_a_period_that_no_timer_keeps_evenly_is_refused(seconds):
    with pytest.raises(UsageError, match="--every takes 5m, 10m"):
        scheduling.minutes_of(seconds)


def test_a_file_with_secrets_is_read_by_each_kind():
    timer = a_timer(env_file="/home/anna/.snap env")

    texts = {kind: "".join(scheduling.printed(kind, timer).files.values()) for kind in ("cron", "systemd", "launchd")}

    assert "set -a; . '/home/anna/.snap env'; set +a; PATH=" in texts["cron"]
    assert "EnvironmentFile=/home/anna/.snap env\n" in texts["systemd"]
    assert "set -a; . '/home/anna/.snap env'; set +a; exec" in plistlib.loads(texts["launchd"].encode())[
        "ProgramArguments"
    ][2].replace("&apos;", "'")


@pytest.mark.parametrize("minutes", PERIODS)
def test_launchd_has_as_many_moments_as_there_are_runs_in_their_round(minutes):
    [text] = scheduling.printed("launchd", a_timer(minutes=minutes)).files.values()
    told = plistlib.loads(text.encode())

    rounds = 60 if minutes <= 60 else 24 * 60
    assert len(told["StartCalendarInterval"]) == max(1, rounds // minutes)
    assert told["ProgramArguments"] == list(a_timer(minutes=minutes).command)


# What launchd.plist(5) knows, of all that could be meant by these texts.
LAUNCHD = {
    "Label": str,
    "ProgramArguments": list,
    "EnvironmentVariables": dict,
    "StartCalendarInterval": list,
    "ProcessType": str,
    "LowPriorityIO": bool,
    "Umask": int,
    "StandardErrorPath": str,
}
MOMENT = {"Minute": range(60), "Hour": range(24), "Weekday": range(8)}


@pytest.mark.parametrize("minutes", PERIODS)
@pytest.mark.parametrize("more", [{}, {"env_file": "/home/anna/.snap env"}])
def test_launchd_is_told_nothing_but_what_its_manual_has(minutes, more):
    [text] = scheduling.printed("launchd", a_timer("/Users/anna/a & b <c>", minutes, **more)).files.values()
    told = plistlib.loads(text.encode())

    assert {name: type(value) for name, value in told.items()} == LAUNCHD
    assert all(isinstance(word, str) for word in told["ProgramArguments"])
    assert all(isinstance(value, str) for value in told["EnvironmentVariables"].values())
    assert told["ProcessType"] in {"Background", "Standard", "Adaptive", "Interactive"}
    assert all(value in MOMENT[name] for moment in told["StartCalendarInterval"] for name, value in moment.items())
    assert told["ProgramArguments"][0].startswith("/")


def test_github_is_given_the_secrets_by_name_only():
    [text] = scheduling.printed("github-actions", a_timer(variables=("A_KEY",))).files.values()

    assert text.count("A_KEY: ${{ secrets.A_KEY }}") == 2
    assert "fetch-depth: 0" in text
    assert "cancel-in-progress: false" in text
    assert re.search(r"snapshotter==1\.2\.3", text)


def test_github_does_not_run_every_five_minutes():
    with pytest.raises(UsageError, match="30m or more"):
        scheduling.printed("github-actions", a_timer(minutes=5))
