"""Each control of the sign-in is taken away in turn, and the attack that it prevents succeeds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import jwt
import pytest

from po_mcp.approvals import caller
from po_mcp.commands import serve
from po_mcp.sign_in import gate, issuer_keys, tokens
from po_mcp.sign_in.gate import Gate
from po_mcp.sign_in.issuer_keys import IssuerKeys
from po_mcp.transports import http as http_transport
from po_mcp.writes.approvers import ApproverRules
from po_mcp.writes.operation import Requester
from tests.commands.test_serve import HELLO, call, modern
from tests.sign_in.issuer import BOB, TeamServer, team_server
from tests.sign_in.lenient_jwt import any_audience, any_issuer, decode_with, no_expiry, no_signature
from tests.sign_in.wrong_tokens import INVALID

Patch = pytest.MonkeyPatch
Attack = Callable[[], Awaitable[bool]]
DELETE = "delete_purchase_order"


async def _opens(token: Callable[[TeamServer], str | None], **settings: Any) -> bool:
    """Tell whether a token is enough to read orders."""
    async with team_server(**settings) as server, server.http(token(server)) as http:
        answer = await http.post("/mcp", **modern("list_purchase_orders", {}))
    return "PO-2025-" in answer.text


def bring(kind: str) -> Attack:
    """Return the attack with a wrong token, by its name in INVALID."""

    async def attack() -> bool:
        return await _opens(INVALID[kind])

    attack.__name__ = kind.replace(" ", "_")
    return attack


async def nothing_at_all() -> bool:
    return await _opens(lambda server: None)


async def a_token_without_a_scope() -> bool:
    return await _opens(lambda server: server.token(scope=""))


async def a_write_with_a_token_to_read() -> bool:
    """It succeeds where a write is proposed, which then waits for a person."""
    async with team_server() as server, server.http(server.token(scope="po:read")) as http:
        answer = await http.post("/mcp", **modern(DELETE, {"number": "PO-2025-0038"}))
    return "approval_required" in answer.text


async def a_name_that_the_gate_reads_otherwise() -> bool:
    """The gate sees a read and the server a write, as two JSON parsers might of a name that is given twice."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Gate, "_scopes_of", lambda self, message: ("po:read",))
        return await a_write_with_a_token_to_read()


