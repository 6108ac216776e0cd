"""Why a connection could not be made, in a few words that hold no secret. Pure."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import httpx2

UNKNOWN_HOST = "unknown host"
NO_TUNNEL = "the proxy opened no connection to it"
NO_PROXY = "the proxy cannot be reached"
"""Both are also the text of a `ProxyError` that tells of no answer of the proxy which says so itself."""


def describe_cause(error: Exception) -> str:
    """Return why nothing was sent: the name, the port, the certificate, or that no answer came."""
    # A retry drops the causes, which hold the body that was read, and leaves their description as a note.
    if notes := getattr(error, "__notes__", ()):
        return str(notes[0])
    if isinstance(error, httpx2.TimeoutException | TimeoutError):
        return "no answer in time"
    if isinstance(error, httpx2.ProxyError):
        said = str(error)
        return said if said.startswith((NO_TUNNEL, NO_PROXY)) else "the proxy refused the connection"
    causes = list(_chain(error))
    for cause in causes:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message}); PO_MCP_CA_FILE can name the authority"
        if isinstance(cause, socket.gaierror):
            return UNKNOWN_HOST
        if isinstance(cause, ConnectionRefusedError):
            return "connection refused"
    # Last, since an untrusted certificate is an SSLError, too.
    if any(isinstance(cause, ssl.SSLError) for cause in causes):
        return "it does not speak https on this port"
    return "the connection failed"


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error and what it came from."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        waiting += [one.__cause__, one.__context__]
        # anyio tries each address of a host, and raises their errors as one group.
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
