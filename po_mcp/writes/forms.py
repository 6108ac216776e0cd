"""The form in which a person is asked before a write, and how their answer is read. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any, Literal

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
        # Below the head: some hosts draw three lines and no more, and these must say which order it is.
        return replace(self, text="\n".join([first, *rest[:2], caution, *rest[2:]]), fields=described)

    @property
    def tries(self) -> list[Question]:
        """The question as it is asked at first, and where the number is mistyped."""
        # People mistype; a program that guesses must come to an end.
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
