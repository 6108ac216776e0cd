"""`po-mcp demo`: a buyer, an assistant, a person who approves, and a real MCP client and server.

The assistant here is a script, everything else is what production runs: this process is the client,
it starts `python -m po_mcp` and speaks MCP to it over stdio, and the server works a fresh sandbox.
"""

from __future__ import annotations

import os
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.to_thread
import click
from mcp import Client, StdioServerParameters
from mcp.client import ClientRequestContext
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitRequestParams, ElicitResult
from rich.console import Console, Group
from rich.padding import Padding
from rich.panel import Panel
from rich.text import Text

from po_mcp.commands._hosts import is_found, running_program, this_machine
from po_mcp.commands._result_tables import shown
from po_mcp.hosts.known import HOSTS

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
    Scene("What do we have on order?", "list_purchase_orders", {"limit": 6}),
    Scene("Show me order 40.", "get_purchase_order", {"number": "PO-2025-0040"}),
    Scene(
        "Order 1,000 M8 bolts at 0.45 and 1,000 nuts at 0.22 from Acme, to the main warehouse.",
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
    Scene("Delete order 38, it was a test.", "delete_purchase_order", {"number": "PO-2025-0038"}, None, "declined"),
    Scene(
        "I checked, it is the test order. Delete it.",
        "delete_purchase_order",
        {"number": "PO-2025-0038"},
        {"order_number": "PO-2025-0038"},
        "done",
    ),
    Scene(
        "Close order 37 and backorder the rest.",
        "finalize_purchase_order",
        {"number": "PO-2025-0037"},
        {"decision": "backorder"},
        "done",
    ),
    Scene("Show me the backorder.", "get_purchase_order", {"number": "PO-2025-0037-BO1"}),
)


@click.command("demo")
@click.option("--pace", type=click.FloatRange(0, 10), help="Seconds between scenes, in the place of Enter.")
@click.option("--era", type=click.Choice(list(ERAS)), default="2026-07-28", help="MCP protocol version.")
def command(pace: float | None, era: str) -> None:
    """Watch a demo with a sandbox ERP.

    A scripted chat calls the real server. Nothing to set up, nothing is kept. In a terminal it waits for Enter after
    each scene, and at each question.
    """
    console = _Screen(highlight=False)
    # Recorded or piped, nobody presses Enter, and the demo must end by itself.
    waits = pace is None and console.is_terminal and sys.stdin.isatty()
    stage = Stage(console, pace or 0.0, waits=waits)
    try:
        anyio.run(play, stage, era)
    except KeyboardInterrupt:
        console.print("\nStopped. Nothing was kept.")
        console.file.flush()
        os._exit(130)  # at its own end Python would wait for the thread that waits for Enter
    except BaseException as exc:
        if not isinstance(exc, _Gone) and not (isinstance(exc, BaseExceptionGroup) and exc.split(_Gone)[1] is None):
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is still buffered has nowhere to go
        raise SystemExit(0) from None
    raise SystemExit(0 if stage.is_as_expected else 1)


class _Gone(Exception):
    """The reader of the output has left, as `head` does."""


class _Screen(Console):
    def on_broken_pipe(self) -> None:
        """End the demo, and not the process under it."""
        raise _Gone


async def play(stage: Stage, era: str) -> None:
    """Start the server, connect to it, and play the scenes."""
    stage.show_title()
    # -P: else a module of the working directory would go before ours.
    # And with an empty file of settings: else the user's own would be read.
    arguments = ["-P", "-m", "po_mcp", "--config", os.devnull]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=_sandbox_environment())
    async with Client(server, mode=ERAS[era], elicitation_callback=stage.person_is_asked) as client:
        for place, scene in enumerate(STORY, 1):
            stage.open_scene(scene, is_first=place == 1)
            stage.close_scene(scene, await client.call_tool(scene.tool, dict(scene.arguments)))
            if place < len(STORY):
                await stage.wait("go on")
    stage.show_end()


