"""Chromium without a window and without the network, driven by its own chromedriver: for pictures and for tests."""

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "headless", "no-sandbox", "disable-gpu", "disable-quic", "no-first-run", "disable-sync", "hide-scrollbars",
    "disable-background-networking", "disable-component-update", "disable-dev-shm-usage",
)  # fmt: skip
SECONDS = 60
TAB = "\ue004"


def lacking() -> str | None:
    """What of it is not on this machine."""
    if not any(map(shutil.which, PROGRAMS)):
        return "no Chromium on this machine"
    return None if shutil.which("chromedriver") else "no chromedriver on this machine"


class Browser:
    """One window."""

    def __init__(self, session: str) -> None:
        self._session = session

    def open(self, page: Path) -> None:
        """Show a file."""
        self._post("url", {"url": page.absolute().as_uri()})

    def run(self, script: str) -> Any:
        """What a script returns that looks at the page from outside."""
        return self._post("execute/sync", {"script": script, "args": []})

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        strokes = [{"type": "keyDown", "value": key}, {"type": "keyUp", "value": key}]
        self._post("actions", {"actions": [{"type": "key", "id": "keys", "actions": strokes}]})

    def size(self, width: int, height: int, *, dark: bool = False, scale: float = 1) -> None:
        """Be a screen of this size that likes it light or dark."""
        self.tell(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=scale,
            mobile=width < 600,
        )
        liked = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.tell("Emulation.setEmulatedMedia", features=liked)

    def tell(self, what: str, **how: Any) -> Any:
        """A command of Chromium's own."""
        return self._post("goog/cdp/execute", {"cmd": what, "params": how})

    def picture(self) -> bytes:
        """What is seen, as PNG."""
        return base64.b64decode(self._post("screenshot", None))

    def log(self, kind: str) -> list[dict[str, Any]]:
        """What came since one asked last: `browser` is its console, `performance` tells each request."""
        found: list[dict[str, Any]] = self._post("se/log", {"type": kind})
        return found

    def _post(self, what: str, value: object) -> Any:
        return _call(f"{self._session}/{what}", "GET" if value is None else "POST", value)


@contextmanager
def a_browser() -> Iterator[Browser]:
    """A new window of a browser that knows nothing."""
    with TemporaryDirectory(prefix="snap-browser-") as folder:
        env = {"HOME": folder, "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8", "NO_PROXY": "*"}
        driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                  text=True, env=env)  # fmt: skip
        try:
            base = f"http://127.0.0.1:{_port(driver)}"
            words = [f"--{word}" for word in QUIET] + [f"--user-data-dir={folder}/data"]
            program = next(found for name in PROGRAMS if (found := shutil.which(name)))
            wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": words, "binary": program},
                      "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"}}  # fmt: skip
            made = _call(f"{base}/session", "POST", {"capabilities": {"alwaysMatch": wanted}})
            session = f"{base}/session/{made['sessionId']}"
            yield Browser(session)
            _call(session, "DELETE", None)
        finally:
            driver.terminate()
            driver.wait()
            if driver.stdout is not None:
                driver.stdout.close()


def _port(driver: subprocess.Popen[str]) -> str:
    for line in driver.stdout or ():
        if found := re.search(r"successfully on port (\d+)", line):
            return found[1]
    raise LookupError("chromedriver did not start")


def _call(url: str, method: str, value: object) -> Any:
    data = None if value is None else json.dumps(value).encode()
    asked = Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - this machine
    with build_opener(ProxyHandler({})).open(asked, timeout=SECONDS) as answer:
        return json.load(answer)["value"]
