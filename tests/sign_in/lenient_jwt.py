"""Mutants of PyJWT, each without one of its checks of a token."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

Patch = pytest.MonkeyPatch


def decode_with(patch: Patch, **options: Any) -> None:
    """Let PyJWT leave one of its checks out."""
    decode = jwt.PyJWT.decode

    def leniently(self: Any, token: str, key: Any, **given: Any) -> Any:
        given["options"] = {**given["options"], **options}
        return decode(self, token, key, **given)

    patch.setattr(jwt.PyJWT, "decode", leniently)


def no_signature(patch: Patch) -> None:
    # Without this PyJWT leaves all other checks out, too.
    others = dict.fromkeys(("verify_exp", "verify_nbf", "verify_aud", "verify_iss", "verify_iat"), True)
    decode_with(patch, verify_signature=False, **others)


def any_issuer(patch: Patch) -> None:
    decode_with(patch, verify_iss=False)


def any_audience(patch: Patch) -> None:
    decode_with(patch, verify_aud=False)


def no_expiry(patch: Patch) -> None:
    decode_with(patch, verify_exp=False)
