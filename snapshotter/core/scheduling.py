"""How a timer is told to call `snap run`: texts for cron, systemd, launchd and GitHub Actions.

A timer knows neither the user's PATH nor where anything is, so everything is said in full. The minute is an archive's
own, so that a thousand archives do not all ask at the full hour, and stays the same, so that nothing moves.
"""

from __future__ import annotations

import hashlib
import plistlib
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import field

from snapshotter.errors import UsageError
from snapshotter.frozen import dataclass

KINDS = ("cron", "systemd", "launchd", "github-actions")
HOUR, DAY = 60, 24 * 60
PERIODS = (5, 10, 15, 20, 30, 60, 120, 180, 240, 360, 480, 720, DAY, 7 * DAY)  # minutes
PERIOD_WORDS = "5m, 10m, 15m, 20m, 30m, 1h, 2h, 3h, 4h, 6h, 8h, 12h, 1d or 7d"
LONGEST_LINE = 990  # of a crontab
PATIENCE = 0.8  # of the time until the next run


@dataclass(frozen=True, slots=True)
class Timer:
    """What is to be called and how often; `program` and `archive` are absolute."""

    program: str
    archive: str
    home: str
    environment: Mapping[str, str]  # what it needs of the user's: PATH, LANG, where tokens lie
    minutes: int  # one of PERIODS
    version: str = ""
    env_file: str | None = None
    variables: tuple[str, ...] = ()  # of the environment, that sources read their secrets from
    state: str = ""

    @property
    def name(self) -> str:
        """A name for files and labels that is this archive's own."""
        last = (
            re.sub(r"[^a-z0-9]+", "-", self.archive.rstrip("/").rpartition("/")[2].lower()).strip("-")[:30] or "archive"
        )
        return f"snap-{last}-{hashlib.sha256(self.archive.encode()).hexdigest()[:8]}"

    @property
    def command(self) -> tuple[str, ...]:
        """What is run; it ends before the next one begins."""
        return (self.program, "-C", self.archive, "run", "--deadline", f"{max(1, int(self.minutes * PATIENCE))}m")

    @property
    def offset(self) -> int:
        """The minute of the period at which it runs: chance by the archive's path."""
        return int.from_bytes(hashlib.sha256(f"snap {self.archive}".encode()).digest()[:4]) % min(self.minutes, DAY)

    @property
    def week_day(self) -> int:
        """The day of a weekly run, 0 for Sunday."""
        return int.from_bytes(hashlib.sha256(f"day {self.archive}".encode()).digest()[:2]) % 7


@dataclass(frozen=True, slots=True)
class Printed:
    """A schedule as text: files by name, and how to bring them where they belong."""

    kind: str
    files: Mapping[str, str]
    steps: tuple[str, ...] = field(default=())


def minutes_of(seconds: float) -> int:
    """A period in minutes; only those that every timer can keep evenly."""
    minutes = round(seconds / 60)
    if minutes not in PERIODS or minutes * 60 != seconds:
        raise UsageError(f"no timer keeps that evenly; --every takes {PERIOD_WORDS}")
    return minutes


def check(timer: Timer) -> None:
    """Whether the paths can stand in all of these files."""
    longest = max(len(line) for line in cron(timer).split("\n"))
    if longest > LONGEST_LINE:
        raise UsageError(f"a line for cron would have {longest} characters, and it cuts them after {LONGEST_LINE}")
    for what in (timer.program, timer.archive, timer.env_file or "", *timer.environment.values()):
        if any(ord(char) < 32 or char in '"\\' for char in what):
            raise UsageError(f"{what!r} cannot stand in a schedule: it has a quote, a backslash or a control character")


def printed(kind: str, timer: Timer) -> Printed:
    """The text for one kind of timer."""
    check(timer)
    match kind:
        case "cron":
            return Printed(kind, {"crontab": cron(timer)}, ("crontab -e, and put these lines there",))
        case "systemd":
            return _systemd(timer)
        case "launchd":
            return _launchd(timer)
        case _:
            return _github(timer)


# --- cron ---


def marks(archive: str) -> tuple[str, str]:
    """The lines between which the lines of one archive stand in a crontab."""
    return f"# BEGIN snap {archive}", f"# END snap {archive}"


