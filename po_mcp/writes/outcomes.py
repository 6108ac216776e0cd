"""What is said of an operation: the words of every outcome. What is not known is said to be not known.

`message` is for people: facts, which an assistant may quote. `next_step` is for the assistant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from po_mcp.erp import ERP
from po_mcp.orders import PurchaseOrder, fold_number
from po_mcp.writes import order_text
from po_mcp.writes.approvers import Person, call_by_name, describe_people
from po_mcp.writes.journal.audit_log import Event
from po_mcp.writes.kinds import Applied, Change, kind_of, place_of
from po_mcp.writes.local_time import THIS_MACHINE, LocalTime
from po_mcp.writes.observation import Observation
from po_mcp.writes.operation import Operation, OutcomeStatus, Recorded, State, WriteOutcome
from po_mcp.writes.ordered_text import say_ordered
from po_mcp.writes.payloads import CreatePayload
from po_mcp.writes.policy import SettlementPolicy

MAX_LINES = 40
"""Lines of a new order that its outcome carries: about 3,000 tokens; of a longer one it carries none."""
LOOK_AGAIN = "Do not repeat the call. Call get_operation with this operation_id to check again."
TELL = "Tell the user."
ASK_AGAIN = "Call the tool again if the user still wants this."
OTHER_NUMBER = "Show the user that order (get_purchase_order) and ask for another number."
PLACES = {"client": "in the chat", "page": "on the approval page", "terminal": "in the terminal"}
"""Where a person decided, by `through` of an event."""
_SENT_BUT = re.compile(r"^Sent to .+?, but ")


@dataclass(frozen=True)
class OutcomeWriter:
    """Writes outcomes in words.

    Args:
        erp: where operations are sent; its notice stands first.
        policy: when a reading is decisive.
        local: writes times.
    """

    erp: ERP
    policy: SettlementPolicy
    local: LocalTime = THIS_MACHINE

    def say(
        self,
        status: OutcomeStatus,
        operation: Operation | None,
        text: str,
        next_step: str = "",
        *,
        with_people: bool = True,
        **more: Any,
    ) -> WriteOutcome:
        """Make an outcome; where people sign in, it says who asked and who approved."""
        message = f"{place_of(self.erp).tag}{_with_people(text, operation if with_people else None)}"
        order = more.get("order")
        if order is not None and (operation is None or not operation.makes_order or len(order.lines or ()) > MAX_LINES):
            more["order"] = order.without_lines()  # get_purchase_order shows them, page by page
        return WriteOutcome(
            status=status,
            operation_id=operation and operation.id,
            message=message,
            next_step=next_step or None,
            **more,
        )

    def outcome(self, recorded: Recorded) -> WriteOutcome:
        """Return the outcome of an operation as it stands."""
        operation = recorded.operation
        words = _WITHOUT_OUTCOME.get(recorded.state)
        if recorded.outcome is not None and words is None:
            return recorded.outcome
        if recorded.state == "SENT":
            return self.unknown(operation, recorded.sent_at, f"{self.name} has not answered yet")
        if recorded.outcome is not None and recorded.state in ("STALE", "DECLINED"):
            return recorded.outcome
        if recorded.state == "UNKNOWN":
            return self.unknown(operation, None, _MAY_LACK_SEND)
        assert words is not None
        status, text, next_step = words
        kind = kind_of(operation.kind).words
        text = text.format(
            doing=kind.doing, now_doing=kind.doing.lower(), done=kind.done, number=order_text.number(operation.number)
        )
        return self.say(status, operation, text, next_step)

    @property
    def name(self) -> str:
        """The ERP's name in a sentence."""
        return place_of(self.erp).erp

    def done(self, operation: Operation, applied: Applied, seen: Observation) -> WriteOutcome:
        """Say what the ERP carried out, what a look at it showed besides, and what words were taken for."""
        parts = [kind_of(operation.kind).describe_done(self.erp, operation, applied), *_describe(operation, seen)]
        more: dict[str, Any] = {"order": applied.order, "backorder_number": applied.backorder_number}
        return self.say("done", operation, " ".join([*parts, *_notes_of(operation)]), **more)

    def observed(self, operation: Operation, seen: Observation, because: str) -> WriteOutcome:
        """Say that the effect of a write was seen by reading, and why that was needed."""
        what = f"{_order(operation)} was {_say_done(operation)}{_say_as(operation, seen)}"
        parts = [f"{what}, confirmed by reading it back ({because})."]
        parts += [*_describe_content(operation, seen.order), *_describe(operation, seen), *_notes_of(operation)]
        more: dict[str, Any] = {"order": seen.order, "backorder_number": seen.backorder_number}
        return self.say("done", operation, " ".join(parts), **more)

    def unknown(
        self, operation: Operation, sent_at: float | None, what: str, *, is_settled_by_reading: bool = True
    ) -> WriteOutcome:
        """Say that nobody knows what came of it.

        Args:
            operation: what was sent.
            sent_at: the journal's time of the send, in seconds since 1970.
            what: why it is not known: the end of a sentence, or what an error says of the request.
            is_settled_by_reading: that the effect is not seen will decide after a while.
        """
        reason = _SENT_BUT.sub("", what).rstrip(".")
        sent = "" if sent_at is None else f" ({self.local.time(sent_at, seconds=True)})"
        text = (
            f"It is not known whether {_order(operation, 'order')} was {_say_done(operation)}: {reason}{sent}. "
            f"Check it in {self.name} before doing anything else with it.{self._say_settling(is_settled_by_reading)}"
        )
        # A model that reads "try again" would send a second order.
        next_step = LOOK_AGAIN
        if operation.makes_order:
            next_step = next_step.replace("the call.", "the call, not under another number either.")
        return self.say("unknown", operation, text, next_step, do_not_repeat=True)

    def lost(self) -> WriteOutcome:
        """Say that the journal that knew of an operation was replaced by a copy: it may have been sent before."""
        text = (
            "This operation is no longer recorded, so it is not known whether anything was changed. "
            f"Check it in {self.name} before doing anything else with it."
        )
        return self.say("unknown", None, text, TELL, do_not_repeat=True)

    def refused(self, operation: Operation, reason: str, next_step: str, seen: Observation) -> WriteOutcome:
        """Say that a write had no effect, why, and as what the order is seen."""
        text = f"{_order(operation)} was not {_say_done(operation)}: {reason.rstrip('.')}. {self._say_rest(seen)}"
        return self.say("refused", operation, text, next_step or TELL)

    def not_done(self, operation: Operation, seen: Observation, *, again: bool = False) -> WriteOutcome:
        """Say that what was sent had no effect, and what is seen instead."""
        more = " It can be requested again." if again else ""
        text = f"{_order(operation)} was not {_say_done(operation)}: {seen.why}.{more}"
        if operation.makes_order and seen.order is not None:
            how = "; ".join(seen.differences) or seen.why
            text = (
                f"{_order(operation)} is in {self.name}, but it is not what was requested: {how}. "
                "Check it there before ordering again."
            )
        return self.say("refused", operation, text, TELL, order=seen.order)

    def conflict(self, operation: Operation, seen: Observation) -> WriteOutcome:
        """Say what is seen that keeps the effect of what was sent from coming."""
        if seen.seen != "ended_otherwise" or seen.order is None or seen.order.status != "deleted":
            return self.not_done(operation, seen)
        # A deleted order does not show what was done to it before: neither "done" nor "nothing was changed" is known.
        text = (
            f"{_order(operation)} {self._say_end(seen.order)} It was to be {_say_done(operation)}; "
            "whether that was carried out before is not known."
        )
        return self.say("unknown", operation, text, TELL, order=seen.order, do_not_repeat=True)

    def taken(self, operation: Operation, order: PurchaseOrder | None) -> WriteOutcome:
        """Say that another order stands under the number of a new one."""
        # No other number is proposed: a model would take it, and after a lost answer order a second time.
        text = f"{_order(operation)} already exists with other contents. Nothing was changed."
        return self.say("refused", operation, text, OTHER_NUMBER, order=order)

    def watched(self, operation: Operation, refusal: str, until: float, next_step: str = "") -> WriteOutcome:
        """Say that the ERP refused it, and until when that is checked; that nothing was changed is not certain yet."""
        reason = refusal.rstrip(".")
        time = self.local.time(until, seconds=True)
        text = f"{_order(operation)} was not {_say_done(operation)}: {reason}. {_CHECKED} {time}."
        not_before = datetime.fromtimestamp(until, UTC).replace(microsecond=0)
        return self.say("refused", operation, text, next_step or TELL, not_before=not_before)

    def after_watch(self, operation: Operation, watched: WriteOutcome, seen: Observation) -> WriteOutcome:
        """Say that a refusal is final: no effect of the write was seen."""
        text = f"{watched.message.partition(f' {_CHECKED}')[0]} {self._say_rest(seen)}"
        return watched.model_copy(update={"message": _with_people(text, operation), "not_before": None})

    def declined(self, operation: Operation, by: Person) -> WriteOutcome:
        """Say who said no."""
        text = f"Declined by {call_by_name(by.user, by.name)}. {_order(operation)} was not {_say_done(operation)}."
        return self.say("declined", operation, text)

    def changed(self, operation: Operation, change: Change) -> WriteOutcome:
        """Say that an approved operation is no longer sent."""
        if change.is_taken:
            text = f"{_order(operation)} already exists{change.why}. Nothing was changed."
            return self.say("refused", operation, text, OTHER_NUMBER, order=change.order)
        if change.order is None:
            return self.say("stale", operation, f"{_order(operation)} no longer exists. Nothing was changed.", TELL)
        text = f"{_order(operation)} changed after it was approved, so nothing was done. Review it and ask again."
        return self.say("stale", operation, text, ASK_AGAIN, order=change.order)

    def earlier_no(self, no: Event, now: float, *, is_again: bool) -> str:
        """Say when and where a request was answered with a no; `is_again`: it was requested once more since."""
        by, said = no.detail.get("by"), no.event == "DECLINED"
        answer = f"{order_text.name(str(by)) if by else 'You'} said no to this" if said else "This was declined"
        where = ", ".join(filter(None, (self.local.moment(no.at, now), PLACES.get(str(no.detail.get("through"))))))
        return f"{answer} ({where}); it was requested again." if is_again else f"{answer} ({where})."

    def _say_rest(self, seen: Observation) -> str:
        """Say what a refused write left; of an order that ended in another way, that something did change."""
        if seen.seen != "ended_otherwise" or seen.order is None:
            return "Nothing was changed."
        return f"It {self._say_end(seen.order)}"

    def _say_end(self, order: PurchaseOrder) -> str:
        if order.status != "deleted":
            return f"is {order_text.STATUS_LABELS[order.status]} by now."
        return f"was deleted, by somebody or by {self.name} itself, so that nothing can be ordered with it any more."

    def _say_settling(self, is_settled_by_reading: bool) -> str:
        """Say when a reading is decisive."""
        seconds = self.policy.absence_decides_after if is_settled_by_reading else None
        if seconds is None:
            clear = "your administrator can clear this with po-mcp journal settle."
            return f" If the change never shows up in {self.name}, {clear}"
        return f" It is checked automatically; after {seconds:.0f} seconds without a change it counts as not done."


