"""Write the parts of the documents that are made: commands, the catalogue, and with `picture` the terminal's."""

import sys
from pathlib import Path

from docs.make.catalogue import catalogue_page
from docs.make.commands import command_reference

DOCS = Path(__file__).parent.parent

(DOCS / "catalogue.md").write_text(catalogue_page())
(DOCS / "commands.md").write_text(command_reference())
if "picture" in sys.argv:
    from docs.make.picture import picture

    (DOCS / "terminal.svg").write_text(picture())

    from docs.make.browser import lacking
    from docs.make.report import pictures

    if why := lacking():
        print(f"The pictures of the report stay as they are: {why}")
    else:
        pictures(DOCS)
