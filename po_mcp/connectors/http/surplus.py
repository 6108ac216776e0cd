"""Bytes that an ERP sent behind a whole answer: the next request on the connection would take them for its own answer.

"A client MUST NOT process, cache, or forward such extra data as a separate response" (RFC 9112, section 6.3). httpcore2
keeps them in its parser: a 204 behind the answer to a read would say that the DELETE after it was carried out. A
server that counts characters for Content-Length, or gives a 204 a body, leaves some.

What comes so late that the next read is on its way looks like the answer to that. On a connection that was used before
a read is therefore sent once more, over a new one, where something stands behind its answer, which may be the true one,
or where it is a 204: left over from another request, that would be an empty list.
"""

from __future__ import annotations

from typing import Any

import httpx2
from anyio.abc import SocketStream


def may_have_surplus(response: httpx2.Response) -> bool:
    """Tell whether bytes stand behind an answer that was read whole, also where that cannot be seen."""
    network: Any = response.extensions.get("network_stream")
    if network is None:  # a transport without a connection, such as that to the sandbox in this process
        return False
    # Neither library shows what it holds back. Where a new version keeps it elsewhere, no connection is used twice.
    try:
        parser = response.stream._httpcore_stream._stream._connection._h11_state  # type: ignore[union-attr]
        behind, _ = parser.trailing_data
        return bool(behind) or _holds_ciphertext(network)
    except AttributeError:
        return True


def is_on_kept_connection(response: httpx2.Response) -> bool:
    """Tell whether an earlier request used the connection of an answer, also where that cannot be seen."""
    if response.extensions.get("network_stream") is None:
        return False
    try:
        count: int = response.stream._httpcore_stream._stream._connection._request_count  # type: ignore[union-attr]
        return count > 1
    except AttributeError:
        return True


def _holds_ciphertext(network: Any) -> bool:
    """Tell whether TLS has received more than was read: what came in a record of its own is not yet deciphered."""
    if isinstance(network._stream, SocketStream):  # without TLS; to ask it for TLS would look up both of its addresses
        return False
    tls = network.get_extra_info("ssl_object")
    return tls is not None and bool(tls.pending() or network._stream._read_bio.pending)
