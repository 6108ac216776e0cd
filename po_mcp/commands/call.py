"""`po-mcp call TOOL key=value ...`: any tool from a terminal, the approval form as prompts.

The server runs in this process, with the user's settings; the person is the one at the terminal.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import anyio
import click
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitRequestParams, ElicitResult, Implementation, Tool
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from po_mcp import __version__
from po_mcp.approvals.pin import PinCheck, PinFault
from po_mcp.bootstrap import build_pin_setting, build_server
from po_mcp.commands import _approver_pin, _settings
from po_mcp.commands._interrupted import Call, Interruptions, ignore_interrupts, known_of, plain_signals
from po_mcp.commands._prose import say
from po_mcp.commands._result_tables import shown, text_of
from po_mcp.commands._status_text import EXIT_STATUS, NOTHING_SENT
from po_mcp.commands._tool_help import describe_tool
from po_mcp.config import MEMORY, Settings
from po_mcp.errors import ConfigurationError, PurchaseOrderError
from po_mcp.server.tool import PurchasingTool
from po_mcp.tools import REGISTRY, is_write_tool
from po_mcp.writes.forms import DECISION, NO, ORDER_NUMBER, bare
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.person_words import for_person

_ID_CHARS, _MIN_ID_CHARS = 32, 4


@click.command("call", add_help_option=False)
@click.argument("tool", required=False)
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--help", "wants_help", is_flag=True, help="Show this, or what TOOL takes.")
@click.pass_context
def command(ctx: click.Context, tool: str | None, arguments: tuple[str, ...], as_json: bool, wants_help: bool) -> None:
    """Run one tool from this terminal.

    Without TOOL, lists the tools. Arguments are key=value; lists, numbers and true or false are JSON:

        po-mcp call get_purchase_order number=PO-2025-0042

        po-mcp call list_purchase_orders limit=5

    The start of an operation's id is enough. What a tool takes, with an example:

        po-mcp call create_purchase_order --help

    Exit status: 0 done, 1 error or refused, 2 wrong argument or setting, 3 not approved, 4 not confirmed.
    """
    if wants_help and tool is None:
        click.echo(ctx.get_help())
        return
    settings = _settings.load(ctx.obj)
    try:
        if wants_help and tool is not None:
            raise SystemExit(anyio.run(_describe, settings, tool))
        status = anyio.run(_call, settings, tool, arguments, as_json)
        ignore_interrupts()
        raise SystemExit(status)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


class _Misuse(Exception):
    """The command line names no tool, or an argument that the tool does not take so: the command ends with `status`."""

    def __init__(self, text: str, status: int = 2) -> None:
        super().__init__(text)
        self.status = status


async def _call(settings: Settings, name: str | None, arguments: tuple[str, ...], as_json: bool) -> int:
    console, errors = Console(highlight=False), Console(highlight=False, stderr=True)
    call = Call(name or "", dict(part.partition("=")[::2] for part in arguments).get("number", ""), time.time())
    interruptions = Interruptions(errors, lambda: known_of(settings, call))
    result: CallToolResult | dict[str, Tool] | int = 0
    person = Terminal(errors, settings)
    calling = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        if sys.platform != "win32":  # where asyncio has no signal handlers, Ctrl-C ends it as it does any program
            await tasks.start(interruptions.watch, calling)
        with calling:
            result = await _ask(settings, name, arguments, person)
        tasks.cancel_scope.cancel()
    if calling.cancel_called:
        return interruptions.report()
    if isinstance(result, int):
        return result
    # Printed once the server has ended: the reader may leave at any line, as `head` does.
    if isinstance(result, dict):
        _list(console, result)
        return 0
    if as_json:
        # By `out`: what is printed otherwise is broken into lines at the terminal's width.
        console.out(json.dumps(_for_programs(result), ensure_ascii=False))
    else:
        (errors if result.is_error else console).print(shown(result))
    return NOTHING_SENT if result.is_error and person.has_left else _exit_status(result)


async def _ask(
    settings: Settings, name: str | None, arguments: tuple[str, ...], person: Terminal
) -> CallToolResult | dict[str, Tool] | int:
    """Call the tool; return its result, all tools where none is named, or the command's status."""
    async with Client(
        build_server(settings, with_page=False),
        # In the versions before it a form is closed after some minutes, while a person still reads.
        mode="2026-07-28",
        # In a pipe nobody is there to answer; without a form the outcome says where to approve.
        elicitation_callback=person if sys.stdin.isatty() else None,
        # The journal keeps by which client something was asked for.
        client_info=Implementation(name="po-mcp call", version=__version__),
    ) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        if name is None:
            return tools
        try:
            typed = _whole_id(settings, _parse_pairs(tools, name, arguments))
            _need_valid(name, typed)
            await _need_settings(name, settings, person.console)
            return await client.call_tool(name, typed)
        except _Misuse as exc:
            person.console.print(f"po-mcp: {exc}", markup=False)
            return exc.status


