"""The tools as a client gets them, and what runs a client in its own environment."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.clients import setup
from tests.tools.snapshots import FOLDER

SCRIPTS = Path(__file__).parent / "scripts"


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PO_MCP_", "PYTHON"))}
    return {**kept, "PO_MCP_SANDBOX": ":memory:", "PO_MCP_JOURNAL": ":memory:", "NO_COLOR": "1"}


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A file with tools/list as a client gets it."""
    file = tmp_path / "tools.json"
    file.write_text(
        json.dumps([json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))])
    )
    return file


def run_python(client: str, script: str, *arguments: str) -> Any:
    """Run a script of tests/clients/scripts by a client's own Python; return the JSON that it prints last."""
    return _run("python", client, [setup.python(client), str(SCRIPTS / script), *arguments])


def _run(kind: str, client: str, command: list[str]) -> Any:
    assert setup.is_installed(kind, client), f"python -m tests.clients.setup {client}"
    run = subprocess.run(command, env=_environment(), capture_output=True, text=True, timeout=180)
    assert run.returncode == 0, run.stderr[-2000:]
    return json.loads(run.stdout.splitlines()[-1]) | {"stderr": run.stderr}
