"""The keys that all replicas of one server share (`PO_MCP_KEYS`): checked, and one derived for each use."""

from __future__ import annotations

import hashlib
import hmac

from pydantic import SecretStr

MIN_KEY_CHARS = 32
"""Characters of a key: 64 where it is written as `secrets.token_hex(32)` does."""


def keys(secret: SecretStr) -> SecretStr:
    """Return keys that are long enough and differ, separated by commas. The first seals, all of them open."""
    found = _split(secret)
    if not found or any(len(key) < MIN_KEY_CHARS or not key.isascii() or not key.isprintable() for key in found):
        raise ValueError(f"must be random keys of at least {MIN_KEY_CHARS} characters, with commas between them")
    # A long key of few different characters was typed, not drawn.
    if len(set(found)) != len(found) or any(len(set(key)) < 8 for key in found):
        raise ValueError("must be random keys, each of them once")
    return secret


def derive(secret: SecretStr | None, use: str) -> tuple[bytes, ...]:
    """Return a key of 32 bytes for this use from each of the keys, in their order; none where there are none.

    HKDF with SHA-256 (RFC 5869): what one use gives away says nothing of the key of another.
    """
    if secret is None:
        return ()
    return tuple(_hkdf(key.encode(), f"po-mcp/{use}/v1".encode()) for key in _split(secret))


def _split(secret: SecretStr) -> list[str]:
    return [key.strip() for key in secret.get_secret_value().split(",") if key.strip()]


def _hkdf(key: bytes, info: bytes) -> bytes:
    # No salt: the keys are random themselves (RFC 5869, 3.1), and all replicas must derive the same.
    extracted = hmac.digest(bytes(32), key, hashlib.sha256)
    # One block is all: 32 bytes are as long as the hash.
    return hmac.digest(extracted, info + b"\x01", hashlib.sha256)
