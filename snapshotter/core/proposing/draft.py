"""A source file that is not written yet: what it will say, how sure each of it is, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from snapshotter.frozen import dataclass

SURE, LIKELY, GUESS = "sure", "likely", "guess"


@dataclass(frozen=True, slots=True)
class Said:
    """One key of the file. Without `sure` a person has said it."""

    key: str
    value: object  # a text, number, truth, or a list or table of them
    sure: str = ""
    why: str = ""


def variable(source: str, secret: str) -> str:
    """Where a secret is looked for: an environment variable named after its source."""
    return "env:" + f"{source}_{secret}".upper().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything that goes into the file of a source with one stream."""

    source: str
    stream: str
    base_url: str
    path: str
    kind: Said
    about: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    variables: tuple[Said, ...] = ()
    secrets: Mapping[str, str] = field(default_factory=dict)  # name -> where it is found
    auth: Mapping[str, object] = field(default_factory=dict)
    client: tuple[Said, ...] = ()
    params: Mapping[str, object] = field(default_factory=dict)  # braces already doubled where they are meant
    records: tuple[Said, ...] = ()
    paginate: tuple[Said, ...] = ()
    window: tuple[Said, ...] = ()
    day: tuple[Said, ...] = ()
    day_hint: str = ""
    rest: tuple[str, ...] = ()  # lines of comment that end the file: what one may want later

    def findings(self) -> tuple[Said, ...]:
        """What was read out of an answer, each under its whole key."""
        groups = {
            "vars": self.variables,
            "client": self.client,
            "": (self.kind, *self.records),
            "paginate": self.paginate,
            "window": self.window,
            "day": self.day,
        }
        return tuple(
            Said(f"{table}.{said.key}" if table else said.key, said.value, said.sure, said.why)
            for table, group in groups.items()
            for said in group
            if said.sure
        )
