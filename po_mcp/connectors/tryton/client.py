"""Tryton over HTTP, by JSON-RPC (https://docs.tryton.org/latest/server/ref/protocols/jsonrpc.html).

JSON-RPC and not REST, since it alone binds a write to the version of a record that was read (`_timestamp`), and
tells what follows from choosing a vendor or a product (`on_change`), such as the taxes.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from typing import Any, Generic, Literal, TypeVar

import anyio
import httpx2

from po_mcp.concurrency import map_concurrently
from po_mcp.connectors.http.client import ErpHttpClient
from po_mcp.connectors.http.error_mapping import ErrorMapping
from po_mcp.connectors.http.retry import Retrier
from po_mcp.connectors.http.tokens import Clock, Tokens
from po_mcp.connectors.http.urls import normalize_base_url
from po_mcp.connectors.pagination import MAX_PAGES, SCAN_TIMEOUT_S, select_orders
from po_mcp.connectors.tryton import catalog, error_body, names, schemas, translate
from po_mcp.erp import BeforeSend, Capability, Connection, Guarded, send_at_once
from po_mcp.errors import (
    BadAnswer,
    Conflict,
    ERPError,
    NotOffered,
    NotPermitted,
    OrderNotFound,
    OutcomeUnknown,
    Refused,
    SignInFailed,
    Stale,
    TooManyRequests,
    Unreachable,
)
from po_mcp.orders import (
    DraftLine,
    Finalized,
    Item,
    OrderDraft,
    OrderQuery,
    OrderScan,
    Progress,
    PurchaseOrder,
    Snapshot,
    Status,
    Vendor,
    Warehouse,
)

R = TypeVar("R", bound=schemas.Identified)
T = TypeVar("T")

Write = Literal["create"] | Guarded
"""The methods of Tryton's that write."""

_RPC = "/rpc/"
_ROWS_PER_PAGE = 200
"""Records of one page. An order's total is computed when it is read: a few milliseconds each."""
_SESSION_LIFETIME_S = 12 * 3600.0
"""Seconds that a session is used; Tryton's own end is 30 days off, and a 401 ends it sooner."""
_REFUSAL_PAUSE_S = 60.0
"""Seconds in which a refused sign-in is not tried again: after six in five minutes Tryton locks the user out."""
_SIGN_OUT_TIMEOUT_S = 2.0
"""Seconds for signing out."""
_READ_BACK_TIMEOUT_S = 15.0
"""Seconds for reading what a write left."""
_RECENT_ORDERS = 20
"""Of so many orders the numbers are looked at, to see how Tryton makes them."""

_ERROR_MAPPING = ErrorMapping(
    name="Tryton",
    describe_error=error_body.describe_error,
    permission_to_read="Tryton's administrator must put its user into the group Purchase.",
    permission_to_write="Tryton's administrator must put its user into the group Purchase.",
    is_signed_out=error_body.is_signed_out,
    is_envelope=error_body.is_refusal,
    status_in=error_body.status_in,
    cheap_read_path=_RPC,
    cheap_read_body=error_body.build_request(0, "model.res.user.get_preferences", [True, {}]),
    auth_scheme="Session",
)


class _RowCollector(Generic[R]):
    """What was read of a list so far, page by page."""

    def __init__(self) -> None:
        self.rows: list[R] = []
        self.unreadable = 0
        self.last = 0

    @property
    def length(self) -> int:
        return len(self.rows) + self.unreadable

    def add(self, page: schemas.Page[R]) -> None:
        """Take in the next page."""
        self.rows += page.rows
        self.unreadable += page.unreadable
        self.last = page.last


