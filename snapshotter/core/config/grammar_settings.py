"""The tables of `snap.toml`."""

from __future__ import annotations

from snapshotter.core.config.calls import address_of_notice, credential, secret_references
from snapshotter.core.config.grammar_source import CLIENT, FORMAT_KEY, PACING, RETRY
from snapshotter.core.config.grammar_stream import stream_keys
from snapshotter.core.config.kinds import duration, flag, host, one_of, one_or_many, text, whole, zone
from snapshotter.core.config.tables import Key, Table, a_layer, a_list_of_tables, a_table

DEFAULTS = Table(
    "defaults",
    "What holds for every source that does not say otherwise: keys of streams, and the tables client, pacing, retry.",
    stream_keys(
        first=(
            Key("client", a_layer(CLIENT), "Below every `[client]`.", example='{ user_agent = "snap (me)" }'),
            Key("pacing", a_layer(PACING), "Below every `[pacing]`.", example='{ min_interval = "1s" }'),
            Key("retry", a_layer(RETRY), "Below every `[retry]`.", example="{ attempts = 3 }"),
        )
    ),
)

RUN = Table(
    "run",
    "Bounds of one run.",
    (
        Key("deadline", duration(), "After this long nothing more is asked.", example='"2h"'),
        Key("max_requests", whole(1), "At most so many requests.", example="5000"),
    ),
)

_MAIL = ("email",)
NOTIFY = Table(
    "notify",
    "Who is told when something turns bad, or good again.",
    (
        Key("type", one_of("email", "apprise", "webhook", "command"), "The way it goes.", needed=True,
            example='"email"'),
        Key("when", one_of("change", "problem", "always"), "When it is sent: when good turns bad or back; whenever"
            " something is wrong; after every run.", default="change"),
        Key("digest", one_of("daily", "weekly"), "Also a summary, that often.", default_note="none",
            example='"weekly"'),
        Key("to", one_or_many(text()), "Mail addresses.", needed=True, example='"me@example.org"', types=_MAIL),
        Key("from", text(), "Sender.", default_note="the first of `to`", example='"snap@example.org"', types=_MAIL),
        Key("host", host(), "Mail server.", default="localhost", types=_MAIL),
        Key("port", whole(1, 65_535), "Its port.", default_note="by `security`", example="587", types=_MAIL),
        Key("security", one_of("starttls", "tls", "none"), "How the connection is protected.", default="starttls",
            types=_MAIL),
        Key("username", credential(may_be_written=True), "User at the mail server.", example='"me"', types=_MAIL),
        Key("password", credential(), "Password there.", example='"{secrets.mail}"', types=_MAIL),
        Key("url", address_of_notice(), "Address for Apprise, or one that takes a JSON object with `subject` and"
            " `text`.", needed=True, example='"{secrets.apprise}"',
            types=("apprise", "webhook")),
        Key("argv", one_or_many(text()), "Command; it reads the message.", needed=True, example='["notify-me"]',
            types=("command",)),
    ),
    by_type=True,
)  # fmt: skip

PING = Table(
    "ping",
    "A dead man's switch: an address that is called after every run, so that somebody notices when none comes.",
    (
        Key("url", address_of_notice(), "Called after a good run.", needed=True, example='"{secrets.ping}"'),
        Key("failure_url", address_of_notice(), "Called after a bad one.", default_note="nothing is called",
            example='"{secrets.ping}/fail"'),
        Key("start_url", address_of_notice(), "Called at the start.", default_note="nothing is called",
            example='"{secrets.ping}/start"'),
    ),
)  # fmt: skip

METRICS = Table(
    "metrics",
    "Numbers of the last run for a monitor.",
    (
        Key("textfile", text(), "A file for the textfile collector of Prometheus; `~/` is your home.",
            example='"/var/lib/node_exporter/snap.prom"', default_note="none is written"),
    ),
)  # fmt: skip

REMOTE = Table(
    "remote",
    "Where the archive is pushed to.",
    (
        Key("name", text(), "Name of the git remote.", default="origin"),
        Key("push", flag(), "Push after every run that saved something.", default=False),
        Key("restore_test", duration(), "How often a run tries whether the remote would restore: clones it, looks at"
            " all of it, compares.", default_note="never", example='"30d"'),
    ),
)  # fmt: skip

MAINTENANCE = Table(
    "maintenance",
    "Tidying up the repository.",
    (
        Key("auto", flag(), "Tidy up at the end of a run when it is due.", default=True),
        Key("every", duration(), "How often at most.", default="7d"),
    ),
)

SETTINGS = Table(
    "",
    "The settings of an archive, `snap.toml`.",
    (
        FORMAT_KEY,
        Key("zone", zone(), "Zone that cuts the days. Written once; no run takes it from the machine.", needed=True,
            example='"Europe/Berlin"'),
        Key("secrets", secret_references(), "Secrets for messages, as in a source.", example='{ mail = "env:MAIL" }'),
        Key("defaults", a_layer(DEFAULTS, is_foreign=True), "What holds for every source.", example='{ every = "6h" }'),
        Key("run", a_table(RUN), "Bounds of one run.", default={}),
        Key("notify", a_list_of_tables(NOTIFY), "Who is told.", default=[]),
        Key("ping", a_table(PING), "A dead man's switch.", example='{ url = "{secrets.ping}" }'),
        Key("metrics", a_table(METRICS), "Numbers for a monitor.", default={}),
        Key("remote", a_table(REMOTE), "Where it is pushed to.", default={}),
        Key("maintenance", a_table(MAINTENANCE), "Tidying up.", default={}),
    ),
)  # fmt: skip
