"""The page of a server with sign-in: who may approve there, what the audit log says, and what does not count."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import jwt
import pytest

from po_mcp.sign_in import sealing
from po_mcp.transports.uvicorn_server import listen
from tests.harness import ScriptedPerson, ServerHarness, outcome, yes
from tests.sign_in.approving import (
    CLIENT,
    DELETE,
    FINALIZE,
    NUMBER,
    ask,
    decide,
    fetch_state,
    path_of,
    serving_page,
    visiting,
)
from tests.sign_in.issuer import EVERYTHING, TeamServer, issuing, public_pem, rsa_key, serving_for
from tests.sign_in.test_people import connect
from tests.sign_in.wrong_tokens import forge

LOW = {"": "0.05"}
"""The order has a total of 0.12."""


def read_events(harness: ServerHarness) -> list[tuple[str, dict[str, Any]]]:
    """Return the audit log's events of operations: (event, detail), in order."""
    with closing(sqlite3.connect(harness.journal)) as journal:
        rows = journal.execute("SELECT event, detail FROM audit_log WHERE operation_id != '' ORDER BY place")
        return [(event, json.loads(detail)) for event, detail in rows]


# Who decides


async def test_another_person_approves_and_both_stand_in_outcome_and_audit_log(harness: ServerHarness) -> None:
    async with serving_page(harness) as server:
        asked = await ask(server)
        status = await decide(server, "bob", asked)
        shown = await fetch_state(server, "alice", asked)

    issuer = server.issuer.url
    assert asked["status"] == "approval_required"
    assert "An approver decides by" in asked["message"]
    assert "Requested by Alice Adams." in asked["message"]
    assert asked["next_step"].startswith("Give the user the link for an approver, and wait.")
    assert (status, shown["status"], harness.order(NUMBER)) == (303, "done", None)
    assert shown["message"].endswith("was deleted. Requested by Alice Adams, approved by Bob Brown.")
    record = dict(read_events(harness))
    assert (record["PROPOSED"]["user"], record["PROPOSED"]["name"]) == (f"{issuer} alice", "Alice Adams")
    approved = {name: record["APPROVED"][name] for name in ("by", "name", "through")}
    assert approved == {"by": f"{issuer} bob", "name": "Bob Brown", "through": "page"}


async def test_the_requester_is_shown_the_order_and_may_only_end_it(harness: ServerHarness) -> None:
    async with serving_page(harness) as server:
        asked = await ask(server, "bob")
        async with visiting(server, "bob") as bob:
            page = await bob.get(path_of(asked))
            refused = await bob.send(path_of(asked))
            ended = await bob.send(path_of(asked), "reject")
        shown = await fetch_state(server, "bob", asked)

    assert page.status_code == 200
    assert "You requested this, so another person must approve it." in page.text
    assert 'value="approve"' not in page.text
    assert (refused.status_code, ended.status_code) == (403, 303)
    assert "declined by" not in shown["message"]
    assert shown["message"].startswith(f"SANDBOX: Declined by Bob Brown. Order {NUMBER} was not deleted.")
    assert harness.order(NUMBER) is not None


async def test_a_requester_who_may_approve_alone_does_so_on_the_page_and_by_form(
    harness: ServerHarness,
) -> None:
    async with serving_page(harness, self_approval=True) as server:
        asked = await ask(server, "bob")
        status = await decide(server, "bob", asked)
        person = ScriptedPerson(yes)
        async with connect(server, server.token("bob", EVERYTHING, name="Bob Brown"), person=person) as client:
            done = outcome(await client.call_tool(FINALIZE, {"number": "PO-2025-0037"}))

    assert (status, len(person.asked), done["status"]) == (303, 1, "done")
    assert done["message"].endswith("Requested and approved by Bob Brown.")


@pytest.mark.parametrize("settings", [{}, {"self_approval": True, "second_approver_over": LOW}], ids=["not own", "two"])
async def test_the_requesters_own_form_does_not_count_where_they_may_not_approve_alone(
    harness: ServerHarness, settings: dict[str, Any]
) -> None:
    person = ScriptedPerson(yes)
    async with (
        serving_page(harness, **settings) as server,
        connect(server, server.token("bob", EVERYTHING), person=person) as client,
    ):
        asked = outcome(await client.call_tool(DELETE, {"number": NUMBER}))

    assert (asked["status"], person.asked, harness.order(NUMBER) is None) == ("approval_required", [], False)