def _sandbox_environment() -> dict[str, str]:
    """Return the environment without anybody's settings: the demo must never reach a real ERP."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PO_MCP_")}
    return {**kept, "PO_MCP_ERP": "sandbox", "PO_MCP_SANDBOX": ":memory:"}


@dataclass
class Stage:
    """The terminal, and the person at it, whose answers the story holds.

    Args:
        console: where it is shown.
        pace: seconds between scenes where nobody presses Enter.
        waits: a person is at the terminal and presses Enter.
    """

    console: Console
    pace: float
    is_as_expected: bool = True
    waits: bool = False
    _scene: Scene | None = None
    _asked: int = 0
    _begun: float = field(default_factory=time.monotonic)

    def show_title(self) -> None:
        """Print what is real here, and what is scripted."""
        self.console.rule("po-mcp demo: purchase orders in a chat")
        self.console.print(
            "A real MCP client and a real po-mcp server with a sandbox ERP, all in memory. "
            "Only the words of the buyer, the assistant and the approver are scripted.\n",
            style="dim",
        )

    def open_scene(self, scene: Scene, *, is_first: bool) -> None:
        """Print what the buyer says, and what the assistant calls."""
        self._scene = scene
        # One scene on the screen at a time: what scrolls away is not read.
        if self.waits and not is_first:
            self.console.clear()
        self.console.print(Text.assemble(("Buyer      ", "bold cyan"), scene.buyer))
        call = Text.assemble((f"{scene.tool}(", "bold"), _arguments(scene.arguments), (")", "bold"))
        self.console.print(Text.assemble(("Assistant  ", "bold magenta"), "calls ", call))

    async def wait(self, what: str) -> None:
        """Wait for Enter, or for the time between scenes."""
        if not self.waits:
            await anyio.sleep(self.pace)
            return
        self.console.print(f"Enter: {what}", style="dim", end="")
        # Abandoned where the call ends before a key is pressed: a thread that reads a terminal cannot be stopped.
        if await anyio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True) == "":
            self.waits = False
            self.console.print()

    async def person_is_asked(self, context: ClientRequestContext, params: ElicitRequestParams) -> ElicitResult:
        """Show the question as a client would, and give the answer that the story has for it."""
        assert isinstance(params, ElicitRequestFormParams)
        assert self._scene is not None
        # The story's answer, not the person's: who watches must not have to know an order's number.
        self._asked += 1
        answer = self._scene.answer
        body = Group(Text(params.message), Text(), *_form(params.requested_schema, answer))
        title = "You would see this form"
        self.console.print(Padding(Panel(body, title=title, title_align="left", border_style="yellow"), (0, 0, 0, 2)))
        await self.wait("decline" if answer is None else "accept")
        if answer is None:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content=dict(answer))

    def close_scene(self, scene: Scene, result: CallToolResult) -> None:
        """Print the result, and note whether it is the one that the story has."""
        content = result.structured_content or {}
        status = "failed" if result.is_error else str(content.get("status")) if scene.ends != "read" else "read"
        self.is_as_expected = self.is_as_expected and status == scene.ends
        self.console.print(Padding(shown(result), (0, 0, 1, 2)))

    def show_end(self) -> None:
        """Print how many calls and questions there were, and what to do next."""
        seconds = "" if self.waits else f" in {time.monotonic() - self._begun:.1f} s"
        self.console.rule(f"{len(STORY)} calls and {self._asked} questions{seconds}")
        if not self.is_as_expected:
            self.console.print("The demo did not run as expected. Please report this with the output above.")
            return
        program = running_program(None)
        start = shlex.join([str(program.command), *program.arguments, "install"])
        self.console.print("Next, connect your assistant:")
        found = [host for host in HOSTS if host.file is not None and is_found(host, this_machine())]
        # In one piece, whatever the width: a command is there to be copied.
        for host in found:
            self.console.print(Text(f"  {start} {host.key}"), soft_wrap=True)
        if not found:
            self.console.print(Text(f"  {start}"), soft_wrap=True)


def _arguments(arguments: Mapping[str, Any]) -> Text:
    parts = []
    for name, value in arguments.items():
        # As a buyer would write it: JSON in a chat is read by nobody.
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