_MAY_LACK_SEND = "the record of changes was restored from a copy, which may lack that it was sent"

_CHECKED = "No effect is seen so far; this is checked again until"

_WITHOUT_OUTCOME: dict[State, tuple[OutcomeStatus, str, str]] = {
    "PROPOSED": (
        "approval_required",
        "{doing} order {number} needs approval. Nothing has been changed yet.",
        "Once the user has decided, call get_operation with this operation_id.",
    ),
    "APPROVED": (
        "approved",
        "{doing} order {number} is approved, but not carried out yet. Nothing has been changed yet.",
        "Call the tool again with the same arguments to carry it out.",
    ),
    "EXPIRED": ("expired", "The approval for {now_doing} order {number} expired. Nothing was changed.", ASK_AGAIN),
    "STALE": (
        "stale",
        "A newer request for order {number} replaced this one. Nothing was changed by this one.",
        "Look at the newer request with get_operation.",
    ),
    "DECLINED": ("declined", "Declined. Order {number} was not {done}.", ""),
}
"""What is said of an operation that has no outcome of its own, and what the assistant does next."""


def _with_people(text: str, operation: Operation | None) -> str:
    people = "" if operation is None else describe_people(operation)
    return f"{text} {people}" if people else text


def _order(operation: Operation, noun: str = "Order") -> str:
    return f"{noun} {order_text.number(operation.number)}"


