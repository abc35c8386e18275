"""`snap schedule` as a person and a timer meet it; the timers that are here read what is printed."""

import json
import os
import pwd
import shlex
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from snapshotter.core.scheduling import PERIODS
from snapshotter.results import Exit

BARE = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh"}  # all that Debian's cron gives, beside HOME and LOGNAME


def command_of(crontab: str) -> str:
    """What cron hands to /bin/sh of the first entry."""
    [line, *_] = [line for line in crontab.splitlines() if not line.startswith("#")]
    return line.split(" ", 5)[5].replace("\\%", "%")


@pytest.fixture
def odd(person, archive, monkeypatch):
    """An archive whose name needs care everywhere."""
    moved = archive.rename(archive.parent / "anna's 100% archive")
    monkeypatch.chdir(moved)
    return moved


def test_the_line_for_cron_runs_in_the_environment_of_cron(person, odd, tmp_path):
    line = command_of(person.types("schedule", "--print", "cron"))
    env = {**BARE, "HOME": str(tmp_path), "LOGNAME": "anna"}

    done = subprocess.run(["/bin/sh", "-c", line], cwd=tmp_path, env=env, capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (odd / "usgs-earthquakes/events/2018/02/2018-02-02.json").exists()


@pytest.mark.slow
@pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("cron") is None,
    reason="needs root and Debian's cron; its environment is played exactly by the test above",
)
def test_a_real_cron_runs_it(person, odd):
    user = pwd.getpwuid(os.geteuid()).pw_name
    before = subprocess.run(["crontab", "-l"], capture_output=True, text=True, check=False).stdout
    printed = person.types("schedule", "--print", "cron")
    fields = printed.splitlines()[1].split(" ", 5)
    every_minute = printed.replace(" ".join(fields[:5]), "* * * * *", 1)
    subprocess.run(["crontab", "-u", user, "-"], input=every_minute, text=True, check=True)
    try:
        cron = subprocess.Popen([shutil.which("cron"), "-f"], env={"PATH": "/usr/bin:/bin"})
        until = time.monotonic() + 90
        there = odd / "usgs-earthquakes/events/2018/02/2018-02-02.json"
        while not there.exists() and time.monotonic() < until:
            time.sleep(0.5)
        cron.terminate()
        cron.wait()
        assert there.exists()
    finally:
        subprocess.run(["crontab", "-u", user, "-" if before else "-r"], input=before, text=True, check=True)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
@pytest.mark.parametrize("every", ["5m", "1h", "6h", "1d", "7d"])
def test_systemd_understands_the_units(person, odd, tmp_path, every):
    told = json.loads(person.types("schedule", "--print", "systemd", "--every", every, "--json"))
    for name, text in told["files"].items():
        (tmp_path / name).write_text(text)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *(str(tmp_path / name) for name in told["files"])],
        capture_output=True,
        text=True,
        check=False,
    )

    ours = [line for line in done.stderr.splitlines() if "snap-" in line]
    assert ours == []
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")
def test_systemd_comes_round_as_often_as_it_is_told(person, archive):
    for minutes in PERIODS:
        told = json.loads(person.types("schedule", "--print", "systemd", "--every", f"{minutes}m", "--json"))
        [when] = [
            line.removeprefix("OnCalendar=")
            for text in told["files"].values()
            for line in text.splitlines()
            if line.startswith("OnCalendar=")
        ]
        done = subprocess.run(
            ["systemd-analyze", "calendar", "--iterations=2", "--base-time=2026-03-02 00:00:00 UTC", when],
            capture_output=True,
            text=True,
            check=False,
            env={"TZ": "UTC", "PATH": os.environ["PATH"]},
        )
        assert done.returncode == 0, f"{when}: {done.stderr}"


def test_the_workflow_fits_its_schema(person, archive, tmp_path):
    file = tmp_path / "snap.yml"
    file.write_text(person.types("schedule", "--print", "github-actions", "--every", "6h"))

    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


class Runner:
    """A machine of GitHub: new for each job, but for what the workflow's cache keeps."""

    def __init__(self, folder, origin):
        self.folder, self.origin, self.jobs, self.cache = folder, origin, 0, folder / "cache"

    def job(self, steps, *, depth=0, cached=True):
        """Check out, take the cache, run the steps, keep the cache; gives what the last step that failed said."""
        self.jobs += 1
        home, room = self.folder / f"home{self.jobs}", self.folder / f"room{self.jobs}"
        home.mkdir()
        deep = ["--depth", str(depth)] if depth else []
        subprocess.run(["git", "clone", "-q", *deep, f"file://{self.origin}", str(room)], check=True)
        kept = {"snap": room / ".git/snap", "state": home / ".local/state/snap"}
        for name, path in kept.items():
            if cached and (self.cache / name).exists():
                shutil.copytree(self.cache / name, path)
        env = {"HOME": str(home), "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "CI": "true", "TZ": "UTC"}
        said = ""
        for step in steps:
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step]
            done = subprocess.run(shell, cwd=room, env=env, capture_output=True, text=True, check=False)
            said = said or (done.stdout + done.stderr if done.returncode else "")
        shutil.rmtree(self.cache, ignore_errors=True)
        for name, path in kept.items():
            shutil.copytree(path, self.cache / name)
        return said


