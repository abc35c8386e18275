"""The ledger on disk: one SQLite file that can be deleted at any time and is made again from the run records.

What records mean is decided by the fold that is given from outside; this room keeps its rows, and reads and writes only
those that a record touches. A file that is damaged or of another version is thrown away: `head()` is None then, or
`CacheLost` says so in the middle of the work, and the caller folds all records again.
"""

from snapshotter.edge.cache.commits import Line
from snapshotter.edge.cache.file import CacheLost
from snapshotter.edge.cache.ledgers import Cache
from snapshotter.edge.cache.rows import micros

__all__ = ["Cache", "CacheLost", "Line", "micros"]
