"""Each control of the page with sign-in is taken away in turn, and the attack that it prevents succeeds."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from po_mcp.approvals import page_security, pending
from po_mcp.approvals.page import create_app
from po_mcp.approvals.page_people import PeopleOfPage, Visitor
from po_mcp.approvals.page_security import PageSecurity
from po_mcp.approvals.pending import PendingApprovals
from po_mcp.desk.context import Desk
from po_mcp.sign_in import approver_sign_in, openid, tokens
from po_mcp.sign_in.issuer_keys import IssuerKeys
from po_mcp.sign_in.openid import OpenIdClient
from po_mcp.sign_in.sealing import Seal
from po_mcp.transports import http as http_transport
from po_mcp.writes import approvers
from po_mcp.writes import approving as recording
from po_mcp.writes.approvers import ApproverRules
from po_mcp.writes.consent import Consent
from tests.harness import ScriptedPerson, ServerHarness, outcome, yes
from tests.sign_in.approving import FINALIZE, NUMBER, ask, decide, path_of, serving_page, visiting
from tests.sign_in.issuer import EVERYTHING
from tests.sign_in.lenient_jwt import any_audience, any_issuer, decode_with, no_expiry, no_signature
from tests.sign_in.test_approving import LOW, WRONG_SIGN_INS
from tests.sign_in.test_people import connect

Patch = pytest.MonkeyPatch
Attack = Callable[[ServerHarness], Awaitable[bool]]


def sign_in_with(kind: str) -> Attack:
    """Return the attack of a sign-in that is wrong in one way, by its name in WRONG_SIGN_INS."""

    async def attack(harness: ServerHarness) -> bool:
        async with serving_page(harness) as server:
            asked = await ask(server)
            WRONG_SIGN_INS[kind](server.issuer)
            async with visiting(server, "bob") as bob:
                return (await bob.get(path_of(asked))).status_code == 200

    attack.__name__ = kind.replace(" ", "_")
    return attack


async def _is_deleted_by(harness: ServerHarness, who: str, *more: str, asks: str = "alice", **settings: Any) -> bool:
    """Tell whether an order is deleted once these people have approved it in turn."""
    async with serving_page(harness, **settings) as server:
        asked = await ask(server, asks)
        for one in (who, *more):
            await decide(server, one, asked)
    return harness.order(NUMBER) is None


async def an_approval_by_somebody_who_may_not(harness: ServerHarness) -> bool:
    return await _is_deleted_by(harness, "alice", asks="bob")


async def an_approval_by_the_requester(harness: ServerHarness) -> bool:
    return await _is_deleted_by(harness, "bob", asks="bob")


async def one_person_in_the_place_of_two(harness: ServerHarness) -> bool:
    return await _is_deleted_by(harness, "bob", "bob", second_approver_over=LOW)


async def one_yes_in_the_place_of_two(harness: ServerHarness) -> bool:
    return await _is_deleted_by(harness, "bob", second_approver_over=LOW)


async def more_than_ones_limit(harness: ServerHarness) -> bool:
    return await _is_deleted_by(harness, "bob", approver_limits={"bob": "0.01"})


async def the_requesters_own_form(harness: ServerHarness) -> bool:
    async with (
        serving_page(harness) as server,
        connect(server, server.token("bob", EVERYTHING), person=ScriptedPerson(yes)) as client,
    ):
        return str(outcome(await client.call_tool(FINALIZE, {"number": "PO-2025-0037"}))["status"]) == "done"


async def an_order_shown_to_somebody_who_may_not_approve(harness: ServerHarness) -> bool:
    async with serving_page(harness) as server:
        asked = await ask(server, "bob")
        async with visiting(server, "alice") as alice:
            return NUMBER in (await alice.get(path_of(asked))).text


async def a_list_of_what_others_asked_for(harness: ServerHarness) -> bool:
    async with serving_page(harness) as server:
        await ask(server, "bob")
        async with visiting(server, "alice") as alice:
            return NUMBER in (await alice.get("/")).text


async def _is_decided_by(harness: ServerHarness, headers: dict[str, str]) -> bool:
    """Tell whether a form with these headers, sent from an approver's browser, deletes the order."""
    async with serving_page(harness) as server:
        asked = await ask(server)
        async with visiting(server, "bob") as bob:
            await bob.send(path_of(asked), headers={"origin": server.origin, **headers})
    return harness.order(NUMBER) is None


