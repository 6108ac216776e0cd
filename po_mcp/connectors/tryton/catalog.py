"""Tryton's parties, products and warehouses in our words. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from po_mcp.connectors.tryton import schemas
from po_mcp.orders import Item, Vendor, Warehouse


def convert_vendors(
    parties: Iterable[schemas.Party],
    own: Container[int | None],
    currency: str | None,
    paid_otherwise: Mapping[int, str | None],
) -> tuple[Vendor, ...]:
    """Read the parties that an order may go to: all but the company itself. Tryton tells no vendor from others.

    An order is in the vendor's currency, else in that of the vendor's latest orders, else in the company's.

    Args:
        parties: what Tryton lists.
        own: the parties that are the company.
        currency: the company's.
        paid_otherwise: the parties that had orders in another one, with that of the next; None where not known.
    """
    return tuple(
        Vendor(
            id=str(party.id),
            code=party.code,
            name=party.word,
            currency=_find_currency(party, currency, paid_otherwise),
            active=party.active,
            word=party.code or party.word,
        )
        for party in parties
        if party.id not in own
    )


def _find_currency(party: schemas.Party, currency: str | None, paid_otherwise: Mapping[int, str | None]) -> str | None:
    return paid_otherwise.get(party.id, currency) if party.currency is None else party.currency.code


def convert_items(products: Iterable[schemas.Product], currency: str | None) -> tuple[Item, ...]:
    """Read the products that can be bought. The price is Tryton's for a purchase of any amount from anybody.

    `currency` is that of the prices. Tryton's price is for one default unit: a product that is bought in another
    unit has none here.
    """
    return tuple(
        Item(
            id=str(product.id),
            name=product.name or product.rec_name or str(product.id),
            code=product.code,
            unit=None if product.unit is None else product.unit.symbol,
            price=product.price if product.is_priced_as_bought else None,
            currency=currency,
            active=product.active,
            word=product.word,
        )
        for product in products
    )


def convert_warehouses(places: Iterable[schemas.Warehouse]) -> tuple[Warehouse, ...]:
    """Read the warehouses."""
    named = [(str(place.id), place.name or str(place.id)) for place in places]
    return tuple(Warehouse(id=identifier, name=name, word=name) for identifier, name in named)
