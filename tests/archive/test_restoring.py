"""A remote is cloned, looked at and compared; what it lacks and what is broken there is named."""

import pytest

from snapshotter.archive.restoring import try_restore
from snapshotter.cli.restoring import code_of
from snapshotter.errors import CouldNotTell
from tests.archive.test_verify import DAY, commit, fetched

WHO = ("-c", "user.name=A", "-c", "user.email=a@b")


def tried(archive, remote="backup"):
    found = try_restore(archive.path, remote, archive.world, tell=archive._tell)
    return found.relation, found.behind, found.ahead, code_of(found)


def pushed(archive, tmp_path):
    """A bare copy, known to git as `backup`."""
    archive.git("clone", "-q", "--bare", str(archive.path), str(tmp_path / "backup.git"))
    archive.git("remote", "add", "backup", str(tmp_path / "backup.git"))


def test_a_remote_that_has_everything_is_called_so(tmp_path):
    with fetched(tmp_path) as archive:
        pushed(archive, tmp_path)
        found = try_restore(archive.path, "backup", archive.world, tell=archive._tell)

        assert (found.relation, code_of(found)) == ("same", 0)
        assert found.verified.damage == ()
        assert found.verified.counts["documents"] == 2


def test_what_a_remote_lacks_is_counted(tmp_path):
    with fetched(tmp_path) as archive:
        pushed(archive, tmp_path)
        commit(archive, "NOTES.md", "mine")

        assert tried(archive) == ("behind", 1, 0, 4)


def test_what_this_archive_lacks_is_counted(tmp_path):
    with fetched(tmp_path) as archive:
        commit(archive, "NOTES.md", "mine")
        pushed(archive, tmp_path)
        archive.git("reset", "-q", "--hard", "HEAD~1")

        assert tried(archive) == ("ahead", 0, 1, 5)


def test_archives_that_went_apart_are_called_so(tmp_path):
    with fetched(tmp_path) as archive:
        commit(archive, "NOTES.md", "mine")
        pushed(archive, tmp_path)
        archive.git("reset", "-q", "--hard", "HEAD~1")
        commit(archive, "NOTES.md", "other")

        assert tried(archive) == ("apart", 1, 1, 5)


def test_damage_of_a_remote_is_named(tmp_path):
    with fetched(tmp_path) as archive:
        commit(archive, DAY, "[]")
        pushed(archive, tmp_path)
        found = try_restore(archive.path, "backup", archive.world, tell=archive._tell)

        assert [(item.kind, item.where) for item in found.verified.damage] == [("document", DAY)]
        assert code_of(found) == 5


def test_a_folder_may_be_named_by_its_path(tmp_path):
    with fetched(tmp_path) as archive:
        pushed(archive, tmp_path)

        assert tried(archive, "../backup.git")[0] == "same"


def test_a_remote_without_an_archive_is_empty(tmp_path):
    with fetched(tmp_path) as archive:
        archive.git("init", "-q", "--bare", str(tmp_path / "empty.git"))

        assert tried(archive, str(tmp_path / "empty.git")) == ("empty", 0, 0, 4)


def test_a_remote_that_is_not_there_is_told(tmp_path):
    with fetched(tmp_path) as archive, pytest.raises(CouldNotTell, match="cannot be asked"):
        tried(archive, str(tmp_path / "nowhere.git"))
