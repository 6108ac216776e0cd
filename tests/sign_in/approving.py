"""People who approve at the page of a server with sign-in, each with a browser of their own."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx2

from tests.harness import ServerHarness, outcome
from tests.sign_in.issuer import Issuer, TeamServer, team_server
from tests.sign_in.test_people import connect

DELETE, FINALIZE = "delete_purchase_order", "finalize_purchase_order"
NUMBER = "PO-2025-0038"
CLIENT: dict[str, Any] = {"sign_in_client_id": "page", "sign_in_client_secret": "page-secret"}


@asynccontextmanager
async def serving_page(harness: ServerHarness, **settings: Any) -> AsyncIterator[TeamServer]:
    """Run a server with sign-in and an approval page, on the harness's files, with further settings."""
    given = {**harness.files, **CLIENT, **settings}
    async with team_server(**given) as server:
        yield server


async def ask(
    server: TeamServer, who: str = "alice", tool: str = DELETE, number: str = NUMBER, **more: Any
) -> dict[str, Any]:
    """Let somebody's assistant ask for a write, with a token of the issuer's facts about them; return the outcome."""
    facts = server.issuer.people.get(who, {})
    token = server.token(who, facts.get("scope", "po:read po:write"), name=facts.get("name"))
    async with connect(server, token) as client:
        return dict(outcome(await client.call_tool(tool, {"number": number, **more})))


class ServerWithPage(Protocol):
    """A server at whose origin the page is, and the issuer that signs people in there."""

    @property
    def origin(self) -> str: ...

    @property
    def issuer(self) -> Issuer: ...


@dataclass
class Visitor:
    """Somebody's browser: it keeps cookies, follows redirects, and says where its forms come from."""

    server: ServerWithPage
    who: str
    http: httpx2.AsyncClient

    async def get(self, path: str) -> httpx2.Response:
        """Open a page of the server; at the issuer it is this person who is signed in."""
        self.server.issuer.at_keyboard = self.who
        return await self.http.get(path, follow_redirects=True)

    async def begin(self, path: str = "/") -> httpx2.Response:
        """Begin a sign-in, and return the issuer's answer, which leads back, without following it."""
        self.server.issuer.at_keyboard = self.who
        sent = await self.http.get("/auth/login", params={"next": path})
        return await self.http.get(sent.headers["location"])

    async def send(
        self, path: str, decision: str = "approve", headers: Mapping[str, str] | None = None, **fields: str
    ) -> httpx2.Response:
        """Open an operation, fill in its form, press a button, and return the answer to that."""
        page = await self.get(path)
        found = re.search(r'name="token" value="([0-9a-f]+)"', page.text)
        form = {"token": found[1] if found else "", "decision": decision, "order_number": NUMBER, **fields}
        own = {"origin": self.server.origin} if headers is None else headers
        return await self.http.post(path, data=form, headers=own)


@asynccontextmanager
async def visiting(server: TeamServer, who: str) -> AsyncIterator[Visitor]:
    """Open a new browser of a person."""
    async with httpx2.AsyncClient(base_url=server.origin, timeout=60, trust_env=False) as http:
        yield Visitor(server, who, http)


async def decide(
    server: TeamServer, who: str, asked: Mapping[str, Any], decision: str = "approve", **fields: Any
) -> int:
    """Let somebody decide with a new browser; return the status of the answer to the form."""
    async with visiting(server, who) as visitor:
        return (await visitor.send(path_of(asked), decision, **fields)).status_code


def path_of(asked: Mapping[str, Any]) -> str:
    """Return the path of the page to which the link of an outcome leads."""
    return str(urlsplit(asked["approve_at"]).path)


async def fetch_state(server: TeamServer, who: str, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what get_operation reports of an operation to a person's assistant."""
    token = server.token(who, "po:read po:write")
    async with connect(server, token) as client:
        found = outcome(await client.call_tool("get_operation", {"operation_id": asked["operation_id"]}))
        state: dict[str, Any] = found["operations"][0]
        return state
