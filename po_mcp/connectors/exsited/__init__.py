"""Exsited, API v3 (https://developer.exsited.com)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from po_mcp.config_values import bare, redirect_uri
from po_mcp.connectors.declaration import (
    CREDENTIALS,
    ConnectorSettings,
    Declaration,
    OpenTokenStore,
    Setting,
    parse_text,
)

_CALL = re.compile(r"[a-z_]{1,40}", re.ASCII)
_VERSION = re.compile(r"v[0-9]{1,2}", re.ASCII)

if TYPE_CHECKING:
    from po_mcp.connectors.exsited.client import Exsited as Exsited


def _connect(settings: ConnectorSettings, token_store: OpenTokenStore) -> Exsited:
    from po_mcp.connectors.exsited.client import Exsited
    from po_mcp.connectors.http.sealed_tokens import SealedTokens
    from po_mcp.connectors.http.transport import build_transport

    url, client_id, secret = settings.credentials()
    # By address and client id, since a new token ends the former of the same credentials.
    name = f"exsited {url} {client_id}"
    return Exsited(
        url,
        client_id,
        secret,
        settings.erp_settings["redirect_uri"],
        timeout=settings.timeout,
        transport=build_transport(settings, url),
        company=settings.company,
        zone=settings.zone(),
        token_store=SealedTokens(token_store(name), secret, name),
        api_versions=settings.erp_settings["api_versions"],
    )


def _parse_redirect_uri(value: object) -> str:
    return redirect_uri(parse_text(value))


def _parse_versions(value: object) -> dict[str, str]:
    """Read `call=version, call=version`, or a table of the file."""
    if isinstance(value, str):
        pairs = [part.partition("=")[::2] for part in str(bare(value)).split(",") if part.strip()]
    elif isinstance(value, Mapping):
        pairs = list(value.items())
    else:
        pairs = [("", "")]
    versions = {str(call).strip().lower(): str(version).strip().lower() for call, version in pairs}
    if len(versions) != len(pairs) or not all(
        _CALL.fullmatch(call) and _VERSION.fullmatch(version) for call, version in versions.items()
    ):
        raise ValueError("must be pairs such as list=v3,create=v2")
    from po_mcp.connectors.exsited.versions import merge_versions  # read late: it is one setting that few make

    merge_versions(versions)  # it knows which calls there are
    return versions


DECLARATION = Declaration(
    name="exsited",
    title="Exsited",
    connect=_connect,
    rights="needs the right to write purchase orders",
    needs=(*CREDENTIALS, "redirect_uri"),
    settings=(Setting("redirect_uri", _parse_redirect_uri), Setting("api_versions", _parse_versions, default={})),
    personal=("client_id", "client_secret", "redirect_uri"),
    questions={"redirect_uri": "Redirect URI that belongs to the credentials"},
)


def __getattr__(name: str) -> Any:
    """Import the client when it is first asked for: the declaration alone is read at every start."""
    if name != "Exsited":
        raise AttributeError(name)
    from po_mcp.connectors.exsited.client import Exsited

    return Exsited
