"""Two replicas of the server behind a balancer, with the files of packaging/balancer/ but for addresses."""

from __future__ import annotations

import re
import shutil
import signal
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from tests.certificates import own_certificate
from tests.commands.test_serve import read_greeting, start
from tests.harness import MODES, ScriptedPerson
from tests.packaging.make import ROOT
from tests.ports import free_port, wait_for_port
from tests.sign_in.issuer import ALICE, EVERYTHING, Issuer, issuing

FILES = ROOT / "packaging" / "balancer"
NAMES = ("r1", "r2")
Change = Callable[[str], str]


def make_certificate(folder: Path) -> Path:
    """Write a new key and its certificate as each balancer wants them; return the certificate's file."""
    pem, secret = own_certificate().pem, own_certificate().key
    (folder / "po-mcp.key").write_bytes(secret)
    (folder / "only.pem").write_bytes(pem)
    (folder / "po-mcp.pem").write_bytes(pem + secret)  # HAProxy wants both in one file, and nginx does not mind
    return folder / "only.pem"


def put_addresses(text: str, folder: Path, port: int, replicas: dict[str, int]) -> str:
    """Return a balancer's configuration with this machine's ports and folder in it."""
    for name, its_port in replicas.items():
        text = text.replace(f"{name}:8765", f"127.0.0.1:{its_port}")
    text = text.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace("bind :443", f"bind 127.0.0.1:{port}")
    text = re.sub(r"/etc/(nginx|haproxy)/tls", str(folder), text)
    return text.replace("/var/log/nginx", str(folder))


def configure_nginx(text: str, folder: Path) -> list[str]:
    """Write nginx's configuration; return the command that starts it."""
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; error_log {folder}/error.log; worker_processes 1; daemon off;\n"
        f"events {{ worker_connections 512; }}\nhttp {{ client_body_temp_path {folder}/body; {temporary}\n{text}\n}}\n",
        encoding="utf-8",
    )
    return ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder), "-e", str(folder / "error.log")]


def configure_haproxy(text: str, folder: Path) -> list[str]:
    """Write HAProxy's configuration; return the command that starts it."""
    (folder / "haproxy.cfg").write_text(text, encoding="utf-8")
    return ["haproxy", "-db", "-f", str(folder / "haproxy.cfg")]


BALANCERS = {"nginx": ("nginx.conf", configure_nginx), "haproxy": ("haproxy.cfg", configure_haproxy)}
"""Of each kind of balancer: its file in packaging/balancer/, and what writes that file and returns the command."""


@contextmanager
def balancing(
    kind: str, folder: Path, port: int, replicas: dict[str, int], change: Change = lambda text: text
) -> Iterator[None]:
    """Run a balancer, "nginx" or "haproxy", before replicas at these ports; `change` edits its file first."""
    assert shutil.which(kind), f"{kind} is not installed"
    name, configure = BALANCERS[kind]
    text = change(put_addresses((FILES / name).read_text(encoding="utf-8"), folder, port, replicas))
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(configure(text, folder), stdout=log, stderr=log) as process,
    ):
        try:
            wait_for_port(port)
            yield
        finally:
            process.terminate()
            process.wait(30)


@dataclass
class Fleet:
    """Replicas of the server, their balancer, and the issuer that all of them trust."""

    kind: str
    folder: Path
    port: int
    issuer: Issuer
    ports: dict[str, int]
    certificate: Path
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    """Environment variables of every replica, which replace those that `run` sets."""
    settings_of: dict[str, dict[str, str]] = field(default_factory=dict)
    """Environment variables of one replica, by its name, which replace both."""

    @property
    def origin(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def run(self, name: str) -> None:
        """Start a replica and wait until it serves."""
        settings = {
            "PO_MCP_PUBLIC_URL": self.origin,
            "PO_MCP_ISSUER": self.issuer.url,
            "PO_MCP_REPLICA": name,
            "PO_MCP_SANDBOX": str(self.folder / "book.db"),
            "PO_MCP_JOURNAL": str(self.folder / "journal.db"),
            "PO_MCP_CALLS_PER_MINUTE": "100000",
            **self.settings,
            **self.settings_of.get(name, {}),
        }
        process = start("--port", str(self.ports[name]), **settings)
        said = read_greeting(process)
        assert "Ctrl-C" in said, said
        self.processes[name] = process

    def end(self, name: str, signum: signal.Signals = signal.SIGTERM) -> str:
        """End a replica by a signal, and return its standard error."""
        process = self.processes.pop(name)
        process.send_signal(signum)
        _, errors = process.communicate(timeout=60)
        return errors

    def kill(self) -> None:
        """Kill each replica that still runs."""
        for process in self.processes.values():
            process.kill()
            process.communicate()

    def token(self, subject: str = ALICE, scope: str = EVERYTHING, lifetime_s: int = 300) -> str:
        """Return an access token for this server, signed by its issuer."""
        ends = int(time.time()) + lifetime_s
        return self.issuer.sign(self.issuer.claims(f"{self.origin}/mcp", subject, scope, exp=ends))

    def http(self, token: str | None = None, **headers: str) -> httpx2.AsyncClient:
        """Return an HTTP client of the balancer with a token, by default one with every scope."""
        bearer = {"authorization": f"Bearer {token or self.token()}"}
        given = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
        trusted = ssl.create_default_context(cafile=str(self.certificate))
        return httpx2.AsyncClient(
            base_url=self.origin, headers={**given, **bearer, **headers}, timeout=60, trust_env=False, verify=trusted
        )

    @asynccontextmanager
    async def client(self, era: str, person: ScriptedPerson | None = None) -> AsyncIterator[Client]:
        """Connect an MCP client through the balancer."""
        async with self.http() as http:
            transport = streamable_http_client(f"{self.origin}/mcp", http_client=http)
            async with Client(transport, mode=MODES[era], elicitation_callback=person) as client:
                yield client


@asynccontextmanager
async def fleet(
    kind: str, folder: Path, change: Change = lambda text: text, settings: Mapping[str, str] | None = None
) -> AsyncIterator[Fleet]:
    """Run two replicas on one journal behind a balancer, "nginx" or "haproxy".

    Args:
        kind: the balancer.
        folder: where everything is kept.
        change: edits the balancer's file.
        settings: further environment variables of both replicas.
    """
    async with issuing() as issuer:
        ports = {name: free_port() for name in NAMES}
        made = Fleet(kind, folder, free_port(), issuer, ports, make_certificate(folder), settings=dict(settings or {}))
        with ExitStack() as stack:
            try:
                for name in NAMES:
                    await anyio.to_thread.run_sync(made.run, name)
                stack.enter_context(balancing(kind, folder, made.port, ports, change))
                yield made
            finally:
                made.kill()


class Upstream:
    """Stands in for a replica that dies: it passes health checks, and reads a request but does not answer it."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    async def serve(self, stream: Any) -> None:
        """Read the request of one connection."""
        async with stream:
            read = b""
            while b"\r\n\r\n" not in read or not read.endswith(b"}"):
                try:
                    read += await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    return
                if read.startswith(b"GET /healthz"):
                    await stream.send(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok")
                    return
            self.requests.append(read)
