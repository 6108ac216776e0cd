"""What a person is shown before a destructive write, and which answer counts as a yes. Pure.

The question is made of what the ERP said and nothing that the model wrote. The figures stand first,
and every text of the ERP is quoted, made visible and cut, so that no vendor's name can add a line.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from po_mcp.orders import STATUS_WORDS, DraftLine, OrderDraft, OrderLine, PurchaseOrder, plain
from po_mcp.untrusted import quote_text, scripts_of

LINES_SHOWN = 20
"""Lines of an order that a question shows; the rest is counted."""


@dataclass(frozen=True)
class Field:
    """One field of a form: a typed text, a yes/no, or one of several `choices` (value, what is shown)."""

    name: str
    kind: Literal["string", "boolean"]
    title: str
    description: str
    choices: tuple[tuple[str, str], ...] = ()

    def schema(self) -> dict[str, Any]:
        """Return the field as JSON schema."""
        shown = {"type": self.kind, "title": self.title, "description": self.description}
        return (
            {**shown, "oneOf": [{"const": value, "title": title} for value, title in self.choices]}
            if self.choices
            else shown
        )


@dataclass(frozen=True)
class Question:
    """What a person is asked: a text and the fields of a form."""

    text: str
    fields: tuple[Field, ...]

    def schema(self) -> dict[str, Any]:
        """Return the form as the flat JSON schema that MCP elicitation takes."""
        return {
            "type": "object",
            "properties": {field.name: field.schema() for field in self.fields},
            "required": [field.name for field in self.fields],
        }

    @property
    def wording_digest(self) -> str:
        """Digest of the exact wording and form: an answer to another wording does not count."""
        return hashlib.sha256(json.dumps([self.text, self.schema()], sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class FormAnswer:
    """What came back: `content` only where the person accepted.

    `cancelled`: the form was closed, or the client failed to show it. Sent to the page, nobody said yes or no yet.
    """

    how: Literal["accepted", "declined", "cancelled", "not_asked", "sent_to_page"]
    content: Mapping[str, Any] | None = None


def ask_delete(order: PurchaseOrder, notice: str) -> Question:
    """Make the question for a delete: the person types the order number."""
    number = quote_text(order.number)
    text = _join(notice, f"Delete purchase order {number} for good? This cannot be undone.", *_facts(order))
    typed = Field("order_number", "string", "Order number", f"To delete it, type {number} without the quotes")
    return Question(text, (typed,))


def ask_finalize(order: PurchaseOrder, notice: str, create_backorder: bool | None) -> Question:
    """Make the question for a finalize: a yes/no, and the backorder where nobody has said."""
    open_choice = create_backorder is None and bool(order.outstanding_lines)
    text = _join(
        notice,
        f"Finalize purchase order {quote_text(order.number)}? It is then closed for good.",
        _what_of_the_rest(order, create_backorder),
        *_facts(order),
    )
    fields = [Field("confirm", "boolean", "Finalize this order", "Yes marks the order complete")]
    if open_choice:
        fields.append(
            Field(
                "create_backorder",
                "boolean",
                "Create a backorder",
                "Yes orders again what is still outstanding",
            )
        )
    return Question(text, tuple(fields))


def ask_cancel(order: PurchaseOrder, notice: str) -> Question:
    """Make the question for a cancel: a yes/no."""
    text = _join(
        notice,
        f"Cancel purchase order {quote_text(order.number)}? It is then inactive; the ERP can make it active again.",
        _what_was_received(order),
        *_facts(order),
    )
    return Question(text, (Field("confirm", "boolean", "Cancel this order", "Yes calls the order off"),))


def ask_which(notice: str, fields: Iterable[Field]) -> Question:
    """Make the question which vendor, item or warehouse is meant; it approves nothing."""
    asked = tuple(fields)
    offered = [f"{field.description}: {', '.join(title for _, title in field.choices)}" for field in asked]
    return Question(_join(notice, "Which is meant? Nothing is ordered by this answer.", *offered), asked)


def ask_whether_it_happened(notice: str, kind: str, number: str, seen: Iterable[str]) -> Question:
    """Make the question whether a write happened whose outcome is not known. Leaving it open is the first choice."""
    text = _join(
        notice,
        f"Did the {kind} of purchase order {quote_text(number)} happen? It was sent once, and its answer was lost.",
        *(f"The ERP shows: {one}" for one in seen),
        "Look at the order in the ERP itself before you say so.",
    )
    choices = (("open", "Leave it open"), ("happened", "It happened"))
    return Question(text, (Field("verdict", "string", "Did it happen?", f"Order {quote_text(number, 40)}", choices),))


def chosen(answer: FormAnswer, question: Question) -> Mapping[str, str] | None:
    """Return the value chosen for every field; None where the answer is no such choice."""
    content = answer.content
    if answer.how != "accepted" or content is None or set(content) != {field.name for field in question.fields}:
        return None
    offered = {field.name: {value for value, _ in field.choices} for field in question.fields}
    values = {name: value for name, value in content.items() if isinstance(value, str) and value in offered[name]}
    return values if len(values) == len(content) else None


def ask_create(draft: OrderDraft, notice: str, reasons: Iterable[str]) -> Question:
    """Make the question for an order that a person must see before it is created."""
    text = _join(
        notice,
        f"Create purchase order {quote_text(draft.number)}? {' '.join(reasons)}",
        f"Total: {plain(draft.total)}",
        _vendor(draft.vendor.name, draft.vendor.id),
        *_caution(draft.vendor.name),
        f"Expected: {draft.expected_on}" if draft.expected_on else "",
        f"Note: {quote_text(draft.note, 200)}" if draft.note else "",
        f"Lines: {len(draft.lines)}",
        *(_draft_line(place, line) for place, line in enumerate(draft.lines[:LINES_SHOWN], 1)),
        f"  and {len(draft.lines) - LINES_SHOWN} more lines" if len(draft.lines) > LINES_SHOWN else "",
    )
    return Question(text, (Field("confirm", "boolean", "Create this order", "Yes sends the order"),))


def _draft_line(place: int, line: DraftLine) -> str:
    text = f"  {place}. {plain(line.quantity)} x {quote_text(line.item, 40)} at {plain(line.unit_price)}"
    return text + (f", to warehouse {quote_text(line.warehouse, 40)}" if line.warehouse else "")


def is_typed_number(answer: FormAnswer, number: str) -> bool:
    """Tell whether the answer is the typed order number, and nothing else."""
    content = answer.content
    if answer.how != "accepted" or content is None or set(content) != {"order_number"}:
        return False
    typed = content["order_number"]
    return isinstance(typed, str) and typed.strip() == number


def is_no(answer: FormAnswer) -> bool:
    """Tell whether the person filled the form in with a no, so that they have seen it."""
    return answer.how == "accepted" and (answer.content or {}).get("confirm") is False


def is_confirmed(answer: FormAnswer, question: Question) -> bool:
    """Tell whether the answer is a true `confirm`, with every field of the form a real yes or no."""
    content = answer.content
    if answer.how != "accepted" or content is None or set(content) != {field.name for field in question.fields}:
        return False
    return content["confirm"] is True and all(isinstance(value, bool) for value in content.values())


def _what_of_the_rest(order: PurchaseOrder, create_backorder: bool | None) -> str:
    outstanding = len(order.outstanding_lines)
    if not outstanding:
        return "Everything was received: no backorder is needed."
    rest = f"{outstanding} of its lines {'is' if outstanding == 1 else 'are'} not fully received."
    if create_backorder is None:
        return f"{rest} You choose whether a new backorder is made for what is outstanding."
    if create_backorder:
        return f"{rest} A NEW BACKORDER is made for what is outstanding."
    return f"{rest} What is outstanding is GIVEN UP: no backorder is made."


def _what_was_received(order: PurchaseOrder) -> str:
    received = sum(bool(line.received) for line in order.lines or ())
    return f"Goods were received already for {received} of its {len(order.lines or ())} lines." if received else ""


def _facts(order: PurchaseOrder) -> list[str]:
    return [
        f"Total: {_total(order)}",
        f"Status: {STATUS_WORDS[order.status]}",
        _vendor(order.vendor, order.vendor_id),
        *_caution(order.vendor),
        *_dates(order),
        *_lines(order.lines or ()),
    ]


def _vendor(name: str, vendor_id: str | None) -> str:
    return f"Vendor: {quote_text(name)}" + (f" (id {quote_text(vendor_id)})" if vendor_id else "")


def _caution(vendor: str) -> list[str]:
    """Warn of a name that may imitate another: one whose letters are of several scripts."""
    scripts = scripts_of(vendor)
    return [f"Caution: the vendor's name mixes {' and '.join(scripts)} letters."] if len(scripts) > 1 else []


def _total(order: PurchaseOrder) -> str:
    if order.total is None:
        return "not told by the ERP"
    total = plain(order.total) + (f" {quote_text(order.currency)}" if order.currency else "")
    added = order.sum_of_lines
    return total if added in (None, order.total) else f"{total} (its lines add up to {plain(added or order.total)})"


def _dates(order: PurchaseOrder) -> list[str]:
    dates = []
    if order.ordered_at is not None:
        dates.append(f"Ordered: {order.ordered_at:%Y-%m-%d}")
    if order.expected_on is not None:
        dates.append(f"Expected: {order.expected_on:%Y-%m-%d}")
    return dates


def _lines(lines: tuple[OrderLine, ...]) -> list[str]:
    shown = [
        f"Lines: {len(lines)}",
        *(_line(place, line) for place, line in enumerate(lines[:LINES_SHOWN], 1)),
    ]
    if len(lines) > LINES_SHOWN:
        shown.append(f"  and {len(lines) - LINES_SHOWN} more lines that are not shown here")
    return shown


def _line(place: int, line: OrderLine) -> str:
    count = "" if line.quantity is None else f"{plain(line.quantity)} x "
    text = f"  {line.line or place}. {count}{quote_text(line.item, 40)}"
    if line.description:
        text += f" {quote_text(line.description, 60)}"
    if line.unit_price is not None:
        text += f" at {plain(line.unit_price)}"
    if line.received is not None:
        text += f"; received {plain(line.received)}"
    return text + (f"; outstanding {plain(line.outstanding)}" if line.outstanding else "")


def _join(*parts: str) -> str:
    return "\n".join(part for part in parts if part)
