"""The address of a request: what a caller gave stays one segment of its path."""

from __future__ import annotations

import re

import httpx2

from po_mcp.errors import InvalidInput

_SEGMENT = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)


def checked_segment(text: str, what: str = "order number") -> str:
    """Return `text` if a path can carry it as exactly one segment; else raise `InvalidInput`."""
    if not _SEGMENT.fullmatch(text):
        raise InvalidInput(
            f"That is no {what}. Nothing was sent.",
            next_step="Write letters, digits, dots, dashes and underscores, at most 64, such as PO-2025-0042.",
        )
    return text


def base_address(url: str) -> str:
    """Return scheme, host, port and path of a base URL in the one way in which each is written.

    The scheme's own port is left out, letters of the host are small, and there is no closing slash.
    """
    parsed = httpx2.URL(url)
    port = "" if parsed.port is None else f":{parsed.port}"
    host = parsed.raw_host.decode("ascii")
    host = f"[{host}]" if ":" in host else host
    return f"{parsed.scheme}://{host}{port}{parsed.raw_path.decode('ascii').partition('?')[0].rstrip('/')}"


def address(base: httpx2.URL, path: str, segments: tuple[str, ...]) -> httpx2.URL:
    """Append `path` and `segments` to `base`, and make sure that the segments stayed segments."""
    for segment in segments:
        checked_segment(segment)
    template = base.path.rstrip("/") + path
    joined = "/".join((template, *segments))
    url = base.copy_with(path=joined)
    if url.path != joined or url.raw_path.count(b"/") != template.count("/") + len(segments):
        raise InvalidInput("This cannot be put into the address of a request. Nothing was sent.")
    return url
