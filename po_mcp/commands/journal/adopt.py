"""Adopting: a person says whose credentials these are, or takes a journal's file that was put back."""

from __future__ import annotations

import sys

import anyio
import click
from rich.console import Console

from po_mcp.commands._interrupted import ignore_interrupts
from po_mcp.commands.journal.tables import plain
from po_mcp.config import Settings
from po_mcp.erp import ERP
from po_mcp.errors import ERPError
from po_mcp.untrusted import quote_text, visible
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.operation import Recorded
from po_mcp.writes.order_text import money

NOT_ADOPTED = 3
_ORDERS_TRIED = 5


def adopt(console: Console, settings: Settings, store: JournalStore) -> int:
    """Take the file if it is another than before, then ask whose the credentials are; return the command's status."""
    if not sys.stdin.isatty():
        console.print("Your answer is needed; run this in a terminal. Nothing was changed.")
        return NOT_ADOPTED
    if (done := store.upkeep.adopt_file()) != "":
        console.print(plain(done))
        console.print("Look in the ERP at the orders that were sent last: the journal may know nothing of them.")
    return _adopt_connection(console, settings, store)


def _adopt_connection(console: Console, settings: Settings, store: JournalStore) -> int:
    from po_mcp.connectors import connect  # late: the file alone needs no connector

    erp = connect(settings, store.shared_token)
    if not store.needs_adoption(erp.connection):
        console.print("The journal knows these credentials. Nothing else is to adopt.")
        return 0
    known = store.adoptable(erp.connection)
    console.print(plain(f"These settings lead to {erp.title} at {visible(erp.connection.address)}."))
    console.print(f"The journal has {len(known)} operations there under other credentials, or from an older version.")
    anyio.run(_show_known_order, console, erp, known)
    try:
        said = click.prompt(
            "Whose are these credentials",
            type=click.Choice(["the same company", "another company", "leave"]),
            default="leave",
        )
    except (click.Abort, KeyboardInterrupt):
        ignore_interrupts()
        said = "leave"
    if said == "leave":
        console.print("\nNothing was changed. Nothing is written until this is answered.")
        return NOT_ADOPTED
    return _record(console, erp, store, is_same=said == "the same company")


async def _show_known_order(console: Console, erp: ERP, known: list[Recorded]) -> None:
    """Read, with the new credentials, an order that the journal knows, so that the person can tell whose it is."""
    try:
        for recorded in known[:_ORDERS_TRIED]:
            try:
                order = await erp.get_order(recorded.operation.number)
            except ERPError as exc:
                # It may be gone by now; the next one can still show whose books these are.
                console.print(plain(f"  {recorded.operation.number}: {exc.message}"))
                continue
            total = "" if order.total is None else f", total {money(order.total, order.currency)}"
            console.print(plain(f"  {order.number} is there: {quote_text(order.vendor)}{total}, {order.status}"))
            return
    finally:
        await erp.aclose()


def _record(console: Console, erp: ERP, store: JournalStore, *, is_same: bool) -> int:
    name = store.upkeep.adopt(erp.connection, "same" if is_same else "other")
    if name is None:
        console.print("That company has the same name here. Set PO_MCP_COMPANY to another one, and run this again.")
        return NOT_ADOPTED
    if is_same:
        console.print("Recorded. What waited for an approval ended; what was sent or is not known goes on here.")
    else:
        console.print("Recorded. The other company's operations stay what they are, and are never used here.")
    return 0
