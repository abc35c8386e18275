"""A secret is found where the source file says, or the user is told what to do."""

import os
import select
import sys
import types

import pytest

from snapshotter.edge import secrets
from snapshotter.spec import SecretRef

SECRET = "sekrit-token-1"


def gathered(where, home, *, env=None, trusted=False):
    kind, _, place = where.partition(":")
    ref = SecretRef("token", kind, place)
    return secrets.gather({"token": ref}, {"PATH": os.environ["PATH"], **(env or {})}, home=home, trusted=trusted)


def a_file(folder, text, *, name="token", mode=0o600):
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    path.chmod(mode)
    return path


@pytest.fixture
def keyring(monkeypatch):
    fake = types.ModuleType("keyring")
    errors = types.ModuleType("keyring.errors")
    errors.KeyringError = type("KeyringError", (Exception,), {})
    fake.entries = {}
    fake.get_password = lambda service, user: fake.entries.get((service, user))
    monkeypatch.setitem(sys.modules, "keyring", fake)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    fake.errors = errors
    return fake


def test_the_environment_is_the_one_that_was_given(tmp_path):
    found = gathered("env:TOKEN", tmp_path, env={"TOKEN": SECRET})

    assert found.values == {"token": SECRET}
    assert found.missing == ()


@pytest.mark.parametrize("env", [{}, {"TOKEN": ""}])
def test_an_absent_or_empty_variable_is_missing_with_a_hint(tmp_path, env):
    found = gathered("env:TOKEN", tmp_path, env=env)

    assert found.values == {}
    assert found.missing == (("token", "set the environment variable TOKEN"),)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (SECRET, SECRET),
        (f"{SECRET}\n", SECRET),
        (f"{SECRET}\r\n", SECRET),
        (f"{SECRET}\n\n", f"{SECRET}\n"),
        (f"\ufeff{SECRET}\n", SECRET),
        ("{\n}\n", "{\n}"),
    ],
)
def test_one_line_break_at_the_end_of_a_file_is_not_part_of_the_secret(tmp_path, text, value):
    a_file(tmp_path, text)

    assert gathered("file:token", tmp_path).values == {"token": value}


@pytest.mark.parametrize("where", ["file:token", "file:~/token", "file:{folder}/token", "file:./token"])
def test_files_are_found_from_the_home_folder(tmp_path, where):
    a_file(tmp_path, SECRET)

    assert gathered(where.format(folder=tmp_path), tmp_path).values == {"token": SECRET}


def test_home_comes_from_the_given_environment(tmp_path):
    a_file(tmp_path, SECRET)
    refs = {"token": SecretRef("token", "file", "~/token")}

    assert secrets.gather(refs, {"HOME": str(tmp_path)}).values == {"token": SECRET}


def test_a_file_that_everybody_can_read_is_used_and_named(tmp_path, monkeypatch):
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o001)
    path = a_file(tmp_path, SECRET, mode=0o644)

    found = gathered("file:token", tmp_path)

    assert found.values == {"token": SECRET}
    assert found.warnings == (
        f"secret 'token': every user of this machine can read {path} (mode 0644); run `chmod 600 {path}`",
    )


