"""What a browser keeps for this server and can neither read nor change: cookies, sealed with AES-256-GCM."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from po_mcp.sealed_text import seal, unseal

_MAX_CHARS = 4000
"""Browsers drop a larger cookie without a word (RFC 6265, 6.1)."""


class Seal:
    """Seals what a browser keeps, each for one purpose and a time.

    Args:
        keys: of 32 bytes each, which all replicas have: the first seals, all open. Where there are none, one of this
            process, with which every sign-in ends.
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
        # With the purpose, or what is sealed for a sign-in under way could stand for one that ended well.
        sealed = seal(self._keys[0], purpose.encode(), json.dumps({"until": until, **content}).encode())
        if len(sealed) > _MAX_CHARS:
            raise ValueError("too long for a cookie")
        return sealed

    def open(self, purpose: str, text: str | None) -> Mapping[str, Any] | None:
        """Return what was sealed; None for what was not sealed here, for another purpose, or is over."""
        if text is None or not text.isascii() or len(text) > _MAX_CHARS:
            return None
        for key in self._keys:
            if (opened := unseal(key, purpose.encode(), text)) is not None:
                content: Mapping[str, Any] = json.loads(opened)
                return content if content["until"] > self.clock() else None
        return None
