"""A token that is kept for other processes, encrypted: a reader of the journal or a copy of it cannot use it.

The key is made of the client secret, from which anybody could fetch a token anyway. So it needs no setting, all
processes of a connection have it, and it changes with the credentials. Each token is bound to its connection.
"""

from __future__ import annotations

import hashlib
from functools import cached_property

from po_mcp.connectors.http.tokens import TokenStore
from po_mcp.sealed_text import seal, unseal

_PREFIX = "v1."
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
        self._store.save(_PREFIX + seal(self._key, self._name, token.encode()), lifetime)

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
        opened = unseal(self._key, self._name, sealed.removeprefix(_PREFIX))
        return None if opened is None else opened.decode()

    @cached_property
    def _key(self) -> bytes:
        # Slow on purpose, once in a process: some companies choose such secrets themselves.
        return hashlib.scrypt(self._secret.encode(), salt=_USE + self._name, n=2**14, r=8, p=1, dklen=32)
