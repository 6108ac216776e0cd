"""`po-mcp` without a command: MCP over stdin and stdout."""

from __future__ import annotations

import logging
import os
import socket
import sys
from pathlib import Path
from typing import BinaryIO

import anyio
from opentelemetry.trace import ProxyTracerProvider, get_tracer_provider

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings
from po_mcp.garbage import collect_in_server
from po_mcp.tools import is_write_tool
from po_mcp.transports.bounded_stdin import BoundedLines, take_stdin
from po_mcp.transports.signals import handle_signals
from po_mcp.transports.stdio_lines import StdioLines, take_stdout


def serve(settings: Settings, config: Path | None = None) -> None:
    """Serve until stdin closes, the client no longer reads, or SIGINT, SIGTERM or SIGHUP arrives.

    A write in flight is finished first.

    Args:
        settings: the operator's settings.
        config: the settings file that was named on the command line.
    """
    # Before the server is built, which would configure it in the SDK's way.
    logging.basicConfig(stream=sys.stderr, level=settings.log_level, format="%(levelname)s %(name)s: %(message)s")
    if sys.stdin.isatty():
        _greet()
    anyio.run(_serve, settings, config, take_stdin(), take_stdout())


async def _serve(settings: Settings, config: Path | None, stdin: BoundedLines, stdout: BinaryIO) -> None:
    serving = anyio.CancelScope()
    # A client that no longer reads is gone: the end is that of a signal.
    lines = StdioLines(stdin, stdout, is_write_tool, on_gone=serving.cancel)

    def exit_after_signal() -> None:
        # The thread that reads stdin cannot be interrupted: waiting for it would wait for the next line.
        if serving.cancel_called:
            os._exit(0)

    def keep_page(sock: socket.socket) -> None:
        from po_mcp.transports import page_process  # late, for a quick start

        page_process.start(sock, config)

    server = build_server(settings, on_closed=exit_after_signal, keep_page=keep_page)
    collect_in_server()

    async def end() -> None:
        serving.cancel()

    async with handle_signals(end):
        with serving:
            # Over stdio no collector can be named: only who started this program may have set a provider of spans.
            await server.run_on(lines, opens_spans=not isinstance(get_tracer_provider(), ProxyTracerProvider))


def _greet() -> None:
    """Explain to a person who typed the bare command that the server waits for a client."""
    print(  # noqa: T201
        "po-mcp is waiting for an MCP client on stdin. To see it work: po-mcp demo. To stop: Ctrl-C.",
        file=sys.stderr,
    )
