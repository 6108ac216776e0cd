"""Several people at one server: each is asked, sees and decides for themselves alone, by what their token allows."""

from __future__ import annotations

import json
import logging
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitRequestFormParams
from starlette.types import Receive, Scope, Send

from po_mcp.sandbox import Api, Book, create_app
from po_mcp.sign_in.tokens import LEEWAY_S
from po_mcp.transports import http as http_transport
from po_mcp.transports.uvicorn_server import create_server, listen
from po_mcp.writes.operation import Requester
from tests.commands.test_serve import HELLO, META, MODERN, call, modern
from tests.harness import ERAS, MODES, ScriptedPerson, ServerHarness, outcome, set_pin, text, yes
from tests.sign_in.issuer import ALICE, BOB, EVERYTHING, TeamServer, team_server

CANCEL, DELETE, FINALIZE = "cancel_purchase_order", "delete_purchase_order", "finalize_purchase_order"
READS = ["get_operation", "get_purchase_order", "list_purchase_orders", "search_catalog"]
WRITES = [CANCEL, "create_purchase_order", DELETE, FINALIZE]
NO_APPROVAL = "po:read po:write"
PIN = "correct horse"
both_eras = pytest.mark.parametrize("era", ERAS)


@asynccontextmanager
async def connect(
    server: TeamServer, token: str, era: str = ERAS[0], person: ScriptedPerson | None = None
) -> AsyncIterator[Client]:
    """Connect an MCP client with a token, in a protocol version."""
    async with server.http(token) as http:
        transport = streamable_http_client(server.url, http_client=http)
        async with Client(transport, mode=MODES[era], elicitation_callback=person) as client:
            yield client


def cancel_with_a_form() -> dict[str, Any]:
    """Return the request of a cancel by a client that shows forms."""
    asks = modern(CANCEL, {"number": "PO-2025-0037"})
    asks["json"]["params"]["_meta"] = META | {
        "io.modelcontextprotocol/clientCapabilities": {"elicitation": {"form": {}}}
    }
    return asks


async def list_operations(client: Client, **arguments: str) -> Any:
    """Return what get_operation reports to a client."""
    return outcome(await client.call_tool("get_operation", arguments))["operations"]


# What a token allows


@both_eras
async def test_the_list_of_tools_is_what_the_token_allows(era: str) -> None:
    listed = {}
    async with team_server() as server:
        for scope in ("po:read", NO_APPROVAL, EVERYTHING):
            async with connect(server, server.token(scope=scope), era) as client:
                listed[scope] = sorted(tool.name for tool in (await client.list_tools()).tools)

    assert listed == {
        "po:read": READS,
        NO_APPROVAL: sorted(READS + WRITES),
        EVERYTHING: sorted(READS + WRITES),
    }


@both_eras
@pytest.mark.parametrize("tool", WRITES)
async def test_a_write_without_its_scope_is_refused_by_the_names_of_both(era: str, tool: str) -> None:
    headers = modern(tool, {})["headers"] if era == ERAS[0] else {}
    async with team_server() as server, server.http(server.token(scope="po:read"), **headers) as http:
        answer = await http.post("/mcp", json=modern(tool, {"number": "PO-2025-0037"})["json"])

    challenge = answer.headers["www-authenticate"]
    assert answer.status_code == 403
    assert challenge.startswith('Bearer error="insufficient_scope", scope="po:read po:write", resource_metadata="http')
    assert answer.json() == {
        "jsonrpc": "2.0",
        "id": 1,
        "error": {"code": -32600, "message": "This sign-in lacks po:write, which this needs. Nothing was sent."},
    }


DISGUISES = {
    "a header that names a read": b'{"name": "delete_purchase_order"}',
    "a name given twice": b'{"name": "get_purchase_order", "name": "delete_purchase_order"}',
    "a name given twice, the read last": b'{"name": "delete_purchase_order", "name": "get_purchase_order"}',
    "a name in escapes": b'{"name": "delete\\u005fpurchase_order"}',
}


