"""After a run: who is told what, by mail, a web address, Apprise or a command; and the dead man's switch is called.

Nothing here changes what is saved. What cannot be delivered waits in `.git/snap/outbox` and goes with the next run.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from snapshotter.archive import details
from snapshotter.archive.opening import Opened, open_archive
from snapshotter.archive.remembering import Memory, Told
from snapshotter.archive.trust import trust_of
from snapshotter.core import notifying, paths, troubles
from snapshotter.core.notifying import Message, Trouble
from snapshotter.edge.files import Folder
from snapshotter.edge.secrets import gather
from snapshotter.edge.state import private_folder
from snapshotter.edge.world import World
from snapshotter.errors import CouldNotTell, SnapError
from snapshotter.frozen import dataclass
from snapshotter.masking import Masker
from snapshotter.results import Exit, Notice, Ran
from snapshotter.spec import Slot, Template

if TYPE_CHECKING:
    from snapshotter.archive.digesting import Summed

OUTBOX = "outbox"
KEPT = 50  # messages that wait


@dataclass(frozen=True, slots=True)
class Target:
    """Somebody who is told, with all values put in; never shown."""

    number: int
    settings: Mapping[str, object]

    @property
    def name(self) -> str:
        """For people."""
        return f"notify[{self.number}] ({self.settings['type']})"

    @property
    def rhythm(self) -> str | None:
        """How often a digest goes to them."""
        rhythm = self.settings.get("digest")
        return rhythm if isinstance(rhythm, str) else None


class Post:
    """The messages of one archive."""

    def __init__(self, opened: Opened) -> None:
        self.opened = opened
        self.world = opened.world
        settings = opened.described.settings
        lacking = trust_of(opened).lacks_settings(settings)
        self.refused = f"you have not agreed that it {lacking[0]}; run `snap trust`" if lacking else None
        gathered = gather(settings.secrets, opened.world.env, trusted=not lacking)
        self.missing = dict(gathered.missing)
        self._values = gathered.values
        self._masker = Masker(dict(gathered.values), [name for name, ref in settings.secrets.items() if ref.public])
        self.problems: list[str] = []

    @property
    def is_wanted(self) -> bool:
        """Whether the settings tell anybody anything."""
        settings = self.opened.described.settings
        return bool(settings.notify or settings.ping or settings.metrics)

    def targets(self) -> list[Target]:
        """Who is told, as far as their secrets are there."""
        found = []
        for number, told in enumerate(self.opened.described.settings.notify):
            try:
                found.append(Target(number, {name: self._filled(value) for name, value in told.items()}))
            except CouldNotTell as error:
                self.problems.append(f"notify[{number}]: {error}")
        return found

    def send(self, target: Target, message: Message) -> None:
        """Deliver one message now, or raise why not."""
        from snapshotter.edge import notices  # noqa: PLC0415 - only a run that has something to say loads it

        subject, text = self._masker.hide(message.subject), self._masker.hide(message.text)
        told = target.settings
        match told["type"]:
            case "email":
                self._mail(told, subject, text)
            case "apprise":
                notices.by_apprise(subject, text, url=str(told["url"]))
            case "webhook":
                notices.by_webhook(subject, text, url=str(told["url"]), env=self.world.env)
            case _:
                argv = told["argv"]
                words = [str(word) for word in argv] if isinstance(argv, list | tuple) else [str(argv)]
                notices.by_command(subject, text, argv=words, env=self.world.env, cwd=self.opened.root)

    def masked(self, text: str) -> str:
        """A text without the values of secrets."""
        return self._masker.hide(text)

    def ping(self, which: str) -> None:
        """Call one of the addresses of the dead man's switch, if it is set."""
        value = self.opened.described.settings.ping.get(which)
        if value is None or self.refused is not None:
            return
        from snapshotter.edge import notices  # noqa: PLC0415 - only a run that has something to say loads it

        try:
            notices.ping(str(self._filled(value)), env=self.world.env)
        except CouldNotTell as error:
            self.problems.append(f"ping.{which}: {error}")

    def deliver(self, messages: Iterable[tuple[Target, Message]]) -> None:
        """Send what waits and what is new; what does not go waits. A disk that takes nothing stops no message."""
        stuck: set[int] = set()
        folder = private_folder(self.opened.local / OUTBOX, disk=self.world.disk) if self._has_room() else None
        if folder is not None:
            self._deliver_waiting(folder, stuck)
        for target, message in messages:
            if not self._went(target, message, stuck) and folder is not None:
                self._keep(folder, target, message)

    def _has_room(self) -> bool:
        try:
            private_folder(self.opened.local / OUTBOX, disk=self.world.disk).write(".room", b"room", durable=False)
        except SnapError as error:
            self.problems.append(f"messages cannot wait here: {error}")
            return False
        return True

    def _deliver_waiting(self, folder: Folder, stuck: set[int]) -> None:
        targets = {target.number: target for target in self.targets()}
        waiting = [(name, *_read(folder, name)) for name in sorted(folder.entries()) if name.endswith(".json")]
        for name, number, message in waiting:
            if number not in targets or message is None or self._went(targets[number], message, stuck):
                folder.remove(name)

    def _went(self, target: Target, message: Message, stuck: set[int]) -> bool:
        if target.number in stuck:
            return False
        try:
            self.send(target, message)
        except CouldNotTell as error:
            stuck.add(target.number)
            self.problems.append(f"{target.name}: {self.masked(str(error))}; it waits and goes with the next run")
            return False
        return True

    def _keep(self, folder: Folder, target: Target, message: Message) -> None:
        stamp = self.world.clock.now().strftime("%Y%m%dT%H%M%S%f")
        plain = {"target": target.number, "subject": message.subject, "text": message.text}
        data = self._masker.hide(json.dumps(plain)).encode()
        folder.write(f"{stamp}-{self.world.chance.getrandbits(32):08x}.json", data, durable=True)
        for name in sorted(name for name in folder.entries() if name.endswith(".json"))[:-KEPT]:
            folder.remove(name)

    def _mail(self, told: Mapping[str, object], subject: str, text: str) -> None:
        from snapshotter.edge import notices  # noqa: PLC0415 - only a run that has something to say loads it

        to = told["to"]
        people = [str(one) for one in to] if isinstance(to, list | tuple) else [str(to)]
        login = None
        if told.get("username") is not None:
            login = (str(told["username"]), str(told.get("password") or ""))
        port = told.get("port")
        left_out = notices.mail(
            notices.Letter(subject, text, tuple(people), str(told.get("from") or people[0])),
            notices.Server(
                str(told["host"]), int(port) if isinstance(port, int) else None, str(told["security"]), login
            ),
            at=self.world.clock.now().timestamp(),
            env=self.world.env,
        )
        if left_out is not None:  # sent again, it would come twice to all the others
            self.problems.append(self._masker.hide(left_out))

    def _filled(self, value: object) -> object:
        if not isinstance(value, Template):
            return value
        return "".join(self._value(part) if isinstance(part, Slot) else part for part in value.parts)

    def _value(self, slot: Slot) -> str:
        if slot.path not in self._values:
            raise CouldNotTell(
                f"the secret {slot.path!r} is missing: {self.missing.get(slot.path, 'it is not declared')}"
            )
        return self._values[slot.path]


