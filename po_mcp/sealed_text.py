"""Content as text that only a holder of the key can read or change: AES-256-GCM, in URL-safe base64.

`cryptography` is imported when something is sealed: a start needs nothing of it.
"""

from __future__ import annotations

import base64
import secrets

_NONCE_BYTES = 12  # of AES-GCM (NIST SP 800-38D, 5.2.1.1)


def seal(key: bytes, purpose: bytes, content: bytes) -> str:
    """Return content, sealed with a key of 32 bytes for one purpose."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    nonce = secrets.token_bytes(_NONCE_BYTES)
    return base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, content, purpose)).decode()


def unseal(key: bytes, purpose: bytes, text: str) -> bytes | None:
    """Return what was sealed; None for what was not sealed with this key for this purpose."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    try:
        # Validated: what is no Base64 would be passed over, and one text could be written in many ways.
        sealed = base64.b64decode(text, altchars=b"-_", validate=True)
        return AESGCM(key).decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], purpose)
    except (InvalidTag, ValueError):  # of base64, and of what is too short
        return None
