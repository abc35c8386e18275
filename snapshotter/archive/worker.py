"""What runs elsewhere: one lane's requests, for a writer that says what to ask and keeps what comes.

Nothing of the archive is here, and nothing stays here: what a lane is lent lives as long as its link, in memory.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from snapshotter import __version__
from snapshotter.core import weighing
from snapshotter.edge.exchange import Draft, Exchanged
from snapshotter.edge.execute import link_to_writer, worker_env
from snapshotter.edge.http import Habits, Sender
from snapshotter.edge.link import Link, LinkLost, Ticket
from snapshotter.edge.world import SystemClock, World
from snapshotter.errors import Refused
from snapshotter.fetch import DetailFetcher, Fetcher
from snapshotter.masking import Masker
from snapshotter.model import Answer, GiveUp, Record, Request, SpoolEntry, Validators
from snapshotter.spec import Source, Stream
from snapshotter.walks import Loan, Order, Walked


def work(ticket: Ticket) -> str:
    """Take a lane, and do what its writer says until that lets go; gives why it ended sooner, where it did."""
    if ticket.version != __version__:
        return f"a worker has snap {__version__} and the writer {ticket.version}; install the same everywhere"
    try:
        link = link_to_writer(ticket)
    except LinkLost as error:
        return str(error)
    try:
        _Worker(link).to_its_end()
    except LinkLost as error:
        return str(error)
    finally:
        link.close()
    return ""


class TheirClock(SystemClock):
    """The writer's clock: what was received when says what is proved, so all of a run must agree on it."""

    def __init__(self) -> None:
        self._told: tuple[datetime, float] | None = None

    def set(self, now: datetime) -> None:
        """The writer says what time it is (or was, when it said so: this clock is never ahead)."""
        self._told = (now, self.monotonic())

    def now(self) -> datetime:
        """Now, by the writer."""
        if self._told is None:
            return super().now()
        now, at = self._told
        return now + timedelta(seconds=self.monotonic() - at)


_TELLING = 16 << 20  # bytes more than when the writer heard of it last


class Lent:
    """A token that the writer keeps, and lends with each turn."""

    def __init__(self, masker: Masker, name: str) -> None:
        self._masker = masker
        self._name = name
        self._shown: str | None = None

    def take(self, shown: str | None) -> None:
        """What the next request shows."""
        if shown is not None and shown != self._shown:
            self._shown = shown
            self._masker.add(self._name, shown.partition(" ")[2])

    def prepare(self) -> None:
        """It came with the turn."""

    def dress(self, draft: Draft) -> Draft:
        """The draft with the token in it."""
        return draft if self._shown is None else draft.with_header("Authorization", self._shown)

    def renew(self) -> bool:
        """The writer does that."""
        return False


class _Worker:
    """One lane."""

    def __init__(self, link: Link) -> None:
        self.link = link
        self.clock = TheirClock()
        self.sources: dict[str, Away] = {}
        self.fetchers: dict[str, Fetcher] = {}

    def to_its_end(self) -> None:
        """Follow the writer's words; raises `LinkLost`."""
        try:
            while True:
                match self.link.receive():
                    case Loan() as loan:
                        self.sources[loan.source.name] = Away(loan, self.link, self.clock)
                    case ("stream", str(key), str(source), Stream() as stream, bool(is_detail), str(run)):
                        away = self.sources[source]
                        kind = DetailFetcher if is_detail else Fetcher
                        self.fetchers[key] = kind(away.source, stream, away, run=run)
                    case Order() as order:
                        self.clock.set(order.now)
                        self._walk(order)
                    case _:
                        return
        finally:
            for away in self.sources.values():
                away.sender.close()

    def _walk(self, order: Order) -> None:
        fetcher = self.fetchers[order.fetcher]
        away = cast("Away", fetcher.world)
        if order.request is not None and isinstance(fetcher, DetailFetcher):
            walked = fetcher.one(order.job, order.request, started=order.started)
        else:
            walked = fetcher.walk(
                order.job,
                started=order.started,
                validators_of=away.validators,
                full_page_seen=order.full_page_seen,
                resumes=order.resumes,
            )
        away.bring(walked)


