"""Which time zone this machine is in; asked once, by `init`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

FOLDER = "zoneinfo/"


def machine_zone(env: Mapping[str, str], *, localtime: Path = Path("/etc/localtime")) -> str | None:
    """The IANA name from TZ or /etc/localtime, or None where neither names one."""
    for name in (env.get("TZ", "").removeprefix(":"), _linked(localtime)):
        if name and _is_known(name):
            return name
    return None


def _linked(localtime: Path) -> str:
    target = str(localtime.resolve()) if localtime.is_symlink() else ""
    return target.rpartition(FOLDER)[2] if FOLDER in target else ""


def _is_known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True
