"""Batches over HTTP (2025-03-26): one stream with the responses to all messages, each as soon as it is ready.

https://modelcontextprotocol.io/specification/2025-03-26/basic/transports#sending-messages-to-the-server
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import anyio
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

AnswerMessage = Callable[[Any, Scope, Receive, Send], Coroutine[Any, Any, None]]
"""Answers one message as if it were a request of its own."""
_JSON, _STREAM = b"application/json", b"text/event-stream"


async def answer_batch(
    answer: AnswerMessage, messages: Sequence[Any], scope: Scope, receive: Receive, send: Send
) -> None:
    """Answer all messages of a batch at the same time; 202 if none of them has a response.

    Args:
        answer: answers one message.
        messages: the messages of the batch.
        scope: the request that brought them.
        receive: tells when the client has left.
        send: takes the answer.
    """
    answers, is_gone = _Answers(send), anyio.Event()

    async def wait_until_gone() -> Message:
        await is_gone.wait()
        return {"type": "http.disconnect"}

    async def watch_client() -> None:
        # Read once for all messages: each would take from the others what it reads.
        while (await receive())["type"] != "http.disconnect":
            pass
        is_gone.set()

    async with anyio.create_task_group() as watch:
        watch.start_soon(watch_client)
        async with anyio.create_task_group() as tasks:
            for message in messages:
                tasks.start_soon(answer, message, scope, wait_until_gone, _Answer(answers).send)
        watch.cancel_scope.cancel()
    await answers.end(scope, receive)


class _Answers:
    """The answers to a batch: a stream of events, or what refuses it, if nothing else comes."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._sending = anyio.Lock()
        self._is_begun = False
        self.refusals: list[tuple[int, bytes, bytes]] = []
        """Status, media type and body of the answers that are no stream."""

    async def stream(self, event: bytes) -> None:
        """Send an event, or several, of one message's stream."""
        # An event goes out whole: two in one another could not be told apart.
        async with self._sending:
            if not self._is_begun:
                self._is_begun = True
                headers = [(b"content-type", _STREAM), (b"cache-control", b"no-cache, no-transform")]
                await self._send({"type": "http.response.start", "status": 200, "headers": headers})
            await self._send({"type": "http.response.body", "body": event, "more_body": True})

    async def end(self, scope: Scope, receive: Receive) -> None:
        """Send what refuses messages, and end the answer."""
        refusals = [body for _, media_type, body in self.refusals if media_type == _JSON]
        if self._is_begun:
            for body in refusals:
                # The status has gone out as 200: what refuses one message is an event among the others.
                await self.stream(b"event: message\r\ndata: " + body + b"\r\n\r\n")
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})
            return
        status, media_type, body = self.refusals[0] if self.refusals else (202, _JSON, b"")
        if self.refusals and media_type == _JSON:
            body = b"[" + b",".join(refusals) + b"]"
        await Response(body, status, media_type=media_type.decode())(scope, receive, self._send)


class _Answer:
    """Takes the answer to one message of a batch."""

    def __init__(self, answers: _Answers) -> None:
        self._answers = answers
        self._status = 0
        self._media_type = b""
        self._body = b""

    async def send(self, message: Message) -> None:
        """Take a message of the ASGI application."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            media_types = [value for name, value in message["headers"] if name.lower() == b"content-type"]
            self._media_type = media_types[0].partition(b";")[0] if media_types else b""
        elif self._media_type == _STREAM:
            if message.get("body"):
                await self._answers.stream(message["body"])
        else:
            self._body += message.get("body", b"")
            if not message.get("more_body", False) and self._body:
                self._answers.refusals.append((self._status, self._media_type, self._body))
