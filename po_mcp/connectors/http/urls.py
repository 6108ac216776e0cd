"""The address of a request: what a caller gave stays one segment of its path."""

from __future__ import annotations

from urllib.parse import quote

import httpx2

from po_mcp.connectors.numbers import check_readable
from po_mcp.errors import InvalidInput


def normalize_base_url(url: str) -> str:
    """Return scheme, host, port and path of a base URL in the one way in which each is written.

    The scheme's own port is left out, letters of the host are small, and there is no closing slash.
    """
    parsed = httpx2.URL(url)
    port = "" if parsed.port is None else f":{parsed.port}"
    host = parsed.raw_host.decode("ascii")
    host = f"[{host}]" if ":" in host else host
    return f"{parsed.scheme}://{host}{port}{parsed.raw_path.decode('ascii').partition('?')[0].rstrip('/')}"


def build_url(base: httpx2.URL, path: str, segments: tuple[str, ...]) -> httpx2.URL:
    """Append `path` and `segments`, each encoded, to `base`, and make sure that the segments stayed segments.

    Raises:
        InvalidInput: a segment is none, or did not stay one.
    """
    template = base.raw_path.decode("ascii").rstrip("/") + path
    joined = "/".join((template, *(quote(check_readable(segment), safe="") for segment in segments)))
    url = base.copy_with(raw_path=joined.encode("ascii"))
    if url.raw_path != joined.encode("ascii") or url.raw_path.count(b"/") != template.count("/") + len(segments):
        raise InvalidInput("This cannot be put into the address of a request. Nothing was sent.")
    return url
