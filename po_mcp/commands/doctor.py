"""`po-mcp doctor`: what works, what is missing, and the next step; for this ERP and for each kind of client.

It reads only: where the ERP does not say whether its user may write, that shows at the first write.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tomllib
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import anyio
import click
from rich.console import Console
from rich.text import Text

from po_mcp.approvals.pin import say_wrong_pins
from po_mcp.commands import _settings
from po_mcp.commands._prose import wrap
from po_mcp.config import MEMORY, PREFIX, Settings, config_file
from po_mcp.connectors import connect
from po_mcp.connectors.registry import REGISTRY
from po_mcp.erp import ERP, Capability, ReportsRights
from po_mcp.errors import PurchaseOrderError
from po_mcp.orders import OrderQuery
from po_mcp.writes import order_text
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.person_words import for_person
from po_mcp.writes.pin_setting import PinSetting

_SECRETS = {"client_secret", "approver_pin"}
_WRITES: frozenset[Capability] = frozenset({"create", "finalize", "cancel", "delete"})
_MARKS = {"pass": ("✓", "bold green"), "fail": ("✗", "bold red"), "note": ("·", "bold yellow")}


@dataclass(frozen=True)
class Finding:
    """One line: a pass, a failure with its next step, or what is worth knowing."""

    mark: Literal["pass", "fail", "note"]
    what: str
    text: str
    next_step: str = ""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.pass_obj
def command(config: Path | None, as_json: bool) -> None:
    """Check settings, ERP access and approvals.

    Only reads. Exit status: 0 no problems, 1 problems found.
    """
    settings = _settings.load(config)
    try:
        findings = anyio.run(_examine, settings, config or config_file(), None if as_json else Console(highlight=False))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    raise SystemExit(1 if any(finding.mark == "fail" for finding in findings) else 0)


async def _examine(settings: Settings, file: Path, console: Console | None) -> list[Finding]:
    """Examine one thing after the other, and print each finding as it is made."""
    # With the token that the journal keeps: Exsited ends one with every new one, and a server may be running.
    journal = JournalStore(settings.journal_path())
    erp = connect(settings, journal.shared_token)
    findings = []
    try:
        async with aclosing(_findings(settings, file, erp, journal)) as found:
            async for finding in found:
                findings.append(finding)
                if console is not None:
                    _print(console, finding)
    finally:
        await erp.aclose()
        journal.close()
    return findings


async def _findings(settings: Settings, file: Path, erp: ERP, journal: JournalStore) -> AsyncGenerator[Finding]:
    place = f"{erp.title}, data in {erp.connection.address}" if erp.notice else f"{erp.title} at {erp.connection.label}"
    yield Finding("pass", "settings", place + (", read-only" if settings.read_only else ""))
    yield Finding("pass", "settings", f"from {_sources(file)}")
    if (finding := _secret_file(file)) is not None:
        yield finding
    read = await _read(erp)
    yield read
    # What cannot be read at all would only fail again, with the same next step.
    if read.mark == "pass":
        for finding in (await _vendors(erp, settings), await _blockers(erp), _clock(erp)):
            if finding is not None:
                yield finding
    yield await _rights(settings, erp, can_read=read.mark == "pass")
    if settings.issuer is not None:
        yield await _sign_in(settings, settings.issuer)
    yield _check_journal(settings, erp, journal)
    for finding in await _approval(settings, journal):
        yield finding


def _sources(file: Path) -> str:
    """Name where the settings come from: a host's own settings are not seen here."""
    names = sorted(name for name, value in os.environ.items() if name.startswith(PREFIX) and value)
    kept = str(file) if file.exists() else f"no file ({file} does not exist)"
    named = f"environment: {', '.join(names)}" if names else "no environment variables"
    return f"{kept}; {named}"


def _secret_file(file: Path) -> Finding | None:
    """Say that others can read a secret in the settings' file; None where they cannot, or it holds none."""
    try:
        is_open = bool(file.stat().st_mode & 0o077)
        held = tomllib.loads(file.read_text(encoding="utf-8")).keys() & _SECRETS
    except (OSError, ValueError):
        return None
    if sys.platform == "win32" or not is_open or not held:
        return None
    # Said and not mended: who may read a file is for its owner to say.
    text = f"{file} holds {' and '.join(sorted(held))}, and other users of this computer can read it"
    return Finding("note", "secrets", text, f"Run: chmod 600 {shlex.quote(str(file))}")


