"""Two replicas behind a real nginx and a real HAProxy, with the files that docs/team.md names."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import anyio
import httpx2
import pytest

from tests.balancer.fleet import FILES, NAMES, Change, Fleet, Upstream, balancing, fleet, make_certificate
from tests.commands.test_serve import CREATE, HELLO, NEW, call, modern
from tests.harness import ERAS, ScriptedPerson, outcome, yes
from tests.ports import free_port

both_balancers = pytest.mark.parametrize("kind", ["nginx", "haproxy"])
both_eras = pytest.mark.parametrize("era", ERAS)
WRITE = modern("delete_purchase_order", {"number": "PO-2025-0038"})
SESSION = {"mcp-protocol-version": "2025-11-25"}
NOT_REPEATED = "it may have been carried out: do not repeat it. Check with get_operation"
A = TypeVar("A")
PATIENCE_S = 60
"""How long a test waits for a balancer at most."""


async def open_session(http: httpx2.AsyncClient) -> str:
    """Open a session at whichever replica the balancer chooses; return its id, such as "r1.4f2a"."""
    return str((await http.post("/mcp", json=call("initialize", HELLO))).headers["mcp-session-id"])


async def open_sessions(server: Fleet, number: int) -> list[str]:
    """Open so many sessions; return their ids."""
    async with server.http() as http:
        return [await open_session(http) for _ in range(number)]


async def ping(http: httpx2.AsyncClient, session: str) -> int:
    """Send a ping in a session; return the HTTP status of its answer."""
    answer = await http.post("/mcp", headers={**SESSION, "mcp-session-id": session}, json=call("ping", {}))
    return answer.status_code


async def wait_until(ask: Callable[[], Awaitable[A]], is_so: Callable[[A], bool]) -> None:
    """Ask again and again until the answer is as wanted."""
    with anyio.fail_after(PATIENCE_S):
        while not is_so(await ask()):  # noqa: ASYNC110 - a balancer does not report what it has noticed
            await anyio.sleep(0.1)


async def wait_for_replica(server: Fleet, name: str) -> None:
    """Wait until the balancer sends requests to a replica."""
    async with server.http() as http:
        await wait_until(lambda: open_session(http), lambda session: session.startswith(f"{name}."))


async def wait_until_gone(server: Fleet, session: str) -> None:
    """Wait until the balancer has noticed that the replica of a session is dead, and asks another one."""
    async with server.http() as http:
        await wait_until(lambda: ping(http, session), lambda status: status == 404)


@both_balancers
async def test_people_of_both_protocols_read_and_write_over_all_replicas(kind: str, tmp_path: Path) -> None:
    person = ScriptedPerson(yes)
    async with fleet(kind, tmp_path) as server:
        for era in ERAS:
            for _ in range(4):
                async with server.client(era, person) as client:
                    listed = await client.call_tool("list_purchase_orders", {"status": "open", "limit": 50})
                    assert not listed.is_error
        async with server.client(ERAS[1], person) as client:
            done = outcome(await client.call_tool(CREATE, NEW))
        async with server.client(ERAS[0], person) as client:
            known = outcome(await client.call_tool(CREATE, NEW))
        sessions = await open_sessions(server, 4)

    assert done["status"] == "done"
    assert known["replayed"] is True
    assert {name.partition(".")[0] for name in sessions} == set(NAMES)


@both_balancers
async def test_each_request_of_a_session_reaches_its_replica(kind: str, tmp_path: Path) -> None:
    async with fleet(kind, tmp_path) as server:
        sessions = await open_sessions(server, 4)
        async with server.http() as http:
            for _ in range(3):
                for session in sessions:
                    assert await ping(http, session) == 200, session


@both_balancers
async def test_the_session_of_a_replica_that_died_gets_404_and_others_go_on(kind: str, tmp_path: Path) -> None:
    async with fleet(kind, tmp_path) as server:
        sessions = await open_sessions(server, 4)
        await anyio.to_thread.run_sync(server.end, "r1", signal.SIGKILL)
        await wait_until_gone(server, next(session for session in sessions if session.startswith("r1.")))
        async with server.http() as http:
            statuses = {(session.partition(".")[0], await ping(http, session)) for session in sessions}
            renewed = await open_session(http)

    assert statuses == {("r1", 404), ("r2", 200)}
    assert renewed.startswith("r2.")


def allow_many_requests(text: str) -> str:
    """Return nginx's file with a limit above what the test sends, however fast the machine."""
    return text.replace("rate=50r/s", "rate=5000r/s")


@both_balancers
async def test_a_restart_of_one_after_the_other_loses_no_call(kind: str, tmp_path: Path) -> None:
    async with fleet(kind, tmp_path, allow_many_requests) as server:
        answers: list[tuple[int, str]] = []
        is_over, answered = anyio.Event(), anyio.Condition()

        async def ask() -> None:
            async with server.http() as http:
                while not is_over.is_set():
                    answer = await http.post("/mcp", **modern("get_purchase_order", {"number": "PO-2025-0037"}))
                    is_good = answer.status_code == 200
                    async with answered:
                        answers.append((answer.status_code, "" if is_good else answer.text))
                        answered.notify_all()

        async def wait_for_answers(more: int) -> None:
            enough = len(answers) + more
            async with answered:
                while len(answers) < enough:
                    await answered.wait()

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask)
            for name in NAMES:
                await wait_for_answers(10)
                await anyio.to_thread.run_sync(server.end, name)
                await anyio.to_thread.run_sync(server.run, name)
                await wait_for_replica(server, name)
            await wait_for_answers(10)
            is_over.set()

    assert set(answers) == {(200, "")}


