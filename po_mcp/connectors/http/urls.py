"""URLs of requests; a segment from a caller stays one segment of the path."""

from __future__ import annotations

from functools import lru_cache
from urllib.parse import quote

import httpx2

from po_mcp.connectors.numbers import check_readable
from po_mcp.errors import InvalidInput


def normalize_base_url(url: str) -> str:
    """Return the normal form of a base URL: scheme, host, port and path.

    The scheme's default port is left out, the host is in lower case, and there is no trailing slash.
    """
    # The journal knows a connection by this text: another spelling must not look like another company's books.
    parsed = httpx2.URL(url)
    port = "" if parsed.port is None else f":{parsed.port}"
    host = parsed.raw_host.decode("ascii")
    # Without brackets the end of an IPv6 address would read as its port.
    host = f"[{host}]" if ":" in host else host
    return f"{parsed.scheme}://{host}{port}{parsed.raw_path.decode('ascii').partition('?')[0].rstrip('/')}"


@lru_cache(256)  # an order is read several times before it is written
def build_url(base: httpx2.URL, path: str, segments: tuple[str, ...]) -> httpx2.URL:
    """Append `path` and the percent-encoded `segments` to `base`.

    Raises:
        InvalidInput: a segment is no order number, or would not stay one segment of the path.
    """
    template = base.raw_path.decode("ascii").rstrip("/") + path
    # With `safe` empty, since `quote` leaves slashes, and one in a number would begin another segment.
    joined = "/".join((template, *(quote(check_readable(segment), safe="") for segment in segments)))
    url = base.copy_with(raw_path=joined.encode("ascii"))
    # httpx2 normalizes `..` and some characters; any change would address another resource.
    if url.raw_path != joined.encode("ascii") or url.raw_path.count(b"/") != template.count("/") + len(segments):
        raise InvalidInput("That value cannot be sent to the ERP.", effect="nothing_sent")
    return url
