"""An issuer with real keys whose tokens are as a test wants them, and a server that trusts it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import anyio
import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from po_mcp.config import Settings
from po_mcp.transports import http as http_transport
from po_mcp.transports.http_app import Address
from po_mcp.transports.uvicorn_server import create_server, listen

EVERYTHING = "po:read po:write po:approve"
ALICE, BOB = "alice", "bob"


@cache
def rsa_key(name: str, bits: int = 2048) -> rsa.RSAPrivateKey:
    """A key of this name, the same in the whole run: keys take long to make."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey, kid: str, **more: str) -> dict[str, Any]:
    algorithm: Any = jwt.algorithms.RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else jwt.algorithms.ECAlgorithm
    return {**json.loads(algorithm.to_jwk(key.public_key())), "kid": kid, "use": "sig", **more}


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Issuer:
    """What an issuer publishes, and who asked for it."""

    url: str
    keys: list[dict[str, Any]] = field(default_factory=lambda: [public_jwk(rsa_key("k1"), "k1", alg="RS256")])
    metadata: dict[str, Any] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    is_away: bool = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked.append(scope["path"])
        documents = {
            "/.well-known/openid-configuration": {
                "issuer": self.url,
                "jwks_uri": f"{self.url}/jwks",
                **self.metadata,
            },
            "/jwks": {"keys": self.keys},
        }
        found = documents.get(scope["path"])
        is_there = found is not None and not self.is_away
        await JSONResponse(found if is_there else {}, 200 if is_there else 503)(scope, receive, send)

    def claims(self, audience: str, subject: str = ALICE, scope: str = EVERYTHING, **more: Any) -> dict[str, Any]:
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


@asynccontextmanager
async def issuing() -> AsyncIterator[Issuer]:
    with closing(listen("127.0.0.1", 0)) as sock:
        issuer = Issuer(f"http://127.0.0.1:{sock.getsockname()[1]}")
        server = create_server(issuer)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [sock])
            yield issuer
            server.stop()


@dataclass
class TeamServer:
    """A server with sign-in, within this process."""

    origin: str
    issuer: Issuer

    @property
    def url(self) -> str:
        return f"{self.origin}/mcp"

    def token(self, subject: str = ALICE, scope: str = EVERYTHING, **claims: Any) -> str:
        return self.issuer.sign(self.issuer.claims(self.url, subject, scope, **claims))

    def http(self, token: str | None = None, **headers: str) -> httpx2.AsyncClient:
        bearer = {} if token is None else {"authorization": f"Bearer {token}"}
        given = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        return httpx2.AsyncClient(
            base_url=self.origin, headers={**given, **bearer, **headers}, timeout=60, trust_env=False
        )


@asynccontextmanager
async def team_server(**settings: Any) -> AsyncIterator[TeamServer]:
    """An issuer and a server that trusts it, on ports of this machine."""
    async with issuing() as issuer, serving_for(issuer, **settings) as server:
        yield server


@asynccontextmanager
async def serving_for(issuer: Issuer, **settings: Any) -> AsyncIterator[TeamServer]:
    with closing(listen("127.0.0.1", 0)) as sock, pytest.MonkeyPatch.context() as patch:
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
