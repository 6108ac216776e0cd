"""What an assistant without a form sees behind nginx, step by step: OAuth, then a link, as in ChatGPT."""

from __future__ import annotations

import json
import re
import secrets
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import SEE_OTHER
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from tests.balancer.fleet import Fleet, fleet, make_certificate
from tests.commands.test_serve import HEADERS, HELLO, call, modern
from tests.harness import ERAS
from tests.sign_in.approving import Visitor
from tests.sign_in.issuer import pkce_challenge

KEY = "0123456789abcdef" * 4
NUMBER = "PO-2025-0038"
TOOL = "delete_purchase_order"
BACK = "https://assistant.example/auth/callback"
PAGE = {"PO_MCP_SIGN_IN_CLIENT_ID": "page", "PO_MCP_SIGN_IN_CLIENT_SECRET": "page-secret", "PO_MCP_KEYS": KEY}


@dataclass
class Assistant:
    """A client that knows the server's address, follows what answers say, and can show no form."""

    server: Fleet
    http: httpx2.AsyncClient
    era: str
    headers: dict[str, str] = field(default_factory=dict)

    async def post(self, request: Mapping[str, Any], **headers: str) -> httpx2.Response:
        """Send a JSON-RPC request with the token and session that the assistant has."""
        return await self.http.post(f"{self.server.origin}/mcp", json=request, headers={**self.headers, **headers})

    async def discover(self, refused: httpx2.Response) -> dict[str, Any]:
        """Read from a 401 where to sign in: the metadata of the resource, then those of its issuer."""
        resource = (await self.http.get(read_challenge(refused)["resource_metadata"])).json()
        [issuer] = resource["authorization_servers"]
        found = (await self.http.get(f"{issuer}/.well-known/openid-configuration")).json()
        return {**resource, **found}

    async def sign_in(self, known: Mapping[str, Any], scope: str) -> None:
        """Get a code with PKCE for these scopes of this resource, and a token for it."""
        verifier = secrets.token_urlsafe(32)

        self.server.issuer.at_keyboard = "alice"
        asked = {
            "response_type": "code",
            "client_id": "assistant",
            "redirect_uri": BACK,
            "scope": scope,
            "resource": known["resource"],
            "code_challenge": pkce_challenge(verifier),
            "code_challenge_method": "S256",
            "state": "1",
        }
        sent = await self.http.get(known["authorization_endpoint"], params=asked)
        [code] = parse_qs(urlsplit(sent.headers["location"]).query)["code"]
        form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": BACK}
        token = (await self.http.post(known["token_endpoint"], data=form)).json()["access_token"]
        self.headers["authorization"] = f"Bearer {token}"

    async def begin(self) -> httpx2.Response:
        """Send the first request: `initialize` without a form where the protocol has that, else a list of orders."""
        if self.era == "2026-07-28":
            return await self.use("list_purchase_orders")
        answer = await self.post(call("initialize", {**HELLO, "capabilities": {}}))
        if answer.status_code == 200:
            session = {"mcp-session-id": answer.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
            self.headers |= session
        return answer

    async def use(self, tool: str, **arguments: Any) -> httpx2.Response:
        """Call a tool in the assistant's protocol version."""
        asked = modern(tool, arguments)
        if self.era == "2026-07-28":
            return await self.post(asked["json"], **asked["headers"])
        return await self.post(call("tools/call", {"name": tool, "arguments": arguments}))


def read_challenge(answer: httpx2.Response) -> dict[str, str]:
    """Return the parameters of the WWW-Authenticate header of a 401 or 403."""
    return dict(re.findall(r'(\w+)="([^"]*)"', answer.headers["www-authenticate"]))


def read_result(answer: httpx2.Response) -> dict[str, Any]:
    """Return the result of a call, from JSON or from the last event of a stream."""
    assert answer.status_code == 200, answer.text
    found = [line.removeprefix("data:") for line in answer.text.splitlines() if line.startswith("data:")]
    said: dict[str, Any] = json.loads(found[-1] if found else answer.text)["result"]
    return said


def read_text(answer: httpx2.Response) -> str:
    """Return the text that a model is given."""
    content = read_result(answer)["content"]
    return str(content[0]["text"])


@pytest.mark.parametrize("era", ERAS)
async def test_an_assistant_without_a_form_sees_the_link(era: str, tmp_path: Path) -> None:
    trusted = ssl.create_default_context(cafile=str(make_certificate(tmp_path)))
    async with (
        fleet("nginx", tmp_path, settings=PAGE) as server,
        httpx2.AsyncClient(headers=HEADERS, timeout=60, trust_env=False, verify=trusted) as http,
        httpx2.AsyncClient(base_url=server.origin, timeout=60, trust_env=False, verify=trusted) as browser,
    ):
        assistant = Assistant(server, http, era)
        first = await assistant.begin()
        known = await assistant.discover(first)
        await assistant.sign_in(known, "po:read")
        again = await assistant.begin()
        read = await assistant.use("get_purchase_order", number=NUMBER)
        refused = await assistant.use(TOOL, number=NUMBER)
        await assistant.sign_in(known, read_challenge(refused)["scope"])
        asked = await assistant.use(TOOL, number=NUMBER)
        waiting = await assistant.use("get_operation")
        link = str(read_result(asked)["structuredContent"]["approve_at"])
        decided = await Visitor(server, "bob", browser).send(urlsplit(link).path, order_number=NUMBER)
        done = await assistant.use(TOOL, number=NUMBER)
        gone = await assistant.use("get_purchase_order", number=NUMBER)

    assert (first.status_code, again.status_code, read.status_code) == (401, 200, 200)
    assert known["resource"] == f"{server.origin}/mcp"
    assert read_challenge(first)["scope"] == "po:read po:write"
    assert (refused.status_code, read_challenge(refused)["error"]) == (403, "insufficient_scope")
    assert read_challenge(refused)["scope"] == "po:read po:write"
    assert read_text(asked).startswith(f"approval_required: SANDBOX: Deleting order {NUMBER} needs approval.")
    assert link in read_text(asked)
    assert link.startswith(f"{server.origin}/approve/")
    assert link in read_text(waiting)
    assert decided.status_code == SEE_OTHER
    assert read_text(done).startswith("done: SANDBOX: ")
    assert "Requested by Alice Adams, approved by Bob Brown." in read_text(done)
    assert read_result(gone)["isError"]
