"""A terminal for tests: a command of po-mcp in a pseudo-terminal, and one answer to each of its prompts."""

from __future__ import annotations

import os
import pty
import signal
import sys
import threading
from collections.abc import Callable, Mapping, Sequence

from tests.commands.test_call import read_screen


def run_in_terminal(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    answers: Sequence[str],
    meanwhile: Callable[[], object] = lambda: None,
) -> tuple[int, str]:
    """Run po-mcp in a terminal of its own; return its status, and what the screen showed on one line.

    Args:
        arguments: of the command line.
        environment: the process's whole environment.
        answers: one for each prompt, without the Enter; a control character alone is typed until it is heeded.
        meanwhile: is done before the first answer.
    """
    process, keyboard = pty.fork()
    if process == 0:
        shown = {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "120"}
        os.execve(sys.executable, [sys.executable, "-m", "po_mcp", *arguments], {**environment, **shown})
    watchdog = threading.Timer(120, os.kill, (process, signal.SIGKILL))
    watchdog.start()
    screen, left = b"", list(answers)
    while chunk := read_screen(keyboard, b"\x03" if not left and answers[-1:] == ["\x03"] else b""):
        screen += chunk
        if left and screen.rstrip(b" ").endswith(b":"):
            if len(left) == len(answers):
                meanwhile()
            answer = left.pop(0)
            os.write(keyboard, answer.encode() if answer < " " and answer else f"{answer}\n".encode())
    _, status = os.waitpid(process, 0)
    watchdog.cancel()
    os.close(keyboard)
    return os.waitstatus_to_exitcode(status), " ".join(screen.decode(errors="replace").split())
