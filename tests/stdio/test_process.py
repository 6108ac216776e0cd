"""The real process: what a host starts, spoken to by a client that is not the SDK's."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from po_mcp.writes.journal import JournalStore

MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": "2026-07-28",
    "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
    "io.modelcontextprotocol/clientCapabilities": {"elicitation": {}},
}
INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "clientInfo": {"name": "raw", "version": "1"},
    "capabilities": {"elicitation": {}},
}


class RawClient:
    """Speaks newline-delimited JSON-RPC to a server process, and nothing more."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self._id = 0

    def send(self, message: dict[str, Any]) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        self.process.stdin.flush()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        message: dict[str, Any] = json.loads(self.process.stdout.readline())
        return message

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        self._id += 1
        self.send({"id": self._id, "method": method, "params": params})
        return self.receive()

    def end(self) -> tuple[int, str]:
        """Close stdin; return the exit status and what was written to stderr."""
        _, errors = self.process.communicate(timeout=120)
        return self.process.returncode, errors.decode()


def environment(book: Path | str = ":memory:", **changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PO_MCP_")}
    return {**kept, "PO_MCP_SANDBOX": str(book), **changes}


@contextmanager
def hangups(handler: signal.Handlers = signal.SIG_DFL) -> Iterator[None]:
    """Let what is started meanwhile have SIGHUP handled so, whoever started the tests: `nohup` has it ignored."""
    former = signal.signal(signal.SIGHUP, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, former)


@contextmanager
def server(program: Sequence[str] = ("-m", "po_mcp"), **changes: str) -> Iterator[RawClient]:
    command = [sys.executable, *program]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=environment(**changes), **pipes) as process:  # type: ignore[call-overload]
        watchdog = threading.Timer(180, process.kill)  # a server that hangs fails the test, not the run
        watchdog.start()
        try:
            yield RawClient(process)
        finally:
            watchdog.cancel()
            process.kill()


def test_a_client_of_2026_lists_the_tools_and_deletes_with_the_persons_yes() -> None:
    call = {"name": "delete_purchase_order", "arguments": {"number": "PO-2025-0038"}, "_meta": MODERN_META}
    with server() as client:
        tools = client.request("tools/list", {"_meta": MODERN_META})["result"]["tools"]
        question = client.request("tools/call", call)["result"]
        answer = {"approval": {"action": "accept", "content": {"order_number": "PO-2025-0038"}}}
        again = {**call, "inputResponses": answer, "requestState": question["requestState"]}
        done = client.request("tools/call", again)["result"]
        ended = client.end()

    assert len(tools) == 8
    assert question["resultType"] == "input_required"
    assert "PO-2025-0038" in question["inputRequests"]["approval"]["params"]["message"]
    assert done["structuredContent"]["status"] == "done"
    assert ended == (0, "")


def test_an_answer_that_comes_after_a_restart_is_told_as_one_that_was_not_taken(tmp_path: Path) -> None:
    files = {"PO_MCP_SANDBOX": str(tmp_path / "book.db"), "PO_MCP_JOURNAL": str(tmp_path / "journal.db")}
    call = {"name": "delete_purchase_order", "arguments": {"number": "PO-2025-0038"}, "_meta": MODERN_META}
    answer = {"approval": {"action": "accept", "content": {"order_number": "PO-2025-0038"}}}
    with server(**files) as client:
        question = client.request("tools/call", call)["result"]
    with server(**files) as client:
        again = {**call, "inputResponses": answer, "requestState": question["requestState"]}
        error = client.request("tools/call", again)["error"]
        asked_again = client.request("tools/call", call)["result"]

    assert (error["code"], error["data"]) == (-32602, {"reason": "invalid_request_state"})
    assert "nothing was sent with it: po-mcp was restarted" in error["message"]
    assert "for order PO-2025-0038 is open: get_operation shows where it stands." in error["message"]
    assert asked_again["resultType"] == "input_required"


def test_a_client_of_2025_lists_the_tools_and_deletes_with_the_persons_yes() -> None:
    with server() as client:
        hello = client.request("initialize", INITIALIZE)["result"]
        client.send({"method": "notifications/initialized"})
        tools = client.request("tools/list", {})["result"]["tools"]
        asked = client.request("tools/call", {"name": "delete_purchase_order", "arguments": {"number": "PO-2025-0038"}})
        client.send({"id": asked["id"], "result": {"action": "accept", "content": {"order_number": "PO-2025-0038"}}})
        done = client.receive()["result"]
        ended = client.end()

    assert "Sandbox: no real orders." in hello["instructions"]
    assert len(tools) == 8
    assert asked["method"] == "elicitation/create"
    assert done["structuredContent"]["status"] == "done"
    assert ended == (0, "")