async def _read(erp: ERP) -> Finding:
    """Sign in and read one order: the address, the credentials and the right to read."""
    try:
        await erp.probe()
    except PurchaseOrderError as exc:
        return Finding("fail", "reading", exc.message, exc.next_step)
    return Finding("pass", "reading", "signed in; orders can be read")


async def _vendors(erp: ERP, settings: Settings) -> Finding | None:
    """Say whether new orders can name their vendors."""
    if "create" not in erp.capabilities or settings.read_only:
        return None
    try:
        vendors = await erp.vendors()
    except PurchaseOrderError as exc:
        return Finding("fail", "vendors", exc.message, exc.next_step)
    # No documented call of Inventory Pro returns the vendor id that its orders need.
    without = sum(vendor.id is None for vendor in vendors)
    if without:
        next_step = 'Add them to the file named by PO_MCP_VENDOR_IDS, such as "Acme Fasteners" = 12.'
        return Finding(
            "fail", "vendors", f"{without} of {len(vendors)} vendors cannot be ordered from: no vendor id", next_step
        )
    return Finding("pass", "vendors", f"{len(vendors)} vendors, all with the id that orders need")


async def _blockers(erp: ERP) -> Finding | None:
    """Say whether what forbids a delete can be read: without it nothing is deleted."""
    if "delete" not in erp.capabilities:
        return None
    try:
        # Any order will do: what is tried is the right to read receipts and invoices, which a sign-in does not show.
        found = await erp.scan_orders(OrderQuery(max_orders=1))
        if found.orders:
            await erp.snapshot(found.orders[0].number, "delete")
    except PurchaseOrderError as exc:
        return Finding("fail", "deleting", exc.message, exc.next_step)
    return Finding("pass", "deleting", "receipts and invoices can be checked before a delete")


def _name_of(erp: ERP) -> str:
    return "the sandbox" if erp.notice else erp.title


def _clock(erp: ERP) -> Finding | None:
    if erp.clock_skew is None:
        return None
    text = f"{_name_of(erp)}'s clock is {abs(erp.clock_skew):.0f} s {'ahead' if erp.clock_skew > 0 else 'behind'}"
    if abs(erp.clock_skew) > 120:
        return Finding("fail", "clock", text, "Correct this computer's clock or the ERP's: sign-in depends on it.")
    return Finding("pass", "clock", text)


async def _sign_in(settings: Settings, issuer: str) -> Finding:
    """Read the issuer's keys, without which nobody is let in."""
    from po_mcp.sign_in import build_keys
    from po_mcp.sign_in.issuer_keys import IssuerUnavailable

    try:
        # Of no certain id: what counts is whether the keys can be read.
        await build_keys(settings).find(None)
    except IssuerUnavailable as exc:
        next_step = "Check PO_MCP_ISSUER: it must be what the issuer's own metadata names, letter for letter."
        return Finding("fail", "sign-in", f"the keys of {issuer} cannot be read: {exc}", next_step)
    return Finding("pass", "sign-in", f"the keys of {issuer} can be read")


async def _rights(settings: Settings, erp: ERP, *, can_read: bool) -> Finding:
    """Say whether the ERP's user may write, where the ERP tells that."""
    if settings.read_only:
        return Finding("note", "writing", "read-only (PO_MCP_READ_ONLY): no tool can change anything")
    declared = REGISTRY[settings.erp]
    # The server's own user writes nothing then, so that its rights are no fault.
    if settings.erp_credentials == "own":
        return Finding(
            "note", "writing", f"as each person, with credentials of their own: who writes {declared.rights}"
        )
    # Most ERPs tell of no right before a write is refused, and nothing is written to find out.
    if can_read and isinstance(erp, ReportsRights):
        return await _compare_rights(erp, erp.capabilities & _WRITES, declared.rights)
    later = "" if declared.is_trial else "; only a real write can show whether it is granted"
    return Finding("note", "writing", f"{declared.rights}{later}")


async def _compare_rights(erp: ReportsRights, offered: frozenset[Capability], needed: str) -> Finding:
    try:
        missing = offered - await erp.read_rights()
    except PurchaseOrderError as exc:
        return Finding("fail", "writing", exc.message, exc.next_step)
    if missing:
        return Finding("fail", "writing", f"the ERP's user may not {' or '.join(sorted(missing))} orders", f"{needed}.")
    return Finding("pass", "writing", f"the ERP's user may {', '.join(sorted(offered))}")