# --- a run ---


def begin(opened: Opened) -> list[Notice]:
    """At the start of a run: the dead man's switch hears of it."""
    if not opened.described.settings.ping:
        return []
    post = Post(opened)
    post.ping("start_url")
    return _told(post)


def after(opened: Opened, ran: Ran, *, targets: Collection[str] = ()) -> tuple[list[Notice], set[Exit]]:
    """At the end of a run for all or for some of the streams, after commit and push."""
    if not Post(opened).is_wanted:
        return [], set()
    before = Memory(opened).read().standing
    known = [*troubles.of_run(ran), *troubles.untouched(before, targets, opened.described.sources)]
    return _tell(opened, [*known, *_of_streams(opened)], ran=ran)


def _of_streams(opened: Opened) -> Iterator[Trouble]:
    """What all streams lack, whether this run asked them or not."""
    now = opened.world.clock.now()
    for _, stream in opened.streams():
        held = sum(1 for _ in opened.store.paths(paths.held("", stream.key).rstrip("/")))
        counted = details.counts(opened, stream, now=now) if stream.details else ()
        known = opened.cache.ledger(stream.key, days=())
        yield from troubles.of_stream(stream, known, now=now, held=held, details=counted)


def failed(opened: Opened, error: SnapError) -> list[Notice]:
    """When an error ended the run: nothing that was wrong before is known to be good now."""
    known = [standing.trouble for standing in Memory(opened).read().standing.values()]
    return _tell(opened, [*known, troubles.of_error(type(error).__name__, str(error))], ran=None)[0]


