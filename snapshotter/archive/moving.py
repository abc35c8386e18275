"""`snap state`: tokens and budgets on their way to a new machine, sealed; they are the user's, not the archive's."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from snapshotter.edge import sealing
from snapshotter.edge.state import private_folder
from snapshotter.edge.world import World
from snapshotter.errors import UsageError

MOVED = ("tokens", "lanes")  # folders of the state; trust is given anew on each machine


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