async def _describe(settings: Settings, name: str) -> int:
    async with Client(build_server(settings, with_page=False), mode="2026-07-28") as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    if name not in tools:
        Console(stderr=True).print(f"po-mcp: {_no_tool(name, tools)}", markup=False)
        return 2
    Console(highlight=False).print(describe_tool(tools[name]))
    return 0


class Terminal:
    """The person at this terminal, asked by prompts. Ctrl-C decides nothing."""

    def __init__(self, console: Console, settings: Settings) -> None:
        self.console = console
        self._settings = settings
        self.has_left = False

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        """Show the question and take the answer, one field after the other; `has_left` tells that none was given."""
        assert isinstance(params, ElicitRequestFormParams)
        self.console.print(Panel(Text(params.message), title="Approval needed", title_align="left", style="yellow"))
        try:
            with plain_signals():
                content = {
                    name: _prompt_field(name, field) for name, field in params.requested_schema["properties"].items()
                }
            if _approves(params, content) and (fault := await self._judge_pin()) is not None:
                self.console.print(f"{_approver_pin.FAULTS[fault]} Not approved. Nothing was changed.", style="yellow")
                return ElicitResult(action="cancel")
        except (click.Abort, KeyboardInterrupt):
            # Cancelled and not declined: who leaves has not said no, and can still decide elsewhere.
            self.has_left = True
            self.console.print("\nNot approved. Nothing was changed.", style="yellow")
            return ElicitResult(action="cancel")
        return ElicitResult(action="accept", content=content)

    async def _judge_pin(self) -> PinFault | None:
        """Ask for the approver's PIN where one is set, as the page and po-mcp approve do."""
        if self._settings.journal_path() == MEMORY:
            return None
        with closing(JournalStore(self._settings.journal_path(), self._settings.approval_ttl)) as store:
            return await _approver_pin.ask_pin(PinCheck(Journal(store), "terminal"), self.console.print)


def _approves(params: ElicitRequestFormParams, content: Mapping[str, str]) -> bool:
    """Tell whether an answer may approve a write: the number is typed, or another option than the safe one chosen."""
    # The PIN is asked for a yes alone: who says no must need nothing.
    if ORDER_NUMBER in content:
        return bare(content[ORDER_NUMBER]).casefold() not in ("", NO)
    options = params.requested_schema["properties"].get(DECISION, {}).get("oneOf", [])
    return bool(options) and content.get(DECISION) != options[0]["const"]


def _prompt_field(name: str, field: Mapping[str, Any]) -> str:
    if "oneOf" in field:
        return _prompt_choice(field)
    # All that is asked goes to standard error: standard output is the result, which a script may read.
    say(field["description"], err=True)
    keep = f', or "{NO}" to keep it' if name == ORDER_NUMBER else ""
    return str(click.prompt(f"{field['title']}{keep}", default="", show_default=False, err=True))


def _prompt_choice(field: Mapping[str, Any]) -> str:
    """Offer numbered choices, the safe one first and by default; a number is typed."""
    say(f"{field['title']}\n{field['description']}", err=True)
    values = [str(choice["const"]) for choice in field["oneOf"]]
    for place, choice in enumerate(field["oneOf"], 1):
        say(f"  {place}. {choice['title']}", err=True)
    numbers = [str(place) for place in range(1, len(values) + 1)]
    picked = click.prompt("Choice", type=click.Choice(numbers), default="1", show_choices=False, err=True)
    return values[int(picked) - 1]


