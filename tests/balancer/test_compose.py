"""The compose file of packaging/ works as it stands: database, two replicas and nginx, in their order."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, closing
from pathlib import Path

import anyio
import pytest

from po_mcp.sandbox import Book, create_app
from po_mcp.writes.journal import JournalStore
from tests.balancer.composed import FOLDER, REPLICAS, SERVICES, Composed, running_database
from tests.balancer.fleet import Fleet, balancing, make_certificate
from tests.commands.test_serve import CREATE, HELLO, NEW, call
from tests.harness import ERAS, outcome
from tests.ports import free_port, serve
from tests.sign_in.issuer import issuing

_PASSWORDS = re.compile("a password|a%20password|a client secret")


@asynccontextmanager
async def erp(folder: Path, client_secret: str) -> AsyncIterator[str]:
    """Serve an ERP that knows the client of the compose file; yield its address."""
    client_id = SERVICES[REPLICAS[0]]["environment"]["PO_MCP_CLIENT_ID"]
    with closing(Book.open(folder / "book.db")) as book:
        async with serve(create_app(book, client_id=client_id, client_secret=client_secret)) as address:
            yield address


@asynccontextmanager
async def compose(folder: Path) -> AsyncIterator[tuple[Composed, Fleet]]:
    """Start everything in the order of the file; each is healthy before what depends on it starts."""
    port, secret = free_port(), "a client secret"
    async with issuing() as issuer, erp(folder, secret) as url:
        addresses = {
            "https://po.example.com": f"https://127.0.0.1:{port}",
            "https://login.example.com/realms/acme": issuer.url,
            "https://erp.example.com": url,
        }
        made = Composed(folder, addresses)
        made.write_secrets(secret)
        ports = {name: made.ports[name] for name in REPLICAS}
        with ExitStack() as stack:
            stack.enter_context(running_database(made))
            stack.callback(made.kill)
            for name in REPLICAS:
                assert not await anyio.to_thread.run_sync(made.is_healthy, name)
                await anyio.to_thread.run_sync(made.start, name)
            for name in SERVICES["nginx"]["depends_on"]:
                await anyio.to_thread.run_sync(made.wait_until_healthy, name)
            certificate = make_certificate(folder)
            stack.enter_context(balancing("nginx", folder, port, ports))
            yield made, Fleet("nginx", folder, port, issuer, ports, certificate)


def read_status(pid: int) -> dict[str, int]:
    """Return the numbers of a process's /proc/PID/status, such as VmHWM in kB, by their names."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    return {name: int(value) for name, value in re.findall(r"^(\w+):\s+(\d+)", text, re.MULTILINE)}


async def test_the_services_of_the_compose_file_start_serve_and_end(tmp_path: Path) -> None:
    async with compose(tmp_path) as (made, server):
        async with server.http() as http:
            hello = [await http.post("/mcp", json=call("initialize", HELLO)) for _ in range(4)]
        async with server.client(ERAS[0]) as client:
            done = outcome(await client.call_tool(CREATE, NEW))
        async with server.client(ERAS[1]) as client:
            again = outcome(await client.call_tool(CREATE, NEW))
        used = {name: read_status(process.pid) for name, process in made.processes.items()}
        address = (tmp_path / "secrets" / "journal").read_text(encoding="utf-8").strip()
        with closing(JournalStore(address)) as store:
            recorded = store.all()
        ended = {name: await anyio.to_thread.run_sync(made.end, name) for name in REPLICAS}
        are_healthy = [await anyio.to_thread.run_sync(made.is_healthy, name) for name in REPLICAS]

    assert {answer.headers["mcp-session-id"].partition(".")[0] for answer in hello} == set(REPLICAS)
    assert (done["status"], again["replayed"]) == ("done", True)
    assert [one.operation.number for one in recorded] == [NEW["number"]]
    for name in REPLICAS:
        limit = int(SERVICES[name]["mem_limit"].removesuffix("m")) * 1024
        assert used[name]["VmHWM"] < limit / 2
        assert used[name]["Threads"] < SERVICES[name]["pids_limit"]
        status, said = ended[name]
        assert (status, _PASSWORDS.search(said)) == (0, None), said
    assert are_healthy == [False, False]


def test_mounted_files_are_in_the_repository_or_the_file_says_how_they_are_made() -> None:
    mounted = [volume.split(":")[0] for volume in SERVICES["nginx"]["volumes"]]

    assert mounted == ["./balancer/nginx.conf", "./tls"]
    assert (FOLDER / mounted[0]).is_file()
    assert "packaging/tls/" in (FOLDER / "compose.yaml").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", REPLICAS)
def test_a_replica_is_given_every_secret_that_its_settings_name(name: str) -> None:
    named = {value for value in SERVICES[name]["environment"].values() if value.startswith("/run/secrets/")}

    assert named == {f"/run/secrets/{secret}" for secret in SERVICES[name]["secrets"]}
