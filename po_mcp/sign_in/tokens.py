"""Access tokens: JWTs of one issuer for this server alone (RFC 9068), verified by signature and never passed on."""

from __future__ import annotations

import logging
from collections.abc import Container, Mapping, Sequence
from typing import Any

from mcp.server.auth.provider import AccessToken

from po_mcp.sign_in.issuer_keys import IssuerKeys, IssuerUnavailable, Jwk
from po_mcp.untrusted import visible

logger = logging.getLogger(__name__)

ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Signatures with a public key. Never `none`, and never HS256, whose key would be the issuer's published one."""
LEEWAY_S = 30
"""Seconds by which the issuer's clock and this one may differ."""
_MAX_CHARS = 8192
_TYPES = frozenset({"at+jwt", "jwt"})
PERSON_CLAIM = "sub"
"""The claim that names a person, unless the operator names another."""
_REQUIRED = ["iss", "aud", "exp", "iat", "sub"]
_OF_AN_ID_TOKEN = frozenset({"nonce", "at_hash", "c_hash"})
"""Claims that an ID token has and an access token has not (OpenID Connect Core 1.0, 2 and 3.3.2.11)."""
_MAX_SUBJECT_CHARS = 255  # OpenID Connect Core 1.0, 2


class _NotValid(Exception):
    """A token is not valid here; the text says why and holds nothing of it."""


class TokenVerifier:
    """Verifies tokens; the SDK's protocol of the same name.

    Args:
        keys: of the issuer.
        audience: what a token for this server names in `aud` (RFC 8707, 2).
        person_claim: the claim that names the person.
    """

    def __init__(self, keys: IssuerKeys, audience: str, person_claim: str = PERSON_CLAIM) -> None:
        self._keys = keys
        self._audience = audience
        self._person_claim = person_claim

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return what a token says of its owner; None where it is not valid here. The token itself is not kept.

        Raises:
            IssuerUnavailable: nobody can tell now.
        """
        try:
            header = read_header(token, _TYPES)
            key = await self._keys.find(header.get("kid"))
            if key is None:
                raise _NotValid("no such key")
            return _read_claims(self._decode(token, header["alg"], key), self._audience, self._person_claim)
        except IssuerUnavailable:
            raise
        except Exception as exc:  # besides PyJWT's own errors such as RecursionError, for what a stranger may send
            logger.info("a token was refused: %s", exc if isinstance(exc, _NotValid) else type(exc).__name__)
            return None

    def _decode(self, token: str, algorithm: str, key: Jwk) -> Mapping[str, Any]:
        issuer = self._keys.issuer
        return decode_claims(token, algorithm, key, issuer=issuer, audience=self._audience, required=_REQUIRED)


def decode_claims(
    token: str, algorithm: str, key: Jwk, *, issuer: str, audience: str, required: Sequence[str]
) -> Mapping[str, Any]:
    """Return the claims of a token by its signature, issuer, audience and time. Raises what PyJWT raises."""
    import jwt  # late, for a quick start: only a server with sign-in needs it

    # A key may say with which algorithm it signs; else its type must fit, which PyJWT sees to.
    if key.get("alg", algorithm) != algorithm:
        raise jwt.InvalidAlgorithmError
    # Of a key that is too short PyJWT would warn, and go on.
    claims: Mapping[str, Any] = jwt.PyJWT({"enforce_minimum_key_length": True}).decode(
        token,
        jwt.PyJWK(dict(key), algorithm),
        # One and not all that count here: the key was made for this one.
        algorithms=[algorithm],
        audience=audience,
        issuer=issuer,
        leeway=LEEWAY_S,
        options={"require": [*required]},
    )
    return claims


def read_header(token: str, types: Container[str], max_chars: int = _MAX_CHARS) -> Mapping[str, Any]:
    """Return the header of a token that may be of one of these types. Raises where it is not, or cannot be read."""
    import jwt

    if len(token) > max_chars:
        raise _NotValid("too long")
    header = jwt.get_unverified_header(token)
    # Letters of any case, with or without the beginning (RFC 7515, 4.1.9); it may be missing.
    if str(header.get("typ", "jwt")).lower().removeprefix("application/") not in types:
        raise _NotValid("another type")
    if header.get("alg") not in ALGORITHMS:
        raise _NotValid("another algorithm")
    if "crit" in header:  # RFC 7515, 4.1.11: what must be understood and is not, makes a token invalid
        raise _NotValid("an unknown extension")
    return header


def _read_claims(claims: Mapping[str, Any], audience: str, person_claim: str) -> AccessToken:
    subject = claims.get(person_claim)
    if claims.keys() & _OF_AN_ID_TOKEN:
        raise _NotValid("an ID token")
    if not is_name(subject):
        raise _NotValid("its subject")
    client = claims.get("client_id") or claims.get("azp") or "unknown"
    return AccessToken(
        token="",
        client_id=str(client),
        scopes=read_scopes(claims),
        expires_at=int(claims["exp"]),
        resource=audience,
        subject=subject,
        claims={"iss": claims["iss"], **read_facts(claims)},
    )


def read_facts(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a token tells of its owner besides: names as they are written there, and groups (RFC 9068, 2.2.3.1).

    Whatever is not of the right type counts as not said.
    """
    names = {name: claims[name] for name in ("name", "preferred_username") if isinstance(claims.get(name), str)}
    groups = claims.get("groups")
    listed = [one for one in groups if isinstance(one, str)] if isinstance(groups, list) else []
    return {**names, "groups": listed}


def is_name(subject: object) -> bool:
    """Tell whether a subject can stand in the journal and on a terminal as it is."""
    return (
        isinstance(subject, str)
        and 0 < len(subject) <= _MAX_SUBJECT_CHARS
        and visible(subject, _MAX_SUBJECT_CHARS) == subject
    )


def read_scopes(claims: Mapping[str, Any]) -> list[str]:
    """Return the scopes: `scope` as one text (RFC 9068, 2.2.3), or what some issuers write, `scp`, also as a list."""
    given = claims.get("scope", claims.get("scp", ""))
    if isinstance(given, str):
        return given.split()
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
