"""What keeps a stream from being asked: its file, trust, secrets, its zone, or how its last run ended. Asks nothing."""

from __future__ import annotations

from collections.abc import Iterator

from snapshotter.archive.changing import changed
from snapshotter.archive.opening import Opened
from snapshotter.archive.recalling import last_record
from snapshotter.archive.trust import Trust, trust_of, why_not
from snapshotter.core import ledger, paths
from snapshotter.core.changing import ACCEPT, RENAME, cut_otherwise
from snapshotter.edge.secrets import gather
from snapshotter.evidence import StreamLedger
from snapshotter.frozen import dataclass
from snapshotter.results import Notice
from snapshotter.results.days import Hindrance
from snapshotter.spec import Source, Stream
from snapshotter.walks import STOPPED_WORDS

END_FOUND = "the end of history was found"  # how a run records that it stopped since there is no more
QUIET = ("env", "file")  # secrets that can be looked for without asking anybody


@dataclass(slots=True)
class Hindrances:
    """Finds out, for one archive."""

    opened: Opened
    _trust: Trust | None = None

    def of_stream(self, source: Source, stream: Stream, known: StreamLedger) -> Hindrance | None:
        """Why a stream is not asked any further, or None."""
        return self.of_source(source) or self.of_change(source, stream, known) or self._of_past(stream, known)

    def of_change(self, source: Source, stream: Stream, known: StreamLedger) -> Hindrance | None:
        """Why a stream is stopped by what its file says otherwise than before, or None."""
        if (zone := _of_zone(stream, known)) is not None:
            return zone
        found = changed(self.opened, source, stream)
        if found is None or (why := found.why_stopped) is None:
            return None
        what, _, ways = why.partition(". Nothing of it is asked until you ")
        return Hindrance(
            "changed", what, f"nothing of it is asked until you {ways}; see it", f"snap check {stream.key}"
        )

    def of_source(self, source: Source) -> Hindrance | None:
        """Why a source is not asked at all, or None."""
        self._trust = self._trust or trust_of(self.opened)
        if (why := why_not(source, self._trust)) is not None:
            return Hindrance(
                "untrusted", why.removesuffix("; run `snap trust`"), "look what it would do, and agree", "snap trust"
            )
        quiet = {name: ref for name, ref in source.secrets.items() if ref.kind in QUIET}
        for name, hint in gather(quiet, self.opened.world.env).missing:
            return Hindrance(
                "missing_secret", f"the secret {name!r} is missing", f"{hint}, then", f"snap fetch {source.name}"
            )
        return None

    def undescribed(self) -> Iterator[Notice]:
        """Streams that are archived and that no right source file describes: nothing of them is asked."""
        described = self.opened.described
        named = {stream.key for _, stream in self.opened.streams()}
        broken = {problem.file for problem in described.problems}
        for key in self.opened.cache.streams():
            if key not in named:
                file = f"{paths.SOURCES}/{key.split('/', 1)[0]}.toml"
                why = "its source file has mistakes (`snap check`)" if file in broken else "no source file describes it"
                back = (
                    ""
                    if file in broken
                    else f"; put it back into {file}; to be rid of it, do that, then `snap remove {key}`"
                )
                yield Notice("warning", key, f"archived, but {why}: nothing of it is asked{back}")

    def _of_past(self, stream: Stream, known: StreamLedger) -> Hindrance | None:
        ask = f"snap fetch {stream.key}"
        if known.last_try is None:
            return Hindrance("new_stream", "a new stream: nothing of it was asked yet", "the next fetch begins", ask)
        last = last_record(self.opened, stream.key)
        if last is None or last.stories or not last.closes or not last.notes or last.command in (ACCEPT, RENAME):
            return None
        why = last.notes[-1]
        if why == END_FOUND:
            return None
        cause = next((name for name, words in STOPPED_WORDS.items() if words == why), None)
        if cause is None:
            cause = "budget" if "goes on at" in why else "stopped"
        return Hindrance(cause, f"the last run stopped before it: {why}", "the next fetch goes on there", ask)


def _of_zone(stream: Stream, known: StreamLedger) -> Hindrance | None:
    zones = ledger.zones(known)
    if stream.day is None or not zones or stream.day.zone == zones[-1]:
        return None
    why = cut_otherwise(stream, zones)
    return None if why is None else Hindrance("zone", why, "put the zone back, then", "snap check")
