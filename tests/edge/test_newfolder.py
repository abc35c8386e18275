"""A folder appears whole or not at all; one that was killed on the way is cleared by the next."""

from contextlib import suppress

import pytest

from snapshotter.edge.newfolder import appearing_folder
from snapshotter.errors import Busy, UsageError
from tests.edge.git_archives import Calm


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def make(target, text="whole"):
    with appearing_folder(target, disk=Calm()) as made:
        made.mkdir()
        (made / "file").write_text(text)


def test_a_folder_takes_its_place_when_it_is_whole(tmp_path):
    (tmp_path / "empty").mkdir()

    for name in ("empty", "new"):
        make(tmp_path / name)

    assert names(tmp_path) == ["empty", "new"]
    assert names(tmp_path / "new") == ["file"]


def test_an_error_on_the_way_leaves_nothing(tmp_path):
    with suppress(KeyError), appearing_folder(tmp_path / "new", disk=Calm()) as made:
        made.mkdir()
        raise KeyError

    assert names(tmp_path) == []


def test_what_a_killed_one_left_goes_with_the_next(tmp_path):
    left = tmp_path / ".new.snap-making/made-1"
    left.mkdir(parents=True)
    (left / "file").write_text("half")

    make(tmp_path / "new")

    assert names(tmp_path) == ["new"]
    assert (tmp_path / "new/file").read_text() == "whole"


def test_of_two_at_once_the_second_is_refused(tmp_path):
    with appearing_folder(tmp_path / "new", disk=Calm()) as made:
        made.mkdir()
        with pytest.raises(Busy, match="another snap is making it"):
            make(tmp_path / "new")

    assert names(tmp_path) == ["new"]


def test_a_folder_with_something_in_it_is_not_replaced(tmp_path):
    (tmp_path / "mine").write_text("mine")

    with pytest.raises(UsageError, match="is not empty"):
        make(tmp_path)

    assert names(tmp_path) == ["mine"]
