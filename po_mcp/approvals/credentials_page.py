"""The page on which a person gives, replaces or removes their own ERP credentials. What was given is never shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Protocol

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from po_mcp.approvals.page_form import read_form
from po_mcp.approvals.page_people import PeopleOfPage, Visitor
from po_mcp.approvals.page_server import CREDENTIALS_PATH
from po_mcp.errors import JournalUnavailable, PurchaseOrderError, TooManyRequests, Unreachable
from po_mcp.writes.local_time import LocalTime
from po_mcp.writes.person_words import for_person

_FORM = "credentials"
"""What a form's token is for, in the place of an operation's id."""
_STATUS: Mapping[type[PurchaseOrderError], HTTPStatus] = {
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    Unreachable: HTTPStatus.SERVICE_UNAVAILABLE,
}


class CredentialField(Protocol):
    """What a person enters."""

    @property
    def name(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def is_secret(self) -> bool: ...


class TakesCredentials(Protocol):
    """Takes the ERP credentials of people; a person is issuer and subject, with a name that people read."""

    @property
    def title(self) -> str:
        """The ERP's name."""

    @property
    def fields(self) -> Sequence[CredentialField]:
        """What a person enters."""

    async def given_at(self, person: str) -> float | None:
        """Return since when a person's credentials are kept, in seconds since 1970; None where there are none."""

    async def give(self, person: str, name: str, entered: Mapping[str, str]) -> None:
        """Try what a person entered and keep it. Raises `PurchaseOrderError` where it is not kept."""

    async def remove(self, person: str) -> bool:
        """Remove a person's own credentials; False where there are none."""


class CredentialsPage:
    """The page for one person's credentials: each person sees their own alone.

    Args:
        credentials: takes them.
        people: knows who has signed in.
        render: makes a page from a template, a status and what it shows.
        local: writes times.
    """

    def __init__(
        self, credentials: TakesCredentials, people: PeopleOfPage, render: Callable[..., Response], local: LocalTime
    ) -> None:
        self._credentials = credentials
        self._people = people
        self._render = render
        self._local = local

    async def show(self, request: Request) -> Response:
        """Show whether this person has given credentials. Raises: `NotSignedIn`."""
        return await self._show(self._people.find(request))

    async def change(self, request: Request) -> Response:
        """Keep or remove credentials. Raises: `NotSignedIn`, `JournalUnavailable`."""
        visitor, form = self._people.find(request), await read_form(request)
        # Another site can make a browser send a form, but cannot read the token that this page wrote into it.
        if not visitor.is_token(form.get("token", ""), _FORM):
            return await self._show(visitor, "This page was opened earlier. Nothing was changed.", HTTPStatus.FORBIDDEN)
        person = visitor.person
        match form.get("decision"):
            case "give":
                try:
                    await self._credentials.give(person.user, person.name, form)
                except JournalUnavailable:
                    raise
                except PurchaseOrderError as exc:
                    said = for_person(" ".join(filter(None, (exc.reason, exc.next_step, "Nothing was kept."))))
                    return await self._show(visitor, said, _STATUS.get(type(exc), HTTPStatus.UNPROCESSABLE_ENTITY))
            case "remove":
                await self._credentials.remove(person.user)
            case _:
                raise HTTPException(400)
        # So that reloading the page does not send the form again.
        return RedirectResponse(CREDENTIALS_PATH, 303)

    async def _show(self, visitor: Visitor, said: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
        given_at = await self._credentials.given_at(visitor.person.user)
        return self._render(
            "credentials.html",
            status,
            erp=self._credentials.title,
            fields=self._credentials.fields,
            given=None if given_at is None else self._local.day(given_at),
            token=visitor.token(_FORM),
            visitor=visitor,
            said=said,
        )
