"""A token that is kept for other processes, encrypted: whoever reads the journal or a copy of it cannot use it.

The key is made of the client secret, from which anybody could fetch a token anyway. So it needs no setting, all
processes of a connection have it, and it changes with the credentials. Each token is bound to its connection.
"""

from __future__ import annotations

import base64
import hashlib
import os
from functools import cached_property
from typing import TYPE_CHECKING

from po_mcp.connectors.http.tokens import TokenStore

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_PREFIX = "v1."
_NONCE_BYTES = 12
_USE = b"po-mcp/erp-token/v1 "


class SealedTokens:
    """A store of tokens that holds them encrypted (AES-256-GCM).

    Args:
        store: where they are kept.
        secret: the client secret of the connection.
        name: of the connection.
    """

    def __init__(self, store: TokenStore, secret: str, name: str) -> None:
        self._store = store
        self._secret = secret
        self._name = name.encode()

    def load(self) -> tuple[str, float] | None:
        """Return the token and its remaining lifetime in seconds; None where there is none that this key opens."""
        found = self._store.load()
        token = None if found is None else self._open(found[0])
        return None if found is None or token is None else (token, found[1])

    def save(self, token: str, lifetime: float) -> None:
        """Save a token with its remaining lifetime in seconds."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, token.encode(), self._name)
        self._store.save(_PREFIX + base64.b64encode(sealed).decode(), lifetime)

    def claim(self, lease: float) -> bool:
        """Take the right to fetch a token for `lease` seconds; return False while another process has it."""
        return self._store.claim(lease)

    def release(self) -> None:
        """Release the right to fetch a token."""
        self._store.release()

    def _open(self, sealed: str) -> str | None:
        # One of an older version, in clear text, is none: it is replaced by the next, and so is that of other keys.
        if not sealed.startswith(_PREFIX):
            return None
        from cryptography.exceptions import InvalidTag

        try:
            raw = base64.b64decode(sealed.removeprefix(_PREFIX), validate=True)
            return self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], self._name).decode()
        except (ValueError, InvalidTag):
            return None

    @cached_property
    def _cipher(self) -> AESGCM:
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # read late: a start needs no token

        # Slow on purpose, once in a process: some companies choose such secrets themselves.
        return AESGCM(hashlib.scrypt(self._secret.encode(), salt=_USE + self._name, n=2**14, r=8, p=1, dklen=32))
