"""Who calls over HTTP: the issuer's keys, the tokens that they sign, and the gate that lets nobody else pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from po_mcp.concurrency import CallRate
from po_mcp.sign_in.gate import Gate, Resource
from po_mcp.sign_in.issuer_keys import IssuerKeys
from po_mcp.sign_in.tokens import PERSON_CLAIM, TokenVerifier

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from po_mcp.config import Settings
    from po_mcp.sign_in.approver_sign_in import ApproverSignIn


def build_gate(
    mcp: ASGIApp, settings: Settings, path: str, tool_scopes: Mapping[str, Sequence[str]], max_bytes: int
) -> Gate:
    """Return the gate before an application, for the issuer that the settings name.

    Args:
        mcp: the application.
        settings: the operator's settings.
        path: where clients reach the application.
        tool_scopes: the scopes that a call of each tool needs.
        max_bytes: bytes of one message.
    """
    keys, url = build_keys(settings), f"{settings.public_url}{path}"
    resource = Resource(url, keys.issuer, settings.scopes(), tool_scopes)
    # Clients ask the issuer for a token for this very address, unless it has another name for it (RFC 8707, 2).
    verifier = TokenVerifier(keys, settings.audience or url, settings.person_claim or PERSON_CLAIM)
    return Gate(mcp, verifier, resource, max_bytes, CallRate(settings.calls_per_minute))


def build_approver_sign_in(settings: Settings, url: str, redirect_uri: str) -> ApproverSignIn:
    """Return what signs approvers in at the page.

    Args:
        settings: the operator's settings, with a client id of the page.
        url: the address of MCP.
        redirect_uri: where the issuer sends people back to.
    """
    from po_mcp.sign_in.approver_sign_in import ApproverSignIn
    from po_mcp.sign_in.openid import Client, OpenIdClient
    from po_mcp.sign_in.sealing import Seal

    assert settings.sign_in_client_id is not None
    secret = settings.sign_in_client_secret.get_secret_value() if settings.sign_in_client_secret else None
    scopes, keys = settings.approvers_by("scope:"), build_keys(settings)
    client = Client(settings.sign_in_client_id, secret, redirect_uri, scopes, url)

    async def post(address: str, form: Mapping[str, str], basic: tuple[str, str] | None) -> tuple[int, Any]:
        from po_mcp.connectors.http.document import post_form
        from po_mcp.connectors.http.transport import build_transport

        return await post_form(address, form, basic, build_transport(settings, address))

    person_claim = settings.person_claim or PERSON_CLAIM
    verifier = TokenVerifier(keys, settings.audience or url, person_claim)
    openid = OpenIdClient(keys, client, verifier, post, person_claim)
    return ApproverSignIn(
        openid, Seal(settings.derive_keys("approver-cookie")), settings.approvers_by("group:"), scopes
    )


def build_keys(settings: Settings) -> IssuerKeys:
    """Return the keys of the issuer that the settings name; they are read when one is first needed."""
    assert settings.issuer is not None

    async def fetch(address: str) -> Any:
        from po_mcp.connectors.http.document import fetch_document
        from po_mcp.connectors.http.transport import build_transport

        return await fetch_document(address, build_transport(settings, address))

    return IssuerKeys(settings.issuer, fetch)
