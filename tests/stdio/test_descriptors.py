"""What is written at once, and what waits for a thread: pipes and sockets as they are, full, closed, or a file."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO, cast

import anyio
import anyio.from_thread
import anyio.lowlevel
import anyio.to_thread
import pytest

from po_mcp.transports.bounded_stdin import BoundedLines
from po_mcp.transports.descriptors import Readiness, can_wait_for, writer_at_once
from po_mcp.transports.stdio_lines import StdioLines


def end_of(descriptor: int) -> BinaryIO:
    return os.fdopen(descriptor, "wb", closefd=True)


def test_a_pipe_takes_a_long_message_at_once_as_far_as_it_has_room() -> None:
    reader, writer = os.pipe()
    content = os.urandom(1_000_000)
    with end_of(writer) as out:
        left = writer_at_once(out)(content)
        taken = os.read(reader, len(content))
    os.close(reader)

    assert 4096 <= len(taken) < len(content)
    assert taken + bytes(left) == content


def test_a_full_pipe_takes_nothing_and_keeps_nobody_waiting() -> None:
    reader, writer = os.pipe()
    with end_of(writer) as out:
        while not writer_at_once(out)(b"x" * 4096):
            pass
        assert len(writer_at_once(out)(b"y" * 100)) == 100
    os.close(reader)


def test_a_socket_takes_what_it_has_room_for_and_keeps_nobody_waiting() -> None:
    ours, peer = socket.socketpair()
    content = b"x" * 10_000_000
    with ours, peer, os.fdopen(os.dup(ours.fileno()), "wb") as out:
        left = writer_at_once(out)(content)
        assert 0 < len(left) < len(content)
        assert ours.getblocking()
        assert len(writer_at_once(out)(b"y")) == 1


@pytest.mark.parametrize("is_socket", [False, True])
def test_a_pipe_without_a_reader_is_an_error(is_socket: bool) -> None:
    reader, writer = os.pipe() if not is_socket else (one.detach() for one in socket.socketpair())
    os.close(reader)
    with end_of(writer) as out, pytest.raises(OSError, match="Broken pipe"):
        writer_at_once(out)(b"x")


def test_files_are_left_to_a_thread(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        assert not can_wait_for(file.fileno())
        assert bytes(writer_at_once(file)(b"x")) == b"x"
    assert bytes(writer_at_once(cast(BinaryIO, BytesIO()))(b"x")) == b"x"


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


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


class Calls:
    """The registrations of a reader with the event loop."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.made = Counter[str]()
        loop = asyncio.get_running_loop()
        for name in ("add_reader", "remove_reader"):
            patch.setattr(loop, name, partial(self._call, name, getattr(loop, name)))

    def _call(self, name: str, call: Callable[..., Any], *given: Any) -> Any:
        self.made[name] += 1
        return call(*given)


async def test_a_reader_stays_registered_from_one_line_to_the_next(
    pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls, read = Calls(monkeypatch), list[bytes]()
    ready = Readiness(pipe[0], lambda: read.append(os.read(pipe[0], 100)))
    for line in (b"one", b"two", b"three"):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ready.wait)
            await anyio.lowlevel.checkpoint()
            os.write(pipe[1], line)
    assert calls.made == {"add_reader": 1}
    ready.close()
    ready.close()

    assert read == [b"one", b"two", b"three"]
    assert calls.made == {"add_reader": 1, "remove_reader": 1}


async def test_what_arrives_while_nobody_waits_is_left_where_it_is(pipe: tuple[int, int]) -> None:
    read = list[bytes]()
    ready = Readiness(pipe[0], lambda: read.append(os.read(pipe[0], 3)))
    os.write(pipe[1], b"oneTWO333")
    await ready.wait()
    for _ in range(5):
        await anyio.lowlevel.checkpoint()
    assert read == [b"one"]

    await ready.wait()
    ready.close()
    for _ in range(5):
        await anyio.lowlevel.checkpoint()

    assert read == [b"one", b"TWO"]
    assert os.read(pipe[0], 100) == b"333"


async def test_what_cannot_be_read_is_an_error_of_the_one_who_waits(pipe: tuple[int, int]) -> None:
    def fail() -> None:
        raise OSError("gone")

    ready = Readiness(pipe[0], fail)
    os.write(pipe[1], b"x")
    with pytest.raises(OSError, match="gone"):
        await ready.wait()
    ready.close()


async def test_an_answer_is_written_by_a_call_that_was_cancelled_meanwhile(pipe: tuple[int, int]) -> None:
    with end_of(os.dup(pipe[1])) as out:
        lines = StdioLines(BoundedLines(pipe[0]), out, lambda tool: False)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await lines.write("{}")

    assert os.read(pipe[0], 100) == b"{}\n"
