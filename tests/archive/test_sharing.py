"""One archive, several machines, one remote: nothing is lost, and no person is needed."""

import os
import time

import pytest

from snapshotter.archive import looking, sharing, trust, verifying
from snapshotter.archive.opening import for_writing
from snapshotter.core.verifying import FULL
from snapshotter.model import Batch, FileChange
from snapshotter.results import Exit
from tests.archive.worlds import AGAIN, Api, a_file, a_world, an_archive, item, series
from tests.edge.git_archives import git

RECORDS = [item("12T08:00", "a"), item("12T09:00", "b")]
PUSHING = b'format = 1\nzone = "UTC"\n[remote]\npush = true\n'


@pytest.fixture
def archive(tmp_path, a_home_of_its_own):
    """An archive with a remote, pushed once."""
    with an_archive(tmp_path, Api(list(RECORDS)), series(window=AGAIN)) as archive:
        git(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
        archive.git("remote", "add", "origin", str(tmp_path / "remote.git"))
        assert sharing.push(archive.path, archive.world).state == "pushed"
        yield archive


def change(path, world, files, subject="Change by hand"):
    with for_writing(path, world, command="test") as opened:
        batch = Batch(tuple(FileChange(name, data) for name, data in files.items()), f"{subject}\n", world.clock.now())
        opened.store.commit(batch, opened.store.head())
        opened.store.finish()


@pytest.fixture
def second(archive, tmp_path):
    """The same archive on another machine, whose user agreed to it."""
    world = a_world(tmp_path / "second", archive.clock)
    world.chance.seed(99)
    folder = tmp_path / "second/archive"
    sharing.clone(str(tmp_path / "remote.git"), folder, world)
    trust.agree(folder, world, trust.look(folder, world))
    return type(archive)(folder, world, archive.clock, archive.server)


def adds_another(one):
    """A source `other`, to which its user agrees."""
    one.place(a_file(one.server.url, series(window=AGAIN), name="other"), name="other")
    trust.agree(one.path, one.world, trust.look(one.path, one.world))


def is_whole(*archives):
    for one in archives:
        assert one.is_clean()
        found = verifying.verify(one.path, one.world, scope=FULL, tell=lambda step: None)
        assert found.damage == ()


def test_a_run_pushes_where_the_settings_say_so(archive):
    change(archive.path, archive.world, {"snap.toml": PUSHING})

    assert archive.fetch().exit is Exit.DONE
    assert archive.git("rev-parse", "HEAD") == archive.git("rev-parse", "origin/main")


def test_a_push_that_fails_leaves_all_saved_and_goes_with_the_next_run(archive, tmp_path):
    change(archive.path, archive.world, {"snap.toml": PUSHING})
    (tmp_path / "remote.git").rename(tmp_path / "away")

    ran = archive.fetch()
    (tmp_path / "away").rename(tmp_path / "remote.git")

    assert ran.exit is Exit.NOT_TOLD
    assert archive.ids("12") == ["a", "b"]
    assert any("push to origin" in notice.text for notice in ran.notices)
    assert archive.fetch().exit is Exit.DONE
    assert archive.git("rev-parse", "HEAD") == archive.git("rev-parse", "origin/main")


def test_a_push_that_meets_another_one_of_the_same_commits_is_tried_again(archive, tmp_path):
    """The git of a snap that was killed goes on pushing."""
    archive.fetch()
    head = archive.git("rev-parse", "HEAD")
    hook = tmp_path / "remote.git/hooks/update"
    hook.write_text("#!/bin/sh\ngit update-ref $1 $3\n")
    hook.chmod(0o700)

    assert sharing.push(archive.path, archive.world).is_good

    assert git(tmp_path, "-C", "remote.git", "rev-parse", "main") == head


def test_a_pull_that_meets_another_one_is_tried_again(archive, second, tmp_path):
    change(archive.path, archive.world, {"notes.md": b"mine\n"})
    sharing.push(archive.path, archive.world)
    lock = second.path / ".git/refs/remotes/origin/main.lock"
    lock.write_text("")
    os.utime(lock, (time.time() + 600, time.time() + 600))  # of somebody who is at work, as it looks
    script = tmp_path / "upload"
    script.write_text(
        f'#!/bin/sh\n[ -e {tmp_path}/called ] && rm {lock}\ntouch {tmp_path}/called\nexec git-upload-pack "$@"\n'
    )
    script.chmod(0o700)
    second.git("config", "remote.origin.uploadpack", str(script))

    assert sharing.pull(second.path, second.world).commits == 1


def test_a_remote_that_says_no_is_an_alarm(archive, tmp_path):
    hook = tmp_path / "remote.git/hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho quota exceeded\nexit 1\n")
    hook.chmod(0o700)
    archive.fetch()

    pushed = sharing.push(archive.path, archive.world)

    assert pushed.state == "rejected"
    assert "quota exceeded" in pushed.why


def test_a_rewritten_remote_is_an_alarm_and_nothing_is_taken_over(archive, second):
    archive.fetch()
    git(second.path, "commit", "-q", "--amend", "--allow-empty", "-m", "rewritten")
    git(second.path, "push", "-q", "--force", "--no-verify", "origin", "main")

    pushed = sharing.push(archive.path, archive.world)

    assert pushed.state == "diverged"
    assert "rewritten or cut" in pushed.why
    assert archive.is_clean()


