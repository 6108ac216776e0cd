"""Writing orders in Tryton: what is looked at before, the one request, and what is read back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import anyio

from po_mcp.concurrency import map_concurrently
from po_mcp.connectors.tryton import drafts, names, schemas, translate
from po_mcp.connectors.tryton.reading import Reader
from po_mcp.connectors.tryton.rpc import Rpc, Write, not_permitted_error
from po_mcp.erp import BeforeSend, Guarded
from po_mcp.errors import (
    BadAnswer,
    Conflict,
    ERPError,
    NotPermitted,
    OrderNotFound,
    OutcomeUnknown,
    Refused,
    Stale,
    Unreachable,
    ahead_of_a_write,
)
from po_mcp.orders import DraftLine, OrderDraft, PurchaseOrder
from po_mcp.untrusted import visible

T = TypeVar("T")

_READ_BACK_TIMEOUT_S = 15.0
"""Seconds for reading what a write left."""
_RECENT_ORDERS = 20
"""Of so many orders the numbers are looked at, to see how Tryton makes them."""


class Writer:
    """Writes orders of one company."""

    def __init__(self, rpc: Rpc, reader: Reader) -> None:
        self._rpc = rpc
        self._reader = reader

    async def create(self, draft: OrderDraft, before_send: BeforeSend) -> PurchaseOrder:
        """Create a draft as the desktop client would, and read it back.

        All that Tryton would take unseen is looked at first: it stores orders for vendors that are not active, and
        a reference as often as it is given.
        """
        drafts.check_draft(draft)
        with self._preparing():
            await self._rpc.need_right("create")
            # Tryton keeps a reference as often as it is given: it would not refuse the second order.
            await self._refuse_used_number(draft.number)
            values = await self._prepare_order(draft)
        made = await self._write("create", [[values]], before_send)

        async def read_stored() -> PurchaseOrder:
            return drafts.parse_created(await self._reader.read_by_id(schemas.parse_only_id(made)), draft)

        return await self._read_back(read_stored)

    async def delete(self, number: str, before_send: BeforeSend, version: str | None) -> None:
        """Delete the order with its lines. Tryton itself refuses where the order or a line was changed meanwhile."""
        identifier = await self._end_order(number, "delete", before_send, version)

        async def check_gone() -> None:
            if await self._rpc.call_model(translate.PURCHASE, "search", [["id", "=", identifier]], 0, 1, None) != []:
                raise BadAnswer("Tryton still shows the order.")

        await self._read_back(check_gone)

    async def cancel(self, number: str, before_send: BeforeSend, version: str | None) -> None:
        """Cancel a draft or a quotation. Tryton itself refuses where the order was changed meanwhile.

        It does not look at the lines, which a cancel leaves as they are: they are read right before.
        """
        identifier = await self._end_order(number, "cancel", before_send, version)

        async def check_cancelled() -> None:
            state = (await self._reader.read_by_id(identifier)).state
            if state != "cancelled":
                # A cancel that does not apply to a state is dropped by Tryton without a word.
                raise BadAnswer("Tryton shows the order in another state.")

        await self._read_back(check_cancelled)

    async def _end_order(self, number: str, method: Guarded, before_send: BeforeSend, version: str | None) -> int:
        """Send a write that ends an order, bound to all that was read of it, and return its id."""
        with self._preparing():
            source = await self._read_approved(names.check_readable(number), version)
            blocker = translate.build_snapshot(source, number, method).blockers
            # A second cancel is dropped by Tryton without a word, and its success would be taken for ours.
            if blocker or (method, source.state) == ("cancel", "cancelled"):
                raise _forbidden_error(method, blocker)
        await self._write(method, [[source.id]], before_send, stamps=translate.build_version(source))
        return source.id

    async def _write(self, method: Write, params: list[Any], before_send: BeforeSend, *, stamps: str = "{}") -> Any:
        """Send a write, and say why Tryton refuses it where it does."""
        try:
            return await self._rpc.write(method, params, before_send, stamps=stamps)
        except Refused as exc:
            if type(exc) is not Refused:  # it says already why
                raise
            raise await self._explain_refusal(exc, method, stamps) from exc

    async def _read_approved(self, number: str, version: str | None) -> schemas.Order:
        """Read the order; one that is not of this version any more is `Stale`."""
        if version is None:
            return await self._reader.find_order(number)
        # By its id: number and reference may have changed since, or belong to another order now.
        source = await self._reader.read_by_id(translate.parse_order_id(version))
        if translate.build_version(source) != version:
            raise Stale("The order was changed in Tryton since it was read.", effect="nothing_sent")
        return source

    async def _explain_refusal(self, refusal: Refused, method: Write, stamps: str) -> ERPError:
        """Return why Tryton refused a write, by what it shows now: its own text is not read."""
        try:
            access = await self._rpc.read_access()
            if not {"create": access.create, "delete": access.delete}.get(method, access.write):
                return not_permitted_error(f"{method} orders")
            if method == "create":
                return refusal
            identifier = translate.parse_order_id(stamps)
            blockers = translate.build_snapshot(
                await self._reader.read_by_id(identifier), names.format_id(identifier), method
            ).blockers
            return _forbidden_error(method, blockers) if blockers else refusal
        except OrderNotFound as gone:
            return await self._explain_missing(gone, refusal)
        # The refusal stands, whatever becomes of the look for its reason.
        except ERPError:
            return refusal

    async def _explain_missing(self, gone: OrderNotFound, refusal: Refused) -> ERPError:
        """Return why an order is not shown: to a user who lost the company every order looks as if it were gone."""
        try:
            await self._rpc.check_company()
        except NotPermitted as lost:
            return lost
        except ERPError:
            return refusal
        return gone

    async def _prepare_order(self, draft: OrderDraft) -> Mapping[str, Any]:
        """Look at all that a new order names, have Tryton fill in what follows from it, and build the order."""
        company = await self._rpc.read_company()
        party = drafts.require_vendor_id(draft.vendor)
        parties = await self._reader.read_parties([party])
        found = await self._reader.read_products(
            [drafts.require_item_id(line, place) for place, line in enumerate(draft.lines, 1)]
        )
        products = {product.id: product for product in found}
        # How many decimals a price has is a setting of each installation.
        fields = await self._rpc.call_model(translate.LINE, "fields_get", ["unit_price"])
        drafts.check_values(draft, parties, products, drafts.parse_price_decimals(fields))
        warehouse = drafts.choose_warehouse(draft, await self._reader.read_warehouses())
        of_vendor = await self._reader.fill_in_order(party)
        await self._check_currency(draft, of_vendor)
        of_lines = await self._fill_in_lines(draft, drafts.build_line_parent(party, company, of_vendor))
        return drafts.build_order(draft, company, warehouse, products, of_vendor, of_lines)

    async def _check_currency(self, draft: OrderDraft, of_vendor: Mapping[str, Any]) -> None:
        """Raise `Conflict` where Tryton makes the order in another currency than its prices were given in."""
        made_in = await self._reader.read_currency(of_vendor.get("currency"))
        known = draft.vendor.currency
        # Also where none was known: nobody saw in which currency the prices would be.
        if known is None or known != visible(made_in or ""):
            raise Conflict(
                f"Tryton makes orders for this vendor in {visible(made_in or 'no currency')}, "
                f"{'which was not known before' if known is None else f'not in {known}'}.",
                effect="nothing_sent",
                next_step="Look the vendor up with search_catalog, refresh=true, and ask the user for prices in the "
                "vendor's currency. Where that is wrong or not told, a person sets it in Tryton, at the vendor.",
            )

    async def _fill_in_lines(self, draft: OrderDraft, parent: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
        """Ask what follows from each line's product, several at a time.

        Once for each product: its unit, its taxes and the vendor's product do not depend on the quantity.
        """

        async def fill_in(numbered: tuple[int, DraftLine]) -> Mapping[str, Any]:
            place, line = numbered
            unsaved = drafts.build_unsaved_line(line, place, parent)
            return await self._reader.fill_in(translate.LINE, unsaved, "product")

        first = {line.item: (place, line) for place, line in reversed(list(enumerate(draft.lines, 1)))}
        filled_in = dict(zip(first, await map_concurrently(fill_in, first.values()), strict=True))
        return [filled_in[line.item] for line in draft.lines]

    async def _refuse_used_number(self, number: str) -> None:
        """Raise where an order goes by this number, or Tryton may give it to one: it would take both."""
        if taken := await self._reader.read_names(names.build_domain(number), limit=1):
            raise Conflict(
                f"Order {names.format_id(taken[0].id)} in Tryton goes by this number.",
                effect="nothing_sent",
                next_step="Look at it with get_purchase_order, and ask the user which number to take.",
            )
        # Of the latest: the sequence that is in use now shows in these.
        given = await self._reader.read_names(["number", "!=", None], limit=_RECENT_ORDERS, latest=True)
        names.refuse_sequence_number(number, given)

    async def _read_back(self, read: Callable[[], Awaitable[T]]) -> T:
        """Return what a write left, which Tryton said it carried out: it drops what does not apply and says nothing."""
        try:
            with anyio.fail_after(min(_READ_BACK_TIMEOUT_S, self._rpc.timeout)):
                return await read()
        except (ERPError, TimeoutError) as exc:
            why = exc.reason if isinstance(exc, ERPError) else "It did not answer in time."
            # Also where the reading failed: the write was sent, and nobody saw what it left.
            raise OutcomeUnknown(
                f"Tryton answered as if it were done, and reading it back does not show that: {why}",
                next_step="Do not repeat it. Check the order with get_purchase_order.",
            ) from exc

    @contextmanager
    def _preparing(self) -> Iterator[None]:
        """Keep all that is read before a write within the time of one call; whatever fails, nothing was sent."""
        try:
            with ahead_of_a_write(), anyio.fail_after(self._rpc.timeout):
                yield
        except TimeoutError as exc:
            raise Unreachable("Tryton did not answer in time.", effect="nothing_sent") from exc


def _forbidden_error(operation: Guarded, blockers: Sequence[str]) -> Conflict:
    why = f": {blockers[0]}" if blockers else ": it is cancelled already"
    return Conflict(
        f"Tryton cannot {operation} this order{why}.",
        effect="nothing_changed",
        next_step="Tell the user; a person can change its state in Tryton.",
    )
