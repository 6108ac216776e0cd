"""What is written at once, and what waits for a thread: pipes and sockets as they are, full, closed, or a file."""

from __future__ import annotations

import os
import socket
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, cast

import anyio
import anyio.from_thread
import anyio.to_thread
import pytest

from po_mcp.transports.bounded_stdin import BoundedLines
from po_mcp.transports.descriptors import can_wait_for, write_at_once
from po_mcp.transports.stdio_lines import StdioLines


def end_of(descriptor: int) -> BinaryIO:
    return os.fdopen(descriptor, "wb", closefd=True)


def test_a_pipe_takes_a_long_message_at_once_as_far_as_it_has_room() -> None:
    reader, writer = os.pipe()
    content = os.urandom(1_000_000)
    with end_of(writer) as out:
        left = write_at_once(out, content)
        taken = os.read(reader, len(content))
    os.close(reader)

    assert 4096 <= len(taken) < len(content)
    assert taken + bytes(left) == content


def test_a_full_pipe_takes_nothing_and_keeps_nobody_waiting() -> None:
    reader, writer = os.pipe()
    with end_of(writer) as out:
        while not write_at_once(out, b"x" * 4096):
            pass
        assert len(write_at_once(out, b"y" * 100)) == 100
    os.close(reader)


def test_a_socket_takes_what_it_has_room_for_and_keeps_nobody_waiting() -> None:
    ours, peer = socket.socketpair()
    content = b"x" * 10_000_000
    with ours, peer, os.fdopen(os.dup(ours.fileno()), "wb") as out:
        left = write_at_once(out, content)
        assert 0 < len(left) < len(content)
        assert ours.getblocking()
        assert len(write_at_once(out, b"y")) == 1


@pytest.mark.parametrize("is_socket", [False, True])
def test_a_pipe_without_a_reader_is_an_error(is_socket: bool) -> None:
    reader, writer = os.pipe() if not is_socket else (one.detach() for one in socket.socketpair())
    os.close(reader)
    with end_of(writer) as out, pytest.raises(OSError, match="Broken pipe"):
        write_at_once(out, b"x")


def test_files_are_left_to_a_thread(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        assert not can_wait_for(file.fileno())
        assert bytes(write_at_once(file, b"x")) == b"x"
    assert bytes(write_at_once(cast(BinaryIO, BytesIO()), b"x")) == b"x"


async def test_a_message_that_is_longer_than_the_pipe_arrives_whole_after_a_cancel() -> None:
    """A cancelled call must not leave half of a line: the next one would be unreadable."""
    reader, writer = os.pipe()
    source, _ = os.pipe()
    text = "x" * 1_000_000
    arrived = b""

    def read_all(scope: anyio.CancelScope) -> None:
        nonlocal arrived
        while len(arrived) < len(text) + 1:
            arrived += os.read(reader, 65536)
            anyio.from_thread.run_sync(scope.cancel)

    with end_of(writer) as out:
        lines = StdioLines(BoundedLines(source), out, lambda tool: False)
        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as scope:
                tasks.start_soon(anyio.to_thread.run_sync, read_all, scope)
                await lines.write(text)
                await anyio.sleep_forever()
    os.close(reader)

    assert arrived == text.encode() + b"\n"
