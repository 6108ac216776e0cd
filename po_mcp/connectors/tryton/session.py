"""Signing in to Tryton, and out again."""

from __future__ import annotations

import base64

from po_mcp.connectors.http.client import ErpHttpClient
from po_mcp.connectors.http.error_mapping import Answer
from po_mcp.connectors.http.tokens import Clock
from po_mcp.connectors.tryton import error_body, schemas
from po_mcp.errors import SignInFailed, TooManyRequests, Unreachable

RPC = "/rpc/"
"""The path of every call."""
_SESSION_LIFETIME_S = 12 * 3600.0
"""Seconds that a session is used; Tryton's own end is 30 days off, and a 401 ends it sooner."""
_REFUSAL_PAUSE_S = 60.0
"""Seconds in which a refused sign-in is not tried again: after six in five minutes Tryton locks the user out."""


class Session:
    """The session of one user.

    Args:
        http: asks Tryton.
        login: of the user.
        password: kept out of every text.
        clock: monotonic seconds.
        names_database: whether the address has a path, which is the name of a database.
    """

    def __init__(
        self, http: ErpHttpClient, login: str, password: str, clock: Clock, *, names_database: bool = True
    ) -> None:
        self._http = http
        self._names_database = names_database
        self._login, self._password = login, password
        self._clock = clock
        self._refused_at: float | None = None
        self.is_open = False
        """Whether there is one to sign out of."""

    async def open(self) -> tuple[str, float]:
        """Open a session, and return its key with its lifetime in seconds.

        One that was refused is not asked for again at once: Tryton counts, and locks the user.
        """
        self._check_may_sign_in()
        try:
            answer = await self._request_session()
        except SignInFailed:
            self._refused_at = self._clock()
            raise
        # While it is locked, Tryton refuses the right password as well.
        except TooManyRequests:
            self._refused_at = self._clock()
            raise TooManyRequests(
                "Tryton has locked the sign-in of this user, after too many wrong passwords.",
                effect="nothing_sent",
                next_step="Your administrator must check PO_MCP_CLIENT_SECRET. The lock ends by itself after some "
                "minutes.",
            ) from None
        opened = schemas.Login.parse_login(error_body.parse_result(answer.body, 0))
        self.is_open = True
        return base64.b64encode(f"{self._login}:{opened.user}:{opened.session}".encode()).decode(), _SESSION_LIFETIME_S

    def _check_may_sign_in(self) -> None:
        if self._refused_at is not None and self._clock() - self._refused_at < _REFUSAL_PAUSE_S:
            raise SignInFailed("Tryton refused this sign-in less than a minute ago.", effect="nothing_sent")
        # Without one Tryton answers with an error that tells nothing.
        if not self._names_database:
            raise Unreachable(
                "The address of Tryton names no database.",
                effect="nothing_sent",
                next_step="Your administrator must add the database's name to PO_MCP_BASE_URL, as in "
                "https://erp.example.com/mydatabase.",
            )

    async def _request_session(self) -> Answer:
        params = [self._login, {"password": self._password}, "en"]
        answer = await self._http.sign_in(RPC, body=error_body.build_request(0, "common.db.login", params), once=True)
        # Tryton may say no in the body of an HTTP 200.
        if error_body.is_signed_out(answer.body):
            raise SignInFailed("Tryton rejected the client id or secret.", effect="nothing_sent")
        return answer
