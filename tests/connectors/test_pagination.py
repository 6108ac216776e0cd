"""A list of pages ends, whatever the ERP says of where its end is, and nothing stands in it twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from po_mcp.connectors import page_reader
from po_mcp.connectors.page_reader import PagedList
from po_mcp.connectors.pages import FullList, Page
from po_mcp.connectors.pagination import read_all, read_all_stable
from po_mcp.errors import BadAnswer
from po_mcp.orders import OrderQuery
from tests.connectors.calls import Connect, exsited, inventory_pro
from tests.connectors.raw_peer import Reply, raw_peer, reply


class Pages:
    """A list that gives its pages by their place, and counts how many were asked for."""

    def __init__(self, *pages: Sequence[str], total: int | None = None, totals: Sequence[int] = ()) -> None:
        self._pages = pages
        self._totals = totals
        self._total = total
        self.asked = 0

    async def __call__(self, place: int) -> Page[str]:
        rows = self._pages[min(place, len(self._pages) - 1)]
        total = self._totals[place] if self._totals else self._total
        self.asked += 1
        return Page(rows, place + 1 if place + 1 < len(self._pages) else None, total)


def key(row: str) -> str | None:
    return row or None


async def read_pages(*pages: Sequence[str], **said: Any) -> FullList[str]:
    return await read_all(PagedList("An ERP", Pages(*pages, **said), key))


async def test_the_pages_of_a_list_are_put_together() -> None:
    assert await read_pages("ab", "cd", "e", total=5) == FullList(("a", "b", "c", "d", "e"), moved=False, complete=True)


@pytest.mark.parametrize(
    ("pages", "totals", "moved"),
    [
        (("ab", "bc", "d"), (4, 4, 4), False),
        (("ab", "cd"), (5, 5), False),
        (("ab", "cd"), (5, 4), True),
        (("ab", "bc"), (3, 4), True),
    ],
)
async def test_a_list_that_moved_has_each_row_once_and_is_incomplete(
    pages: Sequence[str], totals: Sequence[int], moved: bool
) -> None:
    whole = await read_pages(*pages, totals=totals)

    assert whole.rows == tuple(sorted(set("".join(pages))))
    assert (whole.moved, whole.complete) == (moved, False)


@pytest.mark.parametrize(
    "pages",
    [
        ("ab", "ab"),
        ("ab", "cd", "ab"),
        ("ab", "cd", "axy"),
        ("ab", "b"),
        (["", ""], ["", ""]),
    ],
)
async def test_a_page_that_comes_again_or_brings_nothing_is_refused(pages: Sequence[Sequence[str]]) -> None:
    with pytest.raises(BadAnswer, match="same page"):
        await read_pages(*pages, "z")
    with pytest.raises(BadAnswer, match="same page"):
        await read_pages(*pages)


async def test_rows_without_a_key_are_never_merged() -> None:
    assert (await read_pages(["", ""], ["", "a"], total=4)).rows == ("", "", "", "a")


async def test_a_list_without_an_end_is_left_at_the_limit() -> None:
    endless = Pages(*[[str(place)] for place in range(1000)])

    with pytest.raises(BadAnswer, match="too long to read"):
        await read_all(PagedList("An ERP", endless, key))

    assert endless.asked == page_reader.MAX_PAGES


async def test_a_stable_list_is_refused_after_a_move() -> None:
    with pytest.raises(BadAnswer, match="changed while it was being read"):
        await read_all_stable(PagedList("An ERP", Pages("ab", "cd", totals=(5, 4)), key))


async def test_a_stable_list_that_ends_before_the_erp_said_so_is_refused() -> None:
    with pytest.raises(BadAnswer, match="returned an incomplete list"):
        await read_all_stable(PagedList("An ERP", Pages("ab", ""), key))


def inventory_pro_page(page: int, rows: list[dict[str, Any]], *, more: bool = True, size: int = 250) -> Reply:
    return reply(200, {"value": rows, "totalCount": 9, "page": page, "pageSize": size, "hasMore": more})


def exsited_page(name: str, rows: list[dict[str, Any]], offset: int) -> Reply:
    return reply(200, {name: rows, "pagination": {"records": 9, "offset": offset}})


LOOPS: dict[str, tuple[Connect, Any, list[Reply]]] = {
    "vendors": (
        inventory_pro,
        lambda erp: erp.vendors(),
        [inventory_pro_page(page, [{"shortID": "ACME", "name": "Acme"}]) for page in (1, 2)],
    ),
    "items": (
        inventory_pro,
        lambda erp: erp.items(),
        [inventory_pro_page(page, [{"shortID": "BOLT"}]) for page in (1, 2)],
    ),
    "locations": (
        inventory_pro,
        lambda erp: erp.warehouses(),
        [inventory_pro_page(page, [{"spot": "A1", "warehouseID": 1}]) for page in (1, 2)],
    ),
    "orders of a status": (
        inventory_pro,
        lambda erp: erp.scan_orders(OrderQuery(status="open")),
        [inventory_pro_page(page, [{"poNo": "PO-1", "status": "Open"}], size=50) for page in (1, 2)],
    ),
    "accounts": (
        exsited,
        lambda erp: erp.vendors(),
        [exsited_page("accounts", [{"id": "A", "type": "SUPPLIER"}], offset) for offset in (0, 1)],
    ),
    "items of Exsited": (
        exsited,
        lambda erp: erp.items(),
        [exsited_page("items", [{"id": "ITEM-1"}], offset) for offset in (0, 1)],
    ),
    "orders of Exsited": (
        exsited,
        lambda erp: erp.scan_orders(OrderQuery()),
        [exsited_page("purchase_orders", [{"id": "PO-1"}], offset) for offset in (0, 1)],
    ),
}


@pytest.mark.parametrize("loop", LOOPS.values(), ids=LOOPS)
async def test_an_erp_that_repeats_a_page_for_ever_is_asked_twice(loop: tuple[Connect, Any, list[Reply]]) -> None:
    connect, call, replies = loop
    async with raw_peer(*replies) as peer:
        erp = connect(peer.url)
        try:
            found = await call(erp)
        except BadAnswer as exc:
            cut_by = exc.reason
        else:  # of orders, the first page is of use
            cut_by = found.cut_by
            assert (found.read, found.total, found.complete) == (1, 9, False)
        await erp.aclose()
    assert "same page" in cut_by
    assert len(peer.requests) == 2


async def test_different_rows_of_the_same_code_are_both_listed() -> None:
    rows = [{"shortID": "ACME", "name": "Acme", "vendorID": number} for number in (12, 13, 12)]
    async with raw_peer(inventory_pro_page(1, rows, more=False)) as peer:
        erp = inventory_pro(peer.url)
        vendors = await erp.vendors()
        await erp.aclose()

    assert [vendor.id for vendor in vendors] == ["12", "13"]


async def test_two_receipts_without_an_id_are_both_counted() -> None:
    line = {"uuid": "u", "item_id": "ITEM-0055", "item_quantity": "40"}
    arrived = {"receipts": [{"line_uuid": "u", "receipt_quantity": "5"}]}
    receipts = {"item_receipts": [arrived, arrived], "pagination": {"records": 2, "offset": 0}}
    order = reply(200, {"purchase_order": {"id": "PO-1", "status": "ACTIVE", "lines": [line]}})
    async with raw_peer(order, reply(200, {"purchase_order": receipts})) as peer:
        erp = exsited(peer.url)
        found = await erp.get_order("PO-1")
        await erp.aclose()

    assert found.lines is not None
    assert found.lines[0].received == 10
