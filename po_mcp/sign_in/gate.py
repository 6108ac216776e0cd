"""The gate before /mcp: callers without a valid token learn where to sign in, those with too few scopes for what.

The SDK's own check has one list of scopes for all calls and names none in its answers, which clients need to ask their
issuer for the right ones (MCP authorization, "Scope Challenge Handling"). So it is left off, and this gate puts the
verified token where the SDK's sessions, its sealed state and `get_access_token` look for it.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import anyio
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import AccessToken, TokenVerifier, principal_components
from mcp.types import INVALID_REQUEST, ErrorData, JSONRPCError
from starlette.authentication import AuthCredentials
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from po_mcp import telemetry
from po_mcp.concurrency import CallRate
from po_mcp.scopes import READ
from po_mcp.sign_in.issuer_keys import IssuerUnavailable
from po_mcp.sign_in.request_body import RequestBody
from po_mcp.sign_in.tokens import LEEWAY_S

METADATA_PATH = "/.well-known/oauth-protected-resource"
_BEARER = b"bearer "
_SIGN_IN = "Sign in to use this server."
_SIGN_IN_AGAIN = "This sign-in is not valid, or no longer. Sign in again."
_UNAVAILABLE = "Sign-ins cannot be checked at this moment. Nothing was sent. Try again in a minute."
_RETRY_AFTER_S = 10


@dataclass(frozen=True)
class Resource:
    """What is protected.

    Attributes:
        url: the address of MCP, which clients name to the issuer (RFC 8707).
        issuer: who signs people in.
        scopes: those that a client asks the issuer for.
        tool_scopes: the scopes that a call of each tool needs.
    """

    url: str
    issuer: str
    scopes: Sequence[str]
    tool_scopes: Mapping[str, Sequence[str]]

    @property
    def metadata_paths(self) -> tuple[str, str]:
        """Where the metadata is: the path of the resource follows the well-known one (RFC 9728, 3.1).

        Clients that know the host alone look without it.
        """
        return f"{METADATA_PATH}{urlsplit(self.url).path}", METADATA_PATH

    def metadata(self) -> Response:
        """Return the metadata (RFC 9728, 2) as an answer."""
        # Not by the SDK's model: its URLs may get a slash, and clients compare the issuer letter for letter.
        facts = {
            "resource": self.url,
            "authorization_servers": [self.issuer],
            "scopes_supported": [*self.scopes],
            "bearer_methods_supported": ["header"],
            "resource_name": "Purchase orders",
        }
        return Response(json.dumps(facts), media_type="application/json", headers={"cache-control": "max-age=300"})

    def challenge(self, scopes: Iterable[str], error: str = "") -> str:
        """Return the `WWW-Authenticate` of a refusal (RFC 6750, 3; RFC 9728, 5.1)."""
        metadata = urljoin(self.url, self.metadata_paths[0])
        parts = {"error": error, "scope": " ".join(scopes), "resource_metadata": metadata}
        return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parts.items() if value)


class Gate:
    """Passes on requests with a valid token that has the scopes of what is called.

    Args:
        mcp: the application at /mcp.
        verifier: verifies tokens; raises `IssuerUnavailable` if it cannot tell.
        resource: what is protected.
        max_bytes: bytes of a message that are read to see what it calls; a longer one is passed on, to be refused.
        rate: of requests per person, besides calls of tools: those the server counts.
    """

    def __init__(
        self, mcp: ASGIApp, verifier: TokenVerifier, resource: Resource, max_bytes: int, rate: CallRate
    ) -> None:
        self._mcp = mcp
        self._rate = rate
        self._verifier = verifier
        self.resource = resource
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        token = await self._authenticate(scope)
        if isinstance(token, Response):
            await token(scope, receive, send)
            return
        body = RequestBody(receive, self._max_bytes)
        message = _parse(await body.read()) if scope["method"] == "POST" else {}
        needed = self._scopes_of(message)
        if missing := [one for one in needed if one not in token.scopes]:
            text = f"This sign-in lacks {' and '.join(missing)}, which this needs. Nothing was sent."
            await self._refuse(403, text, needed, "insufficient_scope", message.get("id"))(scope, receive, send)
            return
        if (wait := self._seconds_to_wait(token, message, scope)) > 0:
            telemetry.count("po_mcp.calls.refused", what="request")
            text = f"Too many requests in a short time. Nothing was sent. Try again in {wait} s."
            await _error(429, text, {"retry-after": str(wait)}, message.get("id"))(scope, receive, send)
            return
        await self._pass_on(token, message, scope, body.replay, send)

    def _seconds_to_wait(self, token: AccessToken, message: Mapping[str, Any], scope: Scope) -> int:
        """Count a request, unless it is a call of a tool, or brings an answer to a question, which never waits.

        What is no tool's call has no way to tell the model but the status: a tool's own error reaches it everywhere.
        """
        if scope["method"] == "POST" and message.get("method") in (None, "tools/call"):
            return 0
        _, issuer, subject = principal_components(token)
        return self._rate.take(f"{issuer} {subject}")

    async def _authenticate(self, scope: Scope) -> AccessToken | Response:
        """Return what the token of a request says, or the answer to a request without a valid one."""
        scopes = self.resource.scopes
        if (bearer := _find_bearer(scope)) is None:
            return self._refuse(401, _SIGN_IN, scopes)
        try:
            token = await self._verifier.verify_token(bearer)
        except IssuerUnavailable:
            # Not 401: people would sign in again, and that would not help.
            return _error(503, _UNAVAILABLE, {"retry-after": str(_RETRY_AFTER_S)})
        return token or self._refuse(401, _SIGN_IN_AGAIN, scopes, "invalid_token")

    async def _pass_on(
        self, token: AccessToken, message: Mapping[str, Any], scope: Scope, receive: Receive, send: Send
    ) -> None:
        user = AuthenticatedUser(token)
        # The token itself goes no further, so that nothing behind this gate can pass it on or log it.
        headers = [(name, value) for name, value in scope["headers"] if name != b"authorization"]
        passed = {**scope, "headers": headers, "user": user, "auth": AuthCredentials(token.scopes)}
        context = auth_context_var.set(user)
        try:
            with anyio.move_on_after(_seconds_of_stream(token, message, scope)):
                await self._mcp(passed, receive, send)
        finally:
            auth_context_var.reset(context)

    def _scopes_of(self, message: Mapping[str, Any]) -> Sequence[str]:
        """Return what a message needs. The server looks at the tool's name once more, as it has read it."""
        params = message.get("params")
        if message.get("method") != "tools/call" or not isinstance(params, Mapping):
            return (READ,)
        name = params.get("name")
        # A name that is no tool's goes on to the server, which says what tools there are.
        return self.resource.tool_scopes.get(name, (READ,)) if isinstance(name, str) else (READ,)

    def _refuse(
        self, status: int, text: str, scopes: Iterable[str], error: str = "", message_id: Any = None
    ) -> Response:
        return _error(status, text, {"www-authenticate": self.resource.challenge(scopes, error)}, message_id)


