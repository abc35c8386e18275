"""Files shipped in the wheel: git hooks (as in `hooks/`), programs that git or snap runs, the demo's week."""

from importlib.resources import files
from pathlib import Path


def hooks() -> dict[str, bytes]:
    """The shipped git hooks by name."""
    return {item.name: item.read_bytes() for item in (files(__name__) / "hooks").iterdir() if item.is_file()}


def gitview_file() -> Path:
    """The program that git runs to show a document."""
    return Path(__file__).with_name("gitview.py")


def guard_file() -> Path:
    """The program that runs another one and lets it end with whoever asked for it."""
    return Path(__file__).with_name("guard.py")
