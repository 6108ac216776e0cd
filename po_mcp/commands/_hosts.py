"""What install, uninstall and init share: this computer, this program, and how one host's file is changed."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Literal

import click

from po_mcp.commands import _settings
from po_mcp.commands._interrupted import plain_signals
from po_mcp.commands._prose import say
from po_mcp.hosts.change import Change, apply, plan_install, plan_uninstall
from po_mcp.hosts.known import HOSTS, Host, host_named
from po_mcp.hosts.machine import Machine, system_of
from po_mcp.hosts.program import Program, this_program

NOT_CONFIRMED = 3

Result = Literal["changed", "unchanged", "not confirmed"]


def this_machine() -> Machine:
    """Return the computer that this process runs on."""
    return Machine(system_of(sys.platform), Path.home(), os.environ)


def running_program(config: Path | None) -> Program:
    """Return how a host starts what runs now."""
    started_as = Path(os.path.abspath(sys.argv[0]))  # resolve() would follow the links of uv and pipx
    return this_program(started_as, Path(sys.executable), _is_file, config and Path(os.path.abspath(config)))


def _is_file(path: object) -> bool:
    return Path(str(path)).is_file()


def named(text: str) -> Host:
    """Return the host of a name, or end with status 2 and the names that there are."""
    host = host_named(text)
    if host is None:
        _settings.stop(f"{text} is not a known host. Known: {', '.join(host.key for host in HOSTS)}")
    return host


def file_of(host: Host, machine: Machine) -> Path | None:
    """Return the host's file on this computer."""
    return None if host.file is None else Path(str(host.file(machine)))


def is_found(host: Host, machine: Machine) -> bool:
    """Whether the host shows on this computer: its own folder, its file, or its command on PATH."""
    if any(shutil.which(name, path=machine.variables.get("PATH")) for name in host.commands):
        return True
    # A host that was never started has no file yet; the home folder itself proves nothing.
    path = file_of(host, machine)
    if path is None:
        return False
    return path.exists() or (path.parent.is_dir() and path.parent != Path(str(machine.home)))


def install(host: Host, path: Path, program: Program, confirm: Callable[[], bool]) -> Result:
    """Put the entry into a host's file, once the person has seen it and said yes."""
    change = plan_install(host, path, program)
    # Said and not moved: other entries of that file may need it.
    for name in change.secrets():
        say(f"{name} stands in {path} in clear. po-mcp init keeps it elsewhere; then take it out there.")
    result = _apply_change(change, confirm, f"{host.title} has the entry already: {path}")
    if result == "changed":
        say(host.after)
    return result


def uninstall(host: Host, path: Path, confirm: Callable[[], bool]) -> Result:
    """Take the entry out of a host's file, once the person has seen it and said yes."""
    return _apply_change(plan_uninstall(host, path), confirm, f"{host.title} has no entry: {path}")


def _apply_change(change: Change, confirm: Callable[[], bool], nothing_to_do: str) -> Result:
    if change.is_none:
        say(nothing_to_do)
        return "unchanged"
    say(f"{change.host.title}: {change.path}")
    for line in change.lines():
        click.secho(f"  {line}", fg={"+": "green", "-": "red"}.get(line[:1]))
    # After the change was shown, and before anything is written.
    if not confirm():
        return "not confirmed"
    backup = apply(change, stamp())
    say("Done." if backup is None else f"Done. The file as it was: {backup}")
    return "changed"


def stamp() -> str:
    """Return what tells one backup from another: the time, to the microsecond."""
    return datetime.now().astimezone().strftime("%Y%m%d-%H%M%S-%f")


def confirmation(yes: bool) -> Callable[[], bool]:
    """Return how a person says yes: beforehand by --yes, else at this terminal; without one it is no."""

    def confirm() -> bool:
        if yes:
            return True
        if not (sys.stdin.isatty() and sys.stdout.isatty()):
            say("Nothing was changed: this is no terminal. To change it, add --yes.")
            return False
        try:
            with plain_signals():  # the parent process may have had Ctrl-C ignored
                if click.confirm("Write this?", default=False):
                    return True
        except (click.Abort, KeyboardInterrupt):  # of several hosts the rest is not asked about
            say("\nStopped. Nothing more was changed.")
            raise SystemExit(NOT_CONFIRMED) from None
        say("Nothing was changed.")
        return False

    return confirm
