"""The hosts' files as they were recorded, written after the hosts' documentation."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from po_mcp.hosts import jsonc, yaml
from po_mcp.hosts.change import (
    SERVER,
)
from po_mcp.hosts.known import HOSTS, Host, host_named
from po_mcp.hosts.program import Program

FILES = Path(__file__).parent / "files"
PROGRAM = Program("/opt/po mcp/bin/po-mcp", ("--config", "/home/me/müller.toml"))
WITH_FILE = [host for host in HOSTS if host.file is not None]
STAMP = "20261127-014500"


def find_recorded(host: Host) -> Path:
    (found,) = FILES.glob(f"{host.key}.*")
    return found


def key(host: Host) -> str:
    return host.key


def document(host: Host, text: str) -> Any:
    """The file as its host reads it; of YAML only our entry."""
    match host.format:
        case "json":
            return jsonc.read(text)
        case "toml":
            return tomllib.loads(text)
        case "yaml":
            return {host.section[0]: {SERVER: yaml.entry(text, host.section[0], SERVER)}}


def json_host(name: str = "cursor") -> Host:
    found = host_named(name)
    assert found is not None
    return found
