"""`snap push`, `snap pull`, `snap clone`: one archive on several machines and a remote, brought together by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from snapshotter.archive import doubling, merging
from snapshotter.archive.opening import Opened, describe, for_writing
from snapshotter.archive.trust import remember_brought
from snapshotter.core import sharing
from snapshotter.edge.newfolder import appearing_folder
from snapshotter.edge.store import Store, remote
from snapshotter.edge.store.admission import check_creatable
from snapshotter.edge.world import World
from snapshotter.errors import CouldNotTell, SnapError, UsageError
from snapshotter.model import RunRecord
from snapshotter.results import Notice
from snapshotter.results.sharing import Cloned, Pulled, Pushed

ROUNDS = 3  # how often another machine may be faster


def push(path: Path, world: World, *, name: str | None = None, dry_run: bool = False, wait: float = 0.0) -> Pushed:
    """Push the archive under its lock; what another machine pushed meanwhile is merged in first."""
    with for_writing(path, world, command="snap push", wait=wait) as opened:
        return push_opened(opened, name=name, dry_run=dry_run)


def push_opened(opened: Opened, *, name: str | None = None, dry_run: bool = False) -> Pushed:
    """The same for whoever holds the archive already, like a run at its end."""
    target = name or opened.described.settings.remote.name
    way = remote.Remoting(opened.root, opened.world.env)
    if target not in way.names():
        add = f"`git -C {opened.root} remote add {target} URL` names one"
        return Pushed(target, "no_remote", why=f"git knows no remote {target!r}; {add}")
    notices = [*_not_committed(opened), *doubling.notices(opened, opened.described.sources)]
    head = opened.store.head() or ""
    if dry_run:
        waiting = way.count(way.tracked(target), head)
        return Pushed(target, "same" if way.tracked(target) == head else "pushed", waiting, notices=tuple(notices))
    notices += [Notice("warning", "hooks", note) for note in opened.store.install_hooks()]
    try:
        for _ in range(ROUNDS):
            head = opened.store.head() or ""
            waiting = way.count(way.tracked(target), head)
            state, why = sharing.read_push(*way.push(target))
            if state != "behind":
                return Pushed(target, state, waiting if state == "pushed" else 0, why, tuple(notices))
            pulled = _pull(opened, way, target)
            notices += [one for one in (_merged(pulled), *pulled.notices) if one not in notices]
    except CouldNotTell as error:
        return Pushed(target, "diverged", why=str(error), notices=tuple(notices))
    return Pushed(target, "behind", why="another machine was faster each time; push again", notices=tuple(notices))


def _not_committed(opened: Opened) -> list[Notice]:
    """Settings and source files that a copy elsewhere would lack."""
    words = "is not committed as it is here, so no copy of the archive has it; `git add` and `git commit` it"
    changed = [path for path, blob in opened.described.files.items() if opened.store.blob_id(path) != blob]
    return [Notice("warning", path, words) for path in sorted(changed)]


def pull(path: Path, world: World, *, name: str | None = None, wait: float = 0.0) -> Pulled:
    """Bring the remote's commits here; two lines become one, and what asks for trust anew is named."""
    with for_writing(path, world, command="snap pull", wait=wait) as opened:
        target = name or opened.described.settings.remote.name
        way = remote.Remoting(opened.root, world.env)
        if target not in way.names():
            raise UsageError(
                f"git knows no remote {target!r}; `git -C {opened.root} remote add {target} URL` names one"
            )
        return _pull(opened, way, target)


def clone(url: str, path: Path, world: World) -> Cloned:
    """Copy an archive from elsewhere; nothing of it is run, and nothing is asked before `snap trust`."""
    path = path.absolute()
    check_creatable(path)
    source = str(Path(url).absolute()) if "://" not in url and Path(url).exists() else url
    with appearing_folder(path, disk=world.disk) as made:
        return replace(filled(source, made, world), path=str(path))


