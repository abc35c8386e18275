"""docs/terminal.svg: a terminal for the README, drawn from a real run against a server on this machine."""

import io
import os
import pty
import re
import select
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.text import Text

from snapshotter import catalogue
from snapshotter.edge.quakes import Quakes

WIDTH = 80
SOURCE = "usgs-earthquakes"
STREAM = f"{SOURCE}/events"
VARS = {"since": "2018-01-31", "until": "2018-02-06"}
_EXTERNAL = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)


def picture() -> str:
    """The SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True, highlight=False)
    with TemporaryDirectory() as name, Quakes() as server:
        base = Path(name)
        play(base, ["init", "quakes", "--zone", "UTC"])
        folder = base / "quakes"
        text = catalogue.text(SOURCE)
        for word, value in {"base_url": server.base_url, **VARS}.items():
            text = re.sub(rf'^{word}( *)= "[^"]*"', rf'{word}\1= "{value}"', text, flags=re.MULTILINE)
        (folder / f"sources/{SOURCE}.toml").write_text(text)
        play(folder, ["trust", "--yes"])
        _show(console, folder, ["fetch"])
        server.revise()
        _show(console, folder, ["fetch", "-q"])
        _show(console, folder, ["log", STREAM], lines=9)
        _show(console, folder, ["status", STREAM])
        _show(console, folder, ["why", STREAM, "2018-02-04"], lines=9)
    svg = console.export_svg(title="snap")
    return _EXTERNAL.sub("", svg)  # nothing is loaded from elsewhere: the reader's own monospaced font does


def _show(console: Console, folder: Path, words: Sequence[str], *, lines: int | None = None) -> None:
    console.print(Text.assemble(("$ ", "green"), ("snap " + " ".join(words), "bold")))
    shown = play(folder, words).splitlines()
    for line in shown[:lines]:
        console.print(Text.from_ansi(line))
    if lines is not None and len(shown) > lines:
        console.print(Text("…", style="dim"))
    console.print()


def play(folder: Path, words: Sequence[str]) -> str:
    """What the program leaves on a terminal."""
    base = folder if words[0] == "init" else folder.parent
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(base),
        "TERM": "xterm-256color",
        "COLUMNS": str(WIDTH),
        "LINES": "40",
    }
    env["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        os.execve(sys.executable, [sys.executable, "-m", "snapshotter", *words], env)
    written = b""
    while select.select([terminal], [], [], 60)[0]:
        try:
            piece = os.read(terminal, 65_536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        written += piece
    os.close(terminal)
    os.waitpid(child, 0)
    text = written.decode().replace("\r\n", "\n")
    return text.rpartition("\x1b[?25h")[2].lstrip("\r\n\x1b[2KA1") if "\x1b[?25h" in text else text
