"""Secrets stay where they were put, also when a server throws them back in every way it can."""

import base64
import json
import subprocess
from contextlib import contextmanager
from urllib.parse import quote, quote_plus

import pytest

from snapshotter.cli import snap
from snapshotter.cli.exits import run
from tests.server import Raw, Reply, Server, json_reply, redirect, reset

ODD = '/+=&"z9'  # looks different in a URL, in JSON, in HTML and in base64
MARKS = {
    name: f"M4RK-{name}-7f3a{ODD}"
    for name in ("bearer", "user", "password", "header", "query", "form", "json", "client", "seed", "param", "extra")
}
ACCESS, REFRESH = f"M4RK-access-token{ODD}", f"M4RK-refresh-token{ODD}"
ALL = {**MARKS, "access": ACCESS, "refresh": REFRESH}

AUTHS = {
    "bearer": 'type = "bearer"\ntoken = "{secrets.bearer}"',
    "basic": 'type = "basic"\nusername = "{secrets.user}"\npassword = "{secrets.password}"',
    "header": 'type = "api_key"\nin = "header"\nname = "X-Key"\ntoken = "{secrets.header}"',
    "query": 'type = "api_key"\nin = "query"\nname = "key"\ntoken = "{secrets.query}"',
    "form": 'type = "none"',
    "json": 'type = "body"\nfields = { key = "{secrets.json}" }',
    "oauth": 'type = "oauth2"\ntoken_url = "URL/token"\nclient_id = "me-as-client"\n'
    'client_secret = "{secrets.client}"\nrefresh_token = "{secrets.seed}"',
}
USED = {
    "bearer": ["bearer"], "basic": ["user", "password"], "header": ["header"], "query": ["query"], "form": ["form"],
    "json": ["json"], "oauth": ["client", "seed"],
}  # fmt: skip

TRIED = ("query", "oauth")  # a trial of the others shows nothing else