async def test_two_people_approve_above_the_amount(harness: ServerHarness) -> None:
    async with serving_page(harness, second_approver_over=LOW) as server:
        asked = await ask(server)
        first = await decide(server, "bob", asked)
        between = await fetch_state(server, "alice", asked)
        again = await decide(server, "bob", asked)
        async with visiting(server, "carol") as carol:
            page = await carol.get(path_of(asked))
            second = await carol.send(path_of(asked))
        shown = await fetch_state(server, "alice", asked)

    assert "Two approvers must say yes by" in asked["message"]
    assert (first, again, second.status_code) == (303, 403, 303)
    assert between["status"] == "approval_required"
    assert "approved by Bob Brown; another person must approve it, too." in between["message"]
    assert "Approved by <bdi" in page.text
    assert "Another person must approve it, too." in page.text
    assert (shown["status"], harness.order(NUMBER)) == ("done", None)
    assert shown["message"].endswith("Requested by Alice Adams, approved by Bob Brown and Carol Clark.")
    assert [event for event, _ in read_events(harness)] == ["PROPOSED", "approved by one", "APPROVED", "SENT", "DONE"]


async def test_an_order_that_changed_after_the_first_of_two_yeses_is_not_sent(harness: ServerHarness) -> None:
    async with serving_page(harness, second_approver_over=LOW) as server:
        asked = await ask(server)
        await decide(server, "bob", asked)
        harness.change(lambda book: book.revise(NUMBER, note="Deliver on Friday"))
        await decide(server, "carol", asked)
        shown = await fetch_state(server, "alice", asked)
        second = await ask(server)

    assert shown["status"] == "stale"
    assert "changed after it was approved, so nothing was done." in shown["message"]
    assert harness.order(NUMBER) is not None
    assert (second["operation_id"] != asked["operation_id"], second["status"]) == (True, "approval_required")
    assert "Bob" not in second["message"]


async def test_two_approvers_must_choose_the_same(harness: ServerHarness) -> None:
    number = "PO-2025-0037"
    async with serving_page(harness, second_approver_over=LOW) as server:
        asked = await ask(server, tool=FINALIZE, number=number)
        await decide(server, "bob", asked, create_backorder="yes")
        async with visiting(server, "carol") as carol:
            other = await carol.send(path_of(asked), create_backorder="no")
            same = await carol.send(path_of(asked), create_backorder="yes")
        shown = await fetch_state(server, "alice", asked)

    assert (other.status_code, same.status_code) == (409, 303)
    assert "Another person approved it with another choice. Nothing was changed." in other.text
    assert (shown["status"], "backorder_number" in shown) == ("done", True)


