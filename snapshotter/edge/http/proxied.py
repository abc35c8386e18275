"""What goes through a proxy, by requests, which knows their kinds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
import requests.exceptions
import urllib3
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict

from snapshotter.model import Miss

_R = requests.exceptions
MEANINGS: dict[type[BaseException], Miss | None] = {  # as `wire.MEANINGS`
    _R.SSLError: Miss.TLS,
    _R.Timeout: Miss.TIMEOUT,
    _R.ConnectTimeout: Miss.TIMEOUT,
    _R.ReadTimeout: Miss.TIMEOUT,
    _R.ProxyError: Miss.CONNECT,
    _R.ChunkedEncodingError: Miss.TRUNCATED,
    _R.ContentDecodingError: Miss.DECODING,
    _R.URLRequired: Miss.ORIGIN,
    _R.MissingSchema: Miss.ORIGIN,
    _R.InvalidSchema: Miss.ORIGIN,
    _R.InvalidURL: Miss.ORIGIN,
    _R.TooManyRedirects: Miss.REDIRECT,
    _R.InvalidHeader: Miss.OTHER,
    _R.InvalidProxyURL: Miss.OTHER,
    _R.InvalidJSONError: Miss.OTHER,
    _R.JSONDecodeError: Miss.OTHER,
    _R.StreamConsumedError: Miss.OTHER,
    _R.UnrewindableBodyError: Miss.OTHER,
    _R.RequestException: None,
    _R.HTTPError: None,
    _R.ConnectionError: None,
    _R.RetryError: None,
}


class Adapter(HTTPAdapter):
    """Connections through proxies, of the given kinds, which are under the watch of their exchange."""

    def __init__(self, pools: Mapping[str, type[urllib3.HTTPConnectionPool]]) -> None:
        self._pools = pools
        super().__init__(pool_connections=4, pool_maxsize=4)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        """The connections through one proxy."""
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):  # those connect in their own way
            manager.pool_classes_by_scheme = self._pools
        return manager

    def exchange(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        *,
        waits: tuple[float, float],
        proxy: str,
        authorities: str | None,
    ) -> urllib3.BaseHTTPResponse:
        """Send one request; its answer, not yet read."""
        # made by hand, since `prepare` rewrites URLs, asks netrc and keeps cookies
        prepared = requests.PreparedRequest()
        prepared.method, prepared.url, prepared.body = method, url, body
        prepared.headers = CaseInsensitiveDict(headers)
        scheme = url.partition(":")[0].lower()
        response = self.send(prepared, stream=True, timeout=waits, verify=authorities or True, proxies={scheme: proxy})
        raw: urllib3.BaseHTTPResponse = response.raw
        return raw