@both_balancers
async def test_paths_for_the_balancer_alone_are_not_published(kind: str, tmp_path: Path) -> None:
    async with fleet(kind, tmp_path) as server, server.http() as http:
        answers = [(await http.get(path)).status_code for path in ("/healthz", "/readyz")]
        metadata = await http.get("/.well-known/oauth-protected-resource/mcp")
        http.headers["authorization"] = "Bearer nothing"
        refused = await http.post("/mcp", json=call("initialize", HELLO))

    assert answers == [404, 404]
    assert metadata.json()["resource"] == f"{server.origin}/mcp"
    assert refused.status_code == 401
    assert f'resource_metadata="{server.origin}/.well-known' in refused.headers["www-authenticate"]


def allow_few_requests(text: str) -> str:
    """Return nginx's file with a limit below what the test sends, however slow the machine."""
    return text.replace("rate=50r/s", "rate=1r/s").replace("burst=100", "burst=5")


async def test_a_flood_from_one_address_is_refused_in_json(tmp_path: Path) -> None:
    answers: list[httpx2.Response] = []
    async with fleet("nginx", tmp_path, allow_few_requests) as server, server.http() as http:

        async def ask() -> None:
            for _ in range(20):
                answers.append(await http.get("/.well-known/oauth-protected-resource"))

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(ask)
    refused = next(answer for answer in answers if answer.status_code == 429)

    assert refused.headers["retry-after"] == "2"
    assert refused.json()["error"]["message"].startswith("Too many requests from this address.")


# A write that was read is never repeated


async def write_to_dying_replicas(
    kind: str, folder: Path, change: Change = lambda text: text
) -> tuple[httpx2.Response, int]:
    """Send a write to a balancer whose replicas read each request and end the connection.

    Returns:
        The balancer's answer, and how many times both replicas together have read the write.
    """
    upstreams, ports = [Upstream(), Upstream()], {name: free_port() for name in NAMES}
    port, certificate = free_port(), make_certificate(folder)
    async with contextlib.AsyncExitStack() as stack:
        listeners = [
            await stack.enter_async_context(
                await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=its_port)
            )
            for its_port in ports.values()
        ]
        tasks = await stack.enter_async_context(anyio.create_task_group())
        for upstream, listener in zip(upstreams, listeners, strict=True):
            tasks.start_soon(listener.serve, upstream.serve)
        with balancing(kind, folder, port, ports, change):
            server = Fleet(kind, folder, port, None, ports, certificate)  # type: ignore[arg-type]
            async with server.http("none") as http:
                answer = await http.post("/mcp", **WRITE)
        tasks.cancel_scope.cancel()
    return answer, sum(len(upstream.requests) for upstream in upstreams)


@both_balancers
async def test_a_write_that_a_replica_has_read_is_not_sent_to_another(kind: str, tmp_path: Path) -> None:
    answer, reads = await write_to_dying_replicas(kind, tmp_path)

    assert reads == 1
    assert answer.status_code == 502
    assert NOT_REPEATED in answer.json()["error"]["message"]


def repeat_in_nginx(text: str) -> str:
    """Return nginx's file without the line that forbids it to repeat a write."""
    return text.replace("proxy_next_upstream error timeout;", "proxy_next_upstream error timeout non_idempotent;")


def repeat_in_haproxy(text: str) -> str:
    """Return HAProxy's file without the line that forbids it to repeat a write."""
    # It repeats only what it holds whole, and a body that comes after its headers it holds whole only if it waits.
    return text.replace("retry-on conn-failure", "retry-on all-retryable-errors\n    option http-buffer-request")


@pytest.mark.parametrize(("kind", "change"), [("nginx", repeat_in_nginx), ("haproxy", repeat_in_haproxy)])
async def test_a_write_is_sent_twice_without_the_line_that_forbids_a_repeat(
    kind: str, change: Change, tmp_path: Path
) -> None:
    _, reads = await write_to_dying_replicas(kind, tmp_path, change)

    assert reads > 1


def ignore_replica_names(text: str) -> str:
    """Return a balancer's file that sends the requests of a session to any replica."""
    return text.replace('"~^r', '"~^x').replace("-m beg r", "-m beg x")


@both_balancers
async def test_sessions_are_lost_without_the_replicas_names_in_their_ids(kind: str, tmp_path: Path) -> None:
    async with fleet(kind, tmp_path, ignore_replica_names) as server:
        sessions = await open_sessions(server, 4)
        async with server.http() as http:
            statuses = [await ping(http, session) for session in sessions for _ in range(2)]

    assert 404 in statuses


def test_both_balancers_warn_of_a_repeat_in_the_same_words() -> None:
    haproxy, nginx = ((FILES / name).read_text(encoding="utf-8") for name in ("haproxy.cfg", "nginx.conf"))

    assert haproxy.count(NOT_REPEATED) == 2  # of 502 and of 504
    assert NOT_REPEATED in nginx
