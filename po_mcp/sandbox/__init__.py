"""An ERP of our own, on SQLite, that speaks two vendors' HTTP APIs over one order book.

    book = Book.open("orders.db")
    app = create_app(book)  # an ASGI application; it needs no lifespan

Inventory Pro's API v1 is served at /api/v1, Exsited's at /api/v3 and /api/v2, its tokens at
/api/v1/oauth2/token. One order number names the order on both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from starlette.applications import Starlette
from starlette.routing import Mount

from po_mcp.sandbox.apis.exsited import create_exsited
from po_mcp.sandbox.apis.inventory_pro import create_inventory_pro
from po_mcp.sandbox.apis.tokens import Credentials
from po_mcp.sandbox.book import Book
from po_mcp.sandbox.habits import Habits

__all__ = ["Api", "Book", "create_app"]

Api = Literal["inventory-pro", "exsited"]
CLIENT = "sandbox"


def create_app(
    book: Book,
    *,
    apis: Iterable[Api] = ("inventory-pro", "exsited"),
    client_id: str = CLIENT,
    client_secret: str = CLIENT,
    habits: Iterable[str] = (),
) -> Starlette:
    """Serve an open book; closing it stays with the caller.

    The client id and secret open both APIs; tokens live in the application's memory. Habits are NAME or
    NAME:VALUE, see `habits`; `book` itself stays without them.

    Raises:
        ValueError: no such habit.
    """
    book = book.with_habits(Habits(habits))
    credentials, served, mounts = Credentials(client_id, client_secret), set(apis), []
    if "exsited" in served:
        sign_in, orders = create_exsited(book, credentials)
        mounts += [Mount("/api/v1/oauth2", sign_in), Mount("/api/v3", orders), Mount("/api/v2", orders)]
    if "inventory-pro" in served:
        mounts.append(Mount("/api/v1", create_inventory_pro(book, credentials)))
    return Starlette(routes=mounts)
