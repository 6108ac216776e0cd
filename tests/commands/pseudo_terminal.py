"""A terminal with somebody at it: each question is met by its answer."""

from __future__ import annotations

import os
import pty
import signal
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.commands.test_call import read_screen

CTRL_C = "\x03"
ROOT = Path(__file__).parent.parent.parent


def environment(home: Path, **more: str) -> dict[str, str]:
    """A person's environment in which nothing is set but a home folder."""
    return {
        "HOME": str(home),
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "NO_COLOR": "1",
        "TERM": "dumb",
        **more,
    }


def at_terminal(
    arguments: Sequence[str],
    answers: Sequence[tuple[str, str]],
    variables: Mapping[str, str],
    program: Sequence[str] = (sys.executable, "-m", "po_mcp"),
) -> tuple[int, str]:
    """Run po-mcp in a terminal of its own.

    Args:
        arguments: what follows `po-mcp`.
        answers: (words of the question, what is typed), in the order in which they are asked.
        variables: the whole environment.
        program: how po-mcp is started.

    Returns:
        the exit status, and what the screen showed.
    """
    process, keyboard = pty.fork()
    if process == 0:
        os.execve(program[0], [*program, *arguments], dict(variables))
    watchdog = threading.Timer(120, os.kill, (process, signal.SIGKILL))
    watchdog.start()
    screen, seen, left = b"", 0, list(answers)
    while chunk := read_screen(keyboard, CTRL_C.encode() if not left and answers[-1][1] == CTRL_C else b""):
        screen += chunk
        # click writes the blank after a question when it is ready to read; what is typed before that may be lost
        if left and screen.endswith(b": ") and left[0][0].encode() in screen[seen:]:
            seen = len(screen)
            typed = left.pop(0)[1]
            os.write(keyboard, typed.encode() if typed == CTRL_C else f"{typed}\r".encode())
    _, status = os.waitpid(process, 0)
    watchdog.cancel()
    os.close(keyboard)
    text = screen.decode(errors="replace").replace("\r\n", "\n")
    assert not left, f"{left[0]} was not asked:\n{text}"
    return os.waitstatus_to_exitcode(status), text
