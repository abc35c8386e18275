"""`snap record`: one walk of a stream, asked as always, kept in a file that a contributor can commit.

The walk goes into an archive that is thrown away; what passes on the wire is noted. No secret may be in what is
written: each stands by its name, exchanges with a token endpoint are left out, and a last look at the finished bytes
refuses the whole file if anything is left.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from snapshotter import __version__
from snapshotter.archive.fetching import draw
from snapshotter.archive.opening import Opened, open_archive
from snapshotter.archive.running import Drawn, Errand, carry_out
from snapshotter.archive.stopping import Stops, Tell
from snapshotter.archive.trust import secrets_of, trust_of, why_not
from snapshotter.core import paths, planning
from snapshotter.core.days import day_at
from snapshotter.core.recordings import FOLDER, Answered, Asked, Recording, Taken, form_pairs, plain_json, to_bytes
from snapshotter.core.scrubbing import Secrets, StandIns, without_secrets
from snapshotter.edge.exchange import Carrier, Draft, Got
from snapshotter.edge.files import Folder
from snapshotter.edge.scratch import scratch_folder
from snapshotter.edge.secrets import Gathered
from snapshotter.edge.spool import Spool
from snapshotter.edge.store import Store
from snapshotter.edge.world import World
from snapshotter.errors import ConfigError, Refused, UsageError
from snapshotter.masking import Masker
from snapshotter.model import Batch, FileChange
from snapshotter.results import FetchOptions, Ran
from snapshotter.results.bench import Recorded, RecordOptions
from snapshotter.spec import JwtBearerAuth, OAuth2Auth, Source, Stream


def record(
    path: Path, target: str, world: World, *, options: RecordOptions, tell: Tell, stops: Stops | None = None
) -> Recorded:
    """Ask a stream once and write down what was said on both sides; raises `Refused` rather than tell a secret."""
    opened = open_archive(path, world)
    source, stream = opened.stream(target)
    gathered = _ready(source, opened)
    asked = _days(stream, options, world)
    halt = stops or Stops(world.clock)
    tap = Tap(source, gathered, pages=options.pages, full=halt.interrupt)
    if options.dry_run:
        return _told(Recording(source.name, stream.name, world.clock.now(), (), asked.since, asked.until), None, b"", 0)
    ran = _walked(opened, source, asked, tap, tell=tell, stops=halt)
    if halt.interrupted and not tap.is_full:
        raise Refused(f"{stream.key} was not recorded: it was interrupted, and nothing is written")
    _check(ran, stream, tap)
    recording = replace(_recording(stream, asked, ran.started, tap, scrub=options.scrub), cut=bool(ran.held_back))
    data = to_bytes(recording)
    left = tap.masker.found_in(data)
    if left is not None:
        raise Refused(f"{stream.key} was not recorded: the value of the secret {left!r} would be in the file")
    file = _written(opened.root, options.file, stream, data)
    return _told(recording, file, data, sum(item.records for item in ran.streams))


def _ready(source: Source, opened: Opened) -> Gathered:
    trust = trust_of(opened)
    if (why := why_not(source, trust)) is not None:
        raise Refused(f"{source.name}: {why}")
    gathered = secrets_of(source, opened, trust)
    if gathered.missing:
        name, hint = gathered.missing[0]
        raise ConfigError(f"{source.name}: the secret {name!r} is missing: {hint}")
    return gathered


def _days(stream: Stream, options: RecordOptions, world: World) -> FetchOptions:
    """The days to ask for; by default those of the newest window."""
    since, until = options.since, options.until
    if stream.window is None:
        if since is not None or until is not None:
            raise UsageError(f"{stream.key} cannot be asked by day; leave --day, --since and --until out")
        return FetchOptions(targets=(stream.key,))
    if since is None and until is None:
        planned = planning.plan_stream(stream, planning.StreamState(), now=world.clock.now())
        window = planned.jobs[0].window if planned.jobs else None
        if window is None:
            raise UsageError(f"{stream.key}: its window ends before it starts; look at window.start and window.end")
        zone = stream.day.zone if stream.day is not None else "UTC"
        since, until = day_at(window.start, zone), day_at(window.end - planning.MOMENT, zone)
    return FetchOptions(targets=(stream.key,), since=since or until, until=until or since)


class Tap:
    """Notes what passes on the wire, without the exchanges with a token endpoint."""

    def __init__(self, source: Source, gathered: Gathered, *, pages: int | None, full: Callable[[], None]) -> None:
        self.masker = Masker(gathered.values, [name for name, ref in source.secrets.items() if ref.public])
        self.secrets = Secrets(gathered.values, self.masker)
        self.taken: list[Taken] = []
        self._lock = threading.Lock()
        self._home = _origin(source.client.base_url)
        self._token_url = source.auth.token_url if isinstance(source.auth, OAuth2Auth | JwtBearerAuth) else None
        self._pages = pages
        self._full = full

    @property
    def is_full(self) -> bool:
        """Whether as many pages were noted as were wanted."""
        return self._pages is not None and len(self.taken) >= self._pages

    def around(self, carrier: Carrier) -> Carrier:
        """The same carrier, overheard."""

        def carry(draft: Draft, body: bytes | None, /) -> Got:
            got = carrier(draft, body)
            with self._lock:
                self._note(draft, got)
            return got

        return carry

    def _note(self, draft: Draft, got: Got) -> None:
        for name, value in draft.headers:
            if name.lower() == "authorization":
                self.masker.add("authorization", value.partition(" ")[2])
        if draft.url.partition("?")[0] == self._token_url:
            self._hide_all(got.body)
            return
        url = draft.url.removeprefix(self._home) if draft.url.startswith(f"{self._home}/") else draft.url
        body = draft.form if draft.form is not None else None if draft.json is None else plain_json(draft.json)
        asked = Asked(draft.method, url, body, draft.headers)
        self.taken.append(Taken(asked, Answered(got.status, got.headers, got.body)))
        if self.is_full:
            self._full()

    def _hide_all(self, body: bytes) -> None:
        """Every text of a token endpoint's answer is a secret from now on."""
        try:
            found = json.loads(body)
        except ValueError:
            found = dict(form_pairs(body.decode("utf-8", "replace")))
        for name, value in (found if isinstance(found, dict) else {}).items():
            if isinstance(value, str) and name.endswith("token"):
                self.masker.add(name, value)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


