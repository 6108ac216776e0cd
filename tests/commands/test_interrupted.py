"""Ctrl-C in the instant before a prompt: the prompt is not read first."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from po_mcp.commands._interrupted import plain_signals
from tests.commands.pseudo_terminal import environment

PRESSED_BEFORE = """
import os, signal, sys, anyio
from rich.console import Console
from po_mcp.commands._interrupted import Interruptions, plain_signals

async def main():
    calling = anyio.CancelScope()
    async with anyio.create_task_group() as tasks:
        await tasks.start(Interruptions(Console(), lambda: ("", 0)).watch, calling)
        os.kill(os.getpid(), signal.SIGINT)
        try:
            with plain_signals():
                print("prompted")
        except KeyboardInterrupt:
            print("stopped")
        tasks.cancel_scope.cancel()

anyio.run(main)
"""


def test_a_call_heeds_it(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PRESSED_BEFORE],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert "stopped" in ended.stdout, ended
    assert "prompted" not in ended.stdout


def test_a_command_in_an_event_loop_heeds_it() -> None:
    # Who started the tests may have had it ignored, and asyncio takes it over only where it is not.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    heeded = []

    async def prompt() -> None:
        os.kill(os.getpid(), signal.SIGINT)
        try:
            with plain_signals():
                heeded.append(False)
        except KeyboardInterrupt:
            heeded.append(True)

    with pytest.raises(KeyboardInterrupt), asyncio.Runner() as runner:
        runner.run(prompt())

    assert heeded == [True]
