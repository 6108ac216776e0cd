"""The built wheel in an index of its own, installed by name as people do, by uv tool, uvx and pipx.

With each, `po-mcp install` writes into a host's settings the command that will still be there tomorrow, or refuses.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from po_mcp import __version__
from tests.packaging import tools
from tests.packaging.make import build_wheel

pytestmark = pytest.mark.packaging


REQUIREMENT = f"po-mcp=={__version__}"


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The option by which an installer finds the wheel of this source in a folder."""
    wheel = build_wheel(tmp_path_factory.mktemp("index"))
    assert wheel.name.split("-")[:2] == ["po_mcp", __version__]
    return f"--find-links={wheel.parent}"


def run(command: list[str], home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a person with a new home folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PO_MCP_", "PYTHONPATH", "XDG_"))}
    folders = {"UV_TOOL_DIR": "tools", "UV_TOOL_BIN_DIR": "bin", "PIPX_HOME": "pipx", "PIPX_BIN_DIR": "bin"}
    variables = {**kept, "HOME": str(home), **{name: str(home / folder) for name, folder in folders.items()}}
    return subprocess.run(command, env=variables, cwd=home, capture_output=True, text=True, check=False, timeout=300)


def read_entry(home: Path) -> dict[str, object]:
    """Return our server's entry in the settings of Cursor."""
    found: dict[str, object] = json.loads((home / ".cursor" / "mcp.json").read_text())["mcpServers"]["purchase-orders"]
    return found


def test_uv_tool_installs_the_wheel_and_a_host_starts_its_link(index: str, tool_folder: Path, tmp_path: Path) -> None:
    installed = run([str(tools.install_uv(tool_folder)), "tool", "install", index, REQUIREMENT], tmp_path)
    program = str(tmp_path / "bin" / "po-mcp")
    run([program, "install", "cursor", "--yes"], tmp_path)

    assert installed.returncode == 0, installed.stderr
    assert run([program, "--version"], tmp_path).stdout.startswith("po-mcp, version ")
    assert read_entry(tmp_path) == {"command": program, "args": []}


def test_uvx_runs_the_wheel_and_no_host_starts_it(index: str, tool_folder: Path, tmp_path: Path) -> None:
    uvx = [str(tools.install_uv(tool_folder)), "tool", "run", index, "--from", REQUIREMENT, "po-mcp"]
    shown, refused = run([*uvx, "--version"], tmp_path), run([*uvx, "install", "cursor", "--yes"], tmp_path)

    assert shown.stdout.startswith("po-mcp, version ")
    assert refused.returncode == 2
    assert "is in a cache that may be cleared" in refused.stderr
    assert not (tmp_path / ".cursor").exists()


def test_pipx_installs_the_wheel_and_a_host_starts_its_link(index: str, tool_folder: Path, tmp_path: Path) -> None:
    installed = run([str(tools.install_pipx(tool_folder)), "install", f"--pip-args={index}", REQUIREMENT], tmp_path)
    program = str(tmp_path / "bin" / "po-mcp")
    run([program, "install", "cursor", "--yes"], tmp_path)

    assert installed.returncode == 0, installed.stderr
    assert read_entry(tmp_path) == {"command": program, "args": []}
