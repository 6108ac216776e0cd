"""An odd field of an order: what can do without it is read; what cannot names the order, the field and the value."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import ScriptedPerson, outcome, text
from tests.tools import test_field_cases as field_cases
from tests.tools.small_erps import SmallExsited, SmallInventoryPro, exsited_line, exsited_order, line, order

connect = field_cases.connect

GET, FINALIZE, CANCEL = "get_purchase_order", "finalize_purchase_order", "cancel_purchase_order"
LIST, CREATE = "list_purchase_orders", "create_purchase_order"
DISPENSABLE = [
    ({"totalLines": "three"}, 'number of lines cannot be read and is left out: the ERP has "three"'),
    ({"totalValue": "n/a"}, 'total cannot be read and is left out: the ERP has "n/a"'),
    ({"expectedDate": "soon"}, 'expected date cannot be read and is left out: the ERP has "soon"'),
    ({"orderDate": "04/05/2025"}, 'order date cannot be read and is left out: the ERP has "04/05/2025"'),
    ({"orderDate": "/Date(soon)/"}, 'the ERP has "/Date(soon)/"'),
    ({"totalValue": "1\u202e2"}, 'the ERP has "1\\u{202E}2"'),
]
NEEDED: list[tuple[Any, str]] = [
    (line(units="3,5"), 'has "3,5" for units in line 2'),
    (line(unitPrice="1.234,50"), 'has "1.234,50" for unitPrice in line 2'),
    (line(received="some"), 'has "some" for unitsReceived in line 2'),
    (None, "has null for line 2"),
]


@pytest.mark.parametrize("number", ["PO-1", "PO 1"])
@pytest.mark.parametrize(("fields", "said"), DISPENSABLE)
async def test_an_order_is_read_and_closed_without_a_date_or_total_that_cannot_be_read(
    connect: Any, number: str, fields: dict[str, Any], said: str
) -> None:
    erp = SmallInventoryPro(orders=[order(number, **fields)])
    person = ScriptedPerson(field_cases.picks("close"))
    async with connect(erp, person) as client:
        read = await client.call_tool(GET, {"number": number})
        ended = outcome(await client.call_tool(FINALIZE, {"number": number, "create_backorder": False}))

    assert not read.is_error
    assert said in text(read)
    assert any(said in remark for remark in outcome(read)["remarks"])
    assert len(outcome(read)["lines"]) == 1
    assert said in person.asked[0].message
    assert "Total not given" not in person.asked[0].message or "totalValue" not in fields
    assert ended["status"] == "done"


@pytest.mark.parametrize("number", ["PO-1", "PO 1"])
@pytest.mark.parametrize("tool", [GET, FINALIZE])
@pytest.mark.parametrize(("odd", "said"), NEEDED)
async def test_an_order_whose_lines_cannot_be_read_is_refused_with_the_field(
    connect: Any, number: str, tool: str, odd: Any, said: str
) -> None:
    erp = SmallInventoryPro(orders=[order(number, line(), odd, totalValue="9.00")])
    person = ScriptedPerson(field_cases.picks("close"))
    async with connect(erp, person) as client:
        shown = await client.call_tool(tool, {"number": number})

    assert shown.is_error
    assert f"Order {number} cannot be opened or changed here" in text(shown)
    assert said in text(shown)
    assert "Try again" not in text(shown)
    assert (person.asked, erp.sent) == ([], [])


async def test_exsiteds_orders_name_their_odd_fields_too(connect: Any) -> None:
    erp = SmallExsited(
        orders=[
            exsited_order("PO-1", total="n/a", issue_date="04/05/2025"),
            exsited_order("PO-2", {**exsited_line(), "item_quantity": "3,5"}),
        ]
    )
    async with connect(erp, ScriptedPerson(field_cases.picks("cancel"))) as client:
        read = await client.call_tool(GET, {"number": "PO-1"})
        refused = [text(await client.call_tool(tool, {"number": "PO-2"})) for tool in (GET, CANCEL)]

    assert 'total cannot be read and is left out: the ERP has "n/a"' in text(read)
    assert 'order date cannot be read and is left out: the ERP has "04/05/2025"' in text(read)
    for shown in refused:
        assert 'Order PO-2 cannot be opened or changed here: Exsited has "3,5" for item_quantity in line 1' in shown
    assert erp.sent == []


@pytest.mark.parametrize("asked", [{}, {"overdue": True}, {"ordered_from": "2026-01-01"}], ids=str)
async def test_a_list_keeps_orders_with_odd_dates_and_names_them(connect: Any, asked: dict[str, Any]) -> None:
    odd = {"issue_date": "04/05/2026", "expected_completion_date": "04/06/2026"}
    erp = SmallExsited(orders=[exsited_order("PO-1"), exsited_order("PO-2", **odd), exsited_order("PO-3", total="n/a")])
    async with connect(erp) as client:
        listed = outcome(await client.call_tool(LIST, asked))

    both = "2 orders with a field that cannot be read, and is left out"
    assert f"{both} (PO-" in listed["note"]
    assert "PO-2: order date, expected date" in listed["note"]
    assert "PO-3: total" in listed["note"]
    assert listed["complete"] is False
    if not asked:
        assert (listed["total_count"], listed["without_total"]) == (3, 1)


async def test_an_odd_date_alone_leaves_the_sums_whole(connect: Any) -> None:
    erp = SmallExsited(orders=[exsited_order("PO-1", expected_completion_date="04/05/2026")])
    async with connect(erp) as client:
        listed = outcome(await client.call_tool(LIST, {}))
        overdue = outcome(await client.call_tool(LIST, {"overdue": True}))

    assert (listed["complete"], overdue["complete"]) == (True, False)
    assert "(PO-1: expected date)" in overdue["note"]


async def test_a_new_order_whose_date_cannot_be_read_is_not_said_to_have_none(connect: Any) -> None:
    class Odd(SmallExsited):
        def _shown(self, order: Any) -> Any:
            return {**super()._shown(order), "expected_completion_date": "04/05/2026"}

    erp = Odd(is_answer_lost=True)
    line_asked = {"item": "Bolt", "quantity": "5", "unit_price": "0.12"}
    asked = {"vendor": "Acme Fasteners", "number": "PO-9", "lines": [line_asked], "expected_on": "2099-05-04"}
    async with connect(erp) as client:
        made = outcome(await client.call_tool(CREATE, asked))

    assert made["status"] == "done"
    assert "its expected date cannot be read, so it may not be 4 May 2099" in made["message"]
    assert "on no day" not in made["message"]
