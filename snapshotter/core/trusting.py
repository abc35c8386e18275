"""What the files of an archive would do with this machine: the facts that a person is shown before trusting them.

A foreign file can steal a secret by naming it beside its own `base_url`, without running anything; so what counts are
the secrets a file reads, the commands it runs, and everybody it talks to. How days are cut is nobody's danger.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from urllib.parse import urlsplit

from snapshotter.results import Fact
from snapshotter.spec import CommandAuth, JwtBearerAuth, OAuth2Auth, SecretRef, Settings, Slot, Source, Template

_READING = ("GET", "HEAD")


def facts_of(source: Source) -> tuple[Fact, ...]:
    """Everything that a source reads, runs and asks."""
    facts = [Fact("asks", _origin(source.client.base_url))]
    facts += [Fact("asks", f"{host}, when {_host(source)} says so") for host in source.client.allow_hosts]
    if source.client.allow_http:
        facts.append(Fact("asks", "without encryption, where it says http"))
    facts += _secrets(source.secrets)
    facts += _auth(source)
    for stream in source.streams.values():
        if stream.method.upper() not in _READING:
            facts.append(Fact("sends", f"{stream.method.upper()} {_text(stream.path)}"))
    return _distinct(facts)


def facts_of_settings(settings: Settings) -> tuple[Fact, ...]:
    """Everything that the settings read, run and tell."""
    facts = list(_secrets(settings.secrets))
    for target in settings.notify:
        facts += _target(target)
    facts += [Fact("tells", f"{_shown(url)} ({name})") for name, url in settings.ping.items() if url is not None]
    if settings.metrics.get("textfile") is not None:
        facts.append(Fact("writes", f"the file {_shown(settings.metrics['textfile'])} after every run"))
    if settings.remote.push:
        facts.append(Fact("tells", f"the git remote {settings.remote.name!r}, by pushing everything to it"))
    return _distinct(facts)


def unknown(facts: Collection[Fact], agreed: Collection[str]) -> tuple[Fact, ...]:
    """The facts that nobody has agreed to."""
    return tuple(fact for fact in facts if str(fact) not in agreed)


def _secrets(refs: Mapping[str, SecretRef]) -> Iterator[Fact]:
    for name, ref in sorted(refs.items()):
        if ref.kind == "command":
            yield Fact("runs", f"{ref.where} (gives the secret {name!r})")
        else:
            shown = ", and shows it" if ref.public else ""
            yield Fact("reads", f"{ref.kind}:{ref.where} (the secret {name!r}){shown}")


def _auth(source: Source) -> Iterator[Fact]:
    match source.auth:
        case OAuth2Auth(token_url=token, authorize_url=authorize):
            yield Fact("asks", f"{_origin(token)} for tokens")
            if authorize is not None:
                yield Fact("asks", f"{_origin(authorize)} for your consent, in a browser")
        case JwtBearerAuth(token_url=token):
            yield Fact("asks", f"{_origin(token)} for tokens")
        case CommandAuth(argv):
            yield Fact("runs", f"{_command(argv)} (gives the token)")
        case _:
            return


def _target(target: Mapping[str, object]) -> Iterator[Fact]:
    match target.get("type"):
        case "command":
            argv = target.get("argv")
            yield Fact("runs", f"{_command(argv if isinstance(argv, list | tuple) else (argv,))} (gets messages)")
        case "email":
            host = target.get("host") or "localhost"
            yield Fact("tells", f"{_shown(target.get('to'))} by mail through {_shown(host)}")
        case kind:
            yield Fact("tells", f"{_shown(target.get('url'))} ({kind})")


def _command(argv: Collection[object]) -> str:
    return " ".join(
        _shown(word) if not isinstance(word, str) or word.split() == [word] else repr(word) for word in argv
    )


def _shown(value: object) -> str:
    match value:
        case Template():
            return _text(value)
        case list() | tuple():
            return ", ".join(map(_shown, value))
        case _:
            return str(value)


def _text(template: Template) -> str:
    return "".join(f"{{{part.root}.{part.path}}}" if isinstance(part, Slot) else part for part in template.parts)


def _origin(url: str) -> str:
    split = urlsplit(url)
    return f"{split.scheme}://{split.netloc}".lower()


def _host(source: Source) -> str:
    return urlsplit(source.client.base_url).netloc.lower()


def _distinct(facts: Collection[Fact]) -> tuple[Fact, ...]:
    return tuple(dict.fromkeys(facts))


def pushes(fact: Fact) -> bool:
    """Whether a fact of the settings is that everything is pushed."""
    return fact.does == "tells" and fact.what.startswith("the git remote ")
