"""The ERPs that are spoken: one line each."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from po_mcp.connectors import exsited, inventory_pro, tryton
from po_mcp.connectors.declaration import ConnectorSettings, Declaration, OpenTokenStore, Setting

if TYPE_CHECKING:
    from po_mcp.erp import ERP


def _connect_sandbox(settings: ConnectorSettings, token_store: OpenTokenStore) -> ERP:
    # Late: a server of a real ERP needs nothing of the sandbox.
    from po_mcp.connectors.sandbox import Sandbox

    zone = settings.zone()
    today = datetime.now(zone).date()
    return Sandbox(settings.sandbox_path(), timeout=settings.timeout, zone=zone, made_on=today)


SANDBOX = Declaration(
    name="sandbox",
    title="Sandbox",
    connect=_connect_sandbox,
    rights="everything is allowed",
    needs=(),
    personal=(),
    is_trial=True,
)

REGISTRY: dict[str, Declaration] = {
    declaration.name: declaration
    for declaration in (
        SANDBOX,
        inventory_pro.DECLARATION,
        exsited.DECLARATION,
        tryton.DECLARATION,
    )
}


def declared_settings() -> dict[str, Setting]:
    """Return by name the settings that single ERPs read, those of all ERPs."""
    return {setting.name: setting for declaration in REGISTRY.values() for setting in declaration.settings}
