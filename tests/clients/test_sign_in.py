"""A client's sign-in at a real OpenID provider: discovery, a code with PKCE, calls, and further scopes."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx2
import jwt
import pytest
from mcp import Client
from mcp.client.auth import OAuthClientProvider
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import AuthorizationCodeResult, OAuthClientInformationFull, OAuthClientMetadata, OAuthToken

from tests.clients import setup
from tests.clients.conftest import SCRIPTS
from tests.commands.test_serve import HELLO, call
from tests.harness import ERAS, MODES, ScriptedPerson, ServerHarness, outcome, yes
from tests.sign_in.issuer import Issuer, TeamServer, pkce_challenge, serving_for

pytestmark = pytest.mark.clients

CALLBACK = "http://127.0.0.1:9999/callback"
CANCEL = "cancel_purchase_order"
EVERYTHING = {"po:read", "po:write", "po:approve"}
both_eras = pytest.mark.parametrize("era", ERAS)


@contextmanager
def run_provider(page: str = "") -> Iterator[Issuer]:
    """Run the provider as a process; `page` is the origin of the approval page."""
    script = setup.install_npm("oidc_provider") / "oidc_provider.mjs"
    shutil.copy(SCRIPTS / "oidc_provider.mjs", script)
    environment, quiet = {**os.environ, "PAGE": page}, subprocess.DEVNULL
    with subprocess.Popen(
        [setup.install_node(), script], stdout=subprocess.PIPE, stderr=quiet, text=True, env=environment
    ) as node:
        try:
            assert node.stdout is not None
            yield Issuer(node.stdout.readline().strip())
        finally:
            node.kill()


async def sign_in(url: str, who: str) -> dict[str, str]:
    """Do what a person does in a browser: enter a name, and consent; return the parameters that the callback gets."""
    async with httpx2.AsyncClient(follow_redirects=False, timeout=30, trust_env=False) as browser:
        while not url.startswith(CALLBACK):
            page = await browser.get(url)
            while page.status_code == 200:
                form = re.search(r'<form[^>]*action="([^"]+)"', page.text)
                prompt = re.search(r'name="prompt" value="([^"]+)"', page.text)
                assert form, page.text
                assert prompt, page.text
                data = {"prompt": prompt[1], "login": who, "password": "any"}
                page = await browser.post(urljoin(str(page.url), form[1]), data=data)
            assert page.status_code in (302, 303), page.text
            url = urljoin(url, page.headers["location"])
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


@dataclass
class Assistant:
    """What the SDK's OAuth client stores, and its person; `asked` are the parameters of each sign-in."""

    who: str
    tokens: OAuthToken | None = None
    client: OAuthClientInformationFull | None = None
    asked: list[dict[str, str]] = field(default_factory=list)
    answer: dict[str, str] = field(default_factory=dict)

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info

    async def open_browser(self, url: str) -> None:
        self.asked.append({name: values[0] for name, values in parse_qs(urlsplit(url).query).items()})
        self.answer = await sign_in(url, self.who)

    async def wait_for_code(self) -> AuthorizationCodeResult:
        return AuthorizationCodeResult(code=self.answer["code"], state=self.answer["state"], iss=self.answer.get("iss"))

    @asynccontextmanager
    async def connected(self, server: TeamServer, era: str, person: ScriptedPerson) -> AsyncIterator[Client]:
        metadata = OAuthClientMetadata(
            redirect_uris=[CALLBACK],
            client_name="An assistant",
            token_endpoint_auth_method="none",
            application_type="native",
            grant_types=["authorization_code", "refresh_token"],
        )
        auth = OAuthClientProvider(server.url, metadata, self, self.open_browser, self.wait_for_code)
        async with httpx2.AsyncClient(auth=auth, timeout=60, trust_env=False) as http:
            transport = streamable_http_client(server.url, http_client=http)
            async with Client(transport, mode=MODES[era], elicitation_callback=person) as client:
                yield client


def register(who: str, issuer: Issuer) -> Assistant:
    """Return the assistant of a person, as a client that the provider's administrator has registered."""
    known = OAuthClientInformationFull(
        client_id="assistant",
        redirect_uris=[CALLBACK],
        token_endpoint_auth_method="none",
        grant_types=["authorization_code", "refresh_token"],
        issuer=issuer.url,
    )
    return Assistant(who, client=known)


