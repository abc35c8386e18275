"""Values of source files as a source holds them, for tests that build streams by hand."""

from snapshotter.core.template import parse


def parsed(value):
    """A value with every text in it read as a template."""
    match value:
        case str():
            return parse(value)
        case dict():
            return {name: parsed(item) for name, item in value.items()}
        case list():
            return [parsed(item) for item in value]
        case _:
            return value
