"""Any order of changes at the server, runs, kills, refusals and edits: the archive holds what the server ever said."""

from __future__ import annotations

import json
import shutil
import tempfile
from contextlib import ExitStack
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from snapshotter.archive import verifying
from snapshotter.core.verifying import FULL
from snapshotter.results import Exit
from tests.torture.children import fetch
from tests.torture.faults import Fault, acts_in, has_struck
from tests.torture.judging import check_said_truly, is_on_its_way
from tests.torture.points import FORM, counted
from tests.torture.scenes import DAYS, a_scene, a_week, ever_archived, git, place_in, records_in

EXAMPLES, STEPS = {"short": (2, 6), "long": (12, 25), "full": (80, 30)}[FORM]
NUMBERS = st.integers(0, 6)


class Told(RuleBasedStateMachine):
    """One archive, its server and its user."""

    steps = 0  # of all archives

    def __init__(self) -> None:
        super().__init__()
        self.after = ExitStack()
        folder = Path(tempfile.mkdtemp(prefix="torture-"))
        self.after.callback(shutil.rmtree, folder)
        self.api = a_week()
        self.scene = self.after.enter_context(a_scene(folder, self.api, lookback="3d"))
        self.place = place_in(self.scene.template)
        self.received: set[str] = set()
        self.ever: set[str] = set()
        self.edits: dict[Path, str] = {}
        self.head = git(self.place.archive, "rev-parse", "HEAD").strip()

    # --- the server ---

    @rule(day=st.sampled_from(DAYS), number=NUMBERS, value=st.integers(0, 3))
    def the_server_says_something_else(self, day, number, value):
        self.api.put(f"{day}T{number:02}:30:00Z", f"{day}-{number}", value=value)

    @rule(day=st.sampled_from(DAYS), number=NUMBERS)
    def the_server_drops_a_record(self, day, number):
        self.api.records.pop(f"{day}-{number}", None)

    # --- runs ---

    @rule()
    def a_run(self):
        said = self._run(None)
        assert said.ended == Exit.DONE, said

    @rule(at=st.integers(0, 300))
    def a_run_that_is_killed(self, at):
        said = self._run(Fault(at))
        assert said.killed or said.ended == Exit.DONE, said

    @rule(at=st.integers(0, 300), kind=st.sampled_from(["ENOSPC", "EIO", "EROFS", "EMFILE"]), lasting=st.booleans())
    def a_run_that_the_disk_refuses(self, at, kind, lasting):
        said = self._run(Fault(at, kind, lasting))
        refused = has_struck(acts_in(self.place.log))
        assert said.ended in ((Exit.DISK, Exit.DAMAGED) if refused else (Exit.DONE,)), said

    # --- the user ---

    @rule(day=st.sampled_from(DAYS), number=NUMBERS)
    def the_user_edits_a_file(self, day, number):
        path = self.place.archive / f"demo/items/{day[:4]}/{day[5:7]}/{day}.json"
        if path.exists():
            self.edits[path] = f"[\n{number}\n]\n"
            path.write_text(self.edits[path])

    @precondition(lambda self: self.edits)
    @rule()
    def the_user_takes_an_edit_back(self):
        path, _ = self.edits.popitem()
        git(self.place.archive, "checkout", "HEAD", "--", str(path.relative_to(self.place.archive)))

    # --- what always holds ---

    @invariant()
    def history_only_grows(self):
        Told.steps += 1
        git(self.place.archive, "merge-base", "--is-ancestor", self.head, "HEAD")
        self.head = git(self.place.archive, "rev-parse", "HEAD").strip()

    @invariant()
    def the_users_edits_stand(self):
        for path, text in self.edits.items():
            assert path.read_text() == text

    @invariant()
    def nothing_was_invented(self):
        assert set(records_in(self.place.archive)) <= self.ever

    def teardown(self):
        try:
            for _ in range(2):  # the first one may use answers from before the last change
                self.a_run()
            self._check_all()
        finally:
            self.after.close()

    def _check_all(self):
        archive = self.place.archive
        assert records_in(archive) == sorted(json.dumps(record, sort_keys=True) for record in self.api.records.values())
        assert self.received <= ever_archived(archive), self.received - ever_archived(archive)
        world = self.place.world(watched=False)
        assert verifying.verify(archive, world, scope=FULL, tell=lambda _: None).damage == ()
        edited = [f" M {path.relative_to(archive).as_posix()}" for path in sorted(self.edits)]
        assert git(archive, "status", "--porcelain").splitlines() == edited

    def _run(self, fault):
        before = len(self.api.said)
        said = fetch(self.place, fault)
        answers = self.api.said[before:]
        self.ever |= {text for answer in answers for text in answer}
        acts = acts_in(self.place.log)
        if answers and (has_struck(acts) or (said.killed and is_on_its_way(acts))):
            answers.pop()
        self.received |= {text for answer in answers for text in answer}
        check_said_truly(self.place, said)
        return said


def test_the_archive_holds_what_the_server_ever_said():
    with counted("model, steps") as tried:
        run_state_machine_as_test(Told, settings=settings(max_examples=EXAMPLES, stateful_step_count=STEPS))
        tried.points = Told.steps