class Away:
    """What a walk needs of the world (`walks.Asking`), where the writer is elsewhere."""

    def __init__(self, loan: Loan, link: Link, clock: TheirClock) -> None:
        self.source = loan.source
        self._link = link
        self._clock = clock
        self._later: list[tuple[Any, ...]] = []  # words that go with the next question
        self._seen: tuple[bytes, str | None] = (b"", None)  # a body that the writer looked through for secrets
        self.masker = Masker(loan.secrets, [name for name, ref in loan.source.secrets.items() if ref.public])
        self._room = loan.room
        self._told = 0  # of what the window takes
        self._lent = Lent(self.masker, f"{loan.source.name}.access_token") if loan.has_tokens else None
        self._world = World(env=worker_env(), state=Path("/"), clock=clock)
        habits = Habits(
            extra_turn=lambda: self._ask("extra"),
            sent=lambda: self._link.send(("left",)),
            trace=self._trace,
            shows=self._lent,
        )
        self.sender = Sender(loan.source, loan.secrets, self.masker, self._world, habits=habits)

    def stopped(self) -> str | None:
        """The writer says so in place of a turn."""
        return None

    def ask(self, source: Source, request: Request, *, extra: Mapping[str, str]) -> Answer | GiveUp:
        """Send once, when the writer says that it is the lane's turn."""
        no, shown = self._ask("turn", request.method, request.url)
        if no is not None:
            return cast("Answer | GiveUp", no)
        if self._lent is not None:
            self._lent.take(shown)
        try:
            return self.sender.send(request, extra_headers=extra)
        except Refused as error:
            return GiveUp("request", str(error), stops_source=True)
        finally:
            self._later.append(("back",))

    def renew(self, source: Source) -> bool:
        """Have the writer get a new token; whether there is one now."""
        return bool(self._ask("renew"))

    def wait(self, seconds: float) -> None:
        """Sleep as long as the writer wants to."""
        self._ask("wait", seconds)

    def chance(self) -> float:
        """A number in [0, 1)."""
        return self._world.chance.random()

    def now(self) -> datetime:
        """Now, by the writer."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return self._clock.monotonic()

    def refused(self, seconds: float | None) -> None:
        """The server refused the last request for asking too much."""
        self._later.append(("refused", seconds))

    def describe(self, request: Request) -> str:
        """The request in one masked line."""
        return self.sender.describe(request)

    def spooled(self, job: str) -> Sequence[int]:
        """The pages of this job that the writer has."""
        return cast("Sequence[int]", self._ask("spooled", job))

    def spooled_page(self, job: str, page: int) -> SpoolEntry | None:
        """One of them."""
        entry, secret = self._ask("page", job, page)
        if entry is not None:
            self._seen = (entry.response.body, secret)
        return cast("SpoolEntry | None", entry)

    def spool(self, entry: SpoolEntry) -> None:
        """Hand a page over; it is in the writer's spool when this returns."""
        self._seen = (entry.response.body, self._ask("spool", entry))

    def known(self, stream: Stream, records: Sequence[Record]) -> Sequence[Record]:
        """Those of the records that are archived in a proved span."""
        return cast("Sequence[Record]", self._ask("known", stream.key, records))

    def secret_in(self, source: Source, body: bytes) -> str | None:
        """The name of a secret whose value stands in the body; the writer knows more of them."""
        seen, secret = self._seen
        return secret if body is seen else cast("str | None", self._ask("secret", body))

    def room(self, source: Source) -> int | None:
        """How much memory a window may take, at the writer and here."""
        rooms = (self._room, weighing.room(source, self._world.memory()))
        return min((room for room in rooms if room is not None), default=None)

    def hold(self, size: int) -> bool:
        """Note how much the window takes now; the writer, who will have all of it, hears of it now and then."""
        if size < self._told + _TELLING:
            return True
        self._told = size
        return bool(self._ask("hold", size))

    def tell(self, stream: Stream, kind: str, text: str) -> None:
        """Progress."""
        self._later.append(("tell", stream.key, kind, self.masker.hide(text)))

    def validators(self, identity: str) -> Validators | None:
        """What the writer knows of an earlier answer."""
        return cast("Validators | None", self._ask("validators", identity))

    def bring(self, walked: Walked) -> None:
        """The walk is at its end."""
        self._link.send(*self._later, ("walked", walked))
        self._later.clear()
        self._told = 0

    def _trace(self, told: Exchanged) -> None:
        self._later.append(("trace", told))

    def _ask(self, *question: Any) -> Any:
        self._link.send(*self._later, question)
        self._later.clear()
        return self._link.receive()
