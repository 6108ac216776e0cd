"""What can happen between the connector and the server: calls are changed, answers lost, and somebody is quicker."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2

Body = dict[str, Any]
Before = Callable[[Body], Body]


class Between(httpx2.AsyncBaseTransport):
    """Stands between the connector and the network.

    Args:
        before: gets each call and returns what the server gets in its place; what it raises, the connector meets.
        after: gets the method and the result (None for an error) once the server answered; it may return another
            answer, or raise.
    """

    def __init__(
        self, *, before: Before = lambda body: body, after: Callable[[str, Any], Any] = lambda method, result: None
    ) -> None:
        self._network = httpx2.AsyncHTTPTransport()
        self._before = before
        self._after = after
        self.methods: list[str] = []
        self.tokens: list[str] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        asked = json.loads(await request.aread())
        self.methods.append(asked["method"])
        self.tokens.append(request.headers.get("authorization", ""))
        body = json.dumps(self._before(asked)).encode()
        length = {"content-length": str(len(body))}
        passed_on = httpx2.Request(
            request.method,
            request.url,
            headers={**request.headers, **length},
            content=body,
            extensions=request.extensions,
        )
        answer = await self._network.handle_async_request(passed_on)
        await answer.aread()
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        result = json.loads(answer.content).get("result") if is_json else None
        instead = self._after(asked["method"], result) or answer
        headers = {key: value for key, value in instead.headers.items() if key != "content-encoding"}
        return httpx2.Response(instead.status_code, headers=headers, stream=httpx2.ByteStream(instead.content))

    async def aclose(self) -> None:
        await self._network.aclose()
