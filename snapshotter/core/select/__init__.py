"""What is where in decoded JSON: JMESPath for reading, member paths for leaving out.

Expressions read plain values. `View.select` gives the exact parts that stand where an expression points, and refuses an
expression that makes something new. Member paths (`a.b`, `a[*].b`, `*`, `"odd name".b`) name what is dropped, ignored
or copied.
"""

from snapshotter.core.select.expressions import Expression, compile_expression, is_true, truthy
from snapshotter.core.select.members import Path, change, differs_only_in, drop, get, parse_path
from snapshotter.core.select.views import View

__all__ = [
    "Expression",
    "Path",
    "View",
    "change",
    "compile_expression",
    "differs_only_in",
    "drop",
    "get",
    "is_true",
    "parse_path",
    "truthy",
]
