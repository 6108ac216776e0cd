"""An OAuth issuer with real keys whose tokens are as a test wants them, and a server that trusts it."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

import anyio
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from po_mcp.config import Settings
from po_mcp.transports import http as http_transport
from po_mcp.transports.http_app import Address
from po_mcp.transports.uvicorn_server import listen
from tests.ports import serve_at_address

EVERYTHING = "po:read po:write po:approve"
ALICE, BOB = "alice", "bob"
PEOPLE: dict[str, dict[str, Any]] = {
    "alice": {"name": "Alice Adams", "groups": ["buyers"], "scope": "po:read po:write"},
    "bob": {"name": "Bob Brown", "groups": ["buyers", "leads"], "scope": "po:read po:write po:approve"},
    "carol": {"name": "Carol Clark", "groups": ["directors"], "scope": "po:read po:approve"},
}
"""Who can sign in at the issuer's own page, with their names, groups, and the scopes that they are entitled to."""


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """Return the key of this name, made once in a run, since that takes long."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, **more: str) -> dict[str, Any]:
    algorithm: Any = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", **more}


def pkce_challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, section 4.2)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Issuer:
    """An issuer: what it publishes, whom it signs in, what is wrong with its answers, and the paths asked for."""

    url: str
    keys: list[dict[str, Any]] = field(default_factory=lambda: [public_jwk(rsa_key("k1"), "k1", alg="RS256")])
    metadata: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_away: bool = False
    people: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {name: dict(facts) for name, facts in PEOPLE.items()}
    )
    at_keyboard: str = "bob"
    """The person whom the issuer takes for signed in, whichever browser comes."""
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    """Each code that is not yet redeemed, and the parameters with which it was asked for."""
    redeemed: list[dict[str, str]] = field(default_factory=list)
    """Every form that came to the token endpoint."""
    change_answer: Callable[[dict[str, str]], dict[str, str]] = dict
    """Changes the parameters that go back through the browser."""
    id_claims: dict[str, Any] = field(default_factory=dict)
    """Claims of ID tokens that replace the right ones; None leaves one out."""
    sign_id_token: Callable[[dict[str, Any]], str] | None = None
    """Signs ID tokens in the place of the issuer's key."""
    access_claims: dict[str, Any] = field(default_factory=dict)
    """Claims of access tokens that replace the right ones."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        if scope["path"] in ("/authorize", "/token") and not self.is_away:
            request = Request(scope, receive)
            answer = self._authorize(request) if scope["path"] == "/authorize" else await self._redeem(request)
            await answer(scope, receive, send)
            return
        documents = {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/jwks",
                "authorization_endpoint": f"{self.url}/authorize",
                "token_endpoint": f"{self.url}/token",
                "subject_types_supported": ["public"],
                "authorization_response_iss_parameter_supported": True,
                **self.metadata,
            },
            "/jwks": {"keys": self.keys},
        }
        found = documents.get(scope["path"])
        is_there = found is not None and not self.is_away
        await JSONResponse(found if is_there else {}, 200 if is_there else 503)(scope, receive, send)

    def _authorize(self, request: Request) -> Response:
        """Send the person at the keyboard back with a code: they have signed in before."""
        asked = dict(request.query_params)
        assert asked["response_type"] == "code"
        assert asked["redirect_uri"].endswith("/auth/callback")
        code = secrets.token_hex(8)
        self.codes[code] = {**asked, "who": self.at_keyboard}
        answer = self.change_answer({"code": code, "state": asked["state"], "iss": self.url})
        return RedirectResponse(f"{asked['redirect_uri']}?{urlencode(answer)}", 303)

    async def _redeem(self, request: Request) -> Response:
        """Exchange a code for tokens, once, for the holder of the verifier of its challenge."""
        form = dict(parse_qsl((await request.body()).decode()))
        self.redeemed.append(form)
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = pkce_challenge(form.get("code_verifier", ""))
        if asked is None or challenge != asked["code_challenge"] or form["redirect_uri"] != asked["redirect_uri"]:
            return JSONResponse({"error": "invalid_grant"}, 400)
        facts, now = self.people[asked["who"]], int(time.time())
        claims = {
            "iss": self.url,
            "aud": asked["client_id"],
            "sub": asked["who"],
            "iat": now,
            "exp": now + 300,
            "nonce": asked.get("nonce"),
            **{name: value for name, value in facts.items() if name != "scope"},
            **self.id_claims,
        }
        claims = {name: value for name, value in claims.items() if value is not None}
        id_token = self.sign_id_token(claims) if self.sign_id_token else self.sign(claims, header={"typ": "JWT"})
        granted = _grant(asked["scope"], facts["scope"])
        named = self.claims(asked.get("resource", ""), asked["who"], granted, name=facts.get("name"))
        access = {**named, **self.access_claims}
        tokens = {"token_type": "Bearer", "access_token": self.sign(access), "id_token": id_token}
        return JSONResponse(tokens, headers={"cache-control": "no-store"})

    def claims(self, audience: str, subject: str = ALICE, scope: str = EVERYTHING, **more: Any) -> dict[str, Any]:
        """Return the claims of an access token that is good for 300 s; a further claim of None leaves it out."""
        now = int(time.time())
        facts = {
            "iss": self.url,
            "aud": audience,
            "sub": subject,
            "client_id": "host",
            "scope": scope,
            "iat": now,
            "exp": now + 300,
            **more,
        }
        return {name: value for name, value in facts.items() if value is not None}

    def sign(
        self,
        claims: Mapping[str, Any],
        key: Any = None,
        algorithm: str = "RS256",
        header: Mapping[str, Any] | None = None,
    ) -> str:
        headers = {"kid": "k1", "typ": "at+jwt", **(header or {})}
        return jwt.encode(dict(claims), key or rsa_key("k1"), algorithm, headers=headers)


def _grant(asked: str, entitled: str) -> str:
    """Return the scopes that a person is entitled to, of those that were asked for; all where none of ours were."""
    ours = {scope for scope in asked.split() if scope.startswith("po:")}
    return " ".join(scope for scope in entitled.split() if not ours or scope in ours)


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    """Run an issuer on a port of this machine."""
    async with serve_at_address(Issuer) as (_, issuer):
        yield issuer


@dataclass
class TeamServer:
    """A server with sign-in, within this process."""

    origin: str
    issuer: Issuer

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    def token(self, subject: str = ALICE, scope: str = EVERYTHING, **claims: Any) -> str:
        """Return an access token for this server."""
        return self.issuer.sign(self.issuer.claims(self.url, subject, scope, **claims))

    def http(self, token: str | None = None, **headers: str) -> httpx2.AsyncClient:
        """Return an HTTP client of the server, with a token or without."""
        bearer = {} if token is None else {"authorization": f"Bearer {token}"}
        given = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        return httpx2.AsyncClient(
            base_url=self.origin, headers={**given, **bearer, **headers}, timeout=60, trust_env=False
        )


@asynccontextmanager
async def team_server(**settings: Any) -> AsyncIterator[TeamServer]:
    """Run an issuer and a server that trusts it, on ports of this machine."""
    async with issuing() as issuer, serving_for(issuer, **settings) as server:
        yield server


@asynccontextmanager
async def serving_for(issuer: Issuer, *, port: int = 0, **settings: Any) -> AsyncIterator[TeamServer]:
    """Run a server that trusts an issuer, on a port of this machine, with further settings."""
    with closing(listen("127.0.0.1", port)) as sock, pytest.MonkeyPatch.context() as patch:
        patch.setattr(http_transport, "_HANDOVER_S", 0.0)  # there is no balancer that could go elsewhere
        origin = f"http://127.0.0.1:{sock.getsockname()[1]}"
        given = {"sandbox": ":memory:", "public_url": origin, "issuer": issuer.url, **settings}
        is_ready = anyio.Event()

        def set_ready(address: Address) -> None:
            is_ready.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(http_transport.serve, Settings(**given), sock, set_ready)
            await is_ready.wait()
            yield TeamServer(origin, issuer)
            signal.raise_signal(signal.SIGTERM)
