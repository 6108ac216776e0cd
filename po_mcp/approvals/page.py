"""The page: one operation to decide on, and the list of what waits. Works without JavaScript."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from importlib.resources import files
from types import MappingProxyType
from typing import Any, get_args

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from po_mcp.approvals.credentials_page import CredentialsPage, TakesCredentials
from po_mcp.approvals.page_form import read_form
from po_mcp.approvals.page_people import (
    CALLBACK_PATH,
    LOGIN_PATH,
    LOGOUT_PATH,
    NotSignedIn,
    PeopleOfPage,
    SignIn,
    Visitor,
)
from po_mcp.approvals.page_security import PageSecurity, Sessions
from po_mcp.approvals.page_server import CREDENTIALS_PATH
from po_mcp.approvals.pending import Decided, Decision, PendingApprovals, Verdict
from po_mcp.approvals.pin import PinStatus
from po_mcp.approvals.presentation import misfit_of, pin_warnings, present_pending
from po_mcp.errors import JournalUnavailable, SignInRefused
from po_mcp.untrusted import visible
from po_mcp.writes.approvers import THE_OPERATOR, Person
from po_mcp.writes.forms import approval_content
from po_mcp.writes.local_time import LocalTime
from po_mcp.writes.operation import WAITING, Recorded

_PATIENCE_S = 2.0
"""Seconds that a browser waits for what it approved; after that the page says that it goes on, and looks again."""
_CHOICES = {"yes": True, "no": False}
_VERDICTS = frozenset({"happened", "not_happened"})

_SAID: dict[Verdict, tuple[HTTPStatus, str]] = {
    "no_answer": (HTTPStatus.UNPROCESSABLE_ENTITY, ""),
    "no_pin": (HTTPStatus.UNPROCESSABLE_ENTITY, "Enter your PIN. Nothing was changed."),
    "wrong_pin": (HTTPStatus.FORBIDDEN, "Wrong PIN. Nothing was changed."),
    "paused": (HTTPStatus.TOO_MANY_REQUESTS, "Too many wrong PINs within an hour. Nothing was changed."),
    "taken": (HTTPStatus.OK, ""),
    "not_recorded": (HTTPStatus.CONFLICT, "Nothing was recorded."),
    "elsewhere": (HTTPStatus.CONFLICT, "This cannot be decided here. Nothing was changed."),
    "already_sent": (HTTPStatus.CONFLICT, "It was sent already, so it cannot be taken back. Nothing was recorded."),
    "not_allowed": (HTTPStatus.FORBIDDEN, "You may not decide on this. Nothing was changed."),
    "otherwise": (HTTPStatus.CONFLICT, ""),
    "first": (HTTPStatus.OK, ""),
    "too_late": (HTTPStatus.CONFLICT, "This was already decided or has expired. This click changed nothing."),
}


_PIN_FAULTS: frozenset[Verdict | None] = frozenset({"no_pin", "wrong_pin", "paused"})


def create_app(
    pending: PendingApprovals,
    origins: Sequence[str],
    cookie: str,
    sign_in: SignIn | None = None,
    keys: Sequence[bytes] = (),
    credentials: TakesCredentials | None = None,
) -> ASGIApp:
    """Return the page as an ASGI application.

    Args:
        pending: what is decided on.
        origins: those that are ours.
        cookie: the name of the browser's cookie; ports of one machine share cookies, so it must differ by port.
        sign_in: signs people in; None where any holder of a link decides.
        keys: what signs cookies and forms, so that other replicas take them; where there are none, one of this process.
        credentials: takes people's own ERP credentials; None where all have the same.
    """
    is_secure = all(origin.startswith("https://") for origin in origins)
    people = None if sign_in is None else PeopleOfPage(sign_in, cookie, is_secure=is_secure)
    page = _Page(pending, cookie, people, Sessions(keys), has_credentials=credentials is not None)
    routes = [
        *_decision_routes(page),
        *([] if people is None else _sign_in_routes(people, page)),
        *([] if people is None or credentials is None else _credential_routes(people, page, credentials)),
        Route("/static/style.css", page.style, methods=["GET"]),
        Route("/static/icon.svg", page.icon, methods=["GET"]),
    ]
    handlers: Mapping[Any, Any] = {
        HTTPException: page.refuse,
        JournalUnavailable: page.unavailable,
        NotSignedIn: page.ask_to_sign_in,
        SignInRefused: page.refuse_sign_in,
    }
    app = Starlette(routes=routes, exception_handlers=handlers)
    # A redirect would be an answer that tells known paths from others.
    app.router.redirect_slashes = False
    return PageSecurity(app, origins)


def _decision_routes(page: _Page) -> list[Route]:
    return [
        Route("/", page.overview, methods=["GET"]),
        Route("/approve", page.lead, methods=["GET"]),
        Route("/approve/{operation_id}", page.show, methods=["GET"]),
        Route("/approve/{operation_id}", page.decide, methods=["POST"]),
    ]


def _sign_in_routes(people: PeopleOfPage, page: _Page) -> list[Route]:
    return [
        Route(LOGIN_PATH, people.begin, methods=["GET"]),
        Route(CALLBACK_PATH, people.finish, methods=["GET"]),
        Route(LOGOUT_PATH, page.sign_out, methods=["POST"]),
    ]


def _credential_routes(people: PeopleOfPage, page: _Page, credentials: TakesCredentials) -> list[Route]:
    asking = CredentialsPage(credentials, people, page.render, page.local)
    return [
        Route(CREDENTIALS_PATH, asking.show, methods=["GET"]),
        Route(CREDENTIALS_PATH, asking.change, methods=["POST"]),
    ]


class _Page:
    def __init__(
        self,
        pending: PendingApprovals,
        cookie: str,
        people: PeopleOfPage | None,
        sessions: Sessions,
        *,
        has_credentials: bool,
    ) -> None:
        self._pending = pending
        self._cookie = cookie
        self._has_credentials = has_credentials
        self._people = people
        self._sessions = sessions
        static = files("po_mcp.approvals").joinpath("static")
        self._style, self._icon = (static.joinpath(name).read_bytes() for name in ("style.css", "icon.svg"))
        loader = PackageLoader("po_mcp.approvals")
        # Escaped, since names are text of the ERP's; strict, since a blank in place of a figure could be approved.
        self._templates = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True)

    async def show(self, request: Request) -> Response:
        """Show one operation; reading it changes nothing."""
        return await self._show(request, await self._find(request))

    async def decide(self, request: Request) -> Response:
        """Take the answer of the form, and show what became of it."""
        recorded = await self._find(request)
        form = await read_form(request)
        operation_id = recorded.operation.id
        # Another site can make a browser send a form, but cannot read the token that this page wrote into it.
        if not self._is_own_form(request, form.get("token", ""), operation_id):
            return self._message(
                403,
                "Reload this page",
                "It was opened earlier or in another browser. Nothing was changed.",
                request.url.path,
            )
        decision = _decision(form)
        decided = await self._pending.decide(
            recorded,
            decision,
            _content(recorded, form),
            form.get("pin", "").strip(),
            # A browser writes what it likes into this header, and terminals show the audit log.
            {"through": "page", "browser": visible(request.headers.get("user-agent", ""), 120)},
            self._person(request),
        )
        if decided.verdict not in ("taken", "first"):
            return await self._show(request, await self._find(request), decided, form)
        if decided.verdict == "taken" and decision in ("approve", "carry_out"):
            await self._pending.start(operation_id, _PATIENCE_S)
        # So that reloading the page does not send the form again.
        return RedirectResponse(f"/approve/{operation_id}", 303)

    async def lead(self, request: Request) -> Response:
        """Lead the short address to the one operation that waits, else to the list of them."""
        # Anybody can guess the short address: without a cookie that came with a link it leads nowhere.
        if not self._is_known(request):
            return await self.overview(request)
        waits = [one for one in self._select_visible(request, await self._pending.open()) if one.state in WAITING]
        if len(waits) != 1:
            return await self.overview(request)
        return RedirectResponse(f"/approve/{waits[0].operation.id}", 303)

    async def overview(self, request: Request) -> Response:
        """List what waits and what was decided, to a browser that once came with a link, or who has signed in."""
        # A link shows one order. The list shows all of them, so it wants more than the address of this server.
        if not self._is_known(request):
            text = "Use the link from your assistant, or run po-mcp approve in a terminal."
            return self._message(403, "Open your approval link first", text)
        decided = await self._pending.find_decided(self._person(request))
        waits, ended = (self._select_visible(request, some) for some in (await self._pending.open(), decided))
        return self.render(
            "overview.html",
            visitor=self._visitor(request),
            open=[await present_pending(self._pending, one) for one in waits],
            decided=[await present_pending(self._pending, one) for one in ended],
        )

    async def style(self, request: Request) -> Response:
        """Send the stylesheet."""
        return Response(self._style, media_type="text/css")

    async def icon(self, request: Request) -> Response:
        """Send the icon of the browser's tab."""
        return Response(self._icon, media_type="image/svg+xml")

    async def sign_out(self, request: Request) -> Response:
        """Forget who has signed in; the page at the issuer stays as it is."""
        assert self._people is not None
        text = "You are signed out of this page, and not of your company's sign-in."
        return self._people.end(self._message(200, "Signed out", text, back="/", link="Sign in again"))

    async def ask_to_sign_in(self, request: Request, exc: NotSignedIn) -> Response:
        """Send a person who opens a page to the issuer; a form is never sent there."""
        assert self._people is not None
        if request.method == "GET":
            return self._people.send_to_sign_in(request)
        text = "Your sign-in is over. Nothing was changed."
        return self._message(401, "Sign in again", text, back=request.url.path, link="Sign in")

    async def refuse_sign_in(self, request: Request, exc: SignInRefused) -> Response:
        """Say that nobody was signed in, and nothing of what the issuer or the browser sent."""
        return self._message(403, "Not signed in", str(exc), back="/", link="Sign in again")

    async def refuse(self, request: Request, exc: HTTPException) -> Response:
        """Say what is wrong with a request, the same for every id that is not known."""
        if exc.status_code == HTTPStatus.NOT_FOUND:
            return self._message(
                404, "Page not found", "The link is incomplete or no longer valid. Ask your assistant for a new one."
            )
        if exc.status_code == HTTPStatus.FORBIDDEN:
            text = f"{self._person(request).name}, you may not approve orders here. Nothing was changed."
            return self._message(403, "Not for you to decide", text, visitor=self._visitor(request))
        answer = self._message(exc.status_code, "That did not work", "The form was incomplete. Nothing was changed.")
        answer.headers.update(exc.headers or {})
        return answer

    async def unavailable(self, request: Request, exc: JournalUnavailable) -> Response:
        """Say that nothing can be decided now."""
        return self._message(503, "Temporarily unavailable", exc.message)

    async def _find(self, request: Request) -> Recorded:
        # Before the id is looked up, so that nobody learns without a sign-in which ones there are.
        person = self._person(request)
        recorded = await self._pending.find(request.path_params["operation_id"])
        if recorded is not None and self._pending.may_see(recorded, person):
            return recorded
        # The same for every id, or it would tell which ones there are.
        raise HTTPException(404 if self._pending.may_approve(person) else 403)

    def _visitor(self, request: Request) -> Visitor | None:
        """Return who has signed in; None where nobody does. Raises: `NotSignedIn`."""
        return None if self._people is None else self._people.find(request)

    def _person(self, request: Request) -> Person:
        visitor = self._visitor(request)
        return THE_OPERATOR if visitor is None else visitor.person

    def _is_known(self, request: Request) -> bool:
        """Tell whether a browser has come with a link before, or its person has signed in. Raises: `NotSignedIn`."""
        is_ours = self._sessions.is_ours(request.cookies.get(self._cookie))
        return is_ours if self._people is None else self._visitor(request) is not None

    def _select_visible(self, request: Request, found: Iterable[Recorded]) -> list[Recorded]:
        person = self._person(request)
        return [one for one in found if self._pending.may_see(one, person)]

    def _is_own_form(self, request: Request, token: str, operation_id: str) -> bool:
        visitor = self._visitor(request)
        if visitor is not None:
            return visitor.is_token(token, operation_id)
        return self._sessions.is_token(token, request.cookies.get(self._cookie), operation_id)

    async def _show(
        self,
        request: Request,
        recorded: Recorded,
        decided: Decided | None = None,
        form: Mapping[str, str] = MappingProxyType({}),
    ) -> Response:
        """Show one operation; what was typed beside a wrong PIN need not be typed again."""
        status, said = _say(recorded, decided)
        cookie = request.cookies.get(self._cookie)
        # Ports of this machine share cookies, so the page of another port can plant one, which is replaced.
        given = cookie if cookie is not None and self._sessions.is_ours(cookie) else self._sessions.new()
        visitor, operation_id = self._visitor(request), recorded.operation.id
        response = self.render(
            "operation.html",
            status=status,
            shown=await present_pending(self._pending, recorded),
            visitor=visitor,
            token=visitor.token(operation_id) if visitor else self._sessions.token(given, operation_id),
            said=said,
            # A page that is loaded again under a form would empty what is being typed into it.
            is_settling="settle" in request.query_params or form.get("decision") in _VERDICTS,
            **await self._collect_obstacles(request, recorded),
            **_repeat_answer(decided, form),
        )
        if visitor is None and given != cookie:
            # Strict: a form that another site makes the browser send comes without it.
            response.set_cookie(self._cookie, given, httponly=True, samesite="strict", path="/")
        return response

    async def _collect_obstacles(self, request: Request, recorded: Recorded) -> dict[str, Any]:
        """Return what a person must know first, or what keeps them from deciding, by its name in the template."""
        pin = await self._pending.pin_status() if self._visitor(request) is None else PinStatus()
        return {
            "pin": pin,
            "warnings": [
                *filter(None, [await self._pending.say_earlier_no(recorded)]),
                *pin_warnings(pin, self.local),
            ],
            "locked_until": self.local.time(self._pending.journal.now() + pin.wait_s) if pin.wait_s else "",
            "not_by_you": self._pending.why_not_by(recorded, "approve", self._person(request)),
            "elsewhere": await self._pending.why_not_here(recorded, "approve"),
        }

    @property
    def local(self) -> LocalTime:
        """Writes times for the people of this company."""
        return self._pending.executor.words.local

    def _message(
        self,
        status: int,
        heading: str,
        text: str,
        back: str | None = None,
        link: str = "Reload",
        visitor: Visitor | None = None,
    ) -> Response:
        shown = {"heading": heading, "text": text, "back": back, "link": link, "visitor": visitor}
        return self.render("message.html", status, **shown)

    def render(self, template: str, status: int = 200, **shown: Any) -> Response:
        """Return a page as an answer."""
        always = {
            "notice": self._pending.notice,
            "place": self._pending.place_name,
            "visitor": None,
            "has_credentials": self._has_credentials,
        }
        text = self._templates.get_template(template).render({**always, **shown})
        return HTMLResponse(text, status)