async def a_form_of_another_site(harness: ServerHarness) -> bool:
    return await _is_decided_by(harness, {"origin": "https://evil.example"})


async def a_form_at_a_name_that_was_rebound(harness: ServerHarness) -> bool:
    """The browser has cookies for that name, too, if the attacker can plant them; here it brings the right ones."""
    async with serving_page(harness) as server:
        asked = await ask(server)
        async with visiting(server, "bob") as bob:
            await bob.get(path_of(asked))
            answer = await bob.http.get(path_of(asked), headers={"host": "evil.example"})
    return NUMBER in answer.text


async def a_form_of_another_person(harness: ServerHarness) -> bool:
    async with serving_page(harness) as server:
        asked = await ask(server)
        async with visiting(server, "bob") as bob, visiting(server, "carol") as carol:
            hers = await carol.get(path_of(asked))
            token = hers.text.partition('name="token" value="')[2].partition('"')[0]
            await bob.get(path_of(asked))
            fields = {"token": token, "decision": "approve", "order_number": NUMBER}
            await bob.http.post(path_of(asked), data=fields, headers={"origin": server.origin})
    return harness.order(NUMBER) is None


async def somebody_elses_account(harness: ServerHarness) -> bool:
    """The answer to an attacker's sign-in, opened in a browser that has begun one of its own."""
    async with serving_page(harness) as server, visiting(server, "bob") as mallory, visiting(server, "carol") as victim:
        answer = await mallory.begin()
        await victim.begin()
        attempt = next(iter(server.issuer.codes))
        server.issuer.codes[attempt] |= {"code_challenge": list(server.issuer.codes.values())[-1]["code_challenge"]}
        server.issuer.id_claims = {"nonce": list(server.issuer.codes.values())[-1]["nonce"]}
        await victim.http.get(answer.headers["location"])
        return any(one.name.endswith("_person") for one in victim.http.cookies.jar)


async def a_page_of_somebody_else_after_the_sign_in(harness: ServerHarness) -> bool:
    async with serving_page(harness) as server, visiting(server, "bob") as bob:
        answer = await bob.begin("https://evil.example/")
        return (await bob.http.get(answer.headers["location"])).headers["location"].startswith("https://evil.example")


async def a_code_without_its_verifier(harness: ServerHarness) -> bool:
    """A code that was seen on its way is worth something without PKCE."""
    async with serving_page(harness) as server, visiting(server, "bob") as bob:
        await bob.begin()
        return "code_challenge" not in next(iter(server.issuer.codes.values()))


async def a_cookie_of_a_sign_in_under_way_as_one_that_is_done(harness: ServerHarness) -> bool:
    seal = Seal()
    session = {"user": "x y", "subject": "y", "facts": {"groups": []}, "scopes": ["po:approve"], "key": "k"}
    kept = seal.close("sign-in under way", session, seal.clock() + 60)
    return approver_sign_in.ApproverSignIn(None, seal).find(kept) is not None  # type: ignore[arg-type]


async def a_sign_in_without_end(harness: ServerHarness) -> bool:
    seal = Seal()
    return seal.open("signed in", seal.close("signed in", {}, seal.clock() - 1)) is not None


async def a_cookie_that_any_page_of_the_domain_can_plant(harness: ServerHarness) -> bool:
    async with serving_page(harness, public_url="https://po.example.com") as server, visiting(server, "bob") as bob:
        sent = await bob.http.get("/auth/login", headers={"host": "po.example.com"})
    return not sent.headers["set-cookie"].startswith("__Host-")


async def a_person_of_another_subject_for_each_client(harness: ServerHarness) -> bool:
    async with serving_page(harness) as server:
        server.issuer.metadata = {"subject_types_supported": ["pairwise"]}
        async with visiting(server, "bob") as bob:
            return (await bob.get("/")).status_code == 200


async def a_decision_of_nobody_on_the_page(harness: ServerHarness) -> bool:
    """Code of the page that forgets to name the person would decide as the operator."""
    async with serving_page(harness) as server:
        asked = await ask(server)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("po_mcp.approvals.page._Page._person", lambda self, request: approvers.THE_OPERATOR)
            await decide(server, "bob", asked)
    return harness.order(NUMBER) is None


# The controls, each taken away


