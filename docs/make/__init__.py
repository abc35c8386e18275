"""The parts of the documents that are made: `python -m docs.make` writes them, tests hold them."""
