"""Documents say what is so: every command, key and file they name is there."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest

from docs.make.commands import command_reference
from snapshotter.cli import COMMANDS, snap
from snapshotter.core.config import load_settings, load_source, reference_markdown, settings_template
from snapshotter.edge.quakes import Quakes
from snapshotter.errors import SnapError
from snapshotter.results import Exit

ROOT = Path(__file__).parent.parent
PAGES = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
SETTINGS, _ = load_settings(settings_template("UTC"))


def every_command() -> list[tuple[str, click.Command]]:
    found = []
    for name in COMMANDS:
        command = snap.get_command(click.Context(snap), name)
        found.append((name, command))
        if isinstance(command, click.Group):
            found += [(f"{name} {inner}", sub) for inner, sub in command.commands.items()]
    return found


def commands_in(text: str) -> list[str]:
    lines = re.findall(r"^ {4,}snap (.+?)(?:  .*| #.*)?$", text, re.MULTILINE)
    return lines + re.findall(r"`snap ([a-z][^`]*)`", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_in_a_page_is_one(page):
    for line in commands_in(page.read_text()):
        words = shlex.split(line.replace("…", ""))
        while words[0] in ("-C", "--archive"):
            words = words[2:]
        command = snap.get_command(click.Context(snap), words[0])
        assert command is not None, f"{page.name}: snap {line}"
        if isinstance(command, click.Group) and words[1:2] and words[1] in command.commands:
            command = command.commands[words[1]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} - known == set(), f"{page.name}: snap {line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_in_a_page_leads_to_a_file(page):
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} -> {target}"


def test_the_reference_of_source_files_is_made_from_the_checker():
    text = (ROOT / "docs/sources.md").read_text()

    assert text.endswith("# Reference\n\n" + reference_markdown())


def test_the_source_file_in_the_readme_is_right():
    text = re.search(r"```toml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)[1]

    loaded = load_source(text, file="sources/weather.toml", settings=SETTINGS)

    assert loaded.problems == ()
    assert list(loaded.sources[0].streams) == ["readings"]


@pytest.mark.parametrize(
    ("name", "command"), every_command(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_command_has_help_with_an_example_and_its_exit_codes(name, command):
    text = command.get_help(click.Context(command, info_name=f"snap {name}", max_content_width=100))

    assert "Example" in text
    assert f"snap {name.split()[0]}" in text
    assert "Exit codes" in text


def test_every_exit_code_stands_in_the_design_page():
    table = set(re.findall(r"^\| (\d+) \|", (ROOT / "docs/design.md").read_text(), re.MULTILINE))

    assert table == {str(int(code)) for code in Exit}


def test_every_error_has_an_exit_code():
    from snapshotter.cli.exits import code_of

    for kind in SnapError.__subclasses__():
        if kind.__module__ != "snapshotter.errors":
            continue  # inner errors of a room, which its callers handle
        error = kind("a", "b") if kind.__name__ == "Unreadable" else kind("a")
        assert code_of(error) is not Exit.BUG, kind


def typed_in(page: str) -> list[str]:
    """The indented lines of a page: what a person types."""
    return [line.strip() for line in (ROOT / page).read_text().splitlines() if line.startswith("    ")]


def test_the_tutorial_can_be_played_from_beginning_to_end(tmp_path):
    lines = [line for line in typed_in("docs/tutorial.md") if "snap-env" not in line]
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin/snap"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m snapshotter "$@"\n')
    program.chmod(0o755)
    who = {f"GIT_{role}_{part}": "anna@localhost" for role in ("AUTHOR", "COMMITTER") for part in ("NAME", "EMAIL")}
    env = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **who}

    with Quakes() as server:
        script = "\n".join(["set -e", *lines]).replace("https://earthquake.usgs.gov", server.base_url)
        done = subprocess.run(
            ["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )

    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    assert "complete from 2018-02-01" in done.stdout
    assert (tmp_path / "copy/quakes/event/2018/02/2018-02-02.json").exists()


def test_the_line_for_cron_names_everything_by_its_whole_path():
    line = re.search(
        r"^\S+ \S+ \S+ \S+ \S+ (/\S+/snapshotter -C /.*)$", (ROOT / "docs/tutorial.md").read_text(), re.MULTILINE
    )

    assert line is not None
    _, _, folder, name, *_ = shlex.split(line[1].replace(";", " ;"))
    assert folder.startswith("/")
    assert name in COMMANDS


def test_the_picture_of_the_terminal_loads_nothing_from_elsewhere():
    text = (ROOT / "docs/terminal.svg").read_text()

    assert "snap" in text
    assert "fetch" in text
    assert "@font-face" not in text
    assert "url(http" not in text


def needs() -> list[tuple[str, list[str], list[str]]]:
    """The table of needs: number, keys, tests."""
    text = (ROOT / "docs/sources.md").read_text()
    table = text[text.index("## Sixty needs") : text.index("\n# Reference")]
    rows = [line.strip("|").split("|") for line in table.splitlines() if re.match(r"\| \d+ \|", line)]
    return [(row[0].strip(), re.findall(r"`([^`]+)`", row[2]), re.findall(r"`([^`]+)`", row[3])) for row in rows]


def keys_of_the_grammar() -> set[str]:
    """Every key of a source file with the tables it stands in, as the reference has it."""
    found: set[str] = set()
    section = ""
    for line in reference_markdown().split("## `snap.toml`")[0].splitlines():
        if heading := re.match(r"#+ `\[+(.*?)\]+`", line):
            section = f"{heading[1]}."
        elif row := re.match(r"\| `([^`]+)` \|", line):
            found.add(f"{section}{row[1]}")
    return found


def test_there_are_sixty_needs_and_the_keys_they_name_are_in_the_grammar():
    known = keys_of_the_grammar()

    assert [number for number, _, _ in needs()] == [str(number) for number in range(1, 61)]
    assert {key for _, keys, _ in needs() for key in keys} - known == set()
    assert all(keys for _, keys, _ in needs())


@pytest.mark.parametrize(("number", "tests"), [(number, tests) for number, _, tests in needs()])
def test_the_tests_that_prove_a_need_are_there(number, tests):
    assert tests
    for test in tests:
        file, _, name = test.partition("::")
        text = (ROOT / "tests" / file).read_text()
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), test


def test_the_reference_of_commands_is_made_from_the_commands():
    assert (ROOT / "docs/commands.md").read_text() == command_reference(), "`make docs` writes it"
