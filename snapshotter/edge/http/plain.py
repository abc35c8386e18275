"""One plain call to an address that waits for messages; no retries, no redirects, nothing of the address is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests

from snapshotter import __version__
from snapshotter.edge.exchange import Lost
from snapshotter.edge.origins import origin_of, proxy_for
from snapshotter.errors import CouldNotTell

AUTHORITIES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


def post_once(url: str, body: Mapping[str, str] | None, *, env: Mapping[str, str], seconds: float) -> None:
    """POST a JSON object, or GET without one; `CouldNotTell` names the host and what came, never path or query."""
    try:
        split, origin = urlsplit(url), origin_of(url)
    except (ValueError, Lost):
        raise CouldNotTell("the address of a message is no http or https address") from None
    headers = {"User-Agent": f"snapshotter/{__version__}"}
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(dict(body)).encode()
    try:
        with requests.Session() as session:
            session.trust_env = False
            proxy = proxy_for(origin, env)
            session.proxies = {split.scheme: proxy} if proxy else {}
            session.verify = next((env[name] for name in AUTHORITIES if env.get(name)), True)
            answer = session.request(
                "GET" if body is None else "POST", url, data=data, headers=headers, timeout=seconds,
                allow_redirects=False, stream=True,
            )  # fmt: skip
            answer.close()
    except (requests.RequestException, ValueError, OSError) as error:
        raise CouldNotTell(f"{origin.host}: {type(error).__name__}") from None
    if not 200 <= answer.status_code < 300:
        raise CouldNotTell(f"{origin.host}: it answered {answer.status_code}")
