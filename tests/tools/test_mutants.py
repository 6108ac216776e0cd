"""Each control of what is ordered, shown and opened is taken away in turn, and the damage that it prevents is done.

The ERPs are on the wire; the intact program is run beside each mutant.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import ElicitRequestFormParams

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.connectors import lookup
from po_mcp.connectors.inventory_pro import translate
from po_mcp.desk import create_order, exactness, numbering, order_pages, overdue, pricing, resolving
from po_mcp.desk.current_entries import Current
from po_mcp.desk.matching import Index
from po_mcp.orders import OrderLine, PurchaseOrder
from po_mcp.writes import comparison, order_text
from tests.harness import REAL, Reply, ScriptedPerson, accept, outcome, text
from tests.tools.small_erps import (
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


def called(**line: Any) -> dict[str, Any]:
    return {"vendor": "Acme Fasteners", "number": "PO-9", "lines": [{**BOLTS, **line}]}


def named(*names: str) -> list[Row]:
    return [{"partNo": 5000 + at, "shortID": f"P{at}", "description": name} for at, name in enumerate(names)]


# The damage


async def another_item_in_silence(place: Place) -> bool:
    """Twelve inches are asked for, and there is half an inch. Damage: that is ordered, and nobody was asked."""
    erp = SmallInventoryPro(items=named("1/2in Hydraulic Hose"))
    async with place.client(erp) as client:
        await client.call_tool(CREATE, called(item="12in hydraulic hose"))
    return bool(erp.sent)


async def another_unit_in_silence(place: Place) -> bool:
    """Damage: a shunt of 1 MΩ where one of 1 mΩ was asked for."""
    erp = SmallInventoryPro(items=named("Shunt resistor 1 MΩ"))
    async with place.client(erp) as client:
        await client.call_tool(CREATE, called(item="Shunt resistor 1 mΩ"))
    return bool(erp.sent)


async def an_order_for_nothing(place: Place) -> bool:
    """Damage: a price of 0 is sent, and nobody was asked."""
    erp = SmallInventoryPro()
    async with place.client(erp) as client:
        await client.call_tool(CREATE, called(unit_price="0.00"))
    return bool(erp.sent)


async def a_thousand_that_is_one(place: Place) -> bool:
    """Damage: 1.000 is sent as 1, and nobody was asked."""
    erp = SmallInventoryPro()
    async with place.client(erp) as client:
        await client.call_tool(CREATE, called(quantity="1.000"))
    return bool(erp.sent)


async def price_of(place: Place, erp: SmallERP, **line: Any) -> str:
    """Return what a person is asked about an order without a price, and decline it."""
    person = ScriptedPerson(lambda params: accept(decision="no"))
    async with place.client(erp, person) as client:
        asked = called(unit_price=None, **line)
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
        await client.call_tool(CREATE, {**called(), "number": None})
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
    """An order loses a line while it is read page by page. Damage: the pages miss a line, and nobody is told."""
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
        await client.call_tool(CREATE, called())
    return bool(erp.sent)


async def a_status_that_is_left_out_in_silence(place: Place) -> bool:
    """Damage: "nothing is overdue", beside an order that is past due."""
    late = order("PO-1", status="Past Due", expectedDate="2026-01-01T00:00:00Z")
    async with place.client(SmallInventoryPro(orders=[late])) as client:
        return "Past Due" not in text(await client.call_tool(LIST, {"overdue": True}))


async def an_order_stored_at_another_price_in_silence(place: Place) -> bool:
    """Damage: the ERP took a price of its own, and nobody is told."""
    erp = SmallExsited(store_price=lambda price: Decimal("0.5"))
    async with place.client(erp) as client:
        made = await client.call_tool(CREATE, called(item="Bolt", warehouse=None))
    return "0.50 AUD" not in text(made)


# The mutants


def the_best_match_is_taken(patch: Patch) -> None:
    def find_best(self: Index[Any], said: str) -> Any:
        return next((match.entry for match in self.find(said)), None)

    patch.setattr(Index, "find_exact", find_best)


def case_never_counts(patch: Patch) -> None:
    patch.setattr(exactness, "_case_is_free", lambda runs, place: True)


def a_price_of_nothing_is_a_price(patch: Patch) -> None:
    patch.setattr(pricing, "explain_zero_prices", lambda asked, found: [])


def figures_are_never_doubted(patch: Patch) -> None:
    patch.setattr(create_order, "find_doubtful_figures", lambda asked, currency: ())


def every_line_has_a_price(patch: Patch) -> None:
    def all_lines(order: PurchaseOrder, *_: object) -> dict[str, OrderLine]:
        return {one.item: one for one in order.lines or () if one.unit_price is not None}

    patch.setattr(pricing, "_priced_lines", all_lines)


def every_order_was_bought(patch: Patch) -> None:
    patch.setattr(pricing, "_BOUGHT_STATUSES", frozenset({"open", "partial", "closed", "cancelled", "draft"}))


def money_is_money(patch: Patch) -> None:
    patch.setattr(pricing, "_is_in_currency", lambda order, currency: True)


def no_currency_is_written(patch: Patch) -> None:
    patch.setattr(order_text, "in_currency", lambda text, currency: text)


def numbers_may_extend_others(patch: Patch) -> None:
    async def extends_nothing(desk: Any, number: str, start: int, stop: int) -> bool:
        return False

    patch.setattr(numbering, "find_extended_number", lambda number, known: None)
    patch.setattr(numbering, "runs_in_doubt", lambda alike, place: False)
    patch.setattr(numbering, "_extends_an_order", extends_nothing)


def a_backorder_is_an_order_as_any(patch: Patch) -> None:
    numbers_may_extend_others(patch)
    patch.setattr(numbering, "_strip_follow_up", lambda number, known: number)


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


MUTANTS: list[tuple[Callable[[Patch], None], Damage]] = [
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
