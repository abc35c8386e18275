"""What must hold after a fault, and after the healthy run that follows it."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from snapshotter.archive import looking, verifying
from snapshotter.core.verifying import FULL
from snapshotter.edge.files import TEMPORARY
from snapshotter.edge.quarantine import Quarantine
from snapshotter.results import Exit
from tests.torture import deeds
from tests.torture.children import Place, Said, do, fetch
from tests.torture.faults import HALF, Act, acts_in
from tests.torture.scenes import Scene, documents, git

_LANE = re.compile(r"[0-9a-f]{32}\.json")
COMPLETE = {"saved"}
KEPT = (".git/snap/aside/", ".git/snap/spool/damaged/")  # what a person may want to look at


def check_said_truly(place: Place, said: Said) -> None:
    """Every commit that was told can be read by a git that remembers nothing, and the branch holds it."""
    for commit in said.commits:
        assert git(place.archive, "cat-file", "-t", commit) == "commit\n"
        git(place.archive, "merge-base", "--is-ancestor", commit, "HEAD")
        git(place.archive, "rev-list", "--objects", commit)  # reads everything below it


def check_next_run(
    scene: Scene, place: Place, expected: dict[str, str], *, edits: str = "", asks_again: bool = False
) -> Said:
    """The next run needs nobody, and afterwards everything is as if nothing had happened."""
    said = fetch(place)
    assert said.ended == Exit.DONE, said
    check_said_truly(place, said)
    check_sound(place, edits=edits)
    assert documents(place.archive) == expected
    assert states_of(place) == {"demo/items": COMPLETE}, states_of(place)
    if asks_again or scene.made % 4:  # a run with nothing to do is looked at now and then
        return said
    before = len(scene.server.seen)
    again = fetch(place)
    assert again.ended == Exit.DONE, again
    assert len(scene.server.seen) - before <= 1, "a settled window is asked again"  # the state is asked every run
    return said


@dataclass(frozen=True)
class Facts:
    """What is to be the same whatever happened: documents, answers in the quarantine, and what lies elsewhere."""

    documents: dict[str, str]
    kept: tuple[str, ...]
    is_elsewhere: bool  # at a remote, or in backups


def facts_of(scene: Scene, place: Place) -> Facts:
    archive = place.archive
    kept = Quarantine(archive / ".git/snap/quarantine").entries() if archive.exists() else ()
    return Facts(documents(archive), tuple(sorted(entry.sha256 for entry in kept)), _is_elsewhere(scene, place))


def _is_elsewhere(scene: Scene, place: Place) -> bool:
    archive = place.archive
    if scene.deed is deeds.push:
        other = archive.with_name("remote.git")
    elif scene.deed is deeds.back_up:
        shutil.copytree(archive.with_name("backups"), place.home / "backups")
        assert do(replace(place, archive=place.home / "archive"), deeds.restore).ended == Exit.DONE
        other = place.home / "archive"
    else:
        return False
    return git(other, "rev-parse", "main") == git(archive, "rev-parse", "main")


def traced(scene: Scene) -> tuple[list[Act], Facts]:
    """The acts of the deed where nothing happens to it, and what is archived after a later run."""
    with scene.place() as place:
        done = do(place, scene.deed)
        assert done.ended in scene.ends, done
        acts = acts_in(place.log)
        return acts, _after_a_fetch(scene, place)


def check_recovers(scene: Scene, place: Place, expected: Facts, *, first_a_run: bool) -> None:
    """After a kill or an error: the next run needs nobody, the deed can be done to its end, and all is as expected."""
    if scene.appears and place.archive.exists():
        check_sound(place)  # what stands under its name is whole
    if scene.runs and (first_a_run or scene.is_fetch):
        _run_on_its_own(scene, place)
    if not scene.is_fetch:
        again = do(place, scene.deed)
        assert again.ended in (*scene.ends, Exit.CONFIG), again  # refused where it was done already
        if again.ended == Exit.CONFIG and not scene.runs:
            assert do(place, deeds.maintain).ended == Exit.DONE  # a command that writes clears what was left
        check_said_truly(place, again)
        check_sound(place)
        beside = [path.name for path in place.archive.parent.glob("**/.*") if path.name.endswith((".part", "making"))]
        assert beside == [] or again.ended == Exit.CONFIG, beside
    facts = _after_a_fetch(scene, place)
    if facts != expected:
        raise AssertionError(differences(facts, expected))


def _run_on_its_own(scene: Scene, place: Place) -> None:
    said = fetch(place)
    assert said.ended in (*scene.ends, Exit.DONE), said
    check_said_truly(place, said)
    check_sound(place)


def _after_a_fetch(scene: Scene, place: Place) -> Facts:
    for _ in range(scene.more):
        said = fetch(place)
        assert said.ended in (Exit.DONE, Exit.SOME_DAYS), said
        check_sound(place)
    return facts_of(scene, place)


def differences(facts: Facts, expected: Facts) -> str:
    odd = [
        f"{path}: {facts.documents.get(path)} is not {expected.documents.get(path)}"
        for path in sorted({*facts.documents, *expected.documents})
        if facts.documents.get(path) != expected.documents.get(path)
    ]
    return "; ".join(odd) or f"{facts.kept}, {facts.is_elsewhere} is not {expected.kept}, {expected.is_elsewhere}"


def asked_again(scene: Scene) -> int:
    """How many answers were asked for once more than a run needs."""
    return sum(count - 1 for target, count in scene.asked().items() if target not in scene.every_run)


def check_sound(place: Place, *, edits: str = "") -> None:
    """git finds nothing to say but the user's own edits, and nothing half done lies about."""
    git(place.archive, "fsck", "--strict", "--no-dangling", "--full")
    assert git(place.archive, "status", "--porcelain") == edits
    left = sorted(leftovers(place))
    assert left == [], left
    verified = verifying.verify(place.archive, place.world(watched=False), scope=FULL, tell=lambda _: None)
    assert verified.damage == (), verified.damage


