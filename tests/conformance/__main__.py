"""Serve po-mcp with the suite's fixtures mounted: everything else is what `po-mcp serve` runs. Prints its URL.

python -m tests.conformance [NAME PORT PUBLIC_URL ISSUER JOURNAL]: one replica of several behind a balancer.
"""

from __future__ import annotations

import sys
from typing import Any

import anyio
from pydantic import SecretStr

from po_mcp import bootstrap
from po_mcp.config import Settings
from po_mcp.transports import http
from po_mcp.transports.uvicorn_server import listen
from tests.conformance.fixtures import add_fixtures
from tests.homes import nobodys_home

KEYS = "0123456789abcdef" * 4
"""The same in each replica, so that one opens what another has sealed."""


def _build_with_fixtures(*given: Any, **named: Any) -> Any:
    server, pending = bootstrap.build_server_with_approvals(*given, **named)
    server._scopes.update(dict.fromkeys(add_fixtures(server), ()))
    return server, pending


def _read_arguments(given: list[str]) -> tuple[int, Settings]:
    """Return the port and the settings; without arguments those of one server by itself."""
    if not given:
        return 0, Settings(sandbox=":memory:", journal=":memory:")
    name, port, public_url, issuer, journal = given
    settings = Settings(
        sandbox=":memory:", journal=journal, replica=name, public_url=public_url, issuer=issuer, keys=SecretStr(KEYS)
    )
    return int(port), settings


async def _serve() -> None:
    port, settings = _read_arguments(sys.argv[1:])
    sock = listen("127.0.0.1", port)
    await http.serve(settings, sock, lambda address: print(f"{address.origins[0]}/mcp", flush=True))  # noqa: T201


if __name__ == "__main__":
    setattr(http, "build_server_with_approvals", _build_with_fixtures)  # noqa: B010  # it is not exported
    with nobodys_home():
        anyio.run(_serve)
