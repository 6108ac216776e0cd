"""`po-mcp init`: from nothing to a connected assistant, question by question, each answer checked at once."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import click

from po_mcp import config, config_secrets
from po_mcp.commands import _approver_pin, _hosts, _settings, _setup
from po_mcp.commands._interrupted import ignore_interrupts
from po_mcp.commands._prose import say
from po_mcp.config import PREFIX, Settings, config_file
from po_mcp.connectors import connect
from po_mcp.connectors.registry import REGISTRY
from po_mcp.errors import ConfigurationError, PurchaseOrderError
from po_mcp.hosts.change import plan_install
from po_mcp.hosts.known import HOSTS
from po_mcp.writes.journal import JournalStore

NO_TERMINAL = 3

_SANDBOX_TITLE = "Sandbox: practice, no account needed"
_STEPS: Mapping[str, str] = {
    "reading": "Step 1 of 3, reading: ask your assistant what is on order, and compare it with the ERP.",
    "first order": "Step 2 of 3, the first order: ask your assistant for one small order, and approve it.",
}


@click.command("init")
@click.pass_obj
def command(config: Path | None) -> None:
    """Set up: your ERP, its credentials, your assistants.

    Asks for the ERP, its address and credentials, checks them by reading, writes config.toml (readable by you
    alone) and offers to connect the assistants on this computer. Nothing is written before you say so; Ctrl-C
    leaves everything as it was. Run it again to see what is set, and to go from reading to the first order.

    Exit status: 0 done, 1 something could not be written, 3 no terminal, 130 stopped.
    """
    path = Path(os.path.abspath(config)) if config else config_file()
    # An installer that runs this in a script gets what to set, and is not kept waiting for answers.
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        _say_what_to_set(path)
        raise SystemExit(NO_TERMINAL)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the parent process may have had it ignored
    try:
        _run(path, config)
    except (click.Abort, KeyboardInterrupt, EOFError):
        ignore_interrupts()
        say("\nStopped. What is not shown as done above was not written.")
        raise SystemExit(130) from None
    except PurchaseOrderError as exc:
        _settings.stop(str(exc), status=1)


def _say_what_to_set(path: Path) -> None:
    """Say what a person would be asked, for a script that sets it."""
    say(f"po-mcp init asks questions, and this is no terminal. Write {path}, readable by you alone:\n")
    first, *others = (f'"{name}"' for name, erp in REGISTRY.items() if not erp.is_trial)
    click.echo(f"{f'erp = {first}':39}# or {', '.join(others)}; without a file it is the sandbox")
    click.echo('base_url = "https://erp.example.com"')
    click.echo('client_id = "your-client-id"')
    click.echo('client_secret_file = "client_secret"   # a file beside this one, or: client_secret = "keyring:"')
    click.echo('# redirect_uri = "https://..."         # Exsited only')
    click.echo("read_only = true                       # a good first week\n")
    say(f"Or set {PREFIX}ERP, {PREFIX}BASE_URL, {PREFIX}CLIENT_ID, {PREFIX}CLIENT_SECRET_FILE.")
    say("Then: po-mcp doctor, and po-mcp install HOST --yes")


def _run(path: Path, wanted: Path | None) -> None:
    settings = _present(path)
    _setup.need_changeable(path)
    if settings is None or click.confirm("Change the ERP or its credentials?", default=False):
        settings = _set_up(path) or settings
        _say_step(settings)
    else:
        _lead_on(path, settings)
    _offer_hosts(wanted)
    _say_next(settings)


# What is there


def _present(path: Path) -> Settings | None:
    """Show the settings that are there and return them; None where there are none that work."""
    say(f"Settings: {path}")
    _name_variables()
    if not path.exists():
        say("There are none yet.\n")
        return None
    try:
        # Without the environment: what is shown, and may be changed, is the file alone.
        settings = config.load({}, path)
    except ConfigurationError as exc:
        say(f"They do not work: {exc}\n")
        return None
    say(f"ERP: {REGISTRY[settings.erp].title}, {settings.base_url or 'on this computer'}")
    stages: Mapping[str, str] = {
        "sandbox": "practice, no real orders",
        "reading": "reading only",
        "first order": "writing; every new order is put to you",
        "live": "writing",
    }
    say(f"Mode: {stages[_setup.stage_of(settings)]}\n")
    return settings


def _name_variables() -> None:
    # Names alone: the values can be secrets.
    names = sorted(name for name in os.environ if name.startswith(PREFIX))
    if names:
        say(f"Set in this terminal, and stronger than the file here: {', '.join(names)}")


# The ERP


def _set_up(path: Path) -> Settings | None:
    """Ask for an ERP, check it, and write; None where the person keeps what there is."""
    erp = _ask_erp()
    values = _ask_until_it_works(erp)
    secrets = {name: str(values.pop(name)) for name in ("client_secret",) if name in values}
    values |= _ask_mode(erp)
    # What the ERP before needed would be refused, or mislead, beside the new one.
    asked = {name for declared in REGISTRY.values() for name in declared.needs}
    gone = {name: None for name in (*sorted(asked), "client_secret_file") if name not in values and name not in secrets}
    draft = _setup.Draft(path, {"erp": erp, **values, **gone}, secrets, _ask_keyring(bool(secrets)))
    if not _save(draft):
        return None
    settings = config.load({}, path)
    _offer_pin(settings)
    return settings


def _save(draft: _setup.Draft) -> bool:
    """Show what would be written, and write it if the person says so."""
    say(f"\n{draft.path} will be:\n")
    for line in _setup.shown(draft.text()).splitlines():
        click.echo(f"  {line}")
    if draft.secrets and not draft.in_keyring:
        say(f"\nSecrets: files of their own in {draft.path.parent}, readable by you alone")
    if not click.confirm("\nWrite this?", default=True):
        say("Nothing was written.")
        return False
    backup = draft.save()
    say(f"Written: {draft.path}" + (f" (as it was: {backup.name})" if backup else ""))
    return True


def _ask_erp() -> str:
    for place, erp in enumerate(REGISTRY.values(), 1):
        say(f"  {place}  {_SANDBOX_TITLE if erp.is_trial else erp.title}")
    chosen: str = click.prompt("Which ERP", default="1", value_proc=_read_erp)
    return chosen


def _read_erp(answer: str) -> str:
    """Return the name of the ERP that a person chose by its number, name or title.

    Raises:
        click.UsageError: there is none of that.
    """
    said = answer.strip().casefold()
    for place, (name, erp) in enumerate(REGISTRY.items(), 1):
        if said in (str(place), name, erp.title.casefold()):
            return name
    raise click.UsageError(f"type a number from 1 to {len(REGISTRY)}.")


def _ask_mode(erp: str) -> dict[str, Any]:
    """Ask whether to begin by reading only; the sandbox needs no such care."""
    if erp == "sandbox":
        return {"read_only": None, "create_approval_over": None}
    if click.confirm("Start by reading only? No order can be changed.", default=True):
        return {"read_only": True, "create_approval_over": None}
    return {"read_only": None, "create_approval_over": _setup.FIRST_ORDERS}


def _ask_until_it_works(erp: str) -> dict[str, Any]:
    """Ask for what an ERP needs until it can be read with that, or the person goes on all the same."""
    while True:
        values: dict[str, Any] = {name: _ask(name, REGISTRY[erp].question(name)) for name in REGISTRY[erp].needs}
        settings = Settings.model_validate({"erp": erp, **values})
        if erp == "sandbox" or _can_read(settings):
            return values
        if not click.confirm("Enter it again?", default=True):
            return values


def _ask(name: str, question: str) -> str:
    """Ask for one setting until it fits."""
    while True:
        # The first of the secrets is the client id, which may be seen while it is typed.
        answer = click.prompt(question, hide_input=name in config_secrets.SECRETS[1:], type=str)
        try:
            return _setup.checked(name, answer.strip())
        except ConfigurationError as exc:
            say(str(exc))


def _can_read(settings: Settings) -> bool:
    """Sign in and read one order; say what came of it."""
    say("Checking: sign in, and read one order ...")
    try:
        anyio.run(_probe, settings)
    except PurchaseOrderError as exc:
        say(f"It does not work: {exc}")
        return False
    say("It works.")
    return True


async def _probe(settings: Settings) -> None:
    memory = JournalStore(config.MEMORY)  # a token of an earlier sign-in would hide a wrong secret
    erp = connect(settings, memory.shared_token)
    try:
        await erp.probe()
    finally:
        await erp.aclose()
        memory.close()


def _offer_pin(settings: Settings) -> None:
    """Ask whether approvals shall want a PIN, and set it; one that is set stays."""
    # Nothing to approve, or no place that keeps a PIN.
    if settings.read_only or settings.journal_path() == config.MEMORY:
        return
    with closing(JournalStore(settings.journal_path())) as store:
        if store.approver_pin().is_set:
            return
        say("\nA PIN for approvals keeps a program that opens links by itself from approving.")
        # No by default: a forgotten PIN stops approvals, and a host with forms needs none.
        if click.confirm("Set one?", default=False):
            _approver_pin.set_pin(store)


def _ask_keyring(has_secrets: bool) -> bool:
    if not has_secrets or not _setup.usable_keyring():
        return False
    return click.confirm("Keep the secrets in this computer's keyring?", default=True)


# Going live


def _say_step(settings: Settings | None) -> None:
    """Say the next step on the way from reading to working orders, if there is one."""
    step = None if settings is None else _STEPS.get(_setup.stage_of(settings))
    if step is not None:
        say(f"\n{step} Then: po-mcp init")


def _lead_on(path: Path, settings: Settings) -> None:
    """Offer the step after this one, once this one is seen to work."""
    match _setup.stage_of(settings):
        case "reading":
            _lead_to_first_order(path, settings)
        case "first order":
            _lead_to_writing(path, settings)


def _lead_to_first_order(path: Path, settings: Settings) -> None:
    say(f"\n{_STEPS['reading']}")
    # Read once more right before: credentials may have been changed since the first step.
    if click.confirm("Is it right, and may po-mcp write now?", default=False) and _can_read(settings):
        draft = _setup.Draft(path, {"read_only": None, "create_approval_over": _setup.FIRST_ORDERS}, {}, False)
        if _save(draft):
            settings = config.load({}, path)
            _offer_pin(settings)
            _say_step(settings)


def _lead_to_writing(path: Path, settings: Settings) -> None:
    # The step is taken on what happened, not on what a person remembers: an order must have been created.
    number = _find_created(settings)
    if number is None:
        _say_step(settings)
        return
    say(f"\nStep 3 of 3, writing: order {number} was created. Look at it in the ERP.")
    say("From now on new orders need no approval, unless a price, a name or a duplicate is in doubt.")
    if click.confirm("Is it right there, and may new orders be created so?", default=False):
        _save(_setup.Draft(path, {"create_approval_over": None}, {}, False))


def _find_created(settings: Settings) -> str | None:
    """Return the number of the latest order that was created over this connection, and approved; None without one."""
    import po_mcp.writes.kinds  # noqa: F401  the journal reads a payload by its kind

    store = JournalStore(settings.journal_path())
    erp = connect(settings, store.shared_token)
    try:
        if not store.exists():
            return None
        found = store.latest(store.name_of(erp.connection), 100, kind="create")
        done = (one.operation.number for one in found if one.state == "DONE")
        return next(done, None)
    finally:
        anyio.run(erp.aclose)
        store.close()


# Assistants


def _offer_hosts(wanted: Path | None) -> None:
    """Offer to connect each assistant that is found here and not connected."""
    machine, program = _hosts.this_machine(), _hosts.running_program(wanted)
    say("\nAssistants on this computer:")
    found = [host for host in HOSTS if host.file is not None and _hosts.is_found(host, machine)]
    if not found:
        say("  none found. See: po-mcp install")
    # The entry would stop working the day the cache is cleared.
    if program.is_temporary:
        say("  This program is in a cache that may be cleared; install it before you connect an assistant.")
        return
    for host in found:
        path = _hosts.file_of(host, machine)
        assert path is not None
        try:
            if plan_install(host, path, program).is_none:
                say(f"  {host.title}: connected")
            # Yes by default: the old file is kept, and po-mcp uninstall takes the entry out again.
            elif click.confirm(f"  {host.title}: connect it?", default=True):
                _hosts.install(host, path, program, _hosts.confirmation(yes=False))
        except PurchaseOrderError as exc:
            say(f"  {exc}")


def _say_next(settings: Settings | None) -> None:
    say('\nNext: restart the assistant and ask "Which purchase orders are overdue?"')
    if settings is None or settings.erp == "sandbox":
        say("It answers from the sandbox. For your own ERP, run po-mcp init again.")
    say("To check everything: po-mcp doctor")
