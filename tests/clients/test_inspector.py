"""MCP Inspector's command line, which starts a server for each call, and mcpdo, which answers forms."""

from __future__ import annotations

import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import po_mcp
from tests.clients import setup
from tests.clients.conftest import Workspace
from tests.clients.hosts import SERVER
from tests.clients.test_clients import NUMBER, WITHOUT_FORM

pytestmark = pytest.mark.clients

ERAS = ["legacy", "modern"]
TRANSPORTS = ["stdio", "http"]

SKILLS = Path(po_mcp.__file__).parent / "skills"
LINES = '[{"item":"BOLT-M8-30","quantity":"5","unit_price":"0.45","warehouse":"Main"}]'


def program_command(name: str) -> list[str]:
    """Return the command of "inspector" or "mcpdo", installed if need be."""
    package = setup.install_npm("inspector") / "node_modules" / "@modelcontextprotocol" / "inspector" / "clients"
    places = {"inspector": "launcher/build/index.js", "mcpdo": "mcpdo/build/mcp-bin.js"}
    return [setup.install_node(), str(package / places[name])]


def server_variables(workspace: Workspace) -> list[str]:
    """Return the options that give the server its files."""
    named = ("PO_MCP_SANDBOX", "PO_MCP_JOURNAL")
    return [part for name in named for part in ("-e", f"{name}={workspace.environment[name]}")]


@pytest.fixture(params=TRANSPORTS)
def target(request: pytest.FixtureRequest, workspace: Workspace) -> Iterator[list[str]]:
    if request.param == "stdio":
        yield [SERVER, *server_variables(workspace)]
        return
    with workspace.serve() as url:
        yield [url]


@dataclass(frozen=True)
class Inspector:
    workspace: Workspace
    target: list[str]
    era: str

    def ask(self, method: str, *more: str) -> Any:
        """Make one request of the protocol; return its result."""
        command = [*program_command("inspector"), "--cli", *self.target, "--protocol-era", self.era, "--method", method]
        ended = self.workspace.run([*command, "--format", "json", *more])
        assert ended.returncode == 0, ended.stdout[-500:] + ended.stderr[-2000:]
        return json.loads(ended.stdout)["result"]

    def call(self, tool: str, *arguments: str) -> Any:
        return self.ask("tools/call", "--tool-name", tool, *arguments)["structuredContent"]


def read_page(link: str | None) -> str:
    """Return the HTML behind a link; "" where there is none."""
    if link is None:
        return ""
    with urllib.request.urlopen(link, timeout=30) as page:
        shown: str = page.read().decode()
        return shown


@pytest.mark.parametrize("era", ERAS)
def test_the_inspector_lists_reads_creates_and_gets_a_link_that_stays(
    workspace: Workspace, target: list[str], era: str
) -> None:
    inspector = Inspector(workspace, target, era)
    tools = inspector.ask("tools/list", "--strict")["tools"]
    listed = inspector.call("list_purchase_orders", "--tool-arg", "limit=1")
    read = inspector.call("get_purchase_order", "--tool-arg", "number=PO-2025-0042")
    created = inspector.call("create_purchase_order", "--tool-arg", "vendor=Acme Fasteners", f"lines={LINES}")
    waits = inspector.call("delete_purchase_order", "--tool-arg", f"number={WITHOUT_FORM}")
    shown = read_page(waits.get("approve_at"))

    assert len(tools) == 8
    assert listed["orders"][0]["number"] == "PO-2025-0042"
    assert read["remarks"] == ["The lines add up to 910.00, the ERP's total is 4,250.00."]
    assert created["status"] == "done"
    assert waits["status"] == "approval_required"
    assert "po-mcp approve" in waits["message"]
    # `po-mcp serve` has no page unless a PIN is set.
    assert (WITHOUT_FORM in shown) is (target[0] == SERVER)
    assert workspace.has_order(WITHOUT_FORM)


class Mcpdo:
    """One connection of mcpdo's background process, which ends with `stop`."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        ended = workspace.run([*program_command("mcpdo"), "private"])
        self.environment = {**workspace.environment, **dict(re.findall(r"export (\w+)='([^']*)'", ended.stdout))}

    def run(self, *arguments: str) -> Any:
        """Run mcpdo on its connection; return the JSON that it prints."""
        command = [*program_command("mcpdo"), "--format", "json", "--connection", "@test", *arguments]
        ended = subprocess.run(
            command, cwd=self.workspace.folder, env=self.environment, capture_output=True, text=True, timeout=120
        )
        assert ended.returncode == 0, ended.stdout[-500:] + ended.stderr[-2000:]
        return json.loads(ended.stdout)

    def stop(self) -> None:
        subprocess.run(
            [*program_command("mcpdo"), "daemon", "stop"], env=self.environment, capture_output=True, timeout=60
        )

    def delete(self, number: str, answer: str) -> str:
        """Ask for a delete, and answer its form; return the status of the outcome."""
        asked = self.run("tools/call", "delete_purchase_order", f"number:={number}")
        ended = self.run("elicitation/respond", asked["elicitationPending"]["elicitationId"], answer)
        found = re.search(r'"status": ?"(\w+)"', json.dumps(ended))
        assert found is not None, ended
        return found[1]


@pytest.fixture
def mcpdo(workspace: Workspace) -> Iterator[Mcpdo]:
    client = Mcpdo(workspace)
    yield client
    client.stop()


@pytest.mark.parametrize("era", ERAS)
def test_mcpdo_declines_and_accepts_a_delete_by_its_form(
    workspace: Workspace, mcpdo: Mcpdo, target: list[str], era: str
) -> None:
    mcpdo.run("connect", "--era", era, "--elicit", "form", *target[1:], *(["--"] * (len(target) > 1)), target[0])
    listed = mcpdo.run("tools/call", "list_purchase_orders", "limit:=1")
    declined = mcpdo.delete(NUMBER, "--decline")
    is_kept = workspace.has_order(NUMBER)
    accepted = mcpdo.delete(NUMBER, f"order_number:={NUMBER}")

    assert "PO-2025-0042" in json.dumps(listed)
    assert (declined, is_kept) == ("declined", True)
    assert (accepted, workspace.has_order(NUMBER)) == ("done", False)


def test_the_inspector_verifies_each_skill_and_its_digests(workspace: Workspace, target: list[str]) -> None:
    """The era is that with extensions: in the one before, no capability announces skills, and none are asked for."""
    command = [*program_command("inspector"), "--cli", *target, "--protocol-era", "modern", "--method", "skills/list"]
    ended = workspace.run([*command, "--format", "json", "--verify"])
    reports = [json.loads(line) for line in ended.stdout.splitlines() if line.startswith("{")]

    assert ended.returncode == 0, ended.stdout[-500:] + ended.stderr[-2000:]
    assert {report["name"] for report in reports} == {folder.name for folder in SKILLS.iterdir() if folder.is_dir()}
    for report in reports:
        assert report["outcome"] == "verified"
        assert report["conformance"] == report["frontmatter"] == []
        assert {file["status"] for file in report["files"]} == {"verified"}
