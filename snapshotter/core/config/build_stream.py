"""A stream that was read and checked, as values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snapshotter.core.config.derive import day_zone, granularity, overlap_of, stops, window_zone
from snapshotter.core.spans import longest
from snapshotter.spec import (
    Action,
    Carry,
    CursorPaging,
    DayRule,
    Detail,
    ErrorRule,
    Expect,
    Horizon,
    Kind,
    LinkHeader,
    NextUrl,
    NoPaging,
    OffsetPaging,
    PageNumber,
    Paging,
    PagingCommon,
    RefreshRule,
    Selection,
    Settings,
    Shape,
    Stream,
    WindowRule,
)

Table = Mapping[str, Any]


def build_stream(
    name: str, stream: Table, *, source: str, errors: tuple[ErrorRule, ...], settings: Settings | None
) -> Stream:
    """The stream; `errors` are the rules of its source."""
    return Stream(
        source=source,
        name=name,
        kind=Kind(stream["kind"]),
        path=stream["path"],
        method=stream["method"],
        repeatable=stream["repeatable"],
        params=stream["params"] or {},
        headers=stream["headers"] or {},
        json=stream["json"],
        form=stream["form"],
        every=stream["every"],
        selection=_selection(stream),
        paging=_paging(stream["paginate"]),
        window=_window(stream, settings) if stream["window"] is not None else None,
        day=_day(stream["day"], settings) if stream["day"] is not None else None,
        horizon=Horizon(**stream["horizon"]) if stream["horizon"] is not None else None,
        refresh=_refresh(stream["refresh"]),
        expect=Expect(**stream["expect"]),
        details=tuple(_detail(key, detail, errors) for key, detail in (stream["details"] or {}).items()),
        errors=(*build_errors(stream["errors"]), *errors),
    )


def build_errors(rules: tuple[Table, ...] | None) -> tuple[ErrorRule, ...]:
    """Rules for answers; an `empty` rule speaks of the first page unless it says otherwise."""
    return tuple(_error(rule) for rule in rules or ())


def _error(rule: Table) -> ErrorRule:
    action, header = Action(rule["action"]), rule["header"]
    return ErrorRule(
        action=action,
        status=rule["status"] or (),
        body=rule["body"],
        header_name=header["name"] if header is not None else None,
        header_matches=header["matches"] if header is not None else None,
        page=rule["page"] or ("first" if action is Action.EMPTY else None),
        message=rule["message"],
    )


def _selection(stream: Table) -> Selection:
    identity = stream["id"]
    return Selection(
        records=stream["records"],
        records_missing=stream["records_missing"],
        decode=stream["decode"],
        shape=Shape(stream["as"]),
        rows=stream["rows"],
        columns=stream["columns"],
        unnest=stream["unnest"],
        keep_if=stream["keep_if"],
        id=() if identity in (None, "hash") else identity,
        id_is_hash=identity == "hash",
        sort=stream["sort"],
        order=stream["order"],
        ignore=stream["ignore"] or (),
        envelope=stream["envelope"] or (),
        drop=stream["drop"] or (),
    )


def _paging(table: Table) -> Paging:
    common = PagingCommon(stops(table), table["max_pages"], table["max_items"], table["total"], table["has_more"])
    match table["type"]:
        case "link_header":
            return LinkHeader(table["rel"], common)
        case "next_url":
            return NextUrl(table["next"], common)
        case "cursor":
            return CursorPaging(
                cursor=table["cursor"],
                initial=table["initial"],
                carry=_carry(table["carry"]),
                **_turning(table, common),
            )
        case "page_number":
            return PageNumber(start=1 if table["start"] is None else table["start"], **_turning(table, common))
        case "offset":
            return OffsetPaging(start=table["start"] or 0, **_turning(table, common))
        case _:
            return NoPaging(common)


def _turning(table: Table, common: PagingCommon) -> dict[str, Any]:
    return {name: table[name] for name in ("param", "into", "size", "size_param")} | {"common": common}


def _carry(value: str | tuple[str, ...]) -> Carry:
    match value:
        case "all":
            return Carry("all")
        case "none":
            return Carry("none")
        case _:
            return Carry("some", tuple(value))


def _window(stream: Table, settings: Settings | None) -> WindowRule:
    table, grain = stream["window"], granularity(stream)
    assert grain is not None, "the checks let no window pass without one"  # noqa: S101 - for the type checker
    copied = ("start", "end", "step", "max_span", "bounds", "settle", "lookback", "backfill", "empty_stop")
    return WindowRule(
        **{name: table[name] for name in copied},
        empty_again=tuple(sorted(table["empty_again"], key=longest)),
        granularity=grain,
        overlap=overlap_of(table["overlap"]),
        zone=window_zone(stream, settings),
        filter_field=table["field"],
        params=table["params"] or {},
    )


def _day(table: Table, settings: Settings | None) -> DayRule:
    fields = (table["field"],) if table["field"] is not None else table["first_of"] or ()
    return DayRule(
        first_of=fields,
        template=table["template"] or (),
        from_window=table["from"] is not None,
        parse=table["parse"],
        naive=table["naive"],
        zone=day_zone(table, settings),
        missing=table["missing"],
    )


def _refresh(table: Table) -> RefreshRule:
    recheck = table["recheck"] or ()
    return RefreshRule(
        policy=table["policy"] or ("ladder" if recheck else "learned"),
        recheck=tuple(sorted(recheck, key=longest)),
        budget=table["budget"],
        weight=table["weight"],
        floor=table["floor"],
        ceiling=table["ceiling"],
    )


def _detail(name: str, table: Table, errors: tuple[ErrorRule, ...]) -> Detail:
    return Detail(
        name=name,
        path=table["path"],
        params=table["params"] or {},
        records=table["records"],
        file_name=table["name"],
        fetch_if=table["fetch_if"],
        ignore=table["ignore"] or (),
        stale_after=table["stale_after"],
        per_run=table["per_run"],
        errors=(*build_errors(table["errors"]), *errors),
    )
