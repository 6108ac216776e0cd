"""Vendors, items and warehouses as ERPs really list them: paged in their own ways, incomplete, and oddly written."""

from __future__ import annotations

from typing import Any

import pytest

from po_mcp.connectors.inventory_pro import catalog, schemas, translate
from po_mcp.errors import BadAnswer
from po_mcp.orders import Item, Vendor, count_left_out
from tests.connectors.calls import Connect, exsited, inventory_pro
from tests.connectors.raw_peer import raw_peer, reply


async def vendors_of(connect: Connect, *pages: dict[str, Any]) -> tuple[tuple[Vendor, ...], int]:
    """The vendors that the pages tell, and how many pages were asked for."""
    async with raw_peer(*(reply(200, page) for page in pages)) as peer:
        erp = connect(peer.url)
        try:
            return await erp.vendors(), len(peer.requests)
        finally:
            await erp.aclose()


def make_named(*known: str) -> list[dict[str, Any]]:
    return [{"name": name, "id": name} for name in known]


ABC = make_named("a", "b", "c")
PAGES: dict[str, tuple[Connect, list[dict[str, Any]], int]] = {
    "a smaller page than was asked for": (
        inventory_pro,
        [
            {"value": make_named("a", "b"), "totalCount": 3, "page": 1, "pageSize": 2, "hasMore": True},
            {"value": make_named("c"), "totalCount": 3, "page": 2, "pageSize": 2, "hasMore": False},
        ],
        2,
    ),
    "a count alone": (
        inventory_pro,
        [{"value": make_named("a", "b"), "totalCount": 3}, {"value": make_named("c"), "totalCount": 3}, {"value": []}],
        3,
    ),
    "a count that one page fills": (inventory_pro, [{"value": ABC, "totalCount": 3}], 1),
    "a count of the page's own rows": (
        inventory_pro,
        [
            *({"value": rows, "totalCount": 1, "pageSize": 1} for rows in map(make_named, "abc")),
            {"value": [], "totalCount": 0, "pageSize": 1},
        ],
        4,
    ),
    "a count of nothing": (
        inventory_pro,
        [
            *({"value": rows, "totalCount": 0, "pageSize": 1, "hasMore": False} for rows in map(make_named, "abc")),
            {"value": [], "totalCount": 0, "pageSize": 1, "hasMore": False},
        ],
        4,
    ),
    "a size that was asked for, and is not that of the pages": (
        inventory_pro,
        [*({"value": rows, "totalCount": 3, "pageSize": 250} for rows in map(make_named, "abc")), {"value": []}],
        4,
    ),
    "flags of 1 and 0": (
        inventory_pro,
        [{"value": make_named("a", "b"), "hasMore": 1}, {"value": make_named("c"), "hasMore": "0"}],
        2,
    ),
    "text for numbers": (
        inventory_pro,
        [{"value": ABC, "totalCount": "3", "page": "1", "pageSize": "250", "hasMore": "false"}],
        1,
    ),
    "no word of paging": (inventory_pro, [{"value": ABC}, {"value": []}], 2),
    "no word of paging, and null at the end": (inventory_pro, [{"value": ABC}, {"value": None}], 2),
    "one list for every page": (inventory_pro, [{"value": ABC}], 2),
    "one list for every page, which is counted": (
        inventory_pro,
        [{"value": ABC, "totalCount": 3, "page": page, "pageSize": 3, "hasMore": True} for page in (1, 2)],
        2,
    ),
    "Exsited: no word of paging": (
        exsited,
        [{"accounts": make_named("a", "b")}, {"accounts": make_named("c")}, {"accounts": []}],
        3,
    ),
    "Exsited: pagination of null": (
        exsited,
        [{"accounts": ABC, "pagination": None}, {"accounts": None, "pagination": None}],
        2,
    ),
    "Exsited: one list for every page": (exsited, [{"accounts": ABC}], 2),
    "Exsited: a smaller page than was asked for": (
        exsited,
        [
            {"accounts": rows, "pagination": {"records": 3, "limit": 2}}
            for rows in (make_named("a", "b"), make_named("c"))
        ],
        2,
    ),
}


@pytest.mark.parametrize(("connect", "pages", "requests"), PAGES.values(), ids=PAGES)
async def test_a_catalog_is_read_to_its_end_in_every_paging_style(
    connect: Connect, pages: list[dict[str, Any]], requests: int
) -> None:
    vendors, asked = await vendors_of(connect, *pages)

    assert [vendor.name for vendor in vendors] == ["a", "b", "c"]
    assert asked == requests


