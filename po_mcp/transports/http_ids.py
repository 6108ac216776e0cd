"""Ids of the requests of a session over HTTP: before the SDK sees a request, it gets an id that no other has.

The SDK hands an answer to the request that had its id last. A client must not use an id twice, but some do: one sends
every request with the id 1 (https://github.com/modelcontextprotocol/python-sdk/issues/3060), another repeats a request
whose connection broke. One of two such requests would get the other's answer, or none.
"""

from __future__ import annotations

import json
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from mcp.types import JSONRPCNotification, JSONRPCRequest, RequestId
from pydantic_core import from_json, to_json
from starlette.types import Message, Send

from po_mcp.transports.messages import ParsedMessage

_MAX_KEPT = 4096
"""Requests of all sessions whose answer nobody waited for; of one beyond them a client cannot cancel the call."""


@dataclass(frozen=True)
class GivenId:
    """An id that stands in the place of a client's own; random, so that it stands nowhere else in an answer."""

    text: str
    session: str
    own: RequestId

    @property
    def key(self) -> tuple[str, str]:
        """Return what a client can name the request by; as text, since the SDK takes 1 and "1" for the same."""
        return self.session, str(self.own)


class UniqueIds:
    """The ids that requests were given."""

    def __init__(self) -> None:
        self._latest: OrderedDict[tuple[str, str], GivenId] = OrderedDict()

    def give(self, session: str, request: JSONRPCRequest) -> GivenId:
        """Return an id for a request of a session."""
        given = GivenId(secrets.token_hex(16), session, request.id)
        self._latest[given.key] = given
        self._latest.move_to_end(given.key)
        if len(self._latest) > _MAX_KEPT:
            self._latest.popitem(last=False)
        return given

    def replace_own(self, given: GivenId, read: ParsedMessage) -> str:
        """Return the text of a request with the id that it was given."""
        return _write({**from_json(read.text), "id": given.text})

    def replace_cancelled(self, session: str, read: ParsedMessage) -> str:
        """Return the text of a message; one that cancels a request names the last that was sent under its id."""
        message = read.message
        if not isinstance(message, JSONRPCNotification) or message.method != "notifications/cancelled":
            return read.text
        params = message.params or {}
        given = self._latest.get((session, str(params.get("requestId"))))
        if given is None:
            return read.text
        return _write({**from_json(read.text), "params": {**params, "requestId": given.text}})

    def restore_own(self, given: GivenId, send: Send) -> Send:
        """Return what sends the answer to a request with the client's own id."""
        ours, own = (f'"id":{json.dumps(one)}'.encode() for one in (given.text, given.own))

        async def send_with_own(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": message.get("body", b"").replace(ours, own)}
                # A client that left before the end may still cancel what it asked for.
                if not message.get("more_body", False) and self._latest.get(given.key) is given:
                    del self._latest[given.key]
            await send(message)

        return send_with_own


def _write(value: dict[str, Any]) -> str:
    # As the SDK reads it: NaN, and a number of any length, stay what they are, and are refused where they do not fit.
    return to_json(value, inf_nan_mode="constants").decode()
