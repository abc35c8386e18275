"""Source files that are proposed: from one answer of an API nobody has described yet, or from a person's words."""

from snapshotter.core.proposing.address import Address, as_name, read_address, stream_name
from snapshotter.core.proposing.draft import Draft, Said
from snapshotter.core.proposing.propose import Proposal, Seen, propose
from snapshotter.core.proposing.writing import write

__all__ = ["Address", "Draft", "Proposal", "Said", "Seen", "as_name", "propose", "read_address", "stream_name", "write"]
