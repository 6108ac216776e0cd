"""What a person is asked before a write, and how their answer is read. Pure.

A question is made of what the ERP said, and of nothing that the model wrote but what a new order will hold. Its first
option is always the safe one, so that pressing Enter on whatever is marked first changes nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any, Literal

from po_mcp.orders import PurchaseOrder
from po_mcp.writes import order_text as text

DECISION = "decision"
ORDER_NUMBER = "order_number"
MAX_TRIES = 3
"""How often an order number may be typed."""
NO = "no"
"""What is typed in the place of an order number to keep the order."""
_NOES = frozenset({NO, "false", "none", "decline", "declined", "cancel", "reject"})
"""What says no in a field that was not asked for, in any case."""
_TITLED_OPTIONS_SINCE = "2025-11-25"
"""The protocol version from which a form's options carry titles as `oneOf`; before, `enum` with `enumNames`."""
_QUOTES = "\"'`“”„‘’«»"


@dataclass(frozen=True)
class Field:
    """One field of a form: a text, typed or one of `choices` (value, label)."""

    name: str
    title: str
    description: str
    choices: tuple[tuple[str, str], ...] = ()

    def schema(self, protocol: str = _TITLED_OPTIONS_SINCE) -> dict[str, Any]:
        """Return the field as JSON schema for a client of this protocol version."""
        shown = {"type": "string", "title": self.title, "description": self.description}
        if not self.choices:
            return shown
        if protocol >= _TITLED_OPTIONS_SINCE:
            return {**shown, "oneOf": [{"const": value, "title": label} for value, label in self.choices]}
        return {
            **shown,
            "enum": [value for value, _ in self.choices],
            "enumNames": [label for _, label in self.choices],
        }

    def read(self, given: object) -> str | None:
        """Return the value that was chosen, letter for letter; None for anything else."""
        return given if isinstance(given, str) and any(given == value for value, _ in self.choices) else None

    def find_typed(self, given: object) -> object:
        """Return the value that was typed, or its label, in any case; what is neither stays.

        For clients before titled options, which draw a text box.
        """
        if not isinstance(given, str) or any(given == value for value, _ in self.choices):
            return given
        typed = _fold(given)
        # Of two options with the same label neither is taken: the person cannot have told them apart.
        found = {value for value, label in self.choices if typed in (_fold(value), _fold(label))}
        return found.pop() if len(found) == 1 else given


@dataclass(frozen=True)
class Question:
    """What a person is asked: a text and the fields of a form."""

    text: str
    fields: tuple[Field, ...]

    def schema(self, protocol: str = _TITLED_OPTIONS_SINCE) -> dict[str, Any]:
        """Return the form as the flat JSON schema that MCP elicitation takes."""
        return {
            "type": "object",
            "properties": {field.name: field.schema(protocol) for field in self.fields},
            "required": [field.name for field in self.fields],
        }

    def read_content(self, content: Mapping[str, Any] | None, protocol: str) -> Mapping[str, Any] | None:
        """Return what a client of this protocol version filled in, labels that it sent replaced by their values."""
        # Newer clients send the value; what they send as a label is an answer to another form.
        if content is None or protocol >= _TITLED_OPTIONS_SINCE:
            return content
        fields = {field.name: field for field in self.fields if field.choices}
        return {name: fields[name].find_typed(given) if name in fields else given for name, given in content.items()}

    @property
    def wording_digest(self) -> str:
        """Digest of the exact wording and form: an answer to another wording does not count."""
        return hashlib.sha256(json.dumps([self.text, self.schema()], sort_keys=True).encode()).hexdigest()

    @property
    def text_beside_link(self) -> str:
        """The head alone, for a client that opens the page, where the rest is shown."""
        head = self.text.split("\n")[:3]
        return "\n".join([*head, "Approve or decline on this page. Nothing changes before that."])

    def with_caution(self, caution: str, short: str = "") -> Question:
        """Return the question with a warning in its text, and in the descriptions, which every host draws.

        `short` is what the descriptions say of it, after another warning that stands there; by default all.
        """
        first, *rest = self.text.split("\n")
        described = tuple(
            replace(field, description=text.cut(_join_warning(field.description, short or caution), text.ITEMS_COLUMNS))
            for field in self.fields
        )
        return replace(self, text="\n".join([first, *rest[:2], caution, *rest[2:]]), fields=described)

    @property
    def tries(self) -> list[Question]:
        """The question as it is asked at first, and where the number is mistyped."""
        return [self.of_try(number) for number in range(1, MAX_TRIES + 1)]

    def of_try(self, number: int) -> Question:
        """Return the question of the second or third try, which says that what was typed was not the order number."""
        if number == 1:
            return self
        return replace(self, text=f"That was not the order number (try {number} of {MAX_TRIES}).\n{self.text}")


@dataclass(frozen=True)
class FormAnswer:
    """What came back, `seconds` after the question: `content` only where the person accepted.

    `cancelled`: the form was closed, or the client failed to show it. `timed_out`: no answer came. Sent to the page,
    nobody said yes or no yet.
    """

    how: Literal["accepted", "declined", "cancelled", "timed_out", "not_asked", "sent_to_page"]
    content: Mapping[str, Any] | None = None
    seconds: float | None = None


