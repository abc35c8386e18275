"""What each run would make anew after it was forked, made once before: the `__init__` of values, readers of JSON."""

import sys
from inspect import isclass

from snapshotter import codec, frozen
from snapshotter.model import RunRecord


def _warm() -> None:
    for module in [module for name, module in sys.modules.items() if name.startswith("snapshotter.")]:
        for made in [value for value in vars(module).values() if isclass(value)]:
            init = vars(made).get("__init__")
            if getattr(init, "__code__", None) is not None and init.__code__.co_name == "init":
                made.__init__ = frozen._init_of(made)
    codec._reader(RunRecord)


_warm()