def filled(source: str, made: Path, world: World) -> Cloned:
    """Copy an archive into a folder that is not there yet."""
    code, lines = remote.clone(source, made, world.env)
    if code:
        raise CouldNotTell(f"git clone {sharing.shown(source)}: {sharing.last_words(lines)}")
    store = Store.open(made, env=world.env, disk=world.disk)
    store.configure()
    head = store.head()
    if head is None:
        raise UsageError(f"{sharing.shown(source)} has no branch main, so it is no archive")
    _check_plain(store, head)
    code, lines = remote.check_out(made, world.env)
    if code:
        raise CouldNotTell(f"{made}: the files could not be written: {sharing.last_words(lines)}")
    store.show_documents()
    notes = [Notice("warning", "hooks", note) for note in store.install_hooks()]
    return Cloned(str(made), remote.Remoting(made, world.env).count(None, head), tuple(notes))


# --- two lines ---


def _pull(opened: Opened, way: remote.Remoting, target: str) -> Pulled:
    store = opened.store
    code, lines = way.fetch(target)
    for _ in range(ROUNDS - 1):
        if not (code and sharing.is_raced(lines)):
            break
        code, lines = way.fetch(target)
    if code:
        words = sharing.last_words(lines)
        if any("non-fast-forward" in line for line in lines):
            words = "its history was rewritten or cut: it lacks commits that it had before; find out who did it"
        raise CouldNotTell(f"the remote {target!r}: {words}")
    ours, theirs = store.head() or "", way.tracked(target) or ""
    base = way.base(ours, theirs)
    if base == theirs:
        return Pulled(target, 0)
    if base is None:
        raise CouldNotTell(f"the remote {target!r} is another archive: the two share no commit")
    _check_plain(store, theirs)
    commits = way.count(ours, theirs)
    if base == ours:
        new = remember_brought(opened, describe(opened.root, store, commit=theirs))
        store.forward(theirs, ours)
        notices = _asked_for(new)
        pulled = Pulled(target, commits, notices=tuple(notices))
    else:
        pulled = _merge(opened, target, base=base, theirs=theirs, commits=commits)
    notes = [Notice("info", "", note) for note in store.finish()]
    opened.described = describe(opened.root, store)
    twice = doubling.notices(opened, opened.described.sources)
    told = tuple(dict.fromkeys((*pulled.notices, *twice, *notes)))
    return Pulled(target, commits, pulled.merged, pulled.overruled, told)


def _merge(opened: Opened, target: str, *, base: str, theirs: str, commits: int) -> Pulled:
    store = opened.store
    lines = merging.lines_of(opened, base, theirs)
    joint = merging.merge(opened, lines, target, commits=commits)
    new = remember_brought(opened, describe(opened.root, store, commit=joint.commit))
    store.forward(joint.commit, lines.ours)
    notices = [*_asked_for(new), *_twice(lines.mine, lines.others, opened.machine)]
    notices += [Notice("info", item.path, sharing.told(item)) for item in joint.overruled]
    return Pulled(target, commits, merged=True, overruled=joint.overruled, notices=tuple(notices))


def _asked_for(new: Mapping[str, tuple[object, ...]]) -> list[Notice]:
    """What came and would do more here than was agreed to."""
    words = "came from elsewhere and now {}; nothing of it is used before `snap trust`"
    return [Notice("warning", key, words.format("; ".join(map(str, facts)))) for key, facts in sorted(new.items())]


def _twice(mine: Sequence[RunRecord], others: Sequence[RunRecord], machine: str) -> list[Notice]:
    return [
        Notice("warning", source, doubling.WORDS) for source in sharing.twice_archived(mine, others, machine=machine)
    ]


def _check_plain(store: Store, commit: str) -> None:
    for path, what in store.examiner().links(commit):
        raise CouldNotTell(f"{path} is {what} there, where an archive holds plain files; it was not taken over")


def _merged(pulled: Pulled) -> Notice:
    return Notice("info", "", f"merged {pulled.commits} commits of another machine from {pulled.remote}")


_FAILED = {
    "no_remote": "",
    "behind": "the remote is ahead: ",
    "diverged": "the two lines cannot become one by themselves: ",
    "rejected": "the remote refused it: ",
    "unreachable": "it cannot be reached: ",
}


def failure(pushed: Pushed) -> SnapError | None:
    """The error that a push which did not get through is, or None."""
    if pushed.is_good:
        return None
    if pushed.state == "guarded":
        return CouldNotTell(pushed.why.removeprefix("snap: "))
    return CouldNotTell(f"push to {pushed.remote}: {_FAILED[pushed.state]}{pushed.why}")
