"""Standard input for the SDK's stdio server, with a limit to the length of a line.

The SDK reads a line of any length into memory, several times over: one line of 200 MB took 800 MB.
Here a line that is too long is cut where the limit is, so that it is no JSON and is refused, and the
rest of it is read and forgotten.
"""

from __future__ import annotations

import io
import os
import sys

LONGEST_LINE = 4 * 1024 * 1024
"""Bytes of one message; the SDK's HTTP server has the same limit."""
_CHUNK = 64 * 1024


def install() -> None:
    """Put a bounded reader in the place of `sys.stdin`, and the null device in that of descriptor 0.

    A child process or a library that reads standard input then finds its end, and not our messages.
    """
    wire = os.dup(sys.stdin.fileno())
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, sys.stdin.fileno())
    os.close(null)
    sys.stdin = io.TextIOWrapper(io.BufferedReader(BoundedLines(wire), _CHUNK), encoding="utf-8", errors="replace")


class BoundedLines(io.RawIOBase):
    """The bytes of a descriptor, of every line at most `longest` and its end."""

    def __init__(self, descriptor: int, longest: int = LONGEST_LINE) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._longest = longest
        self._length = 0  # of the line under way

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read once; what a line has too much is left out, so a read may be of nothing but that."""
        while chunk := os.read(self._descriptor, len(buffer)):
            kept = self._bounded(chunk)
            if kept:
                buffer[: len(kept)] = kept
                return len(kept)
        return 0

    def _bounded(self, chunk: bytes) -> bytes:
        kept = bytearray()
        for part in chunk.splitlines(keepends=True):
            room = max(0, self._longest - self._length)
            ends = part.endswith(b"\n")
            kept += part[:room] if not ends or len(part) <= room else part[:room] + b"\n"
            self._length = 0 if ends else self._length + len(part)
        return bytes(kept)
