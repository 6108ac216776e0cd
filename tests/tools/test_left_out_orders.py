"""Orders that lack what a list is asked by: a day, a vendor, a vendor's name. They are left out, and that is said."""

from __future__ import annotations

from os import environ
from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.connectors import pagination
from po_mcp.desk.vendor_filter import VendorFilter
from po_mcp.orders import OrderScan
from tests.connectors.exsited_dialects import ExsitedDialect
from tests.harness import REAL, outcome
from tests.tools.small_erps import Answer, SmallExsited, exsited_order

LIST = "list_purchase_orders"
NOVEMBER = {"ordered_from": "2026-11-01", "ordered_to": "2026-11-30"}


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


async def listed(erp: SmallExsited, **asked: Any) -> tuple[list[str], bool, str | None]:
    """Return the numbers of the orders that are listed, whether those are all, and the note."""
    own: dict[str, Any] = {**REAL, "erp": "exsited", "redirect_uri": "https://x/"}
    own["journal"] = str(Path(environ["XDG_CACHE_HOME"]) / "journal.db")
    async with Client(build_server(Settings(**own), erp=erp.connect())) as client:
        found = outcome(await client.call_tool(LIST, {"sort": "number", "direction": "asc", **asked}))
    return [one["number"] for one in found["orders"]], found["complete"], found.get("note")


async def test_orders_without_a_day_are_said_to_be_in_no_range_of_days() -> None:
    erp = SmallExsited(orders=[exsited_order("PO-1"), exsited_order("PO-2", issue_date="")])

    assert await listed(erp) == (["PO-1", "PO-2"], True, None)
    assert await listed(erp, **NOVEMBER) == (["PO-1"], False, "1 order has no order date and is not included.")


async def test_an_order_without_a_day_is_left_out_in_silence_of_another_vendor_alone() -> None:
    undated = [exsited_order(f"PO-{place}", issue_date=None, account_id=of) for place, of in ((1, "LHROM9"), (2, ""))]

    found = await listed(SmallExsited(orders=[*undated, exsited_order("PO-3")]), vendor="Acme Fasteners", **NOVEMBER)

    said = "1 order of a vendor without a name (none given) left out. 1 order has no order date and is not included."
    assert found == (["PO-3"], False, said)


async def test_orders_whose_vendor_has_no_name_are_said_to_be_left_out() -> None:
    orders = [exsited_order("PO-1"), exsited_order("PO-2", account_id="GONE01"), exsited_order("PO-3", account_id=None)]

    by_name = await listed(SmallExsited(orders=orders), vendor="Acme Fasteners")
    by_id = await listed(SmallExsited(orders=orders), vendor="LHROM9")

    assert by_name == (["PO-1"], False, "2 orders of a vendor without a name (GONE01, none given) left out.")
    assert by_id == (["PO-1"], False, "1 order of a vendor without a name (none given) left out.")


class WithoutAccounts(SmallExsited):
    """Its credentials may not read accounts, so no vendor has a name."""

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        if path == "/accounts":
            return 403, {"errors": [{"code": 403, "message": "Access denied"}]}
        return super().answer(method, path, query, body)


async def test_no_vendor_has_no_orders_where_the_vendors_cannot_be_read() -> None:
    numbers, complete, note = await listed(WithoutAccounts(orders=[exsited_order("PO-1")]), vendor="Acme Fasteners")

    assert (numbers, complete) == ([], False)
    assert str(note).endswith("1 order of a vendor without a name (LHROM9) left out.")


def _forget_undated(patch: pytest.MonkeyPatch) -> None:
    select = pagination.select_orders

    def forget(scanned: OrderScan, query: Any) -> OrderScan:
        return select(scanned, query).model_copy(update={"undated": ()})

    patch.setattr("po_mcp.connectors.exsited.client.select_orders", forget)


def _forget_unnamed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(VendorFilter, "find_unnamed", lambda self, orders: [])


@pytest.mark.parametrize(
    ("mutate", "asked", "lacking"),
    [(_forget_undated, NOVEMBER, {"issue_date": ""}), (_forget_unnamed, {"vendor": "Acme"}, {"account_id": ""})],
)
async def test_without_the_sentence_such_orders_are_missing_in_silence(
    monkeypatch: pytest.MonkeyPatch, mutate: Any, asked: dict[str, Any], lacking: dict[str, Any]
) -> None:
    mutate(monkeypatch)

    numbers, complete, _ = await listed(SmallExsited(orders=[exsited_order("PO-1", **lacking)]), **asked)

    assert (numbers, complete) == ([], True)


async def test_orders_that_are_counted_and_not_listed_are_said() -> None:
    erp = ExsitedDialect(orders=[exsited_order("PO-1"), exsited_order("PO-2")], counts_more=1)

    said = "Exsited counts 3 orders and gave 2; counts and totals cover those."
    assert await listed(erp) == (["PO-1", "PO-2"], False, said)


async def test_a_catalog_that_is_counted_too_high_is_read_and_ordered_from() -> None:
    own: dict[str, Any] = {**REAL, "erp": "exsited", "redirect_uri": "https://x/"}
    own["journal"] = str(Path(environ["XDG_CACHE_HOME"]) / "journal.db")
    erp = ExsitedDialect(counts_more=2)
    line = {"item": "Bolt", "quantity": "5", "unit_price": "0.12"}
    async with Client(build_server(Settings(**own), erp=erp.connect())) as client:
        found = outcome(await client.call_tool("search_catalog", {"kind": "vendor", "text": "Acme"}))
        made = await client.call_tool(
            "create_purchase_order", {"vendor": "Acme Fasteners", "number": "PO-9", "lines": [line]}
        )

    assert "2 vendor rows of the ERP's list cannot be used" in found["note"]
    assert outcome(made)["status"] == "done"
