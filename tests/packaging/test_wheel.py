"""The built wheel in an index of its own, installed by name as people do: uv tool, uvx and pipx.

Each names itself in a host as it should.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from po_mcp import __version__
from tests.packaging import tools
from tests.packaging.make import ROOT

pytestmark = pytest.mark.packaging


@pytest.fixture(scope="module")
def tool_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tools.folder(tmp_path_factory.mktemp("tools"))


NAMED = f"po-mcp=={__version__}"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder that holds the wheel and that installers look packages up in."""
    folder = tmp_path_factory.mktemp("index")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    assert [path.name.split("-")[:2] for path in folder.iterdir()] == [["po_mcp", __version__]]
    return f"--find-links={folder}"


def run(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a person with a new home folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PO_MCP_", "PYTHONPATH", "XDG_"))}
    folders = {"UV_TOOL_DIR": "tools", "UV_TOOL_BIN_DIR": "bin", "PIPX_HOME": "pipx", "PIPX_BIN_DIR": "bin"}
    variables = {**kept, "HOME": str(home), **{name: str(home / folder) for name, folder in folders.items()}}
    return subprocess.run(command, env=variables, cwd=home, capture_output=True, text=True, check=False, timeout=300)


def entry(home: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((home / ".cursor" / "mcp.json").read_text())["mcpServers"]["purchase-orders"]
    return found


def test_uv_tool_installs_it_and_its_link_is_what_a_host_starts(index: str, tool_folder: Path, tmp_path: Path) -> None:
    installed = run([str(tools.uv(tool_folder)), "tool", "install", index, NAMED], tmp_path)
    program = str(tmp_path / "bin" / "po-mcp")
    run([program, "install", "cursor", "--yes"], tmp_path)

    assert installed.returncode == 0, installed.stderr
    assert run([program, "--version"], tmp_path).stdout.startswith("po-mcp, version ")
    assert entry(tmp_path) == {"command": program, "args": []}


def test_uvx_runs_it_and_is_not_what_a_host_starts(index: str, tool_folder: Path, tmp_path: Path) -> None:
    uvx = [str(tools.uv(tool_folder)), "tool", "run", index, "--from", NAMED, "po-mcp"]
    shown, refused = run([*uvx, "--version"], tmp_path), run([*uvx, "install", "cursor", "--yes"], tmp_path)

    assert shown.stdout.startswith("po-mcp, version ")
    assert refused.returncode == 2
    assert "is in a cache that may be cleared" in refused.stderr
    assert not (tmp_path / ".cursor").exists()


def test_pipx_installs_it_and_its_link_is_what_a_host_starts(index: str, tool_folder: Path, tmp_path: Path) -> None:
    installed = run([str(tools.pipx(tool_folder)), "install", f"--pip-args={index}", NAMED], tmp_path)
    program = str(tmp_path / "bin" / "po-mcp")
    run([program, "install", "cursor", "--yes"], tmp_path)

    assert installed.returncode == 0, installed.stderr
    assert entry(tmp_path) == {"command": program, "args": []}