async def test_only_a_large_new_order_needs_two_approvers(harness: ServerHarness) -> None:
    line = {"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "MAIN"}
    async with serving_page(harness, second_approver_over={"": "0.65"}) as server:
        async with connect(server, server.token("alice", "po:read po:write")) as client:
            asked = outcome(
                await client.call_tool("create_purchase_order", {"vendor": "Acme Fasteners", "lines": [line]})
            )
            small = outcome(
                await client.call_tool(
                    "create_purchase_order", {"vendor": "Acme Fasteners", "lines": [{**line, "quantity": "2"}]}
                )
            )
        await decide(server, "bob", asked)
        await decide(server, "carol", asked)
        shown = await fetch_state(server, "alice", asked)

    assert (asked["status"], small["status"], shown["status"]) == ("approval_required", "done", "done")
    assert "Two people must approve it." in asked["message"]


async def test_an_approver_whose_limit_is_too_low_is_refused_and_another_one_approves(harness: ServerHarness) -> None:
    limits = {"bob": "0.11", "carol": "unlimited"}
    async with serving_page(harness, approver_limits=limits) as server:
        asked = await ask(server)
        async with visiting(server, "bob") as bob:
            page = await bob.get(path_of(asked))
            refused = await bob.send(path_of(asked))
        approved = await decide(server, "carol", asked)

    assert "Its total is 0.12, and your limit does not cover it. Another person must approve it." in page.text
    assert (refused.status_code, approved) == (403, 303)


@pytest.mark.parametrize("entry", ["group:leads", "bob", "scope:po:approve"])
async def test_approvers_are_chosen_by_group_name_or_scope(harness: ServerHarness, entry: str) -> None:
    async with serving_page(harness, approvers=entry) as server:
        asked = await ask(server)
        alice = await decide(server, "alice", asked)
        bob = await decide(server, "bob", asked)
        resources = {form.get("resource") for form in server.issuer.redeemed}

    assert (alice, bob) == (403, 303)
    # A token for MCP is asked for only where scopes choose the approvers.
    assert resources == ({server.url} if entry.startswith("scope:") else {None})


async def test_a_person_who_is_no_approver_sees_no_requests_of_others(harness: ServerHarness) -> None:
    async with serving_page(harness) as server:
        asked = await ask(server, "bob")
        async with visiting(server, "alice") as alice:
            pages = [await alice.get(path_of(asked)), await alice.get(f"/approve/{'0' * 32}")]
            listed = await alice.get("/")
        async with visiting(server, "carol") as carol:
            hers = await carol.get("/")
            unknown = await carol.get(f"/approve/{'0' * 32}")

    assert [page.status_code for page in pages] == [403, 403]
    assert pages[0].text == pages[1].text
    assert "Alice Adams, you may not approve orders here." in pages[0].text
    assert (NUMBER in listed.text, NUMBER in hers.text, unknown.status_code) == (False, True, 404)


async def test_a_right_that_was_taken_away_ends_with_the_sign_in(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = 0
    monkeypatch.setattr(sealing, "Seal", partial(sealing.Seal, clock=lambda: time.time() + later))
    async with serving_page(harness) as server:
        asked = await ask(server)
        server.issuer.access_claims = {"exp": int(time.time()) + 100}
        async with visiting(server, "bob") as bob:
            before = await bob.get(path_of(asked))
            server.issuer.people["bob"]["scope"] = "po:read po:write"
            server.issuer.access_claims = {}
            later = 101  # the access token is over
            late = await bob.http.post(path_of(asked), data={}, headers={"origin": server.origin})
            after = await bob.send(path_of(asked))

    assert 'value="approve"' in before.text
    assert (late.status_code, "Your sign-in is over. Nothing was changed." in late.text) == (401, True)
    assert after.status_code == 403
    assert harness.order(NUMBER) is not None


async def test_the_operator_at_a_terminal_counts_as_one_of_two_approvers(harness: ServerHarness) -> None:
    from po_mcp.approvals.pending import PendingApprovals
    from po_mcp.bootstrap import build_approvals
    from po_mcp.config import Settings

    async with serving_page(harness, second_approver_over=LOW) as server:
        asked = await ask(server)
        settings = {
            "sandbox": str(harness.book),
            "journal": str(harness.journal),
            "issuer": server.issuer.url,
            "public_url": server.origin,
        }
        built = build_approvals(Settings.model_validate(settings))
        terminal = PendingApprovals(built.journal, built.executor, place="terminal", rules=built.rules)
        said = []
        for _ in range(2):
            recorded = await terminal.find(asked["operation_id"])
            assert recorded is not None
            decided = await terminal.decide(recorded, "approve", {"order_number": NUMBER}, "", {"through": "terminal"})
            said.append(decided.verdict)
        built.journal.close()
        await built.executor.erp.aclose()
        await decide(server, "bob", asked)
        shown = await fetch_state(server, "alice", asked)

    assert said == ["first", "not_allowed"]
    assert shown["message"].endswith("Requested by Alice Adams, approved by the server's operator and Bob Brown.")


async def test_an_assistant_over_stdin_has_neither_form_nor_page_of_its_own_where_people_sign_in(
    harness: ServerHarness,
) -> None:
    """It asks as the server's operator, and so another person approves, on the page of the server."""
    person = ScriptedPerson(yes)
    issuer: dict[str, Any] = {"issuer": "https://login.example.com", "public_url": "https://po.example.com"}
    async with harness.client(person=person, **issuer) as client:
        asked = outcome(await client.call_tool(DELETE, {"number": NUMBER}))

    assert (asked["status"], person.asked, "approve_at" in asked) == ("approval_required", [], False)


# What a sign-in must bring


async def test_a_sign_in_uses_a_code_with_pkce_state_and_nonce_and_the_secret_of_the_page(
    harness: ServerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving_page(harness) as server:
        asked = await ask(server)
        async with visiting(server, "bob") as bob:
            answer = await bob.begin(path_of(asked))
            [sent] = server.issuer.codes.values()
            back = await bob.http.get(answer.headers["location"])
            again = await bob.http.get(answer.headers["location"])
        [redeemed] = server.issuer.redeemed

    assert (sent["client_id"], sent["code_challenge_method"], sent["resource"]) == ("page", "S256", server.url)
    assert sent["scope"] == "openid profile po:approve"
    assert min(len(sent["state"]), len(sent["nonce"]), len(redeemed["code_verifier"])) >= 32
    assert (back.status_code, back.headers["location"]) == (303, path_of(asked))
    assert again.status_code == 403
    for secret in (redeemed["code"], redeemed["code_verifier"], sent["state"], "page-secret"):
        assert secret not in "\n".join(line for line in caplog.text.splitlines() if "httpx2" not in line)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/approve/../x",
        "javascript:alert(1)",
        "/auth/login",
    ],
)
async def test_a_sign_in_leads_nowhere_but_to_the_page(harness: ServerHarness, wanted: str) -> None:
    async with serving_page(harness) as server, visiting(server, "bob") as bob:
        answer = await bob.begin(wanted)
        back = await bob.http.get(answer.headers["location"])

    assert (back.status_code, back.headers["location"]) == (303, "/")


def _change_answer(**changes: Any) -> Callable[[Any], None]:
    """Return what changes the parameters of an issuer's answer; None leaves one out."""

    def change(issuer: Any) -> None:
        issuer.change_answer = lambda answer: {
            name: value for name, value in {**answer, **changes}.items() if value is not None
        }

    return change


def _change_id_claims(**changes: Any) -> Callable[[Any], None]:
    """Return what changes the claims of an issuer's ID tokens; None leaves one out."""

    def change(issuer: Any) -> None:
        issuer.id_claims = changes

    return change


def _sign_id_token_by(sign: Callable[[Any, dict[str, Any]], str]) -> Callable[[Any], None]:
    """Return what has an issuer sign its ID tokens in another way."""

    def change(issuer: Any) -> None:
        issuer.sign_id_token = lambda claims: sign(issuer, claims)

    return change


def _change_access_claims(**changes: Any) -> Callable[[Any], None]:
    """Return what changes the claims of an issuer's access tokens."""

    def change(issuer: Any) -> None:
        issuer.access_claims = changes

    return change


WRONG_SIGN_INS: dict[str, Callable[[Any], None]] = {
    "another state": _change_answer(state="another"),
    "no state": _change_answer(state=None),
    "another issuer in the answer": _change_answer(iss="https://evil.example"),
    "no issuer in the answer": _change_answer(iss=None),
    "an error": _change_answer(error="access_denied"),
    "no code": _change_answer(code=None),
    "an invented code": _change_answer(code="invented"),
    "another nonce": _change_id_claims(nonce="another"),
    "no nonce": _change_id_claims(nonce=None),
    "a nonce that is no text": _change_id_claims(nonce=7),
    "another audience": _change_id_claims(aud="another-client"),
    "the audience of MCP": _change_id_claims(aud="https://po.example.com/mcp"),
    "several audiences and no party": _change_id_claims(aud=["page", "another"]),
    "another authorized party": _change_id_claims(azp="another"),
    "another issuer": _change_id_claims(iss="https://evil.example"),
    "expired": _change_id_claims(exp=int(time.time()) - 60),
    "no expiry": _change_id_claims(exp=None),
    "no subject": _change_id_claims(sub=None),
    "an invisible subject": _change_id_claims(sub="bob\u202e"),
    "alg none": _sign_id_token_by(lambda issuer, claims: forge({"alg": "none", "kid": "k1"}, claims, None)),
    "HS256 with the public key": _sign_id_token_by(
        lambda issuer, claims: forge({"alg": "HS256", "kid": "k1"}, claims, public_pem(rsa_key("k1")))
    ),
    "HS256 with the secret of the page": _sign_id_token_by(
        lambda issuer, claims: jwt.encode(claims, "page-secret" * 4, "HS256", headers={"kid": "k1"})
    ),
    "another key": _sign_id_token_by(
        lambda issuer, claims: issuer.sign(claims, rsa_key("another"), header={"typ": "JWT"})
    ),
    "an access token in its place": _sign_id_token_by(lambda issuer, claims: issuer.sign(claims)),
    "garbage": _sign_id_token_by(lambda issuer, claims: "x.y.z"),
    "an access token of somebody else": _change_access_claims(sub="carol"),
    "an access token for another server": _change_access_claims(aud="https://another.example/mcp"),
}
"""Changes of an issuer's answers, each of which must keep a sign-in from succeeding."""


@pytest.mark.parametrize("kind", WRONG_SIGN_INS)
async def test_a_sign_in_with_anything_wrong_about_it_signs_nobody_in(harness: ServerHarness, kind: str) -> None:
    async with serving_page(harness) as server:
        asked = await ask(server)
        WRONG_SIGN_INS[kind](server.issuer)
        async with visiting(server, "bob") as bob:
            refused = await bob.get(path_of(asked))
            server.issuer.is_away = True  # nobody can be signed in any more: what is kept decides
            after = await bob.http.get(path_of(asked))

    assert (refused.status_code, "Not signed in" in refused.text) == (403, True)
    assert NUMBER not in refused.text
    assert (after.status_code, after.headers["location"].partition("?")[0]) == (303, "/auth/login")


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"issuer": "https://evil.example"}, "cannot be reached"),
        ({"subject_types_supported": ["pairwise"]}, "gives a person another subject for each client"),
        ({"token_endpoint": "http://evil.example/token"}, "cannot be reached"),
        ({"authorization_endpoint": None}, "cannot be reached"),
    ],
)
async def test_an_issuer_with_unusable_metadata_signs_nobody_in(
    harness: ServerHarness, metadata: dict[str, Any], said: str
) -> None:
    async with serving_page(harness) as server:
        asked = await ask(server)
        server.issuer.metadata = metadata
        async with visiting(server, "bob") as bob:
            refused = await bob.get(path_of(asked))

    assert (refused.status_code, said in refused.text) == (403, True)


