"""Any order of the book can be read, whatever its number is made of and whatever a relay makes of the path."""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest

from po_mcp.connectors import numbers
from po_mcp.connectors.exsited import Exsited
from po_mcp.connectors.http import exact_json
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.erp import ERP, Guarded
from po_mcp.errors import BadAnswer, OrderNotFound
from po_mcp.orders import OrderLine, PurchaseOrder

ODD = ["PO/2026/0001", "PO#7", "Bestellung 7", "PÖ-7", "注文-7", "50%", "a;b", "a?b", "a\\b", "PO-1,2", "(7)"]
ODD += ["a/b/../c", "../v1/Vendor"]
PLAIN = "PO-1"


def passes_on(raw: str) -> str:
    return raw


def decodes_slashes(raw: str) -> str:
    """Decode slashes and clean the path, as gateways do by default."""
    return posixpath.normpath(raw.replace("%2F", "/"))


def answers_404(raw: str) -> str | None:
    """Answer 404 to every path with an encoded slash, backslash, blank, percent or semicolon."""
    return None if any(code in raw for code in ("%2F", "%5C", "%20", "%25", "%3B")) else raw


class Relay(httpx2.AsyncBaseTransport):
    """Both vendors' ERPs over one book, behind a gateway.

    The gateway takes a raw path and returns the one that the ERP gets, or None where it answers 404 itself.
    """

    def __init__(self, book: list[str], gateway: Callable[[str], str | None] = passes_on) -> None:
        self.book = book
        self.paths: list[str] = []
        self.writes = 0
        self._gateway = gateway

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        raw = request.url.raw_path.decode().partition("?")[0]
        if raw.casefold().endswith("token"):
            return answer(200, {"access_token": "token-1", "expires_in": 3600})
        self.paths.append(raw)
        passed = self._gateway(raw)
        if passed is None:
            return answer(404)
        if request.method != "GET":
            self.writes += 1
            return answer(204)
        return self._read(passed, [unquote(piece) for piece in passed.split("/")][3:])

    def _read(self, path: str, pieces: list[str]) -> httpx2.Response:
        match pieces:
            case ["PurchaseOrder" | "purchase-orders"]:
                return answer_list(self.book, path)
            case ["PurchaseOrder", number] if number in self.book:
                return answer(200, inventory_pro_order(number) | {"lines": []})
            case ["purchase-orders", number] if number in self.book:
                return answer(200, {"purchase_order": exsited_order(number)})
            case ["purchase-orders", _, "item-receipts" | "purchase-invoices" as name]:
                return answer(200, {name.replace("-", "_"): [], "pagination": {"records": 0, "offset": 0}})
        return answer(404)


def inventory_pro_order(number: str) -> dict[str, Any]:
    return {"poNo": number, "status": "Open", "vendor": "Acme", "totalLines": 1, "totalValue": 5}


def exsited_order(number: str) -> dict[str, Any]:
    return {"id": number, "status": "ACTIVE", "account_id": "LHROM9", "lines": [{"item_id": "A", "item_quantity": "2"}]}


def answer_list(book: list[str], path: str) -> httpx2.Response:
    if path.startswith("/api/v1"):
        rows = list(map(inventory_pro_order, book))
        return answer(200, {"value": rows, "totalCount": len(rows), "page": 1, "pageSize": 50, "hasMore": False})
    records = {"records": len(book), "offset": 0}
    return answer(200, {"purchase_orders": list(map(exsited_order, book)), "pagination": records})


def answer(status: int, body: object = None) -> httpx2.Response:
    return httpx2.Response(status, stream=httpx2.ByteStream(b"" if body is None else exact_json.dumps(body)))


def connections(relay: Relay) -> list[ERP]:
    return [
        InventoryPro("http://erp.invalid", "client", "secret", transport=relay),
        Exsited("http://erp.invalid", "client", "secret", "r", transport=relay),
    ]


@pytest.mark.parametrize("number", ODD)
@pytest.mark.parametrize("gateway", [passes_on, decodes_slashes, answers_404])
async def test_an_order_of_any_number_is_read(number: str, gateway: Callable[[str], str | None]) -> None:
    for erp in connections(Relay([PLAIN, number], gateway)):
        found = await erp.get_order(number)

        assert (found.number, found.status) == (number, "open")
        await erp.aclose()


