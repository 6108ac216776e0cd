"""Each person uses the ERP as themselves: what they ask for is read and written with their credentials and no other."""

from __future__ import annotations

import html
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, MCPError
from mcp.types import PromptReference, ResourceTemplateReference

from po_mcp.bootstrap import build_server, connect_erp
from po_mcp.commands.approve import _pending
from po_mcp.commands.doctor import _rights
from po_mcp.config import Settings
from po_mcp.connectors.personal.giving import TRIES_PER_MINUTE
from po_mcp.writes.forms import approval_content
from po_mcp.writes.journal import Journal, JournalStore
from tests.harness import ERAS, ScriptedPerson, outcome, text, yes
from tests.sign_in.approving import decide, fetch_state, path_of, visiting
from tests.sign_in.erp_of_people import (
    ALICE,
    BOB,
    ORDER,
    SECRETS,
    SERVICE,
    Deployment,
    deployment,
    fill_in,
    give_credentials,
    personal_server,
    remove_credentials,
)
from tests.sign_in.issuer import EVERYTHING, TeamServer
from tests.sign_in.test_people import connect

FINALIZE, CREATE = "finalize_purchase_order", "create_purchase_order"
NUMBER, OTHER = "PO-2025-0037", "PO-2025-0038"
"""Orders with something outstanding."""
LINE = {"item": "BOLT-M8-30", "quantity": "10", "unit_price": "0.45", "warehouse": "1"}
ALL_READS: dict[str, dict[str, Any]] = {
    "list_purchase_orders": {},
    "get_purchase_order": {"number": NUMBER},
    "search_catalog": {"kind": "vendor"},
    FINALIZE: {"number": NUMBER},
    CREATE: {"vendor": "Acme Fasteners", "lines": [LINE]},
}


@asynccontextmanager
async def serving_people(folder: Path, *people: str, **settings: Any) -> AsyncIterator[tuple[Deployment, TeamServer]]:
    """Run a server for an ERP with users, once these people have given their credentials.

    Yields the ERP, in which nothing is noted of that, and the server.
    """
    async with deployment(folder) as place, personal_server(place, **settings) as server:
        for who in people:
            assert await give_credentials(server, who, {"alice": ALICE, "bob": BOB}[who]) == 303
        place.erp.sent.clear()
        yield place, server


async def call(server: TeamServer, who: str, tool: str, **arguments: Any) -> Any:
    """Call a tool as a person; return the result."""
    token = server.token(who, "po:read po:write", name={"alice": "Alice Adams", "bob": "Bob Brown"}[who])
    async with connect(server, token) as client:
        return await client.call_tool(tool, arguments)


async def ask(server: TeamServer, who: str = "alice", number: str = NUMBER, **more: Any) -> dict[str, Any]:
    """Let a person's assistant ask to finalize an order; return the outcome."""
    return dict(outcome(await call(server, who, FINALIZE, number=number, **more)))


async def approve(server: TeamServer, asked: dict[str, Any], who: str = "bob", decision: str = "approve") -> int:
    """Let a person decide on the page, without a backorder; return the status of the answer."""
    return await decide(server, who, asked, decision, create_backorder="no")


# Whose credentials are used


@pytest.mark.parametrize("tool", ALL_READS)
async def test_a_person_without_credentials_is_sent_to_the_page_and_nothing_is_sent(tmp_path: Path, tool: str) -> None:
    async with serving_people(tmp_path, "bob") as (place, server):
        result = await call(server, "alice", tool, **ALL_READS[tool])

    assert text(result) == (
        "Your own credentials for Inventory Pro are missing. Nothing was sent. "
        f"Open {server.origin}/credentials, sign in and enter them; then ask again."
    )
    assert result.is_error
    assert place.erp.sent == []