def test_a_clone_asks_nothing_before_it_is_trusted(archive, tmp_path):
    world = a_world(tmp_path / "third", archive.clock)
    cloned = sharing.clone(str(tmp_path / "remote.git"), tmp_path / "third/archive", world)

    assert cloned.commits == archive.commits()
    assert not trust.look(tmp_path / "third/archive", world).is_trusted
    assert (tmp_path / "third/archive/.git/hooks/pre-push").exists()


def test_two_machines_with_different_sources_become_one_by_themselves(archive, second):
    adds_another(second)
    archive.fetch("demo")
    sharing.push(archive.path, archive.world)
    second.fetch("other")

    pushed = sharing.push(second.path, second.world)
    sharing.pull(archive.path, archive.world)

    assert pushed.state == "pushed"
    assert archive.ids("12") == archive.ids("12", stream="other/items") == ["a", "b"]
    assert archive.git("rev-parse", "HEAD") == second.git("rev-parse", "HEAD")
    is_whole(archive, second)


def test_of_a_day_that_both_changed_the_later_answer_stands_and_is_told(archive, second):
    archive.fetch()
    archive.server.script.records.append(item("12T10:00", "c"))
    second.later(minutes=5)
    second.fetch()
    sharing.push(second.path, second.world)

    pushed = sharing.push(archive.path, archive.world)

    told = [notice.text for notice in pushed.notices]
    assert archive.ids("12") == ["a", "b", "c"]
    assert any("asked for later and stands" in text for text in told)
    assert any("two machines archive this source" in text for text in told)
    is_whole(archive)


def test_settings_that_both_changed_are_left_to_their_user(archive, second):
    change(second.path, second.world, {"snap.toml": PUSHING})
    sharing.push(second.path, second.world)
    change(archive.path, archive.world, {"snap.toml": b'format = 1\nzone = "UTC"\n[run]\nmax_requests = 5\n'})

    pushed = sharing.push(archive.path, archive.world)

    assert pushed.state == "diverged"
    assert "both sides changed snap.toml" in pushed.why
    assert archive.is_clean()


def test_a_pulled_file_that_reads_a_secret_asks_for_trust_again(archive, second):
    text = a_file(archive.server.url, series(window=AGAIN), head='[secrets]\nkey = "env:DEMO_KEY"\n')
    second.place(text)
    sharing.push(second.path, second.world)

    pulled = sharing.pull(archive.path, archive.world)

    assert "reads env:DEMO_KEY" in pulled.notices[0].text
    assert archive.fetch().exit is Exit.SOME_DAYS
    trust.agree(archive.path, archive.world, trust.look(archive.path, archive.world))
    assert archive.fetch().exit is Exit.CONFIG  # trusted now; the secret has no value here


def test_an_edit_of_the_users_survives_a_pull(archive, second):
    change(second.path, second.world, {"notes.md": b"theirs\n"})
    sharing.push(second.path, second.world)
    (archive.path / "notes.md").write_text("mine\n")

    pulled = sharing.pull(archive.path, archive.world)

    assert (archive.path / "notes.md").read_text() == "mine\n"
    assert any("left your own notes.md" in notice.text for notice in pulled.notices)


def test_a_remote_that_moves_while_a_push_is_on_its_way_is_pulled_first(archive, second, tmp_path):
    adds_another(second)
    second.fetch("other")
    hook = tmp_path / "remote.git/hooks/update"
    push = "env -u GIT_DIR -u GIT_QUARANTINE_PATH git push -q --no-verify origin main"
    hook.write_text(f"#!/bin/sh\nrm -f $0\ncd {second.path} && {push}\n")
    hook.chmod(0o700)
    archive.fetch("demo")

    pushed = sharing.push(archive.path, archive.world)

    assert pushed.state == "pushed"
    assert archive.git("rev-parse", "HEAD") == archive.git("rev-parse", "origin/main")
    assert second.git("rev-parse", "HEAD").strip() in archive.git("log", "--format=%H")


def told_twice(archive):
    return [notice.about for notice in looking.status(archive.path, (), archive.world).notices]


def test_a_source_that_two_machines_archive_by_turns_is_told_by_status_push_and_pull(archive, second):
    for one in (archive, second):
        one.later(hours=1)
        archive.server.script.records.append(item("12T10:00", f"n{one is second}"))
        one.fetch()
        sharing.push(one.path, one.world)
    pulled = sharing.pull(archive.path, archive.world)

    assert "demo" in [notice.about for notice in pulled.notices]
    assert "demo" in told_twice(archive)
    assert "demo" in [notice.about for notice in sharing.push(archive.path, archive.world).notices]


def test_a_source_that_moved_to_another_machine_is_not_called_archived_twice(archive, second):
    archive.fetch()
    sharing.push(archive.path, archive.world)
    sharing.pull(second.path, second.world)
    for hour in range(3):
        archive.server.script.records.append(item(f"12T1{hour}:00", f"n{hour}"))
        second.later(hours=1)
        second.fetch()

    assert told_twice(second) == []
    assert sharing.push(second.path, second.world).notices == ()


def test_a_source_file_that_is_not_committed_is_named_by_a_push(archive):
    file = archive.path / "sources/demo.toml"
    file.write_text(file.read_text() + "\n# mine\n")

    pushed = sharing.push(archive.path, archive.world)

    assert [(notice.about, "not committed" in notice.text) for notice in pushed.notices] == [
        ("sources/demo.toml", True)
    ]
