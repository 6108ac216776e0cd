"""The official conformance suite, against po-mcp's own HTTP server with the suite's fixtures mounted."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest

from tests.clients import setup
from tests.clients.conftest import Stage

pytestmark = pytest.mark.clients

# What a revision required when it was released; 2025-06-18 has no such list, so all that applies to it.
REVISIONS = {
    "2025-06-18": (["--suite", "all", "--spec-version", "2025-06-18"], 56),
    "2025-11-25": (["--requirements", "2025-11-25"], 74),
    "2026-07-28": (["--requirements", "2026-07-28"], 151),
}
"""The suite's arguments, and how many checks pass; those that fail are not scored (extensions, pending scenarios)."""


@pytest.fixture
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.conformance"]
    with (
        (tmp_path_factory.mktemp("server") / "log").open("w") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as process,
    ):
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


@pytest.mark.parametrize("revision", REVISIONS)
def test_every_required_check_passes(stage: Stage, url: str, revision: str) -> None:
    which, expected = REVISIONS[revision]
    suite = setup.npm("conformance") / "node_modules" / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    arguments = ["server", "--url", url, *which, "--timeout", "30000", "-o", str(stage.folder / "out")]
    ended = stage.run([setup.node(), suite, *arguments])
    checks = [check for file in (stage.folder / "out").glob("*/checks.json") for check in json.loads(file.read_text())]

    assert ended.returncode == 0, ended.stdout[-3000:]
    assert Counter(check["status"] for check in checks)["SUCCESS"] >= expected
