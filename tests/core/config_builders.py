"""Source files for tests: a whole one that is right, and short ways to spoil it."""

from __future__ import annotations

from pathlib import Path

from snapshotter.core.config import Loaded, Problem, load_settings, load_source
from snapshotter.spec import Settings, Source, Stream

EXAMPLES = Path(__file__).parent / "config_examples"
FILE = "sources/things.toml"

HEAD = """\
format = 1
source = "things"
"""
CLIENT = """\
[client]
base_url = "https://api.example.org/v1"
"""
STREAM = """\
[streams.items]
kind = "series"
path = "/items"
id = "id"
order = "newest_first"
day = { field = "at", parse = "instant", zone = "UTC" }
"""
WINDOW = """\
[streams.items.window]
start = "2020-01-01"
params = { since = "{window.start|iso}", until = "{window.end|iso}" }
"""


def a_file(*parts: str, client: str = CLIENT, stream: str = STREAM) -> str:
    """A source file that is right, with some parts more."""
    return "\n".join([HEAD, client, stream, *parts])


def a_windowed_file(*lines: str, rest: str = "") -> str:
    """A source file with a window, with some lines more in its window table."""
    return a_file(WINDOW + "\n".join(lines), rest)


def settings(zone: str = "Europe/Berlin", rest: str = "") -> Settings:
    """The settings of an archive."""
    found, problems = load_settings(f'format = 1\nzone = "{zone}"\n{rest}')
    assert found is not None, problems
    return found


def load(text: str, *, known: Settings | None = None) -> Loaded:
    """What a source file loads into."""
    return load_source(text, file=FILE, settings=known)


def source_of(text: str, *, known: Settings | None = None) -> Source:
    """The one source of a file that is right."""
    loaded = load(text, known=known)
    assert not loaded.problems, [str(problem) for problem in loaded.problems]
    (source,) = loaded.sources
    return source


def stream_of(text: str, name: str = "items", *, known: Settings | None = None) -> Stream:
    """One stream of a file that is right."""
    return source_of(text, known=known).streams[name]


def problems_of(text: str, *, known: Settings | None = None) -> tuple[Problem, ...]:
    """The mistakes of a file that has some."""
    loaded = load(text, known=known)
    assert loaded.problems
    assert not loaded.sources
    return loaded.problems


def the_problem(text: str, *, known: Settings | None = None) -> Problem:
    """The one mistake of a file."""
    problems = problems_of(text, known=known)
    assert len(problems) == 1, [str(problem) for problem in problems]
    return problems[0]


def an_example(name: str, zone: str = "Europe/Berlin") -> Source:
    """The source of one of the worked examples."""
    return source_of((EXAMPLES / f"{name}.toml").read_text(), known=settings(zone))
