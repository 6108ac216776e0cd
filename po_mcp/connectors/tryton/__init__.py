"""Tryton 8, by its JSON-RPC (https://docs.tryton.org/latest/server/)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from po_mcp.connectors.declaration import ConnectorSettings, Declaration, OpenTokenStore

if TYPE_CHECKING:
    from po_mcp.connectors.tryton.client import Tryton as Tryton


def _connect(settings: ConnectorSettings, token_store: OpenTokenStore) -> Tryton:
    from po_mcp.connectors.http.transport import build_transport
    from po_mcp.connectors.tryton.client import Tryton

    url, login, password = settings.credentials()
    return Tryton(
        url,
        login,
        password,
        timeout=settings.timeout,
        company=settings.company,
        transport=build_transport(settings, url),
    )


DECLARATION = Declaration(
    name="tryton",
    title="Tryton",
    connect=_connect,
    rights="needs the group Purchase",
    questions={
        "base_url": "Address with the database, such as https://erp.example.com/mydatabase",
        "client_id": "Login",
        "client_secret": "Password (not shown)",
    },
)


def __getattr__(name: str) -> Any:
    """Import the client when it is first asked for: the declaration alone is read at every start."""
    if name != "Tryton":
        raise AttributeError(name)
    from po_mcp.connectors.tryton.client import Tryton

    return Tryton
