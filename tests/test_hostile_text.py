"""Whatever text an ERP sends, in whichever field: no unseen character reaches a model, a person or a log.

Each of the 2,278 control, format, surrogate and separator code points, and the default-ignorable
ones, is put into every text field of both vendors' answers, and whatever leaves the server is searched.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx2
import pytest
from mcp import Client
from mcp.types import ElicitRequestFormParams, PromptReference, ResourceTemplateReference, TextResourceContents

from po_mcp.bootstrap import build_server
from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.erp import ERP
from po_mcp.server import completions
from po_mcp.writes.order_text import HEAD_COLUMNS, ITEMS_COLUMNS, OPTION_COLUMNS, TITLE_COLUMNS, columns
from tests.harness import ERAS, IN_MEMORY, MODES, ScriptedPerson, accept, text
from tests.unseen import unseen

UNSEEN = unseen()
CHUNK = 50  # a field is cut after 500 characters, each of these is written out in up to 9
CHUNKS = ["".join(map(chr, UNSEEN[at : at + CHUNK])) for at in range(0, len(UNSEEN), CHUNK)]

KEPT = frozenset({"poNo", "id", "number", "orderDate", "expectedDate", "issue_date", "status", "type", "uuid"})
"""Fields that an order is recognised by, dates, and the status (which blocks a write where it is not known)."""


def hostile(value: Any, insert: str, key: str = "") -> Any:
    """The same JSON, `insert` put into every text of it that is only shown."""
    if isinstance(value, dict):
        return {name: hostile(inner, insert, name) for name, inner in value.items()}
    if isinstance(value, list):
        return [hostile(inner, insert, key) for inner in value]
    return f"a{insert}b" if isinstance(value, str) and key not in KEPT and not _number(value) else value


def _number(text: str) -> bool:
    return text.replace(".", "").isdigit()


IP_LINE = {
    "lineNo": 1,
    "shortID": "BOLT",
    "description": "Bolt",
    "units": 10,
    "unitsReceived": 4,
    "unitPrice": 1,
    "warehouse": 1,
    "warehouseName": "Main",
}
IP_ORDER = {
    "poNo": "PO-1",
    "vendor": "Acme",
    "orderDate": "2025-05-15T00:00:00Z",
    "expectedDate": None,
    "status": "Partial",
    "totalLines": 1,
    "totalValue": 10,
    "lines": [IP_LINE],
}
IP_VENDOR = {"vendorID": 12, "shortID": "ACME", "name": "Acme", "active": True}
IP_ITEM = {"shortID": "BOLT", "description": "Bolt", "uOM": "pc", "discontinued": False}
EX_LINE = {
    "uuid": "u",
    "item_id": "ITEM",
    "item_name": "Bolt",
    "item_quantity": "10.000000",
    "item_order_quantity": "10.000000",
    "total": "10.000000",
    "item_price_snapshot": {"pricing_rule": {"price": "1.000000", "uom": "pc", "warehouse": "Main"}},
}
EX_ORDER = {
    "id": "PO-1",
    "uuid": "u",
    "version": "1",
    "status": "ACTIVE",
    "account_id": "LHROM9",
    "currency": {"name": "EUR"},
    "issue_date": "2025-05-15T00:00:00Z",
    "total": "10.000000",
    "lines": [EX_LINE],
}
EX_NAMED = {"id": "LHROM9", "name": "Acme", "display_name": "Acme", "currency": "EUR", "status": "ACTIVE"}
NO_PAGES = {"records": 0, "limit": 100, "offset": 0, "previous_page": "", "next_page": "NULL"}


class Insert:
    """What is put into the texts; a test changes it while the server runs."""

    def __init__(self, text: str = "") -> None:
        self.text = text


def inventory_pro(inserted: Insert) -> ERP:
    def answer(request: httpx2.Request) -> httpx2.Response:
        path, insert = request.url.path, inserted.text
        if path.endswith("/Token"):
            return _json({"access_token": "t", "expires_in": 9999})
        if path.endswith("/Finalize"):
            return _json({"poNo": "PO-1", "status": "Closed", "backorderCreated": True, "backorderPoNo": f"B{insert}"})
        if path.endswith("/PurchaseOrder"):
            row = {name: value for name, value in IP_ORDER.items() if name != "lines"}
            return _json({"value": [hostile(row, insert)], **_one_page(request)})
        if path.endswith(("/Vendor/All", "/Item", "/Item/All")):
            named = IP_VENDOR if path.endswith("/Vendor/All") else IP_ITEM
            return _json({"value": [hostile(named, insert)], **_one_page(request)})
        return _json(hostile(IP_ORDER, insert))

    return InventoryPro("http://localhost", "id", "secret", transport=httpx2.MockTransport(answer))


def exsited(inserted: Insert) -> ERP:
    def answer(request: httpx2.Request) -> httpx2.Response:
        path, insert = request.url.path, inserted.text
        if path.endswith("/token"):
            return _json({"access_token": "t", "expires_in": 9999})
        if path.endswith("/purchase-invoices"):
            return _json({"purchase_invoices": [], "pagination": NO_PAGES})
        if path.endswith("/item-receipts"):
            return _json({"purchase_order": {"item_receipts": [], "pagination": NO_PAGES}})
        if path.endswith("/purchase-orders"):
            pagination = {**NO_PAGES, "records": 1, "limit": int(request.url.params["limit"])}
            return _json({"purchase_orders": [hostile(EX_ORDER, insert)], "pagination": pagination})
        if path.endswith(("/accounts", "/items")):
            noun = path.rpartition("/")[2]
            return _json({noun: [hostile(EX_NAMED, insert)], "pagination": {**NO_PAGES, "records": 1}})
        if request.method == "DELETE" or path.endswith("/cancel"):
            return _json({"errors": [{"code": f"no{insert}", "message": f"no{insert}"}]}, 409)
        return _json({"purchase_order": hostile(EX_ORDER, insert)})

    return Exsited("http://localhost", "id", "secret", "https://r", transport=httpx2.MockTransport(answer))


def _one_page(request: httpx2.Request) -> dict[str, Any]:
    size = int(request.url.params["pageSize"])
    return {"totalCount": 1, "page": 1, "pageSize": size, "pageCount": 1, "hasMore": False}


def _json(value: Any, status: int = 200) -> httpx2.Response:
    """A body that is still to be read, its surrogates written as JSON escapes, which is how they arrive."""
    return httpx2.Response(status, stream=httpx2.ByteStream(json.dumps(value).encode()))


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from (key, *strings(inner))
    elif isinstance(value, list):
        for inner in value:
            yield from strings(inner)


CALLS: dict[Callable[[Insert], ERP], list[tuple[str, dict[str, Any], dict[str, Any]]]] = {
    inventory_pro: [
        ("list_purchase_orders", {}, {}),
        ("get_purchase_order", {"number": "PO-1"}, {}),
        ("finalize_purchase_order", {"number": "PO-1"}, {"decision": "backorder"}),
    ],
    exsited: [
        ("list_purchase_orders", {}, {}),
        ("get_purchase_order", {"number": "PO-1"}, {}),
        ("cancel_purchase_order", {"number": "PO-1"}, {"decision": "cancel"}),
        ("delete_purchase_order", {"number": "PO-1"}, {"order_number": "PO-1"}),
    ],
}


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("make", CALLS, ids=lambda make: make.__name__)
async def test_no_unseen_character_leaves_the_server(
    make: Callable[[Insert], ERP], era: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="po_mcp")
    survivors: set[str] = set()
    broken: list[str] = []
    searched = asked = 0
    inserted, person = Insert(), ScriptedPerson(accept())
    async with Client(
        build_server(IN_MEMORY, erp=make(inserted)), mode=MODES[era], elicitation_callback=person
    ) as client:
        for inserted.text in CHUNKS:
            for tool, arguments, content in CALLS[make]:
                person.reply = accept(**content)
                person.asked.clear()
                caplog.clear()
                result = await client.call_tool(tool, arguments)
                broken += [params.message for params in person.asked if not is_readable(params)]
                asked += len(person.asked)
                left = [*strings(result.structured_content), text(result)]
                left += [string for params in person.asked for string in strings(params.model_dump(mode="json"))]
                left += [record.getMessage() for record in caplog.records]
                # Our own line ends are there; that one of the ERP's adds none is the next test.
                survivors |= {one for string in left for one in string if one in inserted.text and one != "\n"}
                searched += len(left)

    assert survivors == set()
    assert broken == []
    assert asked >= len(CHUNKS)
    assert len(UNSEEN) >= 2_278
    assert searched > len(CHUNKS) * 3 * 10


def is_readable(params: ElicitRequestFormParams) -> bool:
    """Tell whether number, effect, amount and vendor stand in the three lines of 74 columns that every host draws."""
    rows = params.message.split("\n")
    [field] = params.requested_schema["properties"].values()
    options = [option["title"] for option in field.get("oneOf", [])]
    return (
        re.match(r"(Close|Cancel|Delete) order PO-1\b.*\? (This cannot be undone|It can be reactivated)", rows[0])
        is not None
        and rows[1].startswith("Total 10.00")
        and re.match(r"Vendor( \(CAUTION: .*?\))?: a", rows[2]) is not None
        and all(columns(row) <= HEAD_COLUMNS and row.isprintable() for row in rows)
        and "PO-1" in field["title"]
        and columns(field["title"]) <= TITLE_COLUMNS
        and columns(field["description"]) <= ITEMS_COLUMNS
        and all(columns(label) <= OPTION_COLUMNS for label in options)
        and (not options or options[0].startswith("No, "))
    )


RESOURCES = ("po://connection", "po://orders/open", "po://orders/PO-1")
PROMPTS = {"new_order_from_quote": ("vendor", "item", "quote"), "overdue_this_week": ("vendor",)}


async def beside_the_tools(client: Client, insert: str) -> list[str]:
    """All that resources, completion and prompts tell; the prompts are given the text, as if it had been completed."""
    said: list[str] = []
    for uri in RESOURCES:
        [content] = (await client.read_resource(uri)).contents
        assert isinstance(content, TextResourceContents)
        said += strings(json.loads(content.text))
    for ref, name in (
        (ResourceTemplateReference(type="ref/resource", uri="po://orders/{number}"), "number"),
        (PromptReference(type="ref/prompt", name="new_order_from_quote"), "vendor"),
        (PromptReference(type="ref/prompt", name="new_order_from_quote"), "item"),
    ):
        values = (await client.complete(ref, {"name": name, "value": ""})).completion.values
        assert len(values) == 1, name
        said += values
    for name, arguments in PROMPTS.items():
        got = await client.get_prompt(name, dict.fromkeys(arguments, f"a{insert}b"))
        said += [message.content.text for message in got.messages if message.content.type == "text"]
    return said


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("make", CALLS, ids=lambda make: make.__name__)
async def test_no_unseen_character_leaves_by_a_resource_a_completion_or_a_prompt(
    make: Callable[[Insert], ERP], era: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG, logger="po_mcp")
    monkeypatch.setattr(completions, "CACHE_TTL_S", 0.0)
    survivors: set[str] = set()
    written_out = 0
    inserted = Insert()
    async with Client(build_server(IN_MEMORY, erp=make(inserted)), mode=MODES[era]) as client:
        for inserted.text in CHUNKS:
            sendable = inserted.text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
            said = await beside_the_tools(client, sendable)
            said += [record.getMessage() for record in caplog.records]
            survivors |= {one for string in said for one in string if one in inserted.text and one != "\n"}
            written_out += sum(string.count("\\u{") for string in said)

    assert survivors == set()
    assert written_out > len(UNSEEN)


@pytest.mark.parametrize("make", CALLS, ids=lambda make: make.__name__)
async def test_a_line_end_in_a_name_adds_no_line(make: Callable[[Insert], ERP]) -> None:
    shapes = set()
    for insert in ("", "\n", "\r\n", "\u2028", "\x85"):
        tool, arguments, content = CALLS[make][-1]
        person = ScriptedPerson(accept(**content))
        async with Client(build_server(IN_MEMORY, erp=make(Insert(insert))), elicitation_callback=person) as client:
            result = await client.call_tool(tool, arguments)
        shapes.add((person.asked[0].message.count("\n"), text(result).count("\n")))

    assert len(shapes) == 1