# --- an archive to throw away ---


@contextmanager
def throw_away(opened: Opened, source: Source, world: World) -> Iterator[Path]:
    """An archive with the settings and the file of one source, gone at the end."""
    files = {name: Folder(opened.root).read(name) for name in (paths.SETTINGS, source.file)}
    with made_of({name: data for name, data in files.items() if data is not None}, world) as folder:
        yield folder


@contextmanager
def made_of(files: dict[str, bytes], world: World) -> Iterator[Path]:
    """An archive with these files, gone at the end."""
    with scratch_folder() as folder:
        store = Store.create(folder / "archive", env=world.env, disk=world.disk)
        changes = tuple(FileChange(name, data) for name, data in files.items())
        store.commit(Batch(changes, "Begin a trial\n", world.clock.now()), None)
        store.finish()
        yield store.root


def the_list(drawn: Drawn) -> Drawn:
    """The plan without details: a recording is one walk of a list, and each detail would be a walk of its own."""
    drawn.work = [item for item in drawn.work if not item.job.detail]
    return drawn


def _walked(opened: Opened, source: Source, asked: FetchOptions, tap: Tap, *, tell: Tell, stops: Stops) -> Ran:
    inner = opened.world.carriage
    world = replace(opened.world, carriage=lambda wire: tap.around(wire if inner is None else inner(wire)))
    given = {source.name: secrets_of(source, opened, trust_of(opened))}

    def drawn(trial: Opened, spool: Spool, now: datetime) -> Drawn:
        return the_list(draw(trial, spool, asked, now=now, given=given))

    with throw_away(opened, source, world) as folder:
        return carry_out(folder, Errand("record", drawn, asked.targets), asked, world, tell=tell, stops=stops)


def _check(ran: Ran, stream: Stream, tap: Tap) -> None:
    if ran.problems:
        problem = ran.problems[0]
        raise Refused(f"{stream.key} was not recorded: {problem.state}: {problem.why}")
    if ran.held_back and not tap.is_full:
        raise Refused(f"{stream.key} was not recorded: {ran.held_back[0].why}")


# --- the file ---


def _recording(stream: Stream, asked: FetchOptions, at: datetime, tap: Tap, *, scrub: tuple[str, ...]) -> Recording:
    named = [without_secrets(taken, tap.secrets, tap.masker) for taken in _settled(tap.taken)]
    if not named:
        raise Refused(f"{stream.key} was not recorded: nothing was asked")
    return Recording(
        source=stream.source,
        stream=stream.name,
        at=at,
        exchanges=StandIns(scrub).replaced(named),
        since=asked.since,
        until=asked.until,
        scrubbed=scrub,
        snap=__version__,
    )


def _settled(taken: list[Taken]) -> list[Taken]:
    """What came in the end, without refusals and failures that were asked again."""
    last: dict[str, Taken] = {}
    for item in taken:
        last[repr((item.asked.method, item.asked.url, item.asked.body))] = item
    return list(last.values())


def _written(root: Path, file: str | None, stream: Stream, data: bytes) -> str:
    """Write it; a file that is no recording is never overwritten."""
    place = Path(file) if file is not None else root / FOLDER / stream.source / f"{stream.name}.json"
    folder = Folder(place.parent.absolute())
    folder.root.mkdir(parents=True, exist_ok=True)
    there = folder.read(place.name)
    if there is not None and b'"exchanges"' not in there:
        raise UsageError(f"{place} is there already and is no recording; name another file with --to")
    folder.write(place.name, data)
    return str(place)


def _told(recording: Recording, path: str | None, data: bytes, records: int) -> Recorded:
    return Recorded(
        stream=recording.key,
        path=path,
        exchanges=len(recording.exchanges),
        size=len(data),
        cut=recording.cut,
        records=records,
        scrubbed=recording.scrubbed,
        since=recording.since,
        until=recording.until,
    )
