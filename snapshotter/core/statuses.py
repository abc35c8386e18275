"""What HTTP status codes mean to somebody who archives: a few words, and who must act."""

from __future__ import annotations

_WORDS = {
    200: "a success that a rule of the source file takes for an error",
    202: "accepted: the answer is still being made",
    204: "no content",
    205: "no content",
    206: "a part only, though the whole was asked for",
    300: "several choices",
    301: "moved for ever, and the redirect could not be followed",
    302: "moved, and the redirect could not be followed",
    303: "see elsewhere, which a POST does not do",
    304: "not modified, though no condition was sent",
    305: "use a proxy",
    307: "moved, and the redirect could not be followed",
    308: "moved for ever, and the redirect could not be followed",
    400: "the API does not understand the request; check the parameters of the stream",
    401: "not authorized: the key or token is not accepted",
    402: "payment required",
    403: "forbidden: this key or token may not read it",
    404: "not found; check the path",
    405: "this method is not allowed here; check the method of the stream",
    406: "the API cannot answer in the form asked for; check the Accept header",
    407: "the proxy wants a login",
    408: "the server gave up waiting for the request",
    409: "in conflict with the present state",
    410: "gone: this address is no longer served",
    411: "the server wants a length",
    412: "a condition of the request does not hold",
    413: "the request is too large",
    414: "the URL is too long",
    415: "the API does not take a body of this type",
    416: "outside of what there is",
    418: "the server says that it is a teapot",
    419: "the session is over",
    420: "too many requests",
    421: "sent to the wrong server",
    422: "the API cannot work with these parameters",
    423: "locked",
    424: "something it depends on failed",
    425: "too early",
    426: "the server wants another protocol",
    428: "the server wants a conditional request",
    429: "too many requests",
    431: "the headers are too large",
    440: "the session is over",
    451: "withheld for legal reasons",
    498: "the token is not valid",
    499: "the token is missing, or the connection was closed",
    500: "an error inside the server",
    501: "the server cannot do this",
    502: "a gateway got no good answer",
    503: "the service is not available now",
    504: "a gateway waited in vain",
    505: "the server does not speak this version of HTTP",
    507: "the server has no room left",
    508: "the server found itself in a loop",
    509: "over the server's bandwidth",
    510: "the server wants an extension",
    511: "the network wants a login (a captive portal?)",
    520: "the server behind the gateway answered oddly",
    521: "the server behind the gateway is down",
    522: "the server behind the gateway does not accept connections",
    523: "the server behind the gateway cannot be reached",
    524: "the server behind the gateway took too long",
    525: "no TLS between gateway and server",
    526: "the server behind the gateway has an invalid certificate",
    529: "the service is overloaded",
    530: "the server behind the gateway has no address, or is frozen",
    598: "a gateway's read timed out",
    599: "a gateway's connection timed out",
    999: "request denied",
}

_KINDS = {
    401: "auth", 402: "forbidden", 403: "forbidden", 407: "network", 408: "server", 410: "gone", 420: "rate_limit",
    425: "server", 429: "rate_limit", 451: "forbidden", 498: "auth", 511: "network", 999: "forbidden",
}  # fmt: skip


def words(status: int) -> str:
    """The status with what it means: `404 (not found; check the path)`."""
    meaning = _WORDS.get(status) or _CLASSES.get(status // 100, "not a status of HTTP")
    return f"{status} ({meaning})"


_CLASSES = {
    1: "an interim answer, and no other came",
    2: "success of an unusual kind",
    3: "a redirect that could not be followed",
    4: "the API refuses the request",
    5: "an error of the server",
}


def kind(status: int) -> str:
    """Who must act when the window is given up for this status; one of the kinds of `GiveUp`."""
    return _KINDS.get(status) or {3: "request", 4: "request", 2: "server", 5: "server"}.get(status // 100, "other")
