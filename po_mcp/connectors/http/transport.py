"""The way to the ERP's host: directly, or by a proxy that the operator names; and whose certificates are trusted."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Protocol
from urllib.request import getproxies, proxy_bypass

import httpx2

from po_mcp.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

SYSTEM = "system"


class _Settings(Protocol):
    def proxy_address(self) -> str | None: ...

    def ca_path(self) -> str | None: ...


def build_transport(settings: _Settings, base_url: str) -> httpx2.AsyncBaseTransport | None:
    """Return the transport that the settings ask for; None where they ask for none.

    Raises:
        ConfigurationError: the file of certificates cannot be read.
    """
    proxy, ca_file = settings.proxy_address(), settings.ca_path()
    if proxy == SYSTEM:
        proxy = _system_proxy(httpx2.URL(base_url), getproxies())
    if proxy is None and ca_file is None:
        return None
    context = trust_system()
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as exc:
            raise ConfigurationError("PO_MCP_CA_FILE must name a readable file of PEM certificates") from exc
    # No tries below ours: they would pass by the budget, and nobody would count them.
    return httpx2.AsyncHTTPTransport(verify=context, proxy=proxy, retries=0)


def trust_system() -> ssl.SSLContext:
    """Return a context that trusts what the operating system does, or what SSL_CERT_FILE or SSL_CERT_DIR names.

    Raises:
        ConfigurationError: the certificates cannot be read.
    """
    try:
        return httpx2.create_ssl_context()
    except OSError as exc:  # an environment that was moved or removed leaves a variable that leads nowhere
        raise ConfigurationError("SSL_CERT_FILE must name a readable file of PEM certificates, or be unset") from exc


def _system_proxy(url: httpx2.URL, proxies: Mapping[str, str]) -> str | None:
    """Return the system's proxy for an address, unless the host is among those without one."""
    return None if proxy_bypass(url.host) else proxies.get(url.scheme) or proxies.get("all")
