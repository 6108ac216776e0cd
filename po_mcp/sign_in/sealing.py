"""What a browser keeps for this server and can neither read nor change: cookies, sealed with AES-256-GCM."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Any

_NONCE_BYTES = 12  # of AES-GCM (NIST SP 800-38D, 5.2.1.1)
_MAX_CHARS = 4000
"""Browsers drop a larger cookie without a word (RFC 6265, 6.1)."""


class Seal:
    """Seals what a browser keeps, each for one purpose and a time.

    Args:
        key: 32 random bytes; a new key with each process where None, and with it every sign-in ends.
        clock: seconds since 1970.
    """

    def __init__(self, key: bytes | None = None, clock: Callable[[], float] = time.time) -> None:
        self._key = key or secrets.token_bytes(32)
        self.clock = clock

    def close(self, purpose: str, content: Mapping[str, Any], until: float) -> str:
        """Return content as text that only `open` reads, for this purpose and until that second.

        Raises:
            ValueError: it is too long for a cookie.
        """
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # late: only a server with sign-in needs it

        nonce = secrets.token_bytes(_NONCE_BYTES)
        text = json.dumps({"until": until, **content}).encode()
        # With the purpose, or what is sealed for a sign-in under way could stand for one that ended well.
        sealed = nonce + AESGCM(self._key).encrypt(nonce, text, purpose.encode())
        found = base64.urlsafe_b64encode(sealed).decode()
        if len(found) > _MAX_CHARS:
            raise ValueError("too long for a cookie")
        return found

    def open(self, purpose: str, text: str | None) -> Mapping[str, Any] | None:
        """Return what was sealed; None for what was not sealed here, for another purpose, or is over."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if text is None or not text.isascii() or len(text) > _MAX_CHARS:
            return None
        try:
            sealed = base64.b64decode(text, altchars=b"-_", validate=True)
            opened = AESGCM(self._key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
        except (InvalidTag, ValueError):  # of base64, and of what is too short
            return None
        content: Mapping[str, Any] = json.loads(opened)
        return content if content["until"] > self.clock() else None
