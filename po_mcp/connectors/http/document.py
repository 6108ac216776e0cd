"""JSON documents of another server than the ERP, such as an issuer's keys, and its answer to a form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

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
    status, document = await _exchange("GET", url, transport)
    if status != httpx2.codes.OK:
        raise BadAnswer(f"HTTP {status} in place of a document.")
    return document


async def post_form(
    url: str,
    form: Mapping[str, str],
    basic: tuple[str, str] | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> tuple[int, Any]:
    """POST a form to `url`, and return the status and the JSON of the answer, under the same rules.

    Args:
        url: the address.
        form: the fields.
        basic: a name and a password; each is encoded as a form's field first (RFC 6749, 2.3.1).
        transport: an httpx2 transport in place of the network; it is closed.

    Raises:
        Unreachable: no answer came in time.
        BadAnswer: the answer is too long, or no JSON.
    """
    auth = None if basic is None else httpx2.BasicAuth(quote_plus(basic[0]), quote_plus(basic[1]))
    return await _exchange("POST", url, transport, data=dict(form), **({} if auth is None else {"auth": auth}))


async def _exchange(method: str, url: str, transport: httpx2.AsyncBaseTransport | None, **sent: Any) -> tuple[int, Any]:
    accept = {"accept": "application/json"}
    try:
        with anyio.fail_after(_TIMEOUT_S):
            async with (
                httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False, transport=transport) as client,
                client.stream(method, url, headers=accept, **sent) as response,
            ):
                # What is no success may be a page of a gateway's, whose text tells nothing.
                is_json = response.is_success or method == "POST"
                body = await response_body.read_body(response, _MAX_BYTES) if is_json else b"null"
                return response.status_code, exact_json.loads(body)
    except (response_body.TooLarge, exact_json.NotExact) as exc:
        raise BadAnswer("The document cannot be read.") from exc
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, TimeoutError, OSError) as exc:
        raise Unreachable("There is no answer.") from exc
