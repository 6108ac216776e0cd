"""`po-mcp` without a command: MCP over stdin and stdout."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys

import anyio
from anyio.abc import TaskStatus

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.tools import REGISTRY
from po_mcp.transports.bounded_stdin import take_stdin
from po_mcp.transports.stdio_lines import StdioWire, take_stdout


def serve(settings: Settings) -> None:
    """Serve until stdin closes, or SIGINT or SIGTERM comes; a write under way is finished first."""
    logging.basicConfig(stream=sys.stderr, level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    if sys.stdin.isatty():
        _greet()
    wire = StdioWire(take_stdin(), take_stdout(), _writes)
    anyio.run(_serve, settings, wire)


def _writes(tool: str) -> bool:
    return any(registered.name == tool and not registered.read_only for registered in REGISTRY)


async def _serve(settings: Settings, wire: StdioWire) -> None:
    serving = anyio.CancelScope()

    def leave_now() -> None:
        # The thread that reads stdin cannot be interrupted: waiting for it would wait for the next line.
        if serving.cancel_called:
            os._exit(0)

    server = build_server(settings, on_closed=leave_now)
    gc.freeze()
    gc.enable()
    async with anyio.create_task_group() as tasks:
        if sys.platform != "win32":  # where asyncio has no signal handlers, Ctrl-C ends it as it does any program
            await tasks.start(_end_on_signal, serving)
        with serving:
            await server.run_on(wire)
        tasks.cancel_scope.cancel()


async def _end_on_signal(serving: anyio.CancelScope, *, task_status: TaskStatus[None]) -> None:
    """End serving at the first signal, and stay: one that is not received would end the process there and then."""
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        task_status.started()
        async for _ in signals:  # a second one changes nothing: what is under way is being recorded
            serving.cancel()


def _greet() -> None:
    """Tell a person who typed the bare command what is waiting for what."""
    print(  # noqa: T201
        "po-mcp speaks MCP on stdin and waits for a client. To see it work: po-mcp demo. To end: Ctrl-C.",
        file=sys.stderr,
    )
