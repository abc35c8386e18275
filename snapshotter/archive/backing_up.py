"""`snap backup`: the archive in one file, or in a folder that gets what is new each time; locked if wanted.

What is locked never lies unlocked beside the backup: the bundle is made in the archive's own local folder.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from snapshotter.archive.opening import SCRATCH, Opened, for_writing
from snapshotter.archive.sharing import filled
from snapshotter.core import bundles
from snapshotter.core.bundles import Bundle
from snapshotter.core.wording import counted
from snapshotter.edge import outfiles, sealing
from snapshotter.edge.newfolder import appearing_folder, nameless_file
from snapshotter.edge.store import Store, remote
from snapshotter.edge.store.admission import check_creatable
from snapshotter.edge.store.bundling import Bundles
from snapshotter.edge.world import World
from snapshotter.errors import CouldNotTell, SnapError, UsageError
from snapshotter.frozen import dataclass
from snapshotter.results.sharing import BackedUp, Cloned


@dataclass(frozen=True, slots=True)
class Lock:
    """How a backup is locked: for a recipient, by a passphrase in a file, or not at all; `identity` opens age's."""

    recipient: str | None = None
    passphrase: Path | None = None
    identity: Path | None = None
    form: str = ""  # gpg or age, where no name of a file says it


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a backup is to be: a new file, or the next one in a folder."""

    to: Path
    lock: Lock
    full: bool = False  # in a folder: everything once more


def backup(path: Path, wanted: Wanted, world: World, *, wait: float = 0.0) -> BackedUp:
    """Write the archive with its history into one file, or what is new into a folder of such files."""
    to = wanted.to
    if to.is_file() or to.is_symlink():
        raise UsageError(f"{to} is there already; name a new file, or a folder that gets what is new each time")
    with for_writing(path, world, command="snap backup", wait=wait) as opened:
        head = opened.store.head()
        if head is None:
            raise UsageError(f"{opened.root}: there is no first commit yet; `snap init` makes it")
        if not to.is_dir():
            if wanted.full:
                raise UsageError(f"{to}: --full is for a folder of backups; a single file is always full")
            return _written(opened, to, replace(wanted.lock, form=_form(to, wanted.lock)), after=None)
        there = bundles.newest([file.name for file in to.iterdir()])
        form = _form_in(to, wanted.lock, there)
        after = None if there is None or wanted.full else _known(opened, to, there)
        if there is not None and after is not None and head.startswith(there.tip):
            return BackedUp(str(to / there.name), 0, 0, is_full=False)
        made = bundles.following(there, after=after, tip=head, form=form)
        return _written(opened, to / made.name, replace(wanted.lock, form=form), after=after)


def restore(file: Path, folder: Path, lock: Lock, world: World) -> Cloned:
    """Make an archive of a backup, or of a folder of backups, in a new folder."""
    file, folder = file.absolute(), folder.absolute()
    check_creatable(folder)
    if not folder.parent.is_dir():
        raise UsageError(f"{folder.parent}: no such folder")
    if file.is_dir():
        row = bundles.row([one.name for one in file.iterdir()])
        if isinstance(row, str):
            raise UsageError(f"{file}: {row}")
        files = [file / one.name for one in row]
    elif file.is_file():
        files = [file]
    else:
        raise UsageError(f"{file}: no such file or folder")
    with appearing_folder(folder, disk=world.disk) as made:
        with _opened(files[0], lock, world, beside=made.parent) as plain:
            cloned = filled(str(plain), made, world)
        remote.forget(made, world.env)  # it is the file, which may go
        more = Bundles(made, world.env)
        for number, one in enumerate(files[1:], start=1):
            try:
                with _opened(one, lock, world, beside=made.parent) as plain:
                    more.take(plain)
            except SnapError as error:
                before = f"the {counted(number, 'file')} before it would be restored without it: move it away for that"
                raise CouldNotTell(f"{one}: {error}; {before}") from error
        if files[1:]:
            _check_plain_again(made, world)
        commits = more.count()
    return replace(cloned, path=str(folder), commits=commits, files=len(files))


def _check_plain_again(folder: Path, world: World) -> None:
    store = Store.open(folder, env=world.env, disk=world.disk)
    for path, what in store.examiner().links(store.head() or ""):
        raise CouldNotTell(f"{path} is {what} there, where an archive holds plain files; it was not restored")
    code, lines = remote.check_out(folder, world.env)
    if code:
        raise CouldNotTell(f"{folder}: the files could not be written: {lines[-1] if lines else code}")


# --- one file ---


def _written(opened: Opened, to: Path, lock: Lock, *, after: str | None) -> BackedUp:
    _check_lock(to, lock)
    way = Bundles(opened.root, opened.world.env)
    with _scratch(opened) as folder:
        plain = folder / "archive.bundle"
        way.make(plain, after=after)
        if bundles.is_one(to.name):
            outfiles.sweep(to.parent, bundles.PART)
        with outfiles.appearing(to) as part:
            _lock(plain, part, lock, opened.world)
    return BackedUp(str(to), to.stat().st_size, way.count(after), is_full=after is None)


@contextmanager
def _scratch(opened: Opened) -> Iterator[Path]:
    """A folder in the archive's own local one; what a killed backup left there went when the archive was opened."""
    with TemporaryDirectory(prefix=SCRATCH, dir=opened.local) as folder:
        yield Path(folder)


