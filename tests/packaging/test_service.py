"""The systemd unit, run as it stands: its command, environment, credential and umask, and the signal that ends it.

The sandbox in which systemd puts the process is not here; test_running.py has `systemd-analyze` check that.
"""

from __future__ import annotations

import re
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import httpx2

from po_mcp.sandbox import Book, create_app
from tests.commands.test_serve import CREATE, HEADERS, NEW, modern, read_greeting
from tests.packaging.make import ROOT
from tests.ports import free_port, serve

TEXT = (ROOT / "packaging" / "po-mcp.service").read_text(encoding="utf-8")
SECRET = "a client secret"


def read_values(key: str) -> list[str]:
    """Return the values of a key in the unit, one of each line."""
    return re.findall(rf"^{key}=(.*)$", TEXT, re.MULTILINE)


@asynccontextmanager
async def erp(folder: Path) -> AsyncIterator[str]:
    with closing(Book.open(folder / "book.db")) as book:
        async with serve(create_app(book, client_id="po-mcp", client_secret=SECRET)) as address:
            yield address


@contextmanager
def running(root: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    """Start the unit's command with the unit's environment alone, and every path of it below the folder `root`."""
    [command], [umask] = read_values("ExecStart"), read_values("UMask")
    program, *arguments = shlex.split(command)
    assert program == "/opt/po-mcp/bin/po-mcp"
    arguments = [one.replace("/etc/", f"{root}/etc/").replace("8765", str(port)) for one in arguments]
    environment = dict(one.split("=", 1) for line in read_values("Environment") for one in line.split())
    environment = {
        name: value.replace("%d", f"{root}/credentials").replace("/var/", f"{root}/var/")
        for name, value in environment.items()
    }
    with subprocess.Popen(
        [sys.executable, "-m", "po_mcp", *arguments],
        env={"PATH": "/usr/bin:/bin", "HOME": str(root), "PYTHONPATH": str(ROOT), **environment},
        cwd="/",
        umask=int(umask, 8),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def prepare(root: Path, url: str) -> None:
    """Write the settings as an administrator does, and the credential as systemd does."""
    for name in ("etc/po-mcp", "credentials", "var/lib/po-mcp", "var/cache/po-mcp"):
        (root / name).mkdir(parents=True)
    settings = f'erp = "inventory-pro"\nbase_url = "{url}"\nclient_id = "po-mcp"\n'
    (root / "etc" / "po-mcp" / "config.toml").write_text(settings, encoding="utf-8")
    for line in read_values("LoadCredential"):
        name, _, path = line.partition(":")
        assert path.startswith("/etc/po-mcp/")
        (root / "credentials" / name).write_text(SECRET, encoding="utf-8")


async def test_the_command_of_the_unit_serves_writes_only_where_it_may_and_ends_in_time(tmp_path: Path) -> None:
    port, root = free_port(), tmp_path / "root"
    root.mkdir()
    async with erp(tmp_path) as url:
        prepare(root, url)
        before = {path for path in root.rglob("*") if path.is_file()}
        with running(root, port) as process:
            said = await anyio.to_thread.run_sync(read_greeting, process)
            address = f"http://127.0.0.1:{port}"
            async with httpx2.AsyncClient(base_url=address, headers=HEADERS, trust_env=False, timeout=60) as http:
                ready = await http.get("/readyz")
                made = await http.post("/mcp", **modern(CREATE, NEW))
            process.send_signal(getattr(signal, read_values("KillSignal")[0]))
            [longest] = read_values("TimeoutStopSec")
            _, errors = await anyio.to_thread.run_sync(lambda: process.communicate(timeout=int(longest)))
    written = {path for path in root.rglob("*") if path.is_file()} - before
    places = {f"var/lib/{read_values('StateDirectory')[0]}", f"var/cache/{read_values('CacheDirectory')[0]}"}

    assert (ready.status_code, process.returncode) == (200, 0), said + errors
    assert made.json()["result"]["structuredContent"]["status"] == "done"
    assert {str(path.parent.relative_to(root)) for path in written} == places
    assert {path.stat().st_mode & 0o077 for path in written} == {0}
    assert SECRET not in said + errors
