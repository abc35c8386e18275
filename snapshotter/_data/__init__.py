"""Files shipped in the wheel: git hooks (a copy of `hooks/`, held equal by a test), git's view, the demo's week."""

from importlib.resources import files
from pathlib import Path


def hooks() -> dict[str, bytes]:
    """The shipped git hooks by name."""
    return {item.name: item.read_bytes() for item in (files(__name__) / "hooks").iterdir() if item.is_file()}


def gitview_file() -> Path:
    """The program that git runs to show a document."""
    return Path(__file__).with_name("gitview.py")
