"""What connectors seldom meet: a proxy that refuses, gaps in catalogs, lists that tell half, names without ids."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from po_mcp.config import Settings
from po_mcp.connectors import connect
from po_mcp.connectors.declaration import parse_text
from po_mcp.connectors.exsited import DECLARATION
from po_mcp.connectors.exsited import paging as exsited_paging
from po_mcp.connectors.exsited import schemas as exsited_schemas
from po_mcp.connectors.exsited import translate as exsited_translate
from po_mcp.connectors.http import urls
from po_mcp.connectors.http.cause import describe_cause
from po_mcp.connectors.inventory_pro import schemas as inventory_pro_schemas
from po_mcp.connectors.inventory_pro import translate as inventory_pro_translate
from po_mcp.connectors.lookup import read_by_path_or_list, read_for_write
from po_mcp.erp import ERP
from po_mcp.errors import BadAnswer, InvalidInput, NotOffered, OrderNotFound, UnreadableOrder
from po_mcp.orders import OrderScan, PurchaseOrder, Vendor
from po_mcp.writes.journal import JournalStore
from tests.connectors.calls import exsited, inventory_pro
from tests.connectors.raw_peer import raw_peer, reply

ADDRESS = "http://localhost"
CREDENTIALS = {"base_url": ADDRESS, "client_id": "an-id", "client_secret": "hush"}
SETTINGS: dict[str, dict[str, str]] = {
    "inventory-pro": CREDENTIALS,
    "exsited": CREDENTIALS | {"redirect_uri": "https://localhost/"},
    "tryton": CREDENTIALS | {"base_url": f"{ADDRESS}/books"},
    "sandbox": {"sandbox": ":memory:"},
}


def connect_to(name: str) -> ERP:
    store = JournalStore(":memory:")
    return connect(Settings.model_validate({"erp": name, **SETTINGS[name]}), store.shared_token)


@pytest.mark.parametrize("name", SETTINGS)
async def test_a_connector_shows_neither_secret_nor_id_of_itself(name: str) -> None:
    erp = connect_to(name)
    shown = repr(erp)
    await erp.aclose()

    assert erp.connection.key in shown
    assert "hush" not in shown
    assert "an-id" not in shown


@pytest.mark.parametrize("name", SETTINGS)
async def test_a_clock_that_no_answer_gave_is_not_known(name: str) -> None:
    erp = connect_to(name)
    skew = erp.clock_skew
    await erp.aclose()

    assert skew is None


def test_a_refusal_of_the_proxy_is_not_the_erps() -> None:
    assert describe_cause(httpx2.ProxyError("407")) == "the proxy refused the connection"


def test_a_cause_in_a_group_is_seen() -> None:
    failed = httpx2.ConnectError("all addresses failed")
    failed.__cause__ = ExceptionGroup("both", [OSError("no route"), ConnectionRefusedError()])

    assert describe_cause(failed) == "connection refused"


def test_no_number_becomes_another_address_whatever_the_first_check_lets_through(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(urls, "check_readable", str)

    with pytest.raises(InvalidInput, match="cannot be sent to the ERP"):
        urls.build_url(httpx2.URL("http://localhost/api"), "/PurchaseOrder", ("..",))


@pytest.mark.parametrize("number", ["PO/7", "PÖ-7"])
async def test_an_order_that_neither_its_path_nor_half_a_list_shows_may_exist(number: str) -> None:
    async def not_there() -> PurchaseOrder:
        raise OrderNotFound("404")

    async def half() -> OrderScan:
        return OrderScan(orders=(), read=0, complete=False)

    with pytest.raises(BadAnswer, match=r"Whether there is an order .* is not known"):
        await read_by_path_or_list("Books", number, not_there, half, in_any_case=False, lists_all=True)


async def test_an_order_that_came_and_cannot_be_read_is_not_looked_for_in_the_list() -> None:
    """Its number arrived, so no gateway is at fault; and the list would show the order without the odd field."""

    async def odd() -> PurchaseOrder:
        raise UnreadableOrder("Its total cannot be read.")

    async def fail() -> OrderScan:
        raise AssertionError("the list was read")

    with pytest.raises(UnreadableOrder, match="Its total"):
        await read_by_path_or_list("Books", "PO/7", odd, fail, in_any_case=False, lists_all=True)
    with pytest.raises(UnreadableOrder, match="Its total"):
        await read_for_write("Books", "PO/7", odd, fail, lists_all=True)


@pytest.mark.parametrize(
    ("complete", "lists_all", "error"),
    [(True, True, OrderNotFound), (False, True, BadAnswer), (True, False, BadAnswer)],
)
async def test_an_order_to_be_changed_is_absent_only_by_a_whole_list_of_all(
    complete: bool, lists_all: bool, error: type[Exception]
) -> None:
    async def not_there() -> PurchaseOrder:
        raise OrderNotFound("404")

    async def scan() -> OrderScan:
        return OrderScan(orders=(), read=0, complete=complete)

    with pytest.raises(error):
        await read_for_write("Books", "PO/7", not_there, scan, lists_all=lists_all)


@pytest.mark.parametrize("value", [7, ["a"], None])
def test_a_setting_that_is_no_text_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="must be text in quotes"):
        parse_text(value)


@pytest.mark.parametrize("value", [" LIST = v3 ,create=V2,", {"list": "v3", "Create ": "v2"}])
def test_versions_are_read_from_a_line_or_a_table(value: object) -> None:
    [setting] = (one for one in DECLARATION.settings if one.name == "api_versions")

    assert setting.parse(value) == {"list": "v3", "create": "v2"}


@pytest.mark.parametrize("reported", [None, "", "true", "FALSE", True])
def test_a_flag_that_is_not_set_is_neither_yes_nor_no(reported: object) -> None:
    expected = None if reported in (None, "") else str(reported).lower() == "true"

    assert inventory_pro_schemas.Vendor.parse({"vendorID": 12, "active": reported}).active is expected


@pytest.mark.parametrize(("reported", "read"), [(1, True), (0, False), ("1", True), (" 0 ", False)])
def test_a_flag_of_one_or_zero_is_yes_or_no(reported: object, read: bool) -> None:
    assert inventory_pro_schemas.Vendor.parse({"vendorID": 12, "active": reported}).active is read


@pytest.mark.parametrize("reported", [2, -1, "yes", "10", [1], {}])
def test_a_flag_that_is_neither_yes_nor_no_is_refused(reported: object) -> None:
    with pytest.raises(BadAnswer):
        inventory_pro_schemas.Vendor.parse({"vendorID": 12, "active": reported})


@pytest.mark.parametrize("value", [7, None, ["list=v3"]])
def test_versions_that_are_no_pairs_are_refused(value: object) -> None:
    [setting] = (one for one in DECLARATION.settings if one.name == "api_versions")

    with pytest.raises(ValueError, match="must be pairs such as"):
        setting.parse(value)


# Inventory Pro


@pytest.mark.parametrize(
    ("page", "rows", "more"),
    [(1, 10, True), (2, 10, False), (2, 9, True), (3, 0, False)],
)
def test_whether_a_page_follows_is_counted_where_it_is_not_said(page: int, rows: int, more: bool) -> None:
    """https://www.inventorypro.com shows `hasMore`; a page without it is judged by totalCount and pageSize."""
    body = {"value": [{"poNo": f"PO-{row}"} for row in range(rows)], "totalCount": 20, "page": page, "pageSize": 10}

    told = inventory_pro_schemas.Page.parse(body)

    assert inventory_pro_translate._has_more(told, page, inventory_pro_translate._find_total(told, page)) is more