def _say_as(operation: Operation, seen: Observation) -> str:
    """Say under which number a new order is there, where the ERP numbered it itself."""
    if (
        not operation.makes_order
        or seen.order is None
        or fold_number(seen.order.number) == fold_number(operation.number)
    ):
        return ""
    return f" as {order_text.number(seen.order.number)}"


def _say_done(operation: Operation) -> str:
    return kind_of(operation.kind).words.done


def _notes_of(operation: Operation) -> tuple[str, ...]:
    """Return what the words of a new order were taken for."""
    return operation.payload.notes if isinstance(operation.payload, CreatePayload) else ()


def _describe_content(operation: Operation, order: PurchaseOrder | None) -> list[str]:
    """Say what a new order is that was seen by reading: its total as it stands there, and what was ordered."""
    if not isinstance(operation.payload, CreatePayload):
        return []
    currency = operation.payload.draft.vendor.currency or (None if order is None else order.currency)
    total = [f"{order_text.total_of(order)}."] if order is not None and order.total is not None else []
    return [*total, say_ordered(operation.payload, currency)]


def _describe(operation: Operation, seen: Observation) -> list[str]:
    """Say what else was seen: the tax of a new order, and how it is not what was asked for, if it is not."""
    differences = "; ".join(seen.differences)
    own_way = f"The ERP stored it in its own way: {differences}." if differences else ""
    return [part for part in (seen.detail, _describe_tax(operation, seen.order), own_way) if part]


def _describe_tax(operation: Operation, order: PurchaseOrder | None) -> str:
    """Say how much tax the ERP added to a new order: its prices were given without."""
    if not operation.makes_order or order is None or not order.tax:
        return ""
    return f"Its total includes {order_text.money(order.tax, order.currency)} tax."
