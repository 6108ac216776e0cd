"""Installs the clients that tests/clients drives, from PyPI, each once for its list of versions.

`python -m tests.clients.setup [NAME ...]` installs all of versions.toml, or those named.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tomllib
import venv
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

VERSIONS = tomllib.loads(Path(__file__).with_name("versions.toml").read_text(encoding="utf-8"))
_CACHE = user_cache_path("po-mcp") / "clients"
_DONE = "installed"
_LONGEST = 900
"""Seconds that one installation may take."""


def folder(kind: str, name: str) -> Path:
    """Return where a client is installed: another list of versions is another folder."""
    lock = hashlib.sha256(json.dumps([sys.version_info[:2], VERSIONS[kind][name]]).encode()).hexdigest()[:12]
    return _CACHE / f"{name}-{lock}"


def is_installed(kind: str, name: str) -> bool:
    """Tell whether an installation was finished."""
    return (folder(kind, name) / _DONE).exists()


def python(name: str) -> str:
    """Return the interpreter of a Python client."""
    return str(folder("python", name) / "bin" / "python")


def install(kind: str, name: str) -> None:
    """Install one client.

    Raises:
        subprocess.CalledProcessError: pip failed.
    """
    place = folder(kind, name)
    place.mkdir(parents=True, exist_ok=True)
    venv.create(place, with_pip=True)
    _run([python(name), "-m", "pip", "install", "--quiet", *VERSIONS[kind][name]], place)
    (place / _DONE).touch()


def _run(command: Sequence[str], place: Path) -> None:
    subprocess.run(command, cwd=place, check=True, timeout=_LONGEST)


def main(names: Sequence[str]) -> None:
    """Install what is not installed."""
    for kind, clients in VERSIONS.items():
        for name in clients:
            if (not names or name in names) and not is_installed(kind, name):
                print(f"installing {name}", flush=True)  # noqa: T201
                install(kind, name)


if __name__ == "__main__":
    main(sys.argv[1:])
