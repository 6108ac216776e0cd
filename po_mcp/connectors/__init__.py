"""Connectors to ERPs, each in its own folder, and the parts that they share."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from po_mcp.config import Settings
    from po_mcp.connectors.http.tokens import TokenStore
    from po_mcp.erp import ERP


def connect(settings: Settings, token_store: Callable[[str], TokenStore]) -> ERP:
    """Return the connector that the settings name. Nothing is sent yet.

    Args:
        settings: the validated settings.
        token_store: returns the store in which this user's processes share the token of a connection, by its name.
    """
    # Each connector is imported only when it is used: the first tools/list waits for these imports.
    match settings.erp:
        case "sandbox":
            return _connect_sandbox(settings)
        case "inventory-pro":
            return _connect_inventory_pro(settings)
        case "exsited":
            return _connect_exsited(settings, token_store)
        case "tryton":
            return _connect_tryton(settings)


def _connect_sandbox(settings: Settings) -> ERP:
    from po_mcp.connectors.sandbox import Sandbox

    return Sandbox(settings.sandbox_path(), timeout=settings.timeout, zone=_time_zone(settings))


def _connect_inventory_pro(settings: Settings) -> ERP:
    from po_mcp.connectors.inventory_pro import InventoryPro

    url, client_id, secret = settings.credentials()
    return InventoryPro(
        url,
        client_id,
        secret,
        timeout=settings.timeout,
        company=settings.company,
        zone=_time_zone(settings),
        vendor_ids=settings.vendor_ids,
    )


def _connect_exsited(settings: Settings, token_store: Callable[[str], TokenStore]) -> ERP:
    from po_mcp.connectors.exsited import Exsited

    url, client_id, secret = settings.credentials()
    return Exsited(
        url,
        client_id,
        secret,
        settings.redirect_uri or "",
        timeout=settings.timeout,
        company=settings.company,
        zone=_time_zone(settings),
        token_store=token_store(f"exsited {url} {client_id}"),
        api_versions=settings.api_versions,
    )


def _connect_tryton(settings: Settings) -> ERP:
    from po_mcp.connectors.tryton import Tryton

    url, login, password = settings.credentials()
    return Tryton(url, login, password, timeout=settings.timeout, company=settings.company)


def _time_zone(settings: Settings) -> tzinfo | None:
    """Return the company's time zone, None where it is this machine's."""
    if settings.time_zone is None:
        return None
    from zoneinfo import ZoneInfo  # read late: it is one setting that few make

    return ZoneInfo(settings.time_zone)
