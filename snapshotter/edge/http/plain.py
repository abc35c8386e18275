"""One plain call to an address that waits for messages; no retries, no redirects, nothing of the address is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import urlsplit

import requests

from snapshotter import __version__
from snapshotter.errors import CouldNotTell


def post_once(url: str, body: Mapping[str, str] | None, *, env: Mapping[str, str], seconds: float) -> None:
    """POST a JSON object, or GET without one; `CouldNotTell` names the host and what came, never path or query."""
    split = urlsplit(url)
    if split.scheme not in ("https", "http") or not split.hostname:
        raise CouldNotTell("the address of a message is no http or https address")
    headers = {"User-Agent": f"snapshotter/{__version__}"}
    data = None
    if body is not None:
        headers["Content-Type"] = "application/json"
        data = json.dumps(dict(body)).encode()
    try:
        with requests.Session() as session:
            session.trust_env = False
            proxy = env.get(f"{split.scheme}_proxy") or env.get(f"{split.scheme.upper()}_PROXY")
            session.proxies = (
                {split.scheme: proxy} if proxy and split.hostname not in ("localhost", "127.0.0.1") else {}
            )
            answer = session.request(
                "GET" if body is None else "POST", url, data=data, headers=headers, timeout=seconds,
                allow_redirects=False, stream=True,
            )  # fmt: skip
            answer.close()
    except (requests.RequestException, ValueError, OSError) as error:
        raise CouldNotTell(f"{split.hostname}: {type(error).__name__}") from None
    if not 200 <= answer.status_code < 300:
        raise CouldNotTell(f"{split.hostname}: it answered {answer.status_code}")
