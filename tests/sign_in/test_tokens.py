"""Every kind of wrong token, on every method, at three versions of the protocol; and what a valid one may be like."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import httpx2
import pytest

from tests.commands.test_serve import HELLO, META, call
from tests.sign_in.issuer import TeamServer, ec_key, public_jwk, rsa_key, team_server
from tests.sign_in.wrong_tokens import INVALID, NO_TOKEN, WITHOUT_SCOPE

VERSIONS = ("2026-07-28", "2025-11-25", "2025-06-18")
PARAMS: Mapping[str, Mapping[str, Any]] = {
    "server/discover": {},
    "initialize": HELLO,
    "ping": {},
    "tools/list": {},
    "tools/call": {"name": "list_purchase_orders", "arguments": {}},
    "resources/list": {},
    "resources/templates/list": {},
    "resources/read": {"uri": "po://orders/open"},
    "resources/subscribe": {"uri": "po://orders/open"},
    "resources/unsubscribe": {"uri": "po://orders/open"},
    "subscriptions/listen": {"resourceSubscriptions": ["po://orders/open"]},
    "prompts/list": {},
    "prompts/get": {"name": "overdue", "arguments": {}},
    "completion/complete": {
        "ref": {"type": "ref/resource", "uri": "po://orders/{number}"},
        "argument": {"name": "number", "value": "PO"},
    },
    "logging/setLevel": {"level": "debug"},
    "notifications/initialized": {},
    "notifications/cancelled": {"requestId": 1},
    "no/such/method": {},
}


def build_requests(http: httpx2.AsyncClient, version: str, session: Mapping[str, str]) -> Iterator[httpx2.Request]:
    """Build a POST of each method, of an answer to a question, of a batch and of no JSON, then a GET and a DELETE."""
    named = {"mcp-protocol-version": version, **session}
    for method, params in PARAMS.items():
        headers = {**named, "mcp-method": method}
        if "name" in params:
            headers["mcp-name"] = str(params["name"])
        meta = {"_meta": META | {"io.modelcontextprotocol/protocolVersion": version}}
        yield http.build_request("POST", "/mcp", headers=headers, json=call(method, {**params, **meta}))
    reply = {"jsonrpc": "2.0", "id": 1, "result": {"action": "accept", "content": {"decision": "close"}}}
    yield http.build_request("POST", "/mcp", headers=named, json=reply)
    yield http.build_request("POST", "/mcp", headers=named, json=[call("tools/list", {})])
    yield http.build_request("POST", "/mcp/", headers=named, content=b"no JSON")
    yield http.build_request("GET", "/mcp", headers={**named, "accept": "text/event-stream"})
    yield http.build_request("DELETE", "/mcp", headers=named)


async def open_session(server: TeamServer, version: str) -> dict[str, str]:
    """Return the headers of a new session; none for 2026-07-28, which has no sessions."""
    if version == VERSIONS[0]:
        return {}
    async with server.http(server.token()) as http:
        hello = await http.post("/mcp", json=call("initialize", {**HELLO, "protocolVersion": version}))
    assert hello.status_code == 200, hello.text
    return {"mcp-session-id": hello.headers["mcp-session-id"]}


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_wrong_token_is_refused_on_every_method(version: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    answers: dict[str, set[tuple[int, str]]] = {}
    kinds = NO_TOKEN | INVALID | WITHOUT_SCOPE
    async with team_server() as server:
        session = await open_session(server, version)
        tokens = {kind: make(server) for kind, make in kinds.items()}
        for kind, token in tokens.items():
            async with server.http(token) as http:
                found = [await http.send(request) for request in build_requests(http, version, session)]
            answers[kind] = {(one.status_code, one.headers["www-authenticate"]) for one in found}
        async with server.http(server.token(), **session) as http:
            still_there = await http.post("/mcp", headers={"mcp-protocol-version": version}, json=call("ping", {}))

    metadata = f'resource_metadata="{server.origin}/.well-known/oauth-protected-resource/mcp"'
    everything = 'scope="po:read po:write"'
    no_token = (401, f"Bearer {everything}, {metadata}")
    invalid = (401, f'Bearer error="invalid_token", {everything}, {metadata}')
    lacks = (403, f'Bearer error="insufficient_scope", scope="po:read", {metadata}')
    expected = dict.fromkeys(NO_TOKEN, no_token) | dict.fromkeys(INVALID, invalid) | dict.fromkeys(WITHOUT_SCOPE, lacks)
    assert {kind: [*found] for kind, found in answers.items()} == {kind: [one] for kind, one in expected.items()}
    assert version == VERSIONS[0] or still_there.status_code == 200
    assert not [token for token in tokens.values() if token and len(token) > 10 and token in caplog.text]


@pytest.mark.parametrize("version", VERSIONS)
async def test_a_valid_token_is_let_through_on_every_method(version: str) -> None:
    async with team_server() as server:
        session = await open_session(server, version)
        async with server.http(server.token()) as http:
            statuses = []
            for request in build_requests(http, version, session):
                answer = await http.send(request, stream=True)  # some of them stay open
                statuses.append(answer.status_code)
                await answer.aclose()

    assert not {401, 403, 500, 503} & set(statuses)
    assert statuses.count(200) >= 7


@pytest.mark.parametrize(
    ("place", "status"), [("twice", 400), ("as a parameter", 401), ("another scheme", 401), ("in a cookie", 401)]
)
async def test_a_token_counts_only_as_the_one_bearer_of_the_request(place: str, status: int) -> None:
    async with team_server() as server:
        token = server.token()
        async with server.http() as http:
            headers = [("mcp-protocol-version", "2025-11-25")]
            headers += {
                "twice": [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")],
                "as a parameter": [],
                "another scheme": [("authorization", f"Basic {token}")],
                "in a cookie": [("cookie", f"access_token={token}")],
            }[place]
            path = f"/mcp?access_token={token}" if place == "as a parameter" else "/mcp"
            answer = await http.post(path, headers=headers, json=call("initialize", HELLO))

    assert answer.status_code == status


def _standard_claims(server: TeamServer) -> dict[str, Any]:
    return server.issuer.claims(server.url)


VALID: dict[str, Callable[[TeamServer], str]] = {
    "as RFC 9068 has it": lambda server: server.token(),
    "of type JWT": lambda server: server.issuer.sign(_standard_claims(server), header={"typ": "JWT"}),
    "of type application/at+jwt": lambda server: server.issuer.sign(
        _standard_claims(server), header={"typ": "application/at+jwt"}
    ),
    "among several audiences": lambda server: server.issuer.sign(
        {**_standard_claims(server), "aud": ["https://another.example", server.url]}
    ),
    "scp as a list": lambda server: server.issuer.sign(
        {**server.issuer.claims(server.url, scope=None), "scp": ["po:read"]}  # type: ignore[arg-type]
    ),
    "scp as a text": lambda server: server.issuer.sign(
        {**server.issuer.claims(server.url, scope=None), "scp": "po:read po:write"}  # type: ignore[arg-type]
    ),
    "azp in place of client_id": lambda server: server.issuer.sign(
        {**server.issuer.claims(server.url, client_id=None), "azp": "host"}
    ),
    "a minute early by the issuer's clock": lambda server: server.token(iat=_standard_claims(server)["iat"] + 20),
    "ES256": lambda server: server.issuer.sign(_standard_claims(server), ec_key(), "ES256", {"kid": "e1"}),
    "PS256": lambda server: server.issuer.sign(_standard_claims(server), rsa_key("k2"), "PS256", {"kid": "k2"}),
}


@pytest.mark.parametrize("kind", VALID)
async def test_a_token_of_each_issuers_kind_is_accepted(kind: str) -> None:
    async with team_server() as server:
        server.issuer.keys += [public_jwk(ec_key(), "e1"), public_jwk(rsa_key("k2"), "k2")]
        async with server.http(VALID[kind](server)) as http:
            answer = await http.post("/mcp", json=call("initialize", HELLO))

    assert answer.status_code == 200, answer.text


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
async def test_a_short_key_is_not_trusted() -> None:
    async with team_server() as server:
        server.issuer.keys.append(public_jwk(rsa_key("short", 1024), "short"))
        token = server.issuer.sign(_standard_claims(server), rsa_key("short", 1024), header={"kid": "short"})
        async with server.http(token) as http:
            answer = await http.post("/mcp", json=call("initialize", HELLO))

    assert answer.status_code == 401


async def test_the_audience_may_be_another_than_the_address() -> None:
    async with team_server(audience="api://po-mcp") as server:
        answers = []
        for audience in ("api://po-mcp", server.url):
            async with server.http(server.issuer.sign(server.issuer.claims(audience))) as http:
                answers.append((await http.post("/mcp", json=call("initialize", HELLO))).status_code)

    assert answers == [200, 401]
