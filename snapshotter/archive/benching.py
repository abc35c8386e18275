"""`snap test`: a recording, played to the source file as it is now, without any network.

Each play has an archive and a state folder of its own, a clock that nobody waits for, and made-up secrets. First all
answers come as they were recorded; then, scenario by scenario, one of them comes otherwise, and after it a clean run.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path

from snapshotter import catalogue
from snapshotter.archive.fetching import draw
from snapshotter.archive.looking import status, terms_of
from snapshotter.archive.opening import Opened, open_archive
from snapshotter.archive.past import run_lines, run_story
from snapshotter.archive.recording import made_of, the_list
from snapshotter.archive.replaying import Answers, Player, made_up, without_a_world
from snapshotter.archive.running import Drawn, Errand, carry_out
from snapshotter.core import paths, recordings, scenarios
from snapshotter.core.config import load_settings, load_source, settings_template
from snapshotter.core.recordings import Recording
from snapshotter.core.scenarios import At, Fault, Outcome, Scenario, Trial
from snapshotter.core.states import Judge
from snapshotter.edge.files import Folder
from snapshotter.edge.scratch import ScratchDisk, TurnedClock
from snapshotter.edge.secrets import Gathered
from snapshotter.edge.spool import Spool
from snapshotter.edge.world import World
from snapshotter.errors import ConfigError, UsageError
from snapshotter.frozen import dataclass
from snapshotter.model import DayState, JobStory
from snapshotter.results import FetchOptions, Progress, Ran
from snapshotter.results.bench import Played, Tested, TestedStream
from snapshotter.spec import NoAuth, Source

COMPLETE = (DayState.SAVED, DayState.EMPTY)
NOT_ASKED = (DayState.UNTRIED, DayState.BEYOND)


def play_all(
    path: Path, target: str, world: World, *, file: str | None = None, only: Collection[str] | None = None
) -> Tested:
    """Play a recording, or all recordings of a source; with all that can go wrong, or `only` the scenarios named."""
    found = list(_recordings(path, target, world))
    wanted = [scene for scene in scenarios.SCENARIOS if only is None or scene.name in only]
    benches = (_Bench(name, recording, _described(path, recording, world, file)) for name, recording in found)
    return Tested(tuple(bench.play(wanted) for bench in benches))


def ask_once(recording: Recording, answers: Answers, world: World, *, file: str | None = None) -> Ran:
    """Ask what a recording says once, and let somebody else answer: how a recording is written by hand."""
    described = _described(Path.cwd(), recording, world, file)
    with _Bench("", recording, described, answers).stage() as stage:
        return stage.run()


def _recordings(path: Path, target: str, world: World) -> Iterator[tuple[str, Recording]]:
    place = Path(target)
    if place.is_file():
        yield target, _read(place)
        return
    if "/" in target and target.endswith(".json"):
        raise UsageError(f"no file {target}")
    root = open_archive(path, world).root
    name, _, stream = target.partition("/")
    there = sorted((root / recordings.FOLDER / name).glob(f"{stream or '*'}.json"))
    if not there:
        make = f"snap record {name}/{stream or 'STREAM'}"
        raise UsageError(f"no recording of {target!r} in {recordings.FOLDER}/; make one with `{make}`")
    for one in there:
        yield str(one.relative_to(root)), _read(one)


def _read(place: Path) -> Recording:
    data = Folder(place.parent.absolute()).read(place.name)
    return recordings.from_bytes(data or b"", place.name)


@dataclass(frozen=True, slots=True)
class Described:
    """The files that a play works with."""

    name: str  # of the source file, as it is told
    path: str  # inside the archive of the play
    text: bytes
    settings: bytes


def _described(path: Path, recording: Recording, world: World, file: str | None) -> Described:
    """The source file: the one that was named, that of the archive around, or that of the catalogue."""
    settings = settings_template("UTC").encode()
    if file is not None:
        data = Folder(Path(file).parent.absolute()).read(Path(file).name)
        if data is None:
            raise UsageError(f"no file {file}")
        return Described(file, f"{paths.SOURCES}/{Path(file).name}", data, settings)
    try:
        opened = open_archive(path, world)
    except UsageError:
        opened = None
    if opened is not None and recording.source in opened.described.sources:
        found = opened.described.sources[recording.source].file
        folder = Folder(opened.root)
        return Described(found, found, folder.read(found) or b"", folder.read(paths.SETTINGS) or settings)
    if recording.source in catalogue.names():
        text = catalogue.text(recording.source).encode()
        return Described(
            f"the catalogue's {recording.source}", f"{paths.SOURCES}/{recording.source}.toml", text, settings
        )
    broken = [] if opened is None else [str(problem) for problem in opened.described.problems]
    if broken:
        raise ConfigError("\n".join(broken))
    raise UsageError(f"no source {recording.source!r} here or in the catalogue; name its file with --source FILE")


class _Bench:
    """One recording, played in every way."""

    def __init__(self, name: str, recording: Recording, described: Described, answers: Answers | None = None) -> None:
        self.name = name
        self.answers = answers
        self.recording = recording
        self.described = described
        self.source = self._source()
        self.stream = self.source.streams[recording.stream]

    def _source(self) -> Source:
        settings, _ = load_settings(self.described.settings.decode(), file=paths.SETTINGS)
        text = self.described.text.decode("utf-8", "replace")
        if settings is None:
            raise ConfigError(f"{paths.SETTINGS} has mistakes; `snap check` lists them")
        loaded = load_source(text, file=self.described.path, settings=settings)
        if loaded.problems:
            raise ConfigError("\n".join(map(str, loaded.problems)))
        source = next((one for one in loaded.sources if one.name == self.recording.source), None)
        if source is None or self.recording.stream not in source.streams:
            known = ", ".join(f"{one.name}/{name}" for one in loaded.sources for name in one.streams)
            raise UsageError(f"{self.described.name} has no stream {self.recording.key}; it has {known}")
        return source

    def play(self, wanted: Sequence[Scenario]) -> TestedStream:
        """The clean play, then these scenarios."""
        with self.stage() as stage:
            ran, stories = stage.run(), stage.stories()
            clean = stage.outcome(ran)
            days, states = stage.days(), stage.states()
            lacks, asked = tuple(stage.player.lacks), stage.player.count
        problems = [f"not in the recording: {line}" for line in dict.fromkeys(lacks)]
        if not self.recording.cut:
            problems += [f"{problem.state}: {problem.why}" for problem in ran.problems]
        places = _places(stories, asked)
        played = [self._scene(scenario, places, clean) for scenario in wanted]
        return TestedStream(
            stream=self.recording.key,
            recording=self.name,
            source_file=self.described.name,
            requests=asked,
            records=sum(story.received for story in stories),
            days=days,
            states=states,
            stops=dict(Counter(story.stop for story in stories)),
            scenarios=tuple(played),
            problems=tuple(problems),
        )

    def _scene(self, scenario: Scenario, places: Mapping[At, int], clean: Outcome) -> Played:
        if scenario.fault is Fault.EXPIRED and isinstance(self.source.auth, NoAuth):
            return Played(scenario.name, scenario.expected, "nobody signs in here", passed=None)
        with self.stage() as stage:
            stage.player.plan(scenario.fault, places.get(scenario.at))
            faulted = stage.outcome(stage.run(), clean)
            early = stage.player.early
            stage.player.plan(Fault.NONE, None)
            stage.clock.sleep(stage.until_due().total_seconds())
            healed = stage.outcome(stage.run(), clean)
            trial = Trial(stage.player.fired, faulted, healed, early)
        return scenarios.judged(scenario, trial, clean)

    @contextmanager
    def stage(self) -> Iterator[_Stage]:
        """An archive of its own, and who answers in it."""
        clock = TurnedClock(self.recording.at)
        player = Player(self.recording, self.source, clock, answers=self.answers)
        files = {paths.SETTINGS: self.described.settings, self.described.path: self.described.text}
        plain = World(env={}, state=Path("/nonexistent"), clock=clock, chance=random.Random(1), disk=ScratchDisk())  # noqa: S311
        with made_of(files, plain) as root:
            world = replace(plain, state=root.parent / "state", carriage=player.instead_of)
            yield _Stage(self, root, world, clock, player)


def _places(stories: Sequence[JobStory], asked: int) -> dict[At, int]:
    """Which request is the first, the last that brought records, and the second page of a walk."""
    found = {At.FIRST: 0, At.LAST: max(0, asked - 1)}
    before = 0
    for story in stories:
        full = [number for number, page in enumerate(story.pages) if page.records]
        if full:
            found[At.LAST] = before + full[-1]
        if len(story.pages) > 1:
            found.setdefault(At.SECOND, before + 1)
        before += story.requests
    return found


class _Stage:
    """One archive, and the runs in it."""

    def __init__(self, bench: _Bench, root: Path, world: World, clock: TurnedClock, player: Player) -> None:
        self.bench = bench
        self.root = root
        self.world = world
        self.clock = clock
        self.player = player

    def run(self) -> Ran:
        """One run over the days of the recording."""
        recording = self.bench.recording
        asked = FetchOptions(targets=(recording.key,), since=recording.since, until=recording.until)

        def drawn(opened: Opened, spool: Spool, now: datetime) -> Drawn:
            source = without_a_world(opened.described.sources[recording.source])
            opened.described = replace(opened.described, sources={source.name: source})
            given = {source.name: Gathered(made_up(source))}
            made = the_list(draw(opened, spool, asked, now=now, given=given))
            made.notices.clear()
            return made

        return carry_out(self.root, Errand("test", drawn, asked.targets), asked, self.world, tell=_nobody)

    def until_due(self) -> timedelta:
        """How long until what failed may be asked again."""
        waits = [story.miss.next_try for story in self.stories() if story.miss is not None]
        last = max((at for at in waits if at is not None), default=self.clock.now())
        return max(timedelta(), last - self.clock.now()) + timedelta(seconds=1)

    def stories(self) -> list[JobStory]:
        """What became of every job, oldest first."""
        names = [line.run for line in run_lines(self.root, self.world)]
        records = [record for name in names for record in run_story(self.root, name, self.world).records]
        return [story for record in sorted(records, key=lambda record: record.turn) for story in record.stories]

    def outcome(self, ran: Ran, clean: Outcome | None = None) -> Outcome:
        """What stands in the archive now, beside what a clean play left."""
        documents = {path: blob for path, blob in self._documents() if "/_held/" not in path}
        looked_at = {*documents, *(clean.documents if clean is not None else ())}
        return Outcome(
            documents=documents,
            complete=frozenset(path for path in looked_at if self._is_complete(path, ran)),
            states=self.states(),
            why=ran.problems[0].why if ran.problems else "",
        )

    def days(self) -> dict[str, int]:
        """How many records each document has, by its day."""
        opened = open_archive(self.root, self.world)
        key = self.bench.recording.key
        whole = (f"{key}/snapshot.json", f"{key}/undated.json")
        documents = [item for item in self._documents() if item[0] in whole or paths.day_of(item[0], key) is not None]
        found = {path: opened.store.blob(blob).count(b"\n") - 2 for path, blob in documents if "/_held/" not in path}
        return {Path(path).stem: max(0, count) for path, count in sorted(found.items())}

    def states(self) -> dict[str, int]:
        """How many days are in which state."""
        (told,) = status(self.root, [self.bench.recording.key], self.world).streams
        known = {state.value: count for state, count in told.counts.items() if state not in NOT_ASKED}
        return dict(sorted(known.items()))

    def _documents(self) -> list[tuple[str, str]]:
        store = open_archive(self.root, self.world).store
        return [(path, blob) for path, blob in store.paths(self.bench.recording.key) if "/_runs/" not in path]

    def _is_complete(self, path: str, ran: Ran) -> bool:
        day = paths.day_of(path, self.bench.recording.key)
        if day is None:
            return not ran.problems and not ran.held_back
        return self._state(day) in COMPLETE

    def _state(self, day: date) -> DayState:
        opened = open_archive(self.root, self.world)
        with opened.closing():
            _, stream = opened.stream(self.bench.recording.key)
            terms = terms_of(stream, opened.described.settings.zone, now=self.clock.now())
            (found,) = Judge(opened.cache.ledger(stream.key), terms).ranges((day, day))
        return found.judged.state


def _nobody(step: Progress) -> None:
    """Nobody watches a play."""
