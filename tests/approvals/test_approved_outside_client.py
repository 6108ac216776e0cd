"""From a call to a click to the write: whatever the client can show, and in both protocol eras."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from decimal import Decimal
from typing import Any

import anyio
import httpx2
import pytest
from mcp import Client, ClientSession
from mcp.types import (
    ClientCapabilities,
    ElicitationCapability,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    UrlElicitationCapability,
)

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.desk import approval_flow
from po_mcp.tools import _progress
from po_mcp.writes.journal import Journal, JournalStore
from tests.approvals.page_harness import browser
from tests.harness import ERAS, MODES, ScriptedPerson, ServerHarness, outcome, set_pin

DELETE, FINALIZE, CANCEL = "delete_purchase_order", "finalize_purchase_order", "cancel_purchase_order"
NUMBER = {DELETE: "PO-2025-0038", FINALIZE: "PO-2025-0037", CANCEL: "PO-2025-0041"}
FILLED_IN: dict[str, dict[str, str]] = {
    DELETE: {"order_number": "PO-2025-0038"},
    FINALIZE: {"create_backorder": "yes"},
    CANCEL: {},
}
CLIENTS = ("nothing", "url", "form, and the page comes first")
both_eras = pytest.mark.parametrize("era", ERAS)
every_tool = pytest.mark.parametrize("tool", [DELETE, FINALIZE, CANCEL])
all_clients = pytest.mark.parametrize("kind", CLIENTS)


class Visitor:
    """The person behind a client that opens links, or shows forms: does something, and answers."""

    def __init__(self, action: Any = "accept", content: Any = None, meanwhile: Any = None) -> None:
        self.asked: list[Any] = []
        self._reply = ElicitResult(action=action, content=content)
        self._meanwhile = meanwhile

    async def __call__(self, context: object, params: Any) -> ElicitResult:
        self.asked.append(params)
        if self._meanwhile is not None:
            await self._meanwhile(params.url)
        return self._reply


@pytest.fixture
def settings(kind: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Make the client of this kind, and return how it declares itself to the server."""
    offered = {"nothing": None, "url": ElicitationCapability(url=UrlElicitationCapability())}.get(
        kind, ElicitationCapability()
    )
    capabilities = ClientCapabilities(elicitation=offered)
    monkeypatch.setattr(ClientSession, "_build_capabilities", lambda *_: capabilities)
    return {"approval": "page"} if "page" in kind else {}


async def press(link: str, decision: str, fields: dict[str, str], pin: str = "") -> int:
    async with browser(link) as person:
        return (await person.send(decision, None, None, pin=pin, **fields)).status_code