# What does not count as a decision


async def test_a_form_counts_once_from_this_page_in_this_sign_in(harness: ServerHarness) -> None:
    async with serving_page(harness) as server:
        asked = await ask(server)
        place = path_of(asked)
        async with visiting(server, "bob") as bob, visiting(server, "carol") as carol:
            statuses = {
                "of another site": (await bob.send(place, headers={"origin": "https://evil.example"})).status_code,
                "of no origin": (await bob.send(place, headers={})).status_code,
                "called foreign": (
                    await bob.send(place, headers={"origin": server.origin, "sec-fetch-site": "cross-site"})
                ).status_code,
                "at another host": (
                    await bob.send(place, headers={"origin": "http://evil.example", "host": "evil.example"})
                ).status_code,
            }
            hers = await carol.get(place)
            token = hers.text.partition('name="token" value="')[2].partition('"')[0]
            fields = {"token": token, "decision": "approve", "order_number": NUMBER}
            own = {"origin": server.origin}
            statuses["of another person"] = (await bob.http.post(place, data=fields, headers=own)).status_code
            await bob.get(place)
            old = await carol.get("/auth/login?next=/")
            statuses["of an earlier sign-in"] = (await carol.http.post(place, data=fields, headers=own)).status_code
            before = harness.order(NUMBER)
            first = await bob.send(place)
            statuses["sent again"] = (
                await bob.http.post(place, content=first.request.content, headers=dict(first.request.headers))
            ).status_code

    assert statuses == {
        "of another site": 403,
        "of no origin": 403,
        "called foreign": 403,
        "at another host": 421,
        "of another person": 403,
        "of an earlier sign-in": 403,
        "sent again": 409,
    }
    assert (before is not None, old.status_code, first.status_code) == (True, 200, 303)
    assert [event for event, _ in read_events(harness)].count("APPROVED") == 1


