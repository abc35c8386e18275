"""What a file of the catalogue has to be: `make catalogue`, or `make catalogue NAME=x` for one of them.

An entry is three things, and no Python: `snapshotter/catalogue/NAME.toml`, the page `docs/catalogue/NAME.md`, and
answers in `tests/recordings/NAME/STREAM.json`. Each check tells what is wrong and what to do.
"""

import json
import re
import sys
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from snapshotter import catalogue
from snapshotter.archive import benching
from snapshotter.core.config import load_settings, load_source, settings_template
from snapshotter.core.filling import blanks
from snapshotter.core.scenarios import SCENARIOS
from snapshotter.edge.world import World
from snapshotter.errors import SnapError
from snapshotter.results.bench import TestedStream
from snapshotter.spec import Source

ROOT = Path(__file__).parent.parent
SCHEMA = "#:schema ../schema/source.v1.json\n"
PARTS = ("What it gets", "The key", "Limits", "Oddities", "How it was checked")
UNCHECKED = "could not be checked"  # what a page says where nothing but documentation was there
SETTINGS = load_settings(settings_template("UTC"))[0]
ALL = tuple(scenario.name for scenario in SCENARIOS)


def files_in(root: Path) -> Path:
    """Where the files are: those that are installed, but for a copy that a test makes."""
    return Path(catalogue.__file__).parent if root == ROOT else root / "snapshotter/catalogue"


@dataclass(frozen=True)
class Entry:
    """The files of one API."""

    name: str
    root: Path = ROOT

    @property
    def file(self) -> Path:
        return files_in(self.root) / f"{self.name}.toml"

    @property
    def page(self) -> Path:
        return self.root / f"docs/catalogue/{self.name}.md"

    @property
    def recordings(self) -> list[Path]:
        return sorted((self.root / f"tests/recordings/{self.name}").glob("*.json"))

    def text(self) -> str:
        return self.file.read_text()

    def listed(self) -> catalogue.Listing:
        return catalogue.listed(self.name, self.text())

    def source(self) -> Source:
        return load_source(self.text(), file=f"sources/{self.name}.toml", settings=SETTINGS).sources[0]


def entries(root: Path = ROOT) -> list[Entry]:
    """All of them."""
    return [Entry(path.stem, root) for path in sorted(files_in(root).glob("*.toml"))]


# --- the file ---


def file_problems(entry: Entry) -> Iterator[str]:
    """The file: its first lines, its schema, its names, its secrets."""
    text, listed = entry.text(), entry.listed()
    if not text.startswith(SCHEMA):
        yield f"its first line is {SCHEMA.strip()}"
    if not listed.title:
        yield "its second line is a title: `# What one gets, from whom`"
    if not re.search(r"^# needs: ", text, re.MULTILINE):
        yield "a line `# needs: …` says what a person fills in, or `# needs: nothing`"
    if not listed.facts or not all(page.startswith("https://") for page in listed.facts):
        yield "a line `# facts: https://…` names the pages of documentation that it was written from"
    loaded = load_source(text, file=f"sources/{entry.name}.toml", settings=SETTINGS)
    yield from map(str, (*loaded.problems, *loaded.warnings))
    if loaded.problems:
        return
    (source,) = loaded.sources
    if source.name != entry.name:
        yield f"`source` is {source.name!r}; it has the name of the file, {entry.name!r}"
    yield from _check_problems(listed, source)
    needs = ", ".join(listed.needs)
    for secret in source.secrets.values():
        if secret.where not in needs:
            yield f"`needs` does not name {secret.where}, where the secret {secret.name} is looked for"
    if any(blank.needed for blank in blanks(text)) and not listed.needs:
        yield "`needs` says nothing of the [vars] whose comment begins with `your`"


def _check_problems(listed: catalogue.Listing, source: Source) -> Iterator[str]:
    if not listed.checked:
        yield f"a line `# checked: …` says how: {', '.join(catalogue.WAYS)}; with streams in brackets if they differ"
    told = [name for check in listed.checked for name in check.streams]
    for check in listed.checked:
        if check.how not in catalogue.WAYS:
            yield f"`checked` says {check.how!r}; the words are: {', '.join(catalogue.WAYS)}"
    for name in told:
        if name not in source.streams:
            yield f"`checked` names {name!r}, which is no stream; streams are {', '.join(source.streams)}"
    rest = [check for check in listed.checked if not check.streams]
    if listed.checked and (len(rest) > 1 or (not rest and set(source.streams) - set(told))):
        yield "`checked` says of each stream how, once; a word without brackets stands for all the others"


# --- the page ---


def page_problems(entry: Entry) -> Iterator[str]:
    """The page: its parts, its streams, its sources, and whether it is honest."""
    place = f"docs/catalogue/{entry.name}.md"
    if not entry.page.is_file():
        yield f"{place} is not there; it has the parts {', '.join(PARTS)}"
        return
    text, listed = entry.page.read_text(), entry.listed()
    if not text.startswith("# "):
        yield f"{place} begins with a title"
    headings = tuple(re.findall(r"^## (.*)$", text, re.MULTILINE))
    if headings != PARTS:
        yield f"{place} has the parts {', '.join(headings)}; they are {', '.join(PARTS)}"
    missing = [name for name in entry.source().streams if f"`{name}`" not in text]
    if missing:
        yield f"{place} does not say what {', '.join(missing)} gets"
    if facts := [page for page in listed.facts if page not in text]:
        yield f"{place} does not name {', '.join(facts)}"
    is_unchecked = any(check.how == catalogue.DOCUMENTED for check in listed.checked)
    if is_unchecked and UNCHECKED not in " ".join(text.split()):
        yield f"{place} has to say that it {UNCHECKED} against real or recorded answers"


