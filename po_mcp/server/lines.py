"""One client over lines of JSON-RPC, as the streams that the SDK reads and writes.

The SDK's own streams hand each message to a task, parse its text once more, and hand it on: here it is read and
written where it is.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Iterable
from types import TracebackType
from typing import Protocol, Self

import anyio
from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCMessage


class LineTransport(Protocol):
    """Messages of one client: iterating yields those that arrive, and `write` sends one."""

    def __aiter__(self) -> AsyncIterator[JSONRPCMessage]:
        """Yield the messages that arrive, until the client has ended."""

    async def write(self, text: str) -> None:
        """Write the JSON of one message, which has no newline."""


class _Stream:
    """What both directions have in common."""

    def __init__(self) -> None:
        self._is_closed = False

    async def aclose(self) -> None:
        self._is_closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


class Arriving(_Stream):
    """The client's messages: those that were read to see who is there, and those that follow."""

    def __init__(self, held: Iterable[JSONRPCMessage], messages: AsyncIterator[JSONRPCMessage]) -> None:
        super().__init__()
        self._held = deque(held)
        self._messages = messages

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> SessionMessage:
        return SessionMessage(self._held.popleft() if self._held else await anext(self._messages))

    async def receive(self) -> SessionMessage:
        """Return the next message.

        Raises:
            anyio.EndOfStream: the client has ended.
        """
        try:
            return await anext(self)
        except StopAsyncIteration:
            raise anyio.EndOfStream from None


class Leaving(_Stream):
    """The server's messages."""

    def __init__(self, wire: LineTransport) -> None:
        super().__init__()
        self._wire = wire

    async def send(self, item: SessionMessage) -> None:
        """Write a message.

        Raises:
            anyio.ClosedResourceError: the stream was closed.
        """
        if self._is_closed:
            raise anyio.ClosedResourceError
        # As the SDK's own stream writes it: null stays where it was set.
        await self._wire.write(item.message.model_dump_json(by_alias=True, exclude_unset=True))
