"""An Exsited that shows its orders by other ids than those that it takes: by UUIDs, or by names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from po_mcp.desk import create_order as creating
from po_mcp.desk.other_ids import OtherIds
from po_mcp.writes import comparison
from tests.harness import ScriptedPerson, outcome, text, yes
from tests.tools.small_erps import Answer, Row, SmallExsited, exsited_line, exsited_order
from tests.tools.test_own_numbers import AT_ONCE, CREATE, client

ACME, BOLT, NUT = (f"{digit * 8}-1111-4111-8111-{digit * 12}" for digit in "abc")
BOLTS = {"vendor": "Acme Fasteners", "number": "PO-0004"}
LINES = [{"item": "Bolt", "quantity": "5", "unit_price": "0.12"}]
Show = Callable[[Row], Row]


@dataclass
class OddExsited(SmallExsited):
    """Its catalog tells ids and, with `tells_uuids`, UUIDs; `show_line` shows a line of an order. It drops notes."""

    show_line: Show = lambda line: line
    account_id: str = ACME
    tells_uuids: bool = True
    item_name_of_nut: str = "Nut"

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        if path == "/accounts":
            named = {"type": "SUPPLIER", "status": "ACTIVE"}
            rows = [{"id": "LHROM9", "uuid": ACME, "name": "Acme Fasteners", **named}]
            return self._page("accounts", self._told(rows), query)
        if path == "/items":
            rows = [
                {"id": "ITEM-0055", "uuid": BOLT, "name": "Bolt", "status": "ACTIVE"},
                {"id": "ITEM-0056", "uuid": NUT, "name": self.item_name_of_nut, "status": "ACTIVE"},
            ]
            return self._page("items", self._told(rows), query)
        return super().answer(method, path, query, body)

    def _told(self, rows: list[Row]) -> list[Row]:
        return rows if self.tells_uuids else [{key: row[key] for key in row if key != "uuid"} for row in rows]

    def _shown(self, order: Row) -> Row:
        lines = [self.show_line(line) for line in order["lines"]]
        return super()._shown({**order, "purchase_order_note": "", "account_id": self.account_id, "lines": lines})


def by(**ids: Any) -> Show:
    """Show a line with these ids alone, and none of its own."""
    return lambda line: {**line, "item_id": "", "item_uuid": "", "item_name": "", **ids}


BY_UUID = by(item_uuid=BOLT, item_name="Bolt")
SHOWN: dict[str, Show] = {
    "a uuid beside": by(item_id="8812", item_uuid=BOLT, item_name="Bolt"),
    "a uuid alone": BY_UUID,
    "a uuid for an id": by(item_id=BOLT.upper()),
    "a name for an id": by(item_id="Bolt"),
    "a name alone": by(item_name="Bolt"),
}


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


async def create(erp: SmallExsited, tmp_path: Path) -> Any:
    """Ask for five bolts of Acme's, and lose the answer."""
    erp.is_answer_lost = True
    async with client(erp, tmp_path, ScriptedPerson(yes), **AT_ONCE) as calls:
        return outcome(await calls.call_tool(CREATE, {**BOLTS, "lines": LINES}))


@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("account_id", [ACME, "Acme Fasteners"])
async def test_an_order_that_is_shown_by_other_ids_is_ours(tmp_path: Path, show: Show, account_id: str) -> None:
    made = await create(OddExsited(show_line=show, account_id=account_id), tmp_path)

    assert made["status"] == "done"
    assert made["message"].startswith("Order PO-0004 was created, confirmed by reading it back")
    assert "stored it in its own way" not in made["message"]


NOT_OURS: dict[str, dict[str, Any]] = {
    "another vendor": {"show_line": BY_UUID, "account_id": NUT},
    "another item by uuid": {"show_line": by(item_uuid=NUT)},
    "another item by name": {"show_line": by(item_name="Nut")},
    "an item that shares its name": {"show_line": by(item_id="Bolt"), "item_name_of_nut": "BOLT"},
    "ids that the catalog does not tell": {"show_line": by(item_uuid=BOLT), "tells_uuids": False},
    "an id for a name": {"show_line": by(item_name="ITEM-0055")},
}


@pytest.mark.parametrize("shown", NOT_OURS.values(), ids=NOT_OURS)
async def test_an_order_that_may_be_anothers_is_neither_ours_nor_refused(tmp_path: Path, shown: dict[str, Any]) -> None:
    """By "refused" a second one would be released, also where neither vendor nor item is known by its UUID."""
    made = await create(OddExsited(**shown), tmp_path)

    assert (made["status"], made["do_not_repeat"]) == ("unknown", True)


async def test_a_list_of_a_vendor_holds_orders_that_name_it_by_its_uuid(tmp_path: Path) -> None:
    async with client(OddExsited(orders=[exsited_order("PO-1")]), tmp_path) as calls:
        listed = await calls.call_tool("list_purchase_orders", {"vendor": "Acme Fasteners"})

    assert (outcome(listed)["total_count"], "Acme Fasteners" in text(listed)) == (1, True)


async def test_a_price_last_paid_is_found_by_the_uuid(tmp_path: Path) -> None:
    orders = [exsited_order("PO-1", exsited_line(price="0.770000"))]
    erp = OddExsited(orders=orders, show_line=by(item_id="8812", item_uuid=BOLT))
    person = ScriptedPerson(yes)
    async with client(erp, tmp_path, person) as calls:
        await calls.call_tool(CREATE, {**BOLTS, "lines": [{"item": "Bolt", "quantity": "5"}]})

    assert "0.77" in person.asked[0].message


# The controls, each taken away


async def test_without_other_ids_ours_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def find_none(desk: Any, found: Any) -> OtherIds:
        return OtherIds()

    monkeypatch.setattr(creating, "find_other_ids", find_none)

    assert (await create(OddExsited(show_line=BY_UUID), tmp_path))["status"] != "done"


async def test_a_name_of_two_items_would_make_anothers_order_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def find_any(desk: Any, found: Any) -> OtherIds:
        return OtherIds((ACME,), {item.id: (item.name,) for item in found.items.values()})

    monkeypatch.setattr(creating, "find_other_ids", find_any)

    assert (await create(OddExsited(**NOT_OURS["an item that shares its name"]), tmp_path))["status"] == "done"


async def test_ids_of_any_kind_would_make_ours_anothers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "_is_uuid", lambda text: False)

    made = await create(OddExsited(**NOT_OURS["ids that the catalog does not tell"]), tmp_path)

    assert made["status"] == "refused"
