"""FastMCP, beside which a start is measured: in an environment of its own, since its dependencies are not ours."""

from __future__ import annotations

import os
import subprocess
import sys
import venv

from platformdirs import user_cache_path

SERVER = """
from fastmcp import FastMCP
server = FastMCP("bare")
@server.tool
async def get_purchase_order(number: str) -> str:
    "Get one purchase order."
    return number
server.run(show_banner=False)
"""
"""A server of one tool, as its author would write it."""
_TELL_VERSION = "from importlib.metadata import version; import fastmcp; print(version('fastmcp'))"


def find_interpreter(*, may_install: bool) -> str | None:
    """Return the interpreter that `FASTMCP_PYTHON` names, or one that pip gives FastMCP; None where neither is wanted.

    What pip installs is kept in the user's cache folder.
    """
    named = os.environ.get("FASTMCP_PYTHON")
    return named or (_install() if may_install else None)


def read_version(interpreter: str) -> str | None:
    """Return the version of FastMCP that an interpreter has; None where it has none."""
    try:
        told = subprocess.run([interpreter, "-c", _TELL_VERSION], check=True, capture_output=True, text=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return told.stdout.strip()


def _install() -> str:
    folder = user_cache_path("po-mcp-benchmarks") / f"fastmcp-{sys.version_info.major}.{sys.version_info.minor}"
    interpreter = str(folder / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    if read_version(interpreter) is None:
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([interpreter, "-m", "pip", "install", "-qq", "fastmcp"], check=True)
    return interpreter
