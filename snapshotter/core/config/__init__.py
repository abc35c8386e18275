"""The files of an archive: text in, checked values out, every mistake at once with its line.

`load_source` and `load_settings` never raise for a bad file and never show a secret. What a file may say stands in the
`grammar_*` tables, from which the checks, the JSON Schemas and `reference_markdown` come.
"""

from snapshotter.core.config.account_table import with_account
from snapshotter.core.config.load import Loaded, check_together, load_settings, load_source
from snapshotter.core.config.problems import Problem
from snapshotter.core.config.reference import reference_markdown
from snapshotter.core.config.starter import settings_template

__all__ = [
    "Loaded",
    "Problem",
    "check_together",
    "load_settings",
    "load_source",
    "reference_markdown",
    "settings_template",
    "with_account",
]
