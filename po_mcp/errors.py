"""The tree of errors that this program raises.

    PurchaseOrderError
    ├── ConfigurationError      a setting is wrong or missing
    ├── InvalidInput            an argument that cannot be carried out; nothing was sent
    ├── NotOffered              the connected ERP has no such call; nothing was sent
    ├── JournalUnavailable      the record of operations cannot be used, so nothing is written
    ├── ConnectionNotAdopted    nobody said yet whose credentials these are, so nothing is written
    ├── OperationUnderWay       another operation on the same order is not at its end; nothing was sent
    ├── TooLate                 a write was kept from leaving, since too much time went by before it
    ├── SignInRefused           a person could not be signed in at the approval page; nothing was changed
    ├── TooManyQuestions        more is waiting for a person's answer than one should be asked; nothing was sent
    └── ERPError                something about talking to the ERP
        ├── OrderNotFound       the ERP has no order
        ├── SignInFailed        the ERP does not accept our credentials
        ├── NoCredentials       the person for whom the ERP is asked has given none
        ├── NotPermitted        the ERP's user lacks a right
        ├── Refused             the ERP said no, definitely
        │   ├── SignInEnded     it rejected the sign-in, and with it the write
        │   ├── Conflict        it clashes with what is there: a number that is taken, an order that is closed
        │   └── Stale           it was bound to a version of the order, and the order changed since
        ├── TooManyRequests     the ERP asks us to slow down
        ├── Unreachable         no answer, and nothing was written
        ├── BadAnswer           an answer to a read that cannot be trusted
        │   ├── IgnoredFilter   a list holds more than was asked for
        │   ├── UnreadableOrder a field of this one order cannot be read
        │   └── OtherNumber     it names another order number than was asked for
        └── OutcomeUnknown      a write was sent, and what came of it is not known

Each error has a sentence on what happened, an `effect` on the order and a next step, for the assistant and its
user. The text never contains a secret or a body from the ERP.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Literal

Effect = Literal["nothing_sent", "nothing_changed", "unknown"]
"""The effect of a failed call. `nothing_sent`: no byte of a write was sent. `nothing_changed`: a read failed, or the
ERP itself refused. `unknown`: the write may have been executed, or may still be."""

_SENTENCES: Mapping[Effect, str] = {
    "nothing_sent": "Nothing was sent.",
    "nothing_changed": "Nothing was changed.",
    "unknown": "",
}
"""The sentence on each effect; what an unknown one was is said by the error itself, or by the outcome of the write."""


class PurchaseOrderError(Exception):
    """An error with what happened, its effect on the order, and the next step.

    Args:
        what: what happened, without the effect.
        effect: the effect, which the text says where it is given here; else that of the class, which it does not say.
        detail: what else there is to say, after the effect.
        next_step: what to do now; by default that of the class.
    """

    next_step: str = ""
    effect: Effect = "nothing_sent"

    def __init__(
        self, what: str, *, effect: Effect | None = None, detail: str = "", next_step: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.detail = detail
        self.says_effect = effect is not None
        if next_step is not None:
            self.next_step = next_step
        if effect is not None:
            self.effect = effect

    @property
    def reason(self) -> str:
        """All that happened, without the effect, for a text that says another one."""
        return _join(self.what, self.detail)

    @property
    def message(self) -> str:
        """All that happened, with the effect."""
        return _join(self.what, _SENTENCES[self.effect] if self.says_effect else "", self.detail)

    def __str__(self) -> str:
        return _join(self.message, self.next_step)

    def replace_words(self, change: Callable[[str], str]) -> None:
        """Change the text of what happened and of the next step."""
        self.what, self.detail, self.next_step = change(self.what), change(self.detail), change(self.next_step)


@contextmanager
def ahead_of_a_write() -> Iterator[None]:
    """Say of each error in the block, such as that of a sign-in or a read, that the write behind it was not sent."""
    try:
        yield
    except PurchaseOrderError as exc:
        exc.effect = "nothing_sent"
        raise


def _join(*sentences: str) -> str:
    return " ".join(filter(None, sentences))


class ConfigurationError(PurchaseOrderError):
    """A setting is wrong or missing; the text names it."""


class InvalidInput(PurchaseOrderError):
    """An argument is invalid. Nothing was sent."""


class NotOffered(PurchaseOrderError):
    """The connected ERP has no such call. Nothing was sent."""


class JournalUnavailable(PurchaseOrderError):
    """The record of operations cannot be used: the disk is full, the file read-only, or not ours."""

    next_step = "Reading still works. Your administrator must check PO_MCP_JOURNAL and the disk."


class ConnectionNotAdopted(PurchaseOrderError):
    """The credentials are new at an address that the journal knows; a person must say whose they are."""


class OperationUnderWay(PurchaseOrderError):
    """The order has a different operation that was approved, sent, or is unknown; `operation_id` names it."""

    next_step = "Check it with get_operation."

    def __init__(
        self,
        what: str,
        *,
        effect: Effect | None = None,
        detail: str = "",
        next_step: str | None = None,
        operation_id: str | None = None,
    ) -> None:
        super().__init__(what, effect=effect, detail=detail, next_step=next_step)
        self.operation_id = operation_id


class TooLate(PurchaseOrderError):
    """A write was not sent: too much time went by since it was claimed, and others may have settled it."""

    next_step = "Try again."


class SignInRefused(PurchaseOrderError):
    """A person could not be signed in at the approval page. Nothing was changed."""


class TooManyQuestions(PurchaseOrderError):
    """More operations wait for a person's answer than one should be asked at a time. Nothing was sent."""

    next_step = "Have some of them decided first; get_operation lists them."