def _decision(form: Mapping[str, str]) -> Decision:
    for decision in get_args(Decision):
        if form.get("decision") == decision:
            return decision  # type: ignore[no-any-return]
    raise HTTPException(400)


def _content(recorded: Recorded, form: Mapping[str, str]) -> dict[str, str]:
    """Return the answer as the question's form would bring it."""
    typed, question = form.get("order_number", ""), recorded.operation.question
    if question is None or recorded.state != "PROPOSED":
        return {"order_number": typed}
    return approval_content(question, typed=typed, with_backorder=_CHOICES.get(form.get("create_backorder", "")))


def _repeat_answer(decided: Decided | None, form: Mapping[str, str]) -> dict[str, Any]:
    """Return what became of the answer, and what of it stands in the form again, by its name in the template."""
    verdict = None if decided is None else decided.verdict
    is_kept = verdict in _PIN_FAULTS
    return {
        "verdict": verdict,
        "typed": visible(form.get("order_number", ""), 120) if is_kept else "",
        "chosen": form.get("create_backorder", "") if is_kept else "",
    }


def _say(recorded: Recorded, decided: Decided | None) -> tuple[int, str]:
    """Return the status of the answer, and what the page says of the decision, if one was taken."""
    if decided is None:
        return HTTPStatus.OK, ""
    status, said = _SAID[decided.verdict]
    return status, misfit_of(recorded) if decided.verdict == "no_answer" else decided.why or said