async def test_a_cookie_that_was_planted_or_changed_signs_nobody_in(harness: ServerHarness) -> None:
    """Neither what an attacker's own sign-in under way left, nor a letter changed, nor somebody else's cookie name."""
    async with serving_page(harness) as server:
        asked = await ask(server)
        async with visiting(server, "bob") as bob:
            await bob.begin()
            [(name, under_way)] = [(one.name, one.value) for one in bob.http.cookies.jar]
            await bob.get("/")
            [session] = [one for one in bob.http.cookies.jar if one.name.endswith("_person")]
            assert session.value
            planted = {
                "of a sign-in under way": under_way,
                "with a letter changed": session.value[:-6]
                + ("A" if session.value[-6] != "A" else "B")
                + session.value[-5:],
                "cut": session.value[:40],
                "empty": "",
                "not ASCII": "bób",
                "long": "A" * 5000,
            }
        answers = {}
        for kind, value in planted.items():
            async with visiting(server, "bob") as other:
                cookie = f"{session.name}={value}".encode()
                answers[kind] = (await other.http.get(path_of(asked), headers=[(b"cookie", cookie)])).status_code

    assert name.endswith("_sign_in")
    assert answers == dict.fromkeys(planted, 303)


async def test_an_answer_of_the_issuer_counts_in_the_browser_that_asked_for_it_alone(harness: ServerHarness) -> None:
    """An attacker's own code, slipped under somebody else, would make them decide in the attacker's name."""
    async with serving_page(harness) as server, visiting(server, "bob") as mallory, visiting(server, "carol") as victim:
        answer = await mallory.begin()
        without = await victim.http.get(answer.headers["location"])
        await victim.begin()
        beside = await victim.http.get(answer.headers["location"])

    assert [one.status_code for one in (without, beside)] == [403, 403]
    assert not [one for one in victim.http.cookies.jar if one.name.endswith("_person")]


