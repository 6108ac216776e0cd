"""What a habit is: a name, a sentence, and what it changes at each stage of a call."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from starlette.responses import Response

from po_mcp.sandbox.apis.http import Call
from po_mcp.sandbox.records import Order, OrderDraft
from po_mcp.sandbox.tables import Tables


@dataclass(frozen=True)
class Habit:
    """One habit, by the stages of a call; a stage without a function stays as it is.

    `asks` changes a call before it is read, `drafts` a new order before it is checked, `stores` one
    before it is stored, `tells_order` an order that is told (with the time of the book), `content` the
    JSON of an answer, `answers` the answer itself. A habit without any is a rule that the book or an API
    asks for by name. `takes`: what the value is ("seconds"), "" where there is none. Of one `group` an
    ERP has one habit at most.
    """

    name: str
    tells: str
    asks: Callable[[Call, str], Call] | None = None
    drafts: Callable[[OrderDraft], OrderDraft] | None = None
    stores: Callable[[Order, Tables, str], Order] | None = None
    tells_order: Callable[[Order, datetime, str], Order] | None = None
    content: Callable[[Any, str], Any] | None = None
    answers: Callable[[Call, Response], Response] | None = None
    takes: str = ""
    value: str = ""
    group: str = ""


@dataclass(frozen=True)
class Chosen:
    """A habit that an ERP has, with its value, "" where it takes none."""

    habit: Habit
    value: str

    def __str__(self) -> str:
        return f"{self.habit.name}:{self.value}" if self.value else self.habit.name
