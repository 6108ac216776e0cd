"""Each host that keeps a file, and the file that was recorded for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from po_mcp.hosts.known import Host
from tests.hosts.recorded import WITH_FILE, find_recorded, key


@pytest.fixture(params=WITH_FILE, ids=key)
def host(request: pytest.FixtureRequest) -> Host:
    found: Host = request.param
    return found


@pytest.fixture
def file(host: Host, tmp_path: Path) -> Path:
    path = tmp_path / find_recorded(host).name
    path.write_bytes(find_recorded(host).read_bytes())
    return path
