"""An authorization server made of a real library (oauthlib), with an API behind it, as a script for `tests.server`."""

import logging
from urllib.parse import urlsplit

from oauthlib.oauth2 import OAuth2Error, RequestValidator, WebApplicationServer

from tests.server import Reply, Seen, json_reply

CLIENT, SECRET = "client-12345", "client-secret-67890"
SCOPES = ["read", "activity:read_all"]

logging.getLogger("oauthlib").setLevel(logging.CRITICAL)


class Memory(RequestValidator):
    """What the server knows: one client, its codes and tokens."""

    def __init__(self, separator: str) -> None:
        self.separator = separator
        self.codes: dict[str, dict[str, str]] = {}
        self.tokens: dict[str, str] = {}  # access -> refresh

    def validate_client_id(self, client_id, request, *args, **kwargs):
        return client_id == CLIENT

    def authenticate_client(self, request, *args, **kwargs):
        request.client = type("Client", (), {"client_id": CLIENT})
        return (request.client_id, request.client_secret) == (CLIENT, SECRET)

    def authenticate_client_id(self, client_id, request, *args, **kwargs):
        return False

    def validate_redirect_uri(self, client_id, redirect_uri, request, *args, **kwargs):
        return urlsplit(redirect_uri).hostname in ("127.0.0.1", "localhost", "app.example")

    def get_default_redirect_uri(self, client_id, request, *args, **kwargs):
        return "https://app.example/shown"

    def validate_scopes(self, client_id, scopes, client, request, *args, **kwargs):
        return set(scopes) <= set(SCOPES)

    def get_default_scopes(self, client_id, request, *args, **kwargs):
        return ["read"]

    def validate_response_type(self, client_id, response_type, client, request, *args, **kwargs):
        return response_type == "code"

    def is_pkce_required(self, client_id, request):
        return True

    def save_authorization_code(self, client_id, code, request, *args, **kwargs):
        self.codes[code["code"]] = {
            "redirect": request.redirect_uri,
            "challenge": request.code_challenge,
            "method": request.code_challenge_method,
            "scopes": " ".join(request.scopes),
        }

    def validate_code(self, client_id, code, client, request, *args, **kwargs):
        request.scopes = self.codes.get(code, {}).get("scopes", "").split()
        request.user = "me"
        return code in self.codes

    def confirm_redirect_uri(self, client_id, code, redirect_uri, client, request, *args, **kwargs):
        return redirect_uri == self.codes[code]["redirect"]

    def get_code_challenge(self, code, request):
        return self.codes[code]["challenge"]

    def get_code_challenge_method(self, code, request):
        return self.codes[code]["method"]

    def invalidate_authorization_code(self, client_id, code, request, *args, **kwargs):
        del self.codes[code]

    def validate_grant_type(self, client_id, grant_type, client, request, *args, **kwargs):
        return grant_type in ("authorization_code", "refresh_token")

    def save_bearer_token(self, token, request, *args, **kwargs):
        self.tokens[token["access_token"]] = token["refresh_token"]

    def validate_refresh_token(self, refresh_token, client, request, *args, **kwargs):
        request.user = "me"
        return refresh_token in self.tokens.values()

    def get_original_scopes(self, refresh_token, request, *args, **kwargs):
        return SCOPES

    def validate_bearer_token(self, token, scopes, request):
        return token in self.tokens


class AuthorizationServer:
    """`/authorize` agrees at once (or refuses), `/token` gives tokens, everything else wants one."""

    def __init__(self, *, separator: str = " ", says_no: bool = False) -> None:
        self.memory = Memory(separator)
        self.says_no = says_no
        self.asked: list[dict[str, str]] = []
        self.traded: list[dict[str, str]] = []
        self.unticked: set[str] = set()  # scopes that the user does not agree to
        self._server = WebApplicationServer(self.memory, token_expires_in=3600)

    def __call__(self, seen: Seen) -> Reply:
        url = f"http://{seen.header('host')}{seen.target}"
        if seen.path == "/authorize":
            return self._authorize(url, dict(seen.query))
        if seen.path == "/token":
            return self._token(url, seen)
        good, _ = self._server.verify_request(url, "GET", None, dict(self._headers(seen)), None)
        return json_reply([{"id": 1}]) if good else json_reply({"message": "no"}, 401)

    def _authorize(self, url: str, query: dict[str, str]) -> Reply:
        self.asked.append(query)
        plain = url.replace("%2C", ",")
        wanted = query.get("scope", "").replace(self.memory.separator, " ").split()
        scopes = [scope for scope in wanted if scope not in self.unticked]
        if self.says_no:
            way = (
                f"{query['redirect_uri']}?error=access_denied&error_description=The+user+said+no&state={query['state']}"
            )
            return Reply(302, b"", (("Location", way),))
        try:
            headers, _, status = self._server.create_authorization_response(plain, "GET", None, {}, scopes=scopes)
        except OAuth2Error as error:
            return json_reply({"error": error.error, "description": error.description}, 400)
        return Reply(status, b"", tuple(headers.items()))

    def _token(self, url: str, seen: Seen) -> Reply:
        self.traded.append(seen.form)
        headers, body, status = self._server.create_token_response(
            url, "POST", seen.body.decode(), dict(self._headers(seen))
        )
        return Reply(status, body.encode(), tuple(headers.items()))

    def _headers(self, seen: Seen):
        return ((name.title(), value) for name, value in seen.headers)
