"""Files shipped in the wheel: git hooks (a copy of `hooks/`, held equal by a test) and the demo's week."""

from importlib.resources import files


def hooks() -> dict[str, bytes]:
    """The shipped git hooks by name."""
    return {item.name: item.read_bytes() for item in (files(__name__) / "hooks").iterdir() if item.is_file()}
