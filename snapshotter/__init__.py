"""snapshotter: an archiver of JSON APIs into git."""

__version__ = "0.1.0"
