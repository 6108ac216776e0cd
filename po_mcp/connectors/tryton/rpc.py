"""Calls by Tryton's JSON-RPC (https://docs.tryton.org/latest/server/ref/protocols/jsonrpc.html), and what a no means.

JSON-RPC and not REST, since it alone binds a write to the version of a record that was read (`_timestamp`), and
tells what follows from choosing a vendor or a product (`on_change`), such as the taxes.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import count
from typing import Any, Literal
from urllib.parse import urlsplit

import anyio
import httpx2

from po_mcp.connectors.http.breaker import ErpBreaker
from po_mcp.connectors.http.call_limit import CallLimit
from po_mcp.connectors.http.client import ErpHttpClient
from po_mcp.connectors.http.error_mapping import ErrorMapping
from po_mcp.connectors.http.retry import Retrier
from po_mcp.connectors.http.tokens import Clock, Tokens
from po_mcp.connectors.tryton import error_body, schemas, translate
from po_mcp.connectors.tryton.session import RPC, Session
from po_mcp.erp import BeforeSend, Guarded
from po_mcp.errors import ERPError, NotPermitted, Refused

Write = Literal["create"] | Guarded
"""The methods of Tryton's that write."""

_SIGN_OUT_TIMEOUT_S = 2.0
"""Seconds for signing out."""

_ERROR_MAPPING = ErrorMapping(
    name="Tryton",
    describe_error=error_body.describe_error,
    permission_to_read="Tryton's administrator must put its user into the group Purchase.",
    permission_to_write="Tryton's administrator must put its user into the group Purchase.",
    is_signed_out=error_body.is_signed_out,
    is_envelope=error_body.is_refusal,
    status_in=error_body.status_in,
    cheap_read_path=RPC,
    cheap_read_body=error_body.build_request(0, "model.res.user.get_preferences", [True, {}]),
    auth_scheme="Session",
    sign_in_next_steps={
        405: "Your administrator must check PO_MCP_BASE_URL. Where it is right, Tryton is older than 8.0, which is not "
        "supported."
    },
)