SANDBOX_TAG = "SANDBOX: "
"""Stands before every question and every outcome of the sandbox."""


@dataclass(frozen=True)
class Place:
    """Where a write goes, as every question says it.

    Args:
        erp: the ERP's name in a sentence.
        label: whose books, at the end of the vendor's line; "" for the sandbox.
        tag: `SANDBOX_TAG`, or "" for a real ERP.
    """

    erp: str
    label: str = ""
    tag: str = ""


def _join_warning(description: str, warning: str) -> str:
    parts = (description, warning) if description.startswith("CAUTION") else (warning, description)
    return " ".join(parts)


def pin_reset(day: str) -> str:
    """Return the warning that the approver PIN was reset on a day without the one before it."""
    return f"CAUTION: approver PIN reset on {day} without the old one."


# Reading answers


def _fold(text: str) -> str:
    return " ".join(text.split()).casefold()


def read_choices(answer: FormAnswer, question: Question) -> dict[str, str] | None:
    """Return what was chosen in every field with options; None unless all of them were answered."""
    content = _find_asked(answer, {field.name for field in question.fields})
    if content is None:
        return None
    chosen = {field.name: field.read(content[field.name]) for field in question.fields}
    return None if None in chosen.values() else {name: value for name, value in chosen.items() if value is not None}


def _find_asked(answer: FormAnswer, names: Set[str]) -> Mapping[str, Any] | None:
    """Return what was accepted where every field of a form is in it; None for any other answer.

    Some hosts add fields of their own, which say nothing of the order, unless what they say is a no.
    """
    content = answer.content
    if answer.how != "accepted" or content is None or not names <= set(content):
        return None
    return None if any(_says_no(value) for name, value in content.items() if name not in names) else content


def _says_no(value: object) -> bool:
    return value is False or (isinstance(value, str) and _fold(value) in _NOES)


def read_decision(answer: FormAnswer, question: Question) -> str | None:
    """Return the value of the option that was chosen; None where the answer is none of this form."""
    choices = read_choices(answer, question) if question.fields[0].choices else None
    return None if choices is None else choices.get(DECISION)


def is_no(answer: FormAnswer, question: Question) -> bool:
    """Tell whether the person chose the safe option, so that they have seen the question."""
    decision = read_decision(answer, question)
    return decision is not None and decision == question.fields[0].choices[0][0]


def is_backorder_open(question: Question) -> bool:
    """Tell whether the person chooses what becomes of what is outstanding."""
    return len(question.fields[0].choices) > 2


def approval_content(question: Question, *, typed: str = "", with_backorder: bool | None = None) -> dict[str, str]:
    """Return what this form's yes brings, for a page or a terminal that draws the question in its own way.

    Args:
        question: what is asked.
        typed: the order number as it was typed, where that is asked for.
        with_backorder: what was chosen for the rest, where that is asked for; None approves nothing then.
    """
    field = question.fields[0]
    if not field.choices:
        return {ORDER_NUMBER: typed}
    if not is_backorder_open(question):
        return {DECISION: field.choices[1][0]}
    return {DECISION: {True: "backorder", False: "close", None: ""}[with_backorder]}


def read_typed_number(answer: FormAnswer) -> str | None:
    """Return what was typed as the order number, blanks and quotes around it taken off; None for any other answer."""
    content = _find_asked(answer, {ORDER_NUMBER})
    if content is None:
        return None
    typed = content[ORDER_NUMBER]
    return bare(typed) if isinstance(typed, str) else None


def bare(typed: str) -> str:
    """Return what was typed without blanks and quotes around it."""
    return typed.strip().strip(_QUOTES).strip()


def is_typed_number(typed: str | None, number: str) -> bool:
    """Tell whether the order number was typed; blanks and quotes around it do not count, nor do blanks in a row.

    It is this order's question: typing proves attention, and not which order is meant. Hosts draw blanks in a row as
    one, and take those at the ends away.
    """
    return bool(typed and bare(typed)) and typed_form(str(typed)) == typed_form(number)


def typed_form(number: str) -> str:
    """Return a number as far as a person can see and type it."""
    return " ".join(bare(number).split())


def is_typed_no(typed: str | None, number: str) -> bool:
    """Tell whether "no" was typed in the place of an order number; an order may have that very number."""
    return typed is not None and typed.casefold() == NO != typed_form(number).casefold()


# Asking


def ask_delete(order: PurchaseOrder, place: Place) -> Question:
    """Make the question for a delete: the person types the order number."""
    number = text.number(order.number)
    top = text.head(
        tag=place.tag,
        sentence=f"Delete order {number} permanently?",
        short=f"Delete {number}?",
        effect="This cannot be undone.",
        facts=[
            text.total_of(order),
            text.STATUS_LABELS[order.status],
            text.lines_told(order),
            *text.facts_of(order),
        ],
        vendor=_vendor_of(order),
        where=place.label,
    )
    title = f"Type {number} to delete it"
    title = title if text.columns(title) <= text.TITLE_COLUMNS else "Type the order number to delete it"
    return Question(
        _join([*top, *text.lines_of(order), *_explain_gaps(order)]), (Field(ORDER_NUMBER, title, _items(order)),)
    )