COUNTED_TOO_HIGH: dict[str, tuple[Connect, list[dict[str, Any]]]] = {
    "Exsited: a page that leads on": (
        exsited,
        [{"accounts": rows, "pagination": {"records": 5, "next_page": "/more"}} for rows in (ABC, [])],
    ),
    "Exsited: a last page": (
        exsited,
        [{"accounts": rows, "pagination": {"records": "5", "limit": 100, "next_page": "NULL"}} for rows in (ABC, None)],
    ),
    "Exsited: a short last page": (
        exsited,
        [{"accounts": rows, "pagination": {"records": 5, "limit": 2}} for rows in (ABC[:2], ABC[2:], [])],
    ),
    "Inventory Pro: more, as it counts": (
        inventory_pro,
        [
            {"value": rows, "totalCount": 5, "page": page, "pageSize": 3, "hasMore": True}
            for page, rows in enumerate((ABC, []), 1)
        ],
    ),
    "Inventory Pro: a short last page": (
        inventory_pro,
        [{"value": ABC, "totalCount": 5, "page": 1, "pageSize": 250, "hasMore": False}],
    ),
}


@pytest.mark.parametrize(("connect", "pages"), COUNTED_TOO_HIGH.values(), ids=COUNTED_TOO_HIGH)
async def test_a_count_of_more_than_the_pages_hold_leaves_the_rest_out(
    connect: Connect, pages: list[dict[str, Any]]
) -> None:
    """A count may hold rows that no list shows, such as those of customers, or of what was deleted."""
    vendors, _ = await vendors_of(connect, *pages)

    assert [vendor.name for vendor in vendors] == ["a", "b", "c"]
    assert count_left_out(vendors) == 2


NEVER_AN_END: dict[str, tuple[Connect, list[dict[str, Any]]]] = {
    "Exsited: nothing of what is counted": (exsited, [{"accounts": [], "pagination": {"records": 5}}]),
    "Exsited: a page that is announced and empty, and no count": (
        exsited,
        [{"accounts": rows, "pagination": {"next_page": "/more"}} for rows in (ABC, [])],
    ),
    "Inventory Pro: nothing of what is counted": (
        inventory_pro,
        [{"value": [], "totalCount": 5, "page": 1, "pageSize": 250, "hasMore": True}],
    ),
    "Inventory Pro: a page that is announced and empty, and no count": (
        inventory_pro,
        [{"value": rows, "page": page, "pageSize": 3, "hasMore": True} for page, rows in enumerate((ABC, []), 1)],
    ),
}


@pytest.mark.parametrize(("connect", "pages"), NEVER_AN_END.values(), ids=NEVER_AN_END)
async def test_a_catalog_of_which_nobody_can_say_what_is_missing_is_refused(
    connect: Connect, pages: list[dict[str, Any]]
) -> None:
    with pytest.raises(BadAnswer):
        await vendors_of(connect, *pages)


async def test_a_count_below_the_rows_would_end_a_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(translate, "_find_total", lambda page, place: page.total_count)

    connect, pages, _ = PAGES["a count of nothing"]
    vendors, _ = await vendors_of(connect, *pages)

    assert [vendor.name for vendor in vendors] == ["a"]  # what the control prevents


async def test_a_list_that_goes_on_and_brings_nothing_new_is_refused() -> None:
    pages = [
        {"value": make_named("a"), "totalCount": 9, "page": page, "pageSize": 1, "hasMore": True} for page in (1, 2)
    ]
    with pytest.raises(BadAnswer, match="same page"):
        await vendors_of(inventory_pro, *pages)


async def test_a_row_that_cannot_be_read_is_left_out_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    rows = [*make_named("a"), None, {"name": ["b"]}]

    vendors, _ = await vendors_of(inventory_pro, {"value": rows, "totalCount": 3, "page": 1, "hasMore": False})

    assert [vendor.name for vendor in vendors] == ["a"]
    assert "2 rows of a list cannot be read" in caplog.text


async def test_vendors_without_ids_are_listed() -> None:
    rows = [{"shortID": "ACME", "name": "Acme", "active": "false"}, {"name": "Beta"}]

    vendors, _ = await vendors_of(inventory_pro, {"value": rows, "totalCount": 2, "page": 1, "hasMore": False})

    assert vendors == (Vendor(id=None, code="ACME", name="Acme", active=False), Vendor(id=None, name="Beta"))


def test_a_name_is_the_same_whatever_its_blanks_and_entities() -> None:
    row = schemas.Vendor.parse({"name": "  Smith &amp;  Sons ", "shortID": "S"})
    header = schemas.OrderHeader.parse({"poNo": "PO-1", "vendor": "Smith &amp; Sons "})

    found = catalog.convert_vendors([row], {"SMITH & Sons": 12, "smith  &amp; sons ": 12})

    assert found == (Vendor(id="12", code="S", name="Smith & Sons"),)
    assert header.vendor == "Smith & Sons"


def test_an_item_without_an_id_is_left_out_and_an_inactive_item_is_marked() -> None:
    rows, unread = schemas.Item.parse_rows(
        [{"shortID": "A", "discontinued": "true"}, {"description": "no"}, {"shortID": 7}, 5]
    )

    assert catalog.convert_items(rows) == (Item(id="A", name="A", active=False), Item(id="7", name="7"))
    assert unread == (5,)
