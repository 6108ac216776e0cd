"""The kinds of write, one file each, and their registry: what multiplies.

A kind says what forbids it, what a person is asked and which answer is a yes, what is compared before it is
sent, how it is sent, how its effect is seen, and its words. The executor and the desk know kinds only by
this protocol.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from po_mcp.erp import ERP, BeforeSend, Capability
from po_mcp.orders import PurchaseOrder, Snapshot
from po_mcp.writes.forms import SANDBOX_TAG, FormAnswer, Place, Question
from po_mcp.writes.observation import Observation
from po_mcp.writes.operation import Operation
from po_mcp.writes.payloads import Payload


@dataclass(frozen=True)
class Words:
    """What people read of a kind: `Closing`, `closed`, `Close order`.

    `ending` may be said behind the number; `leave` says the button that changes nothing.
    """

    doing: str
    done: str
    request: str
    ending: str = ""
    leave: str = "Keep order"


@dataclass(frozen=True)
class Applied:
    """What the ERP answered to a write that it carried out. `tells_backorder`: it says whether it made a backorder."""

    order: PurchaseOrder | None = None
    backorder_number: str | None = None
    tells_backorder: bool = True


@dataclass(frozen=True)
class Change:
    """Why an approved operation is no longer sent, with the order as it is now. `is_taken`: its number is in use."""

    why: str
    order: PurchaseOrder | None = None
    is_taken: bool = False


@dataclass(frozen=True)
class Forbidden:
    """Why a write cannot succeed, and what can be done instead."""

    reason: str
    instead: str = "Tell the user."


class WriteKind(Protocol):
    """One kind of write."""

    @property
    def name(self) -> str:
        """Its name in the journal and in arguments, such as `finalize`."""

    @property
    def capability(self) -> Capability | str:
        """What the ERP must offer for it."""

    @property
    def payload_type(self) -> type[Payload]:
        """What its operations hold."""

    @property
    def words(self) -> Words:
        """What people read of it."""

    def answer(self, operation: Operation, answer: FormAnswer) -> Payload | None:
        """Return the payload with what the person chose if the answer is a yes to exactly this question, else None."""

    async def find_change(self, erp: ERP, operation: Operation) -> Change | None:
        """Read the order again; return None where it still is what was approved. Raises `ERPError`."""

    async def send(self, erp: ERP, operation: Operation, before_send: BeforeSend) -> Applied:
        """Send it, once. Raises `PurchaseOrderError`, whose `effect` says what is known."""

    async def confirm(self, erp: ERP, operation: Operation, applied: Applied, sent_at: float) -> Observation:
        """Look at what a success left, where the ERP's answer alone does not settle it. Raises nothing of ours."""

    async def observe(self, erp: ERP, operation: Operation, sent_at: float) -> Observation:
        """Read what the ERP shows of an operation that was sent. Raises nothing of ours."""

    def is_still_applied(self, order: PurchaseOrder | None) -> bool:
        """Tell whether the order, None where there is none, shows the effect of an earlier operation."""

    def describe_consequence(self, operation: Operation, erp: str) -> str:
        """Say what it leads to, before a person decides; `erp` names the ERP in a sentence."""

    def describe_done(self, erp: ERP, operation: Operation, applied: Applied) -> str:
        """Say what was done, in a sentence or two."""

    def offer_instead(self, erp: ERP, order: PurchaseOrder | None) -> str:
        """Say what can be done in its place after the ERP refused it for what the order is; "" for nothing."""


class GuardedKind(WriteKind, Protocol):
    """A kind of write on an order that is there: it is always put to a person."""

    def forbid(self, erp: ERP, snapshot: Snapshot) -> Forbidden | None:
        """Say why the ERP would refuse it, so that nobody is asked in vain; None where nothing forbids it."""

    def propose(self, erp: ERP, snapshot: Snapshot, arguments: dict[str, Any]) -> tuple[Payload, Question]:
        """Return what would be sent, and what the person is asked."""


def place_of(erp: ERP) -> Place:
    """Return where a write goes, as every question says it: the sandbox's tag, or whose books these are."""
    if erp.notice:
        return Place("the sandbox", tag=SANDBOX_TAG)
    return Place(erp.title, erp.connection.label)


_kinds: dict[str, WriteKind] = {}


def register(kind: WriteKind) -> None:
    """Add a kind: this and its tool's line in the registry of tools is all that a new one takes."""
    _kinds[kind.name] = kind


def kind_of(name: str) -> WriteKind:
    """Return the kind of this name. Raises `KeyError`."""
    return _kinds[name]


def kinds() -> Iterator[WriteKind]:
    """Yield every kind."""
    yield from _kinds.values()


def _register_all() -> None:
    # After the protocol, which each of them imports.
    from po_mcp.writes.kinds.cancel import Cancel
    from po_mcp.writes.kinds.create import Create
    from po_mcp.writes.kinds.delete import Delete
    from po_mcp.writes.kinds.finalize import Finalize

    for kind in (Create(), Finalize(), Delete(), Cancel()):
        register(kind)


_register_all()
