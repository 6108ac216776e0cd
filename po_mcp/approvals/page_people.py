"""Who opens the page: with sign-in a person whom the issuer knows, else any holder of a link."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from po_mcp.approvals.display_name import display_name
from po_mcp.errors import SignInRefused
from po_mcp.writes.approvers import Person

LOGIN_PATH, CALLBACK_PATH, LOGOUT_PATH = "/auth/login", "/auth/callback", "/auth/logout"


class SignedIn(Protocol):
    """A person who has signed in; `key` is random, of this sign-in alone."""

    @property
    def user(self) -> str: ...
    @property
    def subject(self) -> str: ...
    @property
    def facts(self) -> Mapping[str, Any]: ...
    @property
    def scopes(self) -> tuple[str, ...]: ...
    @property
    def key(self) -> str: ...


class SignIn(Protocol):
    """Signs people in at the issuer; what it returns is sealed, and kept by the browser."""

    async def begin(self, wanted: str) -> tuple[str, str]:
        """Return where a person signs in, and what their browser keeps meanwhile. Raises: `SignInRefused`."""

    async def finish(self, answer: Mapping[str, str], kept: str | None) -> tuple[str, str]:
        """Return what the browser keeps from now on, and the path that was wanted. Raises: `SignInRefused`."""

    def find(self, kept: str | None) -> SignedIn | None:
        """Return who has signed in; None if nobody has, or not recently."""


@dataclass(frozen=True)
class Visitor:
    """Somebody who has signed in: a person, and the secret of this sign-in, which is in a sealed cookie alone."""

    person: Person
    key: str

    def token(self, operation_id: str) -> str:
        """Return what a form for this operation, shown in this sign-in, brings back; any replica makes the same."""
        return hmac.new(self.key.encode(), f"form {operation_id}".encode(), hashlib.sha256).hexdigest()

    def is_token(self, given: str, operation_id: str) -> bool:
        """Tell whether a form was shown in this very sign-in for this operation."""
        return hmac.compare_digest(given.encode(), self.token(operation_id).encode())


class NotSignedIn(Exception):
    """Nobody has signed in with this browser, or not recently."""


class PeopleOfPage:
    """Knows visitors by their cookies, and sends others to the issuer.

    Args:
        sign_in: signs people in.
        cookie: the beginning of the names of the cookies.
        is_secure: the page is reached over https alone.
    """

    def __init__(self, sign_in: SignIn, cookie: str, *, is_secure: bool) -> None:
        self._sign_in = sign_in
        # __Host-: no other host of the domain can plant it (RFC 6265bis, 4.1.3.2).
        prefix = "__Host-" if is_secure else ""
        self._attempt, self._session = f"{prefix}{cookie}_sign_in", f"{prefix}{cookie}_person"
        self._is_secure = is_secure

    def find(self, request: Request) -> Visitor:
        """Return who sent a request. Raises: `NotSignedIn`."""
        found = self._sign_in.find(request.cookies.get(self._session))
        if found is None:
            raise NotSignedIn
        name = display_name(found.facts, found.subject)
        groups = frozenset(found.facts["groups"])
        return Visitor(Person(found.user, name, groups, frozenset(found.scopes)), found.key)

    def send_to_sign_in(self, request: Request) -> Response:
        """Return the answer to a page that was opened without a sign-in."""
        return RedirectResponse(f"{LOGIN_PATH}?next={quote(request.url.path)}", 303)

    async def begin(self, request: Request) -> Response:
        """Send a person to the issuer. Raises: `SignInRefused`."""
        address, kept = await self._sign_in.begin(request.query_params.get("next", "/"))
        response = RedirectResponse(address, 303)
        self._keep(response, self._attempt, kept)
        return response

    async def finish(self, request: Request) -> Response:
        """Take a person back from the issuer. Raises: `SignInRefused`."""
        answer = dict(request.query_params.multi_items())
        if len(answer) != len(request.query_params.multi_items()):
            raise SignInRefused("The sign-in was not completed.", effect="nothing_changed")
        kept, wanted = await self._sign_in.finish(answer, request.cookies.get(self._attempt))
        response = RedirectResponse(wanted, 303)
        self._keep(response, self._session, kept)
        self._forget(response, self._attempt)
        return response

    def end(self, response: Response) -> Response:
        """Return an answer after which the browser knows nobody."""
        self._forget(response, self._session)
        return response

    def _keep(self, response: Response, name: str, value: str) -> None:
        # Lax: links and the issuer are on other sites, and a strict cookie would not come with the first request from
        # there. A form of another site comes without it all the same.
        response.set_cookie(name, value, httponly=True, samesite="lax", secure=self._is_secure, path="/")

    def _forget(self, response: Response, name: str) -> None:
        response.delete_cookie(name, httponly=True, samesite="lax", secure=self._is_secure, path="/")
