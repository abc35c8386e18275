"""The only door to git: `Store` reads and commits, `Git` asks git's command line safely, `blob_id` names a content."""

from snapshotter.edge.store.command import Git, clean_environment
from snapshotter.edge.store.gitview import ATTRIBUTES as DOCUMENTS_SHOWN
from snapshotter.edge.store.objects import blob_id
from snapshotter.edge.store.repository import BRANCH
from snapshotter.edge.store.store import ObjectCounts, Store

__all__ = ["BRANCH", "DOCUMENTS_SHOWN", "Git", "ObjectCounts", "Store", "blob_id", "clean_environment"]
