"""An odd field of an order: what can do without it is read; what cannot names the order, the field and the value."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness import ScriptedPerson, outcome, text
from tests.tools import test_field_cases as field_cases
from tests.tools.small_erps import SmallExsited, SmallInventoryPro, exsited_line, exsited_order, line, order

connect = field_cases.connect

GET, FINALIZE, CANCEL = "get_purchase_order", "finalize_purchase_order", "cancel_purchase_order"
DISPENSABLE = [
    ({"totalLines": "three"}, 'number of lines cannot be read and is left out: the ERP has "three"'),
    ({"totalValue": "n/a"}, 'total cannot be read and is left out: the ERP has "n/a"'),
    ({"expectedDate": "soon"}, 'expected date cannot be read and is left out: the ERP has "soon"'),
    ({"orderDate": "31/12/2025"}, 'order date cannot be read and is left out: the ERP has "31/12/2025"'),
    ({"orderDate": "/Date(1767139200000)/"}, 'the ERP has "/Date(1767139200000)/"'),
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
            exsited_order("PO-1", total="n/a", issue_date="31/12/2025"),
            exsited_order("PO-2", {**exsited_line(), "item_quantity": "3,5"}),
        ]
    )
    async with connect(erp, ScriptedPerson(field_cases.picks("cancel"))) as client:
        read = await client.call_tool(GET, {"number": "PO-1"})
        refused = [text(await client.call_tool(tool, {"number": "PO-2"})) for tool in (GET, CANCEL)]

    assert 'total cannot be read and is left out: the ERP has "n/a"' in text(read)
    assert 'order date cannot be read and is left out: the ERP has "31/12/2025"' in text(read)
    for shown in refused:
        assert 'Order PO-2 cannot be opened or changed here: Exsited has "3,5" for item_quantity in line 1' in shown
    assert erp.sent == []