class Tryton:
    """A connection to one database of a Tryton server.

    Args:
        base_url: address and database, such as `https://erp.example.com/po`; a tail `/rpc` is dropped.
        login: of the user whose rights and company are used.
        password: kept out of every text.
        timeout: seconds that one call may take.
        company: a name of whose books these are, which outlives a change of credentials.
        transport: an httpx2 transport in place of the network.
        retrier: retries reads and sign-ins.
        clock: monotonic seconds.
    """

    title = "Tryton"
    notice = ""
    capabilities: frozenset[Capability] = frozenset({"list", "get", "create", "cancel", "delete", "catalog"})
    cancellable_statuses: frozenset[Status] = frozenset({"draft"})
    listed_statuses: frozenset[Status] = translate.LISTED
    limits = (
        "Tryton gets new orders as drafts, which a person quotes and confirms there, and numbers them itself: our "
        "number is the order's reference. Only drafts and quotations can be cancelled, and only drafts and cancelled "
        "orders deleted. Tryton has no finalize: what is outstanding stays on the order, and an order is done once "
        "its goods and invoices are. Editing lines and receiving goods are not offered here."
    )

    def __init__(
        self,
        base_url: str,
        login: str,
        password: str,
        *,
        timeout: float = 60.0,
        company: str | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        retrier: Retrier | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        root = base_url.rstrip("/").removesuffix("/rpc")
        self.connection = Connection("tryton", normalize_base_url(root), company, Connection.fingerprint(login))
        self._login, self._password = login, password
        self._timeout = timeout
        self._clock = clock
        self._refused_at: float | None = None
        self._has_session = False
        self._company: int | None = None
        self._ids = count(1)
        self._http = ErpHttpClient(root, _ERROR_MAPPING, timeout=timeout, transport=transport, retrier=retrier)
        self._http.tokens = Tokens(self._sign_in, clock)

    def __repr__(self) -> str:
        return f"<Tryton {self.connection.key}>"

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the ERP's clock was ahead at its last answer; None where it did not tell."""
        return self._http.clock_skew

    def check_number(self, number: str) -> str:
        """Return the number, the reference, or the id in brackets, if an order may go by it."""
        return names.check_readable(number)

    def check_draft(self, draft: OrderDraft) -> None:
        """Need ids of vendor and items, one warehouse, and a number that Tryton itself will not give."""
        translate.check_draft(draft)

    async def probe(self) -> None:
        """Look for one order."""
        await self._call_model(translate.PURCHASE, "search", await self._company_domain(), 0, 1, None)

    async def read_rights(self) -> frozenset[Capability]:
        """Return which writes of orders the user's groups allow."""
        access = await self._read_access()
        allowed: dict[Capability, bool] = {
            "create": access.create,
            "cancel": access.write,
            "delete": access.delete,
        }
        return frozenset(kind for kind, is_allowed in allowed.items() if is_allowed)

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        """Return the orders of the query, which Tryton picks, by ascending id.

        Each page starts after the last id of the one before, so what is created or deleted meanwhile moves no
        other order, and none is missed or returned twice.
        """
        domain = await self._company_domain(*translate.build_order_domain(query))
        of = await self._call_model(translate.PURCHASE, "search_count", domain)
        if type(of) is not int or of < 0:
            raise BadAnswer("Tryton does not say how many orders there are.")
        read, ended = _RowCollector[schemas.Row](), False
        with anyio.move_on_after(SCAN_TIMEOUT_S):
            for _ in range(MAX_PAGES):
                # By id and not by offset: ids only grow, so what comes and goes meanwhile moves no other order.
                page = await self._read_page(translate.PURCHASE, schemas.Row, schemas.ROW_FIELDS, domain, read.last)
                read.add(page)
                if progress is not None:
                    await progress(read.length, max(of, read.length))
                ended = page.length < _ROWS_PER_PAGE
                if ended or (query.max_orders is not None and read.length >= query.max_orders):
                    break
        found = OrderScan(
            orders=translate.convert_rows(read.rows),
            read=len(read.rows),
            total=max(of, read.length),
            complete=ended and not read.unreadable,
            is_cut=not ended,
            unreadable=read.unreadable,
        )
        return select_orders(found, query)

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        """Return one order, found by its number, its reference or its id in brackets.

        It is called by what was asked for; its status text tells what else it goes by. One that several orders
        go by is `Conflict`.
        """
        source = await self._find_order(self.check_number(number), in_any_case=in_any_case)
        return translate.convert_order(source, names.find_stored_name(source, number))

    async def vendors(self) -> tuple[Vendor, ...]:
        """Return every active party but the company itself."""
        company = await self._read_company()
        own = await self._read_records("company.company", schemas.Company, ("party",), [["id", "=", company]])
        parties = await self._read_every("party.party", schemas.Party, schemas.PARTY_FIELDS)
        return catalog.convert_vendors(parties, {company.party for company in own})

    async def items(self) -> tuple[Item, ...]:
        """Return every active product that can be bought."""
        of_purchases = [["purchasable", "=", True]]
        return catalog.convert_items(
            await self._read_every("product.product", schemas.Product, schemas.PRODUCT_FIELDS, of_purchases)
        )

    async def read_vendor(self, vendor: Vendor) -> Vendor | None:
        """Return the active party of this id."""
        of_id = [["id", "=", translate.require_vendor_id(vendor)]]
        found = await self._read_records("party.party", schemas.Party, schemas.PARTY_FIELDS, of_id)
        return next(iter(catalog.convert_vendors(found, ())), None)

    async def read_item(self, item: Item) -> Item | None:
        """Return the active product of this id that can be bought."""
        product = translate.parse_item_id(item.id)
        if product is None:
            return None
        domain = [["id", "=", product], ["purchasable", "=", True]]
        found = await self._read_records("product.product", schemas.Product, schemas.PRODUCT_FIELDS, domain)
        return next(iter(catalog.convert_items(found)), None)

    async def warehouses(self) -> tuple[Warehouse, ...]:
        """Return every active warehouse."""
        return catalog.convert_warehouses(await self._read_warehouses())

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        """Read the order, its lines and their moves, with the stamp of each."""
        if operation not in self.capabilities:
            raise self._not_offered_error(operation)
        return translate.build_snapshot(await self._find_order(self.check_number(number)), number, operation)

    async def create_order(self, draft: OrderDraft, before_send: BeforeSend = send_at_once) -> PurchaseOrder:
        """Create a draft as the desktop client would, and read it back.

        All that Tryton would take unseen is looked at first: it stores orders for vendors that are not active, and
        a reference as often as it is given.
        """
        self.check_draft(draft)
        with self._preparing():
            # Tryton keeps a reference as often as it is given: it would not refuse the second order.
            await self._refuse_used_number(draft.number)
            values = await self._prepare_order(draft)
        made = await self._write("create", [[values]], before_send)

        async def read_stored() -> PurchaseOrder:
            return translate.parse_created(await self._read_by_id(schemas.parse_only_id(made)), draft)

        return await self._read_back(read_stored)

    async def finalize_order(
        self,
        number: str,
        *,
        create_backorder: bool,
        before_send: BeforeSend = send_at_once,
        version: str | None = None,
    ) -> Finalized:
        """Raise `NotOffered`."""
        raise self._not_offered_error("finalize")

    async def delete_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Delete the order with its lines. Tryton itself refuses where the order or a line was changed meanwhile."""
        identifier = await self._end_order(number, "delete", before_send, version)

        async def check_gone() -> None:
            if await self._call_model(translate.PURCHASE, "search", [["id", "=", identifier]], 0, 1, None) != []:
                raise BadAnswer("Tryton still shows the order.")

        await self._read_back(check_gone)

    async def cancel_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Cancel a draft or a quotation. Tryton itself refuses where the order was changed meanwhile.

        It does not look at the lines, which a cancel leaves as they are: they are read right before.
        """
        identifier = await self._end_order(number, "cancel", before_send, version)

        async def check_cancelled() -> None:
            state = (await self._read_by_id(identifier)).state
            if state != "cancelled":
                # A cancel that does not apply to a state is dropped by Tryton without a word.
                raise BadAnswer("Tryton shows the order in another state.")

        await self._read_back(check_cancelled)

    async def aclose(self) -> None:
        """Sign out and close the sockets."""
        if self._has_session:
            self._has_session = False
            with anyio.move_on_after(_SIGN_OUT_TIMEOUT_S), suppress(ERPError):
                await self._call("common.db.logout", [])
        await self._http.aclose()

    async def _end_order(self, number: str, method: Guarded, before_send: BeforeSend, version: str | None) -> int:
        """Send a write that ends an order, bound to all that was read of it, and return its id."""
        with self._preparing():
            source = await self._read_approved(self.check_number(number), version)
            blocker = translate.build_snapshot(source, number, method).blockers
            if blocker or (method, source.state) == ("cancel", "cancelled"):
                raise self._forbidden_error(method, blocker)
        await self._write(method, [[source.id]], before_send, stamps=translate.build_version(source))
        return source.id

    async def _read_approved(self, number: str, version: str | None) -> schemas.Order:
        """Read the order; one that is not of this version any more is `Stale`."""
        if version is None:
            return await self._find_order(number)
        source = await self._read_by_id(translate.parse_order_id(version))
        if translate.build_version(source) != version:
            raise Stale("The order was changed in Tryton since it was read. Nothing was sent.")
        return source

    async def _explain_refusal(self, refusal: Refused, method: Write, stamps: str) -> ERPError:
        """Return why Tryton refused a write, by what it shows now: its own text is not read."""
        try:
            access = await self._read_access()
            if not {"create": access.create, "delete": access.delete}.get(method, access.write):
                return self._not_permitted_error(f"{method} orders")
            if method == "create":
                return refusal
            identifier = translate.parse_order_id(stamps)
            blockers = translate.build_snapshot(
                await self._read_by_id(identifier), names.format_id(identifier), method
            ).blockers
            return self._forbidden_error(method, blockers) if blockers else refusal
        except OrderNotFound as gone:
            return gone
        except ERPError:
            return refusal

    async def _prepare_order(self, draft: OrderDraft) -> Mapping[str, Any]:
        """Look at all that a new order names, have Tryton fill in what follows from it, and build the order."""
        company = await self._read_company()
        party = translate.require_vendor_id(draft.vendor)
        parties = await self._read_records("party.party", schemas.Party, schemas.PARTY_FIELDS, [["id", "=", party]])
        wanted = [translate.require_item_id(line, place) for place, line in enumerate(draft.lines, 1)]
        found = await self._read_records(
            "product.product", schemas.Product, schemas.PRODUCT_FIELDS, [["id", "in", wanted]]
        )
        products = {product.id: product for product in found}
        fields = await self._call_model(translate.LINE, "fields_get", ["unit_price"])
        translate.check_values(draft, parties, products, translate.parse_price_decimals(fields))
        warehouse = translate.choose_warehouse(draft, await self._read_warehouses())
        of_vendor = await self._fill_in(translate.PURCHASE, translate.build_unsaved_order(party, company), "party")
        of_lines = await self._fill_in_lines(draft, translate.build_line_parent(party, company, of_vendor))
        return translate.build_order(draft, company, warehouse, products, of_vendor, of_lines)

    async def _fill_in_lines(self, draft: OrderDraft, parent: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Ask what follows from each line's product, several at a time."""

        async def fill_in(numbered: tuple[int, DraftLine]) -> Mapping[str, Any]:
            place, line = numbered
            return await self._fill_in(translate.LINE, translate.build_unsaved_line(line, place, parent), "product")

        return await map_concurrently(fill_in, enumerate(draft.lines, 1))

    async def _fill_in(self, model: str, unsaved: Mapping[str, Any], field: str) -> Mapping[str, Any]:
        """Return what Tryton fills in where a field of a record that is not stored yet was changed."""
        return translate.parse_values(await self._call_model(model, "on_change", unsaved, [field]))

    async def _refuse_used_number(self, number: str) -> None:
        """Raise where an order goes by this number, or Tryton may give it to one: it would take both."""
        domain = await self._company_domain(names.build_domain(number))
        if taken := await self._read_records(translate.PURCHASE, schemas.Names, schemas.NAME_FIELDS, domain, limit=1):
            raise Conflict(
                f"Order {names.format_id(taken[0].id)} in Tryton goes by this number. Nothing was sent.",
                next_step="Look at it with get_purchase_order, and ask the user which number to take.",
            )
        domain = await self._company_domain(["number", "!=", None])
        given = await self._read_records(
            translate.PURCHASE, schemas.Names, schemas.NAME_FIELDS, domain, limit=_RECENT_ORDERS, latest=True
        )
        names.refuse_sequence_number(number, given)

    async def _find_order(self, name: str, *, in_any_case: bool = False) -> schemas.Order:
        """Read the one order of this name; `in_any_case` looks past the letters' case where none has it exactly."""
        try:
            return names.select_order(await self._read_orders(names.build_domain(name)), name)
        except OrderNotFound:
            if not in_any_case:
                raise
        alike = await self._read_orders(names.build_domain(name, in_any_case=True))
        return names.select_order(alike, name, in_any_case=True)

    async def _read_orders(self, condition: Any) -> Sequence[schemas.Order]:
        domain = await self._company_domain(condition)
        return await self._read_records(
            translate.PURCHASE, schemas.Order, schemas.ORDER_FIELDS, domain, limit=names.MAX_ALIKE
        )

    async def _read_by_id(self, identifier: int) -> schemas.Order:
        return names.select_order(await self._read_orders(["id", "=", identifier]), names.format_id(identifier))

    async def _read_warehouses(self) -> Sequence[schemas.Warehouse]:
        of_type = [["type", "=", "warehouse"]]
        return await self._read_every("stock.location", schemas.Warehouse, schemas.WAREHOUSE_FIELDS, of_type)

    async def _read_every(
        self, model: str, kind: type[R], fields: Sequence[str], domain: Sequence[Any] = ()
    ) -> list[R]:
        """Read all records of a domain but those that cannot be read."""
        read = _RowCollector[R]()
        for _ in range(MAX_PAGES):
            page = await self._read_page(model, kind, fields, domain, read.last)
            read.add(page)
            if page.length < _ROWS_PER_PAGE:
                return read.rows
        raise BadAnswer("Tryton's list is too long to read.", next_step="Narrow it down.")

    async def _read_page(
        self, model: str, kind: type[R], fields: Sequence[str], domain: Sequence[Any], last: int
    ) -> schemas.Page[R]:
        """Read the records after the id `last`. Ids are given once and only grow."""
        order = [["id", "ASC"]]
        params = ([*domain, ["id", ">", last]], 0, _ROWS_PER_PAGE, order, list(fields))
        page = schemas.parse_page(await self._call_model(model, "search_read", *params), kind, last)
        if page.length > _ROWS_PER_PAGE:
            raise BadAnswer("Tryton gave another page than was asked for.")
        return page

    async def _read_records(
        self,
        model: str,
        kind: type[R],
        fields: Sequence[str],
        domain: Sequence[Any],
        *,
        limit: int | None = None,
        latest: bool = False,
    ) -> Sequence[R]:
        """Read records of a domain by their ids, the lowest or the `latest` first."""
        order = [["id", "DESC" if latest else "ASC"]]
        found = await self._call_model(model, "search_read", list(domain), 0, limit, order, list(fields))
        return schemas.parse_records(found, kind)

    async def _company_domain(self, *conditions: Any) -> list[Any]:
        """Return the domain of our company's orders that meet the conditions."""
        return [["company", "=", await self._read_company()], *conditions]

    async def _read_company(self) -> int:
        """Return the id of the user's company, read once."""
        if self._company is None:
            preferences = schemas.Preferences.parse(await self._call("model.res.user.get_preferences", [True, {}]))
            if preferences.company is None:
                raise NotPermitted(
                    "The user of this server has no company in Tryton. Nothing was sent.",
                    next_step="Tryton's administrator must give its user a company.",
                )
            self._company = preferences.company
        return self._company

    async def _read_access(self) -> schemas.Access:
        """Read what the user may do with orders."""
        asked = [[translate.PURCHASE], {}]
        return translate.parse_access(await self._call("model.ir.model.access.get_access", asked))

    async def _call_model(self, model: str, method: str, *params: Any) -> Any:
        """Call a method of a model that changes nothing."""
        context = {"company": await self._read_company()}
        try:
            return await self._call(f"model.{model}.{method}", [*params, context])
        except Refused:
            # Tryton refuses a missing right and a rule of the business in the same shape.
            if not (await self._read_access()).read:
                raise self._not_permitted_error("read orders") from None
            raise

    async def _call(self, method: str, params: list[Any]) -> Any:
        """Make a call that changes nothing; a refusal of it is `Refused`."""
        identifier = next(self._ids)
        answer = await self._http.call(_RPC, error_body.build_request(identifier, method, params))
        if error_body.is_refusal(answer.body):
            raise Refused(
                f"Tryton refused to tell this{error_body.describe_error(answer.body)}. Nothing was changed.",
                next_step=_ERROR_MAPPING.permission_to_read,
            )
        return error_body.parse_result(answer.body, identifier)

    async def _write(self, method: Write, params: list[Any], before_send: BeforeSend, *, stamps: str = "{}") -> Any:
        """Send a write of orders, once. Tryton refuses it where a record that it writes has another stamp."""
        context: dict[str, Any] = {"company": await self._read_company()}
        if stamped := translate.parse_stamps(stamps):
            context["_timestamp"] = stamped
        identifier = next(self._ids)
        body = error_body.build_request(identifier, f"model.{translate.PURCHASE}.{method}", [*params, context])
        try:
            return await self._http.write(
                "POST",
                _RPC,
                body=body,
                expect=frozenset({200}),
                verify=lambda answer: error_body.parse_result(answer.body, identifier),
                before_send=before_send,
            )
        except Refused as exc:
            if type(exc) is not Refused:  # it says already why
                raise
            raise await self._explain_refusal(exc, method, stamps) from exc

    async def _read_back(self, read: Callable[[], Awaitable[T]]) -> T:
        """Return what a write left, which Tryton said it carried out: it drops what does not apply and says nothing."""
        try:
            with anyio.fail_after(min(_READ_BACK_TIMEOUT_S, self._timeout)):
                return await read()
        except (ERPError, TimeoutError) as exc:
            why = exc.what if isinstance(exc, ERPError) else "It did not answer in time."
            raise OutcomeUnknown(
                f"Tryton answered as if it were done, and reading it back does not show that: {why}",
                next_step="Do not repeat it. Check the order with get_purchase_order.",
            ) from exc

    @contextmanager
    def _preparing(self) -> Iterator[None]:
        """Keep all that is read before a write within the time of one call; whatever fails, nothing was sent."""
        try:
            with anyio.fail_after(self._timeout):
                yield
        except ERPError as exc:
            exc.effect = "nothing_sent"
            raise
        except TimeoutError as exc:
            raise Unreachable("Tryton did not answer in time. Nothing was sent.") from exc

    async def _sign_in(self) -> tuple[str, float]:
        """Open a session. One that was refused is not asked for again at once: Tryton counts, and locks the user."""
        if self._refused_at is not None and self._clock() - self._refused_at < _REFUSAL_PAUSE_S:
            raise SignInFailed("Tryton refused this sign-in a few minutes ago. Nothing was sent.")
        params = [self._login, {"password": self._password}, "en"]
        try:
            answer = await self._http.sign_in(
                _RPC, body=error_body.build_request(0, "common.db.login", params), once=True
            )
            if error_body.is_signed_out(answer.body):
                raise SignInFailed("Tryton rejected the client id or secret. Nothing was sent.")
        except SignInFailed:
            self._refused_at = self._clock()
            raise
        except TooManyRequests:
            self._refused_at = self._clock()
            raise TooManyRequests(
                "Tryton has locked the sign-in of this user, after too many wrong passwords. Nothing was sent.",
                next_step="Your administrator must check PO_MCP_CLIENT_SECRET. The lock ends by itself after some "
                "minutes.",
            ) from None
        opened = schemas.Login.parse_login(error_body.parse_result(answer.body, 0))
        self._has_session = True
        return base64.b64encode(f"{self._login}:{opened.user}:{opened.session}".encode()).decode(), _SESSION_LIFETIME_S

    def _forbidden_error(self, operation: Guarded, blockers: Sequence[str]) -> Conflict:
        why = f": {blockers[0]}" if blockers else ": it is cancelled already"
        return Conflict(
            f"Tryton cannot {operation} this order{why}. Nothing was changed.",
            next_step="Tell the user; a person can change its state in Tryton.",
        )

    def _not_permitted_error(self, what: str) -> NotPermitted:
        return NotPermitted(
            f"The user of this server may not {what} in Tryton. Nothing was changed.",
            next_step=_ERROR_MAPPING.permission_to_write,
        )

    def _not_offered_error(self, operation: str) -> NotOffered:
        return NotOffered(f"Tryton has no call for this ({operation}). Nothing was sent. {self.limits}")
