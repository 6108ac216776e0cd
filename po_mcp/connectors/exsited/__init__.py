"""Exsited, API v3 (https://developer.exsited.com)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from po_mcp.connectors.declaration import (
    CREDENTIALS,
    ConnectorSettings,
    Declaration,
    OpenTokenStore,
    Setting,
    parse_text,
)

if TYPE_CHECKING:
    from po_mcp.connectors.exsited.client import Exsited as Exsited


def _connect(settings: ConnectorSettings, token_store: OpenTokenStore) -> Exsited:
    from po_mcp.connectors.exsited.client import Exsited

    url, client_id, secret = settings.credentials()
    return Exsited(
        url,
        client_id,
        secret,
        settings.erp_settings["redirect_uri"],
        timeout=settings.timeout,
        company=settings.company,
        zone=settings.zone(),
        token_store=token_store(f"exsited {url} {client_id}"),
        api_versions=settings.erp_settings["api_versions"],
    )


def _parse_versions(value: object) -> dict[str, str]:
    """Read `call=version, call=version` as a mapping; a table of the file is one already."""
    if isinstance(value, str):
        pairs = [part.partition("=") for part in value.split(",") if part.strip()]
        return {name.strip(): version.strip() for name, _, version in pairs}
    if isinstance(value, dict) and all(isinstance(version, str) for version in value.values()):
        return value
    raise ValueError("must be written as call=version, such as create=v2,delete=v2")


DECLARATION = Declaration(
    name="exsited",
    title="Exsited",
    connect=_connect,
    rights="the ERP's client needs the right to write purchase orders",
    needs=(*CREDENTIALS, "redirect_uri"),
    settings=(Setting("redirect_uri", parse_text), Setting("api_versions", _parse_versions, default={})),
)


def __getattr__(name: str) -> Any:
    """Import the client when it is first asked for: the declaration alone is read at every start."""
    if name != "Exsited":
        raise AttributeError(name)
    from po_mcp.connectors.exsited.client import Exsited

    return Exsited
