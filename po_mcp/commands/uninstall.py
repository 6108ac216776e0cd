"""`po-mcp uninstall HOST`: take this program out of an assistant's own configuration file."""

from __future__ import annotations

import click

from po_mcp.commands import _hosts, _settings
from po_mcp.commands._prose import say
from po_mcp.errors import PurchaseOrderError


@click.command("uninstall")
@click.argument("hosts", nargs=-1, required=True, metavar="HOST...")
@click.option("--yes", is_flag=True, help="Write without asking.")
def command(hosts: tuple[str, ...], yes: bool) -> None:
    """Disconnect an assistant on this computer.

    Takes out the entry purchase-orders and nothing else. The change is shown first, and the file as it was is
    kept beside it. Your settings, orders and records stay.

    Exit status: 0 done or nothing to do, 1 the file could not be changed, 3 not confirmed.
    """
    machine = _hosts.this_machine()
    for host in [_hosts.named(text) for text in hosts]:
        path = _hosts.file_of(host, machine)
        if path is None:
            say(f"{host.title}: remove purchase-orders in its settings. {host.after}")
            continue
        try:
            result = _hosts.uninstall(host, path, _hosts.confirmation(yes))
        except PurchaseOrderError as exc:
            _settings.stop(str(exc), status=1)
        if result == "not confirmed":
            raise SystemExit(_hosts.NOT_CONFIRMED)
