"""`po-mcp install HOST`: put this program into an assistant's own configuration file."""

from __future__ import annotations

import os
from pathlib import Path

import click

from po_mcp.commands import _hosts, _settings
from po_mcp.commands._prose import say
from po_mcp.config import PREFIX
from po_mcp.errors import PurchaseOrderError
from po_mcp.hosts.change import entry_text, plan_install
from po_mcp.hosts.known import HOSTS, Host
from po_mcp.hosts.links import link
from po_mcp.hosts.machine import Machine
from po_mcp.hosts.program import Program


@click.command("install")
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@click.option("--print", "only_print", is_flag=True, help="Print the entry; change nothing.")
@click.option("--link", "only_link", is_flag=True, help="Print a link that adds it (VS Code, Cursor, LM Studio).")
@click.option("--yes", is_flag=True, help="Write without asking.")
@click.pass_obj
def command(config: Path | None, hosts: tuple[str, ...], only_print: bool, only_link: bool, yes: bool) -> None:
    """Connect an assistant on this computer.

    Without HOST, lists the assistants. The entry names this program by its full path, for your user, and holds
    no setting and no secret: those are in config.toml (po-mcp init). The change is shown first, and the file as
    it was is kept beside it.

    Exit status: 0 done or nothing to do, 1 the file could not be changed, 3 not confirmed.
    """
    machine, program = _hosts.this_machine(), _hosts.running_program(config)
    chosen = [_hosts.named(text) for text in hosts]
    if not chosen:
        _list(machine, program)
        return
    for host in chosen:
        if only_link:
            _print_link(host, program)
        elif only_print or host.file is None:
            _print(host, machine, program)
        else:
            _install(host, machine, program, yes)


def _list(machine: Machine, program: Program) -> None:
    """Print one line for each host: its name for this command, and how it stands."""
    for host in HOSTS:
        click.echo(f"{host.key:<16} {host.title:<24} {_standing(host, machine, program)}")
    say("\nConnect one: po-mcp install HOST")


def _standing(host: Host, machine: Machine, program: Program) -> str:
    path = _hosts.file_of(host, machine)
    if path is None:
        return "prints the entry to paste"
    if not _hosts.is_found(host, machine):
        return "not found"
    try:
        change = plan_install(host, path, program)
    except PurchaseOrderError as exc:
        return exc.message
    # Compared with what would be written: an entry of the same name may start another program.
    if change.before is None:
        return "found, not connected"
    return "connected" if change.is_none else "connected to another program"


def _print(host: Host, machine: Machine, program: Program) -> None:
    path = _hosts.file_of(host, machine)
    # To standard error, so that standard output is the entry alone and can be piped into a file.
    click.echo(f"# {path}" if path is not None else f"# {host.after}", err=True)
    click.echo(entry_text(host, program), nl=False)


def _print_link(host: Host, program: Program) -> None:
    found = link(host, program)
    if found is None:
        _settings.stop(f"{host.title} has no link that starts a program by its path. Use: po-mcp install {host.key}")
    click.echo(found)


def _install(host: Host, machine: Machine, program: Program, yes: bool) -> None:
    path = _hosts.file_of(host, machine)
    assert path is not None
    if program.is_temporary:
        _settings.stop(
            f"{program.command} is in a cache that may be cleared. Install po-mcp with uv tool, pipx or pip first."
        )
    # Not refused: a portable host is nowhere that is looked at, and its user named it.
    if not _hosts.is_found(host, machine):
        say(f"{host.title} was not found on this computer. Its file is written all the same.")
    _name_what_stays_behind()
    try:
        result = _hosts.install(host, path, program, _hosts.confirmation(yes))
    except PurchaseOrderError as exc:
        _settings.stop(str(exc), status=1)
    if result == "not confirmed":
        raise SystemExit(_hosts.NOT_CONFIRMED)


def _name_what_stays_behind() -> None:
    """Say which settings of this terminal the host will not see."""
    # A host started from the desktop has none of a shell's variables, and would show the sandbox.
    names = sorted(name for name in os.environ if name.startswith(PREFIX))
    if names:
        say(f"Set in this terminal only, and unknown to the assistant: {', '.join(names)}. Use: po-mcp init")
