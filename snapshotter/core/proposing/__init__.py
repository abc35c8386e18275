"""Source files that are proposed: from one answer of an API nobody has described yet, or from a person's words."""

from snapshotter.core.proposing.address import RESERVED, Address, as_name, read_address, source_name, stream_name
from snapshotter.core.proposing.asking import PAGERS, SIGN_INS, TIMES, Answers, drafted
from snapshotter.core.proposing.draft import Draft, Said
from snapshotter.core.proposing.propose import Proposal, Seen, propose
from snapshotter.core.proposing.words import proposed, saved
from snapshotter.core.proposing.writing import write

__all__ = [
    "PAGERS",
    "RESERVED",
    "SIGN_INS",
    "TIMES",
    "Address",
    "Answers",
    "Draft",
    "Proposal",
    "Said",
    "Seen",
    "as_name",
    "drafted",
    "propose",
    "proposed",
    "read_address",
    "saved",
    "source_name",
    "stream_name",
    "write",
]
