"""`codex exec` with the entry that `po-mcp install codex` writes: Codex lets through what docs/install.md says."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.clients.conftest import Workspace
from tests.clients.first_answer import InstalledCodex
from tests.clients.hosts import SERVER
from tests.clients.scripted_model import ScriptedModel
from tests.clients.test_clients import NUMBER, read_scenario

pytestmark = pytest.mark.clients

LIST, GET, CREATE = read_scenario("before")[:3]
DELETE = read_scenario("asked")[0]
REFUSED = "MCP tool call requires approval, but approval policy is never"
INSTALL = (Path(__file__).parent.parent.parent / "docs" / "install.md").read_text(encoding="utf-8")


class CodexExec(InstalledCodex):
    """Codex without a person, its entry written by po-mcp, and perhaps a line of the user's."""

    def headless_command(self, prompt: str) -> list[str]:
        ours = "mcp_servers.purchase-orders"
        waits = ["-c", f"{ours}.required=true", "-c", f"{ours}.startup_timeout_sec=60"]
        return [*self.command(), "exec", "--skip-git-repo-check", *waits, prompt]

    def install(self, mode: str | None) -> None:
        """Have po-mcp write the entry, add a person's lines to it, and have it written once more."""
        files = ", ".join(f'{name} = "{value}"' for name, value in self.server_files.items())
        lines = f"env = {{ {files} }}\n" + (f'default_tools_approval_mode = "{mode}"\n' if mode else "")
        command = [SERVER, "install", "codex", "--yes"]
        subprocess.run(command, env=self.environment, check=True, capture_output=True, timeout=60)
        self.settings.write_text(self.settings.read_text(encoding="utf-8") + lines, encoding="utf-8")
        subprocess.run(command, env=self.environment, check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(
    ("mode", "created", "deleted"),
    [(None, "done", REFUSED), ("writes", REFUSED, REFUSED), ("approve", "done", "decide with po-mcp approve")],
)
def test_codex_exec_lets_through_what_its_mode_says_and_nothing_is_deleted(
    workspace: Workspace, mode: str | None, created: str, deleted: str
) -> None:
    model = ScriptedModel([LIST, CREATE, DELETE])
    with model.serve() as url:
        codex = CodexExec(workspace, url)
        codex.install(mode)
        codex.run()

    listed, create, delete = model.results
    assert "PO-2025-0042" in listed
    assert created in create
    assert deleted in delete
    assert workspace.has_order(NUMBER)
    assert workspace.has_order("PO-2025-0043") == (created == "done")
    assert REFUSED in INSTALL