class Rpc:
    """The calls of one user of one database. Orders are those of the user's company.

    Args:
        root: address and database.
        login: of the user whose rights and company are used.
        password: kept out of every text.
        timeout: seconds that one call may take.
        transport: an httpx2 transport in place of the network.
        retrier: retries reads and sign-ins.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        root: str,
        login: str,
        password: str,
        *,
        timeout: float,
        transport: httpx2.AsyncBaseTransport | None,
        retrier: Retrier | None,
        clock: Clock,
    ) -> None:
        self.timeout = timeout
        self._company: int | None = None
        self._ids = count(1)
        self._http = ErpHttpClient(root, _ERROR_MAPPING, timeout=timeout, transport=transport, retrier=retrier)
        self._session = Session(self._http, login, password, clock, names_database=bool(urlsplit(root).path))
        self._http.tokens = Tokens(self._session.open, clock)

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the ERP's clock was ahead at its last answer; None where it did not tell."""
        return self._http.clock_skew

    async def read_company(self) -> int:
        """Return the id of the user's company, read once."""
        if self._company is None:
            self._company = (await self._read_preferences()).company
        # Numbers are per company: without one a number would not say which order is meant.
        if self._company is None:
            raise _no_company_error("has no company")
        return self._company

    async def check_company(self) -> None:
        """Raise `NotPermitted` where Tryton may show no order of the company, as if there were none.

        To a user who lost it; and to one who works in several, one at a time: which one that is Tryton keeps in memory
        as it was for whichever of the user's clients called first.
        """
        company, preferences = await self.read_company(), await self._read_preferences()
        if preferences.companies is not None and company not in preferences.companies:
            raise _no_company_error("lost the company")
        if len(preferences.companies or ()) > 1 and preferences.company_filter == "one":
            raise NotPermitted(
                "The user of this server works in several companies in Tryton, and sees one of them at a time, so an "
                "order may be out of sight.",
                effect="nothing_changed",
                next_step="Tryton's administrator must leave its user one company, or set its Company Filter to All.",
            )

    async def read_access(self) -> schemas.Access:
        """Read what the user may do with orders."""
        asked = [[translate.PURCHASE], {}]
        return translate.parse_access(await self._call("model.ir.model.access.get_access", asked))

    async def need_right(self, method: Literal["create", "delete"]) -> None:
        """Raise `NotPermitted` where Tryton would refuse such a write; of a button, such as cancel, nobody can tell.

        Its groups are settings of each installation, which may allow it to those who may not write.
        """
        await self.read_company()  # a user without one must learn that first
        access = await self.read_access()
        if not (access.create if method == "create" else access.delete):
            raise not_permitted_error(f"{method} orders")

    async def call_model(self, model: str, method: str, *params: Any) -> Any:
        """Call a method of a model that changes nothing."""
        # Of our own values alone: the context changes what Tryton's methods look at.
        context = {"company": await self.read_company()}
        try:
            return await self._call(f"model.{model}.{method}", [*params, context])
        except Refused:
            # Tryton refuses a missing right and a rule of the business in the same shape.
            if not (await self.read_access()).read:
                raise not_permitted_error("read orders") from None
            raise

    async def write(self, method: Write, params: list[Any], before_send: BeforeSend, *, stamps: str = "{}") -> Any:
        """Send a write of orders, once. Tryton refuses it where a record that it writes has another stamp.

        Raises:
            Refused: Tryton said no; its text, which tells why, is not read.
        """
        context: dict[str, Any] = {"company": await self.read_company()}
        if stamped := translate.parse_stamps(stamps):
            context["_timestamp"] = stamped
        identifier = next(self._ids)
        body = error_body.build_request(identifier, f"model.{translate.PURCHASE}.{method}", [*params, context])
        return await self._http.write(
            "POST",
            RPC,
            body=body,
            expect=frozenset({200}),
            verify=lambda answer: error_body.parse_result(answer.body, identifier),
            before_send=before_send,
        )

    def limit_calls(self, limit: CallLimit, breaker: ErpBreaker | None) -> None:
        """Let every request from now on hold a place, and pass a breaker that other connectors share."""
        self._http.share(limit, breaker)

    async def aclose(self) -> None:
        """Sign out and close the sockets."""
        if self._session.is_open:
            self._session.is_open = False
            # Tryton would keep the session for 30 days; and a server that hangs must not hold up our own end.
            with anyio.move_on_after(_SIGN_OUT_TIMEOUT_S), suppress(ERPError):
                await self._call("common.db.logout", [])
        await self._http.aclose()

    async def _read_preferences(self) -> schemas.Preferences:
        # All of them: those of the context alone, which are fewer, lack the companies before Tryton 8.2.
        return schemas.Preferences.parse(await self._call("model.res.user.get_preferences", [False, {}]))

    async def _call(self, method: str, params: list[Any]) -> Any:
        """Make a call that changes nothing; a refusal of it is `Refused`."""
        identifier = next(self._ids)
        answer = await self._http.call(RPC, error_body.build_request(identifier, method, params))
        if error_body.is_refusal(answer.body):
            raise Refused(
                f"Tryton refused to tell this{error_body.describe_error(answer.body)}.",
                effect="nothing_changed",
                next_step="Tell the user; the same in Tryton's own client shows why.",
            )
        return error_body.parse_result(answer.body, identifier)


def _no_company_error(how: str) -> NotPermitted:
    return NotPermitted(
        f"The user of this server {how} in Tryton.",
        effect="nothing_changed",
        next_step="Tryton's administrator must give its user a company.",
    )


def not_permitted_error(what: str) -> NotPermitted:
    """Say that the user lacks the right to do something."""
    return NotPermitted(
        f"The user of this server may not {what} in Tryton.",
        effect="nothing_changed",
        next_step=f"Tryton's administrator must grant its user the right to {what}: the group Purchase has it.",
    )
