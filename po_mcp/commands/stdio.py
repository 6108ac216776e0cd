"""`po-mcp` without a command: MCP over stdin and stdout."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys

import anyio

from po_mcp.commands import _bounded_stdin
from po_mcp.config import Settings
from po_mcp.server import build_server


def serve(settings: Settings) -> None:
    """Serve until stdin closes, or SIGINT or SIGTERM comes; a write under way is finished first."""
    logging.basicConfig(stream=sys.stderr, level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    if sys.stdin.isatty():
        _greet()
    _bounded_stdin.install()
    anyio.run(_serve, settings)


async def _serve(settings: Settings) -> None:
    stopped_by_signal = False

    def leave_now() -> None:
        # The thread that reads stdin cannot be interrupted: waiting for it would wait for the next line.
        if stopped_by_signal:
            os._exit(0)

    server = build_server(settings, on_closed=leave_now)
    gc.freeze()
    gc.enable()

    async def stop_on_signal() -> None:
        nonlocal stopped_by_signal
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            async for _ in signals:
                stopped_by_signal = True
                tasks.cancel_scope.cancel()
                return

    async with anyio.create_task_group() as tasks:
        if sys.platform != "win32":  # where asyncio has no signal handlers, Ctrl-C ends it as it does any program
            tasks.start_soon(stop_on_signal)
        await server.run_stdio_async()
        tasks.cancel_scope.cancel()


def _greet() -> None:
    """Tell a person who typed the bare command what is waiting for what."""
    print(  # noqa: T201
        "po-mcp speaks MCP on stdin and waits for a client. To see it work: po-mcp demo. To end: Ctrl-C.",
        file=sys.stderr,
    )