# --- the answers ---


def answers_problems(entry: Entry) -> Iterator[str]:
    """Whether there are answers for all streams, or one of those that share a template."""
    source = entry.source()
    there = {path.stem for path in entry.recordings}
    alike = _templates(entry.text())
    covered = {alike.get(name, name) for name in there}
    for name in source.streams:
        if alike.get(name, name) not in covered:
            yield (
                f"no answers for {name}: make tests/recordings/{entry.name}/{name}.json with `snap record`, or write "
                "them from the documentation with `python -m tests.answers`"
            )
    for name in sorted(there - set(source.streams)):
        yield f"tests/recordings/{entry.name}/{name}.json belongs to no stream"


def _templates(text: str) -> dict[str, str]:
    """Stream -> the template that it uses."""
    parts = re.findall(r'^\[streams\.([^].]+)\]\n(?:(?!\[).*\n)*?use = "([^"]+)"', text, re.MULTILINE)
    return {name: f"template {template}" for name, template in parts}


def played(path: Path, entry: Entry, folder: Path, only: Collection[str] = ALL) -> TestedStream:
    """One recording, played to the file."""
    world = World(env={}, state=folder)
    (told,) = benching.play_all(folder, str(path), world, file=str(entry.file), only=only).streams
    return told


def play_problems(path: Path, entry: Entry, folder: Path, only: Collection[str] = ALL) -> Iterator[str]:
    """Whether a recording is understood whatever goes wrong, and its days fall where its author says."""
    name = f"tests/recordings/{entry.name}/{path.name}"
    try:
        told = played(path, entry, folder, only)
    except SnapError as error:
        yield f"{name}: {error}"
        return
    yield from (f"{name}: {problem}" for problem in told.problems)
    for scene in told.scenarios:
        if scene.passed is False:
            yield f"{name}: {scene.scenario}: {scene.got}; it should be: {scene.expected}"
    if not told.records:
        yield f"{name}: it has no records, so nothing is shown"
    days, expected = by_day(told), json.loads(path.read_text()).get("days")
    if days and expected is None:
        yield f'{name}: say how many records belong to each day: add the member "days"; now it is {days}'
    elif expected is not None and expected != days:
        yield f"{name}: its author says that the days are {expected}, and they fall as {days}"


def by_day(told: TestedStream) -> dict[str, int]:
    """How many records each day has; nothing for what is kept as a whole."""
    return {day: count for day, count in told.days.items() if day[:1].isdigit()}


# --- no secret ---

_SECRETS = {
    "a token of GitHub": r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_\w{20,}",
    "a signed token (JWT)": r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.",
    "a key of Amazon": r"\bAKIA[0-9A-Z]{16}\b",
    "a token of Slack": r"\bxox[abprs]-[0-9A-Za-z-]{10,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY",
    "a mail address": r"\b[\w.+-]+@(?!(?:[\w-]+\.)*example\.(?:org|com|net)\b)[\w-]+\.[a-z]{2,}\b",
}
_NAMES = re.compile(
    r"^(authorization|cookie|set-cookie|password|client_secret|(access|refresh|id|auth|bearer)_?token"
    r"|x-api-key|api_?key|secret)$",
    re.IGNORECASE,
)


def secret_problems(path: Path) -> Iterator[str]:
    """What in a recording looks like a secret or like a real person's address."""
    text = path.read_text()
    for what, pattern in _SECRETS.items():
        if found := re.search(pattern, text):
            yield f"{path.name} holds what looks like {what}: {found[0][:6]}…; use --scrub, or write another"
    for name, value in _members(json.loads(text)):
        if _NAMES.match(name) and value and "{secrets." not in value:
            yield f"{path.name} has a value at {name!r}; a secret stands there by its name, {{secrets.…}}"


def _members(value: object) -> Iterator[tuple[str, str]]:
    """All pairs of a name and a text: members, headers, parameters of addresses."""
    match value:
        case dict():
            for name, inner in value.items():
                yield from ([(name, inner)] if isinstance(inner, str) else _members(inner))
                if name == "url" and isinstance(inner, str):
                    yield from re.findall(r"[?&]([^=&#]+)=([^&#]*)", inner)
        case [str(name), str(text)]:
            yield name, text
        case list():
            for inner in value:
                yield from _members(inner)


# --- all of it ---


def problems_of(entry: Entry, folder: Path, only: Collection[str] = ALL) -> Iterator[str]:
    """Everything that is wrong with one API."""
    if not entry.file.is_file():
        yield f"snapshotter/catalogue/{entry.name}.toml is not there"
        return
    found = list(file_problems(entry))
    yield from found
    if load_source(entry.text(), file=f"sources/{entry.name}.toml", settings=SETTINGS).problems:
        return
    yield from page_problems(entry)
    yield from answers_problems(entry)
    for path in entry.recordings:
        yield from secret_problems(path)
        yield from play_problems(path, entry, folder, only)


def main(names: Collection[str]) -> int:
    """Check these, or all; print what is wrong."""
    bad = 0
    for entry in [Entry(name) for name in names] or entries():
        with TemporaryDirectory() as folder:
            found = list(problems_of(entry, Path(folder)))
        bad += bool(found)
        print(f"{entry.name}: {'right' if not found else 'not yet'}", flush=True)
        print("".join(f"  - {problem}\n" for problem in found), end="")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