def everybody_approves(patch: Patch) -> None:
    patch.setattr(ApproverRules, "is_approver", lambda self, person: True)


def nobody_has_asked(patch: Patch) -> None:
    patch.setattr(approvers, "has_requested", lambda person, operation: False)


def each_yes_counts(patch: Patch) -> None:
    patch.setattr(Consent, "judge", lambda self, agreement: None)
    patch.setattr(approvers, "has_agreed", lambda person, operation: False)


def one_is_always_enough(patch: Patch) -> None:
    patch.setattr(ApproverRules, "count_needed", lambda self, payload: 1)


def no_limits(patch: Patch) -> None:
    patch.setattr(ApproverRules, "_find_limit", lambda self, person, payload: "")


def every_form_counts(patch: Patch) -> None:
    patch.setattr(Desk, "may_decide", lambda self, approver, operation=None: True)
    patch.setattr(ApproverRules, "find_refusal", lambda self, person, operation: "")


def everybody_is_shown_everything(patch: Patch) -> None:
    patch.setattr(PendingApprovals, "may_see", lambda self, recorded, person: True)


def every_origin_is_ours(patch: Patch) -> None:
    patch.setattr(page_security, "_is_own", lambda scope, origin: True)


def every_host_is_ours(patch: Patch) -> None:
    refuse = PageSecurity._refusal

    def lenient(self: PageSecurity, scope: Any) -> Any:
        if any(value == b"evil.example" for _, value in scope["headers"]):
            return None
        return refuse(self, scope)

    patch.setattr(PageSecurity, "_refusal", lenient)


def a_token_of_any_sign_in(patch: Patch) -> None:
    patch.setattr(Visitor, "is_token", lambda self, given, operation_id: True)


def no_look_at_the_state(patch: Patch) -> None:
    patch.setattr(OpenIdClient, "_require_answer", lambda self, attempt, answer, metadata: None)


def anywhere_after_the_sign_in(patch: Patch) -> None:
    patch.setattr(approver_sign_in, "_next_path", re.compile(".*"))


def no_challenge(patch: Patch) -> None:
    def encode(asked: dict[str, str]) -> str:
        return urlencode({name: value for name, value in asked.items() if not name.startswith("code_")})

    patch.setattr(openid, "urlencode", encode)


def no_purpose(patch: Patch) -> None:
    patch.setattr(approver_sign_in, "_SESSION", approver_sign_in._ATTEMPT)


def no_end(patch: Patch) -> None:
    opened = Seal.open

    def lenient(self: Seal, purpose: str, text: str | None) -> Any:
        clock, self.clock = self.clock, lambda: 0.0
        try:
            return opened(self, purpose, text)
        finally:
            self.clock = clock

    patch.setattr(Seal, "open", lenient)


def a_cookie_without_its_prefix(patch: Patch) -> None:
    begin = PeopleOfPage.__init__
    patch.setattr(
        PeopleOfPage, "__init__", lambda self, sign_in, cookie, is_secure: begin(self, sign_in, cookie, is_secure=False)
    )


def any_subject_type(patch: Patch) -> None:
    read = IssuerKeys.read_metadata

    async def lenient(self: IssuerKeys) -> Any:
        return {**await read(self), "subject_types_supported": ["public"]}

    patch.setattr(IssuerKeys, "read_metadata", lenient)


def the_operator_decides_anywhere(patch: Patch) -> None:
    def build(found: PendingApprovals, *given: Any) -> Any:
        return create_app(replace(found, place="terminal"), *given)

    patch.setattr(http_transport, "create_app", build)


def no_look_at_the_algorithm(patch: Patch) -> None:
    patch.setattr("po_mcp.sign_in.tokens.ALGORITHMS", tokens.ALGORITHMS | {"none", "HS256"})
    believe: Any = {"verify_signature": False}
    patch.setattr(openid, "decode_claims", lambda token, *_, **__: jwt.decode(token, options=believe))


def any_claims(patch: Patch) -> None:
    patch.setattr(OpenIdClient, "_require_own", lambda self, claims, attempt: None)


def any_type_of_token(patch: Patch) -> None:
    patch.setattr(openid, "read_header", lambda token, types, most: tokens.read_header(token, {"jwt", "at+jwt"}, most))
    patch.setattr(openid, "_REQUIRED", ["iss"])
    any_claims(patch)
    decode_with(patch, verify_aud=False)


