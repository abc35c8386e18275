"""The way back from a dead disk, as the how-to has it: its commands are read from there and played."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from snapshotter.edge.tokens import Tokens, Vault
from tests.edge.git_archives import git

HOW_TO = Path(__file__).parent.parent.parent / "docs/how-to.md"
ADDRESS = "ssh://backup.example.org/srv/archive.git"
STREAM = "usgs-earthquakes/events"


def commands():
    """The commands of the drill: those of a remote, those of a backup, those that follow."""
    _, _, rest = HOW_TO.read_text().partition("## Come back from a dead disk\n")
    blocks = re.findall(r"(?:^    .+\n)+", rest.partition("\n## ")[0], re.MULTILINE)
    remote, backup, then = ([line.strip() for line in block.splitlines()] for block in blocks[:3])
    return remote, backup, then


def plays(person, monkeypatch, line, changes):
    for old, new in changes.items():
        line = line.replace(old, new)
    program, *words = line.split()
    match program:
        case "cd":
            monkeypatch.chdir(words[0])
        case "git":
            subprocess.run([program, *words], check=True)
        case "snap" if words[:2] == ["schedule", "--install"]:
            person.types("schedule", "--print", "cron")  # it would be put in place on this machine
        case "snap":
            person.types(*words)
        case _:
            raise AssertionError(line)


@pytest.mark.parametrize(
    "source",
    [
        "remote",
        pytest.param("backup", marks=pytest.mark.skipif(not shutil.which("age"), reason="age is not installed")),
    ],
)
def test_the_drill_of_the_how_to_brings_everything_back(person, archive, monkeypatch, source):
    git(archive, "commit", "-qam", "Ask this server")
    person.types("fetch")
    folder = person.folder
    (folder / "passphrase").write_text("a long passphrase\n")
    Vault(folder / "state/snap", "example").write(Tokens("access-token-1", 0.0))
    git(folder, "init", "-q", "--bare", "-b", "main", "remote.git")
    git(archive, "remote", "add", "origin", str(folder / "remote.git"))
    person.types("push")
    person.types("state", "export", str(folder / "moved.sealed"), "--passphrase-file", str(folder / "passphrase"))
    (folder / "backups").mkdir()
    if source == "backup":
        made = subprocess.run(["age-keygen", "-o", folder / "age.txt"], capture_output=True, text=True, check=True)
        key = made.stderr.split("Public key: ")[1].strip()
        person.types("backup", "--to", str(folder / "backups"), "--recipient", key)
    before = person.types("show", STREAM, "2018-02-01")
    shutil.rmtree(archive)
    shutil.rmtree(folder / "state")
    monkeypatch.chdir(folder)
    changes = {
        ADDRESS: str(folder / "remote.git"),
        "/mnt/backups": str(folder / "backups"),
        "~/.keys": str(folder),
        "moved.sealed": f"{folder}/moved.sealed --passphrase-file {folder}/passphrase",
        "snap trust": "snap trust --yes",
    }
    remote, backup, then = commands()

    for line in [*(remote if source == "remote" else backup), *then]:
        plays(person, monkeypatch, line, changes)

    assert person.types("show", STREAM, "2018-02-01") == before
    assert Vault(folder / "state/snap", "example").read().access == "access-token-1"
    person.types("push")
