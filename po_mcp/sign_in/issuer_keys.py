"""The public keys of the issuer: found by its metadata, kept for a while, and read again where a key is not known."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import anyio

from po_mcp.errors import BadAnswer, PurchaseOrderError

logger = logging.getLogger(__name__)

FetchDocument = Callable[[str], Awaitable[Any]]
Jwk = Mapping[str, Any]

FRESH_S = 900.0
"""Seconds after which the keys are read again."""
_KEPT_S = 86_400.0
"""Seconds for which keys count while the issuer cannot be reached."""
PAUSE_S = 10.0
"""Seconds between two readings at least: tokens with invented key ids must not make this server ask without end."""
_KEY_TYPES = ("RSA", "EC", "OKP")  # never "oct": who verifies with a shared secret can also sign with it


class IssuerUnavailable(Exception):
    """No keys of the issuer are known, and they cannot be read now; the text says why."""


class IssuerKeys:
    """The keys with which one issuer signs.

    Args:
        issuer: its name, which is the address of its metadata, too.
        fetch: returns the JSON document at an address; raises `PurchaseOrderError`.
        clock: monotonic seconds.
    """

    def __init__(self, issuer: str, fetch: FetchDocument, clock: Callable[[], float] = time.monotonic) -> None:
        self.issuer = issuer
        self._fetch = fetch
        self._clock = clock
        self._keys: list[Jwk] = []
        self._read_at = self._tried_at = -math.inf
        self._reading = anyio.Lock()
        self._fault = ""

    async def find(self, key_id: str | None) -> Jwk | None:
        """Return the key of this id, or the only key where a token names none; None where there is no such key.

        Raises:
            IssuerUnavailable: no keys are known.
        """
        key = self._find_known(key_id)
        is_fresh = self._clock() - self._read_at < FRESH_S
        # A key that is known is used while another request reads the keys again.
        if key is None or not (is_fresh or self._reading.locked()):
            await self._read_again()
            key = self._find_known(key_id)
        if not self._keys:
            raise IssuerUnavailable(self._fault)
        return key

    def _find_known(self, key_id: str | None) -> Jwk | None:
        if self._clock() - self._read_at > _KEPT_S:
            self._keys = []
        if key_id is None:
            # Of several none is tried in turn: the token has to name it.
            return self._keys[0] if len(self._keys) == 1 else None
        return next((key for key in self._keys if key.get("kid") == key_id), None)

    async def _read_again(self) -> None:
        # Shielded: a client that hangs up at once would otherwise keep the keys from ever being read.
        with anyio.CancelScope(shield=True):
            async with self._reading:
                if self._clock() - self._tried_at < PAUSE_S:
                    return
                # Before the reading: one that fails is not repeated at once, either.
                self._tried_at = self._clock()
                try:
                    self._keys = await self._read()
                    self._read_at = self._clock()
                except PurchaseOrderError as exc:
                    self._fault = exc.message
                    logger.warning("the keys of %s cannot be read: %s", self.issuer, exc.message)

    async def _read(self) -> list[Jwk]:
        document = _require_object(await self._fetch(await self._find_address()))
        listed = document.get("keys")
        keys = [key for key in listed if _is_usable(key)] if isinstance(listed, list) else []
        if not keys:
            raise BadAnswer("The issuer lists no key that can be used.")
        return keys

    async def _find_address(self) -> str:
        address = (await self.read_metadata()).get("jwks_uri")
        if not isinstance(address, str) or not is_as_safe(address, self.issuer):
            raise BadAnswer("The issuer's metadata has no address of its keys that is as safe as its own.")
        return address

    async def read_metadata(self) -> Mapping[str, Any]:
        """Return what the issuer says of itself.

        Raises:
            PurchaseOrderError: it cannot be read, or is another's.
        """
        metadata = _require_object(await self._read_metadata())
        # RFC 8414, 3.3: metadata that names another issuer is another's.
        if metadata.get("issuer") != self.issuer:
            raise BadAnswer("The issuer's metadata names another issuer.")
        return metadata

    async def _read_metadata(self) -> Any:
        try:
            return await self._fetch(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        except BadAnswer:  # an OAuth server without OpenID Connect (RFC 8414, 3.1)
            parts = urlsplit(self.issuer)
            path = parts.path.rstrip("/")
            return await self._fetch(f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{path}")


def _require_object(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise BadAnswer("The issuer's document is no JSON object.")
    return document


def _is_usable(key: Any) -> bool:
    # A key need not say what it is for (RFC 7517, 4.2).
    return isinstance(key, Mapping) and key.get("kty") in _KEY_TYPES and key.get("use", "sig") == "sig"


def is_as_safe(address: str, issuer: str) -> bool:
    """Tell whether an address is https; for an issuer on this machine it may be like the issuer's own."""
    try:
        parts, own = urlsplit(address), urlsplit(issuer)
    except ValueError:
        return False
    return parts.scheme == "https" or (parts.scheme, parts.netloc) == (own.scheme, own.netloc)
