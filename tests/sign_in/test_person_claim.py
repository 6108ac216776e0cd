"""An issuer with another subject for each client, as Entra: another claim names the person, wherever they sign in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from po_mcp.sign_in.issuer_keys import IssuerKeys
from po_mcp.sign_in.openid import OpenIdClient
from tests.commands.test_serve import HELLO, call
from tests.harness import ServerHarness, outcome
from tests.sign_in.approving import DELETE, NUMBER, approving, decide
from tests.sign_in.issuer import TeamServer
from tests.sign_in.test_people import connect

REFUSED, DECIDED = 403, 303


@asynccontextmanager
async def pairwise(harness: ServerHarness, **settings: Any) -> AsyncIterator[TeamServer]:
    async with approving(harness, person_claim="oid", **settings) as server:
        server.issuer.metadata = {"subject_types_supported": ["pairwise"]}
        yield server


async def ask_as(server: TeamServer, who: str) -> dict[str, Any]:
    async with connect(server, server.token(f"{who} at the assistant", "po:read po:write", oid=who)) as client:
        return dict(outcome(await client.call_tool(DELETE, {"number": NUMBER})))


async def decide_as(server: TeamServer, who: str, asked: dict[str, Any]) -> int:
    """Sign in at the page, whose subject of a person is another one than the assistant's."""
    server.issuer.id_claims = server.issuer.access_claims = {"sub": "bob at the page", "oid": who}
    return await decide(server, "bob", asked)


async def test_another_person_approves(harness: ServerHarness) -> None:
    async with pairwise(harness) as server:
        asked = await ask_as(server, "alice")

        assert await decide_as(server, "bob", asked) == DECIDED
    assert harness.order(NUMBER) is None


async def approve_ones_own(harness: ServerHarness) -> int:
    async with pairwise(harness) as server:
        return await decide_as(server, "bob", await ask_as(server, "bob"))


async def test_nobody_approves_their_own_under_another_subject(harness: ServerHarness) -> None:
    assert await approve_ones_own(harness) == REFUSED
    assert harness.order(NUMBER) is not None


async def test_with_the_subject_in_its_place_somebody_approves_their_own(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, read = OpenIdClient.__init__, IssuerKeys.read_metadata

    def begin_by_subject(
        self: OpenIdClient, keys: IssuerKeys, client: Any, tokens: Any, post: Any, person_claim: str
    ) -> None:
        tokens._person_claim = "sub"
        begin(self, keys, client, tokens, post)

    async def read_as_public(self: IssuerKeys) -> Any:
        return {**await read(self), "subject_types_supported": ["public"]}

    monkeypatch.setattr(OpenIdClient, "__init__", begin_by_subject)
    monkeypatch.setattr(IssuerKeys, "read_metadata", read_as_public)

    assert await approve_ones_own(harness) == DECIDED


@pytest.mark.parametrize("claim", [None, "", 7, ["bob"], "bob\u202e"], ids=repr)
async def test_a_caller_without_that_claim_is_nobody(harness: ServerHarness, claim: Any) -> None:
    async with pairwise(harness) as server, server.http(server.token("alice", oid=claim)) as http:
        refused = await http.post("/mcp", json=call("initialize", HELLO))
        asked = await ask_as(server, "alice")
        server.issuer.id_claims = server.issuer.access_claims = {"oid": claim}
        on_the_page = await decide(server, "bob", asked)

    assert (refused.status_code, on_the_page) == (401, 401)
    assert harness.order(NUMBER) is not None
