"""What an operation is about to send, typed by its kind. Pure.

A payload is written into the journal as JSON, and read back by the type that its kind names (`payload_type`); one of a
kind that this version does not know cannot be read.
"""

from __future__ import annotations

from po_mcp.orders import OrderDraft, Record, Snapshot
from po_mcp.writes.consent import Consent


class Payload(Record):
    """What will be sent, what it was decided on, and by whom.

    `books` are those of the company that it is meant for, where the ERP's user may be moved to another's.
    """

    consent: Consent = Consent()
    books: str | None = None


class SnapshotPayload(Payload):
    """A write on an order that is there: the order as the person was shown it."""

    snapshot: Snapshot


class FinalizePayload(SnapshotPayload):
    """`create_backorder` is None until the person has chosen."""

    create_backorder: bool | None = None


class Reason(Record):
    """Why a person must see a new order: `short` for a line of figures, `sentence` for everywhere else.

    `is_said_by_short`: the sentence adds nothing to the line of figures; `is_said_by_lines`: nothing to the order's
    lines and their notes.
    """

    short: str
    sentence: str
    is_said_by_short: bool = False
    is_said_by_lines: bool = False


class LineNote(Record):
    """What a person needs to check a line of a new order besides its figures.

    `name`, `unit` and `warehouse` are the ERP's words; `said` what was asked for where that is not exactly the item;
    `warehouse_said` the same of the warehouse; `price_source` where a price is from that nobody gave.
    """

    name: str
    unit: str | None = None
    warehouse: str | None = None
    said: str | None = None
    warehouse_said: str | None = None
    price_source: str | None = None

    @property
    def is_guessed(self) -> bool:
        """Whether something of the line is not what was asked for letter for letter."""
        return bool(self.said or self.warehouse_said or self.price_source)


class CreatePayload(Payload):
    """A new order, why a person must see it (nobody need where it is empty), and what words were taken for.

    `line_notes` has one for each line of the draft; an older version recorded none. `vendor_said` is what was asked for
    where that is not exactly the vendor.
    """

    draft: OrderDraft
    reasons: tuple[Reason, ...] = ()
    notes: tuple[str, ...] = ()
    line_notes: tuple[LineNote, ...] = ()
    vendor_said: str | None = None
    currency: str | None = None
