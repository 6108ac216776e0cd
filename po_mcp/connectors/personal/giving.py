"""A person gives, replaces or removes their ERP credentials: what is given is tried before it is kept."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from pydantic import SecretStr

from po_mcp.concurrency import CallRate
from po_mcp.config_values import header_text
from po_mcp.connectors.declaration import Declaration
from po_mcp.connectors.personal.erp import PersonalERP, naming_the_person
from po_mcp.erp import ERP, TellsBooks
from po_mcp.errors import BadAnswer, InvalidInput, NotPermitted, OrderNotFound, TooManyRequests
from po_mcp.orders import OrderQuery, PurchaseOrder

TRIES_PER_MINUTE = 5
"""By one person in one process: nobody guesses the password of a colleague in the ERP through this server."""
_MAX_CHARS = 500
_ORDERS_COMPARED = 3
"""Orders by which the company of new credentials is known to be this one."""


@dataclass(frozen=True)
class CredentialField:
    """What a person enters: the setting's name, what it is called for people, and whether it is kept from view."""

    name: str
    label: str
    is_secret: bool


class CredentialDesk:
    """Takes the credentials of people.

    Args:
        declaration: of the ERP.
        erp: the connection on which they are used. The server's own credentials show whose books these are.
    """

    def __init__(self, declaration: Declaration, erp: PersonalERP) -> None:
        self._declaration = declaration
        self._erp = erp
        self._tries = CallRate(TRIES_PER_MINUTE)
        self.title = erp.title
        self.fields = tuple(
            CredentialField(name, declaration.question(name).removesuffix(" (not shown)"), name == "client_secret")
            for name in declaration.personal
        )

    async def given_at(self, person: str) -> float | None:
        """Return since when a person's credentials are kept, in seconds since 1970; None where there are none."""
        return await self._erp.credentials.given_at(person)

    async def give(self, person: str, name: str, entered: Mapping[str, str]) -> None:
        """Sign in with what a person entered, read with it, and keep it in the place of what they gave before.

        Args:
            person: issuer and subject.
            name: what people read.
            entered: texts by the names of the fields.

        Raises:
            InvalidInput: it cannot be kept; the text says why, and does not hold it.
            ERPError: it does not work in the ERP. Nothing was kept.
            JournalUnavailable: it cannot be kept now.
        """
        values = {field.name: self._parse(field, entered.get(field.name, "")) for field in self.fields}
        if wait := self._tries.take(person):
            raise TooManyRequests("Too many tries in a short time.", next_step=f"Try again in {wait} s.")
        former = await self._erp.credentials.kept(person)
        mine = self._erp.connect(values)
        try:
            with naming_the_person("Check what you entered."):
                await mine.probe()
            self._need_own(mine)
            await self._need_same_books(mine)
        finally:
            await mine.aclose()
        # Trying takes its time: what the person removed or gave in another tab meanwhile is their last word.
        if not await self._erp.credentials.keep(person, name, values, former):
            raise InvalidInput("Your credentials were replaced or removed while these were tried.")

    async def remove(self, person: str) -> bool:
        """Remove a person's own credentials; False where there are none."""
        return await self._erp.credentials.remove(person, by=person)

    def _parse(self, field: CredentialField, text: str) -> str:
        text = text.strip()
        if not text or len(text) > _MAX_CHARS:
            raise InvalidInput(f"{field.label}: enter up to {_MAX_CHARS} characters.")
        declared = {setting.name: setting.parse for setting in self._declaration.settings}
        try:
            if field.name in declared:
                return str(declared[field.name](text))
            return header_text(SecretStr(text)).get_secret_value()
        except ValueError as exc:
            raise InvalidInput(f"{field.label}: it {exc}.") from None  # the value stands in no error

    def _need_own(self, mine: ERP) -> None:
        """See that these are not the server's own: with those nothing is written by anybody."""
        if mine.connection.credentials == self._erp.service.connection.credentials:
            raise InvalidInput("These are the credentials of po-mcp itself, which only read. Enter those of your user.")

    async def _need_same_books(self, mine: ERP) -> None:
        """See that these credentials lead to this company: by what the ERP says of it, and by an order of it.

        One address can serve many companies, as Exsited's does: an order would be created in another one's books.
        """
        other = InvalidInput(
            f"These credentials do not show the orders of {self._erp.connection.label}: they may be another company's."
        )
        service = self._erp.service
        if isinstance(service, TellsBooks) and isinstance(mine, TellsBooks):
            if await service.read_books() != await mine.read_books():
                raise other
            return
        # The person's orders, too: with few rights, those are not the server's first; and where the server sees none,
        # those are of other books.
        listed = [await _list_some(mine), await _list_some(service)]
        if not any(listed):
            return  # new books have nothing yet by which they could be told apart
        for number in dict.fromkeys(itertools.chain(*listed)):
            # One that is gone, hidden, or cannot be opened tells nothing, and must not keep everybody out.
            with suppress(OrderNotFound, NotPermitted, InvalidInput, BadAnswer):
                if _is_same(await service.get_order(number), await mine.get_order(number)):
                    return
                break
        raise other


async def _list_some(erp: ERP) -> Sequence[str]:
    """Return the numbers of a few orders that are listed, "" for one that does not tell it."""
    scanned = await erp.scan_orders(OrderQuery(max_orders=_ORDERS_COMPARED))
    numbers = [*(order.number for order in (*scanned.orders, *scanned.unknown)), *scanned.unreadable_numbers]
    return numbers[:_ORDERS_COMPARED] or [""] * scanned.unreadable


def _is_same(server: PurchaseOrder, person: PurchaseOrder) -> bool:
    """Tell whether two readings are of one order; rights may hide some of it from one of them."""
    names = ("vendor_id", "ordered_at", "created_at", "currency")
    pairs = [(getattr(server, name), getattr(person, name)) for name in names]
    return server.vendor == person.vendor and all(one == other for one, other in pairs if None not in (one, other))