def anybodys_access_token(patch: Patch) -> None:
    read = OpenIdClient._read_scopes

    async def lenient(self: OpenIdClient, token: Any, subject: str) -> Any:
        claims = jwt.decode(token, options={"verify_signature": False})
        return await read(self, token, claims["sub"])

    patch.setattr(OpenIdClient, "_read_scopes", lenient)


def any_claims_of_anybody(patch: Patch) -> None:
    any_claims(patch)
    anybodys_access_token(patch)


MUTANTS: list[tuple[Callable[[Patch], None], Attack]] = [
    (everybody_approves, an_approval_by_somebody_who_may_not),
    (nobody_has_asked, an_approval_by_the_requester),
    (each_yes_counts, one_person_in_the_place_of_two),
    (one_is_always_enough, one_yes_in_the_place_of_two),
    (no_limits, more_than_ones_limit),
    (every_form_counts, the_requesters_own_form),
    (everybody_is_shown_everything, an_order_shown_to_somebody_who_may_not_approve),
    (everybody_is_shown_everything, a_list_of_what_others_asked_for),
    (every_origin_is_ours, a_form_of_another_site),
    (every_host_is_ours, a_form_at_a_name_that_was_rebound),
    (a_token_of_any_sign_in, a_form_of_another_person),
    (no_look_at_the_state, somebody_elses_account),
    (no_look_at_the_state, sign_in_with("another state")),
    (no_look_at_the_state, sign_in_with("another issuer in the answer")),
    (anywhere_after_the_sign_in, a_page_of_somebody_else_after_the_sign_in),
    (no_challenge, a_code_without_its_verifier),
    (no_purpose, a_cookie_of_a_sign_in_under_way_as_one_that_is_done),
    (no_end, a_sign_in_without_end),
    (a_cookie_without_its_prefix, a_cookie_that_any_page_of_the_domain_can_plant),
    (any_subject_type, a_person_of_another_subject_for_each_client),
    (the_operator_decides_anywhere, a_decision_of_nobody_on_the_page),
    (no_signature, sign_in_with("another key")),
    (no_look_at_the_algorithm, sign_in_with("alg none")),
    (no_look_at_the_algorithm, sign_in_with("HS256 with the public key")),
    (any_audience, sign_in_with("another audience")),
    (any_issuer, sign_in_with("another issuer")),
    (no_expiry, sign_in_with("expired")),
    (any_claims, sign_in_with("another nonce")),
    (any_claims, sign_in_with("another authorized party")),
    (any_claims, sign_in_with("several audiences and no party")),
    (any_claims_of_anybody, sign_in_with("an invisible subject")),
    (any_type_of_token, sign_in_with("an access token in its place")),
    (anybodys_access_token, sign_in_with("an access token of somebody else")),
]


@pytest.mark.parametrize(("mutant", "attack"), MUTANTS, ids=lambda value: value.__name__)
async def test_an_attack_succeeds_only_without_its_control(
    tmp_path: Path, mutant: Callable[[Patch], None], attack: Attack
) -> None:
    intact = await attack(_harness(tmp_path / "intact"))
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        mutated = await attack(_harness(tmp_path / "mutated"))

    assert (intact, mutated) == (False, True)


def _harness(folder: Path) -> ServerHarness:
    folder.mkdir()
    return ServerHarness(folder / "book.db")


async def test_an_approval_is_checked_again_where_it_is_recorded(tmp_path: Path) -> None:
    """It is refused even where the check before it lets everybody decide."""

    async def attack(harness: ServerHarness) -> bool:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(PendingApprovals, "why_not_by", lambda self, recorded, decision, person: "")
            return await _is_deleted_by(harness, "bob", asks="bob")

    intact = await attack(_harness(tmp_path / "intact"))
    with pytest.MonkeyPatch.context() as patch:
        record: Any = recording.record_approval
        patch.setattr(pending, "record_approval", lambda *given: record(*given[:-1], _Lenient(given[-1])))
        mutated = await attack(_harness(tmp_path / "mutated"))

    assert (intact, mutated) == (False, True)


class _Lenient(ApproverRules):
    """Rules that refuse nobody."""

    def __init__(self, rules: ApproverRules) -> None:
        super().__init__(rules.approvers, rules.may_approve_own, rules.second_over, rules.limits)

    def find_refusal(self, person: Any, operation: Any) -> str:
        return ""