def test_a_readable_file_in_a_closed_folder_is_no_matter(tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    a_file(closed, SECRET, mode=0o644)

    assert gathered("file:closed/token", tmp_path).warnings == ()


@pytest.mark.parametrize(
    ("prepare", "words"),
    [
        (lambda path: None, "No such file or directory"),
        (lambda path: path.mkdir(), "not a plain file"),
        (os.mkfifo, "not a plain file"),
        (lambda path: path.write_bytes(b""), "put it into the file token"),
        (lambda path: path.write_bytes(b"\xff\xfe\x00"), "not UTF-8"),
        (lambda path: path.write_bytes(b"x" * (1 << 20) + b"y"), "larger than 1 MiB"),
    ],
    ids=["absent", "folder", "pipe", "empty", "not text", "large"],
)
def test_a_file_that_cannot_be_used_is_missing_and_says_why(tmp_path, prepare, words):
    prepare(tmp_path / "token")

    ((name, hint),) = gathered("file:token", tmp_path).missing

    assert name == "token"
    assert words in hint or "Is a directory" in hint


def test_a_file_name_that_cannot_be_is_missing(tmp_path):
    assert gathered("file:a\0b", tmp_path).missing


def test_a_keyring_entry_is_found_by_service_and_user(tmp_path, keyring):
    keyring.entries["my/service", "anna"] = SECRET

    assert gathered("keyring:my/service/anna", tmp_path).values == {"token": SECRET}


def test_an_absent_keyring_entry_is_missing_with_the_command_that_adds_it(tmp_path, keyring):
    assert gathered("keyring:oura/token", tmp_path).missing == (("token", "store it with `keyring set oura token`"),)


def test_a_locked_keyring_is_missing_and_does_not_stop_the_others(tmp_path, keyring):
    def locked(service, user):
        raise keyring.errors.KeyringError(f"the password is {SECRET}")

    keyring.get_password = locked

    ((_, hint),) = gathered("keyring:oura/token", tmp_path).missing

    assert "unlock it" in hint
    assert SECRET not in hint


def test_without_the_keyring_library_the_hint_names_the_extra(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)

    ((_, hint),) = gathered("keyring:oura/token", tmp_path).missing

    assert "pip install 'snapshotter[keyring]'" in hint


def test_a_command_is_run_in_a_trusted_archive_only(tmp_path):
    assert gathered(f"command:printf {SECRET}", tmp_path, trusted=True).values == {"token": SECRET}
    ((_, hint),) = gathered(f"command:printf {SECRET}", tmp_path).missing
    assert "snap trust" in hint


def test_a_command_is_no_shell_line(tmp_path):
    found = gathered("command:echo $HOME; echo 'two words'", tmp_path, trusted=True)

    assert found.values == {"token": "$HOME; echo two words"}


def test_a_command_sees_the_given_environment_only(tmp_path):
    found = gathered("command:printenv TOKEN", tmp_path, env={"TOKEN": SECRET}, trusted=True)

    assert found.values == {"token": SECRET}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("false", "ended with code 1"),
        ("/no/such/program", "No such file"),
        ("true", "make the command `true` print it"),
        ("'", "not a command line"),
        ("", "empty"),
        (r"printf \\377", "not UTF-8"),
        ("sh -c 'echo sekrit-token-1; echo sekrit-token-1 >&2; exit 3'", "ended with code 3"),
    ],
)
def test_a_command_that_fails_is_missing_and_shows_none_of_its_output(tmp_path, line, words):
    ((_, hint),) = gathered(f"command:{line}", tmp_path, trusted=True).missing

    assert words in hint
    assert SECRET not in hint.replace(line, "")


def test_a_command_that_hangs_is_ended_with_all_it_started(tmp_path):
    pid = tmp_path / "pid"
    argv = ["sh", "-c", f"sleep 60 & echo $! >{pid}; wait"]

    printed, problem = secrets.run_command(argv, os.environ, cwd=tmp_path, seconds=0.3)

    assert (printed, problem) == (b"", "it did not end within 0.3 s")
    assert _ends(int(pid.read_text()))


def _ends(pid):
    """Whether a process ends within ten seconds; on a busy machine a killed one takes its time."""
    if not hasattr(os, "pidfd_open"):
        pytest.skip("this system cannot wait for a process that is not a child")
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], 10)[0])
    finally:
        os.close(fd)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("line\nbreak", "line break"),
        ("line\rbreak", "line break"),
        ("a\tb", "control"),
        ("a\x00b", "control"),
        ("a\x7fb", "control"),
        (" blank", "white space"),
        ("blank ", "white space"),
        ("snow☃man", "Latin-1"),
    ],
)
def test_a_value_that_no_header_can_carry_is_named_without_being_shown(value, words):
    why = secrets.unfit_for_header(value)

    assert words in why
    assert value not in why


@pytest.mark.parametrize("value", ["plain", "with inner space", "latin-é"])
def test_other_values_fit_into_a_header(value):
    assert secrets.unfit_for_header(value) is None


def test_no_repr_shows_a_value(tmp_path):
    assert SECRET not in repr(gathered("env:TOKEN", tmp_path, env={"TOKEN": SECRET}))