def forms_of(value):
    """Every spelling in which a value could be seen."""
    raw = value.encode()
    percent = {quote(value, safe=""), quote(value), quote_plus(value)}
    coded = set()
    for before in range(3):
        text = base64.b64encode(b"\0" * before + raw).decode()
        coded.add(text[-(-before * 8 // 6) : (before + len(raw)) * 8 // 6])
    spelt = {value, json.dumps(value)[1:-1], value.replace("&", "&amp;").replace('"', "&quot;"), *percent, *coded}
    spelt |= {text.lower() for text in percent} | {text.replace("+", "-").replace("/", "_") for text in coded}
    return {text.encode() for text in spelt}


NEEDLES = [(name, form) for name, value in ALL.items() for form in sorted(forms_of(value))]
NEEDLES += [("any", b"M4RK-")]  # also a piece of one


def leaks(data):
    return sorted({(name, form) for name, form in NEEDLES if form in data})


# --- the storm ---


def echo_of(seen):
    """All that a request brought, as it came and as it was meant."""
    decoded = [text for _, text in seen.query] + [
        value for name, value in seen.headers if name in ("authorization", "x-key")
    ]
    body = seen.body.decode()
    with_forms = [*decoded, body, *(quote(text, safe="") for text in decoded)]
    if body.startswith("{"):
        with_forms += [str(value) for value in json.loads(body).values()]
    elif body:
        with_forms += list(seen.form.values())
    return " ".join(["", *with_forms]).strip()


def line_of(seen):
    """The same, fit for a header."""
    return echo_of(seen).replace("\r", "").replace("\n", " ")


class Storm:
    """Answers by the name of the path; `elsewhere` is another origin."""

    def __init__(self):
        self.elsewhere = ""
        self.tokens_asked = 0

    def __call__(self, seen):
        name = seen.path.strip("/").replace("-", "_")
        return getattr(self, name, self.good)(seen)

    def good(self, seen):
        return json_reply([{"id": 1, "path": seen.path}])

    def token(self, seen):
        self.tokens_asked += 1
        if self.tokens_asked == 1:
            return json_reply({"error": "slow_down", "error_description": echo_of(seen)}, 503, X_Echo=line_of(seen))
        body = {"access_token": ACCESS, "refresh_token": REFRESH, "expires_in": 3600, "said": echo_of(seen)}
        return json_reply(body, X_Echo=line_of(seen), Set_Cookie=f"a={ACCESS}")

    def error_500(self, seen):
        return Reply(500, f"<html>{echo_of(seen)}</html>".encode(), (("X-Echo", line_of(seen)),))

    def error_400(self, seen):
        return json_reply({"message": f"bad key {echo_of(seen)}", "errors": [echo_of(seen)]}, 400, X_Echo=line_of(seen))

    def error_404(self, seen):
        return Reply(404, f"not here: {seen.target} {echo_of(seen)}".encode())

    def too_many(self, seen):
        return json_reply({"message": echo_of(seen)}, 429, Retry_After=line_of(seen))

    def unknown_status(self, seen):
        return Reply(799, echo_of(seen).encode())

    def no_json(self, seen):
        return Reply(200, f"this is no JSON {echo_of(seen)}".encode(), (("Content-Type", line_of(seen)),))

    def cut_json(self, seen):
        return Reply(200, f'[{{"id": "{echo_of(seen)[:40]}'.encode())

    def in_a_record(self, seen):
        return json_reply([{"id": 1, "echo": echo_of(seen)}])

    def in_a_member_name(self, seen):
        return json_reply([{"id": 1, echo_of(seen): 1}])

    def in_the_validator(self, seen):
        return json_reply([{"id": 1}], ETag=f'"{line_of(seen)}"', Last_Modified=line_of(seen))

    def in_the_limits(self, seen):
        return json_reply([{"id": 1}], X_RateLimit_Remaining=line_of(seen), RateLimit=f"{line_of(seen)};r=1;t=1")

    def redirect_here(self, seen):
        return redirect(f"/moved?echo={quote(echo_of(seen), safe='')}")

    def redirect_away(self, seen):
        return redirect(f"{self.elsewhere}/moved?echo={quote(echo_of(seen), safe='')}")

    def redirect_nowhere(self, seen):
        return redirect(f"ftp://{quote(echo_of(seen), safe='')}.example/")

    def redirect_loop(self, seen):
        return redirect(
            seen.target if "echo=" in seen.target else f"/redirect-loop?echo={quote(echo_of(seen), safe='')}"
        )

    def next_page(self, seen):
        if "page=2" in seen.target:
            return json_reply([])
        way = f"http://{seen.header('host')}/next-page?page=2&echo={quote(echo_of(seen), safe='')}"
        return json_reply([{"id": 1}], Link=f'<{way}>; rel="next"')

    def next_page_away(self, seen):
        return json_reply([{"id": 1}], Link=f'<{self.elsewhere}/x?echo={quote(echo_of(seen), safe="")}>; rel="next"')

    def broken_protocol(self, seen):
        return Raw((f"HTTP/1.1 {line_of(seen)}\r\n\r\n".encode("latin-1", "replace"),))

    def broken_length(self, seen):
        return Raw((f"HTTP/1.1 200 OK\r\nContent-Length: {line_of(seen)}\r\n\r\n[]".encode("latin-1", "replace"),))

    def broken_gzip(self, seen):
        return Reply(200, echo_of(seen).encode(), (("Content-Encoding", "gzip"),))

    def reset(self, seen):
        return reset()

    def refused(self, seen):
        return json_reply({"message": echo_of(seen)}, 401, WWW_Authenticate=f'Bearer error="{line_of(seen)}"')


FAULTS = [name for name in vars(Storm) if not name.startswith("_") and name not in ("good", "token")]


@contextmanager
def a_storm(person, kind, monkeypatch):
    for name, value in MARKS.items():
        monkeypatch.setenv(f"STORM_{name.upper()}", value)
    storm = Storm()
    with Server(lambda _: json_reply([])) as elsewhere, Server(storm) as api:
        storm.elsewhere = elsewhere.url
        person.types("init", "a")
        folder = person.folder / "a"
        (folder / "sources/storm.toml").write_text(source_file(kind, api.url))
        yield folder, api, elsewhere


def source_file(kind, url):
    posts = {
        "form": 'method = "POST"\nform = { key = "{secrets.form}" }\n',
        "json": 'method = "POST"\njson = { a = 1 }\n',
    }.get(kind, "")
    names = [*USED[kind], "param", "extra"]
    secrets = "".join(f'{name} = "env:STORM_{name.upper()}"\n' for name in names)
    streams = ""
    for place, fault in enumerate(FAULTS):
        streams += (
            f'[streams.s{place:02}-{fault.replace("_", "-")}]\nkind = "snapshot"\npath = "/{fault.replace("_", "-")}"\n'
            f'paginate = {{ type = "link_header" }}\nparams = {{ also = "{{secrets.param}}" }}\n{posts}'
            f'[streams.s{place:02}-then]\nkind = "snapshot"\npath = "/good"\n{posts}'
        )
    return (
        f'format = 1\nsource = "storm"\n[secrets]\n{secrets}'
        f'[client]\ntimeout = {{ connect = "1s", read = "2s" }}\nbase_url = "{url}"\n'
        'conditional = true\nheaders = { X-Extra = "{secrets.extra}" }\n'
        '[pacing]\nmin_interval = "1ms"\nmax_wait = "1s"\n'
        '[retry]\nattempts = 2\nbase = "1ms"\ncap = "2ms"\n'
        f"[auth]\n{AUTHS[kind].replace('URL', url)}\n{streams}"
    )


def typed(capsysbinary, *words):
    """A command, whatever its exit code; everything that it says."""
    code = run(snap, list(words))
    return code, b"".join(capsysbinary.readouterr())


def everything(folder, state):
    """All bytes that a run leaves, but the bodies that came and the tokens in their vault; by where they are."""
    objects = subprocess.run(
        ["git", "cat-file", "--batch-all-objects", "--batch"], cwd=folder, check=True, capture_output=True
    )
    yield "git objects", objects.stdout
    bodies = [folder / ".git/snap/spool", folder / ".git/snap/quarantine", folder / ".git/objects", state / "tokens"]
    for top in (folder, state):
        for path in sorted(top.rglob("*")):
            if path.is_file() and not any(path.is_relative_to(body) for body in bodies):
                yield str(path), path.read_bytes() + str(path).encode()


@pytest.mark.parametrize("kind", AUTHS)
def test_no_secret_leaves_its_place_in_a_storm_of_faults(person, monkeypatch, capsysbinary, kind):
    with a_storm(person, kind, monkeypatch) as (folder, api, elsewhere):
        monkeypatch.chdir(folder)
        said = {}
        for turn in range(2):
            code, said[f"fetch {turn}"] = typed(capsysbinary, "fetch", "-v", "--trace", "trace.jsonl")
            assert code in (2, 3), said
        code, said["json"] = typed(capsysbinary, "fetch", "--json")
        for place, fault in enumerate(FAULTS if kind in TRIED else ()):
            _, said[f"try {fault}"] = typed(
                capsysbinary, "try", f"storm/s{place:02}-{fault.replace('_', '-')}", "--trace", "t"
            )
        for words in (["status"], ["log"], ["runs"], ["quarantine"], ["limits"], ["check"], ["status", "--json"]):
            _, said[" ".join(words)] = typed(capsysbinary, *words)
        run = json.loads(typed(capsysbinary, "runs", "--json")[1])[0]["run"]
        _, said["runs show"] = typed(capsysbinary, "runs", "show", run)

        asked = {request.path for request in api.seen}
        found = {
            place: leaks(data) for place, data in [*said.items(), *everything(folder, person.folder / "state/snap")]
        }
        away = b" ".join(f"{seen.target} {seen.headers}".encode() + seen.body for seen in elsewhere.seen)

    assert {place: names for place, names in found.items() if names} == {}
    assert leaks(away) == []
    assert {f"/{fault.replace('_', '-')}" for fault in FAULTS} <= asked  # the storm was really sailed through
    assert b"this is a bug" not in b"".join(said.values())
