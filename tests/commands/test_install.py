"""`po-mcp install` and `uninstall` as processes: what a person sees, and what a host's file holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from po_mcp.commands import _hosts
from po_mcp.hosts.known import HOSTS
from tests.commands.pseudo_terminal import at_terminal, environment, run_as_script


def entry(path: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads(path.read_text())["mcpServers"]["purchase-orders"]
    return found


def test_an_entry_is_written_and_taken_out_with_yes(tmp_path: Path) -> None:
    path = tmp_path / ".cursor" / "mcp.json"
    path.parent.mkdir()
    path.write_text('{"mcpServers": {}}')
    installed = run_as_script(tmp_path, "install", "cursor", "--yes")
    program = Path(str(entry(path)["command"]))
    removed = run_as_script(tmp_path, "uninstall", "Cursor", "--yes")

    assert (installed.returncode, removed.returncode) == (0, 0)
    assert program.is_absolute()
    assert program.is_file()
    assert "The file as it was: " in installed.stdout
    assert json.loads(path.read_text()) == {"mcpServers": {}}
    assert len(list(path.parent.iterdir())) == 3


def test_the_program_that_is_written_serves_mcp(tmp_path: Path) -> None:
    run_as_script(tmp_path, "install", "cursor", "--yes")
    written = entry(tmp_path / ".cursor" / "mcp.json")
    command = [str(written["command"]), *map(str, list(written["args"]))]  # type: ignore[call-overload]
    hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}

    answered = subprocess.run(
        command, env=environment(tmp_path), input=json.dumps(message) + "\n", capture_output=True, text=True, check=True
    )

    assert json.loads(answered.stdout)["result"]["serverInfo"]["name"] == "po-mcp"


def test_without_a_terminal_nothing_is_written_and_it_says_how(tmp_path: Path) -> None:
    ended = run_as_script(tmp_path, "install", "cursor")

    assert ended.returncode == 3
    assert '+     "command": ' in ended.stdout
    assert "add --yes" in ended.stdout
    assert not (tmp_path / ".cursor").exists()


@pytest.mark.parametrize(("answer", "status", "written"), [("y", 0, True), ("n", 3, False), ("", 3, False)])
def test_a_person_sees_the_change_and_decides(answer: str, status: int, written: bool, tmp_path: Path) -> None:
    ended, screen = at_terminal(["install", "cursor"], [("Write this?", answer)], environment(tmp_path))

    assert ended == status
    assert '+     "command": ' in screen
    assert (tmp_path / ".cursor" / "mcp.json").exists() == written


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.key)
def test_print_changes_nothing(host: object, tmp_path: Path) -> None:
    ended = run_as_script(tmp_path, "install", getattr(host, "key", ""), "--print")

    assert ended.returncode == 0
    assert "purchase-orders" in ended.stdout
    assert list(tmp_path.iterdir()) == []


def test_jetbrains_keeps_no_file_and_gets_the_entry_to_paste(tmp_path: Path) -> None:
    ended = run_as_script(tmp_path, "install", "jetbrains", "--yes")

    assert json.loads(ended.stdout)["mcpServers"]["purchase-orders"]["args"] == []
    assert "Settings, Tools, AI Assistant" in ended.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_file_of_settings_is_passed_on_as_a_full_path(tmp_path: Path) -> None:
    run_as_script(tmp_path, "--config", "team.toml", "install", "cursor", "--yes")

    assert entry(tmp_path / ".cursor" / "mcp.json")["args"] == ["--config", str(Path.cwd() / "team.toml")]


def test_secrets_of_the_terminal_are_named_and_written_nowhere(tmp_path: Path) -> None:
    ended = run_as_script(tmp_path, "install", "cursor", "--yes", PO_MCP_CLIENT_SECRET="a-secret", PO_MCP_ERP="exsited")

    assert "unknown to the assistant: PO_MCP_CLIENT_SECRET, PO_MCP_ERP" in ended.stdout
    assert "a-secret" not in ended.stdout + ended.stderr
    assert "a-secret" not in (tmp_path / ".cursor" / "mcp.json").read_text()


def test_a_host_that_is_not_known_is_answered_with_those_that_are(tmp_path: Path) -> None:
    ended = run_as_script(tmp_path, "install", "chatgpt")

    assert ended.returncode == 2
    assert ended.stderr.startswith("po-mcp: chatgpt is not a known host. Known: claude-desktop, claude-code, vscode")


def test_a_file_that_cannot_be_read_ends_with_status_1_and_one_line(tmp_path: Path) -> None:
    path = tmp_path / ".cursor" / "mcp.json"
    path.parent.mkdir()
    path.write_text("{")
    for command in ("install", "uninstall"):
        ended = run_as_script(tmp_path, command, "cursor", "--yes")
        assert ended.returncode == 1
        assert ended.stderr.count("\n") == 1
        assert "was not changed: line 1: text in quotes is expected" in ended.stderr
    assert path.read_text() == "{"


def test_without_a_host_they_are_listed_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / ".codex").mkdir()
    run_as_script(tmp_path, "install", "cursor", "--yes")
    (tmp_path / ".lmstudio").mkdir()
    (tmp_path / ".lmstudio" / "mcp.json").write_text('{"mcpServers": {"purchase-orders": {"command": "/old/po-mcp"}}}')
    lines = {line[:16].strip(): line[42:] for line in run_as_script(tmp_path, "install").stdout.splitlines()}

    assert lines["cursor"] == "connected"
    assert lines["codex"] == "found, not connected"
    assert lines["lm-studio"] == "connected to another program"
    assert lines["windsurf"] == "not found"


def test_a_program_in_a_cache_is_not_written(tmp_path: Path) -> None:
    cached = tmp_path / "archive-v0" / "x" / "bin" / "po-mcp"
    cached.parent.mkdir(parents=True)
    cached.write_text("from po_mcp.cli import main\nmain()\n")

    ended = subprocess.run(
        [sys.executable, str(cached), "install", "cursor", "--yes"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 2
    assert "is in a cache that may be cleared" in ended.stderr
    assert not (tmp_path / ".cursor").exists()


def test_a_link_is_printed_or_said_not_to_be_there(tmp_path: Path) -> None:
    assert run_as_script(tmp_path, "install", "vscode", "--link").stdout.startswith("vscode:mcp/install?%7B")
    ended = run_as_script(tmp_path, "install", "zed", "--link")

    assert ended.returncode == 2
    assert "Zed has no link" in ended.stderr


def test_a_host_is_found_by_its_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = tmp_path / "gemini"
    command.write_text("#!/bin/sh\n")
    command.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    gemini = next(host for host in HOSTS if host.key == "gemini-cli")
    monkeypatch.setenv("PATH", "/nowhere")
    assert not _hosts.is_found(gemini, _hosts.this_machine())
    monkeypatch.setenv("PATH", str(tmp_path))

    assert _hosts.is_found(gemini, _hosts.this_machine())
