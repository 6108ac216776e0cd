"""The whole of a team's server on this machine: an ERP, an issuer, PostgreSQL, replicas, and nginx before them."""

from __future__ import annotations

import random
import re
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from pathlib import Path

import anyio
import psycopg
from starlette.requests import Request
from starlette.types import Message, Receive, Scope, Send

from po_mcp.sandbox import Book, create_app
from po_mcp.sandbox.records import LineDraft, OrderDraft, Status
from po_mcp.sandbox.refusals import Missing
from po_mcp.transports.uvicorn_server import create_server, listen
from tests.balancer.fleet import Fleet, balancing, make_certificate
from tests.ports import free_port
from tests.postgres import Cluster, as_its_user, programs, running_cluster
from tests.sign_in.issuer import issuing

KEY = "0123456789abcdef" * 4
SETTLED_AFTER_S = 8
"""Seconds after which an order that does not show a write's effect will never have it: the ERP does nothing later."""

PAUSES_S = (2.0, 5.0, 20.0, 60.0)
"""Lengths of a pause: shorter than the journal waits for a transaction, longer, longer than a call's time, than nginx
waits."""


@dataclass
class Erp:
    """A slow ERP that counts the requests of each write, such as "DELETE PO-1": all, and those with success."""

    book: Book
    url: str
    carried_out: Counter[str] = field(default_factory=Counter)
    sent: Counter[str] = field(default_factory=Counter)

    def shows(self, is_there: bool, number: str) -> bool:
        """Tell whether an order stands in the book, neither cancelled nor deleted (`is_there`), or does not."""
        try:
            return (self.book.order(number).status not in (Status.CANCELLED, Status.DELETED)) is is_there
        except Missing:
            return not is_there


@asynccontextmanager
async def erp(folder: Path, seconds: float, seed: int) -> AsyncIterator[Erp]:
    """Serve a new book by Exsited's API; an answer takes up to `seconds`, half before and half after its effect."""
    chance = random.Random(seed)
    with (
        closing(Book.open(folder / "book.db", made_on=datetime.now(UTC).date())) as book,
        listen("127.0.0.1", 0) as sock,
    ):
        made = Erp(book, f"http://127.0.0.1:{sock.getsockname()[1]}")
        app = create_app(book, apis=("exsited",), client_id="me", client_secret="mine")

        async def serve_and_count(scope: Scope, receive: Receive, send: Send) -> None:
            body = await Request(scope, receive).body()
            name = _name_of_write(scope, body)
            await anyio.sleep(chance.random() * seconds / 2)

            async def replay_body() -> Message:
                return {"type": "http.request", "body": body, "more_body": False}

            async def answer(message: Message) -> None:
                if name and message["type"] == "http.response.start":
                    made.sent[name] += 1
                    made.carried_out[name] += 200 <= message["status"] < 300
                    await anyio.sleep(chance.random() * seconds / 2)
                await send(message)

            await app(scope, replay_body, answer)

        server = create_server(serve_and_count, 512)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.serve, [sock])
            try:
                yield made
            finally:
                server.stop()


def _name_of_write(scope: Scope, body: bytes) -> str:
    """Return what a request changes, such as "DELETE PO-1"; "" of one that reads or signs in."""
    path = scope["path"]
    if scope["method"] == "GET" or "oauth2" in path:
        return ""
    found = re.search(rb'"id"\s*:\s*"([^"]+)"', body)
    number = path.partition("/purchase-orders")[2].strip("/") or (found[1].decode() if found else "?")
    return f"{scope['method']} {number}"


def enter_order(book: Book, number: str) -> None:
    """Enter an order of one line into a book."""
    line = LineDraft(item=("short_id", "NUT-M8"), quantity=Decimal(3), price=Decimal("0.22"))
    book.create(OrderDraft(vendor=("id", 12), number=number, lines=(line,)))


