"""The shipped pre-push hook lets history grow on a remote, and lets nothing take from it."""

import os
import stat
import subprocess
import sys
import time
import tomllib
import types
from pathlib import Path

import pytest

from snapshotter import _data
from snapshotter.archive.guarding import guard
from snapshotter.core.guarding import shapes_in
from snapshotter.edge.store.hooks import with_interpreter
from snapshotter.edge.store.outgoing import Outgoing
from snapshotter.edge.tokens import Tokens, Vault
from snapshotter.edge.world import World
from tests.edge.git_archives import DAY, an_archive, git, save

ROOT = Path(__file__).parent.parent


@pytest.fixture
def store(tmp_path):
    """An archive with its hook and with a remote that has what it has."""
    store = an_archive(tmp_path / "archive")
    save(store, {DAY: b"[\n1\n]\n"})
    store.install_hooks()
    git(tmp_path, "init", "-q", "--bare", "-b", "main", "remote.git")
    git(store.root, "remote", "add", "origin", str(tmp_path / "remote.git"))
    git(store.root, "push", "-q", "origin", "main")
    git(store.root, "tag", "v1", "HEAD~1")
    git(store.root, "push", "-q", "origin", "v1", "main:kept")
    return store


def push(store, *arguments):
    return git(store.root, "push", *arguments, check=False)


def on_remote(store):
    return git(store.root, "ls-remote", "origin")


def assert_refused(store, *arguments, words):
    before = on_remote(store)

    done = push(store, *arguments)

    assert done.returncode != 0
    assert "snap: push to origin refused" in done.stderr
    assert words in done.stderr
    assert len(done.stderr.splitlines()) < 24
    assert on_remote(store) == before


def test_the_shipped_hook_is_the_one_in_hooks():
    assert _data.hooks() == {path.name: path.read_bytes() for path in (ROOT / "hooks").iterdir()}
    assert os.access(ROOT / "hooks/pre-push", os.X_OK)


def test_the_hook_goes_into_the_wheel():
    package_data = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]

    assert "_data/hooks/*" in package_data["snapshotter"]


def test_a_push_that_adds_goes_through(store):
    save(store, {DAY: b"[\n2\n]\n"})
    git(store.root, "tag", "v2")

    assert push(store, "origin", "main", "v2", "main:new").returncode == 0
    assert on_remote(store).count(store.head()) == 4  # HEAD, main, new, v2


def test_a_new_remote_takes_everything(store, tmp_path):
    git(tmp_path, "init", "-q", "--bare", "other.git")

    assert push(store, str(tmp_path / "other.git"), "--all").returncode == 0
    assert push(store, str(tmp_path / "other.git"), "--tags").returncode == 0


def test_a_merge_of_both_lines_goes_through(store):
    git(store.root, "checkout", "-q", "-b", "side", "HEAD~1")
    git(store.root, "commit", "-q", "--allow-empty", "-m", "elsewhere")
    git(store.root, "checkout", "-q", "main")
    git(store.root, "merge", "-q", "side", "-m", "both")

    assert push(store, "origin", "main").returncode == 0


@pytest.mark.parametrize("how", [["--force"], ["--force-with-lease"], []])
def test_a_rewritten_branch_is_refused(store, how):
    git(store.root, "commit", "-q", "--amend", "--allow-empty", "-m", "rewritten")
    refspec = "main" if how else "+main"

    assert_refused(store, *how, "origin", refspec, words="refs/heads/main\n      would lose commits")


def test_a_branch_that_was_reset_is_refused(store):
    assert_refused(store, "--force", "origin", "HEAD~1:main", words="refs/heads/main\n      would lose commits")


@pytest.mark.parametrize("refspec", [":kept", ":v1", ":refs/heads/kept"])
def test_a_deletion_is_refused(store, refspec):
    assert_refused(store, "origin", refspec, words="would be deleted there")


def test_a_moved_tag_is_refused(store):
    git(store.root, "tag", "-f", "v1", "HEAD")

    assert_refused(store, "--force", "origin", "v1", words="refs/tags/v1\n      would be moved")


