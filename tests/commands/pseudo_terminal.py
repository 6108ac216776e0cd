"""po-mcp as people run it: in a terminal where each question is met by its answer, or from a script."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

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
        "COLUMNS": "500",  # a sentence is one line
        **more,
    }


def run_as_script(home: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run po-mcp as a script would, without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "po_mcp", *arguments],
        env=environment(home, **variables),
        capture_output=True,
        text=True,
        check=False,
        input="",
        timeout=120,
    )


def at_terminal(
    arguments: Sequence[str],
    answers: Sequence[str | tuple[str, str]],
    variables: Mapping[str, str],
    program: Sequence[str] = (sys.executable, "-m", "po_mcp"),
    meanwhile: Callable[[], object] = lambda: None,
) -> tuple[int, str]:
    """Run po-mcp in a terminal of its own.

    Args:
        arguments: what follows `po-mcp`.
        answers: (words of the question, what is typed), in the order in which they are asked; what is typed alone
            answers any question. A control character is typed without Enter, and Ctrl-C until it is heeded.
        variables: the whole environment.
        program: how po-mcp is started.
        meanwhile: is done before the first answer.

    Returns:
        the exit status, and what the screen showed.
    """
    process, keyboard = pty.fork()
    if process == 0:
        os.execve(program[0], [*program, *arguments], dict(variables))
    watchdog = threading.Timer(120, os.kill, (process, signal.SIGKILL))
    watchdog.start()
    left = [("", one) if isinstance(one, str) else one for one in answers]
    screen, seen, count, last = b"", 0, len(left), left[-1][1] if left else ""
    while chunk := read_screen(keyboard, last.encode() if not left and last == CTRL_C else b""):
        screen += chunk
        # click writes the blank after a question when it is ready to read; what is typed before that may be lost
        if left and screen.endswith(b": ") and left[0][0].encode() in screen[seen:]:
            if len(left) == count:
                meanwhile()
            seen = len(screen)
            typed = left.pop(0)[1]
            os.write(keyboard, typed.encode() if typed and typed < " " else f"{typed}\r".encode())
    _, status = os.waitpid(process, 0)
    watchdog.cancel()
    os.close(keyboard)
    text = screen.decode(errors="replace").replace("\r\n", "\n")
    # A command that stops early asks no more; only a question that was named must have come.
    assert not any(question for question, _ in left), f"{left[0]} was not asked:\n{text}"
    return os.waitstatus_to_exitcode(status), text


def read_screen(keyboard: int, again: bytes = b"") -> bytes:
    """Read what the screen shows next; type `again` while nothing comes.

    A Ctrl-C between a prompt and the read of its answer is noticed at the next key only, as in any program.
    """
    while again and not select.select([keyboard], [], [], 1)[0]:
        os.write(keyboard, again)
    try:
        return os.read(keyboard, 65536)
    except OSError:  # the terminal is gone when its last process is
        return b""
