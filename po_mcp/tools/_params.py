"""Parameter types that several tools take, and the desk of a call."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from mcp.server.mcpserver import Context
from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from po_mcp.desk.context import Desk
from po_mcp.orders import MAX_ORDER_NUMBER_CHARS
from po_mcp.untrusted import ESCAPE, escape_blanks, mark_number, unmark_number, visible

_DAY_PATTERN = r"^\d{4}-\d{2}-\d{2}$"


def _check_order_number(text: str) -> str:
    """Return the number if any ERP could have it; the connector checks whether its URLs can carry it.

    Raises:
        ValueError: it is blank, too long, a path segment of dots, or has invisible characters.
    """
    text = unmark_number(text)
    # `visible` changes a text with characters that a person could not see in a question.
    shown = visible(escape_blanks(text))
    hidden = [found[0] for found in ESCAPE.finditer(shown)]
    # As a segment of an address these two name another one (RFC 3986, 5.2.4).
    if hidden or text in (".", ".."):
        raise ValueError(_explain_unopenable(text, hidden))
    if not text.strip() or len(text) > MAX_ORDER_NUMBER_CHARS or shown != text:
        raise ValueError(
            f"must be an order number of at most {MAX_ORDER_NUMBER_CHARS} characters, such as PO-2025-0042"
        )
    return text


def _explain_unopenable(number: str, hidden: list[str]) -> str:
    """Say of an order's number, which a list may show, why nothing can be done with it here."""
    signs = ", ".join(dict.fromkeys(hidden))
    why = f"holds {signs}, which nobody can tell from others by sight" if hidden else "cannot stand in an address"
    return f"{why}: order {mark_number(number, 80)} cannot be opened, changed or created here, but in the ERP itself"


def _check_filled(text: str) -> str:
    """Return the text if anything stands in it.

    Raises:
        ValueError: it is blank.
    """
    if not text.strip():
        raise ValueError("is empty")
    return text


def _read_date(value: object) -> date:
    """Read YYYY-MM-DD and nothing else: pydantic's date would accept a number of seconds, too.

    Raises:
        ValueError: it is no such date.
    """
    try:
        found = date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        found = None
    # Python reads 20250101 and 2025-W01-1, too, which a model may have meant otherwise.
    if found is None or value != found.isoformat():
        raise ValueError("must be a date as YYYY-MM-DD")
    return found


Day = Annotated[date, BeforeValidator(_read_date), WithJsonSchema({"type": "string", "pattern": _DAY_PATTERN})]
Cursor = Annotated[str, AfterValidator(_check_filled)]
OrderNumber = Annotated[
    str,
    AfterValidator(_check_order_number),
    WithJsonSchema(
        {"type": "string", "maxLength": MAX_ORDER_NUMBER_CHARS, "description": "Order number, such as PO-2025-0042"}
    ),
]


def desk_of(ctx: Context[Desk, Any]) -> Desk:
    """Return the desk of the server that answers this call."""
    # From the call and not from a module: a process may have several servers.
    return ctx.request_context.lifespan_context
