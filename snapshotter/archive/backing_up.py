"""One file that holds the whole archive, locked if wanted; and tokens and budgets on their way to a new machine."""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
from pathlib import Path

from snapshotter.archive.opening import for_writing
from snapshotter.archive.sharing import clone
from snapshotter.edge import sealing
from snapshotter.edge.state import private_folder
from snapshotter.edge.store.command import clean_environment
from snapshotter.edge.world import World
from snapshotter.errors import UsageError
from snapshotter.frozen import dataclass
from snapshotter.results.sharing import Cloned

MOVED = ("tokens", "lanes")  # folders of the state; trust is given anew on each machine


@dataclass(frozen=True, slots=True)
class Lock:
    """How a backup is locked: for a recipient, by a passphrase in a file, or not at all."""

    recipient: str | None = None
    passphrase: Path | None = None


def backup(path: Path, to: Path, lock: Lock, world: World, *, wait: float = 0.0) -> int:
    """Write the archive with its history into one file; gives its size. `.gpg` and `.age` lock it."""
    if to.exists():
        raise UsageError(f"{to} is there already; name a new file")
    with for_writing(path, world, command="snap backup", wait=wait) as opened, _scratch(to) as folder:
        plain = Path(folder) / "archive.bundle"
        git = [
            "git",
            f"--git-dir={opened.root / '.git'}",
            "bundle",
            "create",
            "--quiet",
            str(plain),
            "--branches",
            "--tags",
        ]
        env = clean_environment(world.env)
        sealing.run_tool(git, env)
        sealing.run_tool(["git", f"--git-dir={opened.root / '.git'}", "bundle", "verify", "--quiet", str(plain)], env)
        done = Path(folder) / "done"
        _locked(plain, done, to, lock, world)
        done.replace(to)
    return to.stat().st_size


def restore(file: Path, folder: Path, lock: Lock, world: World) -> Cloned:
    """Make an archive of a backup, in a new folder."""
    file, folder = file.absolute(), folder.absolute()
    if not file.is_file():
        raise UsageError(f"{file}: no such file")
    with _scratch(folder) as scratch:
        plain = Path(scratch) / "archive.bundle"
        if file.suffix == ".gpg":
            sealing.run_tool([*_gpg(lock), "--output", str(plain), "--decrypt", str(file)], world.env)
        elif file.suffix == ".age":
            identity = ["-i", str(lock.passphrase)] if lock.passphrase else []
            sealing.run_tool(["age", "--decrypt", *identity, "-o", str(plain), str(file)], world.env)
        else:
            plain = file
        return clone(str(plain), folder, world)


def _scratch(beside: Path) -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix=".snap-", dir=beside.absolute().parent)


def _locked(plain: Path, done: Path, to: Path, lock: Lock, world: World) -> None:
    if to.suffix == ".gpg":
        if lock.recipient is None and lock.passphrase is None:
            raise UsageError("name whom it is for (--recipient), or a file with a passphrase (--passphrase-file)")
        how = (
            ["--recipient", lock.recipient, "--encrypt"]
            if lock.recipient
            else ["--symmetric", "--cipher-algo", "AES256"]
        )
        sealing.run_tool([*_gpg(lock), "--output", str(done), *how, str(plain)], world.env)
    elif to.suffix == ".age":
        if lock.recipient is None:
            raise UsageError("name whom it is for: --recipient age1…")
        sealing.run_tool(["age", "--encrypt", "-r", lock.recipient, "-o", str(done), str(plain)], world.env)
    elif lock != Lock():
        raise UsageError(f"{to}: to lock it, let its name end in .gpg or .age")
    else:
        shutil.copyfile(plain, done)


def _gpg(lock: Lock) -> list[str]:
    words = ["gpg", "--batch", "--yes", "--quiet"]
    if lock.passphrase is not None:
        words += ["--pinentry-mode", "loopback", "--passphrase-file", str(lock.passphrase)]
    return words


# --- what is the user's, not the archive's ---


def export_state(to: Path, passphrase: str, world: World) -> int:
    """Write tokens and budgets into one sealed file; gives how many files went in."""
    if to.exists():
        raise UsageError(f"{to} is there already; name a new file")
    found = {
        str(file.relative_to(world.state)): base64.b64encode(file.read_bytes()).decode()
        for name in MOVED
        for file in sorted((world.state / name).rglob("*.json"))
        if file.is_file() and not file.is_symlink()
    }
    sealed = sealing.seal(json.dumps({"format": 1, "files": found}).encode(), passphrase)
    private_folder(to.absolute().parent, disk=world.disk).write(to.name, sealed, mode=0o600, durable=True)
    return len(found)


def import_state(file: Path, passphrase: str, world: World) -> tuple[int, tuple[str, ...]]:
    """Put tokens and budgets in place where there are none yet; gives how many, and what was left as it is."""
    try:
        sealed = file.read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: {error.strerror}") from error
    files = json.loads(sealing.unseal(sealed, passphrase))["files"]
    kept: list[str] = []
    for name, data in files.items():
        parts = Path(name).parts
        if parts[0] not in MOVED or ".." in parts:
            raise UsageError(f"{file}: names {name!r}, which is no file of the state folder")
        target = world.state / name
        if target.exists():
            kept.append(name)
            continue
        folder = private_folder(target.parent, disk=world.disk)
        folder.write(target.name, base64.b64decode(data), mode=0o600, durable=True)
    return len(files) - len(kept), tuple(kept)
