"""A small book of orders, one in every state that Tryton knows, made as people make them in its own client."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from tests.tryton.company import Facts, password
from tests.tryton.rpc import Rpc, day, money

PURCHASE = "purchase.purchase"
Line = tuple[str, str, str]
"""Item, quantity and unit price."""


def today() -> date:
    """Return the server's day, which is that of UTC."""
    return datetime.now(UTC).date()


class TrytonUsers:
    """People at work in Tryton: a buyer, a storekeeper and the administrator."""

    def __init__(self, url: str, facts: Facts, admin_password: str) -> None:
        self.facts = facts
        self.buyer = Rpc(url, "buyer", password("buyer"))
        self.keeper = Rpc(url, "keeper", password("keeper"))
        self.admin = Rpc(url, "admin", admin_password)

    def close(self) -> None:
        for person in (self.buyer, self.keeper, self.admin):
            person.close()

    def make_order(
        self, reference: str | None, *lines: Line, vendor: str = "acme", on: date | None = None, **more: Any
    ) -> int:
        """Make a draft with the values that the desktop client fills in, and return its id."""
        facts, party = self.facts, self.facts.vendors[vendor]
        made = [
            {
                "product": facts.items[item],
                "unit": facts.units["Kilogram" if item == "oil" else "Unit"],
                "quantity": float(quantity),
                "unit_price": money(price),
                "taxes": [["add", [facts.tax]]],
            }
            for item, quantity, price in lines
        ]
        (identifier,) = self.buyer.create(
            PURCHASE,
            {
                "party": party,
                "invoice_address": self.buyer.search("party.address", ["party", "=", party])[0],
                "warehouse": facts.warehouses["main"],
                "reference": reference,
                "delivery_date": day(on or today() + timedelta(days=14)),
                "lines": [["create", made]],
                **more,
            },
        )
        return identifier

    def press(self, identifier: int, *buttons: str) -> int:
        for button in buttons:
            self.buyer.on(PURCHASE, button, [identifier])
        return identifier

    def find_moves(self, identifier: int, *domain: Any) -> list[int]:
        return self.keeper.search("stock.move", ["origin.purchase", "=", identifier, "purchase.line"], *domain)

    def receive(self, identifier: int, arrived: Mapping[str, str]) -> None:
        """Book a delivery, of each item named; what did not come stays outstanding."""
        quantities = {self.facts.items[item]: float(quantity) for item, quantity in arrived.items()}
        drafts = self.find_moves(identifier, ["state", "=", "draft"], ["product", "in", list(quantities)])
        places = self.keeper.read("stock.location", self.facts.warehouses["main"], "input_location", "storage_location")
        (shipment,) = self.keeper.create(
            "stock.shipment.in",
            {
                "supplier": self.buyer.read(PURCHASE, identifier, "party")["party"],
                "warehouse": self.facts.warehouses["main"],
                "warehouse_input": places["input_location"],
                "warehouse_storage": places["storage_location"],
                "incoming_moves": [["add", drafts]],
            },
        )
        for move in drafts:
            product = self.keeper.read("stock.move", move, "product")["product"]
            self.keeper.write("stock.move", move, quantity=quantities[product])
        self.keeper.on("stock.shipment.in", "receive", [shipment])
        self.keeper.on("stock.shipment.in", "do", [shipment])

    def cancel_moves(self, identifier: int) -> list[int]:
        """Call off what is outstanding; the order's shipment is an exception then."""
        drafts = self.find_moves(identifier, ["state", "=", "draft"])
        self.keeper.on("stock.move", "cancel", drafts)
        return drafts

    def ignore_moves(self, identifier: int, moves: list[int]) -> None:
        chosen = {"ask": {"recreate_moves": [], "ignore_moves": moves, "domain_moves": moves}}
        self._handle(self.buyer, "purchase.handle.shipment.exception", identifier, chosen)

    def settle_invoices(self, identifier: int) -> None:
        """Take the order's invoices out of the way, so that it can be done."""
        invoices = self.admin.read(PURCHASE, identifier, "invoices")["invoices"]
        self.admin.on("account.invoice", "cancel", invoices)
        chosen = {"ask": {"recreate_invoices": [], "ignore_invoices": invoices, "domain_invoices": invoices}}
        self._handle(self.admin, "purchase.handle.invoice.exception", identifier, chosen)

    def _handle(self, person: Rpc, wizard: str, identifier: int, chosen: Mapping[str, Any]) -> None:
        active = {"active_model": PURCHASE, "active_id": identifier, "active_ids": [identifier]}
        person.wizard(wizard, ("ask", {}), ("handle", chosen), **active)


def write_book(users: TrytonUsers) -> dict[str, int]:
    """Make the orders, and return their ids, each by a name of the state that it is in."""
    ordered = ("quote", "confirm")
    late = today() - timedelta(days=3)
    book = {
        "draft": users.make_order(
            "PM-2026-0001", ("bolt", "1000", "0.45"), ("nut", "1000", "0.22"), comment="By truck."
        ),
        "nameless": users.make_order(None, ("bolt", "10", "0.45")),
        "twin": users.make_order("PM-2026-0009", ("nut", "5", "0.12"), vendor="bolts"),
        "other_twin": users.make_order("PM-2026-0009", ("nut", "6", "0.12"), vendor="bolts"),
        "quotation": users.press(users.make_order("PM-2026-0002", ("bolt", "500", "0.44"), vendor="bolts"), "quote"),
        "waiting": users.press(
            users.make_order(
                "PM-2026-0003", ("bolt", "1000", "0.45"), ("oil", "2.35", "12.50"), ("freight", "1", "40")
            ),
            *ordered,
        ),
        "partial": users.press(
            users.make_order("PM-2026-0004", ("bolt", "100", "0.45"), ("oil", "2.35", "12.50"), on=late), *ordered
        ),
        "received": users.press(users.make_order("PM-2026-0005", ("bolt", "10", "0.45")), *ordered),
        "short": users.press(users.make_order("PM-2026-0006", ("bolt", "100", "0.45")), *ordered),
        "done": users.press(users.make_order("PM-2026-0007", ("nut", "40", "0.12"), vendor="bolts"), *ordered),
        "exception": users.press(users.make_order("PM-2026-0010", ("nut", "40", "0.12")), *ordered),
        "cancelled": users.press(users.make_order("PM-2026-0008", ("nut", "1", "0.12")), "quote", "cancel"),
    }
    users.receive(book["partial"], {"bolt": "30", "oil": "2.35"})
    users.receive(book["received"], {"bolt": "10"})
    users.receive(book["short"], {"bolt": "60"})
    users.ignore_moves(book["short"], users.cancel_moves(book["short"]))
    users.receive(book["done"], {"nut": "40"})
    users.settle_invoices(book["done"])
    users.cancel_moves(book["exception"])
    return book
