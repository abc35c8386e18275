"""More than a first fetch: details, lanes, feeds, unusable answers, refreshing, and every command that writes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

from snapshotter.archive import changing
from snapshotter.results import Exit
from tests.torture import deeds
from tests.torture.children import Place, do, fetch
from tests.torture.scenes import DAYS, Scene, a_scene, a_week, git, put_file, source_text

Stage = Callable[[Path], AbstractContextManager[Scene]]
OTHER = '[pacing]\nmin_interval = "1ms"\nlane = "second"\n'
DETAIL = '[streams.items.details.full]\npath = "/items/{record.id}"\n'
EXPECT = '[streams.items.expect]\nmax_drop = "50%"\n'
FEED = """\
format = 1
source = "demo"
[client]
base_url = "{url}"
[pacing]
min_interval = "1ms"
[streams.items]
kind = "series"
path = "/feed"
records = "data"
id = "id"
order = "newest_first"
day = { field = "at", parse = "instant", zone = "UTC" }
paginate = { type = "cursor", cursor = "next", param = "cursor", stop = ["no_next", "known_record"] }
"""
SOME_DAYS = (Exit.SOME_DAYS, Exit.DONE)  # told once: the run after a killed one may have nothing to tell
NEWS = tuple(f"2026-03-{day}" for day in range(14, 17))


def well_fetched(place: Place, *ends: Exit) -> None:
    said = fetch(place)
    assert said.ended in (ends or (Exit.DONE,)), said


# --- fetches ---


@contextmanager
def details(folder: Path) -> Iterator[Scene]:
    """A second call for each record, of which some are gone and some null."""
    with a_scene(folder, a_week(count=4), more=DETAIL) as scene:
        scene.more = 2  # the calls for a day come in the run after its list
        yield scene


@contextmanager
def lanes(folder: Path) -> Iterator[Scene]:
    """Two sources that are asked side by side."""
    with a_scene(folder, a_week(count=4)) as scene:
        text = (
            source_text(scene.server.url).replace("demo", "second").replace('[pacing]\nmin_interval = "1ms"\n', OTHER)
        )
        put_file(scene.begin, "sources/second.toml", text.replace('"/items"', '"/others"').replace("/state", "/states"))
        scene.lanes, scene.every_run = 2, ("/state", "/states")
        yield scene


@contextmanager
def feed(folder: Path) -> Iterator[Scene]:
    """A list without windows, newest first, down to what is known; the first look is archived."""
    api = a_week(count=3)
    with a_scene(folder, api, text=FEED) as scene:
        well_fetched(scene.begin)
        for day in NEWS:
            for number in range(4):
                api.put(f"{day}T{number:02}:30:00Z", f"{day}-{number}", value=number)
        scene.every_run = ("/feed",)
        yield scene


@contextmanager
def unusable(folder: Path, *, count: int = 5) -> Iterator[Scene]:
    """An answer whose records stand in another member: it is kept in the quarantine."""
    with a_scene(folder, a_week(count=count, odd=DAYS[1])) as scene:
        start, end = (f"{day}T00%3A00%3A00Z" for day in DAYS[1:])
        scene.ends = SOME_DAYS
        scene.every_run = ("/state", f"/items?from={start}&to={end}")  # what failed is asked again by the next run
        yield scene


@contextmanager
def refresh(folder: Path) -> Iterator[Scene]:
    """Every day asked again: one changed, one lost so much that the new version is held, one has a record more."""
    api = a_week()
    with a_scene(folder, api, more=EXPECT) as scene:
        well_fetched(scene.begin)
        api.records[f"{DAYS[0]}-1"]["value"] = "edited"
        for number in range(1, 5):
            del api.records[f"{DAYS[1]}-{number}"]
        api.put(f"{DAYS[2]}T23:30:00Z", "late", value=1)
        scene.deed, scene.ends = deeds.refresh, SOME_DAYS
        yield scene


# --- what a user decides ---


@contextmanager
def decided(folder: Path, *, how: Callable[[str], deeds.Deed]) -> Iterator[Scene]:
    """A version waits, and is taken or dropped."""
    with refresh(folder) as scene:
        assert do(scene.begin, deeds.refresh).ended == Exit.SOME_DAYS
        scene.deed, scene.ends = how(DAYS[1]), (Exit.DONE,)
        yield scene


@contextmanager
def kept_answer(folder: Path, *, deed: deeds.Deed) -> Iterator[Scene]:
    """An answer in the quarantine; the source file was mended since."""
    with unusable(folder, count=3) as scene:
        well_fetched(scene.begin, Exit.SOME_DAYS)
        text = source_text(scene.server.url).replace('"data"', '"data || items"', 1)
        put_file(scene.begin, "sources/demo.toml", text)
        changing.accept(scene.begin.archive, ("demo/items",), scene.begin.world(watched=False))
        scene.deed, scene.ends = deed, (Exit.DONE,)
        yield scene


@contextmanager
def added(folder: Path) -> Iterator[Scene]:
    """A ready source file, of an API that is not there."""
    with fetched(folder, deed=deeds.add("usgs-earthquakes")) as scene:
        scene.runs, scene.more = False, 0
        yield scene


@contextmanager
def fetched(folder: Path, *, deed: deeds.Deed) -> Iterator[Scene]:
    """An archive with data and a run record that waits."""
    with a_scene(folder, a_week(), more=DETAIL) as scene:
        well_fetched(scene.begin)
        well_fetched(scene.begin)
        scene.deed = deed
        yield scene


# --- several archives ---


@contextmanager
def begun(folder: Path) -> Iterator[Scene]:
    """No archive yet."""
    with a_scene(folder, a_week()) as scene:
        shutil.rmtree(scene.begin.archive)
        scene.deed, scene.runs = deeds.init, False
        yield scene


def _with_remote(scene: Scene) -> Place:
    """The archive gets a remote, and there is the same archive once more, on another machine."""
    place = scene.begin
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", place.archive.with_name("remote.git")], check=True)
    git(place.archive, "remote", "add", "origin", "../remote.git")
    assert do(place, deeds.push).ended == Exit.DONE
    other = Place(scene.folder / "other/archive", scene.folder / "other/state", scene.folder / "other/home")
    shutil.copytree(scene.template, scene.folder / "other", symlinks=True)
    git(other.archive, "remote", "set-url", "origin", str(place.archive.with_name("remote.git")))
    (other.archive / ".git/snap/machine").unlink(missing_ok=True)
    return other


@contextmanager
def pushed(folder: Path) -> Iterator[Scene]:
    """Commits that the remote lacks."""
    api = a_week()
    with a_scene(folder, api, lookback="3d") as scene:
        well_fetched(scene.begin)
        _with_remote(scene)
        api.put(f"{DAYS[1]}T20:30:00Z", "more", value=1)
        well_fetched(scene.begin)
        scene.deed = deeds.push
        yield scene


@contextmanager
def pulled(folder: Path, *, merges: bool) -> Iterator[Scene]:
    """Commits of another machine, and perhaps others of this one."""
    api = a_week()
    with a_scene(folder, api, lookback="3d") as scene:
        well_fetched(scene.begin)
        other = _with_remote(scene)
        api.put(f"{DAYS[1]}T20:30:00Z", "more", value=1)
        well_fetched(other)
        assert do(other, deeds.push).ended == Exit.DONE
        if merges:
            api.put(f"{DAYS[1]}T21:30:00Z", "still more", value=1)
            api.put(f"{DAYS[2]}T21:30:00Z", "and more", value=1)
            well_fetched(scene.begin)
        scene.deed = deeds.pull
        yield scene


# --- an archive made of another one, or as files ---


@contextmanager
def cloned(folder: Path) -> Iterator[Scene]:
    """A remote, and no archive here yet."""
    with a_scene(folder, a_week()) as scene:
        well_fetched(scene.begin)
        _with_remote(scene)
        shutil.rmtree(scene.begin.archive)
        scene.deed, scene.runs, scene.more, scene.appears = deeds.clone, False, 0, True
        yield scene


@contextmanager
def copied(folder: Path) -> Iterator[Scene]:
    """Another archive, and no copy of it yet."""
    with fetched(folder, deed=deeds.copy_without("demo/state")) as scene:
        scene.begin.archive.rename(scene.begin.archive.with_name("original"))
        scene.runs, scene.more, scene.appears = False, 0, True
        yield scene


@contextmanager
def backed_up(folder: Path) -> Iterator[Scene]:
    """A folder with a full backup, and commits since."""
    api = a_week()
    with a_scene(folder, api, lookback="3d") as scene:
        well_fetched(scene.begin)
        scene.begin.archive.with_name("backups").mkdir()
        assert do(scene.begin, deeds.back_up).ended == Exit.DONE
        api.put(f"{DAYS[1]}T20:30:00Z", "more", value=1)
        well_fetched(scene.begin)
        scene.deed, scene.more = deeds.back_up, 0
        yield scene


@contextmanager
def restored(folder: Path) -> Iterator[Scene]:
    """A folder with two backups, and no archive any more."""
    with backed_up(folder) as scene:
        assert do(scene.begin, deeds.back_up).ended == Exit.DONE
        shutil.rmtree(scene.begin.archive)
        scene.deed, scene.runs, scene.appears = deeds.restore, False, True
        yield scene


STAGES: dict[str, Stage] = {
    "details": details,
    "lanes": lanes,
    "feed": feed,
    "quarantine": unusable,
    "refresh": refresh,
    "held accept": partial(decided, how=deeds.accept),
    "held reject": partial(decided, how=deeds.reject),
    "quarantine retry": partial(kept_answer, deed=deeds.reread),
    "quarantine drop": partial(kept_answer, deed=deeds.drop),
    "rename source": partial(fetched, deed=deeds.rename("demo", "renamed")),
    "rename stream": partial(fetched, deed=deeds.rename("demo/items", "things")),
    "remove stream": partial(fetched, deed=deeds.remove("demo/items")),
    "remove source": partial(fetched, deed=deeds.remove("demo")),
    "add": added,
    "maintain": partial(fetched, deed=deeds.maintain),
    "init": begun,
    "push": pushed,
    "pull": partial(pulled, merges=False),
    "pull, merge": partial(pulled, merges=True),
    "clone": cloned,
    "copy": copied,
    "backup": backed_up,
    "restore": restored,
}
