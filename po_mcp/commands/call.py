"""`po-mcp call TOOL key=value ...`: any tool from a terminal, the approval form as prompts.

The server runs in this process, with the user's settings; the person is whoever sits at the terminal.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import click
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitRequestParams, ElicitResult, Tool
from rich.console import Console
from rich.panel import Panel
from rich.text import Text

from po_mcp.bootstrap import build_server
from po_mcp.commands import _settings
from po_mcp.commands._result_tables import shown, text_of
from po_mcp.config import Settings

NOTHING_SENT, UNKNOWN = 3, 4
_STATUS = {"done": 0, "refused": 1, "unknown": UNKNOWN}


@click.command("call")
@click.argument("tool", required=False)
@click.argument("arguments", nargs=-1, metavar="[KEY=VALUE]...")
@click.option("--json", "as_json", is_flag=True, help="Print the typed result, for programs.")
@click.pass_obj
def command(config: Path | None, tool: str | None, arguments: tuple[str, ...], as_json: bool) -> None:
    """Call a tool; without TOOL, list them.

    A value is text; lists, numbers and true or false are written as JSON where the tool takes such:

        po-mcp call get_purchase_order number=PO-2025-0042

        po-mcp call list_purchase_orders limit=5

    Ends with 0 when it is done, 1 for an error or a refusal, 3 when nothing was sent because nobody
    approved it, and 4 when the outcome is not known.
    """
    settings = _settings.load(config)
    try:
        raise SystemExit(anyio.run(_call, settings, tool, arguments, as_json))
    except KeyboardInterrupt:
        raise SystemExit(130) from None


class _Misuse(Exception):
    """The command line names no tool, or an argument that is not written as the tool takes it."""


async def _call(settings: Settings, name: str | None, arguments: tuple[str, ...], as_json: bool) -> int:
    console, errors = Console(highlight=False), Console(highlight=False, stderr=True)
    person = Terminal(errors) if sys.stdin.isatty() else None
    async with Client(
        build_server(settings, with_page=False), mode="2026-07-28", elicitation_callback=person
    ) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        if name is None:
            _list(console, tools)
            return 0
        try:
            result = await client.call_tool(name, _typed(tools, name, arguments))
        except _Misuse as exc:
            errors.print(f"po-mcp: {exc}", markup=False)
            return 2
    if as_json:
        console.out(json.dumps(_for_programs(result), ensure_ascii=False))
    else:
        (errors if result.is_error else console).print(shown(result))
    return _exit_status(result)


class Terminal:
    """The person at this terminal, asked by prompts. Ctrl-C is a no."""

    def __init__(self, console: Console) -> None:
        self._console = console

    async def __call__(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        """Show the question and take the answer, one field after the other."""
        assert isinstance(params, ElicitRequestFormParams)
        self._console.print(Panel(Text(params.message), title="You are asked", title_align="left", style="yellow"))
        try:
            with _interruptible():
                content = {name: _prompted(field) for name, field in params.requested_schema["properties"].items()}
        except click.Abort:
            self._console.print("\nNot approved.", style="yellow")
            return ElicitResult(action="cancel")
        return ElicitResult(action="accept", content=content)


def _prompted(field: Mapping[str, Any]) -> str | bool:
    if "oneOf" in field:
        return _picked(field)
    if field["type"] == "boolean":
        return click.confirm(f"{field['title']}? ({field['description']})", default=None, err=True)
    return str(click.prompt(f"{field['title']} ({field['description']})", default="", show_default=False, err=True))


def _picked(field: Mapping[str, Any]) -> str:
    """Offer numbered choices; a number is typed."""
    values = [str(choice["const"]) for choice in field["oneOf"]]
    for place, choice in enumerate(field["oneOf"], 1):
        click.echo(f"  {place}. {choice['title']}", err=True)
    numbers = [str(place) for place in range(1, len(values) + 1)]
    text = f"{field['title']} ({field['description']})"
    picked = click.prompt(text, type=click.Choice(numbers), show_choices=False, err=True)
    return values[int(picked) - 1]


@contextmanager
def _interruptible() -> Iterator[None]:
    """Let Ctrl-C interrupt a prompt: asyncio's handler would only cancel a task, which does not run meanwhile."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _typed(tools: Mapping[str, Tool], name: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    """Read key=value pairs as the tool's schema has them."""
    if name not in tools:
        raise _Misuse(f"there is no tool {name}; there are {', '.join(tools)}")
    properties: Mapping[str, Any] = tools[name].input_schema.get("properties", {})
    typed = {}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise _Misuse(f"write an argument as key=value, not {argument!r}; {name} takes {', '.join(properties)}")
        typed[key] = value if properties.get(key, {}).get("type", "string") == "string" else _json(key, value)
    return typed


def _json(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        raise _Misuse(f"{name} is not written as JSON, such as 5, true or [...]") from None


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
    return max((_STATUS.get(outcome["status"], NOTHING_SENT) for outcome in outcomes), default=0)
