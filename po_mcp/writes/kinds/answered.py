"""An ERP that numbers orders itself: what stands under the number that its answer to a create named."""

from __future__ import annotations

from po_mcp.erp import ERP
from po_mcp.errors import ERPError, InvalidInput
from po_mcp.writes import order_text
from po_mcp.writes.comparison import carries_reference, compare_order
from po_mcp.writes.kinds import place_of
from po_mcp.writes.kinds.create import draft_of, list_differences
from po_mcp.writes.observation import Observation, find_order, unreadable
from po_mcp.writes.operation import Operation


async def observe_answered(erp: ERP, operation: Operation, answered: str) -> Observation:
    """Compare the order that the ERP named in its success with what was sent.

    It is the effect where it carries our reference. Its vendor and lines alone prove nothing: nobody saw that it was
    not there before, and an ERP or a gateway can answer with an older order of the same contents. Nor does anything
    else seen there, or nothing, show that there was no effect.
    """
    draft = draft_of(operation)
    number, asked = order_text.number(answered), order_text.number(operation.number)
    named = f"{place_of(erp).erp} answered with order {number}: look there"
    try:
        order = await find_order(erp, answered, in_any_case=True)
    except InvalidInput:
        return Observation("elsewhere", named)
    except ERPError as exc:
        return Observation("unreadable", f"{named}; {unreadable(exc).why}")
    if order is None:
        return Observation("elsewhere", f"{named}; it does not show it yet")
    found = compare_order(draft.model_copy(update={"number": order.number}), order, None)
    if carries_reference(order, draft):
        detail = f"{place_of(erp).erp} numbered it itself: it is order {number} there, not {asked}."
        differences = list_differences(erp, found, order)
        return Observation("applied", f"it is order {number}", order, differences=differences, detail=detail)
    if found.verdict == "ours":
        return Observation("differs", f"{named}; it has the requested vendor and lines", order)
    return Observation("elsewhere", f"{named}; its contents are not those requested", order)