@dataclass
class Team:
    """A team's server with its ERP and database, and methods that make trouble, each of which counts itself."""

    fleet: Fleet
    erp: Erp
    database: Cluster
    address: str
    chance: random.Random
    trouble: Counter[str] = field(default_factory=Counter)
    backup: Path | None = None
    _is_copying: anyio.Lock = field(default_factory=anyio.Lock)
    _copies: Iterator[int] = field(default_factory=count)

    async def kill_one(self) -> None:
        """Kill a replica in the midst of whatever it does, and start it again."""
        name = self.chance.choice(sorted(self.fleet.processes))
        self.trouble["replicas killed"] += 1
        await anyio.to_thread.run_sync(self.fleet.end, name, signal.SIGKILL)
        await anyio.to_thread.run_sync(self.fleet.run, name)

    async def replace_all(self) -> None:
        """Replace one replica after the other, as in an upgrade: end it in order, and start it again."""
        self.trouble["rolling restarts"] += 1
        for name in sorted(self.fleet.processes):
            await anyio.to_thread.run_sync(self.fleet.end, name)
            await anyio.to_thread.run_sync(self.fleet.run, name)

    async def pause_one(self) -> None:
        """Pause a replica in the midst of whatever it does, as a virtual machine that is moved, and let it go on."""
        name = self.chance.choice(sorted(self.fleet.processes))
        self.trouble["replicas paused"] += 1
        self.fleet.processes[name].send_signal(signal.SIGSTOP)
        await anyio.sleep(self.chance.choice(PAUSES_S))
        self.fleet.processes[name].send_signal(signal.SIGCONT)

    async def restart_database(self) -> None:
        """Let PostgreSQL crash, and start it again."""
        self.trouble["database restarts"] += 1
        await anyio.to_thread.run_sync(self.database.stop)
        await anyio.sleep(1)
        await anyio.to_thread.run_sync(self.database.start)

    @property
    def has_lost(self) -> bool:
        """Whether the database that recorded what was sent was replaced by a copy, which may lack the last records."""
        return bool(self.trouble["old backups restored"] or self.trouble["standbys promoted"])

    async def restore_backup(self) -> None:
        """Put the backup that was made last in the database's place, and make another."""
        async with self._is_copying:
            if self.backup is not None:
                self.trouble["old backups restored"] += 1
                await anyio.to_thread.run_sync(self._replace_data, self.backup)
            self.backup = await anyio.to_thread.run_sync(self._copy, "backup")

    async def promote_standby(self) -> None:
        """Let a copy that follows the database take its place, as when its machine burns."""
        async with self._is_copying:
            copy = Cluster(await anyio.to_thread.run_sync(self._copy, "standby", "-R"))
            await anyio.to_thread.run_sync(copy.start)
            await anyio.sleep(2)  # it follows meanwhile; what it has not received by then is lost, as in a real failure
            self.trouble["standbys promoted"] += 1
            await anyio.to_thread.run_sync(self.database.stop)
            await anyio.to_thread.run_sync(copy.run, "pg_ctl", "-w", "-s", "promote")
            await anyio.to_thread.run_sync(copy.run, "pg_ctl", "-w", "-s", "-m", "fast", "stop")
            await anyio.to_thread.run_sync(self._replace_data, copy.folder)

    def _copy(self, name: str, *options: str) -> Path:
        """Copy the database, as its options say, into a new folder of this name."""
        folder = self.database.folder / f"{name}-{next(self._copies)}"
        program = [str(programs() / "pg_basebackup"), "-D", str(folder / "data"), "-X", "stream", "-c", "fast"]
        command = as_its_user([*program, *options, "-d", self.database.address])
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/")
        return folder

    def _replace_data(self, folder: Path) -> None:
        """Start the database, at the address that it had, with the data that lie in a folder."""
        if (self.database.folder / "data" / "postmaster.pid").exists():
            self.database.stop()
        (self.database.folder / "data").rename(self.database.folder / f"former-{next(self._copies)}")
        (folder / "data").rename(self.database.folder / "data")
        self.database.start()

    async def make_read_only(self, seconds: float = 3) -> None:
        """Let PostgreSQL take no writes for a while, as a standby does, or a server whose disk is full."""
        self.trouble["times read-only"] += 1
        await anyio.to_thread.run_sync(self._set_read_only, "on")
        await anyio.sleep(seconds)
        await anyio.to_thread.run_sync(self._set_read_only, "off")

    def _set_read_only(self, value: str) -> None:
        with psycopg.connect(f"{self.database.address}&options=-cdefault_transaction_read_only%3Doff") as db:
            db.autocommit = True
            db.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}".encode())
            db.execute("SELECT pg_reload_conf()")


