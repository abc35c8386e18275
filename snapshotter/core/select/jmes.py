"""The JMESPath library, with its own errors turned into ours and its late mistakes found early."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, cast

import jmespath
from jmespath.exceptions import IncompleteExpressionError, JMESPathTypeError, LexerError, ParseError
from jmespath.functions import Functions
from jmespath.parser import ParsedResult

from snapshotter.canonical import Json
from snapshotter.core.escaping import escape
from snapshotter.errors import ConfigError, Unreadable

_Node = Mapping[str, Any]

_LONGEST = 4_096
_TAKES_EXPRESSION = frozenset({"map", "max_by", "min_by", "sort_by"})


def compiled(text: str) -> tuple[Callable[[Json], Json], bool]:
    """How to evaluate an expression, and whether it may make objects of its own."""
    if len(text) > _LONGEST:
        raise ConfigError(f"{escape(text)} is longer than {_LONGEST} characters; write a shorter expression")
    if not text:
        raise ConfigError("an empty text is no JMESPath expression; write @ for the whole")
    parsed = _parsed(text)
    root = cast("_Node", parsed.parsed)
    nodes = list(_nodes(root))
    _check_references(root, text)
    for node in nodes:
        _check(node, text)
    return _evaluation(text, parsed), any(map(_makes_objects, nodes))


def _evaluation(text: str, parsed: ParsedResult) -> Callable[[Json], Json]:
    def evaluate(plain: Json) -> Json:
        try:
            return parsed.search(plain)
        except (ValueError, TypeError, ArithmeticError, RecursionError) as error:
            raise Unreadable("selection", f"{escape(text)}: {_evaluation_problem(error)}") from None

    return evaluate


def _evaluation_problem(error: Exception) -> str:
    match error:
        case JMESPathTypeError():
            expected = " or ".join(error.expected_types)
            return f"{error.function_name}() takes {expected} and met {escape(str(error.actual_type))}"
        case TypeError():
            return "it compares or joins values of different types"
        case ArithmeticError():
            return "it reckons with a number that is too large"
        case RecursionError():
            return "it goes too deep"
        case _:
            return "it cannot be evaluated for this value"


def _parsed(text: str) -> ParsedResult:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", PendingDeprecationWarning)
            return jmespath.compile(text)
    except IncompleteExpressionError:
        problem = "it ends too early"
    except LexerError as error:
        problem = f"{error.message} at column {error.lex_position + 1}"
    except ParseError as error:
        is_end = error.token_type == "EOF"  # noqa: S105 - a kind of token
        problem = "it ends too early" if is_end else f"{error.msg} at column {error.lex_position + 1}"
    except PendingDeprecationWarning:
        problem = "between backticks stands JSON; write a text in single quotes, like 'open'"
    except RecursionError:
        problem = "it is nested too deep"
    raise ConfigError(f"{escape(text)} is not a JMESPath expression: {escape(problem, 160)}")


def _nodes(root: _Node) -> Iterator[_Node]:
    todo: list[Any] = [root]
    for node in todo:  # grows on the way
        if isinstance(node, dict):
            yield node
            todo.extend(node["children"])


def _makes_objects(node: _Node) -> bool:
    match node:
        case {"type": "literal", "value": value}:
            return isinstance(value, dict | list)
        case {"type": "function_expression", "value": "merge"}:
            return True
        case _:
            return node["type"] in ("multi_select_dict", "multi_select_list")


def _check(node: _Node, text: str) -> None:
    """Refuse at once what the library would refuse with the first answer only."""
    match node:
        case {"type": "function_expression", "value": name, "children": given}:
            _check_call(name, given, text)
        case {"type": "slice", "children": [_, _, 0]}:
            raise ConfigError(f"{escape(text)}: a slice cannot have step 0; write another step, or [a:b]")
        case _:
            return


def _check_references(root: _Node, text: str) -> None:
    """`&expression` is a value of no kind that JSON knows: it may only be given to what calls it."""
    wrapper = {"type": "root", "children": [root]}
    for node in _nodes(wrapper):
        may_hold = node["type"] == "function_expression" and node["value"] in _TAKES_EXPRESSION
        if not may_hold and any(isinstance(child, dict) and child["type"] == "expref" for child in node["children"]):
            allowed = ", ".join(sorted(_TAKES_EXPRESSION))
            raise ConfigError(f"{escape(text)}: an expression with & in front may only be given to {allowed}")


def _check_call(name: str, given: Sequence[Any], text: str) -> None:
    if name not in Functions.FUNCTION_TABLE:
        known = ", ".join(sorted(Functions.FUNCTION_TABLE))
        raise ConfigError(f"{escape(text)}: there is no function {escape(name)}(); known are {known}")
    signature = Functions.FUNCTION_TABLE[name]["signature"]
    is_open = bool(signature[-1].get("variadic"))
    if len(given) < len(signature) or (len(given) > len(signature) and not is_open):
        takes = f"at least {len(signature)}" if is_open else f"{len(signature)}"
        raise ConfigError(f"{escape(text)}: {name}() takes {takes} arguments and is given {len(given)}")