def _known(opened: Opened, folder: Path, there: Bundle) -> str:
    """The commit up to which a folder of backups has everything."""
    try:
        commit = opened.store.resolve(there.tip)
    except UsageError:
        commit = ""
    if not commit or not opened.store.has_ancestor(opened.store.head() or "", commit):
        raise UsageError(
            f"{folder / there.name} ends with {there.tip}, which this archive does not have: it is the backup of"
            " another one, or newer than this; name another folder"
        )
    return commit


def _form(to: Path, lock: Lock) -> str:
    form = to.suffix.removeprefix(".") if to.suffix in (".gpg", ".age") else ""
    if not form and lock != Lock():
        raise UsageError(f"{to}: to lock it, let its name end in .gpg or .age")
    return form


def _form_in(folder: Path, lock: Lock, there: Bundle | None) -> str:
    """In a folder: as the one before, so that a lock is never forgotten; else as the key looks."""
    wanted = ""
    if lock.recipient is not None:
        wanted = "age" if lock.recipient.startswith(("age1", "ssh-")) else "gpg"
    elif lock.passphrase is not None:
        wanted = "gpg"
    if there is not None and there.form != wanted:
        had = f"locked by {there.form}" if there.form else "not locked"
        now = f"locked by {wanted}" if wanted else "not locked"
        how = "name its key again, or another folder" if there.form else "name another folder"
        raise UsageError(f"{folder / there.name} is {had}, and the next one would be {now}: {how}")
    return wanted


# --- locks ---


def _check_lock(to: Path, lock: Lock) -> None:
    if lock.form == "gpg" and lock.recipient is None and lock.passphrase is None:
        raise UsageError("name whom it is for (--recipient), or a file with a passphrase (--passphrase-file)")
    if lock.form == "age" and lock.recipient is None:
        raise UsageError("name whom it is for: --recipient age1…")
    if lock.passphrase is not None:
        sealing.passphrase_in(lock.passphrase)
    if not to.parent.is_dir():
        raise UsageError(f"{to.parent}: no such folder")


def _lock(plain: Path, done: Path, lock: Lock, world: World) -> None:
    recipient = lock.recipient or ""
    if lock.form == "gpg":
        how = ["--recipient", recipient, "--encrypt"] if recipient else ["--symmetric", "--cipher-algo", "AES256"]
        sealing.run_tool([*_gpg(lock), "--output", str(done), *how, str(plain)], world.env)
    elif lock.form == "age":
        sealing.run_tool(["age", "--encrypt", "-r", recipient, "-o", str(done), str(plain)], world.env)
    else:
        shutil.copyfile(plain, done)


@contextmanager
def _opened(file: Path, lock: Lock, world: World, *, beside: Path) -> Iterator[Path]:
    """The bundle that a file of a backup holds. What was locked is never seen unlocked, whatever ends this."""
    if file.suffix not in (".gpg", ".age"):
        yield file
        return
    if file.suffix == ".age" and lock.identity is None:
        raise UsageError(f"{file}: name the file with your age key: --identity FILE")
    age = ["age", "--decrypt", "-i", str(lock.identity), str(file)]
    with nameless_file(beside) as (handle, plain):
        sealing.run_tool(
            [*_gpg(lock), "--decrypt", str(file)] if file.suffix == ".gpg" else age, world.env, into=handle
        )
        yield plain


def _gpg(lock: Lock) -> list[str]:
    words = ["gpg", "--batch", "--yes", "--quiet"]
    if lock.passphrase is not None:
        words += ["--pinentry-mode", "loopback", "--passphrase-file", str(lock.passphrase)]
    return words
