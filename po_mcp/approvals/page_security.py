"""What stands before the page: who may speak to it, from where, and what every answer carries.

Any web page in the person's browser, and any program on this machine, can reach a port of this
machine. So the Host must be ours (DNS rebinding), a POST must come from our own page (Origin, and a
token that is bound to the browser's cookie), and nothing of it is framed, scripted or kept.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Iterable, Sequence

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

logger = logging.getLogger(__name__)

# no-referrer would make browsers send "Origin: null" with the form, which tells us nothing
# (https://fetch.spec.whatwg.org/#append-a-request-origin-header); same-origin tells others as little.
_HEADERS = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'",
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_EXTRA = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]


class PageSecurity:
    """Passes on what may come in, and adds to every answer what keeps it safe.

    Args:
        app: the page.
        origins: those that are ours, as browsers write them: `http://127.0.0.1:8123`, `https://po.example.com`.
    """

    def __init__(self, app: ASGIApp, origins: Iterable[str]) -> None:
        self._app = app
        # A proxy may end TLS before this server, so the scheme is that of the setting, and never of the connection.
        self._origins = {origin.partition("://")[2]: origin for origin in origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        assert scope["type"] == "http"

        # Added out here, so that refusals and errors carry them, too.
        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *_EXTRA]}
            await send(message)

        refusal = self._refusal(scope)
        try:
            await (refusal or self._app)(scope, receive, sending)
        except Exception as exc:
            # By its type alone: its message may hold what stands in an order.
            logger.error("approval page failed: %s", type(exc).__name__)
            raise

    def _refusal(self, scope: Scope) -> PlainTextResponse | None:
        host = (_only(scope, b"host") or "").lower()  # names of hosts have no case (RFC 9110, 4.2.3)
        if host not in self._origins:
            return PlainTextResponse("Wrong address. Use the link exactly as it was given.", 421)
        if scope["method"] not in ("GET", "POST"):
            return PlainTextResponse("Only GET and POST are allowed.", 405, {"allow": "GET, POST"})
        if scope["method"] == "POST" and not _is_own(scope, self._origins[host]):
            return PlainTextResponse("This form was not sent from the approval page. Nothing was changed.", 403)
        return None


class Sessions:
    """Cookies that we gave out, and the tokens that go with them.

    Args:
        keys: those that all replicas share, the first of which signs; where there are none, all ends with this process.
    """

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = tuple(keys) or (secrets.token_bytes(32),)

    def new(self) -> str:
        """Return a cookie for a browser that came with a link."""
        name = secrets.token_hex(16)
        return f"{name}.{_digest(self._keys[0], 'session', name)}"

    def is_ours(self, cookie: str | None) -> bool:
        """Tell whether we gave out this cookie."""
        if cookie is None or not re.fullmatch(r"[0-9a-f]{32}\.[0-9a-f]{64}", cookie, re.ASCII):
            return False
        name, _, digest = cookie.partition(".")
        # In constant time: a program on this machine could measure how much of a guess was right.
        return any(hmac.compare_digest(digest, _digest(key, "session", name)) for key in self._keys)

    def token(self, cookie: str, operation_id: str) -> str:
        """Return what a form for this operation, shown to this browser, brings back."""
        return _digest(self._keys[0], "form", f"{cookie} {operation_id}")

    def is_token(self, given: str, cookie: str | None, operation_id: str) -> bool:
        """Tell whether a form was shown to this very browser for this operation."""
        if cookie is None or not self.is_ours(cookie):
            return False
        # As bytes: `compare_digest` raises for text that is not ASCII, and a form may bring any.
        tokens = [_digest(key, "form", f"{cookie} {operation_id}") for key in self._keys]
        return any(hmac.compare_digest(given.encode(), token.encode()) for token in tokens)


def _digest(key: bytes, what: str, text: str) -> str:
    # With the purpose, or the digest of a cookie could stand for a form's token.
    return hmac.new(key, f"{what} {text}".encode(), hashlib.sha256).hexdigest()


def _only(scope: Scope, name: bytes) -> str | None:
    """Return the one header of this name; None where it is missing or there are several."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if len(found) == 1 else None


def _is_own(scope: Scope, origin: str) -> bool:
    """Tell whether a form was sent by our own page: browsers always say where a POST comes from."""
    site = [value for key, value in scope["headers"] if key == b"sec-fetch-site"]
    # Browsers before Fetch Metadata send no Sec-Fetch-Site: then Origin alone decides.
    return _only(scope, b"origin") == origin and site in ([], [b"same-origin"])
