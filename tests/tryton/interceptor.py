"""A transport that changes calls to Tryton or their answers, loses them, or lets somebody act in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2

Body = dict[str, Any]
Before = Callable[[Body], Body]


class Interceptor(httpx2.AsyncBaseTransport):
    """A transport to Tryton; `methods` are the methods that were called, `tokens` their Authorization headers.

    Args:
        before: gets the body of each call, and returns the one that is sent in its place; the connector meets what it
            raises.
        after: gets the method and the result (None for an error) once the server has answered; it may return another
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
