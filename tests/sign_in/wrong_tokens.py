"""Tokens that must open nothing, each by the name of what is wrong with it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

from tests.sign_in.issuer import TeamServer, ec_key, public_pem, rsa_key


def _encode(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def forge(header: Mapping[str, Any], claims: Mapping[str, Any], key: bytes | None) -> str:
    """Return a token that no library would sign: by HS256 with a public key as the secret, or not at all."""
    text = f"{_encode(json.dumps(header).encode())}.{_encode(json.dumps(claims).encode())}"
    return f"{text}.{'' if key is None else _encode(hmac.new(key, text.encode(), hashlib.sha256).digest())}"


def _none(server: TeamServer) -> str:
    return forge({"alg": "none", "typ": "at+jwt", "kid": "k1"}, server.issuer.claims(server.url), None)


def _hs256(server: TeamServer) -> str:
    header = {"alg": "HS256", "typ": "at+jwt", "kid": "k1"}
    return forge(header, server.issuer.claims(server.url), public_pem(rsa_key("k1")))


def _change_payload(server: TeamServer) -> str:
    head, _, signature = server.token(scope="po:read").split(".")
    return f"{head}.{_encode(json.dumps(server.issuer.claims(server.url)).encode())}.{signature}"


def _sign(server: TeamServer, key: Any = None, **changes: Any) -> str:
    return server.issuer.sign({**server.issuer.claims(server.url), **changes}, key)


def _without(server: TeamServer, claim: str) -> str:
    claims = server.issuer.claims(server.url)
    return server.issuer.sign({name: value for name, value in claims.items() if name != claim})


def _of_type(server: TeamServer, kind: str, **claims: Any) -> str:
    return server.issuer.sign(server.issuer.claims(server.url, **claims), header={"typ": kind})


NO_TOKEN: dict[str, Callable[[TeamServer], str | None]] = {"no token": lambda server: None}
INVALID: dict[str, Callable[[TeamServer], str | None]] = {
    "garbage": lambda server: "x.y.z",
    "nested without end": lambda server: f"{_encode(b'[' * 5000)}.x.y",
    "too long": lambda server: "a" * 9000,
    "alg none": _none,
    "HS256 with the public key": _hs256,
    "another key, same id": lambda server: _sign(server, rsa_key("another")),
    "another key, unknown id": lambda server: server.issuer.sign(
        server.issuer.claims(server.url), rsa_key("another"), header={"kid": "k2"}
    ),
    "an algorithm that its key is not for": lambda server: server.issuer.sign(
        server.issuer.claims(server.url), algorithm="RS512"
    ),
    "a key of another type": lambda server: server.issuer.sign(
        server.issuer.claims(server.url), ec_key(), algorithm="ES256"
    ),
    "changed after it was signed": _change_payload,
    "another issuer": lambda server: _sign(server, iss="https://evil.example"),
    "the issuer with a slash": lambda server: _sign(server, iss=f"{server.issuer.url}/"),
    "another audience": lambda server: _sign(server, aud="https://another.example/mcp"),
    "the server's origin as audience": lambda server: _sign(server, aud=server.origin),
    "no audience": lambda server: _without(server, "aud"),
    "expired": lambda server: _sign(server, exp=int(time.time()) - 60),
    "no expiry": lambda server: _without(server, "exp"),
    "not yet valid": lambda server: _sign(server, nbf=int(time.time()) + 600),
    "issued in the future": lambda server: _sign(server, iat=int(time.time()) + 600),
    "no subject": lambda server: _without(server, "sub"),
    "an invisible subject": lambda server: _sign(server, sub="al\u200bice"),
    "an empty subject": lambda server: _sign(server, sub=""),
    "an ID token by its type": lambda server: _of_type(server, "id+jwt"),
    "an ID token by its claims": lambda server: _of_type(server, "JWT", nonce="n", at_hash="x"),
    "a logout token": lambda server: _of_type(server, "logout+jwt"),
    "an unknown extension": lambda server: server.issuer.sign(
        server.issuer.claims(server.url), header={"crit": ["x"], "x": 1}
    ),
}
WITHOUT_SCOPE: dict[str, Callable[[TeamServer], str | None]] = {
    "no scope": lambda server: _without(server, "scope"),
    "an empty scope": lambda server: server.token(scope=""),
    "scopes of another server": lambda server: server.token(scope="read write po:reader PO:READ"),
    "a scope that is no text": lambda server: _sign(server, scope={"po:read": True}),
}
