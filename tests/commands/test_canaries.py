"""Secrets that may be found nowhere else: not in what a command says, a file, a log, or the list of processes."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import anyio
import pytest

from tests.commands.pseudo_terminal import environment
from tests.commands.test_sandbox_command import running
from tests.commands.test_serve import Serving, read_greeting, start
from tests.harness import ERAS
from tests.packaging.tools import HELLO

CLIENT_ID, SECRET = "an-id", "canary secret/8c1f"
LINES = '[{"item": "BOLT-M8-30", "quantity": "3", "unit_price": "0.45", "warehouse": "1"}]'
COMMANDS = {
    "doctor": ["doctor"],
    "doctor for programs": ["doctor", "--json"],
    "install": ["install", "cursor", "--yes"],
    "a read": ["call", "list_purchase_orders", "--json"],
    "a write": ["call", "create_purchase_order", "vendor=12", f"lines={LINES}"],
    "the journal": ["journal", "list", "--json"],
}
FORMS = {
    form.encode()
    for secret in (SECRET, f"{CLIENT_ID}:{SECRET}")
    for form in (secret, quote(secret, safe=""), json.dumps(secret)[1:-1], base64.b64encode(secret.encode()).decode())
}


def has_secret(data: bytes) -> bool:
    return any(form in data for form in FORMS)


@contextmanager
def home_with(folder: Path, secret: str) -> Iterator[Path]:
    """A home folder set up for an ERP on a port, as chatty as po-mcp can be, its secret in the file of secrets."""
    with running("--client-id", CLIENT_ID, "--client-secret", SECRET) as erp:
        place = folder / ".config" / "po-mcp"
        place.mkdir(parents=True)
        (place / "client_secret").write_text(secret, encoding="utf-8")
        lines = ['erp = "inventory-pro"', f'base_url = "{erp.url}"', f'client_id = "{CLIENT_ID}"']
        more = ['client_secret_file = "client_secret"', 'log_level = "DEBUG"']
        (place / "config.toml").write_text("\n".join([*lines, *more]), encoding="utf-8")
        yield folder


def run(home: Path, arguments: list[str], typed: str = "") -> bytes:
    command = [sys.executable, "-m", "po_mcp", *arguments]
    ended = subprocess.run(
        command, env=environment(home), input=typed.encode(), capture_output=True, timeout=120, check=False
    )
    return ended.stdout + ended.stderr


def files_with_secret(home: Path) -> list[str]:
    kept = home / ".config" / "po-mcp" / "client_secret"
    files = [path for path in home.rglob("*") if path.is_file() and path != kept]
    assert files
    return [str(path) for path in files if has_secret(path.read_bytes())]


def processes_of(home: Path) -> Iterator[bytes]:
    """What a list of processes shows of those that run in a home folder: command lines and environments."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            variables, line = (entry / "environ").read_bytes(), (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if f"HOME={home}".encode() in variables.split(b"\0"):
            yield variables + line


def call(name: str, arguments: Mapping[str, object]) -> str:
    return json.dumps(
        {"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    )


def test_a_secret_in_any_form_is_noticed() -> None:
    assert [has_secret(f"x{form}y".encode()) for form in (SECRET, quote(SECRET, safe=""), "canary")] == [
        True,
        True,
        False,
    ]


def test_no_command_shows_or_keeps_a_secret(tmp_path: Path) -> None:
    with home_with(tmp_path, SECRET) as home:
        shown = {name: run(home, arguments) for name, arguments in COMMANDS.items()}
        shown["a host's server"] = run(home, [], HELLO + call("list_purchase_orders", {}) + "\n")

    assert b"orders can be read" in shown["doctor"]
    assert b"PO-2025-0042" in shown["a read"]
    assert b"PO-2025-0043" in shown["a write"]
    assert b"PO-2025-0043" in shown["the journal"]
    assert b"PO-2025-0042" in shown["a host's server"]
    assert [name for name, text in shown.items() if has_secret(text)] == []
    assert files_with_secret(home) == []


def test_a_secret_that_the_erp_rejects_is_not_repeated(tmp_path: Path) -> None:
    with home_with(tmp_path, f"{SECRET}-mistyped") as home:
        shown = [run(home, COMMANDS[name]) for name in ("doctor", "doctor for programs", "a read", "a write")]

    assert all(b"rejected the client id or secret" in text for text in shown)
    assert not any(has_secret(text) for text in shown)
    assert files_with_secret(home) == []


@pytest.mark.parametrize("era", ERAS)
def test_a_server_shows_no_secret_to_clients_log_or_list_of_processes(era: str, tmp_path: Path) -> None:
    with home_with(tmp_path, SECRET) as home:
        program = ("-m", "po_mcp", "--config", str(home / ".config" / "po-mcp" / "config.toml"))
        with start("--port", "0", program=program, HOME=str(home), PO_MCP_LOG_LEVEL="DEBUG") as process:
            serving = Serving(process, read_greeting(process))
            answers, processes = anyio.run(use, serving, era, home)
            status, log = anyio.run(serving.end)

    assert status == 0
    assert "PO-2025-0042" in answers
    assert processes
    assert not has_secret((answers + serving.greeting + log).encode())
    assert not any(has_secret(one) for one in processes)
    assert files_with_secret(home) == []


async def use(serving: Serving, era: str, home: Path) -> tuple[str, list[bytes]]:
    """Read and fail over HTTP; return all that was answered, and the processes meanwhile."""
    async with serving.client(era) as client:
        tools = await client.list_tools()
        listed = await client.call_tool("list_purchase_orders", {})
        failed = await client.call_tool("get_purchase_order", {"number": "none"})
        answers = "".join(answer.model_dump_json() for answer in (tools, listed, failed))
        return answers, list(processes_of(home))
