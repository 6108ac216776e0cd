"""An issuer with pairwise subjects, as Entra: another claim names the person, wherever they sign in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from po_mcp.sign_in.issuer_keys import IssuerKeys
from po_mcp.sign_in.openid import OpenIdClient
from tests.commands.test_serve import HELLO, call
from tests.harness import ServerHarness, outcome
from tests.sign_in.approving import DELETE, NUMBER, decide, serving_page
from tests.sign_in.issuer import TeamServer
from tests.sign_in.test_people import connect

REFUSED, DECIDED = 403, 303


@asynccontextmanager
async def with_pairwise_subjects(harness: ServerHarness, **settings: Any) -> AsyncIterator[TeamServer]:
    """Run a server that knows people by their claim `oid`, with an issuer of pairwise subjects."""
    async with serving_page(harness, person_claim="oid", **settings) as server:
        server.issuer.metadata = {"subject_types_supported": ["pairwise"]}
        yield server


async def ask_as(server: TeamServer, who: str) -> dict[str, Any]:
    async with connect(server, server.token(f"{who} at the assistant", "po:read po:write", oid=who)) as client:
        return dict(outcome(await client.call_tool(DELETE, {"number": NUMBER})))


async def decide_as(server: TeamServer, who: str, asked: dict[str, Any]) -> int:
    """Approve at the page, where a person has another subject than at the assistant; return the answer's status."""
    server.issuer.id_claims = server.issuer.access_claims = {"sub": "bob at the page", "oid": who}
    return await decide(server, "bob", asked)


async def test_another_person_approves(harness: ServerHarness) -> None:
    async with with_pairwise_subjects(harness) as server:
        asked = await ask_as(server, "alice")

        assert await decide_as(server, "bob", asked) == DECIDED
    assert harness.order(NUMBER) is None


async def approve_own_request(harness: ServerHarness) -> int:
    """Let a person ask for a write and approve it; return the status of the answer."""
    async with with_pairwise_subjects(harness) as server:
        return await decide_as(server, "bob", await ask_as(server, "bob"))


async def test_a_person_cannot_approve_their_own_request_under_another_subject(harness: ServerHarness) -> None:
    assert await approve_own_request(harness) == REFUSED
    assert harness.order(NUMBER) is not None


async def test_a_person_could_approve_their_own_request_if_the_subject_named_them(
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

    assert await approve_own_request(harness) == DECIDED


@pytest.mark.parametrize("claim", [None, "", 7, ["bob"], "bob\u202e"], ids=repr)
async def test_a_caller_without_the_claim_is_refused(harness: ServerHarness, claim: Any) -> None:
    async with with_pairwise_subjects(harness) as server, server.http(server.token("alice", oid=claim)) as http:
        refused = await http.post("/mcp", json=call("initialize", HELLO))
        asked = await ask_as(server, "alice")
        server.issuer.id_claims = server.issuer.access_claims = {"oid": claim}
        on_the_page = await decide(server, "bob", asked)

    assert (refused.status_code, on_the_page) == (401, 401)
    assert harness.order(NUMBER) is not None
