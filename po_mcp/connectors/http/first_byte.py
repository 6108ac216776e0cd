"""How far a write has come: only what may have left leaves its outcome unknown.

httpcore2 awaits the trace of a request at each step, also right before the first byte, and abandons the request where
the trace raises (https://github.com/pydantic/httpcore2, _trace.py). An error's type alone does not tell: a proxy that
closes the connection without opening the tunnel looks like an ERP that closes it without an answer.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import anyio

from po_mcp.erp import BeforeSend

_CONNECT = b"CONNECT"


class FirstByte:
    """The trace of one write, which calls `before_send` right before its first byte.

    Attributes:
        is_ahead: it is certain that no byte of the write was sent. Not known of a transport that tells no steps.
        is_at_proxy: a proxy was asked for a tunnel, and has not opened it yet.
        is_connected: what is asked first, which is a proxy where there is one, has taken the connection.
        time_for_tunnel: what is within it ends where a proxy takes longer than `tunnel_timeout` seconds for a tunnel.
    """

    def __init__(self, before_send: BeforeSend) -> None:
        self._before_send = before_send
        self._is_begun = False
        self.is_ahead = False
        self.is_at_proxy = False
        self.is_connected = False
        self.time_for_tunnel: anyio.CancelScope | None = None
        self.tunnel_timeout = math.inf

    async def __call__(self, step: str, info: Mapping[str, Any]) -> None:
        """Take note of a step; raise what `before_send` raises."""
        if self._is_begun:
            return
        self.is_ahead = True
        self.is_connected = self.is_connected or step.endswith(".connect_tcp.complete")
        begins_request = step.endswith(".send_request_headers.started")
        # The tunnel is asked for by a request of its own, which names no more than the ERP's host.
        asks_for_tunnel = begins_request and info["request"].method == _CONNECT
        self.is_at_proxy = (asks_for_tunnel or self.is_at_proxy) and not step.endswith(".start_tls.started")
        if self.time_for_tunnel is not None and asks_for_tunnel:
            self.time_for_tunnel.deadline = anyio.current_time() + self.tunnel_timeout
        elif self.time_for_tunnel is not None and not self.is_at_proxy:
            self.time_for_tunnel.deadline = math.inf
        if begins_request and not asks_for_tunnel:
            self._before_send()
            self._is_begun, self.is_ahead = True, False