def _parse_pairs(tools: Mapping[str, Tool], name: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    """Read key=value pairs as the tool's schema has them."""
    if name not in tools:
        raise _Misuse(_no_tool(name, tools))
    properties: Mapping[str, Any] = tools[name].input_schema.get("properties", {})
    typed = {}
    for argument in arguments:
        # At the first sign: a value may hold another.
        key, equals, value = argument.partition("=")
        if not equals:
            raise _Misuse(f"write {argument} as key=value. {name} takes: {', '.join(properties)}")
        typed[key] = value if _takes_text(properties.get(key, {})) else _json(key, value)
    return typed


def _need_valid(name: str, typed: dict[str, Any]) -> None:
    """Refuse arguments that are missing, unknown or not as the tool takes them."""
    # Before the call: a person at a prompt must not answer for arguments that are then refused.
    [registered] = [one for one in REGISTRY if one.name == name]
    if faults := PurchasingTool.of(registered).find_faults(typed):
        raise _Misuse(for_person(faults))


async def _need_settings(name: str, settings: Settings, errors: Console) -> None:
    """Refuse a write that a setting forbids; of a journal that cannot be used it is said, since reads go on."""
    path = settings.journal_path()
    if path == MEMORY:
        return
    with closing(JournalStore(path, settings.approval_ttl)) as store:
        if fault := store.find_fault():
            errors.print(f"PO_MCP_JOURNAL: {fault} Nothing can be changed.", style="yellow", markup=False)
        elif is_write_tool(name) and name != "get_operation" and settings.approver_pin is not None:
            try:
                await build_pin_setting(settings, Journal(store)).need_match()
            except ConfigurationError as exc:
                raise _Misuse(str(exc)) from exc


def _no_tool(name: str, tools: Mapping[str, Tool]) -> str:
    return f"no tool named {name}. Tools: {', '.join(tools)}"


def _whole_id(settings: Settings, typed: dict[str, Any]) -> dict[str, Any]:
    """Write out an operation's id of which the beginning was typed."""
    beginning = typed.get("operation_id")
    if not isinstance(beginning, str) or not _MIN_ID_CHARS <= len(beginning) < _ID_CHARS:
        return typed
    if settings.journal_path() == MEMORY:
        return typed
    with closing(JournalStore(settings.journal_path(), settings.approval_ttl)) as store:
        try:
            found = store.find_beginning(beginning.lower()) if store.exists() else []
        except PurchaseOrderError as exc:
            raise _Misuse(for_person(str(exc)), status=1) from exc
    # Of two that begin alike none is taken: they are different orders.
    if len(found) != 1:
        count = len(found) or "no"
        raise _Misuse(f"{count} operations have an id that starts with {beginning}", status=1)
    return {**typed, "operation_id": found[0].operation.id}


def _takes_text(schema: Mapping[str, Any]) -> bool:
    """Tell whether a value is text as it stands; what may be left out is an alternative with null."""
    types: set[str] = set()
    for one in schema.get("anyOf", [schema]):
        named = one.get("type", "string")
        types.update([named] if isinstance(named, str) else named)
    return types <= {"string", "null"}


def _json(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise _Misuse(f"{name} must be JSON, such as 5, true or [...]") from None


def _list(console: Console, tools: Mapping[str, Tool]) -> None:
    for tool in tools.values():
        required = tool.input_schema.get("required", [])
        named = " ".join(f"{key}=..." if key in required else f"[{key}=...]" for key in tool.input_schema["properties"])
        console.print(Text.assemble((tool.name, "bold"), " ", (named, "cyan")))
        console.print(Text(f"  {(tool.description or '').partition('. ')[0]}."))


def _for_programs(result: CallToolResult) -> Mapping[str, Any]:
    return {"error": text_of(result)} if result.is_error else result.structured_content or {}


def _exit_status(result: CallToolResult) -> int:
    if result.is_error:
        return 1
    content = result.structured_content or {}
    outcomes = content.get("operations", [content] if "do_not_repeat" in content else [])
    # The worst of them: a script that looks at the status alone must not take a doubt for a success.
    return max((EXIT_STATUS.get(outcome["status"], NOTHING_SENT) for outcome in outcomes), default=0)
