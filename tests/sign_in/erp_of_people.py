"""An ERP in which each person is a user of their own: the sandbox's API of Inventory Pro behind a gate that knows them.

The gate takes the sign-ins and the tokens of each user, notes who sent what, and shows some of them less.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import anyio
import httpx2
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from po_mcp.sandbox import Book, create_app
from tests.ports import serve
from tests.sign_in.approving import CLIENT, Visitor, visiting
from tests.sign_in.issuer import TeamServer, team_server

SERVICE, ALICE, BOB = "service-user", "alice-in-erp", "bob-in-erp"
SECRETS = {SERVICE: "canary-of-the-service", ALICE: "canary-of-alice", BOB: "canary-of-bob"}
KEYS = "one key that is used for nothing but tests 0123456789"
ORDER = "/api/v1/PurchaseOrder"


@dataclass
class ErpOfPeople:
    """The ERP, what each of its users sent (user, method, path), and which users see less or otherwise."""

    app: ASGIApp
    secrets: dict[str, str] = field(default_factory=lambda: dict(SECRETS))
    tokens: dict[str, str] = field(default_factory=dict)
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)
    sees_no_vendors: set[str] = field(default_factory=set)
    sees_no_orders: set[str] = field(default_factory=set)
    hides_orders: set[str] = field(default_factory=set)
    """Users for whom no order can be opened, and new orders stand in no list."""
    other_company: set[str] = field(default_factory=set)
    """Users for whom the same numbers are orders from other vendors."""
    has_no_orders: set[str] = field(default_factory=set)
    """Users for whom the list of orders is empty, and no order can be opened."""
    holds_reads: anyio.Event | None = None
    """Requests about orders are answered once it is set; `asked_for_orders` is set when the first has come."""
    asked_for_orders: anyio.Event = field(default_factory=anyio.Event)
    is_away: bool = False
    loses_writes: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _read(receive)
        path, method = scope["path"], scope["method"]
        if self.is_away:
            await JSONResponse({}, 503)(scope, receive, send)
            return
        if path == "/api/v1/Token":
            await self._sign_in(scope, body, send)
            return
        bearer = dict(scope["headers"]).get(b"authorization", b"").decode().removeprefix("Bearer ")
        user = self.tokens.get(bearer, "")
        self.sent.append((user, method, path))
        if method == "POST":
            self.bodies.append(body.decode())
        hidden = (user in self.sees_no_vendors and "/Vendor" in path) or (user in self.sees_no_orders and ORDER in path)
        if hidden or self.secrets.get(user) is None:
            refusal = {"error": {"code": "Forbidden", "message": "No right."}}
            await JSONResponse(refusal, 403 if user in self.secrets else 401)(scope, receive, send)
            return
        await self._hold(path)
        if self.loses_writes and method == "POST":
            await JSONResponse("lost", 504)(scope, receive, send)
            return
        if (absent := self._find_absent(user, method, path)) is not None:
            await absent(scope, receive, send)
            return

        async def rename(message: Message) -> None:
            for users, name in ((self.other_company, b"Acme"), (self.hides_orders, b"NEW-")):
                if user in users and "body" in message:
                    message = {**message, "body": message["body"].replace(name, name[::-1])}
            await send(message)

        await self.app(scope, _replay(body), rename)

    def _find_absent(self, user: str, method: str, path: str) -> Response | None:
        """Return the answer about orders that this user does not see; None for all others."""
        if user in self.has_no_orders and (method, path) == ("GET", ORDER):
            return Response(status_code=204)
        if user in self.hides_orders | self.has_no_orders and path.startswith(f"{ORDER}/"):
            return JSONResponse({"error": {"code": "NotFound", "message": "None."}}, 404)
        return None

    async def _hold(self, path: str) -> None:
        if self.holds_reads is not None and path.startswith(ORDER):
            self.asked_for_orders.set()
            await self.holds_reads.wait()

    async def _sign_in(self, scope: Scope, body: bytes, send: Send) -> None:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        user = form.get("client_id", "")
        self.sent.append((user, "POST", "/Token"))
        if self.secrets.get(user) != form.get("client_secret", ""):
            await JSONResponse({"error": {"code": "Unauthorized", "message": "No."}}, 401)(scope, _replay(b""), send)
            return
        asked = urlencode({**form, "client_id": "sandbox", "client_secret": "sandbox"}).encode()
        headers = [pair for pair in scope["headers"] if pair[0] != b"content-length"]
        headers.append((b"content-length", str(len(asked)).encode()))
        answered = b""

        async def note(message: Message) -> None:
            nonlocal answered
            answered += message.get("body", b"")
            await send(message)

        await self.app({**scope, "headers": headers}, _replay(asked), note)
        self.tokens[json.loads(answered)["access_token"]] = user

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The writes that were sent: (user, path), in order."""
        return [(user, path) for user, method, path in self.sent if method == "POST" and not path.endswith("/Token")]

    def users(self) -> set[str]:
        """Return the users who sent anything."""
        return {user for user, _, _ in self.sent}


async def _read(receive: Receive) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if not message.get("more_body"):
            return body


def _replay(body: bytes) -> Receive:
    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


@dataclass
class Deployment:
    """An ERP with users, its address, the book behind it, and the file for a server's journal."""

    erp: ErpOfPeople
    url: str
    book: Book
    journal: Path

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a server on which each person has credentials of their own."""
        return {
            "erp": "inventory-pro",
            "base_url": self.url,
            "client_id": SERVICE,
            "client_secret": SECRETS[SERVICE],
            "company": "Acme",
            "erp_credentials": "own",
            "keys": KEYS,
            "journal": str(self.journal),
            **CLIENT,
        }


@asynccontextmanager
async def deployment(folder: Path) -> AsyncIterator[Deployment]:
    """Serve a new book as an ERP with users, on a port of this machine."""
    with closing(Book.open(folder / "book.db")) as book:
        erp = ErpOfPeople(create_app(book, apis=("inventory-pro",)))
        async with serve(erp) as address:
            yield Deployment(erp, address, book, folder / "journal.db")


@asynccontextmanager
async def personal_server(place: Deployment, **settings: Any) -> AsyncIterator[TeamServer]:
    """Run a server for that ERP on which each person has credentials of their own."""
    async with team_server(**{**place.settings, **settings}) as server:
        yield server


async def fill_in(visitor: Visitor, user: str, secret: str | None = None, **fields: str) -> httpx2.Response:
    """Enter a user of the ERP on the page for credentials, and return the answer to the form."""
    entered = {"client_id": user, "client_secret": SECRETS[user] if secret is None else secret}
    return await visitor.send("/credentials", "give", None, **{**entered, **fields})


async def give_credentials(server: TeamServer, who: str, user: str, secret: str | None = None) -> int:
    """Let somebody give credentials with a new browser; return the status of the answer."""
    async with visiting(server, who) as visitor:
        return (await fill_in(visitor, user, secret)).status_code


async def remove_credentials(server: TeamServer, who: str) -> int:
    """Let somebody remove their credentials with a new browser; return the status of the answer."""
    async with visiting(server, who) as visitor:
        return (await visitor.send("/credentials", "remove")).status_code
