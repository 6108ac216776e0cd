"""A lost answer of an ERP that numbers orders itself and keeps no notes: absence under our number proves nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mcp import Client

from po_mcp.connectors import pagination
from po_mcp.connectors.exsited import client as exsited
from po_mcp.writes.observation import Observation
from po_mcp.writes.reconcile import Reconciler
from tests.harness import outcome
from tests.tools.small_erps import Answer, Row, SmallExsited, SmallInventoryPro, line, order
from tests.tools.test_own_numbers import AT_ONCE, BOLTS, BOLTS_OF_EXSITED, CREATE, client, number_orders, request


@pytest.fixture(autouse=True)
def _late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every look is as late as any: an order that is absent would be called not created."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(Reconciler, "_cannot_come_late", lambda self, recorded, looked_at: True)


async def create_twice(erp: SmallInventoryPro, tmp_path: Path) -> list[Any]:
    """Ask for one order, lose the answer to it, look at it, and ask again."""
    erp.is_answer_lost = True
    async with client(erp, tmp_path, **AT_ONCE) as calls:
        first = outcome(await calls.call_tool(CREATE, request(BOLTS)))
        looked = await look_at(calls, first["operation_id"])
        again = outcome(await calls.call_tool(CREATE, request(BOLTS)))
    return [first, looked, again]


async def look_at(calls: Client, operation_id: str) -> Any:
    [looked] = outcome(await calls.call_tool("get_operation", {"operation_id": operation_id}))["operations"]
    return looked


async def test_an_order_of_the_same_lines_under_another_number_keeps_it_unknown_and_is_named(tmp_path: Path) -> None:
    erp = SmallInventoryPro(store_number=number_orders())

    for reported in await create_twice(erp, tmp_path):
        assert (reported["status"], reported["do_not_repeat"]) == ("unknown", True)
        assert (
            "no order PO-0004, but order ERP-701 has the requested vendor and lines: look there" in reported["message"]
        )
        assert "counts as not done" not in reported["message"]
    assert list(erp.book) == ["ERP-701"]


async def test_where_the_list_shows_no_such_order_its_absence_decides(tmp_path: Path) -> None:
    other = order("PO-0003", line("NUT-M8"), line(units=9), orderDate="2026-11-26T10:00:00Z")
    erp = SmallInventoryPro(orders=[other])
    async with client(erp, tmp_path, **AT_ONCE) as calls:
        kept = outcome(await calls.call_tool(CREATE, {**request({**BOLTS, "quantity": "77"}), "number": "PO-0100"}))
    erp._create = lambda body: (504, None)  # type: ignore[method-assign]

    first, _, _ = await create_twice(erp, tmp_path)

    assert kept["status"] == "done"
    assert first["status"] == "refused"
    assert "It can be requested again." in first["message"]


@pytest.mark.parametrize(
    "changes",
    [{"orderDate": None}, {"vendorNo": None, "vendorName": None}, {"lines": []}, {"status": "Closed"}],
    ids=str,
)
async def test_an_erp_that_has_kept_no_number_of_ours_may_hold_it_where_it_does_not_show(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    class Hiding(SmallInventoryPro):
        def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
            status, reported = super().answer(method, path, query, body)
            for number in self.book:
                if number.startswith("ERP-"):
                    self.book[number] = {**self.book[number], **changes}
            return status, reported

    erp = Hiding(store_number=number_orders())

    for reported in await create_twice(erp, tmp_path):
        assert (reported["status"], reported["do_not_repeat"]) == ("unknown", True)
    assert list(erp.book) == ["ERP-701"]


@pytest.mark.parametrize("gap", ["another page", "a row", "no list", "an order"])
async def test_a_list_that_may_hide_it_decides_nothing(tmp_path: Path, gap: str) -> None:
    rest = order("PO-0003", orderDate="2026-11-27T10:00:00Z")
    erp = SmallInventoryPro(orders=[rest], store_number=number_orders())
    erp._create = lambda body: (504, None)  # type: ignore[method-assign]
    answer = erp.answer

    def hide(method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        status, reported = answer(method, path, query, body)
        if path == "/PurchaseOrder" and method == "GET":
            if gap == "no list":
                return 500, None
            reported |= {"totalCount": 9, "hasMore": True} if gap == "another page" and query["page"] == "1" else {}
            reported |= {"value": [*reported["value"], {"poNo": None}]} if gap == "a row" else {}
        return (500, None) if gap == "an order" and path == "/PurchaseOrder/PO-0003" else (status, reported)

    erp.answer = hide  # type: ignore[method-assign]

    for reported in await create_twice(erp, tmp_path):
        assert reported["status"] == "unknown"
    assert len(erp.sent) == 1


class Undated(SmallExsited):
    """Gives new orders no order date, and keeps no notes."""

    def _create(self, body: Row) -> Answer:
        status, answer = super()._create({**body, "purchase_order_note": ""})
        for made in (self.book[answer["purchase_order"]["id"]], answer["purchase_order"]):
            made["issue_date"] = ""
        return status, answer


@pytest.mark.parametrize("looks", [True, False])
async def test_an_order_without_a_day_may_be_the_one_that_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, looks: bool
) -> None:
    if not looks:  # without the control
        select = pagination.select_orders
        forget = {"undated": ()}
        monkeypatch.setattr(exsited, "select_orders", lambda scan, query: select(scan, query).model_copy(update=forget))
    erp = Undated()
    async with client(erp, tmp_path, **AT_ONCE) as calls:
        kept = outcome(await calls.call_tool(CREATE, {**request(BOLTS_OF_EXSITED), "number": "PO-0100"}))
        erp.is_answer_lost, erp.store_number = True, number_orders()
        other = {**BOLTS_OF_EXSITED, "quantity": "77"}
        lost = outcome(await calls.call_tool(CREATE, request(other)))

    assert kept["status"] == "done"
    assert lost["status"] == ("unknown" if looks else "refused")
    assert list(erp.book) == ["PO-0100", "ERP-701"]


async def test_an_erp_that_gave_its_own_number_before_may_always_have(tmp_path: Path) -> None:
    items = [{"partNo": at, "shortID": name, "description": name} for at, name in enumerate(("BOLT-M8-30", "NUT"), 1)]
    erp = SmallInventoryPro(items=items, store_number=number_orders())
    async with client(erp, tmp_path, **AT_ONCE) as calls:
        named = outcome(await calls.call_tool(CREATE, {**request(BOLTS), "number": "PO-0001"}))
        erp._create = lambda body: (504, None)  # type: ignore[method-assign]
        lost = outcome(await calls.call_tool(CREATE, request({**BOLTS, "item": "NUT"})))

    assert "answered with order ERP-701" in named["message"]
    assert (lost["status"], lost["do_not_repeat"]) == ("unknown", True)
    assert "Inventory Pro has numbered orders itself before" in lost["message"]


async def test_without_the_look_beyond_its_number_a_second_order_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def absent(self: Reconciler, recorded: object, seen: Observation) -> Observation:
        return seen

    monkeypatch.setattr(Reconciler, "_look_elsewhere", absent)
    erp = SmallInventoryPro(store_number=number_orders())

    first, _, _ = await create_twice(erp, tmp_path)

    assert first["status"] == "refused"
    assert list(erp.book) == ["ERP-701", "ERP-702"]
