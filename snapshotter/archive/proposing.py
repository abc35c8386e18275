"""`snap try URL` and `snap new`: one answer of an unknown API, or a person's words, become a source file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from snapshotter import __version__
from snapshotter.archive.lane import gate_of
from snapshotter.archive.opening import describe, for_writing
from snapshotter.canonical import Json, decode, decode_ndjson, plain
from snapshotter.core import paths, retry
from snapshotter.core.config import load_source
from snapshotter.core.escaping import escape
from snapshotter.core.proposing import RESERVED, Address, Proposal, Seen, as_name, propose, read_address
from snapshotter.edge.http import Sender
from snapshotter.edge.world import World
from snapshotter.errors import ConfigError, Refused, Unreadable, UsageError
from snapshotter.frozen import dataclass
from snapshotter.masking import Masker
from snapshotter.model import Answer, Batch, FileChange, Request, Response, Spent, Take
from snapshotter.spec import Auth, BasicAuth, Client, NoAuth, Pacing, Retry, SecretRef, Slot, Source, Template

_KEY = "; put its key into the address (it is taken for a secret), or say with `snap new` how else it is sent"
_POST = "; if it wants a POST, describe it by hand (docs/how-to.md has one for GraphQL)"
_HINTS = {401: _KEY, 403: _KEY, 405: _POST}


@dataclass(frozen=True, slots=True)
class Saved:
    """A source file that was written and committed."""

    path: str
    commit: str


def try_address(url: str, world: World, *, name: str | None = None) -> Proposal:
    """What one answer of an address suggests; no secret of this machine is sent, and nothing is written."""
    address = read_address(url)
    if name is not None:
        check_name(name)
    masker = Masker(address.values)
    answer = _asked(address, world, masker)
    body, is_ndjson = _decoded(answer, masker)
    seen = Seen(address, answer.url, answer.headers, plain(body), is_ndjson=is_ndjson)
    return propose(seen, today=world.clock.now().date(), name=name)


def check_name(name: str) -> None:
    """`UsageError` for what cannot be the name of a source."""
    if name in RESERVED:
        raise UsageError(f"{name!r} is kept for the archive itself; choose another name")
    if as_name(name, "") != name:
        raise UsageError(f"{name!r} is no name; it has small letters, digits, - and _ and starts with a letter")


def _source(address: Address) -> Source:
    """Just enough of a source to ask it once."""
    secrets = {name: SecretRef(name, "env", name) for name in address.values}
    auth: Auth = NoAuth()
    if "username" in secrets:
        auth = BasicAuth(Template((Slot("secrets", "username"),)), Template((Slot("secrets", "password"),)))
    client = Client(address.base_url)
    return Source("try", "try", "", None, secrets, client, auth, (), (), Pacing(), Retry(), {})


def _asked(address: Address, world: World, masker: Masker) -> Response:
    source = _source(address)
    request = Request("GET", address.base_url + address.path, address.public_params())
    sender = Sender(source, address.values, masker, world)
    gate = gate_of([source], address.values, world, stopped=lambda: False)
    try:
        with gate.turn(method="GET") as turn:
            if isinstance(turn, Spent):
                raise UsageError(f"{turn.why}; try again after {turn.until:%Y-%m-%d %H:%M} UTC")
            answer = sender.send(request)
            if isinstance(answer, Response):
                turn.answered(answer.status, answer.headers)
    finally:
        sender.close()
        gate.close()
    return _good(answer, source, world, masker)


def _good(answer: Answer, source: Source, world: World, masker: Masker) -> Response:
    """The answer if it brought something; else why not, and what to do."""
    policy = replace(source.retry, attempts=1)  # asked once only
    verdict = retry.judge(
        answer,
        rules=(),
        policy=policy,
        page_is_first=True,
        attempt=1,
        spent_seconds=0.0,
        max_wait=0.0,
        now=world.clock.now(),
        chance=0.0,
    )
    if isinstance(answer, Response) and isinstance(verdict, Take):
        return answer
    why = masker.hide(getattr(verdict, "why", None) or "the answer is empty")
    hint = _HINTS.get(answer.status, "") if isinstance(answer, Response) else ""
    raise Refused(f"nothing to propose from: {why}{hint}")


def _unreadable(error: Unreadable, answer: Response, masker: Masker) -> Refused:
    """Why the body is of no use, with what the server says it is."""
    kind = (answer.header("content-type") or "").partition(";")[0].strip().lower()
    told = "" if not kind or "json" in kind else f"; the server calls it {escape(masker.hide(kind), 60)}"
    return Refused(f"nothing to propose from: {masker.hide(str(error))}{told}")


def _decoded(answer: Response, masker: Masker) -> tuple[Json, bool]:
    """The value of the body, and whether it is one document a line."""
    try:
        return decode(answer.body).value, False
    except Unreadable as error:
        if retry.looks_like_html(answer):
            raise Refused(
                "nothing to propose from: a web page came, no JSON; look for the address of the API in its documents"
            ) from error
        if error.reason != "trailing":
            raise _unreadable(error, answer, masker) from error
    try:
        return decode_ndjson(answer.body).value, True
    except Unreadable as error:
        raise _unreadable(error, answer, masker) from error


def save(path: Path, name: str, text: str, origin: str, world: World) -> Saved:
    """Write a source file into the archive and commit it; one that is there already is never overwritten."""
    target = f"{paths.SOURCES}/{name}.toml"
    with for_writing(path, world, command="snap try --save") as opened:
        if (opened.root / target).exists():
            raise UsageError(f"{target} is there already; choose another name, or move it away first")
        problems = load_source(text, file=target, settings=opened.described.settings).problems
        if problems:
            raise ConfigError("\n".join(map(str, problems)))
        message = f"Add {name}\n\n{origin} by snap {__version__}.\n\nSource: {name}\n"
        change = FileChange(target, text.encode())
        commit = opened.store.commit(Batch((change,), message, world.clock.now()), opened.store.head())
        opened.store.finish()
        opened.described = describe(opened.root, opened.store)
        return Saved(target, commit)


def check_free(path: Path, name: str, world: World) -> None:
    """`UsageError` unless an archive is there and has no such source yet, said before anything is asked."""
    check_name(name)
    with for_writing(path, world, command="snap try --save") as opened:
        if (opened.root / f"{paths.SOURCES}/{name}.toml").exists():
            raise UsageError(f"{paths.SOURCES}/{name}.toml is there already; choose another name, or move it away")
