"""What a source is like, in the few words of a list."""

from __future__ import annotations

from snapshotter.spec import (
    ApiKeyAuth,
    Auth,
    BasicAuth,
    BearerAuth,
    BodyAuth,
    CommandAuth,
    JwtBearerAuth,
    NoAuth,
    OAuth2Auth,
)

NOTHING, KEY, CONSENT, PASSWORD, SIGNED = "none", "key", "consent", "password", "signed"
SIGN_INS = {  # in the order of a list -> what that means
    NOTHING: "No key needed",
    KEY: "A key or token that you make on a page of the service",
    PASSWORD: "A name and a password",
    CONSENT: "You say yes in a browser, once (snap auth NAME)",
    SIGNED: "A key file, with which requests are signed",
}


def sign_in_of(auth: Auth) -> str:
    """Which of the ways to sign in it is."""
    match auth:
        case NoAuth():
            return NOTHING
        case BearerAuth() | ApiKeyAuth() | BodyAuth() | CommandAuth():
            return KEY
        case BasicAuth():
            return PASSWORD
        case OAuth2Auth(grant_type="client_credentials"):
            return KEY
        case OAuth2Auth():
            return CONSENT
        case JwtBearerAuth():
            return SIGNED
