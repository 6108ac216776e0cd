"""The settings, for a command: read, or the end with status 2 and one line that names what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import NoReturn

from po_mcp import config
from po_mcp.commands._prose import say
from po_mcp.errors import ConfigurationError


def load(file: Path | None) -> config.Settings:
    """Return the settings, or end the process."""
    try:
        return config.load(file=file)
    except ConfigurationError as exc:
        stop(str(exc))


def stop(message: str, status: int = 2) -> NoReturn:
    """End with one line on standard error; status 2 tells that the settings or the arguments are wrong."""
    say(f"po-mcp: {message}", err=True)
    raise SystemExit(status)
