"""What tidying up gives back."""

from __future__ import annotations

from snapshotter.frozen import dataclass
from snapshotter.results import Notice


@dataclass(frozen=True, slots=True)
class Maintained:
    """`maintain`; `after` equals `before` where nothing was done."""

    due: bool
    done: bool
    loose_before: int
    packs_before: int
    loose_after: int
    packs_after: int
    bytes: int
    bytes_a_month: int | None
    notices: tuple[Notice, ...] = ()
