"""A decoded value as expressions see it: plain to read, exact to keep."""

from __future__ import annotations

from collections.abc import Iterable

from snapshotter import canonical
from snapshotter.canonical import Json, Number
from snapshotter.core.select.expressions import Expression, follow


class _TracedInt(int):
    exact: Number


class _TracedFloat(float):
    exact: Number


_TracedInt.__name__, _TracedFloat.__name__ = "int", "float"  # the library tells types by their names


def _traced(number: Number) -> int | float:
    """The plain value of a number, which remembers the number."""
    value = number.plain()
    traced = _TracedInt(value) if isinstance(value, int) else _TracedFloat(value)
    traced.exact = number
    return traced


class View:
    """A decoded value as expressions see it. `is_plain` promises that it holds no `Number`."""

    __slots__ = ("_is_plain", "_nodes", "_plain", "_traced", "value")

    def __init__(self, value: Json, *, is_plain: bool = False) -> None:
        self.value = value
        self._is_plain = is_plain
        self._plain: Json = None
        self._traced: Json = None
        self._nodes: dict[int, Json] | None = None

    @property
    def plain(self) -> Json:
        """The value with `int` and `float` only."""
        if self._plain is None:
            self._plain = self.value if self._is_plain else canonical.plain(self.value)
            self._is_plain = self._plain is self.value
        return self._plain

    def search(self, expression: Expression) -> Json:
        """What the expression gives, plain; None where there is nothing."""
        if expression.names is not None and self._plain is None:
            found = follow(expression.names, self.value)
            return found if self._is_plain else canonical.plain(found)
        return expression.search(self.plain)

    def select(self, expression: Expression) -> Json:
        """The exact part that the expression points at, or the list of such parts; None where there is nothing.

        Texts, numbers and truth values may be made by the expression, objects and lists of lists may not.
        """
        if expression.names is not None:
            return follow(expression.names, self.value)
        found = expression.search(self._traceable())
        is_sure = self._is_plain and not expression.makes_objects
        if type(found) is not list:
            return found if is_sure else self._exact(found, expression)
        if is_sure and list not in map(type, found):
            return found
        whole = self._nodes_by_id().get(id(found))
        return [self._exact(part, expression) for part in found] if whole is None else whole

    def _traceable(self) -> Json:
        """The plain value, where every number that is not exact knows its exact form."""
        if self.plain is self.value:
            return self.value
        if self._traced is None:
            self._traced = canonical.replace_numbers(self.value, _traced)
        return self._traced

    def _exact(self, part: Json, expression: Expression) -> Json:
        if isinstance(part, dict | list):
            exact = self._nodes_by_id().get(id(part))
            if exact is None:
                kind = "an object" if isinstance(part, dict) else "a list"
                raise expression.refusal(f"it makes {kind} that is not in the data; it may only select")
            return exact
        return part.exact if isinstance(part, _TracedInt | _TracedFloat) else part

    def _nodes_by_id(self) -> dict[int, Json]:
        """The exact form of each object and list that an expression can meet, by its identity."""
        if self._nodes is None:
            self._nodes = {}
            todo = [(self._traceable(), self.value)]
            for seen, exact in todo:  # grows on the way
                if isinstance(seen, dict | list):
                    self._nodes[id(seen)] = exact
                    todo.extend(zip(_parts(seen), _parts(exact), strict=True))
        return self._nodes


def _parts(container: dict[str, Json] | list[Json]) -> Iterable[Json]:
    return container.values() if isinstance(container, dict) else container
