"""Processes that begin at the same moment: each prints `ready`, and waits for a line."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Sequence


def race(program: str, each: Iterable[Sequence[str]]) -> list[str]:
    """Run a program once for each row of arguments, all of them begun together; return what each printed then."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for arguments in each
    ]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    return [racer.communicate(timeout=120)[0] for racer in racers]