async def follow_up(client: Any, by: str, tool: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the assistant gets when it goes on, by the next call or by get_operation."""
    if by == "next call":
        return outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))
    result = await client.call_tool("get_operation", {"operation_id": asked["operation_id"]})
    operations = outcome(result)["operations"]
    found: Mapping[str, Any] = operations[0]
    return found


@both_eras
@every_tool
@all_clients
@pytest.mark.parametrize("by", ["next call", "get_operation"])
async def test_a_click_on_the_page_carries_one_write_through(
    harness: ServerHarness, era: str, tool: str, kind: str, by: str, settings: dict[str, Any]
) -> None:
    visitor = Visitor()
    async with harness.client(era, visitor, **settings) as client:  # type: ignore[arg-type]
        asked = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))
        sent_before = list(harness.wire.writes)
        pressed = await press(asked["approve_at"], "approve", FILLED_IN[tool])
        sent_by_the_click = list(harness.wire.writes)
        done = await follow_up(client, by, tool, asked)
        again = await follow_up(client, "get_operation", tool, asked)

    assert asked["status"] == "approval_required"
    assert "Nothing has been changed yet" in asked["message"]
    assert asked["approve_at"] in asked["message"]
    assert [type(params) for params in visitor.asked] == ([ElicitRequestURLParams] if kind == "url" else [])
    assert (sent_before, pressed, len(sent_by_the_click)) == ([], 303, 1)
    assert (done["status"], again["status"]) == ("done", "done")
    assert done["replayed"] if by == "next call" else True
    assert len(harness.wire.writes) == 1
    if tool == FINALIZE:
        assert done["backorder_number"] == "PO-2025-0037-BO1"


@both_eras
@every_tool
@pytest.mark.parametrize("kind", ["url"])
async def test_a_decision_before_the_link_is_closed_needs_no_second_call(
    harness: ServerHarness, era: str, tool: str, kind: str, settings: dict[str, Any]
) -> None:
    async def decide(link: str) -> None:
        await press(link, "approve", FILLED_IN[tool])

    visitor = Visitor(meanwhile=decide)
    async with harness.client(era, visitor) as client:  # type: ignore[arg-type]
        done = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))

    assert (done["status"], len(visitor.asked), len(harness.wire.writes)) == ("done", 1, 1)
    rows = visitor.asked[0].message.split("\n")
    assert rows[0].startswith("SANDBOX: ")
    assert rows[2].startswith("Vendor: ")
    assert rows[3:] == ["Approve or decline on this page. Nothing changes before that."]
    assert visitor.asked[0].url.startswith("http://127.0.0.1:")


@both_eras
@pytest.mark.parametrize("kind", ["url"])
async def test_a_yes_that_is_given_while_the_call_waits_ends_it(
    harness: ServerHarness, era: str, kind: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval_flow, "PAGE_WAIT_S", 30.0)
    waits = anyio.Event()
    look = Journal.find

    async def find(journal: Journal, operation_id: str) -> Any:
        if visitor.asked:
            waits.set()
        return await look(journal, operation_id)

    monkeypatch.setattr(Journal, "find", find)
    visitor = Visitor()

    async def decide_later() -> None:
        await waits.wait()
        await press(visitor.asked[0].url, "approve", FILLED_IN[DELETE])

    async with harness.client(era, visitor) as client, anyio.create_task_group() as tasks:  # type: ignore[arg-type]
        tasks.start_soon(decide_later)
        with anyio.fail_after(25):
            reply = outcome(await client.call_tool(DELETE, {"number": NUMBER[DELETE]}))

    assert (reply["status"], len(harness.wire.writes)) == ("done", 1)


@pytest.mark.parametrize("kind", ["url"])
async def test_the_progress_of_a_call_that_waits_for_its_page_only_grows(
    harness: ServerHarness, kind: str, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval_flow, "PAGE_WAIT_S", 2.0)
    monkeypatch.setattr(_progress, "INTERVAL_S", 0.1)
    reported: list[float] = []

    async def keep(progress: float, total: float | None, message: str | None) -> None:
        reported.append(progress)

    async with harness.client(ERAS[1], Visitor()) as client:  # type: ignore[arg-type]
        await client.call_tool(DELETE, {"number": NUMBER[DELETE]}, progress_callback=keep)

    assert len(reported) >= 3
    assert reported == sorted(set(reported))


@both_eras
@every_tool
@pytest.mark.parametrize("kind", ["url"])
@pytest.mark.parametrize(
    ("content"), [None, {"decision": "backorder"}, {"decision": "cancel"}, {"order_number": "PO-2025-0038"}], ids=str
)
async def test_an_opened_link_is_no_yes(
    harness: ServerHarness, era: str, tool: str, kind: str, content: Any, settings: dict[str, Any]
) -> None:
    async with harness.client(era, Visitor(content=content)) as client:  # type: ignore[arg-type]
        for _ in range(3):
            answered = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))
            assert answered["status"] == "approval_required"

    assert harness.wire.writes == []


@both_eras
@every_tool
@pytest.mark.parametrize("kind", ["form, and the page comes first"])
async def test_where_the_page_comes_first_no_form_stands_for_a_yes(
    harness: ServerHarness, era: str, tool: str, kind: str, settings: dict[str, Any]
) -> None:
    visitor = Visitor(content={"decision": "backorder"} if tool == FINALIZE else {"order_number": "PO-2025-0038"})
    async with harness.client(era, visitor, **settings) as client:  # type: ignore[arg-type]
        answered = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))

    assert (answered["status"], visitor.asked, harness.wire.writes) == ("approval_required", [], [])


@pytest.mark.usefixtures("book_of_today")
@both_eras
@pytest.mark.parametrize("kind", ["nothing", "url"])
async def test_which_item_is_meant_is_never_chosen_on_the_page(
    harness: ServerHarness, era: str, kind: str, settings: dict[str, Any]
) -> None:
    """A choice approves nothing: who has no form gets the candidates with ids, and nothing waits anywhere."""
    line = {"item": "hex bolt", "quantity": "3", "unit_price": "0.45", "warehouse": "Main"}
    call = {"vendor": "Acme Fasteners", "lines": [line]}
    visitor = Visitor()
    async with harness.client(era, visitor, create_approval_over="0") as client:  # type: ignore[arg-type]
        refused = await client.call_tool("create_purchase_order", call)
        [listed] = [block.text for block in refused.content if block.type == "text"]
        waits = outcome(await client.call_tool("get_operation", {}))["operations"]
        named = re.findall(r"[:;] ([A-Z0-9-]+) \(", listed)
        call["lines"] = [{**line, "item": named[0]}]
        asked = outcome(await client.call_tool("create_purchase_order", call))
        async with browser(asked["approve_at"]) as person:
            page = (await person.page()).text

    assert refused.is_error
    assert "Show the user the choices, and repeat the call" in listed
    assert {"BOLT-M8-30", "BOLT-M10-40"} <= set(named)
    assert (waits, "http" in listed) == ([], False)
    assert (asked["status"], named[0] in page, "mm Hex Bolt" in page) == ("approval_required", True, True)
    assert harness.wire.writes == []


def _take_the_last(asked: ElicitRequestFormParams) -> ElicitResult:
    fields = asked.requested_schema["properties"]
    return ElicitResult(action="accept", content={name: one["oneOf"][-1]["const"] for name, one in fields.items()})


@pytest.mark.usefixtures("book_of_today")
@both_eras
@pytest.mark.parametrize("kind", ["form, and the page comes first"])
async def test_where_the_page_comes_first_a_choice_in_a_form_creates_nothing(
    harness: ServerHarness, era: str, kind: str, settings: dict[str, Any]
) -> None:
    line = {"item": "12 in hose", "quantity": "3", "unit_price": "0.45", "warehouse": "Main"}
    person = ScriptedPerson(_take_the_last)
    async with harness.client(era, person, **settings) as client:
        asked = outcome(await client.call_tool("create_purchase_order", {"vendor": "Acme Fasteners", "lines": [line]}))

    assert "You see the whole order before it is made." in person.asked[0].message
    assert (asked["status"], harness.wire.writes) == ("approval_required", [])
    assert "Words of this order were chosen in a form." in asked["message"]


@both_eras
@every_tool
@all_clients
async def test_reject_ends_it_for_the_assistant_too(
    harness: ServerHarness, era: str, tool: str, kind: str, settings: dict[str, Any]
) -> None:
    async with harness.client(era, Visitor(), **settings) as client:  # type: ignore[arg-type]
        asked = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))
        await press(asked["approve_at"], "reject", {})
        answered = await follow_up(client, "get_operation", tool, asked)

    assert answered["status"] == "declined"
    assert "Declined." in answered["message"]
    assert harness.wire.writes == []


CHANGES: dict[str, Callable[[Any], object]] = {
    "received": lambda book: book.receive("PO-2025-0037", {2: Decimal(10)}),
    "cancelled": lambda book: book.cancel("PO-2025-0037"),
    "finalized by another": lambda book: book.finalize("PO-2025-0037", create_backorder=True),
}


@both_eras
@pytest.mark.parametrize("kind", ["nothing"])
@pytest.mark.parametrize("change", CHANGES)
async def test_an_order_that_changed_before_the_click_is_stale(
    harness: ServerHarness, era: str, kind: str, change: str, settings: dict[str, Any]
) -> None:
    async with harness.client(era) as client:
        asked = outcome(await client.call_tool(FINALIZE, {"number": NUMBER[FINALIZE]}))
        harness.change(CHANGES[change])
        await press(asked["approve_at"], "approve", FILLED_IN[FINALIZE])
        answered = await follow_up(client, "get_operation", FINALIZE, asked)
        async with browser(asked["approve_at"]) as person:
            page = (await person.page()).text

    assert answered["status"] == "stale"
    assert "Out of date" in page
    assert harness.wire.writes == []


@both_eras
@pytest.mark.parametrize("kind", ["nothing"])
async def test_an_expired_operation_is_not_carried_out(
    harness: ServerHarness, era: str, kind: str, settings: dict[str, Any]
) -> None:
    late = [0.0]
    async with harness.client(era, clock=lambda: time.time() + late[0]) as client:
        asked = outcome(await client.call_tool(DELETE, {"number": NUMBER[DELETE]}))
        late[0] = 601.0
        await press(asked["approve_at"], "approve", FILLED_IN[DELETE])
        answered = await follow_up(client, "get_operation", DELETE, asked)

    assert answered["status"] == "expired"
    assert harness.wire.writes == []


@both_eras
@pytest.mark.parametrize("kind", ["nothing"])
async def test_clicks_and_calls_at_once_send_once(
    harness: ServerHarness, era: str, kind: str, settings: dict[str, Any]
) -> None:
    pressed: list[int] = []
    async with harness.client(era) as client:
        asked = outcome(await client.call_tool(FINALIZE, {"number": NUMBER[FINALIZE]}))

        async def click() -> None:
            pressed.append(await press(asked["approve_at"], "approve", FILLED_IN[FINALIZE]))

        async with anyio.create_task_group() as people:
            for number in range(10):
                if number % 2:
                    people.start_soon(click)
                else:
                    people.start_soon(follow_up, client, "get_operation", FINALIZE, asked)
        done = await follow_up(client, "next call", FINALIZE, asked)

    assert pressed.count(303) == 1
    assert set(pressed) <= {303, 409, 403}  # a later person finds it decided, or finds no form any more
    assert done["status"] == "done"
    assert len(harness.wire.writes) == 1


@both_eras
@every_tool
@pytest.mark.parametrize("kind", ["nothing"])
@pytest.mark.parametrize("by_id", [True, False])
async def test_get_operation_never_sends_what_was_approved_and_the_same_call_does(
    harness: ServerHarness, era: str, tool: str, kind: str, by_id: bool, settings: dict[str, Any]
) -> None:
    """It was approved where it could not be carried out, as by a process that ended right then."""
    async with harness.client(era) as client:
        asked = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))
        approve_and_leave(harness, asked["operation_id"])
        arguments = {"operation_id": asked["operation_id"]} if by_id else {}
        [seen] = outcome(await client.call_tool("get_operation", arguments))["operations"]
        sent_by_looking = list(harness.wire.writes)
        done = await follow_up(client, "next call", tool, asked)

    assert (seen["status"], sent_by_looking) == ("approved", [])
    assert (done["status"], len(harness.wire.writes)) == ("done", 1)


@both_eras
@pytest.mark.parametrize("kind", ["nothing"])
async def test_an_unknown_operation_is_settled_on_the_page_that_get_operation_links(
    harness: ServerHarness, era: str, kind: str, settings: dict[str, Any]
) -> None:
    async def lose(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ReadError("gone", request=request)

    late = [0.0]
    async with harness.client(era, clock=lambda: time.time() + late[0], read_lag=86_400) as client:
        asked = outcome(await client.call_tool(DELETE, {"number": NUMBER[DELETE]}))
        harness.wire.on_write = lose
        await press(asked["approve_at"], "approve", FILLED_IN[DELETE])
        unknown = await follow_up(client, "get_operation", DELETE, asked)
        late[0] = 200.0
        pressed = await press(unknown["approve_at"], "not_happened", FILLED_IN[DELETE])
        settled = await follow_up(client, "get_operation", DELETE, asked)

    assert (unknown["status"], unknown["do_not_repeat"]) == ("unknown", True)
    assert (pressed, settled["status"]) == (303, "refused")
    assert "confirmed by hand" in settled["message"]
    assert len(harness.wire.writes) == 1


def approve_and_leave(harness: ServerHarness, operation_id: str) -> None:
    with closing(JournalStore(harness.journal)) as store:
        found = store.find(operation_id)
        assert found is not None
        assert store.approve(operation_id, found.operation.payload, {"through": "page"})


@both_eras
@every_tool
@pytest.mark.parametrize("kind", ["form"])
async def test_a_form_that_was_closed_leaves_it_open_on_the_page(
    harness: ServerHarness, era: str, tool: str, kind: str, settings: dict[str, Any]
) -> None:
    visitor = Visitor("cancel")
    async with harness.client(era, visitor) as client:  # type: ignore[arg-type]
        answered = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))
        await press(answered["approve_at"], "approve", FILLED_IN[tool])
        done = await follow_up(client, "get_operation", tool, answered)

    assert isinstance(visitor.asked[0], ElicitRequestFormParams)
    assert answered["status"] == "approval_required"
    assert answered["approve_at"] in answered["message"]
    assert (done["status"], len(harness.wire.writes)) == ("done", 1)


@both_eras
@every_tool
@pytest.mark.parametrize("kind", ["form"])
async def test_a_form_that_was_declined_leaves_it_open_and_hands_out_no_link(
    harness: ServerHarness, era: str, tool: str, kind: str, settings: dict[str, Any]
) -> None:
    visitor = Visitor("decline")
    async with harness.client(era, visitor) as client:  # type: ignore[arg-type]
        answered = outcome(await client.call_tool(tool, {"number": NUMBER[tool]}))
        approve_and_leave(harness, answered["operation_id"])
        sent_before = list(harness.wire.writes)
        done = await follow_up(client, "next call", tool, answered)

    assert isinstance(visitor.asked[0], ElicitRequestFormParams)
    assert (answered["status"], answered.get("approve_at"), sent_before) == ("declined", None, [])
    assert "http" not in answered["message"]
    assert (done["status"], len(harness.wire.writes)) == ("done", 1)


@both_eras
@pytest.mark.parametrize("kind", ["nothing"])
async def test_the_pin_that_the_operator_set_is_what_the_page_wants(
    harness: ServerHarness, era: str, kind: str, settings: dict[str, Any]
) -> None:
    set_pin(harness.journal, "correct horse")
    async with harness.client(era, approver_pin="correct horse") as client:
        asked = outcome(await client.call_tool(DELETE, {"number": NUMBER[DELETE]}))
        without = await press(asked["approve_at"], "approve", FILLED_IN[DELETE])
        before = await follow_up(client, "get_operation", DELETE, asked)
        right = await press(asked["approve_at"], "approve", FILLED_IN[DELETE], "correct horse")
        done = await follow_up(client, "get_operation", DELETE, asked)

    assert (without, before["status"]) == (422, "approval_required")
    assert (right, done["status"], len(harness.wire.writes)) == (303, "done", 1)


@both_eras
@pytest.mark.parametrize("kind", ["nothing"])
async def test_a_likely_duplicate_is_created_after_a_click(
    harness: ServerHarness, era: str, kind: str, settings: dict[str, Any]
) -> None:
    line = {"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}
    call = {"number": "PO-2025-0050", "vendor": "12", "lines": [line]}
    async with harness.client(era) as client:
        await client.call_tool("create_purchase_order", call)
        second = {**call, "number": "PO-2025-0051"}
        asked = outcome(await client.call_tool("create_purchase_order", second))
        async with browser(asked["approve_at"]) as person:
            page = (await person.page()).text
        await press(asked["approve_at"], "approve", {})
        done = await follow_up(client, "get_operation", "create_purchase_order", asked)

    assert asked["status"] == "approval_required"
    assert "It may be a duplicate of PO-2025-0050, created a few minutes ago." in re.sub(r"<[^>]+>", "", page)
    assert (done["status"], done["order"]["number"]) == ("done", "PO-2025-0051")
    assert len(harness.wire.writes) == 2


@pytest.mark.parametrize(
    ("journal", "with_page", "answered"),
    [
        ("a file", True, ": {link} (or run po-mcp approve in a terminal)"),
        ("a file", False, ": run po-mcp approve in a terminal."),
        (":memory:", True, ": {link}"),
        (
            ":memory:",
            False,
            "the approval page is off and the journal is in memory. Your administrator can set PO_MCP_JOURNAL",
        ),
    ],
)
@both_eras
async def test_a_terminal_is_named_only_where_it_sees_what_waits(
    harness: ServerHarness, era: str, journal: str, with_page: bool, answered: str
) -> None:
    kept = str(harness.journal) if journal == "a file" else journal
    server = build_server(Settings(sandbox=str(harness.book), journal=kept), with_page=with_page)
    async with Client(server, mode=MODES[era]) as client:
        asked = outcome(await client.call_tool(DELETE, {"number": "PO-2025-0038"}))

    assert asked["status"] == "approval_required"
    assert answered.format(link=asked.get("approve_at")) in asked["message"]
    assert ("po-mcp approve" in asked["message"]) == (journal == "a file")
    assert ("approve_at" in asked) == with_page


@both_eras
async def test_a_real_process_opens_the_page_and_carries_out_what_is_approved(harness: ServerHarness, era: str) -> None:
    async with harness.client(era, transport="stdio") as client:
        asked = outcome(await client.call_tool(DELETE, {"number": NUMBER[DELETE]}))
        before = harness.order(NUMBER[DELETE])
        await press(asked["approve_at"], "approve", FILLED_IN[DELETE])
        after = harness.order(NUMBER[DELETE])
        done = outcome(await client.call_tool(DELETE, {"number": NUMBER[DELETE]}))

    assert (before is None, after) == (False, None)
    assert (done["status"], done["replayed"]) == ("done", True)
