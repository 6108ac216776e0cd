"""`po-mcp demo`: a buyer, an assistant, a person who approves, and a real MCP client and server.

The assistant here is a script, everything else is what production runs: this process is the client,
it starts `python -m po_mcp` and speaks MCP to it over stdio, and the server works a fresh sandbox.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import click
from mcp import Client, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitRequestParams, ElicitResult
from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from po_mcp.commands._result_tables import shown

ERAS = {"2026-07-28": "2026-07-28", "2025-11-25": "legacy"}


@dataclass(frozen=True)
class Scene:
    """One turn: what the buyer says, what the assistant calls, what the person answers, what must come of it."""

    buyer: str
    tool: str
    arguments: Mapping[str, Any]
    answer: Mapping[str, Any] | None = None
    ends: str = "read"


STORY = (
    Scene("What have we got on order?", "list_purchase_orders", {"limit": 6}),
    Scene("Show me 42.", "get_purchase_order", {"number": "PO-2025-0042"}),
    Scene(
        "Order 1000 M8 bolts at 45 cents and 1000 nuts at 22 from Acme, to the main warehouse.",
        "create_purchase_order",
        {
            "number": "PO-2025-0043",
            "vendor": "Acme Fasteners",
            "lines": [
                {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.45", "warehouse": "1"},
                {"item": "NUT-M8", "quantity": "1000", "unit_price": "0.22", "warehouse": "1"},
            ],
        },
        ends="done",
    ),
    Scene("Delete the test order, 38.", "delete_purchase_order", {"number": "PO-2025-0038"}, None, "declined"),
    Scene(
        "I looked again: it is the test order. Delete it.",
        "delete_purchase_order",
        {"number": "PO-2025-0038"},
        {"order_number": "PO-2025-0038"},
        "done",
    ),
    Scene(
        "Close 37 and back-order the rest.",
        "finalize_purchase_order",
        {"number": "PO-2025-0037"},
        {"decision": "backorder"},
        "done",
    ),
    Scene("And the backorder?", "get_purchase_order", {"number": "PO-2025-0037-BO1"}),
)


@click.command("demo")
@click.option("--pace", type=click.FloatRange(0, 10), help="Seconds between scenes; 0.8 in a terminal, else 0.")
@click.option("--era", type=click.Choice(list(ERAS)), default="2026-07-28", help="The MCP protocol version to speak.")
def command(pace: float | None, era: str) -> None:
    """Play the whole story in this terminal, against a fresh sandbox."""
    console = Console(highlight=False)
    stage = Stage(console, pace if pace is not None else (0.8 if console.is_terminal else 0.0))
    try:
        anyio.run(play, stage, era)
    except KeyboardInterrupt:
        console.print("\nStopped. The sandbox was in memory only: nothing is left behind.")
        raise SystemExit(130) from None
    raise SystemExit(0 if stage.as_written else 1)


async def play(stage: Stage, era: str) -> None:
    """Start the server, connect to it, and play the scenes."""
    stage.title(era)
    arguments = ["-m", "po_mcp", "--config", os.devnull]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=_sandbox_environment())
    async with Client(server, mode=ERAS[era], elicitation_callback=stage.person_is_asked) as client:
        for scene in STORY:
            stage.opens(scene)
            stage.closes(scene, await client.call_tool(scene.tool, dict(scene.arguments)))
            await anyio.sleep(stage.pace)
    stage.ends()


def _sandbox_environment() -> dict[str, str]:
    """Return the environment without anybody's settings: the demo must never reach a real ERP."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PO_MCP_")}
    return {**kept, "PO_MCP_ERP": "sandbox", "PO_MCP_SANDBOX": ":memory:"}


@dataclass
class Stage:
    """The terminal, and the person at it, whose answers the story holds."""

    console: Console
    pace: float
    as_written: bool = True
    _scene: Scene | None = None
    _asked: int = 0
    _begun: float = field(default_factory=time.monotonic)

    def title(self, era: str) -> None:
        self.console.rule("[bold]po-mcp[/bold] · purchase orders in a chat")
        self.console.print(
            f"A real MCP client (protocol {era}) talks over stdio to a real po-mcp server, which works a fresh "
            "sandbox ERP in memory. Only the buyer, the assistant and the person's answers are a script.\n",
            style="dim",
        )

    def opens(self, scene: Scene) -> None:
        self._scene = scene
        self.console.print(Text.assemble(("Buyer      ", "bold cyan"), scene.buyer))
        call = Text.assemble((f"{scene.tool}(", "bold"), _arguments(scene.arguments), (")", "bold"))
        self.console.print(Text.assemble(("Assistant  ", "bold magenta"), "calls ", call))

    async def person_is_asked(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        """Show the question as a client would, and give the answer that the story has for it."""
        assert isinstance(params, ElicitRequestFormParams)
        assert self._scene is not None
        self._asked += 1
        answer = self._scene.answer
        body = Group(Text(params.message), Text(), *_form(params.requested_schema, answer))
        title = "The person is asked"
        self.console.print(Padding(Panel(body, title=title, title_align="left", border_style="yellow"), (0, 0, 0, 2)))
        await anyio.sleep(self.pace)
        if answer is None:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content=dict(answer))

    def closes(self, scene: Scene, result: CallToolResult) -> None:
        content = result.structured_content or {}
        status = "failed" if result.is_error else str(content.get("status")) if scene.ends != "read" else "read"
        self.as_written = self.as_written and status == scene.ends
        self.console.print(Padding(shown(result), (0, 0, 1, 2)))

    def ends(self) -> None:
        seconds = time.monotonic() - self._begun
        words = "as the story has it" if self.as_written else "NOT as the story has it"
        self.console.rule(f"{len(STORY)} calls, {self._asked} questions, {words}, {seconds:.1f} s")
        self.console.print("Next: connect your assistant. Its name, and how: po-mcp install", style="dim")


def _arguments(arguments: Mapping[str, Any]) -> Text:
    parts = []
    for name, value in arguments.items():
        if isinstance(value, list):
            rows = [", ".join(str(cell) for cell in row.values()) for row in value]
            parts.append(f"{name}=[{'; '.join(rows)}]")
        else:
            parts.append(f"{name}={value}")
    return Text(", ".join(parts))


def _form(schema: Mapping[str, Any], answer: Mapping[str, Any] | None) -> list[Text]:
    if answer is None:
        return [Text("[ Decline ]", style="bold red")]
    rows = []
    for name, asked in schema["properties"].items():
        given = {True: "yes", False: "no"}.get(answer[name], answer[name])
        rows.append(
            Text.assemble(f"{asked['title']}: ", (str(given), "bold green"), (f"   {asked['description']}", "dim"))
        )
    return [*rows, Text("[ Accept ]", style="bold green")]
