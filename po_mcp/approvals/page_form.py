"""The small forms of the page, read within bounds."""

from __future__ import annotations

from urllib.parse import parse_qsl

import anyio
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

_MAX_FORM_BYTES = 4096
_SLOWEST_FORM_S = 10.0


async def read_form(request: Request) -> dict[str, str]:
    """Read a small form, each field once.

    Raises:
        HTTPException: it is no such form (400, 415), takes too long (408), or is too large (413).
    """
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/x-www-form-urlencoded":
        raise HTTPException(415)
    body = b""
    try:
        # A form that never ends would hold its connection, and in the end keep others out.
        with anyio.fail_after(_SLOWEST_FORM_S):
            async for chunk in request.stream():
                body += chunk
                # Bounded while it is read: Content-Length is what the sender says.
                if len(body) > _MAX_FORM_BYTES:
                    # What is left of the body is not read, so that no request can follow it.
                    raise HTTPException(413, headers={"connection": "close"})
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=8, errors="strict")
    except (ValueError, ClientDisconnect) as exc:
        raise HTTPException(400) from exc
    except TimeoutError as exc:
        raise HTTPException(408) from exc
    # A field given twice would be read one way here and another way elsewhere.
    if len(dict(pairs)) != len(pairs):
        raise HTTPException(400)
    return dict(pairs)
