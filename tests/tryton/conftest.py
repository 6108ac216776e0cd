"""A Tryton server of the session, whose book is put back before each test, and connections to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from po_mcp.connectors.tryton import Tryton
from po_mcp.orders import DraftLine, OrderDraft, Vendor
from tests.tryton.book import TrytonUsers
from tests.tryton.company import Facts, password
from tests.tryton.harness import RpcWire, TrytonHarness
from tests.tryton.server import HOME, Server, make_template

Connect = Callable[..., Tryton]
VENDORS = {"acme": "Acme Fasteners", "bolts": "Bolt & Co", "former": "Former Fasteners"}


@dataclass(frozen=True)
class Book:
    """A server that holds a known book, and the people who work in it beside the connector."""

    url: str
    facts: Facts
    orders: dict[str, int]
    users: TrytonUsers

    def draft(self, number: str, *lines: tuple[str, str, str], vendor: str = "acme", **more: str) -> OrderDraft:
        """Return an order of items, quantities and prices, for the main warehouse."""
        return OrderDraft.model_validate(
            {
                "number": number,
                "vendor": Vendor(id=str(self.facts.vendors[vendor]), name=VENDORS[vendor], currency="EUR"),
                "lines": [
                    DraftLine.model_validate(
                        {
                            "item": str(self.facts.items[item]),
                            "quantity": quantity,
                            "unit_price": price,
                            "warehouse": str(self.facts.warehouses["main"]),
                            "unit": "kg" if item == "oil" else "u",
                        }
                    )
                    for item, quantity, price in lines or (("bolt", "88", "0.085"),)
                ],
                **more,
            }
        )


@pytest.fixture
def server(tryton_server: tuple[Server, TrytonUsers]) -> Server:
    return tryton_server[0]


@pytest.fixture
def book(tryton_server: tuple[Server, TrytonUsers], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Book:
    server, users = tryton_server
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # lists of a book before are of the same address
    server.reset()
    return Book(server.url, users.facts, make_template(HOME).orders, users)


@pytest.fixture
def harness(book: Book, tmp_path: Path) -> TrytonHarness:
    return TrytonHarness(tmp_path / "book", RpcWire(users=book.users), url=book.url, users=book.users)


@pytest.fixture
def restart_after(book: Book, server: Server) -> Iterator[None]:
    """Start Tryton again after a test in which a user gets another company.

    It keeps in memory what a user of several companies sees, whatever its database says afterwards. That is put back
    before the start: what is read first would else be kept as it was in two companies.
    """
    yield
    server.kill()
    server.reset()
    server.start()


@pytest.fixture
async def connect(book: Book) -> AsyncIterator[Connect]:
    """What connects a user of the company, by default the buyer; all are signed out at the end."""
    made: list[Tryton] = []

    def connect_as(login: str = "buyer", secret: str | None = None, url: str | None = None, **more: Any) -> Tryton:
        made.append(Tryton(url or book.url, login, secret or password(login), **more))
        return made[-1]

    yield connect_as
    for erp in made:
        await erp.aclose()


@pytest.fixture
def erp(connect: Connect) -> Tryton:
    return connect()


@pytest.fixture
def recorded() -> Path:
    return Path(__file__).parent / "recorded"