@pytest.mark.parametrize("number", [one for one in ODD if not numbers.leaves_its_path(one)])
async def test_an_order_number_stays_a_single_segment_of_the_path(number: str) -> None:
    relay = Relay([number])
    for erp in connections(relay):
        await erp.get_order(number)
        await erp.aclose()

    assert [path.count("/") for path in relay.paths] == [4, 4, 5]


async def test_an_order_shown_by_the_list_only_has_the_fields_of_the_list() -> None:
    by_header, by_lines = connections(Relay(["PO/7"], answers_404))

    first, second = await by_header.get_order("PO/7"), await by_lines.get_order("PO/7")

    assert first == PurchaseOrder(
        number="PO/7", vendor="Acme", status="open", status_text="Open", line_count=1, total=Decimal(5)
    )
    assert second.lines == (OrderLine(line=1, item="A", quantity=Decimal(2)),)


@pytest.mark.parametrize("number", ["PO/7", "a\\b", "50%"])
async def test_no_guarded_write_is_decided_on_an_order_that_only_the_list_shows(number: str) -> None:
    relay = Relay([number], answers_404)
    inventory_pro, exsited = connections(relay)
    with pytest.raises(
        BadAnswer, match=r"lists order .*, but it cannot be changed here: .*Open it in Inventory Pro itself"
    ):
        await inventory_pro.snapshot(number, "finalize")
    operations: tuple[Guarded, ...] = ("delete", "cancel")
    for operation in operations:
        with pytest.raises(BadAnswer, match=r"cannot be (opened or )?changed here"):
            await exsited.snapshot(number, operation)
    assert relay.writes == 0


async def test_a_relay_that_leads_to_another_order_is_noticed() -> None:
    relay = Relay([PLAIN, "PO/7"], lambda raw: raw.replace("PO%2F7", PLAIN))
    for erp in connections(relay):
        assert (await erp.get_order("PO/7")).number == "PO/7"
        operation: Guarded = "finalize" if isinstance(erp, InventoryPro) else "delete"
        with pytest.raises(BadAnswer, match=r"cannot be (opened or )?changed here"):
            await erp.snapshot("PO/7", operation)


async def test_a_guarded_write_sends_an_odd_number_in_a_single_segment() -> None:
    relay = Relay(["PO/7 ü"])
    exsited = connections(relay)[1]
    assert (await exsited.snapshot("PO/7 ü", "delete")).order.number == "PO/7 ü"
    await exsited.delete_order("PO/7 ü")
    await exsited.cancel_order("PO/7 ü")

    path = "/api/v3/purchase-orders/PO%2F7%20%C3%BC"
    assert relay.paths[-2:] == [path, f"{path}/cancel"]


async def test_an_order_that_neither_the_path_nor_the_list_shows() -> None:
    inventory_pro, exsited = connections(Relay([PLAIN], answers_404))

    with pytest.raises(OrderNotFound):
        await exsited.get_order("PO/7")  # its list shows every order
    with pytest.raises(OrderNotFound):
        await inventory_pro.get_order("PÖ 7")
    with pytest.raises(BadAnswer, match=r"Whether there is an order PO/7 is not known: .* the characters / in"):
        await inventory_pro.get_order("PO/7")  # its list leaves closed orders out
    with pytest.raises(BadAnswer, match=r"it cannot be opened or changed here: an address with its number may lead"):
        await inventory_pro.get_order("a/../b")


async def test_of_an_erp_that_takes_any_number_nothing_else_is_said() -> None:
    """A 404 of the ERP looks as that of a gateway: neither is claimed."""
    inventory_pro = connections(Relay([PLAIN, "PO/8"]))[0]
    assert (await inventory_pro.get_order("PO/8")).number == "PO/8"

    for read in (inventory_pro.get_order("PO/7"), inventory_pro.snapshot("PO/7", "finalize")):
        with pytest.raises(BadAnswer, match="Whether there is an order PO/7 is not known"):
            await read


async def test_a_number_in_other_letter_case_matches_where_allowed() -> None:
    for erp in connections(Relay(["RUSH-7"], lambda raw: raw.replace("rush", "RUSH"))):
        with pytest.raises(BadAnswer, match="writes this order's number in other letters: RUSH-7"):
            await erp.get_order("rush-7")
        assert (await erp.get_order("rush-7", in_any_case=True)).number == "RUSH-7"
        await erp.aclose()