@pytest.mark.parametrize(
    "how", [["--mirror", "origin"], ["--prune", "origin", "refs/heads/*"], ["--pru", "origin", "main"]]
)
def test_what_would_prune_is_refused_though_git_does_not_tell_the_hook(store, how):
    git(store.root, "commit", "-q", "--allow-empty", "-m", "new")

    assert_refused(store, *how, words="would delete there whatever is not here")


def test_a_remote_set_up_as_a_mirror_is_refused(store):
    git(store.root, "config", "remote.origin.mirror", "true")
    git(store.root, "commit", "-q", "--allow-empty", "-m", "new")

    assert_refused(store, "origin", words="would delete there whatever is not here")


def test_one_bad_reference_stops_the_good_ones_too(store):
    save(store, {DAY: b"[\n2\n]\n"})

    assert_refused(store, "origin", "main", ":kept", words="refs/heads/kept")


def test_a_remote_with_unknown_commits_is_refused_even_when_forced(store, tmp_path):
    git(tmp_path, "clone", "-q", "remote.git", "other")
    git(tmp_path / "other", "commit", "-q", "--allow-empty", "-m", "elsewhere")
    git(tmp_path / "other", "push", "-q", "origin", "main")
    save(store, {DAY: b"[\n2\n]\n"})

    assert_refused(store, "--force", "origin", "main", words="fetch and merge them first")


def test_a_graft_does_not_fool_the_hook(store):
    old = git(store.root, "rev-parse", "HEAD").strip()
    git(store.root, "commit", "-q", "--amend", "--allow-empty", "-m", "rewritten")
    git(store.root, "replace", "--graft", "HEAD", old)

    assert_refused(store, "--force", "origin", "main", words="would lose commits")


def test_many_refusals_fit_on_one_screen(store):
    names = [f"b{number}" for number in range(30)]
    assert push(store, "origin", *(f"main:{name}" for name in names)).returncode == 0

    assert_refused(store, "origin", *(f":{name}" for name in names), words="and 22 more")


def test_the_hook_needs_only_sh_and_git(store, tmp_path):
    bare = tmp_path / "bin"
    bare.mkdir()
    for name in ("git", "sh"):
        found = subprocess.run(["which", name], capture_output=True, text=True, check=True).stdout.strip()
        (bare / name).symlink_to(found)

    done = git(store.root, "push", "origin", ":kept", check=False, PATH=str(bare))

    assert "would be deleted there" in done.stderr


# --- what is pushed ---

TOKEN = "ghp_" + "a1B2c3" * 6


def a_source(store, secret):
    text = (
        f'format = 1\nsource = "demo"\n[secrets]\nkey = "{secret}"\n[client]\nbase_url = "https://example.org"\n'
        '[streams.items]\nkind = "snapshot"\npath = "/items"\n'
    )
    save(store, {"snap.toml": b'format = 1\nzone = "UTC"\n', "sources/demo.toml": text.encode()})


def test_a_secret_of_a_known_shape_is_refused_and_can_be_allowed_here(store):
    save(store, {DAY: f'[\n{{"note":"{TOKEN}"}}\n]\n'.encode()})

    assert_refused(store, "origin", "main", words="looks like a GitHub token")
    allow = push(store, "origin", "main").stderr.partition("`git config ")[2].partition("`")[0]
    git(store.root, "config", *allow.split())

    assert push(store, "origin", "main").returncode == 0


def test_a_secret_that_a_later_commit_removed_is_refused_too(store):
    save(store, {"notes.md": TOKEN.encode()})
    save(store, {"notes.md": b"nothing"})

    assert_refused(store, "origin", "main", words="notes.md")


def test_the_users_own_secret_is_refused_in_any_spelling(store, monkeypatch):
    monkeypatch.setenv("DEMO_KEY", "sesame open/now")
    a_source(store, "env:DEMO_KEY")
    save(store, {DAY: b'[\n{"url":"https://x?key=sesame%20open%2Fnow"}\n]\n'})

    assert_refused(store, "origin", "main", words="holds the value of your secret 'key'")


def test_the_guard_runs_no_command_of_a_source_file(store, tmp_path):
    a_source(store, f"command:touch {tmp_path}/ran")

    assert push(store, "origin", "main").returncode == 0
    assert not (tmp_path / "ran").exists()


