"""Claude Code, Codex and Gemini CLI read the file that `po-mcp install` wrote, without network or account."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands.pseudo_terminal import environment
from tests.packaging import tools

pytestmark = pytest.mark.packaging


@pytest.fixture(scope="module")
def tool_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tools.folder(tmp_path_factory.mktemp("tools"))


def installed(home: Path, host: str, command: str = "install") -> None:
    run = [sys.executable, "-m", "po_mcp", command, host, "--yes"]
    subprocess.run(run, env=environment(home), check=True, capture_output=True)


def listed(program: Path, home: Path, **more: str) -> str:
    """What `HOST mcp list` says, in a folder of no project."""
    folder = home / "somewhere"
    folder.mkdir(exist_ok=True)
    variables = {**environment(home), "PATH": os.environ["PATH"], "PO_MCP_SANDBOX": ":memory:", **more}
    ended = subprocess.run(
        [str(program), "mcp", "list"],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    lines = [line for line in (ended.stdout + ended.stderr).splitlines() if "purchase-orders" in line]
    return " ".join(lines)


def test_claude_code_connects(tool_folder: Path, tmp_path: Path) -> None:
    claude = tools.npm(tool_folder, "@anthropic-ai/claude-code", "claude")
    installed(tmp_path, "claude-code")
    assert "Connected" in listed(claude, tmp_path)
    installed(tmp_path, "claude-code", "uninstall")

    assert listed(claude, tmp_path) == ""


def test_codex_reads_the_entry(tool_folder: Path, tmp_path: Path) -> None:
    codex = tools.npm(tool_folder, "@openai/codex", "codex")
    installed(tmp_path, "codex")
    assert "enabled" in listed(codex, tmp_path)
    installed(tmp_path, "codex", "uninstall")

    assert listed(codex, tmp_path) == ""


def test_gemini_cli_connects(tool_folder: Path, tmp_path: Path) -> None:
    gemini = tools.npm(tool_folder, "@google/gemini-cli", "gemini")
    installed(tmp_path, "gemini-cli")
    # it waits a few seconds only, which a busy computer may need for the first start
    tries = (listed(gemini, tmp_path, GEMINI_CLI_TRUST_WORKSPACE="true") for _ in range(5))
    assert any("Connected" in said for said in tries)
    installed(tmp_path, "gemini-cli", "uninstall")

    assert listed(gemini, tmp_path, GEMINI_CLI_TRUST_WORKSPACE="true") == ""
