"""What is known of the last time that a restore was tried by itself."""

from __future__ import annotations

from datetime import datetime

from snapshotter.frozen import dataclass


@dataclass(frozen=True, slots=True)
class Tried:
    """A remote was cloned and looked at; `words` say what was found."""

    at: datetime
    remote: str
    good: bool
    words: str
