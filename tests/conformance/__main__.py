"""Serve po-mcp with the suite's fixtures mounted: everything else is what `po-mcp serve` runs. Prints its URL."""

from __future__ import annotations

from typing import Any

import anyio

from po_mcp import bootstrap
from po_mcp.config import Settings
from po_mcp.transports import http
from po_mcp.transports.uvicorn_server import listen
from tests.conformance.fixtures import add_fixtures


def _build_with_fixtures(*given: Any, **named: Any) -> Any:
    server, pending = bootstrap.build_server_with_approvals(*given, **named)
    server._scopes.update(dict.fromkeys(add_fixtures(server), ()))
    return server, pending


async def _serve() -> None:
    sock = listen("127.0.0.1", 0)
    settings = Settings(sandbox=":memory:", journal=":memory:")
    await http.serve(settings, sock, lambda address: print(f"{address.origins[0]}/mcp", flush=True))  # noqa: T201


if __name__ == "__main__":
    setattr(http, "build_server_with_approvals", _build_with_fixtures)  # noqa: B010  # it is not exported
    anyio.run(_serve)