def leftovers(place: Place) -> Iterator[str]:
    """Locks, half-written files and waiting responses that no run should leave."""
    for path in place.archive.rglob("*"):
        inside = path.relative_to(place.archive).as_posix()
        if inside.startswith(KEPT):
            continue
        is_waiting = path.is_file() and inside.startswith((".git/snap/spool/", ".git/snap/store/"))
        is_half_done = path.name.startswith((TEMPORARY, "tmp_")) or path.suffix == ".lock"
        if is_waiting or is_half_done:
            yield inside


def states_of(place: Place) -> dict[str, set[str]]:
    """The states of the days of each stream that has days."""
    status = looking.status(place.archive, (), place.world(watched=False))
    return {
        stream.stream: {state.value for state, count in stream.counts.items() if count}
        for stream in status.streams
        if stream.stream == "demo/items"
    }


def check_asked_once(asked: Counter[str], acts: list[Act], *, keeps: bool = False, every_run: str = "/state") -> None:
    """No response that was received is asked again; only one that was on its way into the spool may be."""
    again = sum(count - 1 for target, count in asked.items() if target != every_run)
    assert again <= is_on_its_way(acts, keeps=keeps), f"{again} asked again, after {acts[-4:]}"


def _is_timed(act: Act) -> bool:
    """The spool is synced by a timer too, at any time of a slow run."""
    return act.step.startswith("sync") and (act.path.endswith(".spool") or not act.path)


def is_on_its_way(acts: list[Act], *, keeps: bool = False) -> bool:
    """Whether the run ended after a request left and before its response was in the spool.

    A lane's file is written when a turn begins and when the request left.
    """
    rest = [act for act in acts if act.step != HALF and not _is_timed(act)]
    writes = 0
    while rest and _LANE.fullmatch(rest[-1].path):
        step = rest.pop().step
        is_over = step == "write" and not (rest and rest[-1].step == "create")  # in place, where it fits
        writes += step == "create" or is_over
    if not rest:
        return False
    if rest[-1].path.endswith(".spool") and not writes:
        return rest[-1].step in ("create", "append")
    if keeps:  # a run that is refused once keeps the answer first
        return False
    return writes == 2