@asynccontextmanager
async def team(folder: Path, replicas: int, seconds: float, seed: int, clocks_apart: float = 0) -> AsyncIterator[Team]:
    """Run a team's server.

    Args:
        folder: where everything is kept.
        replicas: how many servers there are.
        seconds: the longest that the ERP takes for an answer.
        seed: for all that is random here.
        clocks_apart: seconds by which the clock of each replica is ahead of that of the one before.
    """
    names = [f"r{place}" for place in range(1, replicas + 1)]
    async with AsyncExitStack() as stack:
        made = await stack.enter_async_context(erp(folder, seconds, seed))
        issuer = await stack.enter_async_context(issuing())
        database = stack.enter_context(running_cluster())
        address = database.new_schema()
        ports = {name: free_port() for name in names}
        fleet = Fleet("nginx", folder, free_port(), issuer, ports, make_certificate(folder))
        fleet.settings = {
            "PO_MCP_ERP": "exsited",
            "PO_MCP_BASE_URL": made.url,
            "PO_MCP_CLIENT_ID": "me",
            "PO_MCP_CLIENT_SECRET": "mine",
            "PO_MCP_REDIRECT_URI": "https://erp.example/back",
            "PO_MCP_JOURNAL": address,
            "PO_MCP_KEYS": KEY,
            "PO_MCP_SIGN_IN_CLIENT_ID": "page",
            "PO_MCP_SIGN_IN_CLIENT_SECRET": "page-secret",
            "PO_MCP_CREATE_APPROVAL_OVER": "0.01",
            "PO_MCP_LATE_APPLY": str(SETTLED_AFTER_S / 2),
            "PO_MCP_READ_LAG": str(SETTLED_AFTER_S / 4),
            "PO_MCP_TIMEOUT": "10",
            "PO_MCP_LOG_LEVEL": "ERROR",  # nobody reads their pipes, which a thousand warnings would fill
        }
        if clocks_apart:
            fleet.settings_of = {name: _skew(place * clocks_apart) for place, name in enumerate(names)}
        stack.callback(fleet.kill)
        async with anyio.create_task_group() as starts:
            for name in names:
                starts.start_soon(anyio.to_thread.run_sync, fleet.run, name)
        stack.enter_context(balancing("nginx", folder, fleet.port, ports, lambda text: spread(text, ports)))
        yield Team(fleet, made, database, address, random.Random(seed))


def _skew(seconds: float) -> dict[str, str]:
    """Return the environment variables that put a process's clock ahead, but not its monotonic clock."""
    found = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    assert found is not None, "libfaketime is not installed"
    return {"LD_PRELOAD": str(found), "FAKETIME": f"{seconds:+}s", "DONT_FAKE_MONOTONIC": "1"}


def spread(text: str, ports: dict[str, int]) -> str:
    """Return nginx's file with every replica in it, sending a request to the one of its header, and with no limits."""
    text = text.replace("rate=50r/s", "rate=9000r/s").replace("burst=100", "burst=9000")
    text = text.replace("map $http_mcp_session_id", "map $http_x_replica.$http_mcp_session_id")
    if len(ports) == 1:
        return text.replace("r2:8765", f"127.0.0.1:{ports['r1']}")
    for name in [*ports][2:]:
        server = f"server 127.0.0.1:{ports[name]} max_fails=0;"
        text = text.replace("    default  po_mcp_any;", f'    "~^{name}\\." po_mcp_{name};\n    default  po_mcp_any;')
        text = text.replace("    keepalive 32;", f"    {server}\n    keepalive 32;")
        backup = f"server 127.0.0.1:{ports['r1']} backup;"
        text += f"upstream po_mcp_{name} {{ zone po_mcp_{name} 64k; {server} {backup} keepalive 16; }}\n"
    return text
