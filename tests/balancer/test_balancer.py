"""Two replicas behind a real nginx and a real HAProxy, with the files that docs/team.md names."""

from __future__ import annotations

import contextlib
import signal
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from tests.balancer.fleet import FILES, NAMES, Change, Fleet, Upstream, balancing, fleet, make_certificate
from tests.commands.test_serve import CREATE, HELLO, NEW, call, modern
from tests.harness import ERAS, ScriptedPerson, outcome, yes
from tests.ports import free_port

both = pytest.mark.parametrize("kind", ["nginx", "haproxy"])
both_eras = pytest.mark.parametrize("era", ERAS)
WRITE = modern("delete_purchase_order", {"number": "PO-2025-0038"})
SESSION = {"mcp-protocol-version": "2025-11-25"}
NOT_REPEATED = "it may have been carried out: do not repeat it. Check with get_operation"


async def open_sessions(server: Fleet, count: int) -> list[str]:
    async with server.http() as http:
        answers = [await http.post("/mcp", json=call("initialize", HELLO)) for _ in range(count)]
    return [answer.headers["mcp-session-id"] for answer in answers]


@both
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


@both
async def test_each_request_of_a_session_reaches_its_replica(kind: str, tmp_path: Path) -> None:
    async with fleet(kind, tmp_path) as server:
        sessions = await open_sessions(server, 4)
        async with server.http() as http:
            for _ in range(3):
                for session in sessions:
                    answer = await http.post(
                        "/mcp", headers={**SESSION, "mcp-session-id": session}, json=call("ping", {})
                    )
                    assert answer.status_code == 200, session


@both
async def test_the_session_of_a_replica_that_died_gets_404_and_others_go_on(kind: str, tmp_path: Path) -> None:
    async with fleet(kind, tmp_path) as server:
        sessions = await open_sessions(server, 4)
        await anyio.to_thread.run_sync(server.end, "r1", signal.SIGKILL)
        await anyio.sleep(3)  # HAProxy looks once in a second
        found = {}
        async with server.http() as http:
            for session in sessions:
                headers = {**SESSION, "mcp-session-id": session}
                answer = await http.post("/mcp", headers=headers, json=call("ping", {}))
                found[session.partition(".")[0]] = answer.status_code
            renewed = await http.post("/mcp", json=call("initialize", HELLO))

    assert found == {"r1": 404, "r2": 200}
    assert renewed.headers["mcp-session-id"].startswith("r2.")


def many_at_once(text: str) -> str:
    """However fast the machine, the requests of the test are not too many."""
    return text.replace("rate=50r/s", "rate=5000r/s")


@both
async def test_a_restart_of_one_after_the_other_loses_no_call(kind: str, tmp_path: Path) -> None:
    async with fleet(kind, tmp_path, many_at_once) as server:
        answers: list[tuple[int, str]] = []
        is_over = anyio.Event()

        async def ask() -> None:
            async with server.http() as http:
                while not is_over.is_set():
                    answer = await http.post("/mcp", **modern("get_purchase_order", {"number": "PO-2025-0037"}))
                    is_good = answer.status_code == 200
                    answers.append((answer.status_code, "" if is_good else answer.text))

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(ask)
            for name in NAMES:
                await anyio.sleep(1)
                await anyio.to_thread.run_sync(server.end, name)
                await anyio.to_thread.run_sync(server.run, name)
                await anyio.sleep(2.5)
            is_over.set()

    assert len(answers) > 20
    assert set(answers) == {(200, "")}


@both
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


def few_at_once(text: str) -> str:
    """However slow the machine, the requests of the test are too many."""
    return text.replace("rate=50r/s", "rate=1r/s").replace("burst=100", "burst=5")


async def test_a_flood_from_one_address_is_told_in_json(tmp_path: Path) -> None:
    answers: list[httpx2.Response] = []
    async with fleet("nginx", tmp_path, few_at_once) as server, server.http() as http:

        async def ask() -> None:
            for _ in range(20):
                answers.append(await http.get("/.well-known/oauth-protected-resource"))

        async with anyio.create_task_group() as tasks:
            for _ in range(20):
                tasks.start_soon(ask)
    refused = next(answer for answer in answers if answer.status_code == 429)

    assert refused.headers["retry-after"] == "2"
    assert refused.json()["error"]["message"].startswith("Too many requests from this address.")


# What is never repeated


async def post_to_a_replica_that_dies(kind: str, folder: Path, change: Change = lambda text: text) -> tuple[Any, int]:
    """Let the first replica read each request and end; return the last answer, and how many the second one read."""
    first, second, ports = Upstream(answers=False), Upstream(answers=False), {name: free_port() for name in NAMES}
    port, certificate = free_port(), make_certificate(folder)
    async with contextlib.AsyncExitStack() as stack:
        listeners = [
            await stack.enter_async_context(
                await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=its_port)
            )
            for its_port in ports.values()
        ]
        tasks = await stack.enter_async_context(anyio.create_task_group())
        for upstream, listener in zip((first, second), listeners, strict=True):
            tasks.start_soon(listener.serve, upstream.serve)
        with balancing(kind, folder, port, ports, change):
            if kind == "haproxy":
                await anyio.sleep(1.5)
            server = Fleet(kind, folder, port, None, ports, certificate)  # type: ignore[arg-type]
            async with server.http("none") as http:
                answer = await http.post("/mcp", **WRITE)
        tasks.cancel_scope.cancel()
    return answer, len(first.requests) + len(second.requests)


@both
async def test_a_write_that_a_replica_has_read_is_not_sent_to_another(kind: str, tmp_path: Path) -> None:
    answer, read = await post_to_a_replica_that_dies(kind, tmp_path)

    assert read == 1
    assert answer.status_code == 502
    assert NOT_REPEATED in answer.json()["error"]["message"]


def repeat_in_nginx(text: str) -> str:
    return text.replace("proxy_next_upstream error timeout;", "proxy_next_upstream error timeout non_idempotent;")


def repeat_in_haproxy(text: str) -> str:
    # It repeats only what it holds whole, and a body that comes after its headers it holds whole only if it waits.
    return text.replace("retry-on conn-failure", "retry-on all-retryable-errors\n    option http-buffer-request")


@pytest.mark.parametrize(("kind", "change"), [("nginx", repeat_in_nginx), ("haproxy", repeat_in_haproxy)])
async def test_without_the_line_that_forbids_it_a_write_is_sent_twice(
    kind: str, change: Change, tmp_path: Path
) -> None:
    _, read = await post_to_a_replica_that_dies(kind, tmp_path, change)

    assert read > 1


def without_names(text: str) -> str:
    """Send the requests of a session anywhere."""
    return text.replace('"~^r', '"~^x').replace("-m beg r", "-m beg x")


@both
async def test_without_the_names_in_the_ids_sessions_are_lost(kind: str, tmp_path: Path) -> None:
    async with fleet(kind, tmp_path, without_names) as server:
        sessions = await open_sessions(server, 4)
        async with server.http() as http:
            answers = [
                await http.post("/mcp", headers={**SESSION, "mcp-session-id": session}, json=call("ping", {}))
                for session in sessions
                for _ in range(2)
            ]

    assert 404 in {answer.status_code for answer in answers}


def test_both_files_say_the_same_words() -> None:
    said = [line.count(NOT_REPEATED) for line in (FILES / "haproxy.cfg").read_text(encoding="utf-8").splitlines()]

    assert sum(said) == 2
    assert NOT_REPEATED in (FILES / "nginx.conf").read_text(encoding="utf-8")
