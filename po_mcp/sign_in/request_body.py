"""The body of an HTTP request, for those who look into it before the application reads it."""

from __future__ import annotations

from starlette.types import Message, Receive


class RequestBody:
    """A body that is read here and once more by the application, to which `replay` gives it.

    Args:
        receive: where the messages of the request come from.
        max_bytes: a longer body is not read to its end.
    """

    def __init__(self, receive: Receive, max_bytes: int) -> None:
        self._receive = receive
        self._max_bytes = max_bytes
        self._messages: list[Message] = []
        self.is_cut_off = False
        """Whether the client left before the end of its request."""
        self.is_too_long = False
        """Whether the body is longer than the limit."""

    async def read(self) -> bytes:
        """Return the body; nothing of one that is longer than the limit."""
        body = bytearray()
        while len(body) <= self._max_bytes:
            message = await self._receive()
            self._messages.append(message)
            self.is_cut_off = message["type"] == "http.disconnect"
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        self.is_too_long = len(body) > self._max_bytes
        return b"" if self.is_too_long else bytes(body)

    def replace(self, body: bytes) -> None:
        """Let the application read another body, of a request that was read to its end."""
        self._messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay(self) -> Message:
        """Return what was read, then what follows."""
        return self._messages.pop(0) if self._messages else await self._receive()
