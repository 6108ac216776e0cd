"""What an operation is about to send, typed by its kind. Pure.

A payload is written into the journal as JSON, and read back by the type that its kind names (`payload_type`); one of a
kind that this version does not know cannot be read.
"""

from __future__ import annotations

from po_mcp.orders import OrderDraft, Record, Snapshot


class Payload(Record):
    """What will be sent, and what it was decided on."""


class SnapshotPayload(Payload):
    """A write on an order that is there: the order as the person was shown it."""

    snapshot: Snapshot


class FinalizePayload(SnapshotPayload):
    """`create_backorder` is None until the person has chosen."""

    create_backorder: bool | None = None


class CreatePayload(Payload):
    """A new order, why a person must see it (nobody need where it is empty), and what words were taken for."""

    draft: OrderDraft
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
