"""One public JSON document of another server, such as an issuer's keys: read without credentials."""

from __future__ import annotations

from typing import Any

import anyio
import httpx2

from po_mcp.connectors.http import exact_json, response_body
from po_mcp.errors import BadAnswer, Unreachable

_MAX_BYTES = 256 * 1024
_TIMEOUT_S = 5.0


async def fetch_document(url: str, transport: httpx2.AsyncBaseTransport | None = None) -> Any:
    """GET `url` and return its JSON; no redirect is followed, and no proxy of the environment is used.

    Args:
        url: the address of the document.
        transport: an httpx2 transport in place of the network; it is closed.

    Raises:
        Unreachable: no answer came in time.
        BadAnswer: the answer is no success, too long, or no JSON.
    """
    try:
        with anyio.fail_after(_TIMEOUT_S):
            async with (
                httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, transport=transport) as client,
                client.stream("GET", url, headers={"accept": "application/json"}) as response,
            ):
                if response.status_code != httpx2.codes.OK:
                    raise BadAnswer(f"HTTP {response.status_code} in place of a document.")
                return exact_json.loads(await response_body.read_body(response, _MAX_BYTES))
    except (response_body.TooLarge, exact_json.NotExact) as exc:
        raise BadAnswer("The document cannot be read.") from exc
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, TimeoutError, OSError) as exc:
        raise Unreachable("There is no answer.") from exc
