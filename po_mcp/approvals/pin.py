"""The approver's PIN: what makes a link worth nothing to whoever merely has it."""

from __future__ import annotations

import hashlib
import hmac
import secrets

TRIES = 5
"""Wrong PINs after which an operation can no longer be decided on, for its life."""


class Pin:
    """A PIN, held as its scrypt hash (RFC 7914) with a salt of this process."""

    def __init__(self, pin: str) -> None:
        self._salt = secrets.token_bytes(16)
        self._hash = self._hashed(pin)

    def fits(self, given: str) -> bool:
        """Compare in constant time; takes some 50 ms and 16 MB, which is what makes guessing dear."""
        return hmac.compare_digest(self._hashed(given), self._hash)

    def _hashed(self, pin: str) -> bytes:
        return hashlib.scrypt(pin.encode("utf-8", "replace"), salt=self._salt, n=2**14, r=8, p=1)
