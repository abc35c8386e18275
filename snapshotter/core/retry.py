"""What becomes of an answer: use it, ask again and when, get a new token, or give up.

The rules of the source file come first, in their order; then every status and every kind of trouble on the way has its
verdict here. `Retry-After` is obeyed in each of its shapes, and never knocked against early.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache
from typing import Any, assert_never

from snapshotter.canonical import decode, plain
from snapshotter.core.escaping import escape
from snapshotter.core.instants import Illegible, read_http_date, read_instant
from snapshotter.core.select import compile_expression, truthy
from snapshotter.core.statuses import kind, words
from snapshotter.errors import Unreadable
from snapshotter.frozen import dataclass
from snapshotter.model import (
    Again,
    Answer,
    EndHere,
    GiveUp,
    Miss,
    NoAnswer,
    RenewAuth,
    Response,
    Take,
    TakeEmpty,
    Verdict,
)
from snapshotter.spec import Action, ErrorRule, Retry

PASSING = frozenset({Miss.DNS, Miss.CONNECT, Miss.RESET, Miss.TIMEOUT, Miss.TRUNCATED, Miss.DECODING, Miss.OTHER})

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?", re.ASCII)
_EPOCH_FROM = 1e9  # seconds; nobody asks to wait for 31 years
_EPOCH_MS_FROM = 1e11
_FARTHEST = 1e10  # seconds; beyond it a time is no time
_LONGEST_READ = 1 << 16
_LONGEST_QUOTE = 160
_TELLING = ("message", "error_description", "error", "detail", "title", "description", "reason", "errors")


def judge(  # noqa: PLR0913 - one try has these properties, and all of them decide
    answer: Answer,
    *,
    rules: Sequence[ErrorRule],
    policy: Retry,
    page_is_first: bool,
    attempt: int,
    spent_seconds: float,
    max_wait: float,
    now: datetime,
    chance: float,
    conditional: bool = False,
    renewed: bool = False,
) -> Verdict:
    """The verdict on one answer; `attempt` counts this try too, from 1, and `chance` is a number in [0, 1)."""
    trying = _Try(policy, attempt, spent_seconds, max_wait, chance)
    if isinstance(answer, NoAnswer):
        return _on_no_answer(answer, trying)
    told = retry_after(answer, now)
    matching = _Matching(answer, page_is_first=page_is_first)
    rule = next((rule for rule in rules if matching.holds(rule)), None)
    if rule is not None:
        return _by_rule(rule, answer, trying, told=told, renewed=renewed)
    return _by_status(answer, trying, told=told, conditional=conditional, renewed=renewed)


def retry_after(response: Response, now: datetime) -> float | None:
    """The seconds that the server asks to wait, more than 0; None where it asks for nothing that can be understood."""
    clock = _clock_of(response, now)
    waits = [_wait(value.strip(), clock) for name, value in response.headers if name == "retry-after"]
    sensible = [wait for wait in waits if wait is not None and 0 < wait < _FARTHEST]
    return max(sensible, default=None)


def backoff(policy: Retry, *, attempt: int, chance: float) -> float:
    """The pause after the n-th try: doubling up to the cap, of which chance picks a part (so that many do not meet)."""
    longest = policy.cap.rough().total_seconds()
    base = policy.base.rough().total_seconds()
    pause = min(longest, base * 2.0 ** min(attempt - 1, 60))
    return pause * chance if policy.jitter else pause


def looks_like_html(response: Response) -> bool:
    """Whether the body is a web page: a login, a maintenance notice."""
    start = response.body[:256].removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"{", b"[", b'"', b"<?xml")):
        return False
    return start.startswith(b"<") or "text/html" in (response.header("content-type") or "").lower()


# --- one try ---


@dataclass(frozen=True, slots=True)
class _Try:
    policy: Retry
    attempt: int
    spent: float
    max_wait: float
    chance: float

    def again(
        self, why: str, *, give_up_as: str, status: int | None = None, told: float | None = None, limited: bool = False
    ) -> Verdict:
        """Ask again, unless that takes too long or was done often enough."""
        if told is not None and told > self.max_wait:
            asked = f"{why}; the server asks to wait {told:.0f} s, which is longer than pacing.max_wait"
            return GiveUp("rate_limit", asked, status, again_after=told)
        pause = backoff(self.policy, attempt=self.attempt, chance=self.chance) if told is None else told
        total = self.policy.total.rough().total_seconds()
        ends = self.spent + (pause if told is None else 0.0)  # a wait that the server asked for is not held against it
        if self.attempt >= self.policy.attempts or ends > total:
            times = f"; still so after {self.attempt} tries in {self.spent:.0f} s" if self.attempt > 1 else ""
            return GiveUp(give_up_as, f"{why}{times}", status, again_after=told)
        return Again(pause, why, rate_limited=limited)


def _on_no_answer(answer: NoAnswer, trying: _Try) -> Verdict:
    if answer.miss in PASSING:
        return trying.again(answer.message, give_up_as="network", told=_positive(answer.again_after))
    match answer.miss:
        case Miss.AUTH:
            return GiveUp("auth", answer.message, stops_source=True)
        case Miss.TLS:
            return GiveUp("network", answer.message)
        case _:
            return GiveUp("request", answer.message)


def _by_status(answer: Response, trying: _Try, *, told: float | None, conditional: bool, renewed: bool) -> Verdict:
    status = answer.status
    if 200 <= status < 300:
        return _on_success(answer, trying, told=told)
    if status == 304 and conditional:
        return EndHere("not_modified")
    why = _why(answer)
    if status in trying.policy.statuses:
        return trying.again(why, give_up_as=kind(status), status=status, told=told, limited=status == 429)
    if status == 403 and told is not None:  # several APIs refuse so what others refuse with 429
        return trying.again(why, give_up_as="rate_limit", status=status, told=told, limited=True)
    if status == 401:
        return _renewal(why, status, renewed=renewed)
    return GiveUp(kind(status), why, status, again_after=told)


def _on_success(answer: Response, trying: _Try, *, told: float | None) -> Verdict:
    match answer.status:
        case 202:
            return trying.again(_why(answer), give_up_as="server", status=202, told=told)
        case 204 | 205:
            return TakeEmpty(words(answer.status))
        case 206:
            return GiveUp("server", _why(answer), 206)
        case _:
            return Take()


def _by_rule(rule: ErrorRule, answer: Response, trying: _Try, *, told: float | None, renewed: bool) -> Verdict:
    status = answer.status
    why = f"{rule.message} ({status})" if rule.message else _why(answer)
    given_up_as = "other" if 200 <= status < 300 else kind(status)
    match rule.action:
        case Action.RETRY:
            return trying.again(why, give_up_as=given_up_as, status=status, told=told)
        case Action.RATE_LIMITED:
            return trying.again(why, give_up_as="rate_limit", status=status, told=told, limited=True)
        case Action.REFRESH_AUTH:
            return _renewal(why, status, renewed=renewed)
        case Action.FAIL:
            return GiveUp(given_up_as, why, status, again_after=told)
        case Action.SKIP_STREAM:
            return GiveUp(given_up_as, why, status, again_after=told, stops_stream=True)
        case Action.END:
            return EndHere("end_rule", why, status)
        case Action.EMPTY | Action.TOMBSTONE:
            return TakeEmpty(why)
        case _:
            assert_never(rule.action)


def _renewal(why: str, status: int, *, renewed: bool) -> Verdict:
    if renewed:
        return GiveUp("auth", f"{why}; a new token did not help", status, stops_source=True)
    return RenewAuth(why)


# --- rules ---


class _Matching:
    """Whether rules hold for an answer; its body is read only if one of them asks."""

    def __init__(self, answer: Response, *, page_is_first: bool) -> None:
        self._answer = answer
        self._page = "first" if page_is_first else "later"
        self._plain: Callable[[], Any] = cache(lambda: plain(decode(answer.body).value))

    def holds(self, rule: ErrorRule) -> bool:
        """Whether all conditions of the rule hold."""
        return (
            rule.page in (None, self._page)
            and (not rule.status or self._answer.status in rule.status)
            and self._header_matches(rule)
            and self._body_matches(rule)
        )

    def _header_matches(self, rule: ErrorRule) -> bool:
        if rule.header_name is None:
            return True
        values = [value for name, value in self._answer.headers if name == rule.header_name.lower()]
        pattern = rule.header_matches
        return any(pattern is None or re.search(pattern, value) for value in values)

    def _body_matches(self, rule: ErrorRule) -> bool:
        if rule.body is None:
            return True
        try:
            body = self._plain()
        except Unreadable:
            return False
        return truthy(compile_expression(rule.body), body)


# --- words ---


def _why(answer: Response) -> str:
    """The status in words, with what the server said about an error."""
    if 200 <= answer.status < 300:
        return words(answer.status)  # data is not quoted: what it holds is not for logs
    if looks_like_html(answer):
        return f"{words(answer.status)}, with an HTML page (a login? maintenance?)"
    said = _said(answer)
    return f'{words(answer.status)}: "{escape(said, _LONGEST_QUOTE)}"' if said else words(answer.status)


def _said(answer: Response) -> str:
    if not answer.body or len(answer.body) > _LONGEST_READ:
        return ""
    try:
        return _telling(plain(decode(answer.body).value), depth=3)
    except Unreadable:
        is_text = "text/plain" in (answer.header("content-type") or "")
        return answer.body.decode("utf-8", "replace").strip().partition("\n")[0] if is_text else ""


def _telling(value: Any, *, depth: int) -> str:
    """The first text of an error body that is meant for people."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and value and depth:
        return _telling(value[0], depth=depth - 1)
    if isinstance(value, dict) and depth:
        found = (_telling(value[name], depth=depth - 1) for name in _TELLING if name in value)
        return next((text for text in found if text), "")
    return ""


# --- Retry-After ---


def _clock_of(response: Response, now: datetime) -> datetime:
    """What time it is for the server, so that its dates are understood even if its clock or ours is wrong."""
    try:
        return read_http_date(response.header("date") or "")
    except Illegible:
        return now


def _wait(value: str, clock: datetime) -> float | None:
    """A number of seconds (also a fraction, negative, or in fact a point in time), or a date."""
    if _NUMBER.fullmatch(value):
        number = float(value)
        if number <= _EPOCH_FROM:
            return number
        return number / (1000 if number > _EPOCH_MS_FROM else 1) - clock.timestamp()
    for read in (read_http_date, _read_iso):
        try:
            return (read(value) - clock).total_seconds()
        except Illegible:
            continue
    return None


def _read_iso(text: str) -> datetime:
    return read_instant(text, None)


def _positive(seconds: float | None) -> float | None:
    return seconds if seconds is not None and 0 < seconds < _FARTHEST else None
