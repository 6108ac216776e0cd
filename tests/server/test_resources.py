"""The resources: what is listed, what they tell, and what they say where there is nothing to tell."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import httpx2
import pytest
from mcp import Client, MCPError
from mcp.types import ElicitResult, TextResourceContents

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.sandbox import Sandbox
from po_mcp.erp import Progress
from po_mcp.errors import Unreachable
from po_mcp.orders import OrderQuery
from po_mcp.sandbox import Book
from tests.harness import ERAS, IN_MEMORY, MODES, REAL, ScriptedPerson, ServerHarness, Transport, accept, outcome

both_eras = pytest.mark.parametrize("era", ERAS)
both_transports = pytest.mark.parametrize("transport", ["memory", "stdio"])


async def read(client: Client, uri: str) -> Mapping[str, Any]:
    [content] = (await client.read_resource(uri)).contents
    assert isinstance(content, TextResourceContents)
    assert (content.uri, content.mime_type) == (uri, "application/json")
    reply: Mapping[str, Any] = json.loads(content.text)
    return reply


@both_transports
@both_eras
async def test_the_order_resource_is_the_result_of_the_tool(
    harness: ServerHarness, era: str, transport: Transport
) -> None:
    async with harness.client(era, transport=transport) as client:
        reply = await read(client, "po://orders/PO-2025-0042")
        order = outcome(await client.call_tool("get_purchase_order", {"number": "PO-2025-0042"}))

    added = {
        "notice": "Sandbox: no real orders.",
        "remarks": ["The lines add up to 910.00, the ERP's total is 4,250.00."],
    }
    assert reply == {**added, **order}


@both_transports
@both_eras
async def test_the_open_orders_are_short_and_counted(harness: ServerHarness, era: str, transport: Transport) -> None:
    async with harness.client(era, transport=transport) as client:
        reply = await read(client, "po://orders/open")

    assert (reply["notice"], reply["total_count"], reply["complete"]) == ("Sandbox: no real orders.", 28, True)
    assert len({order["number"] for order in reply["orders"]}) == 28
    assert {order["status"] for order in reply["orders"]} == {"open", "partial"}
    assert reply["orders"][0] == {
        "number": "PO-2025-0042",
        "vendor": "Acme Fasteners",
        "status": "open",
        "ordered_at": "2025-05-15",
        "expected_on": "2025-06-01",
        "total": "4250.00",
    }


async def test_more_open_orders_than_are_shown_are_counted_and_said_to_be_missing(harness: ServerHarness) -> None:
    Book.open(harness.book, orders=101).close()

    async with harness.client() as client:
        reply = await read(client, "po://orders/open")

    assert (reply["total_count"], reply["complete"], len(reply["orders"])) == (101, False, 100)


async def test_an_erp_that_lists_closed_orders_too_is_asked_for_the_open_ones() -> None:
    asked: list[str] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        if request.url.path.endswith("/token"):
            return _json({"access_token": "t", "expires_in": 9999})
        asked.append(request.url.params.get("filter", ""))
        pagination = {"records": 0, "limit": 50, "offset": 0, "previous_page": "", "next_page": "NULL"}
        return _json({"purchase_orders": [], "pagination": pagination})

    erp = Exsited("http://localhost", "id", "secret", "https://r", transport=httpx2.MockTransport(answer))
    async with Client(build_server(IN_MEMORY, erp=erp)) as client:
        reply = await read(client, "po://orders/open")

    assert reply == {"total_count": 0, "complete": True, "orders": []}
    assert asked[0] == "purchase-orders/status eq 'ACTIVE'"


def _json(value: Any) -> httpx2.Response:
    return httpx2.Response(200, stream=httpx2.ByteStream(json.dumps(value).encode()))


@both_eras
@pytest.mark.parametrize(
    ("uri", "said"),
    [
        (
            "po://orders/PO-1999-0001",
            "Check the number, or find the order with list_purchase_orders.",
        ),
        ("po://orders/PO%201", "Check the number, or find the order with list_purchase_orders."),
        ("po://orders/..", "Unknown resource"),
        ("po://orders/..%2FVendor", "Unknown resource"),
        ("po://orders/a/b", "Unknown resource"),
        ("po://nothing", "Unknown resource"),
    ],
)
async def test_an_unknown_resource_is_not_found(harness: ServerHarness, era: str, uri: str, said: str) -> None:
    async with harness.client(era) as client:
        with pytest.raises(MCPError) as raised:
            await client.read_resource(uri)

    assert raised.value.error.code == -32602
    assert said in raised.value.error.message


class Broken(Sandbox):
    """An ERP that cannot be reached."""

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> Any:
        raise Unreachable("The sandbox gave no answer.")

    async def vendors(self) -> Any:
        raise Unreachable("The sandbox gave no answer.")


@both_eras
async def test_an_erp_that_cannot_be_reached_is_reported_with_the_next_step(era: str) -> None:
    async with Client(build_server(IN_MEMORY, erp=Broken()), mode=MODES[era]) as client:
        with pytest.raises(MCPError) as raised:
            await client.read_resource("po://orders/open")

    assert raised.value.error.code == -32603
    assert raised.value.error.message.startswith("The sandbox gave no answer. Try again later.")


WAYS: list[tuple[ScriptedPerson | None, dict[str, Any], list[str]]] = [
    (ScriptedPerson(accept()), {}, ["form", "page", "terminal"]),
    (None, {}, ["page", "terminal"]),
    (ScriptedPerson(accept()), {"approval": "page"}, ["page", "terminal"]),
]


@both_eras
@pytest.mark.parametrize(("person", "settings", "ways"), WAYS, ids=["a form", "no form", "the operator wants the page"])
async def test_the_connection_tells_how_this_client_is_asked(
    harness: ServerHarness, era: str, person: ScriptedPerson | None, settings: dict[str, Any], ways: list[str]
) -> None:
    async with harness.client(era, person, **settings) as client:
        reply = await read(client, "po://connection")

    assert reply["approval"] == {"ways": ways, "open_for_seconds": 600.0}


async def test_the_terminal_is_the_only_way_without_a_page(harness: ServerHarness) -> None:
    settings = Settings(sandbox=str(harness.book), journal=str(harness.journal))
    async with Client(build_server(settings, with_page=False)) as client:
        reply = await read(client, "po://connection")

    assert reply["approval"]["ways"] == ["terminal"]


@pytest.mark.parametrize(("with_page", "ways"), [(True, ["page"]), (False, [])])
async def test_no_terminal_is_named_that_cannot_see_a_journal_in_memory(with_page: bool, ways: list[str]) -> None:
    async with Client(build_server(IN_MEMORY, with_page=with_page)) as client:
        reply = await read(client, "po://connection")

    assert reply["approval"]["ways"] == ways


@both_transports
@both_eras
async def test_the_connection_tells_what_can_and_cannot_be_done(
    harness: ServerHarness, era: str, transport: Transport
) -> None:
    async with harness.client(era, transport=transport) as client:
        reply = await read(client, "po://connection")

    assert (reply["notice"], reply["erp"], reply["read_only"]) == ("Sandbox: no real orders.", "Sandbox", False)
    assert {"list", "get", "create", "finalize", "delete", "catalog"} <= set(reply["can"])
    assert "edit lines" in reply["limits"]
    assert (reply["orders_per_page"], reply["seconds_per_call"]) == (50, 60.0)


async def test_a_read_only_connection_can_only_read_and_has_no_approval(harness: ServerHarness) -> None:
    async with harness.client(read_only=True, create_approval_over="99") as client:
        reply = await read(client, "po://connection")

    assert (reply["can"], reply["read_only"]) == (["list", "get", "catalog"], True)
    assert "approval" not in reply


async def test_the_connection_names_no_place_and_holds_no_secret() -> None:
    secrets = {"client_id": "ID-f00d", "client_secret": "SECRET-f00d", "approver_pin": "PIN-f00d"}
    settings = Settings(**{**REAL, **secrets, "base_url": "https://erp.example.com", "journal": "/tmp/j-f00d.db"})
    async with Client(build_server(settings.model_copy(update={"journal": ":memory:"}))) as client:
        [content] = (await client.read_resource("po://connection")).contents
        listed = [await client.list_resources(), await client.list_resource_templates(), await client.list_prompts()]

    assert isinstance(content, TextResourceContents)
    reply = content.text + "".join(one.model_dump_json() for one in listed)
    assert "Inventory Pro" in reply
    assert not any(word in reply for word in ("f00d", "example.com", "http", "/tmp", "secret"))
    assert json.loads(content.text)["cannot"]


class WithoutLists(Sandbox):
    capabilities = Sandbox.capabilities - {"list", "get"}


@both_eras
async def test_a_resource_that_the_erp_cannot_serve_is_not_listed(era: str) -> None:
    async with Client(build_server(IN_MEMORY, erp=WithoutLists()), mode=MODES[era]) as client:
        resources = [one.uri for one in (await client.list_resources()).resources]
        templates = (await client.list_resource_templates()).resource_templates
        with pytest.raises(MCPError):
            await client.read_resource("po://orders/open")

    assert (resources, templates) == (["po://connection"], [])


@both_eras
async def test_the_lists_take_little_of_a_models_context(harness: ServerHarness, era: str) -> None:
    async with harness.client(era) as client:
        resources = await client.list_resources()
        templates = await client.list_resource_templates()
        prompts = await client.list_prompts()

    assert [one.uri for one in resources.resources] == ["po://connection", "po://orders/open"]
    assert [one.uri_template for one in templates.resource_templates] == ["po://orders/{number}"]
    # `_meta` is the protocol's: no model reads it
    lists = (resources, templates, prompts)
    texts = [one.model_dump_json(by_alias=True, exclude_none=True, exclude={"meta"}) for one in lists]
    assert len("".join(texts)) / 4 < 600


async def test_reading_a_resource_asks_no_question_and_writes_nothing(harness: ServerHarness) -> None:
    person = ScriptedPerson(ElicitResult(action="accept"))
    async with harness.client(person=person) as client:
        for uri in ("po://connection", "po://orders/open", "po://orders/PO-2025-0042"):
            await client.read_resource(uri)

    assert person.asked == []
    assert harness.wire.writes == []
