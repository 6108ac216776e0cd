"""Which day an order was placed on, and is expected on: where the company is, in both connectors."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from po_mcp.config import Settings
from po_mcp.connectors import connect, days
from po_mcp.connectors.exsited import Exsited, schemas
from po_mcp.connectors.exsited import translate as exsited_translate
from po_mcp.connectors.inventory_pro import InventoryPro, translate
from po_mcp.orders import OrderQuery, OrderScan
from tests.connectors.raw_peer import raw_peer, reply

AUCKLAND, HONOLULU, BERLIN = ZoneInfo("Pacific/Auckland"), ZoneInfo("Pacific/Honolulu"), ZoneInfo("Europe/Berlin")
DAY = date(2026, 11, 27)
MOMENTS = [
    (AUCKLAND, "2026-11-26T11:00:00Z", DAY),  # local midnight
    (AUCKLAND, "2026-11-26T10:59:59Z", date(2026, 11, 26)),
    (AUCKLAND, "2026-11-27T10:59:59Z", DAY),
    (AUCKLAND, "2026-11-27T11:00:00Z", date(2026, 11, 28)),
    (HONOLULU, "2026-11-28T09:30:00Z", DAY),
    (HONOLULU, "2026-11-27T00:00:00Z", DAY),  # a date, written as a moment
    (HONOLULU, "2026-11-27T00:00:00", DAY),
    (HONOLULU, "2026-11-27", DAY),
    (HONOLULU, "2026-11-27T00:00:00+13:00", DAY),
    (BERLIN, "2026-07-26T22:00:00Z", date(2026, 7, 27)),  # in summer
    (UTC, "2026-11-27T23:59:59Z", DAY),
    (AUCKLAND, "9999-12-31T23:59:59Z", date(9999, 12, 31)),
]
NO_DATES = [
    "0001-01-01T00:00:00",
    "0001-01-01",
    "1753-01-01T00:00:00Z",
    "1899-12-30",
    "1899-12-31T00:00:00",
    "1900-01-01T00:00:00Z",
    "1970-01-01",
    "1970-01-01T00:00:00Z",
    "1969-12-31T19:00:00-05:00",
    "0000-00-00",
    "0000-00-00T00:00:00",
    "0-000-000",
    "00/00/0000",
    "",
    None,
]


def both(moment: str | None, zone: Any) -> list[tuple[date | None, date | None]]:
    """The days on which each connector tells an order placed and expected."""
    rows_of_erp = {"id": "PO-1", "issue_date": moment, "expected_completion_date": moment}
    expected = [
        translate.parse_order({"poNo": "PO-1", "orderDate": moment, "expectedDate": moment}, "PO-1", zone),
        exsited_translate.combine(schemas.Order.parse(rows_of_erp), None, zone),
    ]
    return [(order.ordered_at and order.ordered_at.date(), order.expected_on) for order in expected]


@pytest.mark.parametrize(("zone", "moment", "day"), MOMENTS)
def test_a_moment_is_a_day_of_the_company(zone: Any, moment: str, day: date) -> None:
    assert both(moment, zone) == [(day, day)] * 2


@pytest.mark.parametrize("moment", NO_DATES)
def test_a_date_that_means_none_is_none(moment: str | None) -> None:
    assert both(moment, AUCKLAND) == [(None, None)] * 2


@pytest.mark.parametrize("moment", ["1970-01-02", "1901-01-01", "2000-01-01", "0002-01-01"])
def test_an_old_date_is_a_date(moment: str) -> None:
    assert both(moment, UTC) == [(date.fromisoformat(moment),) * 2] * 2


def test_the_clock_of_this_machine_counts_where_no_zone_is_named() -> None:
    moment = datetime(2026, 11, 27, 12, 30, tzinfo=UTC)

    assert days.local_date(moment, None) == moment.astimezone().date()


@pytest.mark.parametrize(
    ("zone", "start", "end"),
    [
        (UTC, "2026-11-27T00:00:00Z", "2026-11-27T23:59:59.997Z"),
        (AUCKLAND, "2026-11-26T11:00:00Z", "2026-11-27T23:59:59.997Z"),
        (HONOLULU, "2026-11-27T00:00:00Z", "2026-11-28T09:59:59.997Z"),
    ],
)
def test_inventory_pro_is_asked_for_the_days_of_the_company_and_of_utc(zone: Any, start: str, end: str) -> None:
    query = OrderQuery(ordered_from=DAY, ordered_to=DAY)

    assert translate.build_order_dates(query, zone) == {"startDate": start, "endDate": end}


def test_a_bound_that_no_moment_lies_beyond_is_left_out() -> None:
    query = OrderQuery(ordered_from=date.min, ordered_to=date.max)

    assert translate.build_order_dates(query, timezone(timedelta(hours=13))) == {}


async def run_scan(zone: Any, moments: list[str]) -> list[OrderScan]:
    """What each connector finds of DAY among orders of these moments."""
    query = OrderQuery(ordered_from=DAY, ordered_to=DAY)
    rows = [{"poNo": moment, "orderDate": moment, "status": "Open"} for moment in moments]
    page = {"value": rows, "totalCount": len(rows), "page": 1, "pageSize": 50, "hasMore": False}
    rows_of_erp = [{"id": moment, "issue_date": moment, "status": "ACTIVE"} for moment in moments]
    found = []
    async with raw_peer(reply(200, page)) as peer:
        erp = InventoryPro(peer.url, "client", "secret", zone=zone)
        found.append(await erp.scan_orders(query))
        await erp.aclose()
    async with raw_peer(reply(200, {"purchase_orders": rows_of_erp, "pagination": {"records": len(rows)}})) as peer:
        other = Exsited(peer.url, "client", "secret", "r", zone=zone)
        found.append(await other.scan_orders(query))
        await other.aclose()
    return found


@pytest.mark.parametrize("zone", [AUCKLAND, HONOLULU, UTC])
async def test_the_orders_of_a_day_follow_the_companys_calendar(zone: Any) -> None:
    of_zone = [(moment, day) for where, moment, day in MOMENTS if where is zone]

    for scan in await run_scan(zone, [moment for moment, _ in of_zone]):
        assert [order.number for order in scan.orders] == [moment for moment, day in of_zone if day == DAY]


def test_the_setting_names_the_zone_of_every_connector() -> None:
    common = {
        "time_zone": "Pacific/Auckland",
        "client_id": "c",
        "client_secret": "s",
        "redirect_uri": "https://buyer.example/callback",
    }

    def connect_to_peer(**fields: str) -> Any:
        store: Any = None
        return connect(Settings.model_validate({**common, **fields}), lambda name: store)

    for erp in ("inventory-pro", "exsited"):
        assert connect_to_peer(erp=erp, base_url="https://erp.example")._zone == AUCKLAND
    sandbox = connect_to_peer(sandbox=":memory:")
    assert (sandbox._orders._zone, sandbox._exsited._zone) == (AUCKLAND, AUCKLAND)
