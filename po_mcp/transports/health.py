"""What a balancer asks: whether this process lives, and whether it can work now. Each answer is a word."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable

import anyio
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from po_mcp.erp import ERP
from po_mcp.errors import PurchaseOrderError
from po_mcp.writes.journal import Journal

logger = logging.getLogger(__name__)

HEALTH_PATH, READY_PATH = "/healthz", "/readyz"
FRESH_S = 10.0
"""Seconds for which a finding counts: everybody who can connect may ask, and the ERP must not be asked each time."""
CHECK_TIMEOUT_S = 5.0


class Health:
    """The answers at /healthz and /readyz.

    Args:
        journal: the record without which nothing is written.
        erp: the ERP; it is asked for a page of one order.
        is_ending: whether this server takes no new requests any more.
        clock: monotonic seconds.
    """

    def __init__(
        self, journal: Journal, erp: ERP, is_ending: Callable[[], bool], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._journal = journal
        self._erp = erp
        self._is_ending = is_ending
        self._clock = clock
        self._checking = anyio.Lock()
        self._checked_at = -math.inf
        self._is_able = False

    async def live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer that the process lives."""
        await PlainTextResponse("ok")(scope, receive, send)

    async def ready(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 200 if the journal and the ERP can be reached and this server goes on, else 503."""
        await (await self._state())(scope, receive, send)

    async def _state(self) -> Response:
        if self._is_ending():
            return PlainTextResponse("ending", 503)
        # One at a time: who comes meanwhile takes what is found, and the ERP is asked once.
        async with self._checking:
            if self._clock() - self._checked_at >= FRESH_S:
                self._is_able = await self._check()
                self._checked_at = self._clock()
        return PlainTextResponse("ready") if self._is_able else PlainTextResponse("unavailable", 503)

    async def _check(self) -> bool:
        """Read from both. What is wrong stands in the log alone: everybody who can connect may ask."""
        try:
            with anyio.fail_after(CHECK_TIMEOUT_S):
                # Where nothing was asked for yet there is no file, which is no fault.
                if self._journal.exists():
                    await self._journal.live("")
                await self._erp.probe()
        except PurchaseOrderError as exc:
            logger.warning("not ready: %s", exc.message)
        except TimeoutError:
            logger.warning("not ready: no answer within %.0f s", CHECK_TIMEOUT_S)
        else:
            return True
        return False
