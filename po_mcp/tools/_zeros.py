"""Ids and codes that came as JSON numbers and may have lost leading zeros."""

from __future__ import annotations

from collections.abc import Iterable

from po_mcp.desk.catalog import words_of
from po_mcp.desk.context import Desk
from po_mcp.errors import InvalidInput
from po_mcp.tools._lenient import SentAsNumber
from po_mcp.untrusted import visible


async def refuse_lost_zeros(numbers: Iterable[SentAsNumber], desk: Desk) -> None:
    """Raise `InvalidInput` if the catalog has an entry that is the number with leading zeros.

    JSON writes 007 as 7, so the entry 007 may be meant even if there is an entry 7.
    """
    # Without a catalog there is nothing to compare with; the ERP judges the id.
    known = numbers if "catalog" in desk.erp.capabilities else ()
    for number in known:
        entries = await desk.catalog.entries(number.kind)
        names = {text for entry in entries for _, text in words_of(entry) if text}
        padded = sorted(name for name in names if name != number.digits and name.lstrip("0") == number.digits)
        if padded:
            either = " or ".join(f'"{visible(name, 40)}"' for name in [number.digits, *padded[:3]])
            raise InvalidInput(
                f"{number.place} came as the number {number.digits}, and the {number.kind} may be {either}.",
                effect="nothing_sent",
                next_step="Write it as text, in quotes.",
            )