def test_a_rotated_token_in_the_state_folder_is_looked_for(store, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    Vault(tmp_path / "state/snap", "example").write(Tokens("tokenvalue-1234", 0.0, refresh="refreshvalue-99"))
    save(store, {"notes.md": b"I use refreshvalue-99 for this"})

    assert_refused(store, "origin", "main", words="a token of snap")


@pytest.mark.parametrize("where", ["file", "keyring"])
def test_the_users_own_secret_is_looked_for_wherever_it_is_kept(store, tmp_path, monkeypatch, where):
    (tmp_path / "secret").write_text("sesame open/now\n")
    (tmp_path / "secret").chmod(0o600)
    fake, errors = types.ModuleType("keyring"), types.ModuleType("keyring.errors")
    fake.get_password = lambda service, user: {("demo", "anna"): "sesame open/now"}.get((service, user))
    errors.KeyringError = type("KeyringError", (Exception,), {})
    monkeypatch.setitem(sys.modules, "keyring", fake)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    a_source(store, f"file:{tmp_path}/secret" if where == "file" else "keyring:demo/anna")
    save(store, {DAY: b'[\n{"note":"sesame open/now"}\n]\n'})

    refused = guard(store.root, "origin", [update(store)], World({"PATH": os.environ["PATH"]}, tmp_path / "state"))

    assert "holds the value of your secret 'key'" in refused


SHAPES = {
    "a private key": "-----BEGIN OPENSSH " + "PRIVATE KEY-----",
    "an age key": "AGE-SECRET-KEY-1" + "Q" * 58,
    "an AWS access key": "AKIA" + "ABCDEFGH12345678",
    "a GitHub token": "github_pat_" + "a" * 82,
    "a GitLab token": "glpat-" + "x" * 20,
    "a Google API key": "AIza" + "S" * 35,
    "a Slack token": "xoxb-" + "1" * 20,
    "a Stripe key": "sk_live_" + "4" * 24,
    "an npm token": "npm_" + "n" * 36,
    "a PyPI token": "pypi-AgEIcHlwaS5vcmc" + "p" * 50,
}


@pytest.mark.parametrize("what", SHAPES)
def test_each_known_shape_of_a_secret_is_found_and_no_usual_value_is(what):
    (found,) = shapes_in(f'{{"text":"{SHAPES[what]}"}}'.encode(), ())
    usual = '{"id":"5f9c1b2e","etag":"W/\\"0123456789abcdef\\"","uuid":"123e4567-e89b-12d3-a456-426614174000"}'

    assert found[0] == what
    assert list(shapes_in(usual.encode(), ())) == []


def test_a_file_of_a_merge_that_is_neither_sides_is_looked_at_too(store):
    git(store.root, "checkout", "-q", "-b", "side", "HEAD~1")
    git(store.root, "commit", "-q", "--allow-empty", "-m", "elsewhere")
    git(store.root, "checkout", "-q", "main")
    git(store.root, "merge", "-q", "--no-commit", "--no-ff", "side")
    (store.root / DAY).write_text("[ 1,  3 ]")
    git(store.root, "add", DAY)
    git(store.root, "commit", "-qm", "both")

    assert_refused(store, "origin", "main", words="is not a document as snap writes it")


def test_a_document_that_is_not_canonical_is_refused(store):
    save(store, {DAY: b"[ 1,  2 ]"})

    assert_refused(store, "origin", "main", words="is not a document as snap writes it")


def test_a_broken_run_record_is_refused(store):
    save(store, {"usgs/quakes/_runs/2018/02/05/20180205T031500Z-3f9a2c-001.json": b"{}"})

    assert_refused(store, "origin", "main", words="cannot be read as a run record")


def test_a_link_in_the_place_of_a_document_is_refused(store):
    path = store.root / DAY
    path.unlink()
    path.symlink_to("/etc/passwd")
    git(store.root, "commit", "-qam", "a link")

    assert_refused(store, "origin", "main", words="symbolic link")


def test_without_its_interpreter_nothing_goes_out_and_the_way_on_is_named(store):
    hook = store.root / ".git/hooks/pre-push"
    hook.write_bytes(_data.hooks()["pre-push"].replace(b"python=''", b"python=/nonexistent"))
    save(store, {DAY: b"[\n2\n]\n"})

    assert_refused(store, "origin", "main", words="Run `snap push`")


def update(store):
    """The line that git gives to the hook when the new commits are pushed."""
    return f"refs/heads/main {store.head()} refs/heads/main {git(store.root, 'rev-parse', 'origin/main').strip()}"


def test_a_days_push_is_looked_through_in_a_second(store):
    for number in range(24):
        save(store, {DAY: f"[\n{number}\n]\n".encode()})

    began = time.monotonic()
    command = [store.root / ".git/hooks/pre-push", "origin", "url"]
    done = subprocess.run(command, input=update(store), cwd=store.root, text=True, check=False)

    assert done.returncode == 0
    assert time.monotonic() - began < 3  # under 1 s on an idle machine; this one may be shared


def test_what_is_looked_through_does_not_grow_with_history(store):
    def looked_at():
        save(store, {DAY: b"[\n2\n]\n", "notes.md": os.urandom(8).hex().encode()})
        _, new, _, old = update(store).split()
        outgoing = Outgoing(store.root / ".git", {"PATH": os.environ["PATH"]}, tips=[new], known=[old])
        return len(list(outgoing.objects())), len([file for _, files in outgoing.touched() for file in files])

    little = looked_at()
    for number in range(40):
        save(store, {DAY.replace("05.json", f"{number % 28 + 1:02}.json"): f"[\n{number}\n]\n".encode()})
    git(store.root, "push", "-q", "--no-verify", "origin", "main")

    assert looked_at() == little == (3, 2)


def test_a_push_that_is_killed_while_it_is_looked_through_moves_nothing_and_the_next_goes(store):
    save(store, {DAY: b"[\n2\n]\n"})
    before = on_remote(store)
    hook = store.root / ".git/hooks/pre-push"
    shipped = hook.read_text()
    hook.write_text(shipped.replace("#!/bin/sh\n", "#!/bin/sh\nkill -9 $PPID\n", 1))

    killed = push(store, "origin", "main")
    hook.write_text(shipped)

    assert killed.returncode == -9
    assert on_remote(store) == before
    assert push(store, "origin", "main").returncode == 0


def test_a_push_that_was_killed_is_made_good_by_the_next(store):
    save(store, {DAY: b"[\n2\n]\n"})
    killed = subprocess.Popen(["git", "push", "origin", "main"], cwd=store.root, stderr=subprocess.DEVNULL)
    killed.kill()
    killed.wait()

    assert push(store, "origin", "main").returncode == 0
    assert store.head() in on_remote(store)


# --- putting it in place ---


def test_installing_makes_it_executable_and_may_be_repeated(store):
    hook = store.root / ".git/hooks/pre-push"

    assert store.install_hooks() == ()
    assert stat.S_IMODE(hook.stat().st_mode) == 0o700


def test_an_older_form_of_ours_is_replaced(store):
    hook = store.root / ".git/hooks/pre-push"
    hook.write_bytes(b"#!/bin/sh\n# shipped with snapshotter: long ago\n")

    store.install_hooks()

    assert hook.read_bytes() == with_interpreter(_data.hooks()["pre-push"])


def test_the_users_own_hook_is_kept_and_the_guard_lies_beside_it(store):
    hook = store.root / ".git/hooks/pre-push"
    hook.write_bytes(b'#!/bin/sh\nexec .git/hooks/pre-push.snap "$@"\n')

    (note,) = store.install_hooks()

    assert "kept your own .git/hooks/pre-push" in note
    assert hook.read_bytes().startswith(b"#!/bin/sh\nexec")
    assert_refused(store, "origin", ":kept", words="would be deleted there")


def test_hooks_kept_elsewhere_for_all_repositories_do_not_switch_the_guard_off(store, a_home_of_its_own):
    (a_home_of_its_own / ".gitconfig").write_text("[core]\n\thooksPath = /nonexistent\n")

    (note,) = store.install_hooks()

    assert "core.hooksPath was '/nonexistent'" in note
    assert store.install_hooks() == ()
    assert_refused(store, "origin", ":kept", words="would be deleted there")