@both_eras
@pytest.mark.parametrize("disguise", DISGUISES)
async def test_a_write_in_disguise_writes_nothing(harness: ServerHarness, era: str, disguise: str) -> None:
    params = {"arguments": {"number": "PO-2025-0038"}, "_meta": META}
    body = (
        json.dumps(call("tools/call", params))
        .encode()
        .replace(b'"params": {', b'"params": {' + DISGUISES[disguise][1:-1] + b", ")
    )
    headers = {**MODERN, "mcp-method": "tools/call", "mcp-name": "get_purchase_order"} if era == ERAS[0] else {}
    async with (
        team_server(**harness.files) as server,
        server.http(server.token(scope="po:read"), **headers) as http,
    ):
        if era != ERAS[0]:
            hello = await http.post("/mcp", json=call("initialize", HELLO))
            http.headers["mcp-session-id"] = hello.headers["mcp-session-id"]
        answer = await http.post("/mcp", content=body)

    assert "approval_required" not in answer.text
    assert not harness.journal.exists()
    assert harness.order("PO-2025-0038") is not None


@both_eras
async def test_a_form_counts_only_with_the_scope_to_approve(harness: ServerHarness, era: str) -> None:
    person = ScriptedPerson(yes)
    async with team_server(**harness.files, self_approval=True) as server:
        async with connect(server, server.token(scope=NO_APPROVAL), era, person) as client:
            asked = outcome(await client.call_tool(FINALIZE, {"number": "PO-2025-0037"}))
            questions = len(person.asked)
            way = (await client.read_resource("po://connection")).contents[0]
        async with connect(server, server.token(), era, person) as client:
            done = outcome(await client.call_tool(FINALIZE, {"number": "PO-2025-0037"}))

    assert (asked["status"], questions) == ("approval_required", 0)
    assert "an administrator decides on the server with po-mcp approve" in asked["message"]
    assert "approve_at" not in asked
    assert json.loads(way.text)["approval"]["ways"] == ["terminal"]  # type: ignore[union-attr]
    assert (done["status"], len(person.asked)) == ("done", 1)


async def test_a_server_asks_for_no_scope_that_its_settings_cannot_use() -> None:
    offered = []
    for settings in ({"approval": "page", "self_approval": True}, {"read_only": True}):
        async with team_server(**settings) as server, server.http() as http:
            metadata = (await http.get("/.well-known/oauth-protected-resource/mcp")).json()
            refused = await http.post("/mcp", json=call("initialize", HELLO))
        offered.append(metadata["scopes_supported"])
        assert f'scope="{" ".join(metadata["scopes_supported"])}"' in refused.headers["www-authenticate"]

    assert offered == [["po:read", "po:write"], ["po:read"]]


async def test_the_page_is_missing_without_its_oauth_client_even_where_a_pin_is_set(harness: ServerHarness) -> None:
    set_pin(harness.journal, PIN)
    async with team_server(**harness.files) as server:
        async with connect(server, server.token()) as client:
            asked = outcome(await client.call_tool(DELETE, {"number": "PO-2025-0038"}))
        async with server.http() as http:
            own = {"origin": server.origin, "content-type": "application/x-www-form-urlencoded"}
            place = f"/approve/{asked['operation_id']}"
            answers = [await http.get(place), await http.get("/"), await http.get("/static/style.css")]
            form = f"decision=approve&pin={PIN}&order_number=PO-2025-0038"
            answers.append(await http.post(place, content=form, headers=own))

    assert "approve_at" not in asked
    assert {(one.status_code, one.text) for one in answers} == {(404, http_transport._NO_PAGE_WITH_SIGN_IN)}
    assert "SIGN_IN_CLIENT_ID" in answers[0].text
    assert harness.order("PO-2025-0038") is not None


# Who is who


@both_eras
async def test_an_operation_of_another_person_is_neither_seen_nor_settled(harness: ServerHarness, era: str) -> None:
    async with team_server(**harness.files) as server:
        async with connect(server, server.token(ALICE), era) as alice:
            asked = outcome(await alice.call_tool(DELETE, {"number": "PO-2025-0038"}))
            own = await list_operations(alice)
        async with connect(server, server.token(BOB), era) as bob:
            others = await list_operations(bob)
            by_id = await bob.call_tool("get_operation", {"operation_id": asked["operation_id"]})
        async with connect(server, server.token(ALICE, "po:read"), era) as reader:
            read = await list_operations(reader, operation_id=asked["operation_id"])

    assert [one["operation_id"] for one in own] == [asked["operation_id"]]
    assert others == []
    assert by_id.is_error
    assert "No operation has this id." in text(by_id)
    assert [one["status"] for one in read] == ["approval_required"]


