"""What follows the last commit of a run: the push to the remote, then the messages."""

from __future__ import annotations

from snapshotter.archive import rehearsing
from snapshotter.archive.opening import Opened
from snapshotter.archive.stopping import Stops
from snapshotter.archive.trust import trust_of
from snapshotter.core import paths
from snapshotter.core.trusting import pushes
from snapshotter.errors import SnapError
from snapshotter.results import Exit, Notice

PASSING = ("unreachable", "behind")  # pushes that fail until the network or another machine gives way
Ended = tuple[list[Notice], set[Exit]]


def push_and_try(opened: Opened, stops: Stops) -> Ended:
    """Push, then try whether the remote would restore, where the settings say so and there is time."""
    notices, codes = push(opened)
    if codes or stops.reason() in ("signal", "deadline"):
        return notices, codes
    tried, more = rehearsing.after_push(opened)
    return [*notices, *tried], codes | more


def push(opened: Opened) -> Ended:
    """Push after a run, where the settings say so; one that does not get through leaves everything saved here."""
    if not opened.described.settings.remote.push:
        return [], set()
    from snapshotter.archive.sharing import failure, push_opened  # noqa: PLC0415 - only for who pushes

    lacking = [fact for fact in trust_of(opened).lacks_settings(opened.described.settings) if pushes(fact)]
    if lacking:
        return [Notice("error", paths.SETTINGS, f"you have not agreed that it {lacking[0]}; run `snap trust`")], {
            Exit.NOT_TOLD
        }
    try:
        pushed = push_opened(opened)
    except SnapError as error:
        return [Notice("error", "push", str(error))], {Exit.NOT_TOLD}
    notices = list(pushed.notices)
    failed = failure(pushed)
    if failed is None:
        return notices, set()
    passes = pushed.state in PASSING
    return [*notices, Notice("error", "push", str(failed), passes=passes)], {Exit.NOT_TOLD}
