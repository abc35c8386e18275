"""Where the events of a run go: to whoever watches, to the log of the run, and each exchange to a trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from snapshotter import __version__
from snapshotter.edge.exchange import Exchanged
from snapshotter.edge.lines import Lines, run_log, trace_file
from snapshotter.edge.world import World
from snapshotter.errors import SnapError
from snapshotter.results import Notice, Progress, Ran

LOGS = "log"


class Telling:
    """Tells of one run. What it is given is masked already."""

    def __init__(self, watcher: Callable[[Progress], None], world: World, *, trace: str | None = None) -> None:
        self._watcher = watcher
        self._clock = world.clock
        self._trace = None if trace is None else trace_file(Path(trace))
        self._log: Lines | None = None

    def begin(self, local: Path, run: str, **about: object) -> None:
        """Open the log of a run."""
        self._log = run_log(local / LOGS, run)
        self._event("start", run=run, snap=__version__, **about)

    def step(self, step: Progress) -> None:
        """One step of the run."""
        self._watcher(step)
        if step.kind != "budget":  # `snap limits` tells it
            self._event(step.kind, stream=step.stream, text=step.text)

    def exchange(self, source: str, told: Exchanged) -> None:
        """One request and what came of it."""
        brief: dict[str, object] = {"source": source, "method": told.method, "url": told.url, "status": told.status}
        brief |= {"size": told.size, "seconds": round(told.seconds, 3), "problem": told.problem}
        self._event("exchange", **brief)
        came = told.problem if told.status is None else f"{told.status}, {told.size:,} bytes"
        self._watcher(Progress(source, "exchange", f"{told.method} {told.url}: {came}, {told.seconds:.2f} s"))
        if self._trace is not None:
            self._trace.write(
                {"at": self._now(), **brief, "sent": _pairs(told.sent), "received": _pairs(told.received)}
            )

    def notices(self) -> Iterator[Notice]:
        """What is to be said about the files themselves."""
        for lines in (self._log, self._trace):
            if lines is not None and lines.trouble is not None:
                yield Notice("warning", "", lines.trouble)

    def end(self, ran: Ran) -> None:
        """The last line: what came of the run."""
        for notice in ran.notices:
            self._event(notice.level, about=notice.about, text=notice.text)
        for problem in ran.problems:
            self._event("problem", stream=problem.stream, state=problem.state, first=problem.first, text=problem.why)
        for held in ran.held_back:
            self._event("held_back", stream=f"{held.job.source}/{held.job.stream}", text=held.why)
        requests = sum(stream.requests for stream in ran.streams)
        self._event("end", exit=int(ran.exit), commits=len(ran.commits), requests=requests)

    @contextmanager
    def closing(self) -> Iterator[None]:
        """Let the files go at the end; an error that ends the run is its last event."""
        try:
            yield
        except SnapError as error:
            self._event("error", text=str(error))
            raise
        finally:
            for lines in (self._log, self._trace):
                if lines is not None:
                    lines.close()

    def _event(self, name: str, **more: object) -> None:
        if self._log is not None:
            self._log.write({"at": self._now(), "event": name, **more})

    def _now(self) -> str:
        return self._clock.now().isoformat(timespec="milliseconds")


def _pairs(fields: tuple[tuple[str, str], ...]) -> list[list[str]]:
    return [list(pair) for pair in fields]


Trace = Callable[[str, Exchanged], None]
