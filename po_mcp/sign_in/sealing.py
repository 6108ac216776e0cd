"""What a browser keeps for this server and can neither read nor change: cookies, sealed with AES-256-GCM."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

_NONCE_BYTES = 12  # of AES-GCM (NIST SP 800-38D, 5.2.1.1)
_MAX_CHARS = 4000
"""Browsers drop a larger cookie without a word (RFC 6265, 6.1)."""


class Seal:
    """Seals what a browser keeps, each for one purpose and a time.

    Args:
        keys: 32 random bytes each, the same in all replicas: the first seals, all open. Where there are none, one of
            this process, with which every sign-in ends.
        clock: seconds since 1970.
    """

    def __init__(self, keys: Sequence[bytes] = (), clock: Callable[[], float] = time.time) -> None:
        self._keys = tuple(keys) or (secrets.token_bytes(32),)
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
        sealed = nonce + AESGCM(self._keys[0]).encrypt(nonce, text, purpose.encode())
        found = base64.urlsafe_b64encode(sealed).decode()
        if len(found) > _MAX_CHARS:
            raise ValueError("too long for a cookie")
        return found

    def open(self, purpose: str, text: str | None) -> Mapping[str, Any] | None:
        """Return what was sealed; None for what was not sealed here, for another purpose, or is over."""
        if text is None or not text.isascii() or len(text) > _MAX_CHARS:
            return None
        found = [_decrypt(key, text, purpose) for key in self._keys]
        opened = next((one for one in found if one is not None), None)
        content: Mapping[str, Any] | None = None if opened is None else json.loads(opened)
        return content if content is not None and content["until"] > self.clock() else None


def _decrypt(key: bytes, text: str, purpose: str) -> bytes | None:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        sealed = base64.b64decode(text, altchars=b"-_", validate=True)
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose.encode())
    except (InvalidTag, ValueError):  # of base64, and of what is too short
        return None
