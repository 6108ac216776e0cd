"""What a person put into our entry stays, and no secret of it is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from po_mcp.hosts.change import (
    SERVER,
    apply,
    entry_text,
    plan_install,
    plan_uninstall,
)
from po_mcp.hosts.known import Host
from po_mcp.hosts.program import Program
from tests.hosts.recorded import PROGRAM, STAMP, document, json_host


def test_another_program_is_replaced_and_what_the_person_added_stays(host: Host, file: Path) -> None:
    apply(plan_install(host, file, Program("/old/po-mcp")), "1")
    apply(plan_install(host, file, PROGRAM), "2")

    assert document(host, file.read_text())[host.section[0]][SERVER] == host.entry(PROGRAM)


def test_settings_in_an_entry_stay_and_are_not_shown(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    entry = {"command": "po-mcp", "disabled": True, "env": {"PO_MCP_CLIENT_SECRET": "a-secret", "PO_MCP_ERP": "x"}}
    path.write_text(json.dumps({"mcpServers": {SERVER: entry}}))
    change = plan_install(json_host(), path, PROGRAM)
    apply(change, STAMP)

    assert json.loads(path.read_text())["mcpServers"][SERVER] == {**entry, **json_host().entry(PROGRAM)}
    assert change.secrets() == ["PO_MCP_CLIENT_SECRET"]
    assert "a-secret" not in "\n".join(change.lines())
    assert "a-secret" not in "\n".join(plan_uninstall(json_host(), path).lines())


def test_a_persons_changes_in_an_entry_of_goose_stay_line_for_line(tmp_path: Path) -> None:
    host, path = json_host("goose"), tmp_path / "config.yaml"
    kept = (
        "    enabled: false  # for now\n    envs:\n      PO_MCP_CLIENT_SECRET: a-secret\n    env_keys:\n    - TOKEN\n"
    )
    rest = "    timeout: 60\n    # of mine\n    notes: |\n      one\n      - two\n"
    path.write_text(f"extensions:\n  {SERVER}:  # ours\n    cmd: /old/po-mcp\n{kept}{rest}  b:\n    c: 1\n")
    change = plan_install(host, path, PROGRAM)
    apply(change, STAMP)

    assert f"  {SERVER}:  # ours\n    cmd: {json.dumps(PROGRAM.command)}\n{kept}{rest}" in path.read_text()
    assert path.read_text().endswith("\n  b:\n    c: 1\n")
    assert change.secrets() == ["PO_MCP_CLIENT_SECRET"]
    assert "a-secret" not in "\n".join(change.lines())
    assert plan_install(host, path, PROGRAM).is_none


@pytest.mark.parametrize("env", ["a-secret", ["a-secret"], {"PO_MCP_X": {"y": "a-secret"}}])
def test_an_environment_of_another_form_is_not_shown_either(env: object, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(json.dumps({"mcpServers": {SERVER: {"command": "x", "env": env}}}))
    change = plan_install(json_host(), path, PROGRAM)

    assert "a-secret" not in "\n".join(change.lines())
    assert "(hidden)" in "\n".join(change.lines())


def test_a_day_in_an_entry_of_codex_stays(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(f"[mcp_servers.{SERVER}]\nsince = 2026-11-27\nat = 2026-11-27T10:00:00Z\n")
    apply(plan_install(json_host("codex"), path, PROGRAM), STAMP)

    assert "since = 2026-11-27\nat = 2026-11-27T10:00:00+00:00\n" in path.read_text()


def test_secrets_of_other_servers_are_not_shown(host: Host, file: Path) -> None:
    shown = "\n".join(plan_install(host, file, PROGRAM).lines())

    assert "canary-of-the-host" not in shown
    assert shown.count("+ ") >= 3


def test_an_entry_holds_no_setting(host: Host) -> None:
    assert not {"env", "envs"} & {name for name, value in host.entry(PROGRAM).items() if value}
    assert "PO_MCP_" not in entry_text(host, PROGRAM)
