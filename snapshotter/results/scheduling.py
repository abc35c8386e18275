"""What `schedule` gives back."""

from __future__ import annotations

from collections.abc import Mapping

from snapshotter.frozen import dataclass
from snapshotter.results import Notice


@dataclass(frozen=True, slots=True)
class Scheduled:
    """What calls `snap run` for an archive, or would."""

    kind: str  # cron, systemd, launchd, github-actions; "" for none
    files: Mapping[str, str]  # name -> text
    steps: tuple[str, ...] = ()  # what is left to do by hand
    done: bool = False  # whether anything was changed
    notices: tuple[Notice, ...] = ()
