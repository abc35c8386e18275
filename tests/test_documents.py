"""Documents say what is so: every command, key and file they name is there."""

import re
import shlex
from pathlib import Path

import click
import pytest

from snapshotter.cli import COMMANDS, snap
from snapshotter.core.config import load_settings, load_source, reference_markdown, settings_template
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
        command = snap.get_command(click.Context(snap), words[0])
        assert command is not None, f"{page.name}: snap {line}"
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
