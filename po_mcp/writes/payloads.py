"""What an operation is about to send, typed by its kind. Pure.

A payload is written into the journal as JSON and read back here, and nowhere else. A kind of write registers
its type by the kind's name; a payload of a kind that this version does not know cannot be read.
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


_types: dict[str, type[Payload]] = {}


def register_payload(kind: str, payload_type: type[Payload]) -> None:
    """Let payloads of this kind be read."""
    _types[kind] = payload_type


def read_payload(kind: str, text: str) -> Payload:
    """Read a payload.

    Raises:
        ValueError: the kind is not known here, or the text is none of its payloads.
    """
    if kind not in _types:
        import po_mcp.writes.kinds  # noqa: F401  # late, as it imports this: the kinds of this version register themselves
    if kind not in _types:
        raise ValueError(f"no payload of the kind {kind} is known")
    return _types[kind].model_validate_json(text)