class ERPError(PurchaseOrderError):
    """Talking to the ERP failed."""


class OrderNotFound(ERPError):
    """The ERP knows no order of this number."""

    effect: Effect = "nothing_changed"
    next_step = "Check the number, or find the order with list_purchase_orders."


class SignInFailed(ERPError):
    """The ERP does not accept our credentials, or accepts them no longer."""

    next_step = "Your administrator must check PO_MCP_CLIENT_ID and PO_MCP_CLIENT_SECRET."


class NoCredentials(ERPError):
    """Each person uses the ERP with credentials of their own, and those of this one are missing. Nothing was sent."""


class NotPermitted(ERPError):
    """The ERP's user lacks a right."""

    effect: Effect = "nothing_changed"


class Refused(ERPError):
    """The ERP said no, in the envelope in which it says so, and nothing was changed."""

    effect: Effect = "nothing_changed"


class SignInEnded(Refused):
    """The ERP took neither the write nor a read with the same token, so the write was not accepted."""

    next_step = "Another program may have signed in with the same credentials. The sign-in was renewed: try again."


class Conflict(Refused):
    """It clashes with what the ERP holds: a number that is taken, an order that is closed or used."""


class Stale(Refused):
    """The write was bound to the version of the order that was read, and the order changed since."""

    next_step = "Check the order with get_purchase_order, then ask again."


class TooManyRequests(ERPError):
    """The ERP asks us to slow down."""

    next_step = "Wait a minute and try again."


class Unreachable(ERPError):
    """The ERP gave no answer, and nothing was written."""

    next_step = (
        "Try again later. If it keeps failing, your administrator must check PO_MCP_BASE_URL and the network "
        "(po-mcp doctor)."
    )


class BadAnswer(ERPError):
    """The ERP's answer to a read is not one that can be trusted."""

    next_step = "Try again. If it keeps failing, your administrator must look at the ERP."


class IgnoredFilter(BadAnswer):
    """A list holds orders that were not asked for."""

    next_step = "List without a status."


class UnreadableOrder(BadAnswer):
    """A field of one order holds what cannot be read, so that this order cannot be opened; others can."""

    next_step = "Have that field corrected in the ERP, or work with this order there."


class OtherNumber(BadAnswer):
    """The answer names the order `number`, which is not the one that was asked for."""

    def __init__(self, what: str, number: str) -> None:
        super().__init__(what)
        self.number = number


class OutcomeUnknown(ERPError):
    """A write was sent, and what came of it is not known. It must not be repeated blindly.

    `answered_number`: the order that the ERP named in a success, where that is not the one that was asked for.
    """

    effect: Effect = "unknown"

    def __init__(self, what: str, *, next_step: str | None = None, answered_number: str | None = None) -> None:
        super().__init__(what, next_step=next_step)
        self.answered_number = answered_number
