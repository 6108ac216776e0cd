"""Descriptors that the system can wait for, so that no thread need wait for them."""

from __future__ import annotations

import os
import select
import socket
import stat
import sys
from typing import BinaryIO


def can_wait_for(descriptor: int) -> bool:
    """Tell whether the event loop can wait until there is something to read: in pipes and sockets, not on Windows."""
    return _is_pipe(descriptor) or _is_socket(descriptor)


def write_at_once(file: BinaryIO, content: bytes) -> memoryview:
    """Write as much as the file takes without waiting; return what is left.

    Raises:
        OSError: nobody reads it any more.
    """
    left = memoryview(content)
    try:
        descriptor = file.fileno()
    except (OSError, ValueError):  # it is in memory
        return left
    if _is_socket(descriptor):
        return _send_at_once(descriptor, left)
    return _fill_pipe(descriptor, left) if _is_pipe(descriptor) else left


def _send_at_once(descriptor: int, left: memoryview) -> memoryview:
    # A duplicate, whose end is not that of the descriptor.
    with socket.socket(fileno=os.dup(descriptor)) as end:
        try:
            # For this call alone: a socket that is set not to block is so for whoever shares it, too.
            return left[end.send(left, socket.MSG_DONTWAIT) :]
        except BlockingIOError:
            return left


def _fill_pipe(descriptor: int, left: memoryview) -> memoryview:
    ready = select.poll()
    ready.register(descriptor, select.POLLOUT)
    # A pipe that is ready takes so many bytes and never blocks (POSIX, write()).
    while left and ready.poll(0):
        left = left[os.write(descriptor, left[: select.PIPE_BUF]) :]
    return left


def _is_pipe(descriptor: int) -> bool:
    return sys.platform != "win32" and stat.S_ISFIFO(os.fstat(descriptor).st_mode)


def _is_socket(descriptor: int) -> bool:
    return sys.platform != "win32" and stat.S_ISSOCK(os.fstat(descriptor).st_mode)
