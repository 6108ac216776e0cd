"""Each control of what is ordered, shown and opened is taken away in turn, and the damage that it prevents is done.

The ERPs are on the wire; the intact program is run beside each mutant.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import ElicitRequestFormParams

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.connectors import lookup, numbers, pages
from po_mcp.connectors.inventory_pro import client as inventory_pro_client
from po_mcp.connectors.inventory_pro import translate
from po_mcp.desk import (
    catalog,
    create_order,
    create_reasons,
    exactness,
    latest_orders,
    list_orders,
    numbering,
    order_pages,
    overdue,
    pricing,
    receipts,
    resolving,
    similar_numbers,
)
from po_mcp.desk.current_entries import Current
from po_mcp.desk.matching import Index
from po_mcp.orders import OrderLine, PurchaseOrder
from po_mcp.writes import comparison, order_text
from po_mcp.writes.journal import queries
from po_mcp.writes.outcomes import OutcomeWriter
from tests.harness import REAL, PersonWithoutBrowser, Reply, ScriptedPerson, accept, outcome, text
from tests.tools.small_erps import (
    Answer,
    Row,
    SmallERP,
    SmallExsited,
    SmallInventoryPro,
    exsited_line,
    exsited_order,
    line,
    order,
)

Patch = pytest.MonkeyPatch
CREATE, GET, LIST = "create_purchase_order", "get_purchase_order", "list_purchase_orders"
FINALIZE = "finalize_purchase_order"
BOLTS: Row = {"item": "BOLT-M8-30", "quantity": "5", "unit_price": "0.45", "warehouse": "1"}


@dataclass(frozen=True)
class Place:
    """Where one run keeps its files."""

    folder: Path

    @asynccontextmanager
    async def client(self, erp: SmallERP, person: ScriptedPerson | None = None, **more: Any) -> AsyncIterator[Client]:
        own: dict[str, Any] = {**REAL, "journal": str(self.folder / "journal.db"), **more}
        own |= {"erp": "exsited", "redirect_uri": "https://x/"} if isinstance(erp, SmallExsited) else {}
        async with Client(build_server(Settings(**own), erp=erp.connect()), elicitation_callback=person) as client:
            yield client

    def let_an_hour_pass(self) -> None:
        """Make the lists that are kept on disk an hour older."""
        for path in (self.folder / "po-mcp").glob("catalog-*.json"):
            content = json.loads(path.read_text())
            path.write_text(json.dumps({**content, "read_at": content["read_at"] - 3600}))


Damage = Callable[[Place], Awaitable[bool]]


def takes_the_last(params: ElicitRequestFormParams) -> Reply:
    """Take the last choice: the most damaging one."""
    [(name, field)] = params.requested_schema["properties"].items()
    return accept(**{name: field["oneOf"][-1]["const"]})


def build_call(**line: Any) -> dict[str, Any]:
    return {"vendor": "Acme Fasteners", "number": "PO-9", "lines": [{**BOLTS, **line}]}


def name_items(*names: str) -> list[Row]:
    return [{"partNo": 5000 + at, "shortID": f"P{at}", "description": name} for at, name in enumerate(names)]


# The damage


async def another_item_in_silence(place: Place) -> bool:
    """Twelve inches are asked for, and there is half an inch. Damage: that is ordered, and nobody was asked."""
    erp = SmallInventoryPro(items=name_items("1/2in Hydraulic Hose"))
    async with place.client(erp) as client:
        await client.call_tool(CREATE, build_call(item="12in hydraulic hose"))
    return bool(erp.sent)


async def another_unit_in_silence(place: Place) -> bool:
    """Damage: a shunt of 1 MΩ where one of 1 mΩ was asked for."""
    erp = SmallInventoryPro(items=name_items("Shunt resistor 1 MΩ"))
    async with place.client(erp) as client:
        await client.call_tool(CREATE, build_call(item="Shunt resistor 1 mΩ"))
    return bool(erp.sent)


async def an_order_for_nothing(place: Place) -> bool:
    """Damage: a price of 0 is sent, and nobody was asked."""
    erp = SmallInventoryPro()
    async with place.client(erp) as client:
        await client.call_tool(CREATE, build_call(unit_price="0.00"))
    return bool(erp.sent)


async def a_thousand_that_is_one(place: Place) -> bool:
    """Damage: 1.000 is sent as 1, and nobody was asked."""
    erp = SmallInventoryPro()
    async with place.client(erp) as client:
        await client.call_tool(CREATE, build_call(quantity="1.000"))
    return bool(erp.sent)


async def price_of(place: Place, erp: SmallERP, **line: Any) -> str:
    """Return what a person is asked about an order without a price, and decline it."""
    person = ScriptedPerson(lambda params: accept(decision="no"))
    async with place.client(erp, person) as client:
        asked = build_call(unit_price=None, **line)
        await client.call_tool(CREATE, asked)
    return "\n".join(one.message for one in person.asked)


async def a_free_line_as_the_last_price(place: Place) -> bool:
    """Damage: 0 is proposed, from a line that was free."""
    orders = [order("PO-1", orderDate="2026-10-01T00:00:00Z"), order("PO-2", line(price="0"))]
    return " at 0.00" in await price_of(place, SmallInventoryPro(orders=orders))


async def a_price_of_a_cancelled_order(place: Place) -> bool:
    """Damage: a price is proposed that was called off."""
    orders = [
        order("PO-1", orderDate="2026-10-01T00:00:00Z"),
        order("PO-2", line(price="9.99"), status="Canceled"),
    ]
    return " at 9.99" in await price_of(place, SmallInventoryPro(orders=orders))


async def a_price_in_another_currency(place: Place) -> bool:
    """Damage: 9.99 is proposed in AUD, and was paid in USD."""
    paid = exsited_order("PO-2", exsited_line(price="9.990000"), currency={"name": "USD"})
    first = exsited_order("PO-1", issue_date="2026-10-01T00:00:00Z")
    return " at 9.99" in await price_of(place, SmallExsited(orders=[first, paid]), item="Bolt", warehouse=None)


async def amounts_without_their_currency(place: Place) -> bool:
    """Damage: a person reads amounts without a currency."""
    erp = SmallExsited(orders=[exsited_order("PO-1")])
    return "at 0.45 =" in await price_of(place, erp, item="Bolt", warehouse=None)


async def a_number_of_the_books(place: Place, numbers: Sequence[str]) -> set[str]:
    """Order without a number, and return the number that was taken."""
    erp = SmallInventoryPro(
        orders=[order(one, orderDate=f"2026-11-{at:02}T00:00:00Z") for at, one in enumerate(numbers, 1)]
    )
    async with place.client(erp) as client:
        await client.call_tool(CREATE, {**build_call(), "number": None})
    return set(erp.book) - set(numbers)


async def a_number_that_extends_another(place: Place) -> bool:
    """Damage: a new order of its own gets a number that reads as a part of another order."""
    return "PO-2-4" in await a_number_of_the_books(place, ["PO-2", "PO-2-1", "PO-2-2", "PO-2-3"])


async def the_number_of_a_backorder(place: Place) -> bool:
    """Damage: a new order gets the next number of somebody's backorders."""
    return "PO-2-BO3" in await a_number_of_the_books(place, ["PO-2", "PO-2-BO1", "PO-2-BO2"])