async def a_form_of_one_who_may_not_approve() -> bool:
    asks = modern(DELETE, {"number": "PO-2025-0038"})
    meta = asks["json"]["params"]["_meta"]
    capabilities: dict[str, Any] = {"io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}}
    asks["json"]["params"]["_meta"] = meta | capabilities
    async with team_server() as server, server.http(server.token(scope="po:read po:write")) as http:
        answer = await http.post("/mcp", **asks)
    return "inputRequests" in answer.text


async def anothers_operation() -> bool:
    async with team_server() as server:
        async with server.http(server.token()) as alice:
            await alice.post("/mcp", **modern(DELETE, {"number": "PO-2025-0038"}))
        async with server.http(server.token(BOB)) as bob:
            answer = await bob.post("/mcp", **modern("get_operation", {}))
    return "PO-2025-0038" in answer.text


async def anothers_session() -> bool:
    async with team_server() as server:
        async with server.http(server.token()) as alice:
            hello = await alice.post("/mcp", json=call("initialize", HELLO))
        session = {"mcp-session-id": hello.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        async with server.http(server.token(BOB)) as bob:
            answer = await bob.post("/mcp", headers=session, json=call("tools/list", {}))
    return answer.status_code == 200


async def a_page_for_anybody_with_the_link() -> bool:
    async with team_server(sign_in_client_id="page") as server, server.http(server.token()) as http:
        asked = (await http.post("/mcp", **modern(DELETE, {"number": "PO-2025-0038"}))).json()
        place = asked["result"]["structuredContent"]["operation_id"]
        answer = await http.get(f"/approve/{place}")
    return "PO-2025-0038" in answer.text


async def an_issuer_that_is_asked_for_each_invented_key() -> bool:
    with pytest.MonkeyPatch.context() as patch:
        # Time stands still: on a loaded machine the thirty requests can take longer than the pause.
        patch.setattr(IssuerKeys.__init__, "__defaults__", (lambda: 1_000.0,))
        return await _is_asked_for_each_invented_key()


async def _is_asked_for_each_invented_key() -> bool:
    async with team_server() as server:
        for number in range(30):
            token = server.issuer.sign(server.issuer.claims(server.url), header={"kid": f"invented {number}"})
            async with server.http(token) as http:
                await http.post("/mcp", json=call("initialize", HELLO))
        return server.issuer.asked.count("/jwks") > 1


async def keys_by_metadata_of_another_issuer() -> bool:
    async with team_server() as server:
        server.issuer.metadata = {"issuer": "https://evil.example"}
        async with server.http(server.token()) as http:
            answer = await http.post("/mcp", json=call("initialize", HELLO))
    return answer.status_code == 200


async def another_computer_without_sign_in() -> bool:
    try:
        serve._choose_address("0.0.0.0", has_sign_in=False, has_keys=True)
    except SystemExit:
        return False
    return True


async def a_token_in_the_headers_of_a_request() -> bool:
    seen: list[bytes] = []

    async def keep(scope: Any, receive: Any, send: Any) -> None:
        seen.extend(value for _, value in scope["headers"])
        await gate._error(200, "", {})(scope, receive, send)

    init = Gate.__init__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Gate, "__init__", lambda self, mcp, *given: init(self, keep, *given))
        async with team_server() as server, server.http(server.token()) as http:
            await http.post("/mcp", json=call("initialize", HELLO))
    return any(value.startswith(b"Bearer") for value in seen)


def no_look_at_the_algorithm(patch: Patch) -> None:
    patch.setattr(tokens, "ALGORITHMS", tokens.ALGORITHMS | {"none", "HS256"})
    believe: Any = {"verify_signature": False}
    patch.setattr(tokens.TokenVerifier, "_decode", lambda self, token, *_: jwt.decode(token, options=believe))


def no_beginning(patch: Patch) -> None:
    decode_with(patch, verify_nbf=False)


def no_claim_is_needed(patch: Patch) -> None:
    decode_with(patch, require=[])


def any_type(patch: Patch) -> None:
    patch.setattr(tokens, "_TYPES", tokens._TYPES | {"id+jwt"})


def no_look_for_claims_of_an_id_token(patch: Patch) -> None:
    patch.setattr(tokens, "_OF_AN_ID_TOKEN", frozenset())


def any_subject(patch: Patch) -> None:
    patch.setattr(tokens, "is_name", lambda subject: True)


def any_extension(patch: Patch) -> None:
    """PyJWT itself refuses an unknown one; both are taken away."""
    patch.setattr(jwt, "get_unverified_header", lambda token: {k: v for k, v in _header(token).items() if k != "crit"})
    patch.setattr(jwt.api_jws.PyJWS, "_validate_headers", lambda self, headers, **more: None)


def _header(token: str) -> dict[str, Any]:
    loaded: dict[str, Any] = jwt.api_jws.PyJWS()._load(token)[2]
    return loaded


def a_key_for_any_algorithm(patch: Patch) -> None:
    decode = tokens.TokenVerifier._decode

    def leniently(self: Any, token: str, algorithm: str, key: Any) -> Any:
        return decode(self, token, algorithm, {name: value for name, value in key.items() if name != "alg"})

    patch.setattr(tokens.TokenVerifier, "_decode", leniently)


def no_gate(patch: Patch) -> None:
    patch.setattr(http_transport, "_add_sign_in", lambda mcp, settings: (mcp, {}))


def no_scopes_at_the_gate(patch: Patch) -> None:
    patch.setattr(Gate, "_scopes_of", lambda self, message: ())


def no_scopes_at_all(patch: Patch) -> None:
    no_scopes_at_the_gate(patch)
    patch.setattr(caller, "is_allowed", lambda *scopes: True)


def no_scopes_in_the_server(patch: Patch) -> None:
    patch.setattr(caller, "is_allowed", lambda *scopes: True)


def every_form_counts(patch: Patch) -> None:
    patch.setattr(ApproverRules, "may_approve_alone", lambda self, person, operation: True)


def everybody_sees_everything(patch: Patch) -> None:
    patch.setattr(Requester, "may_handle", lambda self, operation: True)


def sessions_of_nobody(patch: Patch) -> None:
    patch.setattr("mcp.server.streamable_http_manager.authorization_context", lambda user: None)


def a_page_without_its_sign_in(patch: Patch) -> None:
    build = http_transport._build_page_app
    patch.setattr(
        http_transport,
        "_build_page_app",
        lambda pending, address, settings: build(pending, address, settings.model_copy(update={"issuer": None})),
    )


def no_pause_between_two_readings(patch: Patch) -> None:
    patch.setattr(issuer_keys, "PAUSE_S", 0.0)


def any_metadata(patch: Patch) -> None:
    async def find(self: IssuerKeys) -> str:
        metadata: Any = await self._read_metadata()
        return str(metadata["jwks_uri"])

    patch.setattr(IssuerKeys, "_find_address", find)


def any_address(patch: Patch) -> None:
    patch.setattr("po_mcp.commands.serve._settings.stop", lambda message: None)


def tokens_passed_on(patch: Patch) -> None:
    async def pass_on(self: Any, token: Any, message: Any, scope: Any, receive: Any, send: Any) -> None:
        await self._mcp(scope, receive, send)

    patch.setattr(Gate, "_pass_on", pass_on)


MUTANTS: list[tuple[Callable[[Patch], None], Attack]] = [
    (no_gate, nothing_at_all),
    (no_signature, bring("another key, same id")),
    (no_signature, bring("changed after it was signed")),
    (no_look_at_the_algorithm, bring("alg none")),
    (no_look_at_the_algorithm, bring("HS256 with the public key")),
    (a_key_for_any_algorithm, bring("an algorithm that its key is not for")),
    (any_issuer, bring("another issuer")),
    (any_audience, bring("another audience")),
    (no_expiry, bring("expired")),
    (no_beginning, bring("not yet valid")),
    (any_type, bring("an ID token by its type")),
    (no_look_for_claims_of_an_id_token, bring("an ID token by its claims")),
    (any_subject, bring("an invisible subject")),
    (any_extension, bring("an unknown extension")),
    (no_scopes_at_all, a_token_without_a_scope),
    (no_scopes_at_all, a_write_with_a_token_to_read),
    (no_scopes_in_the_server, a_name_that_the_gate_reads_otherwise),
    (every_form_counts, a_form_of_one_who_may_not_approve),
    (everybody_sees_everything, anothers_operation),
    (sessions_of_nobody, anothers_session),
    (a_page_without_its_sign_in, a_page_for_anybody_with_the_link),
    (no_pause_between_two_readings, an_issuer_that_is_asked_for_each_invented_key),
    (any_metadata, keys_by_metadata_of_another_issuer),
    (any_address, another_computer_without_sign_in),
    (tokens_passed_on, a_token_in_the_headers_of_a_request),
]


@pytest.mark.parametrize(("mutant", "attack"), MUTANTS, ids=lambda value: value.__name__)
async def test_an_attack_succeeds_only_without_its_control(mutant: Callable[[Patch], None], attack: Attack) -> None:
    intact = await attack()
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        mutated = await attack()

    assert (intact, mutated) == (False, True)
