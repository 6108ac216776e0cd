"""The definition of a habit: its name, its description and its changes at each stage of a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response

from po_mcp.sandbox.apis.http import ApiCall
from po_mcp.sandbox.records import Order, OrderDraft
from po_mcp.sandbox.tables import Tables


@dataclass(frozen=True)
class Habit:
    """One habit, by the stages of a call; a stage without a function stays as it is.

    Args:
        name: the name, such as `rounds-prices`.
        description: a sentence for people.
        change_call: changes a call before it is parsed.
        change_draft: changes a draft before it is checked.
        change_new_order: changes a new order before it is stored.
        change_shown_order: changes an order before it is shown, at the time of the book.
        change_json: changes the JSON of an answer.
        change_response: changes the answer itself.
        value_kind: what the value is, such as "seconds"; "" where the habit has none.
        value: the default value.
        group: an ERP has at most one habit of a group.

    A habit without a function is a rule that the book or an API asks for by name.
    """

    name: str
    description: str
    change_call: Callable[[ApiCall, str], ApiCall] | None = None
    change_draft: Callable[[OrderDraft], OrderDraft] | None = None
    change_new_order: Callable[[Order, Tables, str], Order] | None = None
    change_shown_order: Callable[[Order, datetime, str], Order] | None = None
    change_json: Callable[[Any, str], Any] | None = None
    change_response: Callable[[ApiCall, Response], Response] | None = None
    value_kind: str = ""
    value: str = ""
    group: str = ""


@dataclass(frozen=True)
class ChosenHabit:
    """A habit that an ERP has, with its value, "" where it takes none."""

    habit: Habit
    value: str

    def __str__(self) -> str:
        return f"{self.habit.name}:{self.value}" if self.value else self.habit.name
