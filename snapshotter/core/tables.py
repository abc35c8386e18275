"""Records as rows: names of tables and columns, and types that hold every value as it was written.

A column gets the narrowest type that loses nothing: whole numbers BIGINT or DECIMAL(38); numbers with a fraction
DECIMAL up to 18 digits, else DOUBLE where that writes each back as it was, else DECIMAL up to 38 digits; what fits
none of these is text. Objects with the same few members are STRUCT, lists are lists, and what differs from record to
record is JSON.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import field
from decimal import Decimal
from urllib.parse import unquote

from snapshotter.canonical import Json, Number, encode
from snapshotter.frozen import dataclass

MOST_COLUMNS = 500  # of a table; records with more members between them are one column of JSON
MOST_MEMBERS = 200  # of a STRUCT; an object with more names between all records is a map of its own kind
DEEPEST = 8  # levels of STRUCT and lists
WHOLE = "record"  # the one column of records that are no objects, or have too many members
DAY, INSTANT, ID = "_day", "_instant", "_id"
OURS = {DAY: "DATE", INSTANT: "TIMESTAMP", ID: "VARCHAR"}

_SAFE_INT = 2**53
_BIGINT = 2**63
_FAST, _WIDE = 18, 38  # digits of a DECIMAL in 8 and in 16 bytes


@dataclass(slots=True)
class Seen:
    """What values a column had so far."""

    kinds: set[str] = field(default_factory=set)
    low: int = 0
    high: int = 0
    whole: int = 0  # digits before the point
    scale: int = 0  # and behind it
    is_fraction: bool = False
    has_exponent: bool = False
    fits_double: bool = True
    items: Seen | None = None
    members: dict[str, Seen] = field(default_factory=dict)
    is_wide: bool = False  # too many names for a STRUCT

    def look(self, value: Json, depth: int = 0) -> None:
        """Take one more value into account."""
        match value:
            case None:
                return
            case bool():
                self.kinds.add("bool")
            case str():
                self.kinds.add("text")
            case list():
                self.kinds.add("list")
                self._list(value, depth)
            case dict():
                self.kinds.add("object")
                self._object(value, depth)
            case _:
                self.kinds.add("number")
                self._number(value)

    def _list(self, values: Sequence[Json], depth: int) -> None:
        if self.items is None:
            self.items = Seen()
        if depth < DEEPEST:
            for value in values:
                self.items.look(value, depth + 1)

    def _object(self, value: Mapping[str, Json], depth: int) -> None:
        if self.is_wide or depth >= DEEPEST:
            self.is_wide = True
            return
        for name, inner in value.items():
            seen = self.members.get(name)
            if seen is None:
                seen = self.members[name] = Seen()
            seen.look(inner, depth + 1)
        if len(self.members) > MOST_MEMBERS:
            self.is_wide = True
            self.members.clear()

    def _number(self, value: float | Number) -> None:
        text = value.text if isinstance(value, Number) else repr(value)
        if "e" in text:
            self.is_fraction = self.has_exponent = True
            self.fits_double &= isinstance(value, float)
            return
        whole, point, fraction = text.lstrip("-").partition(".")
        self.whole = max(self.whole, len(whole.lstrip("0")))
        self.scale = max(self.scale, len(fraction))
        self.is_fraction |= bool(point)
        if point:
            self.fits_double &= isinstance(value, float)
        elif len(whole) <= _WIDE:
            number = int(text)
            self.low, self.high = min(self.low, number), max(self.high, number)
            self.fits_double &= abs(number) <= _SAFE_INT
        else:
            self.high, self.fits_double = _BIGINT, False

    # --- what it is in SQL ---

    @property
    def kind(self) -> str:
        """`bool`, `text`, `number`, `list` or `object`; `mixed`; `none` where there was no value."""
        if len(self.kinds) > 1:
            return "mixed"
        kind = next(iter(self.kinds), "none")
        if kind == "object" and (self.is_wide or not _are_distinct(self.members)):
            return "mixed"
        return kind

    def sql(self, *, json: str = "JSON") -> str:
        """The type of the column; `json` stands for what is JSON."""
        match self.kind:
            case "none" | "text":
                return "VARCHAR"
            case "bool":
                return "BOOLEAN"
            case "number":
                return self._number_type()
            case "list":
                return f"{(self.items or Seen()).sql(json=json)}[]"
            case "object":
                members = (f"{quoted(name)} {seen.sql(json=json)}" for name, seen in self.members.items())
                return f"STRUCT({', '.join(members)})"
            case _:
                return json

    def _number_type(self) -> str:
        if not self.is_fraction:
            if self.low >= -_BIGINT and self.high < _BIGINT:
                return "BIGINT"
            return f"DECIMAL({_WIDE}, 0)" if self.whole <= _WIDE else "VARCHAR"  # Parquet has no HUGEINT
        digits = self.whole + self.scale
        if not self.has_exponent and digits <= _FAST:
            return f"DECIMAL({_FAST}, {self.scale})"
        if self.fits_double:
            return "DOUBLE"
        return "VARCHAR" if self.has_exponent or digits > _WIDE else f"DECIMAL({_WIDE}, {self.scale})"

    @property
    def is_rendered(self) -> bool:
        """Whether values of it are handed over as text, so that no reader on the way changes a number."""
        match self.kind:
            case "mixed":
                return True
            case "number":
                return self._number_type() == "VARCHAR"
            case "list":
                return self.items is not None and self.items.is_rendered
            case "object":
                return any(seen.is_rendered for seen in self.members.values())
            case _:
                return False

    def rendered(self, value: Json) -> Json:
        """A value with text where its type says so."""
        if value is None or not self.is_rendered:
            return value
        match self.kind:
            case "list":
                return [(self.items or Seen()).rendered(item) for item in value]
            case "object":
                return {name: self.members[name].rendered(inner) for name, inner in value.items()}
            case _:
                return encode(value).decode()


def _are_distinct(names: Collection[str]) -> bool:
    """Whether SQL can tell these names apart, and say each."""
    return bool(names) and all(names) and len({name.casefold() for name in names}) == len(names) and not any(
        "\0" in name for name in names
    )  # fmt: skip


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


# --- columns ---


@dataclass(slots=True)
class Columns:
    """The columns of a table, from the records that were seen."""

    ours: tuple[str, ...]  # of OURS
    seen: dict[str, Seen] = field(default_factory=dict)
    is_whole: bool = False
    places: dict[str, str] = field(default_factory=lambda: {WHOLE: "c0"})  # what a member is called in a file of rows

    def look(self, record: Json) -> None:
        """Take one more record into account."""
        if not isinstance(record, dict):
            self.is_whole = True
        elif not self.is_whole:
            for name, value in record.items():
                column = self.seen.get(name)
                if column is None:
                    column = self.seen[name] = Seen()
                    self.places.setdefault(name, f"c{len(self.places)}")
                column.look(value, 1)
            self.is_whole = len(self.seen) > MOST_COLUMNS

    @property
    def types(self) -> dict[str, Seen]:
        """The columns by the member that each holds; one for all where records are not alike."""
        if not self.is_whole:
            return self.seen
        return {WHOLE: Seen(kinds={"text", "object"})}

    @property
    def names(self) -> dict[str, str]:
        """What each column is called: as its member, told apart where SQL could not."""
        taken = {name.casefold() for name in self.ours}
        named = {}
        for member in self.types:
            name = base = member.replace("\0", "\\0") or "no name"
            number = 1
            while name.casefold() in taken:
                number += 1
                name = f"{base}_{number}"
            taken.add(name.casefold())
            named[member] = name
        return named

    def values(self, record: Json) -> dict[str, Json]:
        """What a record has in each column that it fills, as it is handed over."""
        if self.is_whole:
            return {WHOLE: self.types[WHOLE].rendered(record)}
        return {name: self.seen[name].rendered(value) for name, value in record.items()}


# --- tables ---


def table_names(keys: Iterable[str]) -> dict[str, str]:
    """The name of the table of each stream or detail: `usgs_earthquakes_events`, told apart where two were alike."""
    named: dict[str, str] = {}
    taken: set[str] = set()
    for key in keys:
        base = key.replace("/", "_").replace("-", "_")
        name = base if base not in taken else key.replace("/", "_")
        named[key] = name if name not in taken else key
        taken.add(named[key])
    return named


def mentioned(sql: str, names: Mapping[str, str]) -> list[str]:
    """The streams and details that a statement may speak of, by either of their names."""
    text = sql.casefold()
    return [key for key, name in names.items() if name.casefold() in text or key.casefold() in text]


def detail_id(file: str) -> str:
    """The id that the name of a detail's file stands for; the name itself where it was cut."""
    stem = file.rpartition("/")[2].removesuffix(".json")
    return stem if "~" in stem else unquote(stem)


# --- cells of other formats ---


def cell_text(value: Json) -> str | None:
    """A value as text, exactly: what CSV and a text column hold; None for null."""
    match value:
        case None:
            return None
        case str():
            return value
        case _:
            return encode(value).decode()


def csv_line(cells: Iterable[str | None]) -> str:
    """One line of CSV (RFC 4180): null is nothing, an empty text is `""`."""
    return ",".join("" if cell is None else _csv_cell(cell) for cell in cells) + "\r\n"


def _csv_cell(cell: str) -> str:
    if cell and not any(char in cell for char in '",\r\n') and cell == cell.strip():
        return cell
    return '"' + cell.replace('"', '""') + '"'


def sqlite_value(value: Json) -> int | float | str | None:
    """A value as SQLite holds it without loss: what no integer or float of it is becomes text."""
    match value:
        case None | str():
            return value
        case bool():
            return int(value)
        case int() if -_BIGINT <= value < _BIGINT:
            return value
        case float():
            return value
        case _:
            return encode(value).decode()


def number_of(value: Decimal) -> Number:
    """An exact decimal as a JSON number."""
    return Number(format(value, "f"))