def _check_journal(settings: Settings, erp: ERP, journal: JournalStore) -> Finding:
    """Say whether operations can be recorded: without that nothing is written."""
    path = settings.journal_path()
    if path == MEMORY:
        return Finding("pass", "journal", "in memory, like the sandbox")
    if fault := journal.find_fault():
        text = f"{fault} Orders can be read, and nothing can be changed"
        return Finding("fail", "journal", text, "Set PO_MCP_JOURNAL to a file that can be written.")
    try:
        faults = journal.upkeep.verify()
        open_ones = [one for one in journal.live(journal.name_of(erp.connection)) if one.state in ("SENT", "UNKNOWN")]
        needs_adoption = journal.needs_adoption(erp.connection)
    except PurchaseOrderError as exc:
        return Finding("fail", "journal", exc.message, exc.next_step)
    if faults:
        return Finding(
            "fail", "journal", f"{order_text.count(len(faults), 'fault')} found", "See: po-mcp journal verify"
        )
    if needs_adoption:
        return Finding("fail", "journal", "it knows this address with other credentials", "Run po-mcp journal adopt.")
    # After the faults: of a log that was edited nothing can be said to be unconfirmed.
    if open_ones:
        text = f"{order_text.count(len(open_ones), 'operation')} not confirmed"
        return Finding("note", "journal", text, "See po-mcp journal, then po-mcp journal settle ID.")
    return Finding("pass", "journal", f"{settings.journal_name()}: intact, nothing unconfirmed")


async def _approval(settings: Settings, journal: JournalStore) -> list[Finding]:
    """Say which way to a person each kind of client has."""
    if settings.read_only:
        return []
    terminal = "" if settings.journal_path() == MEMORY else ", or po-mcp approve"
    page = f"approval page on this computer{terminal}"
    ways = {"Claude Code, Codex, VS Code, Cursor (hosts with forms)": "asked in the chat", "all other hosts": page}
    if settings.approval == "page":
        ways = {"all hosts": page}
    return [
        *(Finding("pass", "approval", f"{client}: {way}") for client, way in ways.items()),
        await _pin(settings, journal),
    ]


async def _pin(settings: Settings, journal: JournalStore) -> Finding:
    """Say whether a decision needs a PIN, and whether this process knows the same."""
    how = "To set one: po-mcp approve --set-pin"
    if settings.journal_path() == MEMORY:
        origin = "from PO_MCP_APPROVER_PIN" if settings.approver_pin else "not set"
        return Finding("note", "PIN", origin)
    pin = None if settings.approver_pin is None else settings.approver_pin.get_secret_value()
    try:
        fault = await PinSetting(Journal(journal), pin).find_fault()
        held = journal.approver_pin()
    except PurchaseOrderError as exc:
        return Finding("fail", "PIN", exc.message, exc.next_step)
    if fault:
        return Finding("fail", "PIN", f"{fault} Nothing can be approved.", "" if held.is_set else how)
    if not held.is_set:
        return Finding("note", "PIN", "not set: anyone with the link can approve", how)
    wrong = say_wrong_pins(held.wrong_tries)
    tried = f"; {wrong[0].lower()}{wrong[1:].rstrip('.')}" if wrong else ""
    reset = "" if held.reset_at is None else "; it was reset without the old one in the last 7 days"
    return Finding("note" if tried or reset else "pass", "PIN", f"set{reset}{tried}")


def _print(console: Console, finding: Finding) -> None:
    mark, style = _MARKS[finding.mark]
    text = _hang(console, finding.text)
    # Not wrapped by the console: a path or an address that is copied must come in one piece.
    console.print(Text.assemble((f"{mark} ", style), (f"{finding.what:<10}", "bold"), text), soft_wrap=True)
    if finding.next_step:
        console.print(Text(" " * 12 + _hang(console, for_person(finding.next_step)), "yellow"), soft_wrap=True)


def _hang(console: Console, text: str) -> str:
    """Return a text for the third column: in a terminal each further line begins there, too."""
    if not console.is_terminal:
        return text
    return wrap(" " * 12 + text, shutil.get_terminal_size().columns).lstrip(" ")