async def fetch_token(issuer: Issuer, who: str, scope: str, resource: str) -> dict[str, Any]:
    """Sign in by hand, for these scopes and this resource: a code with PKCE for a token."""
    verifier = secrets.token_urlsafe(48)
    asked = {
        "response_type": "code",
        "client_id": "assistant",
        "redirect_uri": CALLBACK,
        "scope": scope,
        "resource": resource,
        "code_challenge": pkce_challenge(verifier),
        "code_challenge_method": "S256",
        "state": "s",
    }
    answer = await sign_in(str(httpx2.URL(f"{issuer.url}/auth", params=asked)), who)
    given = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": CALLBACK,
        "client_id": "assistant",
        "code_verifier": verifier,
        "resource": resource,
    }
    async with httpx2.AsyncClient(timeout=60, trust_env=False) as http:
        found = await http.post(f"{issuer.url}/token", data=given)
    given_out: dict[str, Any] = found.json()
    return given_out


def split_scopes(text: str | None) -> set[str]:
    """Return the scopes in a text, without the one that clients add to get a refresh token."""
    return set((text or "").split()) - {"offline_access"}


@both_eras
@pytest.mark.parametrize("is_registered", [True, False], ids=["registered", "registers itself"])
async def test_a_client_finds_the_issuer_signs_in_and_carries_a_write_through(
    harness: ServerHarness, era: str, is_registered: bool
) -> None:
    with run_provider() as issuer:
        async with serving_for(issuer, **harness.files, self_approval=True) as server:
            alice = register("alice", issuer) if is_registered else Assistant("alice")
            person = ScriptedPerson(yes)
            async with alice.connected(server, era, person) as client:
                tools = (await client.list_tools()).tools
                done = outcome(await client.call_tool(CANCEL, {"number": "PO-2025-0037"}))

    [asked] = alice.asked
    assert alice.tokens is not None
    claims = jwt.decode(alice.tokens.access_token, options={"verify_signature": False})
    assert split_scopes(asked["scope"]) == EVERYTHING
    assert (asked["resource"], asked["code_challenge_method"]) == (server.url, "S256")
    assert (claims["iss"], claims["aud"], claims["sub"]) == (issuer.url, server.url, "alice")
    assert split_scopes(claims["scope"]) == EVERYTHING
    assert (len(tools), len(person.asked), done["status"]) == (8, 1, "done")
    assert harness.order("PO-2025-0037").status == "cancelled"


@both_eras
async def test_a_client_that_may_only_read_signs_in_for_more_when_it_writes(harness: ServerHarness, era: str) -> None:
    with run_provider() as issuer:
        async with serving_for(issuer, **harness.files) as server:
            alice = register("alice", issuer)
            alice.tokens = OAuthToken(**await fetch_token(issuer, "alice", "po:read", server.url))
            async with alice.connected(server, era, ScriptedPerson(yes)) as client:
                before = len((await client.list_tools()).tools)
                waits = outcome(await client.call_tool(CANCEL, {"number": "PO-2025-0037"}))
                after = len((await client.list_tools()).tools)

    [asked] = alice.asked
    assert alice.tokens is not None
    assert split_scopes(asked["scope"]) == {"po:read", "po:write"}
    assert split_scopes(alice.tokens.scope) == {"po:read", "po:write"}
    assert (before, after) == (4, 8)
    assert waits["status"] == "approval_required"  # the scope to approve is one that a person asks for


async def test_tokens_for_another_resource_and_id_tokens_are_refused() -> None:
    with run_provider() as issuer:
        async with serving_for(issuer) as server:
            right = await fetch_token(issuer, "alice", "openid po:read", server.url)
            other = await fetch_token(issuer, "alice", "openid po:read", "https://another.example/mcp")
            statuses = []
            access = right["access_token"]
            for token in (access, other["access_token"], right["id_token"], access[:-4]):
                async with server.http(token) as http:
                    statuses.append((await http.post("/mcp", json=call("initialize", HELLO))).status_code)

    assert statuses == [200, 401, 401, 401]


async def test_a_token_of_another_provider_is_refused() -> None:
    with run_provider() as issuer, run_provider() as other:
        async with serving_for(issuer) as server:
            statuses = []
            for one in (issuer, other):
                token = await fetch_token(one, "alice", "po:read", server.url)
                async with server.http(token["access_token"]) as http:
                    statuses.append((await http.post("/mcp", json=call("initialize", HELLO))).status_code)

    assert statuses == [200, 401]
