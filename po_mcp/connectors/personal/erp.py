"""The ERP as each person may use it: every call goes out with the credentials of the person for whom it is made.

Which person that is, is said with `acting_for`: the caller of a tool, or, while an operation is carried out or looked
at, who requested it. A call that is made for nobody is refused, and so is a write that is made for a caller: only who
requested an operation writes. The server's own credentials only read: whether the ERP answers, and whether an order
that a requester does not find is only hidden from them.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress

from po_mcp.connectors.http.breaker import ErpBreaker
from po_mcp.connectors.http.call_limit import CallLimit, LentLimit, TakesCallLimit
from po_mcp.connectors.personal.credentials import PeoplesCredentials
from po_mcp.connectors.personal.live import LiveConnectors
from po_mcp.erp import (
    ERP,
    Actor,
    BeforeSend,
    CreatesDrafts,
    Guarded,
    ListsReceipts,
    OnItems,
    Progress,
    ReadsById,
    ReadsByReference,
    TellsBooks,
    acting,
    send_at_once,
)
from po_mcp.errors import ERPError, JournalUnavailable, NoCredentials, NotPermitted, OrderNotFound
from po_mcp.orders import Finalized, Item, OrderDraft, OrderQuery, OrderScan, PurchaseOrder, Snapshot, Vendor, Warehouse

BuildConnector = Callable[[Mapping[str, str]], ERP]
"""Makes a connector from a person's credentials: the settings by name."""
_OPERATORS = "PO_MCP_CLIENT_"
"""What an error's next step names where it is the server's own credentials that are meant."""