@pytest.mark.parametrize(("version", "mode"), [("2025-06-18", None), ("2025-11-25", "form")])
def test_a_form_has_a_mode_in_the_versions_that_have_modes(version: str, mode: str | None) -> None:
    with server() as client:
        client.request("initialize", {**INITIALIZE, "protocolVersion": version})
        client.send({"method": "notifications/initialized"})
        call = {"name": "delete_purchase_order", "arguments": {"number": "PO-2025-0038"}}
        asked = client.request("tools/call", call)
        client.send({"id": asked["id"], "result": {"action": "accept", "content": {"order_number": "PO-2025-0038"}}})
        done = client.receive()

    assert asked["method"] == "elicitation/create"
    assert asked["params"].get("mode") == mode
    assert set(asked["params"]) - {"mode"} == {"message", "requestedSchema"}
    assert done["result"]["structuredContent"]["status"] == "done"


def test_a_client_of_2025_06_takes_a_choice_by_its_title_or_its_id_in_any_case() -> None:
    given: dict[str, Callable[[dict[str, Any]], str]] = {
        "PO-2025-0041": lambda field: f" {field['enumNames'][1].upper()}",
        "PO-2025-0037": lambda field: field["enum"][2].title(),
    }
    done = []
    with server() as client:
        client.request("initialize", {**INITIALIZE, "protocolVersion": "2025-06-18"})
        client.send({"method": "notifications/initialized"})
        for number, write in given.items():
            call = {"name": "finalize_purchase_order", "arguments": {"number": number}}
            asked = client.request("tools/call", call)
            content = {"decision": write(asked["params"]["requestedSchema"]["properties"]["decision"])}
            client.send({"id": asked["id"], "result": {"action": "accept", "content": content}})
            done.append(client.receive()["result"]["structuredContent"])

    assert [(one["status"], one.get("backorder_number")) for one in done] == [
        ("done", "PO-2025-0041-BO1"),
        ("done", None),
    ]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("busy", [False, True], ids=["idle", "while a person is asked"])
def test_a_signal_ends_it_at_once_without_a_traceback(sent: signal.Signals, busy: bool) -> None:
    with server() as client:
        client.request("initialize", INITIALIZE)
        client.send({"method": "notifications/initialized"})
        if busy:
            client.request("tools/call", {"name": "delete_purchase_order", "arguments": {"number": "PO-2025-0038"}})
        client.process.send_signal(sent)
        status = client.process.wait(timeout=60)  # its stdin is still open

        assert client.process.stderr is not None
        assert (status, client.process.stderr.read()) == (0, b"")


@pytest.mark.parametrize("keeps_stdin", [True, False])
def test_a_client_that_no_longer_reads_ends_it_without_a_traceback(keeps_stdin: bool) -> None:
    with server() as client:
        client.request("initialize", INITIALIZE)
        client.send({"method": "notifications/initialized"})
        assert client.process.stdout is not None
        assert client.process.stdin is not None
        client.process.stdout.close()
        client.send({"id": "late", "method": "tools/list", "params": {}})
        if not keeps_stdin:
            client.process.stdin.close()
        status = client.process.wait(timeout=60)

        assert client.process.stderr is not None
        assert (status, client.process.stderr.read()) == (0, b"")