def test_the_workflow_archives_into_the_repository_it_lives_in(person, archive, quakes, tmp_path):
    """What its steps do, played with plain git: each job on a new machine, which knows what the cache kept."""
    from ruamel.yaml import YAML

    printed = YAML(typ="safe").load(person.types("schedule", "--print", "github-actions", "--every", "6h"))
    told = printed["jobs"]["run"]["steps"]
    assert told[0]["with"]["fetch-depth"] == 0
    [cache] = [step for step in told if step.get("uses", "").startswith("actions/cache@")]
    assert cache["with"]["path"].split() == [".git/snap", "~/.local/state/snap"]
    steps = [step["run"] for step in told if "run" in step and "pip install" not in step["run"]]
    git = ["git", "-c", "user.name=Anna", "-c", "user.email=anna@example.org"]
    subprocess.run([*git, "commit", "-qam", "Sources"], cwd=archive, check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(archive), str(tmp_path / "origin.git")], check=True)
    runner = Runner(tmp_path, tmp_path / "origin.git")

    def subjects():
        log = ["git", "-C", str(runner.origin), "log", "--format=%s", "main"]
        return subprocess.run(log, capture_output=True, text=True, check=True).stdout.splitlines()

    assert runner.job(steps) == ""
    first, asked = subjects(), len(quakes.requests)
    assert first[0].startswith("usgs-earthquakes/events: ")
    assert runner.job(steps) == ""
    assert subjects() == first
    assert len(quakes.requests) == asked
    assert runner.job(steps, cached=False) == ""
    assert subjects() == first
    assert "fetch --unshallow" in runner.job(steps, depth=1)


@pytest.fixture
def a_crontab(person, monkeypatch):
    """A `crontab` that keeps its table in a file, as the real one does; systemd does not run."""
    folder = person.folder / "bin"
    folder.mkdir()
    table = person.folder / "table"
    here = shlex.quote(str(table))
    program = (
        f'#!/bin/sh\ncase "$1" in\n-l) [ -f {here} ] && cat {here} || {{ echo "no crontab for anna" >&2; exit 1; }};;\n'
        f"-) cat > {here};;\nesac\n"
    )
    for name, text in {"crontab": program, "systemctl": "#!/bin/sh\nexit 1\n"}.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(person.folder))
    return table


def test_installing_twice_is_installing_once_and_uninstalling_leaves_the_rest(person, archive, a_crontab):
    a_crontab.write_text("5 4 * * * backup\n")

    assert "installed for cron" in person.types("schedule", "--install")
    once = a_crontab.read_text()
    person.types("schedule", "--install")

    assert a_crontab.read_text() == once
    assert once.startswith("5 4 * * * backup\n# BEGIN snap ")
    assert "run --deadline 48m" in person.types("schedule")
    assert person.types("schedule", "--uninstall") == "removed: cron\n"
    assert a_crontab.read_text() == "5 4 * * * backup\n"


def test_a_dry_run_installs_nothing(person, archive, a_crontab):
    person.types("schedule", "--install", "--dry-run")

    assert not a_crontab.exists()


def test_nothing_in_place_is_told_with_the_next_step(person, archive, a_crontab):
    assert "`snap schedule --install` changes that" in person.types("schedule")
    assert person.types("schedule", "--uninstall") == "removed: nothing was there\n"


def test_systemd_is_enabled_where_it_runs(person, archive, a_crontab):
    said = person.folder / "said"
    (person.folder / "bin/systemctl").write_text(f'#!/bin/sh\necho "$@" >> {shlex.quote(str(said))}\n')

    assert "installed for systemd" in person.types("schedule", "--install")
    assert "enable-linger" in person.err
    units = sorted(path.name for path in (person.folder / ".config/systemd/user").iterdir())
    assert [name.rpartition(".")[2] for name in units] == ["service", "timer"]
    assert f"enable --now {units[1]}" in said.read_text()
    assert person.types("schedule", "--uninstall") == "removed: systemd\n"
    assert list((person.folder / ".config/systemd/user").iterdir()) == []


def test_where_systemd_does_not_run_one_is_told_what_to_do(person, archive, a_crontab):
    person.types("schedule", "--install", "systemd", code=Exit.CONFIG)

    assert "--print systemd shows what to put where" in person.err


def test_secrets_of_the_environment_are_named_because_a_timer_lacks_them(person, archive):
    file = archive / "sources/usgs-earthquakes.toml"
    file.write_text(file.read_text().replace("[client]", '[secrets]\nkey = "env:A_KEY"\n\n[client]', 1))

    person.types("schedule", "--print", "cron")
    assert "secrets are read from A_KEY" in person.err
    person.types("schedule", "--print", "cron", "--env-file", "keys")
    assert "A_KEY" not in person.err
    assert "A_KEY: ${{ secrets.A_KEY }}" in person.types("schedule", "--print", "github-actions")


def test_three_things_at_once_are_refused(person, archive):
    person.types("schedule", "--print", "cron", "--uninstall", code=Exit.CONFIG)

    assert "give one of them" in person.err
