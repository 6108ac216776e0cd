"""The habits that the sandbox can take on, by name: where a real ERP differs from its documentation.

    create_app(book, habits=["rounds-prices", "late-read:5"])

An ERP with a habit works correctly in its own eyes. A habit changes what is stored or how it is shown,
never the connection: that is what the faults are for. Habits are carried out in the order of `HABITS`,
so it does not matter in which order they are named.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches

from starlette.responses import Response

from po_mcp.sandbox.apis.http import ApiCall, Handle
from po_mcp.sandbox.habits import display, drafts, new_orders, responses
from po_mcp.sandbox.habits.habit import ChosenHabit, Habit
from po_mcp.sandbox.records import Order, OrderDraft
from po_mcp.sandbox.tables import Tables

__all__ = ["HABITS", "Chosen", "Habit", "Habits", "parse_habit"]

_WRITTEN = re.compile(r"(?P<name>[a-z0-9-]+)(:(?P<value>[A-Za-z0-9. ]{1,30}))?", re.ASCII)
_VALUES: Mapping[str, re.Pattern[str]] = {
    "": re.compile(r""),
    "seconds": re.compile(r"[0-9]{1,5}(\.[0-9]{1,3})?"),
    # The book stores at most 6.
    "decimals": re.compile(r"[0-6]"),
    "characters": re.compile(r"[0-9]{1,4}"),
    "rows": re.compile(r"[1-9][0-9]{0,2}"),
    "a vendorID": re.compile(r"[0-9]{1,9}"),
    "a word": re.compile(r"[A-Za-z]+( [A-Za-z]+)*"),
}


_STORING: tuple[Habit, ...] = (
    Habit(
        "upper-numbers",
        "A new order's number is stored in capitals, and an order is found by its number in any case.",
        change_draft=drafts.uppercase_number,
    ),
    Habit("drops-note", "The note of a new order is not stored.", change_draft=drafts.drop_note, group="note"),
    Habit(
        "upper-notes",
        "The note of a new order is stored in capitals.",
        change_new_order=new_orders.uppercase_note,
        group="note",
    ),
    Habit(
        "cuts-notes",
        "Of a new order's note the first VALUE characters are stored.",
        change_new_order=new_orders.cut_note,
        value_kind="characters",
        value="20",
        group="note",
    ),
    Habit(
        "own-prices",
        "A line gets the price of the item, whatever price was asked for.",
        change_new_order=new_orders.use_item_prices,
    ),
    Habit(
        "rounds-prices",
        "Unit prices are stored rounded half up to VALUE decimals.",
        change_new_order=new_orders.round_prices,
        value_kind="decimals",
        value="2",
    ),
    Habit(
        "rounds-quantities",
        "Quantities are stored rounded half up to VALUE decimals, and never to zero.",
        change_new_order=new_orders.round_quantities,
        value_kind="decimals",
        value="0",
    ),
    Habit(
        "merges-lines",
        "Lines of one item for one warehouse become one line, at the first one's price.",
        change_new_order=new_orders.merge_lines,
        group="lines",
    ),
    Habit(
        "splits-lines",
        "A line of two units or more becomes two lines of the item.",
        change_new_order=new_orders.split_lines,
        group="lines",
    ),
    Habit("adds-freight", "A new order gets one line more, freight at 25.00.", change_new_order=new_orders.add_freight),
)
"""Habits that change a new order; they apply in this order."""


_TAKEN = "a taken number"
_RULES: tuple[Habit, ...] = (
    Habit("upserts", "Creating a number that is taken answers 200 with the order there, unchanged.", group=_TAKEN),
    Habit("overwrites", "Creating a number that is taken replaces the order there, and answers 200.", group=_TAKEN),
    Habit("conflict-as-400", "A taken number is refused with 400 in the vendor's envelope, not 409.", group=_TAKEN),
    Habit(
        "holds-vendor",
        "A new order for the vendor with the vendorID VALUE is refused with 409: the vendor is on hold.",
        value_kind="a vendorID",
        value="12",
    ),
    Habit(
        "locks",
        "A write on an order is refused with 409, locked, until VALUE seconds after the first one that was tried.",
        value_kind="seconds",
        value="3",
    ),
    Habit("soft-delete", "A deleted order is still read, with the status DELETED, and its number stays taken."),
    Habit("backorder-not-made", "Finalizing closes the order without a backorder, wanted or not."),
)
"""Habits that change the rules of writes. `Book` implements them."""


_READING: tuple[Habit, ...] = (
    Habit(
        "late-read",
        "Orders, in lists and alone, are shown as they stood VALUE seconds before.",
        value_kind="seconds",
        value="3",
    ),
    Habit(
        "stale-list", "Lists of orders show them as they stood VALUE seconds before.", value_kind="seconds", value="3"
    ),
    Habit(
        "late-lines",
        "An order shows its header at once, and its lines VALUE seconds after its creation.",
        change_shown_order=display.hide_lines_at_first,
        value_kind="seconds",
        value="3",
    ),
    Habit(
        "legal-names",
        "An order shows its vendor's legal name, which ends in GmbH; the list of vendors has the short one.",
        change_shown_order=display.use_legal_name,
    ),
    Habit(
        "lower-items",
        "An order shows its item codes in small letters, and they are taken in any case.",
        change_draft=drafts.uppercase_items,
        change_shown_order=display.lowercase_items,
    ),
    Habit(
        "pads-items",
        "An order shows its item codes with two blanks behind, and they are taken with blanks.",
        change_draft=drafts.strip_items,
        change_shown_order=display.pad_items,
    ),
    Habit("created-on", "Inventory Pro's orders have a field `created`, too: when the order was entered."),
)
"""Habits of reads: how old the shown state is, and how it is spelled."""


_RESPONSES: tuple[Habit, ...] = (
    Habit(
        "closed-in-other-words",
        "Inventory Pro's status of a closed order is VALUE, not Closed.",
        change_json=responses.rename_closed,
        value_kind="a word",
        value="Complete",
    ),
    Habit("no-receipts", "Inventory Pro's lines do not say what was received.", change_json=responses.drop_receipts),
    Habit(
        "silent-backorder",
        "Inventory Pro's answer to a finalize does not say whether a backorder was created.",
        change_json=responses.drop_backorder,
    ),
    Habit("zero-dates", "A date that is not set is the first day of year 1.", change_json=responses.write_zero_dates),
    Habit(
        "nulls-for-missing", "A field that is not set is null, not an empty text.", change_json=responses.write_nulls
    ),
    Habit("extra-fields", "Every object has fields that are not documented.", change_json=responses.add_fields),
    Habit(
        "numbers-as-text",
        "Amounts and quantities are texts.",
        change_json=responses.write_amounts_as_text,
        group="amounts",
    ),
    Habit(
        "text-as-numbers",
        "Amounts and quantities are numbers.",
        change_json=responses.write_amounts_as_numbers,
        group="amounts",
    ),
    Habit(
        "no-paging-info",
        "A list does not tell its size or its page, in the body or in headers.",
        change_json=responses.drop_paging,
        change_response=responses.drop_paging_headers,
    ),
    Habit(
        "small-pages",
        "A page has at most VALUE rows, whatever is asked for.",
        change_call=responses.limit_page,
        value_kind="rows",
        value="10",
    ),
    Habit("answers-200-for-201", "A created order is answered with 200.", change_response=responses.answer_200_for_201),
    Habit("empty-2xx", "A write that succeeds has an empty answer.", change_response=responses.drop_body),
    Habit("repeats-posts", "A gateway sends every write twice, and passes on the second answer."),
)
"""Habits that change answers as such."""


HABITS: Mapping[str, Habit] = {
    habit.name: habit for family in (_STORING, _RULES, _READING, _RESPONSES) for habit in family
}
"""Every habit by its name; `description` is a sentence for people."""


def parse_habit(text: str) -> ChosenHabit:
    """Read NAME or NAME:VALUE.

    Raises:
        ValueError: there is no such habit; the message names similar ones.
    """
    written = _WRITTEN.fullmatch(text)
    if not written:
        raise ValueError(f"{text!r} is no habit: write NAME or NAME:VALUE, such as rounds-prices or late-read:5.")
    name, value = written["name"], written["value"]
    if name not in HABITS:
        # Below the usual 0.6: names are long, and a wrong suggestion costs less than none.
        near = get_close_matches(name, HABITS, n=5, cutoff=0.4) or HABITS
        raise ValueError(f"No habit named {name!r}. Similar: {', '.join(near)}.")
    habit = HABITS[name]
    if value is None:
        return ChosenHabit(habit, habit.value)
    if not habit.value_kind:
        raise ValueError(f"The habit {name!r} takes no value.")
    if not _VALUES[habit.value_kind].fullmatch(value):
        raise ValueError(f"The value of the habit {name!r} is {habit.value_kind}, not {value!r}.")
    return ChosenHabit(habit, value)


class Habits:
    """The habits of one ERP; without names it has none."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        """Read NAMEs and NAME:VALUEs.

        Raises:
            ValueError: unknown, named twice, or two that exclude each other.
        """
        chosen = [parse_habit(name) for name in names]
        _check_together(chosen)
        by_name = {one.habit.name: one for one in chosen}
        # By the table and not as they were named: prices rounded before lines are merged make another order than after.
        self._chosen = {name: by_name[name] for name in HABITS if name in by_name}

    def __contains__(self, name: str) -> bool:
        return name in self._chosen

    def __iter__(self) -> Iterator[ChosenHabit]:
        return iter(self._chosen.values())

    def value(self, name: str) -> str:
        """Return the value of a habit, "" where the ERP does not have it."""
        return self._chosen[name].value if name in self._chosen else ""

    def seconds(self, name: str) -> timedelta:
        """Return the value of a habit as a time, zero where the ERP does not have it."""
        # In milliseconds, so that no float is needed.
        return timedelta(milliseconds=int(Decimal(self.value(name) or 0) * 1000))

    def change_draft(self, draft: OrderDraft) -> OrderDraft:
        """Change a draft before it is checked."""
        for one in self:
            draft = one.habit.change_draft(draft) if one.habit.change_draft else draft
        return draft

    def change_new_order(self, order: Order, tables: Tables) -> Order:
        """Change a new order before it is stored."""
        for one in self:
            order = one.habit.change_new_order(order, tables, one.value) if one.habit.change_new_order else order
        return order

    def change_shown_order(self, order: Order, now: datetime) -> Order:
        """Change an order before it is shown."""
        for one in self:
            order = one.habit.change_shown_order(order, now, one.value) if one.habit.change_shown_order else order
        return order

    def handle_call(self, handle: Handle, call: ApiCall) -> Response:
        """Handle a call as this ERP does, and change the answer to it."""
        for one in self:
            call = one.habit.change_call(call, one.value) if one.habit.change_call else call
        # The client sees the second answer alone, such as 409 for a number that the first one has just taken.
        if "repeats-posts" in self and call.is_write:
            responses.call_and_discard(handle, call)
        answer = handle(call)
        for one in self:
            answer = responses.change_json(answer, one) if one.habit.change_json else answer
            answer = one.habit.change_response(call, answer) if one.habit.change_response else answer
        return answer


def _check_together(chosen: Iterable[ChosenHabit]) -> None:
    seen: dict[str, str] = {}
    for one in chosen:
        # Two of one group would undo each other, and the result would be neither.
        key, name = one.habit.group or one.habit.name, one.habit.name
        if seen.get(key) == name:
            raise ValueError(f"The habit {name!r} is named twice.")
        if key in seen:
            raise ValueError(f"The habits {seen[key]!r} and {name!r} exclude each other.")
        seen[key] = name
