"""Every example runs as it stands, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.name)
def test_an_example_runs_and_shows_something(script: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=120, cwd=EXAMPLES.parent
    )

    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.strip()


def test_every_example_is_named_in_their_readme() -> None:
    said = (EXAMPLES / "README.md").read_text()

    assert all(f"`{path.name}`" in said for path in EXAMPLES.glob("*.py"))
