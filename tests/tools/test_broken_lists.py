"""An ERP whose pages do not follow one another: what was read is given, and is taken for the whole by nobody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.types import TextResourceContents

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.desk import list_orders
from tests.harness import REAL, ScriptedPerson, outcome, text, yes
from tests.tools.small_erps import Answer, Row, SmallERP, SmallExsited, SmallInventoryPro, exsited_order, order

LIST, GET, CREATE = "list_purchase_orders", "get_purchase_order", "create_purchase_order"
BOLTS = {"item": "BOLT-M8-30", "quantity": "5", "unit_price": "0.45", "warehouse": "1"}


@dataclass
class Stuck(SmallInventoryPro):
    """Gives its first page for every page: `as_told` of the page that was asked for, or of the first."""

    as_told: str = "first"
    asked: int = 0

    def _page(self, rows: Any, query: dict[str, str], most: int) -> Answer:
        if query.get("pageSize") != "50":
            return super()._page(rows, query, most)
        self.asked += 1
        assert self.asked < 20
        status, body = super()._page(rows, {**query, "page": "1"}, most)
        if self.as_told == "nothing":
            return status, {"value": body["value"]}
        return status, {**body, "page": 1 if self.as_told == "first" else int(query["page"])}


@dataclass
class StuckExsited(SmallExsited):
    def _page(self, name: str, rows: Any, query: dict[str, str]) -> Answer:
        return super()._page(name, rows, {**query, "offset": "0"})


@pytest.fixture
def connect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))

    @asynccontextmanager
    async def connect_to(erp: SmallERP, person: ScriptedPerson | None = None) -> AsyncIterator[Client]:
        own: dict[str, Any] = {**REAL, "journal": str(tmp_path / "journal.db"), "time_zone": "UTC"}
        if isinstance(erp, SmallExsited):
            own |= {"erp": "exsited", "redirect_uri": "https://x/"}
        async with Client(build_server(Settings(**own), erp=erp.connect()), elicitation_callback=person) as client:
            yield client

    return connect_to


def book(count: int) -> list[Row]:
    return [order(f"PO-{place:04}", orderDate="2026-11-01T00:00:00Z") for place in range(1, count + 1)]


@pytest.mark.parametrize("as_told", ["first", "asked", "nothing"])
async def test_orders_of_a_list_that_repeats_a_page_are_given(connect: Any, as_told: str) -> None:
    async with connect(Stuck(orders=book(120), as_told=as_told)) as client:
        listed = await client.call_tool(LIST, {"limit": 50})

    of = "" if as_told == "nothing" else " of 120"
    assert (len(outcome(listed)["orders"]), outcome(listed)["total_count"], outcome(listed)["complete"]) == (
        50,
        50,
        False,
    )
    assert "at least 50 open orders" in text(listed)
    assert (
        f"Only 50{of} orders could be read: Inventory Pro returned the same page twice. "
        "Counts and totals cover those. Look for the rest in Inventory Pro itself." in text(listed)
    )


async def test_exsiteds_first_page_is_given_too(connect: Any) -> None:
    async with connect(StuckExsited(orders=[exsited_order(f"PO-{place}") for place in range(250)])) as client:
        listed = outcome(await client.call_tool(LIST, {}))

    assert (listed["total_count"], listed["complete"]) == (100, False)
    assert "Only 100 of 250 orders could be read" in listed["note"]


async def test_a_next_page_that_is_never_set_ends_no_full_page(connect: Any) -> None:
    class Silent(SmallExsited):
        def _page(self, name: str, rows: Any, query: dict[str, str]) -> Answer:
            status, body = super()._page(name, rows, query)
            return status, {**body, "pagination": {"next_page": None}}

    async with connect(Silent(orders=[exsited_order(f"PO-{place}") for place in range(200)])) as client:
        listed = outcome(await client.call_tool(LIST, {}))

    assert (listed["total_count"], listed["complete"]) == (200, True)


async def test_the_open_orders_are_said_not_to_be_all(connect: Any) -> None:
    async with connect(Stuck(orders=book(120))) as client:
        [content] = (await client.read_resource("po://orders/open")).contents

    assert isinstance(content, TextResourceContents)
    assert '"complete":false' in content.text


@pytest.mark.parametrize("place", ["0001", "0110"])
async def test_an_order_is_not_said_to_be_missing_for_a_list_that_repeats_a_page(connect: Any, place: str) -> None:
    """It can be opened neither by its path, which holds a blank, nor from the list, which does not come to it."""

    @dataclass
    class Blind(StuckExsited):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
            is_order = path.startswith("/purchase-orders/")
            return (404, {"errors": [{"code": 404}]}) if is_order else super().answer(method, path, query, body)

    orders = [exsited_order(f"PO/{one:04}") for one in range(1, 121)]
    async with connect(Blind(orders=orders)) as client:
        deleted = await client.call_tool("delete_purchase_order", {"number": f"PO/{place}"})
        read = await client.call_tool(GET, {"number": f"PO/{place}"})

    assert "has no order" not in text(deleted) + text(read)
    assert read.is_error is (place == "0110")


async def test_no_number_follows_from_a_part_of_the_orders(connect: Any) -> None:
    """Damage: PO-0051, which stood on the second page and was deleted, is given to a new order."""
    orders = [one for one in book(120) if one["poNo"] != "PO-0051"]
    erp = Stuck(orders=orders)
    async with connect(erp, ScriptedPerson(yes)) as client:
        made = await client.call_tool(CREATE, {"vendor": "Acme Fasteners", "lines": [BOLTS]})

    assert made.is_error
    assert erp.sent == []


def with_page(erp: type[SmallInventoryPro], change: Any) -> type[SmallERP]:
    """Return an ERP whose pages of orders are changed: by its number, and what stands in it."""

    class Changed(erp):  # type: ignore[misc, valid-type]
        def _page(self, rows: Any, query: dict[str, str], most: int) -> Answer:
            status, body = super()._page(rows, query, most)
            is_of_orders = query.get("pageSize") == "50"
            return change(status, body) if is_of_orders else (status, body)

    return Changed


@pytest.mark.parametrize(
    ("change", "note"),
    [
        (lambda status, body: (status, {**body, "totalCount": 500}), "counts 500 orders and gave 120; counts and"),
        (lambda status, body: (status, {**body, "totalCount": 7}), "counts 7 orders and gave 120, so how many"),
        (
            lambda status, body: (status, body) if body["page"] == 1 else (404, {"statusCode": 404, "error": "no"}),
            "counts 120 orders and gave 50; counts and totals cover those.",
        ),
        (
            lambda status, body: (status, {"value": body["value"], "page": 1, "hasMore": body["hasMore"]}),
            "pages do not follow one another, so an order may be missing.",
        ),
    ],
    ids=["too many", "too few", "no page", "no count"],
)
async def test_missing_rows_are_reported_as_they_are(connect: Any, change: Any, note: str) -> None:
    async with connect(with_page(SmallInventoryPro, change)(orders=book(120))) as client:  # type: ignore[call-arg]
        listed = outcome(await client.call_tool(LIST, {}))

    assert listed["complete"] is False
    assert note in listed["note"]
    assert "changed" not in listed["note"]


async def test_rows_after_all_that_are_counted_are_no_part_of_the_list(connect: Any) -> None:
    erp = with_page(SmallInventoryPro, lambda status, body: (status, {**body, "hasMore": True}))
    async with connect(erp(orders=book(120))) as client:  # type: ignore[call-arg]
        listed = outcome(await client.call_tool(LIST, {}))

    assert (listed["total_count"], listed["complete"], listed.get("note")) == (120, True, None)


@dataclass
class CountsFromZero(SmallInventoryPro):
    """Says 0 of its first page, and gives the right ones."""

    def _page(self, rows: Any, query: dict[str, str], most: int) -> Answer:
        status, body = super()._page(rows, query, most)
        return status, {**body, "page": body["page"] - 1}


@dataclass
class GivesAll(SmallInventoryPro):
    """Takes no notice of pages, and says the size that was asked for."""

    def _page(self, rows: Any, query: dict[str, str], most: int) -> Answer:
        return 200, {"value": rows, "totalCount": len(rows), "page": 1, "pageSize": int(query["pageSize"])}


@pytest.mark.parametrize("erp", [CountsFromZero, GivesAll])
async def test_pages_that_are_counted_otherwise_are_read_to_their_end(connect: Any, erp: type[SmallERP]) -> None:
    async with connect(erp(orders=book(120))) as client:  # type: ignore[call-arg]
        listed = outcome(await client.call_tool(LIST, {}))
        found = outcome(await client.call_tool("search_catalog", {"kind": "item"}))

    assert (listed["total_count"], listed.get("note")) == (120, None)
    assert (listed["complete"], found["known"]) == (True, 1)


@dataclass
class FindsNothing(SmallInventoryPro):
    """A gateway before it answers paths that begin so with a page of its own: not found."""

    hides: str = "/PurchaseOrder/"

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        is_hidden = method == "GET" and path.startswith(self.hides)
        return (404, None) if is_hidden else super().answer(method, path, query, body)


@pytest.mark.parametrize("tool", [GET, "finalize_purchase_order"])
async def test_an_order_that_the_list_has_is_not_said_to_be_missing(connect: Any, tool: str) -> None:
    async with connect(FindsNothing(orders=book(3))) as client:
        shown = text(await client.call_tool(tool, {"number": "PO-0002"}))
        other = text(await client.call_tool(tool, {"number": "PO-2"}))

    assert shown.startswith("Inventory Pro lists order PO-0002, and answers that it is not found.")
    assert "Did you mean" not in shown
    assert "has no order PO-2. Did you mean PO-0002?" in other


@pytest.mark.parametrize("tool", [GET, "finalize_purchase_order"])
async def test_no_order_is_said_to_be_missing_by_what_does_not_find_the_list_either(connect: Any, tool: str) -> None:
    async with connect(FindsNothing(orders=book(3), hides="/")) as client:
        shown = text(await client.call_tool(tool, {"number": "PO-0002"}))

    assert shown.startswith("Whether there is an order PO-0002 is not known: ")
    assert "has no order" not in shown


async def test_a_missing_right_to_list_leaves_no_doubt_of_a_missing_order(connect: Any) -> None:
    @dataclass
    class MayNotList(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
            if path == "/PurchaseOrder":
                return 403, {"statusCode": 403, "error": "forbidden", "message": "no", "details": None}
            return super().answer(method, path, query, body)

    async with connect(MayNotList(orders=book(3))) as client:
        assert "has no order PO-0004" in text(await client.call_tool(GET, {"number": "PO-0004"}))


async def test_without_the_look_at_the_list_an_order_that_it_has_is_called_missing(
    connect: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def read_none(desk: Any) -> tuple[()]:
        return ()

    monkeypatch.setattr(list_orders, "_read_list_in_time", read_none)

    async with connect(FindsNothing(orders=book(3))) as client:
        assert "has no order PO-0002" in text(await client.call_tool(GET, {"number": "PO-0002"}))