def _tell(opened: Opened, known: Iterable[Trouble], *, ran: Ran | None) -> tuple[list[Notice], set[Exit]]:
    post = Post(opened)
    if not post.is_wanted:
        return [], set()
    if post.refused is not None:
        return [Notice("error", paths.SETTINGS, post.refused)], {Exit.NOT_TOLD}
    memory, now = Memory(opened), opened.world.clock.now()
    before = memory.read()
    decided = notifying.decide(before.standing, known, now)
    targets = post.targets()
    message = notifying.message(opened.root.name, decided, host=socket.gethostname())
    out = [(target, message) for target in targets if notifying.wanted(str(target.settings["when"]), decided)]
    summed = _digests(opened, post, before, targets) if ran is not None else {}
    out += [(target, summed[rhythm].message) for target in targets if (rhythm := target.rhythm) in summed]
    post.deliver(out)
    digests = {**before.digests, **{rhythm: one.sent for rhythm, one in summed.items()}}
    try:
        memory.write(Told(decided.standing, digests, now))
    except SnapError as error:
        post.problems.append(f"what was told cannot be remembered: {error}")
    _call_the_switch(opened, post, ran)
    told = _told(post)
    return told, ({Exit.NOT_TOLD} if told else set())


def _call_the_switch(opened: Opened, post: Post, ran: Ran | None) -> None:
    """A success is a run that ended, with all that it got committed, pushed where that is wanted, and all told.

    Days that an API did not give are told by messages: a switch that they hold down could not tell a dead machine.
    """
    good = ran is not None and ran.exit in (Exit.DONE, Exit.SOME_DAYS) and not post.problems
    post.ping("url" if good else "failure_url")
    if ran is not None:
        _write_metrics(opened, ran, post, good=good)


def _digests(opened: Opened, post: Post, before: Told, targets: Iterable[Target]) -> dict[str, Summed]:
    """The digests that are due, by their rhythm."""
    now = opened.world.clock.now()
    last = {rhythm: before.digests.get(rhythm) for target in targets if (rhythm := target.rhythm) is not None}
    due = {
        rhythm: digested
        for rhythm, digested in last.items()
        if notifying.digest_due(None if digested is None else digested.at, rhythm, now)
    }
    if not due:
        return {}
    from snapshotter.archive import digesting  # noqa: PLC0415 - only a run that has one to send looks everything up

    try:
        return {rhythm: digesting.digest(opened, rhythm, digested) for rhythm, digested in due.items()}
    except SnapError as error:
        post.problems.append(f"digest: {error}")
        return {}


def _told(post: Post) -> list[Notice]:
    return [Notice("warning", "message", words) for words in dict.fromkeys(post.problems)]


def _write_metrics(opened: Opened, ran: Ran, post: Post, *, good: bool) -> None:
    name = opened.described.settings.metrics.get("textfile")
    if not isinstance(name, str):
        return
    missing = {
        stream.key: troubles.missing_days(stream, opened.cache.ledger(stream.key, days=()))
        for _, stream in opened.streams()
    }
    ran = replace(ran, codes=ran.codes | {Exit.NOT_TOLD}) if post.problems else ran
    path = Path(name) if name.startswith("/") else Path(opened.world.env.get("HOME") or "/") / name.removeprefix("~/")
    try:
        data = notifying.metrics(ran, missing=missing, good=good).encode()
        Folder(path.parent, disk=opened.world.disk).write(path.name, data, mode=0o644, durable=False)
    except SnapError as error:
        post.problems.append(f"metrics.textfile: {error}")


def _read(folder: Folder, name: str) -> tuple[int, Message | None]:
    try:
        plain = json.loads(folder.read(name) or b"")
        return int(plain["target"]), Message(str(plain["subject"]), str(plain["text"]))
    except (ValueError, KeyError, TypeError):
        return -1, None


# --- a try ---


def test(path: Path, world: World) -> tuple[tuple[str, str | None], ...]:
    """Send a message to everybody now: each with why it did not go, or None."""
    opened = open_archive(path, world)
    post = Post(opened)
    if post.refused is not None:
        raise CouldNotTell(post.refused)
    words = Message(f"snap: {opened.root.name}: a test", "This is how snap tells you. Nothing is wrong.\n")
    found: list[tuple[str, str | None]] = []
    for target in post.targets():
        try:
            post.send(target, words)
        except CouldNotTell as error:
            found.append((target.name, post.masked(str(error))))
        else:
            found.append((target.name, None))
    return (*found, *((words.partition(": ")[0], words.partition(": ")[2]) for words in post.problems))