def ask_finalize(order: PurchaseOrder, place: Place, create_backorder: bool | None) -> Question:
    """Make the question for a finalize: whether, and with or without a backorder where something is outstanding.

    Where the ERP does not say what was received, something may be outstanding.
    """
    number, has_rest = text.number(order.number), order.may_have_rest
    ending = {None: "", True: " with a backorder", False: " without a backorder"}[
        create_backorder if has_rest else None
    ]
    top = text.head(
        tag=place.tag,
        sentence=f"Close order {number}{ending}?",
        short=f"Close {number}?",
        effect="This cannot be undone.",
        facts=[
            text.total_of(order),
            text.STATUS_LABELS[order.status],
            text.receipts_of(order),
            *text.facts_of(order),
        ],
        vendor=_vendor_of(order),
        where=place.label,
    )
    options = _finalize_options(has_rest, create_backorder)
    field = Field(DECISION, text.title("Close order", number, "Close this order"), _items(order, rest=True), options)
    return Question(_join([*top, *text.lines_of(order, outstanding_first=True), *_explain_gaps(order)]), (field,))


def ask_cancel(order: PurchaseOrder, place: Place) -> Question:
    """Make the question for a cancel."""
    number, lines = text.number(order.number), order.lines or ()
    received = sum(bool(line.received) for line in lines)
    how = text.lines_told(order)
    top = text.head(
        tag=place.tag,
        sentence=f"Cancel order {number}?",
        short=f"Cancel {number}?",
        effect=f"It can be reactivated in {place.erp}.",
        facts=[
            text.total_of(order),
            text.STATUS_LABELS[order.status],
            f"goods received on {received} of {how}" if received else how,
            *text.facts_of(order),
        ],
        vendor=_vendor_of(order),
        where=place.label,
    )
    options = (("keep", "No, keep the order"), ("cancel", "Yes, cancel the order"))
    field = Field(DECISION, text.title("Cancel order", number, "Cancel this order"), _items(order), options)
    return Question(_join([*top, *text.lines_of(order), *_explain_gaps(order)]), (field,))


def ask_whether_it_happened(place: Place, request: str, number: str, seen: Sequence[str]) -> Question:
    """Make the question whether a write happened whose outcome is not known. Leaving it open is the first choice.

    Args:
        place: where it was sent.
        request: what was asked for, such as `Close order`.
        number: the order's number.
        seen: what the ERP shows now.
    """
    number = text.number(number)
    lines = [
        text.cut(f"{place.tag}{request} {number}: did it happen? It was sent once.", text.HEAD_COLUMNS),
        text.cut(f"Seen now: {seen[0]}", text.HEAD_COLUMNS),
        "Look at the order in the ERP itself before you say so.",
        *(text.cut(f"- {one}", 2 * text.HEAD_COLUMNS) for one in seen[1:]),
    ]
    options = (("open", "Leave it open"), ("happened", "It happened"))
    field = Field(DECISION, text.title("Did it happen to", number, "Did it happen?"), text.shown(seen[0], 66), options)
    return Question(_join(lines), (field,))


def _vendor_of(order: PurchaseOrder) -> str:
    """Write the vendor with what people call it, else with its id, since two vendors may have one name."""
    known_by = order.vendor_word or order.vendor_id
    return order.vendor if known_by in (None, order.vendor) else f"{order.vendor}, {known_by}"


def _finalize_options(has_rest: bool, create_backorder: bool | None) -> tuple[tuple[str, str], ...]:
    keep = ("keep", "No, leave the order open")
    backorder = ("backorder", "Yes, close it and backorder the rest")
    without = ("close", "Yes, close it without a backorder")
    if not has_rest:
        return keep, ("close", "Yes, close it")
    return (
        (keep, backorder, without) if create_backorder is None else (keep, backorder if create_backorder else without)
    )


def _items(order: PurchaseOrder, *, rest: bool = False) -> str:
    """Write what the order holds, or what of it is outstanding, for a field's description."""
    if rest and order.outstanding_lines:
        lines = order.outstanding_lines
        # What is not told may be outstanding as well.
        label = f"Outstanding (+{order.untold_receipts} not known)" if order.untold_receipts else "Outstanding"
        return text.items_line(label, [(line.outstanding, line.description or line.item or "", "") for line in lines])
    return text.items_line(
        "Items", [(line.quantity, line.description or line.item or "", "") for line in order.lines or ()]
    )


def _explain_gaps(order: PurchaseOrder) -> list[str]:
    """Say what cannot be read, and that amounts are shown whose currency the ERP does not give."""
    has_amount = order.total is not None or any(line.unit_price is not None for line in order.lines or ())
    unknown = [text.CURRENCY_NOT_GIVEN] if has_amount and not order.currency else []
    return [*(text.cut(one.sentence, 2 * text.HEAD_COLUMNS) for one in order.odd), *unknown]


def _join(lines: Sequence[str]) -> str:
    return "\n".join(line for line in lines if line)