async def test_operations_of_others_hide_none_of_a_persons_own(harness: ServerHarness) -> None:
    new = {"vendor": "12", "lines": [{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}]}
    async with team_server(**harness.files) as server, connect(server, server.token(ALICE)) as alice:
        done = outcome(await alice.call_tool("create_purchase_order", {"number": "PO-2025-0050", **new}))
        with closing(sqlite3.connect(harness.journal)) as journal, journal:
            columns = [name for (name,) in journal.execute("SELECT name FROM pragma_table_info('write_operations')")]
            others = {"id": "'copy ' || ?", "requested_by": "'bob'", "settled_at": "settled_at + 1"}
            copied = ", ".join(others.get(name, name) for name in columns)
            for place in range(12):
                journal.execute(f"INSERT INTO write_operations SELECT {copied} FROM write_operations LIMIT 1", (place,))
        said = text(await alice.call_tool("get_operation", {}))

    assert f"order PO-2025-0050 was created (operation_id {done['operation_id']})" in said
    assert "copy" not in said


async def test_the_same_subject_of_another_client_is_the_same_person(harness: ServerHarness) -> None:
    async with team_server(**harness.files) as server:
        for client_id, number in (("host", "PO-2025-0038"), ("another", "PO-2025-0037")):
            async with connect(server, server.token(ALICE, client_id=client_id)) as client:
                await client.call_tool(CANCEL, {"number": number})
                seen = await list_operations(client)
    with closing(sqlite3.connect(harness.journal)) as journal:
        rows = journal.execute("SELECT DISTINCT requested_by, session FROM write_operations").fetchall()
        details = [json.loads(row[0]) for row in journal.execute("SELECT detail FROM audit_log ORDER BY rowid")]

    person = f"{server.issuer.url} {ALICE}"
    assert len(seen) == 2
    assert rows == [(person, person)]
    assert [(one["user"], one["oauth_client"]) for one in details if "user" in one] == [
        (person, "host"),
        (person, "another"),
    ]


async def test_each_person_has_their_own_question_replay_and_name_in_the_audit_log(harness: ServerHarness) -> None:
    number = {"number": "PO-2025-0037"}
    async with team_server(**harness.files, self_approval=True) as server:
        person = ScriptedPerson(yes)
        async with connect(server, server.token(ALICE)) as alice:  # her client has no form
            waiting = outcome(await alice.call_tool(CANCEL, number))
        async with connect(server, server.token(BOB), person=person) as bob:
            done = outcome(await bob.call_tool(CANCEL, number))
            again = outcome(await bob.call_tool(CANCEL, number))
        async with connect(server, server.token(ALICE)) as alice:
            hers = outcome(await alice.call_tool(CANCEL, number))
            [then] = await list_operations(alice, operation_id=waiting["operation_id"])
    with closing(sqlite3.connect(harness.journal)) as journal:
        [by] = journal.execute("SELECT detail FROM audit_log WHERE event = 'APPROVED'").fetchone()

    assert (waiting["status"], done["status"], again["status"]) == ("approval_required", "done", "done")
    assert done["operation_id"] != waiting["operation_id"]
    assert (again["operation_id"], again["replayed"]) == (done["operation_id"], True)
    assert (hers["status"], hers.get("replayed", False)) == ("refused", False)
    assert then["status"] == "stale"
    assert json.loads(by) == {"through": "client", "by": f"{server.issuer.url} {BOB}", "name": BOB}
    assert done["message"].endswith(" Requested and approved by bob.")


