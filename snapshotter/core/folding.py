"""Text folded between its words, so that a terminal breaks none of them; what is long without a space stays whole."""

from __future__ import annotations

import re
import unicodedata

_WORD = re.compile(r" *[^ ]+")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_GAP = re.compile(r" {2,}(?=[^ ])")
_COMMAND = re.compile(r" *(snap|snapshotter|git) ")
_LEAST = 30  # columns; what is narrower is no terminal that somebody reads
_ZERO, _TWO = ("Mn", "Me", "Cf"), ("W", "F")


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: wide characters two, those that lie on others and colours none."""
    shown = _COLOUR.sub("", text) if "\x1b" in text else text
    return len(shown) if shown.isascii() else sum(map(_columns, shown))


def _columns(char: str) -> int:
    if unicodedata.category(char) in _ZERO:
        return 0
    return 2 if unicodedata.east_asian_width(char) in _TWO else 1


def fold(text: str, width: int) -> str:
    """Each line at most so wide, its rest hung below its last column; a command line is left to be copied whole."""
    return "\n".join(_folded(line, max(width, _LEAST)) for line in text.split("\n"))


def _folded(line: str, width: int) -> str:
    if columns(line) <= width or _COMMAND.match(line):
        return line
    hang = " " * _hang(line, width)
    lines: list[str] = []
    now, taken = "", 0
    for word in _WORD.findall(line):
        wide = columns(word)
        if now.strip() and taken + wide > width:
            lines.append(now)
            now = hang + word.lstrip(" ")
            taken = columns(now)
        else:
            now, taken = now + word, taken + wide
    return "\n".join([*lines, now])


def _hang(line: str, width: int) -> int:
    """Where the rest of a line begins: below its last column, if that is not far to the right, else a little in."""
    begins = len(line) - len(line.lstrip(" "))
    gaps = [found.end() for found in _GAP.finditer(line, begins) if found.end() <= width // 2]
    return gaps[-1] if gaps else min(begins + 2, width // 2)
