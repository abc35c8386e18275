"""The only door to git: `Store` reads and commits, `Clone` fills a new one, `Git` asks the command line safely."""

from snapshotter.edge.store.cloning import Clone, address_of
from snapshotter.edge.store.command import Git, clean_environment
from snapshotter.edge.store.gitview import ATTRIBUTES as DOCUMENTS_SHOWN
from snapshotter.edge.store.objects import blob_id
from snapshotter.edge.store.repository import BRANCH
from snapshotter.edge.store.sideline import SideLine
from snapshotter.edge.store.store import ObjectCounts, Store

__all__ = [
    "BRANCH",
    "DOCUMENTS_SHOWN",
    "Clone",
    "Git",
    "ObjectCounts",
    "SideLine",
    "Store",
    "address_of",
    "blob_id",
    "clean_environment",
]