def cron(timer: Timer) -> str:
    """Lines of a crontab. The environment stands in the line itself, so that other lines keep theirs."""
    begin, end = marks(timer.archive)
    line = _cron_command(timer)
    lines = [begin, f"{_cron_when(timer)} {line}"]
    if timer.minutes > HOUR:  # whoever is off at that time catches up when the machine starts
        lines.append(f"@reboot sleep 120; {line}")
    return "\n".join([*lines, end]) + "\n"


def _cron_command(timer: Timer) -> str:
    environment = [f"{name}={shlex.quote(value)}" for name, value in timer.environment.items()]
    line = " ".join([*environment, *(shlex.quote(word) for word in timer.command)])
    if timer.env_file is not None:
        line = f"set -a; . {shlex.quote(timer.env_file)}; set +a; {line}"
    return line.replace("%", "\\%")  # cron reads % as a line break


def _cron_when(timer: Timer) -> str:
    minute, hour = timer.offset % HOUR, timer.offset // HOUR
    if timer.minutes < HOUR:
        return f"{_list(timer.offset, timer.minutes, HOUR)} * * * *"
    if timer.minutes < DAY:
        return f"{minute} {_list(hour, timer.minutes // HOUR, 24)} * * *"
    return f"{minute} {hour} * * {timer.week_day if timer.minutes > DAY else '*'}"


def _list(first: int, step: int, end: int) -> str:
    """Every so many from the first one on, written out where that is not all of them."""
    return "*" if step == 1 else ",".join(str(value) for value in range(first, end, step))


def installed(crontab: str, timer: Timer) -> str:
    """A crontab with the lines of this archive, whatever it had for it before."""
    rest = removed(crontab, timer.archive)
    gap = "" if not rest or rest.endswith("\n") else "\n"
    return f"{rest}{gap}{cron(timer)}"


def removed(crontab: str, archive: str) -> str:
    """A crontab without the lines of this archive."""
    return _parted(crontab, archive)[0]


def found(crontab: str, archive: str) -> str:
    """The lines of this archive in a crontab."""
    return _parted(crontab, archive)[1]


def _parted(crontab: str, archive: str) -> tuple[str, str]:
    begin, end = marks(archive)
    parts: tuple[list[str], list[str]] = ([], [])
    inside = False
    for line in re.findall(r"[^\n]*\n|[^\n]+", crontab):
        inside = inside or line.rstrip("\n") == begin
        parts[inside].append(line)
        inside = inside and line.rstrip("\n") != end
    if inside:
        raise UsageError(f"the crontab has {begin!r} without its {end!r}; put that right with crontab -e")
    return "".join(parts[0]), "".join(parts[1])


# --- systemd ---


def _systemd(timer: Timer) -> Printed:
    state = timer.state or f"{timer.home}/.local/state/snap"
    environment = " ".join(f'"{name}={_unit(value)}"' for name, value in timer.environment.items())
    env_file = f"EnvironmentFile={_unit(timer.env_file)}\n" if timer.env_file else ""
    service = f"""[Unit]
Description=Archive APIs into {_unit(timer.archive)}

[Service]
Type=oneshot
ExecStart={" ".join(_unit_word(word) for word in timer.command)}
Environment={environment}
{env_file}Nice=10
IOSchedulingClass=idle
TimeoutStopSec=2min
UMask=0077
NoNewPrivileges=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictNamespaces=yes
SystemCallArchitectures=native
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
# Where your kernel lets users have namespaces, this lets it write to these folders only:
#ProtectSystem=strict
#ReadWritePaths="{_unit(timer.archive)}" "{_unit(state)}"
"""
    when = f"""[Unit]
Description=Archive APIs into {_unit(timer.archive)}, by itself

[Timer]
OnCalendar={_calendar(timer)}
AccuracySec=1min
Persistent=true

[Install]
WantedBy=timers.target
"""
    name = timer.name
    return Printed(
        "systemd",
        {f"{name}.service": service, f"{name}.timer": when},
        (
            "put both into ~/.config/systemd/user",
            "systemctl --user daemon-reload",
            f"systemctl --user enable --now {name}.timer",
            "loginctl enable-linger   (so that it runs while you are not logged in)",
        ),
    )


def _calendar(timer: Timer) -> str:
    minute, hour = timer.offset % HOUR, timer.offset // HOUR
    if timer.minutes < HOUR:
        return f"*-*-* *:{timer.offset:02}/{timer.minutes}:00"
    if timer.minutes < DAY:
        hours = "*" if timer.minutes == HOUR else f"{hour:02}/{timer.minutes // HOUR}"
        return f"*-*-* {hours}:{minute:02}:00"
    day = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")[timer.week_day] + " " if timer.minutes > DAY else ""
    return f"{day}*-*-* {hour:02}:{minute:02}:00"