class PersonalERP:
    """A connection to one ERP on which each person has credentials of their own.

    Args:
        service: the connector with the server's own credentials. What is the same for all is asked of it.
        credentials: of the people.
        build: makes the connector of a person.
        page: where people give their credentials.
    """

    def __init__(self, service: ERP, credentials: PeoplesCredentials, build: BuildConnector, page: str) -> None:
        self.service = service
        self.credentials = credentials
        self._build = build
        self._page = page
        self._live = LiveConnectors()
        self._breaker = ErpBreaker(service.title)
        self._limit = CallLimit()
        # One connection for all people: an order has room for one operation.
        self.connection = service.connection
        self.title, self.notice, self.limits = service.title, service.notice, service.limits
        self.capabilities = service.capabilities
        self.listed_statuses = service.listed_statuses
        self.cancellable_statuses = service.cancellable_statuses
        self.check_number, self.check_draft = service.check_number, service.check_draft
        self.limit_calls(self._limit)
        self._offer_as(service)

    def __repr__(self) -> str:
        return f"<PersonalERP {self.connection.key}>"

    def _offer_as(self, service: ERP) -> None:
        """Offer what not every ERP has only where this one has it: who asks for it looks whether it is there."""
        if isinstance(service, ReadsById):
            self.get_order_of_id = self._get_order_of_id
        if isinstance(service, ReadsByReference):
            self.get_order_of_reference = self._get_order_of_reference
        if isinstance(service, TellsBooks):
            self.read_books = self._read_books
        if isinstance(service, CreatesDrafts):
            self.creates_drafts = service.creates_drafts
        if isinstance(service, ListsReceipts):
            self.lists_receipts = service.lists_receipts

    # Whose call it is

    async def identify(self, person: str) -> Actor:
        """Return this person as the caller of a call, with their view as it is now."""
        try:
            version = await self.credentials.version(person)
        except JournalUnavailable:  # the call will say so; meanwhile nothing that was kept is shown
            version = secrets.token_hex(8)
        return Actor(person, view=f"{person} {version}")

    async def keep_up(self) -> None:
        """Seal credentials again that a former key sealed, and forget those that are kept no more."""
        await self._live.keep_only(await self.credentials.keep_up())

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[ERP]:
        """Give the connector of the person for whom the ERP is asked."""
        actor = acting()
        if actor is None or not actor.person:
            what = f"{self.title} is used with each person's own credentials here, and nobody has signed in."
            next_step = f"Connect with an assistant that signs in, and enter your credentials at {self._page}."
            raise NoCredentials(what, effect="nothing_sent", next_step=next_step)
        found = await self.credentials.find(actor.person)
        if found is None:
            raise self._missing(actor)
        async with self._live.hold(actor.person, found.version, lambda: self.connect(found.values)) as erp:
            who = f"{actor.name} must open" if actor.name else "Open"
            with naming_the_person(f"{who} {self._page} and enter the credentials again; then ask again."):
                yield erp

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[ERP]:
        """Give the connector of the person who requested the operation that is being carried out, and nobody else's."""
        actor = acting()
        if actor is None or not actor.may_write:
            raise NoCredentials("Only who requested an operation can carry it out.", effect="nothing_sent")
        async with self._reading() as erp:
            yield erp

    def connect(self, values: Mapping[str, str]) -> ERP:
        """Return a connector with these credentials; it shares what there is once for the ERP."""
        erp = self._build(values)
        if isinstance(erp, TakesCallLimit):
            erp.limit_calls(LentLimit(self._limit), self._breaker)
        return erp

    def limit_calls(self, limit: CallLimit, breaker: ErpBreaker | None = None) -> None:
        """Let the requests of all people together hold its places."""
        self._limit, self._breaker = limit, breaker or self._breaker
        if isinstance(self.service, TakesCallLimit):
            self.service.limit_calls(limit, self._breaker)

    def _missing(self, actor: Actor) -> NoCredentials:
        whose = f"{actor.name}'s own" if actor.name else "Your own"
        who = f"{actor.name} must open" if actor.name else "Open"
        return NoCredentials(
            f"{whose} credentials for {self.title} are missing.",
            effect="nothing_sent",
            next_step=f"{who} {self._page}, sign in and enter them; then ask again.",
        )

    # What the port asks of an ERP

    @property
    def clock_skew(self) -> float | None:
        """Seconds by which the ERP's clock was ahead at its last answer to the server's own credentials."""
        return self.service.clock_skew

    async def probe(self) -> None:
        """Read a page of one order, with the server's own credentials."""
        await self.service.probe()

    async def scan_orders(self, query: OrderQuery, progress: Progress | None = None) -> OrderScan:
        """Return every order of the query that this person sees."""
        async with self._reading() as erp:
            return await erp.scan_orders(query, progress)

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        """Return one order with its lines."""
        async with self._reading() as erp:
            return await self._find(erp, lambda one: one.get_order(number, in_any_case=in_any_case))

    async def _get_order_of_id(self, erp_id: str, number: str) -> PurchaseOrder:
        def get(erp: ERP) -> Awaitable[PurchaseOrder]:
            assert isinstance(erp, ReadsById)
            return erp.get_order_of_id(erp_id, number)

        async with self._reading() as erp:
            return await self._find(erp, get)

    async def _get_order_of_reference(self, reference: str) -> PurchaseOrder:
        def get(erp: ERP) -> Awaitable[PurchaseOrder]:
            assert isinstance(erp, ReadsByReference)
            return erp.get_order_of_reference(reference)

        async with self._reading() as erp:
            return await self._find(erp, get)

    async def _find(self, erp: ERP, get: Callable[[ERP], Awaitable[PurchaseOrder]]) -> PurchaseOrder:
        """Return an order as this person sees it; for who requested an operation, see that it is not only hidden.

        What is taken for absent is made again, and that person's rights may be less than before. The server's own
        credentials read all orders.

        Raises:
            OrderNotFound: there is none, or this caller does not see it.
            NotPermitted: who requested an operation does not see it, and it is there.
            ERPError: it cannot be read.
        """
        try:
            return await get(erp)
        except OrderNotFound:
            actor = acting()
            if actor is None or not actor.may_write:
                raise  # of others' orders a caller learns nothing
            with suppress(OrderNotFound):
                await get(self.service)
                raise NotPermitted(
                    f"{self.title} has this order, and does not show it to {actor.name}.",
                    next_step="Whoever gives rights in the ERP must let them see it.",
                ) from None
            raise

    async def _read_books(self) -> str:
        async with self._reading() as erp:
            assert isinstance(erp, TellsBooks)
            return await erp.read_books()

    async def vendors(self) -> tuple[Vendor, ...]:
        """Return every vendor that this person sees."""
        async with self._reading() as erp:
            return await erp.vendors()

    async def items(self, on_items: OnItems | None = None) -> tuple[Item, ...]:
        """Return every item that this person can order."""
        async with self._reading() as erp:
            return await erp.items(on_items)

    async def warehouses(self) -> tuple[Warehouse, ...]:
        """Return every warehouse that this person sees."""
        async with self._reading() as erp:
            return await erp.warehouses()

    async def read_vendor(self, vendor: Vendor) -> Vendor | None:
        """Return a vendor of the list as it is now."""
        async with self._reading() as erp:
            return await erp.read_vendor(vendor)

    async def read_item(self, item: Item) -> Item | None:
        """Return an item of the list as it is now."""
        async with self._reading() as erp:
            return await erp.read_item(item)

    async def snapshot(self, number: str, operation: Guarded) -> Snapshot:
        """Read the data that a guarded write is approved on."""
        async with self._reading() as erp:
            return await erp.snapshot(number, operation)

    async def create_order(self, draft: OrderDraft, before_send: BeforeSend = send_at_once) -> PurchaseOrder:
        """Create the order as who requested it. The ERP itself shows who that is, so the note need not say it."""
        async with self._writing() as erp:
            return await erp.create_order(draft.model_copy(update={"requested_by": ""}), before_send)

    async def finalize_order(
        self,
        number: str,
        *,
        create_backorder: bool,
        before_send: BeforeSend = send_at_once,
        version: str | None = None,
    ) -> Finalized:
        """Close the order as who requested it."""
        async with self._writing() as erp:
            return await erp.finalize_order(
                number, create_backorder=create_backorder, before_send=before_send, version=version
            )

    async def delete_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Delete the order as who requested it."""
        async with self._writing() as erp:
            await erp.delete_order(number, before_send, version=version)

    async def cancel_order(
        self, number: str, before_send: BeforeSend = send_at_once, *, version: str | None = None
    ) -> None:
        """Cancel the order as who requested it."""
        async with self._writing() as erp:
            await erp.cancel_order(number, before_send, version=version)

    async def aclose(self) -> None:
        """Close the connectors of all people, and the server's own."""
        await self._live.aclose()
        await self.service.aclose()


@contextmanager
def naming_the_person(next_step: str) -> Iterator[None]:
    """Give an error another next step, where its own names the credentials of the server, which are not meant."""
    try:
        yield
    except ERPError as exc:
        if _OPERATORS in exc.next_step:
            former = exc.next_step
            exc.replace_words(lambda text: next_step if text == former else text)
        raise