async def test_resources_and_operations_need_credentials_only_where_the_erp_is_read(
    tmp_path: Path,
) -> None:
    async with serving_people(tmp_path) as (place, server), connect(server, server.token()) as client:
        with pytest.raises(MCPError, match="Your own credentials for Inventory Pro are missing"):
            await client.read_resource("po://orders/open")
        about = (await client.read_resource("po://connection")).contents[0]
        waiting = outcome(await client.call_tool("get_operation", {}))

    assert "Inventory Pro" in about.text  # type: ignore[union-attr]
    assert waiting["operations"] == []
    assert place.erp.sent == []


async def test_each_person_reads_and_writes_with_their_own_credentials_and_never_the_approvers(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice", "bob") as (place, server):
        asked = await ask(server)
        assert place.erp.users() == {ALICE}
        status = await approve(server, asked)
        done = await fetch_state(server, "alice", asked)
        assert place.erp.users() == {ALICE}
        await call(server, "bob", "get_purchase_order", number=OTHER)

    assert (status, done["status"]) == (303, "done")
    assert done["message"].endswith("Requested by Alice Adams, approved by Bob Brown.")
    assert place.erp.writes == [(ALICE, f"{ORDER}/Finalize")]
    assert place.erp.users() == {ALICE, BOB}


@pytest.mark.parametrize("era", ERAS)
async def test_a_write_approved_in_the_requesters_form_is_made_as_the_requester(tmp_path: Path, era: str) -> None:
    person = ScriptedPerson(yes)
    async with serving_people(tmp_path, "alice", "bob", self_approval=True) as (place, server):
        token = server.token("bob", EVERYTHING, name="Bob Brown")
        async with connect(server, token, era, person) as client:
            done = outcome(await client.call_tool(FINALIZE, {"number": NUMBER}))

    assert (done["status"], len(person.asked)) == ("done", 1)
    assert (place.erp.writes, place.erp.users()) == ([(BOB, f"{ORDER}/Finalize")], {BOB})


async def test_an_approver_needs_no_credentials(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice") as (place, server):
        asked = await ask(server)
        await approve(server, asked)
        done = await fetch_state(server, "alice", asked)

    assert (done["status"], place.erp.writes) == ("done", [(ALICE, f"{ORDER}/Finalize")])


async def test_a_new_order_is_created_as_its_requester(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice") as (place, server):
        made = outcome(await call(server, "alice", CREATE, number="NEW-1", **ALL_READS[CREATE]))
        assert place.book.order("NEW-1") is not None

    assert made["status"] == "done"
    assert place.erp.writes == [(ALICE, ORDER)]


async def test_two_people_on_one_order_make_one_write(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice", "bob", approvers="alice,bob") as (place, server):
        first = await ask(server)
        second = await ask(server, "bob")
        statuses = [await approve(server, first), await approve(server, second, "alice")]
        third = await call(server, "alice", FINALIZE, number=NUMBER)
        ends = [await fetch_state(server, "alice", first), await fetch_state(server, "bob", second)]

    assert [one["status"] for one in ends] == ["stale", "done"]
    assert statuses == [403, 303]
    assert place.erp.writes == [(BOB, f"{ORDER}/Finalize")]
    assert text(third).startswith(f"refused: Order {NUMBER} is already closed. Nothing was changed.")
    with closing(sqlite3.connect(place.journal)) as journal:
        assert journal.execute("SELECT COUNT(DISTINCT connection) FROM write_operations").fetchone()[0] == 1


async def test_an_approved_write_blocks_another_persons_write_to_its_order(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice", "bob") as (place, server):
        asked = await ask(server)
        await remove_credentials(server, "alice")
        await approve(server, asked)
        refused = await call(server, "bob", FINALIZE, number=NUMBER)

    assert refused.is_error
    assert "approved" in text(refused)
    assert place.erp.writes == []


@pytest.mark.parametrize("is_left", [True, False], ids=["who made it is here", "who made it has left"])
async def test_a_double_of_an_order_that_the_requester_cannot_see_needs_approval(tmp_path: Path, is_left: bool) -> None:
    async with serving_people(tmp_path, "alice", "bob") as (place, server):
        place.erp.hides_orders = {BOB}
        await call(server, "alice", CREATE, number="NEW-1", **ALL_READS[CREATE])
        if not is_left:
            await remove_credentials(server, "alice")
        second = outcome(await call(server, "bob", CREATE, number="NEW-2", **ALL_READS[CREATE]))

    assert second["status"] == "approval_required"
    assert "NEW-1" in second["message"]
    assert place.erp.writes == [(ALICE, ORDER)]


@pytest.mark.parametrize("era", ERAS)
async def test_people_connected_at_once_are_never_confused(tmp_path: Path, era: str) -> None:
    async with serving_people(tmp_path, "alice", "bob") as (place, server):
        tokens = [server.token(who, "po:read po:write") for who in ("alice", "bob", "carol")]
        async with (
            connect(server, tokens[0], era) as alice,
            connect(server, tokens[1], era) as bob,
            connect(server, tokens[2], era) as carol,
        ):
            for _ in range(3):
                place.erp.sent.clear()
                async with anyio.create_task_group() as tasks:
                    for client, number in ((alice, "PO-2025-0041"), (bob, "PO-2025-0042"), (carol, "PO-2025-0040")):
                        tasks.start_soon(client.call_tool, "get_purchase_order", {"number": number})
                read = {(user, path) for user, _, path in place.erp.sent if path.startswith(ORDER)}
                assert read == {(ALICE, f"{ORDER}/PO-2025-0041"), (BOB, f"{ORDER}/PO-2025-0042")}


async def test_a_double_of_an_order_that_its_creator_no_longer_sees_needs_approval(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice") as (place, server):
        await call(server, "alice", CREATE, number="NEW-1", **ALL_READS[CREATE])
        place.erp.hides_orders = {ALICE}
        second = outcome(await call(server, "alice", CREATE, number="NEW-2", **ALL_READS[CREATE]))

    assert second["status"] == "approval_required"
    assert "NEW-1" in second["message"]
    assert place.erp.writes == [(ALICE, ORDER)]


# Between the question and the yes


async def test_credentials_removed_between_question_and_yes_send_nothing_and_the_yes_stays(
    tmp_path: Path,
) -> None:
    async with serving_people(tmp_path, "alice", "bob") as (place, server):
        asked = await ask(server)
        place.erp.sent.clear()
        await remove_credentials(server, "alice")
        status = await approve(server, asked)
        async with visiting(server, "bob") as bob:
            page = (await bob.get(path_of(asked))).text
        held = await fetch_state(server, "alice", asked)
        assert place.erp.sent == []
        await give_credentials(server, "alice", ALICE)
        again = await approve(server, asked, decision="carry_out")
        done = await fetch_state(server, "alice", asked)

    assert (status, held["status"], again, done["status"]) == (303, "approved", 303, "done")
    assert "Alice Adams&#39;s own credentials for Inventory Pro are missing" in page
    assert place.erp.writes == [(ALICE, f"{ORDER}/Finalize")]


async def test_credentials_removed_after_the_claim_send_nothing_and_the_answer_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim = Journal.claim

    async with serving_people(tmp_path, "alice") as (place, server):

        async def claim_and_remove(self: Journal, *arguments: Any) -> Any:
            taken = await claim(self, *arguments)
            with closing(JournalStore(place.journal)) as other:
                rows = other.credential_rows(arguments[1].key)
                rows.remove(f"{server.issuer.url} alice", "another replica")
            return taken

        monkeypatch.setattr(Journal, "claim", claim_and_remove)
        asked = await ask(server)
        await approve(server, asked)
        ended = await fetch_state(server, "alice", asked)

    assert (ended["status"], place.erp.writes) == ("refused", [])
    assert "own credentials for Inventory Pro are missing. Nothing was sent." in ended["message"]


async def test_a_secret_that_the_erp_no_longer_accepts_sends_nothing_and_names_the_page(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice") as (place, server):
        asked = await ask(server)
        place.erp.secrets[ALICE], place.erp.tokens = "another", {}
        read = await call(server, "alice", "list_purchase_orders")
        await approve(server, asked)
        held = await fetch_state(server, "alice", asked)

    assert "rejected the client id or secret" in text(read)
    assert f"Open {server.origin}/credentials and enter the credentials again" in text(read)
    assert "PO_MCP_" not in text(read)
    assert (held["status"], place.erp.writes) == ("approved", [])


# A write whose outcome is unknown


async def test_an_unknown_operation_is_settled_by_its_requesters_credentials_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bounds = {"late_apply": 0, "read_lag": 0, "timeout": 2}
    async with serving_people(tmp_path, "alice", "bob", **bounds) as (place, server):
        asked = await ask(server)
        place.erp.loses_writes = True
        await approve(server, asked)
        place.erp.sent.clear()
        await remove_credentials(server, "alice")
        lost = await fetch_state(server, "alice", asked)
        assert place.erp.sent == [], "neither the approver nor the server looks in the place of the requester"
        place.erp.loses_writes = False
        await anyio.sleep(4.5)  # past twice the time-out, after which an order that shows nothing would settle it
        still = await fetch_state(server, "alice", asked)
        await give_credentials(server, "alice", ALICE)
        found = await fetch_state(server, "alice", asked)

    assert (lost["status"], still["status"]) == ("unknown", "unknown")
    assert found["status"] == "refused"
    assert "was not closed" in found["message"]


# What one person has read is shown to no other


async def test_data_read_for_one_person_is_shown_to_no_other(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice", "bob") as (place, server):
        place.erp.sees_no_vendors, place.erp.sees_no_orders = {BOB}, {BOB}
        vendors = text(await call(server, "alice", "search_catalog", kind="vendor"))
        orders = await call(server, "alice", "list_purchase_orders", limit=2)
        cursor = outcome(orders)["next_cursor"]
        page = text(await call(server, "bob", "list_purchase_orders", limit=2, cursor=cursor))
        refused = text(await call(server, "bob", "search_catalog", kind="vendor"))

    assert "Acme Fasteners" in vendors
    assert "Acme" not in refused
    assert "SecurityID 18" in page
    assert "PO-2025" not in page


async def complete(server: TeamServer, who: str, ref: PromptReference | ResourceTemplateReference, name: str) -> Any:
    """Return the completions of an argument for a person."""
    async with connect(server, server.token(who, "po:read")) as client:
        return (await client.complete(ref, {"name": name, "value": ""})).completion.values


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        (ResourceTemplateReference(type="ref/resource", uri="po://orders/{number}"), "number"),
        (PromptReference(type="ref/prompt", name="new_order_from_quote"), "vendor"),
        (PromptReference(type="ref/prompt", name="new_order_from_quote"), "item"),
    ],
    ids=["orders", "vendors", "items"],
)
async def test_completions_of_one_person_are_given_to_no_other(
    tmp_path: Path, ref: PromptReference | ResourceTemplateReference, name: str
) -> None:
    async with serving_people(tmp_path, "alice", "bob") as (place, server):
        place.erp.sees_no_vendors, place.erp.sees_no_orders = {BOB}, {BOB}
        mine = await complete(server, "alice", ref, name)
        others = [await complete(server, who, ref, name) for who in ("bob", "carol")]
        await remove_credentials(server, "alice")
        after = await complete(server, "alice", ref, name)

    assert mine
    assert (others[1], after) == ([], []), "neither without credentials nor after they were removed"
    assert others[0] == (mine if name == "item" else [])


async def test_data_read_with_removed_credentials_is_no_longer_shown(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice") as (_, server):
        before = text(await call(server, "alice", "search_catalog", kind="vendor"))
        await remove_credentials(server, "alice")
        after = text(await call(server, "alice", "search_catalog", kind="vendor"))

    assert "Acme Fasteners" in before
    assert after.startswith("Your own credentials for Inventory Pro are missing.")


async def test_cached_lists_are_not_written_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    async with serving_people(tmp_path, "alice") as (_, server):
        await call(server, "alice", "search_catalog", kind="vendor")

    assert not (tmp_path / "cache").exists()


# The page


async def test_the_page_leads_to_the_sign_in_and_back_and_knows_each_person_alone(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice") as (_, server):
        async with visiting(server, "alice") as alice, visiting(server, "carol") as carol:
            first, other = await alice.get("/credentials"), await carol.get("/credentials")
        async with visiting(server, "bob") as nobody:
            refused = await nobody.http.post(
                "/credentials", data={"decision": "remove"}, headers={"origin": server.origin}
            )

    assert (first.status_code, first.url.path) == (200, "/credentials")
    assert "Kept since" in first.text
    assert "None are kept." in other.text
    assert refused.status_code == 401


async def test_credentials_that_do_not_sign_in_are_not_kept_and_never_shown(tmp_path: Path) -> None:
    async with serving_people(tmp_path) as (_, server), visiting(server, "alice") as alice:
        wrong = await fill_in(alice, ALICE, "canary-of-a-wrong-secret")
        empty = await fill_in(alice, ALICE, " ")
        long = await fill_in(alice, ALICE, "x" * 501)
        odd = await fill_in(alice, ALICE, "canary-ü")
        after = await alice.get("/credentials")

    assert [one.status_code for one in (wrong, empty, long, odd)] == [422] * 4
    assert "rejected the client id or secret (HTTP 401). Check what you entered. Nothing was kept." in wrong.text
    assert "Client secret: enter up to 500 characters. Nothing was kept." in empty.text
    assert "Client secret: it must be plain ASCII text. Nothing was kept." in odd.text
    assert "None are kept." in after.text
    for answer in (wrong, empty, long, odd, after):
        assert ALICE not in answer.text
        assert "canary" not in answer.text
        assert "xxx" not in answer.text


async def test_credentials_stay_where_an_unreachable_erp_cannot_try_new_ones(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice", timeout=2) as (place, server), visiting(server, "alice") as alice:
        place.erp.is_away = True
        answer = await fill_in(alice, BOB)
        place.erp.is_away = False
        await call(server, "alice", "list_purchase_orders")

    assert answer.status_code == 503
    assert "Nothing was kept." in answer.text
    assert place.erp.sent[-1][0] == ALICE


async def change_while_others_are_tried(
    place: Deployment, server: TeamServer, decision: str
) -> tuple[httpx2.Response, str]:
    """Let Alice enter Bob's user in one tab, and give or remove her own in another while that is tried.

    Returns:
        The answer to the first tab, and the text of the page after it.
    """
    place.erp.holds_reads = held = anyio.Event()
    entered = {"client_id": ALICE, "client_secret": SECRETS[ALICE]}
    tried: list[httpx2.Response] = []
    async with visiting(server, "alice") as slow, visiting(server, "alice") as quick:

        async def fill_in_slowly() -> None:
            tried.append(await fill_in(slow, BOB))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(fill_in_slowly)
            await place.erp.asked_for_orders.wait()
            place.erp.holds_reads = None
            await quick.send("/credentials", decision, None, **entered)
            held.set()
        return tried[0], (await quick.get("/credentials")).text


@pytest.mark.parametrize("decision", ["remove", "give"])
async def test_a_change_made_while_other_credentials_were_tried_prevails(tmp_path: Path, decision: str) -> None:
    async with serving_people(tmp_path, "alice", "bob") as (place, server):
        answer, page = await change_while_others_are_tried(place, server, decision)
        place.erp.sent.clear()
        await call(server, "alice", "list_purchase_orders")

    assert answer.status_code == 422
    said = "Your credentials were replaced or removed while these were tried. Nothing was kept."
    assert said in html.unescape(answer.text)
    assert ("Kept since" in page) == (decision == "give")
    assert place.erp.users() == ({ALICE} if decision == "give" else set())


@pytest.mark.parametrize("books", ["hidden", "another company's", "another company's, and this one has no orders"])
async def test_credentials_that_do_not_show_this_companys_orders_are_not_kept(tmp_path: Path, books: str) -> None:
    async with serving_people(tmp_path) as (place, server), visiting(server, "alice") as alice:
        hidden = place.erp.hides_orders if books == "hidden" else place.erp.other_company
        hidden.add(ALICE)
        place.erp.has_no_orders = {SERVICE} if "no orders" in books else set()
        answer = await fill_in(alice, ALICE)
        after = await alice.get("/credentials")

    assert answer.status_code == 422
    said = "These credentials do not show the orders of Acme: they may be another company's. Nothing was kept."
    assert said in html.unescape(answer.text)
    assert "None are kept." in after.text


async def test_a_person_cannot_enter_the_servers_own_credentials(tmp_path: Path) -> None:
    async with serving_people(tmp_path) as (_, server), visiting(server, "alice") as alice:
        answer = await fill_in(alice, SERVICE)
        wrong = await fill_in(alice, SERVICE, "a guess")
        after = await alice.get("/credentials")

    assert answer.status_code == 422
    assert "These are the credentials of po-mcp itself, which only read." in answer.text
    assert "po-mcp itself" not in wrong.text, "a person who does not know the secret does not learn whose they are"
    assert "None are kept." in after.text


async def test_guesses_of_a_colleagues_secret_are_limited(tmp_path: Path) -> None:
    async with serving_people(tmp_path) as (place, server), visiting(server, "alice") as alice:
        statuses = [
            (await fill_in(alice, BOB, f"guess {place_}")).status_code for place_ in range(TRIES_PER_MINUTE + 1)
        ]
        last = await fill_in(alice, BOB)

    assert statuses == [422] * TRIES_PER_MINUTE + [429]
    assert last.status_code == 429
    assert len(place.erp.sent) == TRIES_PER_MINUTE


FORGED: dict[str, Callable[[TeamServer], dict[str, Any]]] = {
    "another site's": lambda server: {"headers": {"origin": "https://evil.example.com"}},
    "of no origin": lambda server: {"headers": {}},
    "of a site that is embedded": lambda server: {"headers": {"origin": server.origin, "sec-fetch-site": "cross-site"}},
    "without the token of this sign-in": lambda server: {"token": "0" * 64},
}


@pytest.mark.parametrize("kind", FORGED)
@pytest.mark.parametrize("decision", ["give", "remove"])
async def test_a_form_that_this_page_did_not_send_changes_nothing(tmp_path: Path, kind: str, decision: str) -> None:
    async with serving_people(tmp_path, "alice") as (place, server), visiting(server, "alice") as alice:
        more = FORGED[kind](server)
        fields = {name: value for name, value in more.items() if name != "headers"}
        entered = {"client_id": BOB, "client_secret": SECRETS[BOB]}
        answer = await alice.send("/credentials", decision, more.get("headers"), **entered, **fields)
        await call(server, "alice", "list_purchase_orders")

    assert answer.status_code == 403
    assert place.erp.users() == {ALICE}


async def test_an_unknown_decision_changes_nothing_and_no_answer_is_cached_or_framed(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice") as (_, server), visiting(server, "alice") as alice:
        odd = await alice.send("/credentials", "give_away", None)
        shown = await alice.get("/credentials")

    assert odd.status_code == 400
    assert "Kept since" in shown.text
    assert shown.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]


async def test_the_page_for_credentials_is_missing_where_people_share_the_servers(tmp_path: Path) -> None:
    async with deployment(tmp_path) as place, personal_server(place, erp_credentials="shared") as server:
        async with visiting(server, "alice") as alice:
            answer = await alice.get("/credentials")
            overview = await alice.get("/")
        await call(server, "alice", "list_purchase_orders")

    assert answer.status_code == 404
    assert "/credentials" not in overview.text
    assert place.erp.users() == {SERVICE}


# The operator, logs and the journal


async def test_the_server_is_ready_by_its_own_credentials_and_they_write_nothing(tmp_path: Path) -> None:
    async with serving_people(tmp_path) as (place, server), server.http() as http:
        ready = await http.get("/readyz")

    assert ready.text == "ready"
    assert place.erp.users() == {SERVICE}
    assert place.erp.writes == []


async def test_the_rights_of_the_servers_own_user_are_no_fault_of_the_installation(tmp_path: Path) -> None:
    async with deployment(tmp_path) as place:
        settings = Settings(**place.settings, public_url="https://po.example.com", issuer="https://login.example.com")
        with closing(JournalStore(place.journal)) as store:
            finding = await _rights(settings, connect_erp(settings, store), can_read=True)

    assert finding.mark == "note"
    assert finding.text.startswith("as each person, with credentials of their own: who writes needs Create/Modify PO")


async def test_a_caller_without_a_sign_in_reaches_no_erp(tmp_path: Path) -> None:
    async with deployment(tmp_path) as place:
        settings = Settings(**place.settings, public_url="https://po.example.com", issuer="https://login.example.com")
        async with Client(build_server(settings)) as client:
            for tool, arguments in ALL_READS.items():
                result = await client.call_tool(tool, arguments)
                assert "nobody has signed in. Nothing was sent." in text(result)

        assert place.erp.sent == []


async def test_a_write_approved_at_a_terminal_is_made_as_its_requester(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice") as (place, server):
        asked = await ask(server)
        settings = Settings(**place.settings, public_url=server.origin, issuer=server.issuer.url)
        with closing(JournalStore(place.journal)) as store:
            erp = connect_erp(settings, store)
            pending = _pending(settings, Journal(store), erp)
            recorded = await pending.find(asked["operation_id"])
            assert recorded is not None
            assert recorded.operation.question is not None
            yes = approval_content(recorded.operation.question, typed="", with_backorder=False)
            decided = await pending.decide(recorded, "approve", yes, "", {"through": "terminal"})
            assert decided.verdict == "taken"
            done = await pending.carry_out(asked["operation_id"])
            await erp.aclose()

    assert getattr(done, "status", done) == "done"
    assert place.erp.writes == [(ALICE, f"{ORDER}/Finalize")]


def read_all(folder: Path) -> bytes:
    """Return the bytes of the journal's files."""
    return b"".join(path.read_bytes() for path in folder.glob("journal.db*"))


async def test_a_secret_stands_in_no_log_no_answer_and_not_in_the_journal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[str] = []
    async with serving_people(tmp_path, "alice", log_level="DEBUG") as (place, server):
        asked = await ask(server)
        await approve(server, asked)
        said += [text(await call(server, "alice", tool, **arguments)) for tool, arguments in ALL_READS.items()]
        place.erp.secrets[ALICE], place.erp.tokens = "another", {}
        said += [text(await call(server, "alice", tool, **arguments)) for tool, arguments in ALL_READS.items()]
        async with visiting(server, "alice") as alice:
            said += [(await fill_in(alice, ALICE)).text, (await alice.get("/credentials")).text]
        with closing(JournalStore(place.journal)) as store:
            said += store.upkeep.export()
            events = [(event.event, event.detail) for event in store.events("")]

    reported = [("ERP credentials given", {"by": f"{server.issuer.url} alice", "name": "Alice Adams"})]
    assert events == reported
    stored = read_all(tmp_path)
    for text_ in (caplog.text, "\n".join(said), stored.decode("latin-1")):
        assert "canary" not in text_
        assert ALICE not in text_


async def test_a_replica_uses_credentials_given_at_another_until_they_are_removed_there(tmp_path: Path) -> None:
    async with serving_people(tmp_path, "alice") as (place, server):
        await call(server, "alice", "list_purchase_orders")
        person = f"{server.issuer.url} alice"
        settings = Settings(**place.settings, public_url=server.origin, issuer=server.issuer.url)
        with closing(JournalStore(place.journal)) as store:
            other: Any = connect_erp(settings, store)
            found = await other.credentials.find(person)
            assert await other.credentials.remove(person, person)
            await other.aclose()
        place.erp.sent.clear()
        refused = text(await call(server, "alice", "list_purchase_orders"))

    assert found.values == {"client_id": ALICE, "client_secret": SECRETS[ALICE]}
    assert refused.startswith("Your own credentials")
    assert place.erp.sent == []
