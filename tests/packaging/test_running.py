"""The files with which a server for a team is run, as far as they can be checked without their programs."""

from __future__ import annotations

import re
import shutil
import subprocess
from ipaddress import ip_address, ip_network
from pathlib import Path

from po_mcp.config import Settings
from po_mcp.connectors.registry import declared_settings
from tests.packaging.make import ROOT

PACKAGING = ROOT / "packaging"
COMPOSE = (PACKAGING / "compose.yaml").read_text(encoding="utf-8")
SERVICE = (PACKAGING / "po-mcp.service").read_text(encoding="utf-8")
NGINX = (PACKAGING / "balancer" / "nginx.conf").read_text(encoding="utf-8")
HAPROXY = (PACKAGING / "balancer" / "haproxy.cfg").read_text(encoding="utf-8")
LONGEST_WRITE_S = 2 * Settings().timeout + 15
"""A write and the read that follows, each as long as a request may take, and what else the server does at its end."""


def test_every_file_leaves_a_write_under_way_the_time_to_end() -> None:
    [service] = re.findall(r"^TimeoutStopSec=(\d+)$", SERVICE, re.MULTILINE)
    [compose] = re.findall(r"^  stop_grace_period: (\d+)s$", COMPOSE, re.MULTILINE)

    assert int(service) >= LONGEST_WRITE_S
    assert int(compose) >= LONGEST_WRITE_S


def test_every_replica_has_its_name_at_the_balancers() -> None:
    replicas = set(re.findall(r"PO_MCP_REPLICA: (\w+)", COMPOSE))
    services = set(re.findall(r"^  (r\d):$", COMPOSE, re.MULTILINE))
    mapped = dict(re.findall(r'"~\^(\w+)\\\."\s+(\w+);', NGINX))

    assert replicas == services == {"r1", "r2"}
    assert mapped == {name: f"po_mcp_{name}" for name in replicas}
    for name in replicas:
        assert f"use-server {name} if {{ req.hdr(mcp-session-id) -m beg {name}. }}" in HAPROXY
        assert re.search(rf"upstream po_mcp_{name} {{[^}}]*server {name}:8765 max_fails=0;", NGINX)


def test_a_replica_that_is_replaced_keeps_its_address() -> None:
    """Nginx looks a name up once, at its start (https://nginx.org/en/docs/http/ngx_http_upstream_module.html#resolve)."""
    [subnet] = re.findall(r"subnet: (\S+?)}", COMPOSE)
    addresses = re.findall(r"ipv4_address: (\S+?)}", COMPOSE)

    assert len(set(addresses)) == len(re.findall(r"PO_MCP_REPLICA: r\d", COMPOSE)) == 2
    assert all(ip_address(one) in ip_network(subnet) for one in addresses)


def test_no_container_has_rights_or_a_port_besides_the_balancers() -> None:
    replica = COMPOSE.partition("x-replica:")[2].partition("\nservices:")[0]

    for line in ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]'):
        assert line in replica
    assert re.findall(r"ports: (.*)", COMPOSE) == ['["443:443"]']
    assert "inside: {internal: true}" in COMPOSE


def test_no_secret_stands_in_a_file_that_is_published() -> None:
    named = re.findall(r"PO_MCP_(\w+?): ", COMPOSE)
    secrets = {"CLIENT_SECRET", "JOURNAL", "KEYS"}

    assert not secrets & set(named)
    assert {f"{name}_FILE" for name in secrets} <= set(named)
    assert "LoadCredential=client_secret:" in SERVICE


def test_the_service_names_settings_that_are_there() -> None:
    known = {name.upper() for name in (*Settings.model_fields, *declared_settings())}

    assert set(re.findall(r"PO_MCP_(\w+?)(?:_FILE)?=", SERVICE)) <= known


def test_systemd_understands_the_service(tmp_path: Path) -> None:
    """Where systemd is installed, its own check of keys and values; elsewhere that one key of its sandbox is there."""
    program = shutil.which("systemd-analyze")
    if program is None:
        assert re.search(r"^ProtectSystem=strict$", SERVICE, re.MULTILINE)
        return
    unit = tmp_path / "po-mcp.service"
    unit.write_text(SERVICE.replace("/opt/po-mcp/bin/po-mcp", "/bin/true"), encoding="utf-8")
    said = subprocess.run([program, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)

    assert "po-mcp.service" not in said.stderr, said.stderr
    # Its own measure of the rights that a service keeps, from 0 to 10 (systemd-analyze(1)): 14 is 1.4.
    rated = subprocess.run(
        [program, "security", "--offline=true", "--threshold=14", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert rated.returncode == 0, rated.stdout[-2000:] + rated.stderr