async def a_relay_that_leads_to_another_order(place: Place) -> bool:
    """A relay reads PO/1 as PO-1. Damage: the person is shown that order, and PO/1 is closed."""
    erp = SmallInventoryPro(orders=[order("PO-1")], fold_number=lambda number: number.replace("/", "-"))
    async with place.client(erp, ScriptedPerson(takes_the_last)) as client:
        await client.call_tool("finalize_purchase_order", {"number": "PO/1"})
    return bool(erp.sent)


async def an_absence_that_a_relay_made_up(place: Place) -> bool:
    """A relay answers every encoded / with 404. Damage: an order that is there is said not to be."""

    class Relay(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            is_cut = "%2F" in path
            return (
                (404, {"statusCode": 404, "error": "not_found"})
                if is_cut
                else super().answer(method, path, query, body)
            )

    async with place.client(Relay(orders=[order("PO/1", status="Closed")])) as client:
        return "has no order PO/1" in text(await client.call_tool(GET, {"number": "PO/1"}))


async def pages_of_two_orders_in_one(place: Place) -> bool:
    """An order loses a line while it is read page by page. Damage: the pages miss a line, and no note says so."""
    erp = SmallInventoryPro(orders=[order("PO-1", *(line(lineNo=at, units=at) for at in range(1, 201)))])
    async with place.client(erp) as client:
        first = outcome(await client.call_tool(GET, {"number": "PO-1"}))
        del erp.book["PO-1"]["lines"][0]
        later = await client.call_tool(GET, {"number": "PO-1", "cursor": first["next_cursor"]})
    return not later.is_error


async def an_item_that_was_discontinued_meanwhile(place: Place) -> bool:
    """The list on disk is an hour old. Damage: what it names is ordered as it was then."""
    erp = SmallInventoryPro()
    async with place.client(erp) as client:
        for kind in ("item", "vendor", "warehouse"):
            await client.call_tool("search_catalog", {"kind": kind})
    place.let_an_hour_pass()
    erp.items = [{**one, "discontinued": True} for one in erp.items]
    async with place.client(erp) as client:
        await client.call_tool(CREATE, build_call())
    return bool(erp.sent)


async def a_status_that_is_left_out_in_silence(place: Place) -> bool:
    """Damage: "nothing is overdue", beside an order that is past due."""
    late = order("PO-1", status="Past Due", expectedDate="2026-01-01T00:00:00Z")
    async with place.client(SmallInventoryPro(orders=[late])) as client:
        return "Past Due" not in text(await client.call_tool(LIST, {"overdue": True}))


async def an_order_stored_at_another_price_in_silence(place: Place) -> bool:
    """Damage: the ERP took a price of its own, and no note says so."""
    erp = SmallExsited(store_price=lambda price: Decimal("0.5"))
    async with place.client(erp) as client:
        made = await client.call_tool(CREATE, build_call(item="Bolt", warehouse=None))
    return "0.50 AUD" not in text(made)


async def any_words_in_the_place_of_an_id(place: Place) -> bool:
    """The ERP shows its user no items. Damage: whatever was said is sent as an id."""
    erp = SmallInventoryPro(items=())
    async with place.client(erp, ScriptedPerson(takes_the_last)) as client:
        await client.call_tool(CREATE, build_call(item="some bolts"))
    return bool(erp.sent)


async def one_of_two_items_of_one_id(place: Place) -> bool:
    """Damage: an id is sent that the ERP has given twice, and nobody can tell which it takes."""
    erp = SmallInventoryPro(items=[{**row, "shortID": "P0"} for row in name_items("Pump", "Nut")])
    async with place.client(erp, ScriptedPerson(takes_the_last)) as client:
        await client.call_tool(CREATE, build_call(item="Pump"))
    return bool(erp.sent)


async def a_warehouse_that_is_closed(place: Place) -> bool:
    """Damage: goods are sent to a warehouse none of whose places is active."""

    class Closed(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            status, page = super().answer(method, path, query, body)
            if path == "/Location":
                page["value"] = [{**row, "active": False} for row in page["value"]]
            return status, page

    erp = Closed()
    async with place.client(erp) as client:
        await client.call_tool(CREATE, build_call(warehouse="Main"))
    return bool(erp.sent)


async def a_number_in_silence(place: Place, number: str) -> bool:
    """Create an order under a number beside PO-9, and tell whether that was done without a question."""
    erp = SmallInventoryPro(orders=[order("PO-9")])
    async with place.client(erp) as client:
        await client.call_tool(CREATE, {**build_call(), "number": number})
    return bool(erp.sent)


async def a_number_in_another_case(place: Place) -> bool:
    """Damage: po-9 is created beside PO-9, and nobody was asked."""
    return await a_number_in_silence(place, "po-9")


async def a_number_of_another_width(place: Place) -> bool:
    """Damage: the same in letters of full width."""
    return await a_number_in_silence(place, "\uff30\uff2f\uff0d\uff19")


async def two_operations_on_one_order(place: Place) -> bool:
    """The ERP takes po-1 for PO-1, and writes the number as it was asked for. Damage: two questions, two writes."""

    class Folding(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            status, found = super().answer(method, path, query, body)
            if path.startswith("/PurchaseOrder/"):
                found = {**found, "poNo": path.rpartition("/")[2]}
            return status, found

    erp = Folding(orders=[order("PO-1")], fold_number=str.casefold)
    async with place.client(erp) as client:
        for number in ("PO-1", "po-1"):
            await client.call_tool(FINALIZE, {"number": number})
        waiting = outcome(await client.call_tool("get_operation", {}))
    return len(waiting["operations"]) == 2


async def ask_to_close(place: Place, *lines: Row, **header: Any) -> str:
    """Return what a person is asked about closing an order of these lines."""
    person = ScriptedPerson(lambda params: accept(decision="keep"))
    erp = SmallInventoryPro(orders=[order("PO-1", *lines, status="Partial", **header)])
    async with place.client(erp, person) as client:
        await client.call_tool(FINALIZE, {"number": "PO-1"})
    return person.asked[0].message


async def lines_that_were_kept_back(place: Place) -> bool:
    """The header counts 5 lines, and one came. Damage: all is said to be received."""

    class KeepsBack(SmallInventoryPro):
        def _header(self, order: Row) -> Row:
            return {**super()._header(order), "totalLines": 5}

    person = ScriptedPerson(lambda params: accept(decision="keep"))
    erp = KeepsBack(orders=[order("PO-1", line(received=10), status="Partial")])
    async with place.client(erp, person) as client:
        await client.call_tool(FINALIZE, {"number": "PO-1"})
    return "1 line, all received" in person.asked[0].message


async def a_return_that_is_received(place: Place) -> bool:
    """Damage: of five pieces that go back, all are said to be received."""
    return "1 line, all received" in await ask_to_close(place, line(units=-5, received=0))


async def what_is_outstanding_beside_what_is_not_known(place: Place) -> bool:
    """Damage: of two lines whose receipts are not known nothing is said."""
    shown = await ask_to_close(place, line("A", received=2), line("B", received=None), line("C", received=None))
    return "not known" not in shown


async def an_order_received_in_full_that_is_overdue(place: Place) -> bool:
    """Its status is still Open. Damage: a vendor is chased for goods that are here."""
    late = order("PO-1", line(received=10), status="Open", expectedDate="2026-01-01T00:00:00Z")
    async with place.client(SmallInventoryPro(orders=[late])) as client:
        return bool(outcome(await client.call_tool(LIST, {"overdue": True}))["orders"])


async def a_list_that_costs_a_read_of_each_order(place: Place) -> bool:
    """Damage: the ERP is asked 300 times for one answer."""
    late = [order(f"PO-{number}", expectedDate="2026-01-01T00:00:00Z") for number in range(300)]
    async with place.client(SmallInventoryPro(orders=late)) as client:
        return "not looked up" not in outcome(await client.call_tool(LIST, {"overdue": True}))["note"]


class Stuck(SmallInventoryPro):
    """Gives its first page for every page of orders."""

    def _page(self, rows: Any, query: dict[str, str], most: int) -> Answer:
        return super()._page(rows, {**query, "page": "1"}, most)


async def a_number_that_follows_from_a_part_of_the_orders(place: Place) -> bool:
    """Of 99 orders 50 are read. Damage: the number of a deleted order between two others is given again."""
    erp = Stuck(orders=[order(f"PO-{number:04}") for number in range(1, 101) if number != 51])
    async with place.client(erp) as client:
        made = await client.call_tool(CREATE, {"vendor": "Acme Fasteners", "lines": [BOLTS]})
    return "PO-0051" in text(made)


async def the_next_follow_up(place: Place) -> bool:
    """Damage: a new order reads as the fourth part of order 40."""
    taken = await a_number_of_the_books(place, ["PO-0040.1", "PO-0040.2", "PO-0040.3"])
    return taken == {"PO-0040.4"}


async def the_next_year(place: Place) -> bool:
    """Damage: the year is counted up."""
    return await a_number_of_the_books(place, ["K-2024", "K-2025", "K-2026"]) == {"K-2027"}


async def the_number_of_another_project(place: Place) -> bool:
    """Damage: the next figure of a project that has nothing to do with it."""
    return bool(await a_number_of_the_books(place, ["7781-01", "7781-02", "7781-03"]))


async def the_series_of_another_vendor(place: Place) -> bool:
    """Damage: an order for Acme is called after Bolts Inc."""
    erp = SmallInventoryPro(
        orders=[
            order(f"BOLTS-{at}", vendor="Bolts Inc", orderDate=f"2026-11-{at - 100:02}T00:00:00Z")
            for at in (101, 102, 103)
        ]
    )
    async with place.client(erp) as client:
        await client.call_tool(CREATE, {**build_call(), "number": None})
    return "BOLTS-104" in erp.book


async def an_order_made_by_a_choice_where_the_page_decides(place: Place) -> bool:
    """Damage: what was chosen in a client's form is ordered, though the operator takes no yes from a form."""
    erp = SmallInventoryPro(items=name_items("1/2in Hydraulic Hose"))
    async with place.client(erp, PersonWithoutBrowser(takes_the_last), approval="page") as client:
        await client.call_tool(CREATE, build_call(item="hydraulic hose"))
    return bool(erp.sent)


async def an_order_that_only_the_list_shows(place: Place) -> bool:
    """A gateway answers every encoded number with 404. Damage: an order that is there is said not to be."""

    class Gateway(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            if "%" in path:
                return 404, {"statusCode": 404, "error": "not_found"}
            return super().answer(method, path, query, body)

    async with place.client(Gateway(orders=[order("発注-12")])) as client:
        return "has no order" in text(await client.call_tool(FINALIZE, {"number": "発注-12"}))


async def rows_that_are_left_out_in_silence(place: Place) -> bool:
    """An item cannot be read. Damage: it is not shown, and no note says so."""
    erp = SmallInventoryPro(items=[*name_items("Pump"), {"partNo": 1, "shortID": ["NUT"], "description": "Nut"}])
    async with place.client(erp) as client:
        return "1 item row" not in text(await client.call_tool("search_catalog", {"kind": "item"}))


async def a_catalog_that_ends_where_a_page_is_missing(place: Place) -> bool:
    """The second page is answered with 404. Damage: the first counts as the whole catalog."""

    class Broken(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            if query.get("page") == "2" and path == "/Item/All":
                return 404, {"statusCode": 404, "error": "not_found"}
            status, page = super().answer(method, path, query, body)
            return status, {**page, "totalCount": None} if path == "/Item/All" else page

    erp = Broken(items=name_items("Pump", "Nut", "Bolt"), largest_page=2)
    async with place.client(erp) as client:
        return not (await client.call_tool("search_catalog", {"kind": "item"})).is_error


async def a_deleted_order_that_nothing_was_done_to(place: Place) -> bool:
    """An ERP's cancel deletes, and its answer is odd. Damage: "refused", which means that nothing was changed."""

    class Deleting(SmallExsited):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            if not path.endswith("/cancel"):
                return super().answer(method, path, query, body)
            self.book["PO-1"]["status"] = "DELETED"
            return 200, {"purchase_order": {"id": "PO-1", "status": "DELETED"}}

    async with place.client(Deleting(orders=[exsited_order("PO-1")]), ScriptedPerson(takes_the_last)) as client:
        ended = outcome(await client.call_tool("cancel_purchase_order", {"number": "PO-1"}))
    return bool(ended["status"] == "refused")


# The mutants


def an_empty_list_takes_any_id(patch: Patch) -> None:
    find = resolving._find_matches

    async def find_any(desk: Any, kind: Any, said: str) -> Any:
        return await find(desk, kind, said) if await desk.catalog.entries(kind) else None

    patch.setattr(resolving, "_find_matches", find_any)


def an_id_is_an_id(patch: Patch) -> None:
    async def refuse_none(desk: Any, resolution: Any) -> None:
        return None

    patch.setattr(resolving, "_refuse_shared_ids", refuse_none)


def what_is_inactive_is_active(patch: Patch) -> None:
    patch.setattr(resolving, "_require_active", lambda kind, entries: None)


def numbers_are_what_they_are_written(patch: Patch) -> None:
    for place in (similar_numbers, numbers):
        patch.setattr(place, "fold_number", lambda number: number)


def each_number_is_an_order(patch: Patch) -> None:
    patch.setattr(queries, "live_row_alike", lambda db, names, number: None)


def what_came_is_all(patch: Patch) -> None:
    patch.setattr(PurchaseOrder, "untold_lines", 0)


def a_return_is_as_any_line(patch: Patch) -> None:
    patch.setattr(translate, "compute_outstanding", lambda ordered, received: max(ordered - received, Decimal(0)))


def what_is_not_told_is_nothing(patch: Patch) -> None:
    patch.setattr(PurchaseOrder, "untold_receipts", 0)


def no_order_is_looked_at(patch: Patch) -> None:
    patch.setattr(receipts, "MAX_ORDERS_READ", 0)


def every_order_is_looked_at(patch: Patch) -> None:
    patch.setattr(receipts, "MAX_ORDERS_READ", 10**6)


def a_part_of_the_orders_is_all(patch: Patch) -> None:
    async def scan(self: Any, query: Any) -> Any:
        return (await self._desk.erp.scan_orders(query)).orders

    patch.setattr(latest_orders.LatestOrders, "_scan", scan)


def a_follow_up_counts(patch: Patch) -> None:
    numbers_may_extend_others(patch)


def a_project_counts(patch: Patch) -> None:
    numbers_may_extend_others(patch)


def a_year_counts(patch: Patch) -> None:
    patch.setattr(numbering, "are_years", lambda alike, place, today: False)
    patch.setattr(numbering, "is_part_of_its_date", lambda one, place, parts: False)


def a_series_is_everybodys(patch: Patch) -> None:
    patch.setattr(numbering, "are_another_vendors", lambda alike, vendor: False)


def a_choice_is_a_yes(patch: Patch) -> None:
    find = create_reasons.find_reasons

    async def find_fewer(desk: Any, new: Any, draft: Any, latest: Any) -> Any:
        return await find(desk, replace(new, found=replace(new.found, choice="last")), draft, latest)

    patch.setattr(create_order, "find_reasons", find_fewer)


def a_404_of_a_path_is_an_absence(patch: Patch) -> None:
    async def read_alone(erp: str, number: str, read: Any, read_list: Any, *, lists_all: bool) -> Any:
        return await read()

    patch.setattr(inventory_pro_client, "read_for_write", read_alone)

    async def read_no_list(desk: Any) -> tuple[()]:
        return ()

    patch.setattr(list_orders, "_read_list_in_time", read_no_list)  # which is held against it, too


def nothing_is_missing_in_a_list(patch: Patch) -> None:
    patch.setattr(catalog, "count_left_out", lambda entries: 0)


def a_missing_page_is_the_end(patch: Patch) -> None:
    result = pages.RowCollector.result
    patch.setattr(pages.RowCollector, "result", lambda self: replace(result(self), is_short=False))


def the_best_match_is_taken(patch: Patch) -> None:
    def find_best(self: Index[Any], said: str) -> Any:
        return next((match.entry for match in self.find(said)), None)

    patch.setattr(Index, "find_exact", find_best)


def case_never_counts(patch: Patch) -> None:
    patch.setattr(exactness, "_case_is_free", lambda runs, place: True)


def a_price_of_nothing_is_a_price(patch: Patch) -> None:
    patch.setattr(pricing, "explain_zero_prices", lambda asked, found: [])


def figures_are_never_doubted(patch: Patch) -> None:
    patch.setattr(create_reasons, "find_doubtful_figures", lambda asked, currency: ())


def every_line_has_a_price(patch: Patch) -> None:
    def all_lines(order: PurchaseOrder, *_: object) -> dict[str, OrderLine]:
        return {one.item: one for one in order.lines or () if one.unit_price is not None}

    patch.setattr(pricing, "_find_priced_lines", all_lines)


def every_order_was_bought(patch: Patch) -> None:
    patch.setattr(pricing, "_BOUGHT_STATUSES", frozenset({"open", "partial", "closed", "cancelled", "draft"}))


def money_is_money(patch: Patch) -> None:
    patch.setattr(pricing, "_is_in_currency", lambda order, currency: True)


def no_currency_is_written(patch: Patch) -> None:
    patch.setattr(order_text, "in_currency", lambda text, currency: text)


def numbers_may_extend_others(patch: Patch) -> None:
    async def extends_nothing(desk: Any, number: str, start: int, stop: int) -> bool:
        return False

    for place in (numbering, similar_numbers):
        patch.setattr(place, "find_extended_number", lambda number, known: None)
    patch.setattr(numbering, "runs_in_doubt", lambda alike, place: False)
    patch.setattr(numbering, "_extends_an_order", extends_nothing)


def a_backorder_is_an_order_as_any(patch: Patch) -> None:
    numbers_may_extend_others(patch)
    patch.setattr(numbering, "strip_follow_up", lambda number, known: number)


def any_order_in_the_body_is_ours(patch: Patch) -> None:
    patch.setattr(translate, "_check_same_number", lambda echoed, number, *, in_any_case: None)


def every_404_is_an_absence(patch: Patch) -> None:
    patch.setattr(lookup, "is_plain", lambda number: True)


def a_cursor_is_a_place_alone(patch: Patch) -> None:
    patch.setattr(order_pages, "digest_of", lambda value: 64 * "0")


def a_list_is_as_good_as_the_erp(patch: Patch) -> None:
    async def nothing_newer(catalog: object, kind: object, named: object) -> Current:
        return Current()

    patch.setattr(resolving, "read_current", nothing_newer)


def what_is_not_known_is_left_out(patch: Patch) -> None:
    patch.setattr(overdue, "describe_unknown", lambda orders: [])


def what_differs_is_not_said(patch: Patch) -> None:
    patch.setattr(comparison, "_differences", lambda draft, order: ())


def what_ended_otherwise_was_not_done(patch: Patch) -> None:
    patch.setattr(OutcomeWriter, "conflict", OutcomeWriter.not_done)


MUTANTS: list[tuple[Callable[[Patch], None], Damage]] = [
    (what_ended_otherwise_was_not_done, a_deleted_order_that_nothing_was_done_to),
    (the_best_match_is_taken, another_item_in_silence),
    (case_never_counts, another_unit_in_silence),
    (a_price_of_nothing_is_a_price, an_order_for_nothing),
    (figures_are_never_doubted, a_thousand_that_is_one),
    (every_line_has_a_price, a_free_line_as_the_last_price),
    (every_order_was_bought, a_price_of_a_cancelled_order),
    (money_is_money, a_price_in_another_currency),
    (no_currency_is_written, amounts_without_their_currency),
    (numbers_may_extend_others, a_number_that_extends_another),
    (a_backorder_is_an_order_as_any, the_number_of_a_backorder),
    (any_order_in_the_body_is_ours, a_relay_that_leads_to_another_order),
    (every_404_is_an_absence, an_absence_that_a_relay_made_up),
    (a_cursor_is_a_place_alone, pages_of_two_orders_in_one),
    (a_list_is_as_good_as_the_erp, an_item_that_was_discontinued_meanwhile),
    (what_is_not_known_is_left_out, a_status_that_is_left_out_in_silence),
    (what_differs_is_not_said, an_order_stored_at_another_price_in_silence),
    (an_empty_list_takes_any_id, any_words_in_the_place_of_an_id),
    (an_id_is_an_id, one_of_two_items_of_one_id),
    (what_is_inactive_is_active, a_warehouse_that_is_closed),
    (numbers_are_what_they_are_written, a_number_in_another_case),
    (numbers_are_what_they_are_written, a_number_of_another_width),
    (each_number_is_an_order, two_operations_on_one_order),
    (what_came_is_all, lines_that_were_kept_back),
    (a_return_is_as_any_line, a_return_that_is_received),
    (what_is_not_told_is_nothing, what_is_outstanding_beside_what_is_not_known),
    (no_order_is_looked_at, an_order_received_in_full_that_is_overdue),
    (every_order_is_looked_at, a_list_that_costs_a_read_of_each_order),
    (a_part_of_the_orders_is_all, a_number_that_follows_from_a_part_of_the_orders),
    (a_follow_up_counts, the_next_follow_up),
    (a_year_counts, the_next_year),
    (a_project_counts, the_number_of_another_project),
    (a_series_is_everybodys, the_series_of_another_vendor),
    (a_choice_is_a_yes, an_order_made_by_a_choice_where_the_page_decides),
    (a_404_of_a_path_is_an_absence, an_order_that_only_the_list_shows),
    (nothing_is_missing_in_a_list, rows_that_are_left_out_in_silence),
    (a_missing_page_is_the_end, a_catalog_that_ends_where_a_page_is_missing),
]


@pytest.mark.parametrize(("mutant", "damage"), MUTANTS, ids=lambda value: value.__name__)
async def test_damage_is_done_only_without_its_control(
    mutant: Callable[[Patch], None], damage: Damage, tmp_path: Path
) -> None:
    done: list[bool] = []
    for is_mutated in (False, True):
        folder = tmp_path / str(is_mutated)
        folder.mkdir()
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(folder))
            if is_mutated:
                mutant(patch)
            done.append(await damage(Place(folder)))

    assert done == [False, True]
