"""docs/catalogue.md: the table of ready source files, made from the files themselves."""

from collections.abc import Iterable, Iterator

from snapshotter import catalogue
from snapshotter.core.config import load_settings, load_source, settings_template
from snapshotter.core.spans import span_text
from snapshotter.spec import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    BodyAuth,
    CommandAuth,
    JwtBearerAuth,
    Kind,
    NoAuth,
    NoPaging,
    OAuth2Auth,
    Paging,
    Source,
    Stream,
)

HEAD = """\
# The catalogue

Source files that are ready to add: `snap add` lists them, `snap add NAME` asks for what is missing and copies one into
the archive. Each has a page here. A file that lacks what you want is yours to edit once it is in your archive.

The facts in them come from the services' public documentation, as it was when they were written; it may have moved. How
each was checked:

- **recorded answers**: it was played answers of the real service;
- **a real server run on loopback**: the software itself ran on one machine with `snap`, and was asked;
- **public specification**: answers in the shape that the service's own OpenAPI file, schema or reference lays down;
- **documentation only**: answers made up from a description in prose; the first user will know more.

Every file is played its answers in every way in which things go wrong (`make catalogue`). How to add an API stands in
[CONTRIBUTING.md](../CONTRIBUTING.md). Made by `make docs`.

| API | streams | key | paging | days | limits | checked by |
|---|---|---|---|---|---|---|
"""
PAGINGS = {
    "NoPaging": "one answer",
    "LinkHeader": "`Link` header",
    "NextUrl": "next address",
    "CursorPaging": "cursor",
    "PageNumber": "page number",
    "OffsetPaging": "offset",
}


def catalogue_page() -> str:
    """The whole page."""
    return HEAD + "".join(f"| {' | '.join(_row(listed))} |\n" for listed in catalogue.listing())


def _row(listed: catalogue.Listing) -> Iterator[str]:
    settings, _ = load_settings(settings_template("UTC").replace('"UTC"', '"Etc/GMT+12"'))
    source = load_source(catalogue.text(listed.name), file=f"sources/{listed.name}.toml", settings=settings).sources[0]
    streams = source.streams.values()
    yield f"[{listed.name}](catalogue/{listed.name}.md)<br>{_cell(listed.title)}"
    yield ", ".join(_cell(stream.name) for stream in streams)
    yield _key(source.auth)
    yield ", ".join(dict.fromkeys(_paging(stream.paging) for stream in streams))
    yield ", ".join(dict.fromkeys(map(_days, streams)))
    yield _limits(source)
    yield ", ".join(_checked(listed.checked))


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _key(auth: Auth) -> str:
    match auth:
        case NoAuth():
            return "none"
        case BearerAuth() | CommandAuth():
            return "token"
        case ApiKeyAuth(place=place):
            return f"key in {'a header' if place == 'header' else 'the query'}"
        case BodyAuth():
            return "key in the body"
        case BasicAuth():
            return "name and password"
        case OAuth2Auth(grant_type="client_credentials"):
            return "OAuth2, of an application"
        case OAuth2Auth():
            return "OAuth2, by consent"
        case JwtBearerAuth():
            return "signed by a key file"


def _paging(paging: Paging) -> str:
    return PAGINGS[type(paging).__name__] if not isinstance(paging, NoPaging) else PAGINGS["NoPaging"]


def _days(stream: Stream) -> str:
    if stream.day is None:
        return "a state" if stream.kind is Kind.SNAPSHOT else "none"
    if stream.day.parse in ("date", "prefix") or stream.day.from_window:
        return "as written"
    return {"UTC": "UTC", "Etc/GMT+12": "of your archive's zone"}.get(stream.day.zone, "of a zone you name")


def _limits(source: Source) -> str:
    told = [f"{limit.limit:,} in {span_text(limit.interval)}" for limit in source.rate_limits]
    return ", ".join(dict.fromkeys(told)) or f"one every {span_text(source.pacing.min_interval)}"


def _checked(checks: Iterable[catalogue.Check]) -> Iterator[str]:
    for check in checks:
        yield f"{check.how} ({', '.join(check.streams)})" if check.streams else check.how
