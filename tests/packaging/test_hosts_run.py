"""Claude Code, Codex and Gemini CLI read the file that `po-mcp install` wrote, without network or account."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients import setup
from tests.commands.pseudo_terminal import environment

pytestmark = pytest.mark.packaging

PATIENCE_S = 120
"""How long a host waits for the server at most, on a busy computer."""


def install_host(client: str, name: str) -> Path:
    """Return the program of a host, installed if need be at the version of its lock file (tests/clients/locks/)."""
    return setup.install_npm(client) / "node_modules" / ".bin" / name


def run_install(home: Path, host: str, command: str = "install") -> None:
    """Run `po-mcp install HOST` or `uninstall` as the user of a home folder."""
    run = [sys.executable, "-m", "po_mcp", command, host, "--yes"]
    subprocess.run(run, env=environment(home), check=True, capture_output=True)


def list_servers(host: Path, home: Path, **more: str) -> str:
    """Return the lines of `HOST mcp list` that name our server, said in a folder of no project."""
    folder = home / "somewhere"
    folder.mkdir(exist_ok=True)
    variables = {**environment(home), "PATH": setup.path_with_node(), "PO_MCP_SANDBOX": ":memory:", **more}
    ended = subprocess.run(
        [str(host), "mcp", "list"],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=2 * PATIENCE_S,
        check=True,
    )
    lines = [line for line in (ended.stdout + ended.stderr).splitlines() if "purchase-orders" in line]
    return " ".join(lines)


def wait_longer(home: Path) -> None:
    """Add what a person adds to the entry of Gemini CLI on a busy computer.

    `gemini mcp list` waits 5 s for a server, or what its entry says: packages/cli/src/commands/mcp/list.ts.
    """
    path = home / ".gemini" / "settings.json"
    settings = json.loads(path.read_text(encoding="utf-8"))
    settings["mcpServers"]["purchase-orders"]["timeout"] = PATIENCE_S * 1000
    path.write_text(json.dumps(settings), encoding="utf-8")


def test_claude_code_connects_until_the_entry_is_removed(tmp_path: Path) -> None:
    claude = install_host("claude-code", "claude")
    run_install(tmp_path, "claude-code")
    # It waits 30 s for a server, or so many milliseconds: code.claude.com/docs/en/mcp.
    assert "Connected" in list_servers(claude, tmp_path, MCP_TIMEOUT=str(PATIENCE_S * 1000))
    run_install(tmp_path, "claude-code", "uninstall")

    assert list_servers(claude, tmp_path) == ""


def test_codex_reads_the_entry_until_it_is_removed(tmp_path: Path) -> None:
    codex = install_host("codex", "codex")
    run_install(tmp_path, "codex")
    assert "enabled" in list_servers(codex, tmp_path)
    run_install(tmp_path, "codex", "uninstall")

    assert list_servers(codex, tmp_path) == ""


def test_gemini_cli_connects_until_the_entry_is_removed(tmp_path: Path) -> None:
    gemini = install_host("gemini-cli", "gemini")
    run_install(tmp_path, "gemini-cli")
    wait_longer(tmp_path)
    assert "Connected" in list_servers(gemini, tmp_path, GEMINI_CLI_TRUST_WORKSPACE="true")
    run_install(tmp_path, "gemini-cli", "uninstall")

    assert list_servers(gemini, tmp_path, GEMINI_CLI_TRUST_WORKSPACE="true") == ""