async def test_an_answer_or_session_of_another_person_is_refused(harness: ServerHarness) -> None:
    asks = cancel_with_a_form()
    async with (
        team_server(**harness.files, self_approval=True) as server,
        server.http(server.token(ALICE)) as alice,
        server.http(server.token(BOB)) as bob,
    ):
        asked = (await alice.post("/mcp", **asks)).json()["result"]
        form = ElicitRequestFormParams.model_validate(asked["inputRequests"]["approval"]["params"])
        answer = yes(form).model_dump(mode="json", exclude_none=True)
        asks["json"]["params"] |= {"inputResponses": {"approval": answer}, "requestState": asked["requestState"]}
        taken = (await bob.post("/mcp", **asks)).json()
        before = harness.order("PO-2025-0037").status
        hello = await alice.post("/mcp", json=call("initialize", HELLO))
        session = {"mcp-session-id": hello.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
        borrowed = [await bob.post("/mcp", headers=session, json=call("tools/list", {}))]
        borrowed.append(await bob.delete("/mcp", headers=session))
        hers = await alice.post("/mcp", headers=session, json=call("tools/list", {}))
        done = (await alice.post("/mcp", **asks)).json()["result"]["structuredContent"]

    assert taken["error"]["code"] == -32602
    assert before == "partial"
    assert done["status"] == "done"
    assert ([one.status_code for one in borrowed], hers.status_code) == ([404, 404], 200)


@pytest.mark.parametrize("is_intact", [True, False], ids=["intact", "anybody's"])
async def test_a_lost_answer_names_no_operation_of_another_person(
    harness: ServerHarness, is_intact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not is_intact:
        monkeypatch.setattr(Requester, "may_handle", lambda self, operation: True)
    asks = cancel_with_a_form()
    async with (
        team_server(**harness.files, self_approval=True) as server,
        server.http(server.token(ALICE)) as alice,
        server.http(server.token(BOB)) as bob,
    ):
        asked = (await alice.post("/mcp", **asks)).json()["result"]
        asks["json"]["params"] |= {"inputResponses": {}, "requestState": asked["requestState"]}
        said = (await bob.post("/mcp", **asks)).json()["error"]["message"]

    assert said.startswith("The answer to this question was not taken")
    assert ("is open: get_operation" in said) is not is_intact


@pytest.mark.parametrize(
    ("claims", "status"),
    [
        ({"scope": "po:read po:write"}, 200),
        ({"scope": "po:read po:approve"}, 403),
        ({"exp": 1}, 401),
        ({"aud": "https://another.example/mcp"}, 401),
    ],
    ids=["may not approve", "may not write", "over", "of another server"],
)
async def test_a_right_removed_between_question_and_answer_does_not_count(
    harness: ServerHarness, claims: dict[str, Any], status: int
) -> None:
    asks = cancel_with_a_form()
    async with team_server(**harness.files, self_approval=True) as server:
        async with server.http(server.token(ALICE)) as http:
            asked = (await http.post("/mcp", **asks)).json()["result"]
        form = ElicitRequestFormParams.model_validate(asked["inputRequests"]["approval"]["params"])
        answer = yes(form).model_dump(mode="json", exclude_none=True)
        asks["json"]["params"] |= {"inputResponses": {"approval": answer}, "requestState": asked["requestState"]}
        async with server.http(server.token(ALICE, **claims)) as http:
            late = await http.post("/mcp", **asks)
        between = harness.order("PO-2025-0037").status
        async with server.http(server.token(ALICE)) as http:
            done = (await http.post("/mcp", **asks)).json()["result"]["structuredContent"]

    assert late.status_code == status
    assert '"done"' not in late.text
    assert (between, done["status"]) == ("partial", "done")


# Where a token goes


@asynccontextmanager
async def serving_erp(book: Book, api: Api, asked: list[Any]) -> AsyncIterator[dict[str, Any]]:
    """Serve a book by an ERP's API; yield a server's settings for it, and add each request to `asked`."""
    app = create_app(book, apis=(api,), client_id="me", client_secret="mine")

    async def keep(scope: Scope, receive: Receive, send: Send) -> None:
        asked.append((scope["path"], scope["query_string"], scope["headers"]))
        await app(scope, receive, send)

    with listen("127.0.0.1", 0) as sock:
        erp = create_server(keep)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(erp.serve, [sock])
            address = f"http://127.0.0.1:{sock.getsockname()[1]}"
            yield {"erp": api, "base_url": address, "client_id": "me", "client_secret": "mine"}
            erp.stop()


async def test_a_token_reaches_neither_the_erp_nor_a_log_nor_the_journal(
    harness: ServerHarness, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "po_mcp")
    caplog.set_level(logging.DEBUG, "mcp")
    asked: list[Any] = []
    more: dict[str, Any] = {"journal": str(harness.journal), "log_level": "DEBUG", "self_approval": True}
    with closing(Book.open(harness.book)) as book:
        async with (
            serving_erp(book, "inventory-pro", asked) as settings,
            team_server(**settings, **more) as server,
        ):
            token = server.token()
            for era in ERAS:
                async with connect(server, token, era, ScriptedPerson(yes)) as client:
                    done = outcome(await client.call_tool(FINALIZE, {"number": f"PO-2025-003{6 + ERAS.index(era)}"}))
                    await client.call_tool("list_purchase_orders", {})
                    assert done["status"] == "done", done

    signature = token.rpartition(".")[2]
    assert len(asked) > 6
    assert signature not in repr(asked)
    assert signature not in caplog.text
    assert signature.encode() not in b"".join(path.read_bytes() for path in harness.journal.parent.glob("journal*"))


@pytest.mark.parametrize("era", ERAS)
async def test_a_stream_ends_with_its_token(era: str) -> None:
    """A stream that goes on is cancelled here, and the test fails."""
    async with team_server() as server:
        ends = int(time.time()) - LEEWAY_S + 3
        async with server.http(server.token(exp=ends)) as http:
            if era == ERAS[0]:
                headers = {**MODERN, "mcp-method": "subscriptions/listen"}
                params = {"notifications": {"resourceSubscriptions": ["po://orders/open"]}, "_meta": META}
                opening = http.stream("POST", "/mcp", headers=headers, json=call("subscriptions/listen", params))
            else:
                hello = await http.post("/mcp", json=call("initialize", HELLO))
                session = {"mcp-session-id": hello.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}
                opening = http.stream("GET", "/mcp", headers={**session, "accept": "text/event-stream"})
            with anyio.fail_after(30):
                async with opening as stream:
                    status = stream.status_code
                    try:
                        async for _ in stream.aiter_raw():
                            pass
                    except httpx2.TransportError:
                        pass  # an answer that has begun is cut off

    assert status == 200


# From where


async def test_the_public_address_is_the_one_that_is_served() -> None:
    async with (
        team_server(public_url="https://po.example.com", audience="po") as server,
        server.http(server.issuer.sign(server.issuer.claims("po"))) as http,
    ):
        metadata = (await http.get("/.well-known/oauth-protected-resource")).json()
        right = [
            await http.post("/mcp", headers={"host": "PO.example.com", **origin}, json=call("initialize", HELLO))
            for origin in ({}, {"origin": "https://po.example.com"})
        ]
        hosts = ["evil.example", "po.example.com.evil.example", "po.example.com:8765", "0.0.0.0"]
        wrong = [await http.post("/mcp", headers={"host": host}, json=call("initialize", HELLO)) for host in hosts]
        origins = ["https://evil.example", "http://po.example.com", "https://po.example.com.evil.example", "null"]
        foreign = [
            await http.post(
                "/mcp", headers={"host": "po.example.com", "origin": origin}, json=call("initialize", HELLO)
            )
            for origin in origins
        ]

    assert metadata["resource"] == "https://po.example.com/mcp"
    assert [answer.status_code for answer in right] == [200, 200]
    assert [answer.status_code for answer in wrong] == [421] * 4
    assert [answer.status_code for answer in foreign] == [403] * 4


async def test_the_note_names_the_requester_in_an_erp_with_one_user(harness: ServerHarness) -> None:
    line = {"item": "NUT-M8", "quantity": "3", "unit_price": "0.22"}
    new = {"number": "PO-2025-0050", "vendor": "Acme Fasteners", "lines": [line], "note": "Dock 3"}
    more = {"redirect_uri": "https://erp.example/back", "journal": str(harness.journal)}
    with closing(Book.open(harness.book)) as book:
        async with (
            serving_erp(book, "exsited", []) as settings,
            team_server(**settings, **more) as server,
            connect(server, server.token()) as client,
        ):
            done = outcome(await client.call_tool("create_purchase_order", new))
        note = book.order("PO-2025-0050").note

    assert done["status"] == "done", done
    assert note == f"Dock 3 (requested by alice) [po-mcp {done['operation_id']}]"
