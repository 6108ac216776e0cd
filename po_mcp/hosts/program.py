"""How a host starts this very program: an absolute path, since a host's PATH is seldom that of a terminal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath

_TEMPORARY = ("archive-v0", "builds-v0", "environments-v2", ".tmp", "pipx/.cache")
"""Folders of uv and pipx in which a program lives only until the cache is cleared."""


@dataclass(frozen=True)
class Program:
    """A command and its arguments."""

    command: str
    arguments: tuple[str, ...] = ()

    @property
    def is_temporary(self) -> bool:
        """Whether the path is one of a cache: an entry that names it stops working some day."""
        path = self.command.replace("\\", "/")
        return any(f"/{folder}" in path for folder in _TEMPORARY)


def this_program(
    started_as: PurePath, interpreter: PurePath, exists: Callable[[PurePath], bool], config: PurePath | None = None
) -> Program:
    """Return how the running program is started again, from any folder.

    Args:
        started_as: the absolute path of `sys.argv[0]`, symbolic links kept: uv and pipx put a stable link on PATH.
        interpreter: the running Python.
        exists: whether a path is a file.
        config: the file that `--config` named, absolute.
    """
    arguments = () if config is None else ("--config", str(config))
    suffix = ".exe" if interpreter.suffix.lower() == ".exe" else ""
    for script in (started_as, started_as.with_name(f"po-mcp{suffix}"), interpreter.with_name(f"po-mcp{suffix}")):
        if script.name.lower() in ("po-mcp", "po-mcp.exe") and exists(script):
            return Program(str(script), arguments)
    # -P: an editor starts us in the open project, and a folder po_mcp in it must not be imported.
    return Program(str(interpreter), ("-P", "-m", "po_mcp", *arguments))