def _unit(text: str) -> str:
    return text.replace("%", "%%")


def _unit_word(text: str) -> str:
    escaped = _unit(text).replace("$", "$$")
    return f'"{escaped}"' if re.search(r"[\s';]", escaped) else escaped


# --- launchd ---


def _launchd(timer: Timer) -> Printed:
    told = {
        "Label": timer.name,
        "ProgramArguments": _launchd_words(timer),
        "EnvironmentVariables": dict(timer.environment),
        "StartCalendarInterval": _moments(timer),
        "ProcessType": "Background",
        "LowPriorityIO": True,
        "Umask": 0o077,
        "StandardErrorPath": f"{timer.home}/Library/Logs/{timer.name}.log",
    }
    file = f"~/Library/LaunchAgents/{timer.name}.plist"
    return Printed(
        "launchd",
        {f"{timer.name}.plist": plistlib.dumps(told, sort_keys=False).decode()},
        (f"put it into {file}", f"launchctl bootstrap gui/$(id -u) {file}"),
    )


def _launchd_words(timer: Timer) -> list[str]:
    if timer.env_file is None:
        return list(timer.command)
    line = f"set -a; . {shlex.quote(timer.env_file)}; set +a; exec {shlex.join(timer.command)}"
    return ["/bin/sh", "-c", line]


def _moments(timer: Timer) -> list[dict[str, int]]:
    """Moments, not an interval: one that was slept through is made up for when the machine wakes."""
    minute, hour = timer.offset % HOUR, timer.offset // HOUR
    if timer.minutes < HOUR:
        return [{"Minute": value} for value in range(timer.offset, HOUR, timer.minutes)]
    if timer.minutes == HOUR:
        return [{"Minute": minute}]
    if timer.minutes < DAY:
        return [{"Hour": value, "Minute": minute} for value in range(hour, 24, timer.minutes // HOUR)]
    week = {"Weekday": timer.week_day} if timer.minutes > DAY else {}
    return [{**week, "Hour": hour, "Minute": minute}]


# --- GitHub Actions ---


def _github(timer: Timer) -> Printed:
    if timer.minutes < HOUR // 2:
        raise UsageError("GitHub runs nothing that often with any reliability; use --every 30m or more")
    secrets = "".join(f"          {name}: ${{{{ secrets.{name} }}}}\n" for name in timer.variables)
    env = f"        env:\n{secrets}" if secrets else ""  # for the run and the push: the guard looks for their values
    text = f"""name: archive
on:
  schedule:
    - cron: "{_cron_when(timer)}"
  workflow_dispatch:
permissions:
  contents: write
concurrency:
  group: snap
  cancel-in-progress: false
jobs:
  run:
    runs-on: ubuntu-latest
    timeout-minutes: {min(timer.minutes, 350)}
    steps:
      - uses: actions/checkout@v4
        with:
          fetch-depth: 0
      - uses: actions/setup-python@v5
        with:
          python-version: "3.12"
      # What is kept between runs and is in no commit: answers that wait, budgets, what was told to whom.
      - uses: actions/cache@v4
        with:
          path: |
            .git/snap
            ~/.local/state/snap
          key: snap-${{{{ github.run_id }}}}
          restore-keys: snap-
      - run: python -m pip install --quiet "snapshotter=={timer.version}"
      - run: |
          git config user.name "snap"
          git config user.email "snap@users.noreply.github.com"
          snapshotter trust --yes
      - run: snapshotter run --deadline {max(1, int(min(timer.minutes, 300) * PATIENCE))}m
{env}      - if: always()
        run: snapshotter push
{env}"""
    return Printed(
        "github-actions",
        {".github/workflows/snap.yml": text},
        (
            "put it into .github/workflows/snap.yml of the archive, commit and push it",
            *(f"add the secret {name} in the settings of the repository" for name in timer.variables),
        ),
    )


def not_for_github(rotating: Sequence[str]) -> tuple[str, ...]:
    """Why some sources must not run there."""
    return tuple(
        f"{name}: its refresh token is a new one after every use, and what GitHub keeps between runs may be lost: run "
        "it on a machine of yours"
        for name in rotating
    )
