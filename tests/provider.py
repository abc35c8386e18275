"""An OAuth provider on loopback, and one try to ask it for data as a process of its own would."""

import json
import threading
from dataclasses import replace

from snapshotter.spec import OAuth2Auth
from tests.senders import a_request, a_sender, a_source, a_world, secret
from tests.server import json_reply

OK = json_reply({"ok": True})
CLIENT = {"client_id": "client-12345", "client_secret": "client-secret-1", "refresh_token": "seed-token-1"}


class Provider:
    """An API with a token endpoint that rotates single-use refresh tokens and ends tokens when told."""

    def __init__(self, *, expires_in=3600, pause=0.0, more=None):
        self.refresh = "seed-token-1"
        self.access = None
        self.count = 0
        self.expires_in = expires_in
        self.pause = pause
        self.more = more or {}
        self.at_first_use = []
        self.store = None
        self.lock = threading.Lock()

    def __call__(self, seen):
        return self.token(seen) if seen.path == "/token" else self.data(seen)

    def token(self, seen):
        threading.Event().wait(self.pause)
        with self.lock:
            if seen.form.get("grant_type") == "refresh_token" and seen.form.get("refresh_token") != self.refresh:
                return json_reply({"error": "invalid_grant", "error_description": "it was used before"}, 400)
            self.count += 1
            self.refresh = f"refresh-token-{self.count}"
            self.access = f"access-token-{self.count}"
            body = {"access_token": self.access, "refresh_token": self.refresh, "expires_in": self.expires_in}
        return json_reply(body | self.more)

    def data(self, seen):
        if self.store is not None:
            self.at_first_use.append([json.loads(path.read_text()) for path in self.store.glob("tokens/*.json")])
        good = seen.header("authorization") == f"Bearer {self.access}"
        return OK if good else json_reply({"message": "expired"}, 401)


def oauth(server, **changes):
    usual = OAuth2Auth(
        "refresh_token", f"{server.url}/token", secret("client_id"), secret("client_secret"), secret("refresh_token")
    )
    return a_source(server.url, replace(usual, **changes))


def ask(source, state, *, clock=None, secrets=None, renew=False, masker=None, env=None):
    """One new process, as it were: a sender that asks once, and once more after a refusal if told."""
    world = a_world(state, env, clock=clock)
    with a_sender(source, secrets=CLIENT if secrets is None else secrets, masker=masker, world=world) as sender:
        answer = sender.send(a_request(f"{source.client.base_url}/x"))
        if renew and getattr(answer, "status", None) == 401 and sender.renew():
            answer = sender.send(a_request(f"{source.client.base_url}/x"))
    return answer


def stored(state):
    (path,) = (state / "tokens").glob("*.json")
    return json.loads(path.read_text())
