"""What happens in a conversation besides talk, each a sentence of a script: in the book, on the wire, to the server."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

import httpx2

from po_mcp.sandbox import Book
from po_mcp.sandbox.records import LineDraft, OrderDraft
from tests.conversations.record import Wire
from tests.harness import ServerHarness, WriteFault


@dataclass
class World:
    """What a happening may touch: the harness, its clock, and the writes that are held back on the wire."""

    harness: ServerHarness
    wire: Wire
    now: float
    held: list[httpx2.Request] = field(default_factory=list)
    in_the_book: Mapping[str, Callable[..., object]] = field(default_factory=lambda: _IN_THE_BOOK)
    """What people can do in the ERP: sentences, and functions of what `harness.change` gives."""


async def lose_the_answer(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    """The ERP carries it out, and the connection is gone before its answer."""
    await (await wire.handle_async_request(request)).aread()
    raise httpx2.ReadError("connection reset", request=request)


async def lose_the_write(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    """The connection is gone before the ERP has read it."""
    raise httpx2.ReadError("connection reset", request=request)


def _disturb(how: WriteFault | None) -> Callable[[World], None]:
    def do(world: World) -> None:
        world.wire.on_write = how

    return do


def _hold_back(world: World) -> None:
    async def hold(wire: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
        world.held.append(request)
        raise httpx2.ReadTimeout("no answer", request=request)

    world.wire.on_write = hold


def _carry_out_late(world: World) -> None:
    """Have what was held back reach the ERP before the next request does."""
    world.wire.late, world.held = world.held, []
    world.wire.on_write = None


def _minutes_pass(world: World, minutes: str) -> None:
    world.now += 60 * int(minutes)


def _arrives(book: Book, units: str, line: str, number: str) -> None:
    book.receive(number, {int(line): Decimal(units)})


def _ends(book: Book, how: str, number: str) -> None:
    match how:
        case "deletes":
            book.delete(number)
        case "cancels":
            book.cancel(number)
        case "invoices":
            book.invoice(number)
        case _:
            book.finalize(number, create_backorder=False)


def _enters_again(book: Book, number: str) -> None:
    old = book.order(number)
    book.delete(number)
    lines = [
        LineDraft(("short_id", line.item.short_id), line.quantity, line.price, ("id", line.warehouse.id))
        for line in old.lines
    ]
    book.create(OrderDraft(("id", old.vendor.id), tuple(lines), number=number, ordered_at=old.ordered_at))


def _vendor(book: Book, identity: str, code: str, name: str) -> None:
    book.enter_vendor(int(identity), code, name)


def _order(book: Book, number: str, vendor: str, units: str, item: str, price: str | None = None) -> None:
    line = LineDraft(("short_id", item), Decimal(units), None if price is None else Decimal(price), ("id", 1))
    book.create(OrderDraft(("id", int(vendor)), (line,), number=number))


RESTART = "The server starts again."
TERMINAL = "The person approves what waits, in a terminal."

_IN_THE_BOOK: Mapping[str, Callable[..., object]] = {
    r"(\S+) units of line (\d+) of (\S+) arrive\.": _arrives,
    r"Somebody (deletes|cancels|closes|invoices) (\S+) in the ERP\.": _ends,
    r"Somebody deletes (\S+) in the ERP and enters it again\.": _enters_again,
    r'The ERP has a vendor (\d+), code (\S+), called "(.*)"\.': _vendor,
    r"The ERP has an order (\S+) of vendor (\d+) for (\S+) (\S+?)(?: at (\S+))?\.": _order,
}
_IN_THE_WORLD: Mapping[str, Callable[..., object]] = {
    r"From now on answers to writes are lost\.": _disturb(lose_the_answer),
    r"From now on writes are lost on their way\.": _disturb(lose_the_write),
    r"From now on the ERP answers no write in time\.": _hold_back,
    r"The ERP carries out late what it did not answer\.": _carry_out_late,
    r"The connection works again\.": _disturb(None),
    r"(\d+) minutes pass\.": _minutes_pass,
}


def apply_event(world: World, sentence: str) -> None:
    """Let it happen.

    Raises:
        ValueError: no such thing can happen; the text lists what can.
    """
    for pattern, change in world.in_the_book.items():
        if found := re.fullmatch(pattern, sentence, re.DOTALL):
            _change(world.harness, change, found.groups())
            return
    for pattern, do in _IN_THE_WORLD.items():
        if found := re.fullmatch(pattern, sentence):
            do(world, *found.groups())
            return
    known = "\n  ".join([*world.in_the_book, *_IN_THE_WORLD, RESTART, TERMINAL])
    raise ValueError(f"nobody knows how this happens: {sentence}\n  {known}")


def _change(harness: ServerHarness, change: Callable[..., object], words: tuple[str, ...]) -> None:
    harness.change(lambda book: change(book, *words))
