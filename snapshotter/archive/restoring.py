"""`snap restore --test`: is what lies elsewhere whole, and is it all that is here? Nothing here is changed.

A scheduled run can call `try_restore` by itself: it asks nobody, works in a folder of its own and leaves nothing.
"""

from __future__ import annotations

from pathlib import Path

from snapshotter.archive import verifying
from snapshotter.core.verifying import FULL
from snapshotter.edge.scratch import scratch_folder
from snapshotter.edge.store import Clone, Store, address_of
from snapshotter.edge.world import World
from snapshotter.results.housekeeping import Restored


def try_restore(path: Path, remote: str, world: World, *, tell: verifying.Tell) -> Restored:
    """Clone a remote into a folder that goes again, look at all of it, and compare it with this archive."""
    store = Store.find(path, env=world.env, disk=world.disk)
    here = store.head()
    address = address_of(store.root, remote, world.env, here=path)
    with scratch_folder() as folder:
        root = folder / "clone"
        Store.create(root, env=world.env, disk=world.disk)
        clone = Clone(root, world.env)
        there = clone.fill(address)
        if there is None:
            return Restored(remote, None, here, "empty", 0, 0, "", None)
        looked = verifying.verify(root, world, scope=FULL, tell=tell)
        lacking, more = clone.compare(str(store.root)) if here is not None else ((), ())
        relation = "apart" if lacking and more else "behind" if lacking else "ahead" if more else "same"
        since = clone.day_of(lacking[0]) if lacking else ""
        return Restored(remote, there, here, relation, len(lacking), len(more), since, looked)
