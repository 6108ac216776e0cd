"""The official conformance suite, against po-mcp's own HTTP server with the suite's fixtures mounted.

Against one server directly, and against two replicas behind a real nginx with the file of packaging/balancer/.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path

import anyio
import anyio.to_thread
import pytest

from tests.balancer.fleet import NAMES, balancing
from tests.clients import setup
from tests.clients.conftest import Workspace
from tests.ports import free_port
from tests.sign_in.issuer import ALICE, EVERYTHING, issuing

pytestmark = pytest.mark.clients

REVISIONS = {
    "2025-06-18": (["--suite", "all", "--spec-version", "2025-06-18"], 56),
    "2025-11-25": (["--requirements", "2025-11-25"], 74),
    "2026-07-28": (["--requirements", "2026-07-28"], 151),
}
"""Of each protocol version: the suite's arguments, and how many checks pass at least.

The arguments choose what the version required when it was released; the suite has no such list of 2025-06-18, so all
that applies to it. Checks that fail are not scored: extensions and pending scenarios.
"""
Deployment = Callable[[Path], AbstractAsyncContextManager[str]]
SUITE = ("node_modules", "@modelcontextprotocol", "conformance", "dist", "index.js")


@contextmanager
def serving(folder: Path, name: str, *arguments: str) -> Iterator[str]:
    """Run a server with the fixtures, its log in a file of this name; yield its URL."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.conformance", *arguments]
    with (
        (folder / f"{name}.log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@asynccontextmanager
async def alone(folder: Path) -> AsyncIterator[str]:
    """Run one server; yield its URL."""
    with serving(folder, "server") as url:
        yield url


@asynccontextmanager
async def behind_nginx(folder: Path) -> AsyncIterator[str]:
    """Run two replicas on one journal behind nginx, which chooses one for each request and adds a token to it."""
    port, ports = free_port(), {name: free_port() for name in NAMES}
    origin = f"http://127.0.0.1:{port}"
    async with issuing() as issuer:
        claims = issuer.claims(f"{origin}/mcp", ALICE, EVERYTHING, exp=int(time.time()) + 24 * 3600)
        change = partial(adapt_to_suite, bearer=issuer.sign(claims))
        with ExitStack() as stack:
            for name, its_port in ports.items():
                arguments = (name, str(its_port), origin, issuer.url, str(folder / "journal.db"))
                url = stack.enter_context(serving(folder, name, *arguments))
            stack.enter_context(balancing("nginx", folder, port, ports, change))
            yield url


def adapt_to_suite(text: str, bearer: str) -> str:
    """Return nginx's file for a suite that has no token, is fast, and names an origin without TLS."""
    text = re.sub(r"^ *ssl_.*\n", "", text, flags=re.MULTILINE).replace(" ssl;", ";")
    text = text.replace("rate=50r/s", "rate=5000r/s")
    sent_on = f'    proxy_set_header Authorization "Bearer {bearer}";'
    return text.replace("    proxy_http_version", f"{sent_on}\n    proxy_http_version")


@pytest.mark.parametrize("deployment", [alone, behind_nginx], ids=lambda deployment: deployment.__name__)
@pytest.mark.parametrize("revision", REVISIONS)
async def test_every_required_check_passes(
    workspace: Workspace, tmp_path: Path, revision: str, deployment: Deployment
) -> None:
    which, least = REVISIONS[revision]
    suite = setup.install_npm("conformance").joinpath(*SUITE)
    async with deployment(tmp_path) as url:
        arguments = ["server", "--url", url, *which, "--timeout", "30000", "-o", str(workspace.folder / "out")]
        ended = await anyio.to_thread.run_sync(partial(workspace.run, [setup.install_node(), suite, *arguments]))
    checks = [
        check for file in (workspace.folder / "out").glob("*/checks.json") for check in json.loads(file.read_text())
    ]

    assert ended.returncode == 0, ended.stdout[-3000:]
    assert Counter(check["status"] for check in checks)["SUCCESS"] >= least