def _find_bearer(scope: Scope) -> str | None:
    """Return the token of the one Authorization header; two could be read differently by a proxy and by this server."""
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(given) != 1 or given[0][: len(_BEARER)].lower() != _BEARER:
        return None
    return str(given[0][len(_BEARER) :].strip(b" ").decode("latin-1"))


def _parse(body: bytes) -> Mapping[str, Any]:
    """Return a message; an empty one for what is none, of which the SDK says what is wrong."""
    try:
        message = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return message if isinstance(message, Mapping) else {}


def _seconds_of_stream(token: AccessToken, message: Mapping[str, Any], scope: Scope) -> float:
    """Return how long the answer may take: what stays open to tell of changes ends with its token."""
    is_stream = scope["method"] == "GET" or message.get("method") == "subscriptions/listen"
    if not is_stream or token.expires_at is None:
        return math.inf
    return max(0.0, token.expires_at + LEEWAY_S - time.time())


def _error(status: int, text: str, headers: Mapping[str, str], message_id: Any = None) -> Response:
    """Return a JSON-RPC error: clients show its text to their model, and nothing of any other body."""
    # True is an int to Python, and no id to a client.
    known_id = message_id if isinstance(message_id, str | int) and not isinstance(message_id, bool) else None
    body = JSONRPCError(jsonrpc="2.0", id=known_id, error=ErrorData(code=INVALID_REQUEST, message=text))
    content = body.model_dump_json(by_alias=True, exclude_unset=True)
    return Response(content, status, headers=dict(headers), media_type="application/json")