@pytest.mark.parametrize("row", [{"vendorID": 13, "shortID": "OTHER", "name": "Other"}, {"vendorID": 12}])
def test_another_vendor_than_was_asked_for_is_none(row: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer, match="a different vendor"):
        inventory_pro_translate.parse_vendor(row, Vendor(id="12", code="ACME", name="Acme"))


def test_a_search_without_an_answer_finds_no_item() -> None:
    assert inventory_pro_translate.parse_found_items(None, "BOLT") == ()


async def test_a_vendor_that_no_call_can_name_is_not_read() -> None:
    async with raw_peer() as peer:
        for connector in (inventory_pro(peer.url), exsited(peer.url)):
            with pytest.raises(NotOffered):
                await connector.read_vendor(Vendor(id=None, name="Acme"))
            await connector.aclose()
        assert peer.connections == 0


async def test_a_vendor_that_is_not_at_its_path_proves_nothing() -> None:
    async with raw_peer(reply(404, {"error": "not found"})) as peer:
        connector = inventory_pro(peer.url)
        with pytest.raises(NotOffered):
            await connector.read_vendor(Vendor(id="12", code="ACME", name="Acme"))
        await connector.aclose()


# Exsited


def test_an_account_of_another_id_is_none() -> None:
    with pytest.raises(BadAnswer, match="a different supplier"):
        exsited_translate.parse_account({"account": {"id": "B", "name": "Other"}}, "A")


@pytest.mark.parametrize(
    ("rows", "reported", "next_start", "tells_end"),
    [
        (2, {"next_page": None}, 12, False),
        (1, {"next_page": None}, None, True),
        (2, {"next_page": None, "records": 12}, None, True),
    ],
)
def test_a_next_page_that_is_not_set_ends_no_full_page_of_a_list_that_is_not_counted(
    rows: int, reported: dict[str, Any], next_start: int | None, tells_end: bool
) -> None:
    found = exsited_schemas.OrdersPage.parse(
        {"purchase_orders": [{"id": f"PO-{row}", "status": "ACTIVE"} for row in range(rows)], "pagination": reported}
    )

    page = exsited_paging.parse_page(found, exsited_schemas.ListedOrder, 10, 2)

    assert (page.length, page.next_start, page.tells_end) == (rows, next_start, tells_end)


def test_a_listed_order_whose_lines_cannot_be_read_is_listed_without_them() -> None:
    row = {"id": "PO-1", "status": "ACTIVE", "lines": [{"item_id": ["no", "text"]}]}

    order = exsited_translate.convert_with_listed_lines(exsited_schemas.ListedOrder.parse(row))

    assert (order.number, order.lines, order.line_count) == ("PO-1", None, 1)
