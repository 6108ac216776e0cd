"""What both APIs do alike with HTTP: reading a call, answering in exact JSON, checking a token."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from anyio import to_thread
from starlette.applications import Starlette
from starlette.datastructures import URL
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from po_mcp.sandbox.apis.exact_json import read_json, write_json

Render = Callable[[Exception], Response]


class BadRequest(Exception):
    """The call cannot be read; `str()` says what is wrong with it."""


class Unauthorized(Exception):
    """The call carries no valid token."""


class JsonResponse(Response):
    """An answer in JSON, with its decimals exact."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write the content as JSON."""
        return write_json(content)


@dataclass(frozen=True)
class ApiCall:
    """A call whose body has arrived; `path` holds the variable segments of the path."""

    method: str
    url: URL
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def is_write(self) -> bool:
        """Tell whether the call may change something."""
        return self.method != "GET"

    def parse_json(self) -> Any:
        """Read the body as JSON.

        Raises:
            BadRequest: the call cannot be read.
        """
        try:
            return read_json(self.body)
        except ValueError as exc:
            raise BadRequest("The body is not valid JSON.") from exc

    def parse_form(self) -> dict[str, str]:
        """Read the body as a form.

        Raises:
            BadRequest: the call cannot be read.
        """
        try:
            # A form is ASCII by its format: other letters come percent-encoded.
            return dict(parse_qsl(self.body.decode("ascii")))
        except ValueError as exc:
            raise BadRequest("The body is not a form.") from exc

    def read_integer(self, name: str, default: int, *, least: int = 1) -> int:
        """Read a parameter that is a whole number of at most 9 digits.

        Raises:
            BadRequest: the call cannot be read.
        """
        text = self.query.get(name, "")
        if not text:
            return default
        # isdigit() alone would take the digits of every script.
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) >= least):
            raise BadRequest(f"{name} must be a whole number from {least}.")
        return int(text)

    def is_descending(self, default: bool) -> bool:
        """Read the parameter `direction`, in any case.

        Raises:
            BadRequest: the call cannot be read.
        """
        text = self.query.get("direction", "").lower()
        # A wrong word is refused and not passed over: the list would come in an order that nobody asked for.
        if text not in ("", "asc", "desc"):
            raise BadRequest("direction must be asc or desc.")
        return text == "desc" if text else default

    def read_bearer_token(self) -> str:
        """Return the bearer token, or ""."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        # A scheme's name counts without regard to case (RFC 9110, 11.1).
        return token.strip() if scheme.lower() == "bearer" else ""

    def read_basic_credentials(self) -> tuple[str, str]:
        """Return user and password of HTTP Basic, or two empty texts."""
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return "", ""
        try:
            user, _, password = base64.b64decode(token).decode().partition(":")
        except (binascii.Error, ValueError):
            return "", ""
        return user, password


Handle = Callable[[ApiCall], Response]
HandleCall = Callable[[Handle, ApiCall], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def _handle_plainly(handle: Handle, call: ApiCall) -> Response:
    return handle(call)


def make_endpoint(
    handle: Handle, admits: Callable[[str], bool] | None = None, handle_call: HandleCall = _handle_plainly
) -> Endpoint:
    """Make a handler that reads the whole call, checks its bearer token and answers from a thread.

    The book may wait for another process, and must not hold up the event loop meanwhile.
    """

    async def respond(request: Request) -> Response:
        call = ApiCall(
            method=request.method,
            url=request.url,
            path=request.path_params,
            query=request.query_params,
            headers=request.headers,
            body=await request.body(),
        )
        # After the body was read: an answer before it makes some clients take the connection for broken.
        if admits and not admits(call.read_bearer_token()):
            raise Unauthorized
        return await to_thread.run_sync(handle_call, handle, call)

    return respond


def make_application(routes: list[BaseRoute], refused: Mapping[type[Exception], Render]) -> Starlette:
    """Make an application that answers each kind of refusal by its own function."""
    app = Starlette(routes=routes)
    for kind, render in refused.items():
        app.add_exception_handler(kind, _make_handler(render))
    # The vendors do not redirect "/Item/" to "/Item"; it is an unknown path.
    app.router.redirect_slashes = False
    return app


def _make_handler(render: Render) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def answer(_: Request, error: Exception) -> Response:
        return render(error)

    return answer
