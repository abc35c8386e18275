"""`snap schedule`: what calls `snap run` by itself, printed, put in place, taken away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from snapshotter import __version__
from snapshotter.archive.opening import Opened, open_archive
from snapshotter.core import scheduling
from snapshotter.core.scheduling import Timer
from snapshotter.edge import timers
from snapshotter.edge.timers import Units
from snapshotter.edge.world import World
from snapshotter.errors import UsageError
from snapshotter.frozen import dataclass
from snapshotter.results import Notice
from snapshotter.results.scheduling import Scheduled
from snapshotter.spec import OAuth2Auth

LANG = "C.UTF-8"
LONGEST = 400  # characters of PATH
PLACES = ("/usr/local/bin", "/usr/bin", "/bin")


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleOptions:
    """How often, and where what is not in the archive comes from."""

    program: str  # by its whole path
    every: float = 3600.0  # seconds
    env_file: str | None = None


def shown(path: Path, kind: str, options: ScheduleOptions, world: World) -> Scheduled:
    """The text of one kind of timer; nothing is written."""
    opened = open_archive(path, world)
    timer = _timer(opened, options)
    text = scheduling.printed(kind, timer)
    return Scheduled(kind, text.files, text.steps, notices=tuple(_notices(opened, kind, timer)))


def install(path: Path, kind: str, options: ScheduleOptions, world: World) -> Scheduled:
    """Put a timer in place; `auto` takes systemd where it runs, else cron."""
    opened = open_archive(path, world)
    timer = _timer(opened, options)
    if kind == "auto":
        kind = "systemd" if timers.systemd_runs(world.env) else "cron"
    text = scheduling.printed(kind, timer)
    notices = tuple(_notices(opened, kind, timer))
    match kind:
        case "cron":
            timers.set_crontab(scheduling.installed(timers.crontab(world.env), timer), world.env)
            return Scheduled(kind, text.files, done=True, notices=notices)
        case "systemd":
            if not timers.systemd_runs(world.env):
                raise UsageError("systemd does not run for this user here; --print systemd shows what to put where")
            for name, words in text.files.items():
                Units(world.env, world.disk).write(name, words)
            timers.systemctl(world.env, "daemon-reload")
            timers.systemctl(world.env, "enable", "--now", f"{timer.name}.timer")
            return Scheduled(kind, text.files, text.steps[-1:], done=True, notices=notices)
        case _:
            raise UsageError(f"{kind} is not installed from here; --print {kind} shows what to put where")


def uninstall(path: Path, options: ScheduleOptions, world: World) -> tuple[str, ...]:
    """Take away what calls this archive; gives the kinds that were there."""
    timer = _timer(open_archive(path, world), options)
    found = []
    for kind in _in_place(timer, world):
        if kind == "cron":
            timers.set_crontab(scheduling.removed(timers.crontab(world.env), timer.archive), world.env)
        else:
            _remove_units(timer, world)
        found.append(kind)
    return tuple(found)


def look(path: Path, options: ScheduleOptions, world: World) -> Scheduled:
    """What is in place for this archive."""
    timer = _timer(open_archive(path, world), options)
    files: dict[str, str] = {}
    kinds = _in_place(timer, world)
    for kind in kinds:
        if kind == "cron":
            files["crontab"] = scheduling.found(timers.crontab(world.env), timer.archive)
        else:
            name = f"{timer.name}.timer"
            files[name] = Units(world.env, world.disk).read(name) or ""
    return Scheduled(" and ".join(kinds), files)


def _in_place(timer: Timer, world: World) -> list[str]:
    found = []
    if timers.has("crontab", world.env) and scheduling.found(timers.crontab(world.env), timer.archive):
        found.append("cron")
    if Units(world.env, world.disk).read(f"{timer.name}.timer") is not None:
        found.append("systemd")
    return found


def _remove_units(timer: Timer, world: World) -> None:
    runs = timers.systemd_runs(world.env)
    if runs:
        timers.systemctl(world.env, "disable", "--now", f"{timer.name}.timer")
    for name in (f"{timer.name}.timer", f"{timer.name}.service"):
        Units(world.env, world.disk).remove(name)
    if runs:
        timers.systemctl(world.env, "daemon-reload")


# --- what a timer has to be told ---


def _timer(opened: Opened, options: ScheduleOptions) -> Timer:
    env = opened.world.env
    environment = {"PATH": _path(env.get("PATH", "")), "LANG": LANG}
    environment |= {name: env[name] for name in ("XDG_STATE_HOME",) if env.get(name)}
    return Timer(
        program=options.program,
        archive=str(opened.root.resolve()),
        home=env.get("HOME") or "/",
        environment=environment,
        minutes=scheduling.minutes_of(options.every),
        version=__version__,
        env_file=None if options.env_file is None else str(Path(options.env_file).expanduser().resolve()),
        variables=tuple(_variables(opened)),
        state=str(opened.world.state),
    )


def _path(now: str) -> str:
    """What is found now is found then: git, and the programs of secrets; cron cuts long lines, so not without end."""
    here = [place for place in now.split(":") if place.startswith("/") and Path(place).is_dir()]
    told = ":".join(dict.fromkeys([*here, *PLACES]))
    if len(told) <= LONGEST:
        return told
    git = [place for place in here if (Path(place) / "git").exists()]
    return ":".join(dict.fromkeys([*git[:1], *PLACES]))


def _variables(opened: Opened) -> list[str]:
    """The variables of the environment that secrets are read from."""
    described = opened.described
    refs = [ref for source in described.sources.values() for ref in source.secrets.values()]
    return sorted({ref.where for ref in (*refs, *described.settings.secrets.values()) if ref.kind == "env"})


def _notices(opened: Opened, kind: str, timer: Timer) -> Iterator[Notice]:
    if kind == "github-actions":
        rotating = [
            name
            for name, source in opened.described.sources.items()
            if isinstance(source.auth, OAuth2Auth) and source.auth.grant_type == "refresh_token" and source.auth.rotates
        ]
        yield from (Notice("warning", "", words) for words in scheduling.not_for_github(rotating))
    elif timer.variables and timer.env_file is None:
        names = ", ".join(timer.variables)
        words = (
            f"a timer does not know your environment, and secrets are read from {names}: write NAME=value, a line "
            "each, into a file that only you may read, and give it with --env-file"
        )
        yield Notice("warning", "", words)