OLD, NEW = "0123456789abcdef" * 4, "fedcba9876543210" * 4


@pytest.mark.parametrize(("keys", "status"), [(OLD, 303), (f"{NEW},{OLD}", 303), (NEW, 401)])
async def test_a_sign_in_and_its_form_outlive_a_restart_with_the_same_keys_alone(
    harness: ServerHarness, keys: str, status: int
) -> None:
    with listen("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
    async with issuing() as issuer, visiting(TeamServer(f"http://127.0.0.1:{port}", issuer), "bob") as bob:
        given = {**harness.files, **CLIENT, "port": port, "keys": OLD}
        async with serving_for(issuer, **given) as server:
            asked = await ask(server)
            page = await bob.get(path_of(asked))
        token = page.text.partition('name="token" value="')[2].partition('"')[0]
        async with serving_for(issuer, **{**given, "keys": keys}) as server:
            fields = {"token": token, "decision": "approve", "order_number": NUMBER}
            answer = await bob.http.post(path_of(asked), data=fields, headers={"origin": server.origin})

    assert (answer.status_code, harness.order(NUMBER) is None) == (status, status == 303)


async def test_a_browser_is_signed_out_by_the_page_alone(harness: ServerHarness) -> None:
    async with serving_page(harness) as server:
        asked = await ask(server)
        async with visiting(server, "bob") as bob:
            await bob.get(path_of(asked))
            foreign = await bob.http.post("/auth/logout", headers={"origin": "https://evil.example"})
            still = await bob.http.get(path_of(asked))
            out = await bob.http.post("/auth/logout", headers={"origin": server.origin})
            after = await bob.http.get(path_of(asked))

    assert (foreign.status_code, still.status_code) == (403, 200)
    assert (out.status_code, "You are signed out of this page" in out.text) == (200, True)
    assert after.status_code == 303


async def test_the_page_answers_at_its_public_address_alone(harness: ServerHarness) -> None:
    async with serving_page(harness, public_url="https://po.example.com") as server, visiting(server, "bob") as bob:
        inside = await bob.http.get("/approve")
        outside = await bob.http.get("/approve", headers={"host": "po.example.com"})
        sent = await bob.http.get("/auth/login", headers={"host": "po.example.com"})

    assert (inside.status_code, outside.status_code) == (421, 303)
    assert "redirect_uri=https%3A%2F%2Fpo.example.com%2Fauth%2Fcallback" in sent.headers["location"]
    cookie = sent.headers["set-cookie"]
    assert cookie.startswith("__Host-po_mcp_")
    for part in ("HttpOnly", "Path=/", "SameSite=lax", "Secure"):
        assert part in cookie
    assert "Domain" not in cookie


async def test_hundreds_of_groups_fit_into_the_cookie(harness: ServerHarness) -> None:
    async with serving_page(harness, approvers="group:leads") as server:
        asked = await ask(server)
        server.issuer.people["bob"]["groups"] = [f"group {number}" for number in range(500)] + ["leads"]
        assert await decide(server, "bob", asked) == 303


async def test_a_sign_in_ends_after_a_quarter_of_an_hour(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    later_s = 0
    monkeypatch.setattr(sealing, "Seal", partial(sealing.Seal, clock=lambda: time.time() + later_s))
    async with serving_page(harness) as server:
        asked = await ask(server)
        server.issuer.id_claims = server.issuer.access_claims = {"exp": int(time.time()) + 24 * 3600}
        async with visiting(server, "bob") as bob:
            await bob.get(path_of(asked))
            later_s = 800
            before = await bob.http.get(path_of(asked))
            later_s = 901
            after = await bob.http.get(path_of(asked))

    assert before.status_code == 200
    assert (after.status_code, after.headers["location"].partition("?")[0]) == (303, "/auth/login")
