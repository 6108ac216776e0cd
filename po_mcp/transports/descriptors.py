"""Descriptors that the system can wait for, so that no thread need wait for them."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import stat
import sys
from collections.abc import Callable
from functools import partial
from typing import BinaryIO


def can_wait_for(descriptor: int) -> bool:
    """Tell whether the event loop can wait until there is something to read: in pipes and sockets, not on Windows."""
    return _is_pipe(descriptor) or _is_socket(descriptor)


WriteAtOnce = Callable[[bytes], memoryview]
"""Writes as much as there is room for without waiting, and returns what is left; an OSError says that nobody reads."""


def writer_at_once(file: BinaryIO) -> WriteAtOnce:
    """Return what writes to a file without waiting: to a pipe or a socket; of any other file all is left."""
    try:
        descriptor = file.fileno()
    except (OSError, ValueError):  # it is in memory
        return memoryview
    if _is_socket(descriptor):
        return partial(_send_at_once, descriptor)
    if not _is_pipe(descriptor):
        return memoryview
    room = select.poll()
    room.register(descriptor, select.POLLOUT)
    return partial(_fill_pipe, descriptor, room)


def _send_at_once(descriptor: int, content: bytes) -> memoryview:
    left = memoryview(content)
    # A duplicate, whose end is not that of the descriptor.
    with socket.socket(fileno=os.dup(descriptor)) as end:
        try:
            # For this call alone: a socket that is set not to block is so for whoever shares it, too.
            return left[end.send(left, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            return left


def _fill_pipe(descriptor: int, room: select.poll, content: bytes) -> memoryview:
    left = memoryview(content)
    # A pipe that is ready takes so many bytes and never blocks (POSIX, write()).
    while left and room.poll(0):
        left = left[os.write(descriptor, left[: select.PIPE_BUF]) :]
    return left


class Readiness:
    """Reads what arrives at a descriptor once it is there, while somebody waits for it.

    It stays registered with the event loop from one wait to the next: each registration is a call of the system.

    Args:
        descriptor: of a pipe or a socket.
        read: reads what has arrived.
    """

    def __init__(self, descriptor: int, read: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._read = read
        self._waits: asyncio.Future[None] | None = None
        self._is_registered = False

    async def wait(self) -> None:
        """Wait until something was read."""
        loop = asyncio.get_running_loop()
        if not self._is_registered:
            loop.add_reader(self._descriptor, self._take)
            self._is_registered = True
        self._waits = loop.create_future()
        try:
            await self._waits
        finally:
            self._waits = None

    def close(self) -> None:
        """Read no more."""
        if self._is_registered:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            self._is_registered = False

    def _take(self) -> None:
        """Read, where it is waited for: what is not stays where it is, so that a client that sends on and on waits."""
        if self._waits is None or self._waits.done():
            self.close()
            return
        try:
            self._read()
        except OSError as error:
            self._waits.set_exception(error)
        else:
            self._waits.set_result(None)


def _is_pipe(descriptor: int) -> bool:
    return sys.platform != "win32" and stat.S_ISFIFO(os.fstat(descriptor).st_mode)


def _is_socket(descriptor: int) -> bool:
    return sys.platform != "win32" and stat.S_ISSOCK(os.fstat(descriptor).st_mode)
