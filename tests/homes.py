"""Folders of nobody: what the tests, their programs and the processes of these keep for a user lies in a place apart.

A guard fails what would write into the folders of the user who runs them, or start our program where it would.
"""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.clients import setup

FOLDERS = ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME")
"""The variables that say where a user's files lie."""
REAL = Path.home()
"""The home of the user who runs the tests, read before it is changed."""
_KEPT = tuple(str(REAL / place / "po-mcp") for place in (".cache", ".config", ".local/share", ".local/state"))
_ALLOWED = str(setup.CACHE)
"""Where clients that are not ours are installed, once for all runs."""
_OURS = re.compile(r"po[_-]mcp$|^(tests\.|benchmarks\b)[\w.]*$|\b(from|import) po_mcp\b")
"""A word of a command that starts our program, a module beside it, or code that imports it."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT


@contextmanager
def nobodys_folders(place: Path) -> Iterator[None]:
    """Let the folders of a user lie in `place`, for this process and those that it starts."""
    before = {name: os.environ.get(name) for name in FOLDERS}
    for name in FOLDERS:
        (place / name).mkdir(parents=True, exist_ok=True)
        os.environ[name] = str(place / name)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


@contextmanager
def nobodys_home() -> Iterator[None]:
    """Let the folders of a user lie in a place that is gone afterwards, and guard the real ones.

    For programs that are no tests: what runs them otherwise has no conftest.
    """
    guard_home()
    with tempfile.TemporaryDirectory() as place, nobodys_folders(Path(place)):
        yield


def guard_home() -> None:
    """Raise an error wherever this process would write into the real folders, or start our program to do so."""
    sys.addaudithook(check_event)


def check_event(event: str, arguments: tuple[Any, ...]) -> None:
    """Raise `AssertionError` for an event of Python's that would change the user's own folders.

    Args:
        event: its name, as https://docs.python.org/3/library/audit_events.html has them.
        arguments: what belongs to it.
    """
    if event == "open":
        path, _, flags = arguments
        if isinstance(flags, int) and flags & _WRITES:
            _check_path(path)
    elif event in ("os.mkdir", "sqlite3.connect"):
        _check_path(arguments[0])
    elif event == "subprocess.Popen":
        _, command, _, variables = arguments
        _check_process(command, variables)


def _check_process(command: Any, variables: Mapping[Any, Any] | None) -> None:
    words = [command] if isinstance(command, str | bytes) else list(command)
    is_ours = any(_OURS.search(os.fsdecode(word)) for word in words)
    given = os.environ if variables is None else {os.fsdecode(name): value for name, value in variables.items()}
    if is_ours and given.get("HOME") in (None, str(REAL)):
        raise AssertionError(f"{words} would keep its files in the folders of the user who runs the tests")


def _check_path(path: Any) -> None:
    if not isinstance(path, str | bytes | os.PathLike):  # a descriptor
        return
    name = os.fsdecode(path)
    is_kept = any(name == kept or name.startswith(f"{kept}{os.sep}") for kept in _KEPT)
    if is_kept and not name.startswith(_ALLOWED):
        raise AssertionError(f"{name} is in the folders of the user who runs the tests")