def test_a_write_is_recorded_though_its_client_no_longer_reads(tmp_path: Path) -> None:
    lines = [{"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}]
    create = {"number": "PO-2025-0043", "vendor": "12", "lines": lines}
    settings = {"PO_MCP_SANDBOX": str(tmp_path / "book.db"), "PO_MCP_JOURNAL": str(tmp_path / "journal.db")}
    with server(**settings) as client:
        client.request("initialize", INITIALIZE)
        client.send({"method": "notifications/initialized"})
        assert client.process.stdout is not None
        client.process.stdout.close()
        client.send(
            {"id": "c", "method": "tools/call", "params": {"name": "create_purchase_order", "arguments": create}}
        )
        status = client.process.wait(timeout=60)

    with closing(JournalStore(tmp_path / "journal.db")) as store:
        [recorded] = store.all()
    assert (status, recorded.operation.number, recorded.state) == (0, "PO-2025-0043", "DONE")


def test_closed_stdin_while_a_person_is_asked_ends_it_and_deletes_nothing(tmp_path: Path) -> None:
    book = tmp_path / "book.db"
    with server(book=str(book)) as client:
        client.request("initialize", INITIALIZE)
        client.send({"method": "notifications/initialized"})
        client.request("tools/call", {"name": "delete_purchase_order", "arguments": {"number": "PO-2025-0038"}})
        ended = client.end()
    with server(book=str(book)) as client:
        params = {"name": "get_purchase_order", "arguments": {"number": "PO-2025-0038"}, "_meta": MODERN_META}
        order = client.request("tools/call", params)["result"]

    assert ended == (0, "")
    assert order["structuredContent"]["status"] == "open"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"PO_MCP_ERP": "sap"}, "PO_MCP_ERP must be one of: sandbox, inventory-pro, exsited"),
        ({"PO_MCP_ERP": "inventory-pro"}, "PO_MCP_BASE_URL is not set; PO_MCP_ERP=inventory-pro needs it"),
        ({"PO_MCP_READONLY": "1"}, "PO_MCP_READONLY is not a setting. Did you mean PO_MCP_READ_ONLY?"),
        ({"PO_MCP_TIMEOUT": "soon"}, "PO_MCP_TIMEOUT must be a number of seconds from 1 to 3600"),
    ],
    ids=str,
)
def test_a_wrong_setting_stops_the_start_with_one_line_that_names_it(changes: dict[str, str], said: str) -> None:
    with server(**changes) as client:
        status, errors = client.end()

    assert status == 2
    assert errors.startswith(f"po-mcp: {said}")
    assert errors.count("\n") == 1


@pytest.mark.parametrize("era", ["2026-07-28", "2025-11-25"])
def test_the_demo_plays_as_the_story_has_it(era: str) -> None:
    command = [sys.executable, "-m", "po_mcp", "demo", "--era", era]
    wrong = {"PO_MCP_ERP": "exsited", "PO_MCP_BASE_URL": "https://erp.example.com"}  # must not matter
    run = subprocess.run(command, env=environment(**wrong), capture_output=True, text=True, timeout=120)

    assert (run.returncode, run.stderr) == (0, "")
    assert "7 calls and 3 questions in" in run.stdout
    assert "PO-2025-0037-BO1" in run.stdout


def peak_memory(process: subprocess.Popen[bytes]) -> int:
    """The most memory that the process ever held, in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) // 1024


def test_a_line_of_200_megabytes_is_refused_and_the_memory_does_not_go_with_it() -> None:
    with server() as client:
        client.request("tools/list", {"_meta": MODERN_META})
        before = peak_memory(client.process)
        assert client.process.stdin is not None
        client.process.stdin.write(b'{"jsonrpc": "2.0", "id": 99, "method": "tools/list", "params": {"x": "')
        for _ in range(200):
            client.process.stdin.write(b"A" * 1_000_000)
        client.process.stdin.write(b'"}}\n')
        answer = client.request("tools/list", {"_meta": MODERN_META})
        while "result" not in answer:  # the SDK may say that it could not read a message
            answer = client.receive()
        after = peak_memory(client.process)
        ended = client.end()

    assert len(answer["result"]["tools"]) == 8
    assert after - before < 40, f"{before} MB before, {after} MB after"
    assert ended[0] == 0


@contextmanager
def silent_erp() -> Iterator[tuple[str, socket.socket]]:
    """An ERP that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", listener


@pytest.mark.parametrize("how", ["SIGINT", "SIGTERM", "closed stdin"])
def test_the_process_ends_at_once_in_the_middle_of_a_read(how: str) -> None:
    with silent_erp() as (url, listener):
        real = {"PO_MCP_ERP": "inventory-pro", "PO_MCP_CLIENT_ID": "id", "PO_MCP_CLIENT_SECRET": "secret"}
        with server(PO_MCP_BASE_URL=url, **real) as client:
            params = {"name": "get_purchase_order", "arguments": {"number": "PO-1"}, "_meta": MODERN_META}
            client.send({"id": 1, "method": "tools/call", "params": params})
            connection, _ = listener.accept()  # the read is under way
            begun = time.monotonic()
            if how == "closed stdin":
                assert client.process.stdin is not None
                client.process.stdin.close()
            else:
                client.process.send_signal(signal.Signals[how])
            status = client.process.wait(timeout=120)
            seconds = time.monotonic() - begun
            connection.close()

            assert client.process.stderr is not None
            assert (status, client.process.stderr.read()) == (0, b"")
            assert seconds < 20
