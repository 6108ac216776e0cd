"""The way to the ERP's host: directly, or by a proxy that the operator names; and whose certificates are trusted."""

from __future__ import annotations

import math
import ssl
from typing import Protocol

import anyio
import httpx2

from po_mcp import config_values
from po_mcp.connectors.http.cause import NO_PROXY, NO_TUNNEL, describe_cause
from po_mcp.connectors.http.first_byte import FirstByte
from po_mcp.erp import send_at_once
from po_mcp.errors import ConfigurationError

SYSTEM = "system"
OF_ITS_OWN = "of_its_own"
"""The extension of a request that goes over a connection of its own."""


class _Settings(Protocol):
    def proxy_address(self) -> str | None: ...

    def ca_path(self) -> str | None: ...


class Connections(httpx2.AsyncBaseTransport):
    """The way over the network: reads share connections, each write has one of its own.

    What an ERP sends behind an answer may arrive at any time later. On a connection that was used before it would be
    taken for the answer to the write: a late 204 behind that to a read called a delete done which was refused. And
    nothing that comes late behind the answer to a write is the answer to a read.
    """

    def __init__(self, verify: ssl.SSLContext, proxy: str | None = None) -> None:
        # No tries below ours: they would pass by the budget, and nobody would count them.
        self._has_proxy = proxy is not None
        self._shared = httpx2.AsyncHTTPTransport(verify=verify, proxy=proxy, retries=0)
        alone = httpx2.Limits(max_keepalive_connections=0)
        self._alone = httpx2.AsyncHTTPTransport(verify=verify, proxy=proxy, retries=0, limits=alone)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request over a new connection, which is closed behind its answer, where it asks for one."""
        chosen = self._alone if OF_ITS_OWN in request.extensions else self._shared
        if not self._has_proxy:
            return await chosen.handle_async_request(request)
        steps: FirstByte = request.extensions.setdefault("trace", FirstByte(send_at_once))
        # A proxy that says nothing would be waited for as an ERP is that takes its time to answer.
        steps.tunnel_timeout = request.extensions.get("timeout", {}).get("connect") or math.inf
        try:
            with anyio.CancelScope() as steps.time_for_tunnel:
                return await chosen.handle_async_request(request)
        except httpx2.TransportError as exc:
            # By its type alone a proxy that closes or hangs is an ERP that answers nothing.
            if (why := _find_fault_of_proxy(steps, exc)) and not isinstance(exc, httpx2.ProxyError):
                raise httpx2.ProxyError(why, request=request) from exc
            raise
        raise httpx2.ProxyError(NO_TUNNEL, request=request)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._shared.aclose()
        await self._alone.aclose()


def _find_fault_of_proxy(steps: FirstByte, error: Exception) -> str:
    """Return what a proxy is at fault for; "" where it is not."""
    # What is connected to is the proxy's address, and never the ERP's.
    if isinstance(error, httpx2.ConnectError | httpx2.ConnectTimeout) and not steps.is_connected:
        return f"{NO_PROXY} ({describe_cause(error)})"
    return NO_TUNNEL if steps.is_at_proxy else ""


def build_transport(settings: _Settings, base_url: str) -> httpx2.AsyncBaseTransport | None:
    """Return the transport that the settings ask for; None where they ask for none.

    Raises:
        ConfigurationError: the file of certificates cannot be read, or the system's proxy cannot be used.
    """
    proxy, ca_file = settings.proxy_address(), settings.ca_path()
    if proxy == SYSTEM:
        try:
            proxy = config_values.find_system_proxy(base_url)
        except ValueError as exc:
            raise ConfigurationError(str(exc)) from None
    if proxy is None and ca_file is None:
        return None
    context = trust_system()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as exc:
            raise ConfigurationError("PO_MCP_CA_FILE must name a readable file of PEM certificates") from exc
    return Connections(context, proxy)


def trust_system() -> ssl.SSLContext:
    """Return a context that trusts what the operating system does, or what SSL_CERT_FILE or SSL_CERT_DIR names.

    Raises:
        ConfigurationError: the certificates cannot be read.
    """
    try:
        return httpx2.create_ssl_context()
    except OSError as exc:  # an environment that was moved or removed leaves a variable that leads nowhere
        raise ConfigurationError("SSL_CERT_FILE must name a readable file of PEM certificates, or be unset") from exc


def trust_for(scheme: str) -> ssl.SSLContext:
    """Return the context for a direct connection to addresses of this scheme.

    Raises:
        ConfigurationError: the certificates cannot be read.
    """
    # Without TLS nobody is trusted: to read the system's certificates takes a megabyte, and a handshake would fail.
    return trust_system() if scheme == "https" else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
