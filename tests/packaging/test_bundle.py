"""The bundle: validated and packed by its official tool, unpacked, and started as Claude Desktop starts it."""

from __future__ import annotations

import json
import os
import select
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.packaging import tools
from tests.packaging.make import ROOT, load

pytestmark = pytest.mark.packaging


@pytest.fixture(scope="module")
def unpacked(tool_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the bundle, packed by its official tool and unpacked again."""
    folder = tmp_path_factory.mktemp("bundle")
    mcpb = str(tools.install_npm_package(tool_folder, "@anthropic-ai/mcpb", "mcpb"))
    load().stage(folder / "staged")
    subprocess.run([mcpb, "validate", "staged/manifest.json"], cwd=folder, check=True, capture_output=True)
    subprocess.run([mcpb, "pack", "staged", "po-mcp.mcpb"], cwd=folder, check=True, capture_output=True)
    with zipfile.ZipFile(folder / "po-mcp.mcpb") as packed:
        packed.extractall(folder / "unpacked")
    assert (folder / "po-mcp.mcpb").stat().st_size < 1_000_000
    return folder / "unpacked"


def start_bundle(unpacked: Path, uv: Path, home: Path, fields: dict[str, str]) -> list[dict[str, Any]]:
    """Start the bundle as the host does, with its fields filled in; return its answers to initialize and tools/list."""
    manifest = json.loads((unpacked / "manifest.json").read_text())
    config = manifest["server"]["mcp_config"]

    def fill(text: str) -> str:
        for name, value in {
            "${__dirname}": str(unpacked),
            **{f"${{user_config.{k}}}": v for k, v in fields.items()},
        }.items():
            text = text.replace(name, value)
        return text  # a field that was left blank stays as it stands there

    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("PO_MCP_")},
        "HOME": str(home),
        "PATH": f"{uv.parent}{os.pathsep}{os.environ['PATH']}",
        **{name: fill(value) for name, value in config["env"].items()},
    }
    command = [config["command"], *map(fill, config["args"])]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(tools.HELLO)
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], 180)
        lines = [process.stdout.readline() for _ in range(2)] if ready else []
        _, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    return [json.loads(line) for line in lines]


def test_the_unpacked_bundle_serves_the_sandbox_with_no_field_filled_in(
    unpacked: Path, tool_folder: Path, tmp_path: Path
) -> None:
    hello, listed = start_bundle(unpacked, tools.install_uv(tool_folder), tmp_path, {})

    assert hello["result"]["instructions"].startswith("Sandbox: no real orders.")
    assert len(listed["result"]["tools"]) == 8


def test_the_unpacked_bundle_takes_what_is_filled_in(unpacked: Path, tool_folder: Path, tmp_path: Path) -> None:
    _, listed = start_bundle(unpacked, tools.install_uv(tool_folder), tmp_path, {"read_only": "true", "erp": "Sandbox"})

    assert {tool["name"] for tool in listed["result"]["tools"]} == {
        "list_purchase_orders",
        "get_purchase_order",
        "search_catalog",
    }


def test_the_image_passes_its_linter(tool_folder: Path) -> None:
    command = [str(tools.install_hadolint(tool_folder)), str(ROOT / "packaging" / "Dockerfile")]
    linted = subprocess.run(command, capture_output=True, text=True, check=False)

    assert (linted.returncode, linted.stdout) == (0, "")
