"""Runs a client that is not ours, in its own environment, against a server of its own over the sandbox in files."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from po_mcp.sandbox import Book
from po_mcp.sandbox.refusals import Missing
from tests.clients import setup
from tests.tools.snapshots import FOLDER

SCRIPTS = Path(__file__).parent / "scripts"
_ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("PO_MCP_", "PYTHON"))}
_TIMEOUT_S = 240


@dataclass(frozen=True)
class Workspace:
    """A sandbox in files, and the environment of the server that a client starts."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            **_ENVIRONMENT,
            "HOME": str(self.folder),
            "PO_MCP_SANDBOX": str(self.folder / "book.db"),
            "PO_MCP_JOURNAL": str(self.folder / "journal.db"),
            "SERVER": sys.executable,
            "NO_COLOR": "1",
        }

    def has_order(self, number: str) -> bool:
        """Tell whether an order stands in the book, read past the server."""
        with closing(Book.open(self.folder / "book.db")) as book:
            try:
                book.order(number)
            except Missing:
                return False
        return True

    def run(
        self,
        command: Sequence[str | Path],
        timeout: float = _TIMEOUT_S,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command without a person: by default in this folder, with the environment of the server.

        Args:
            command: the program and its arguments.
            timeout: in seconds.
            folder: in which it is run.
            environment: all of its variables.
        """
        return subprocess.run(
            [*map(str, command)],
            cwd=folder or self.folder,
            env=environment or self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    def run_script(self, client: str, script: str, *arguments: str) -> dict[str, Any]:
        """Run a script of tests/clients/scripts in a client's environment; return the JSON that it prints last."""
        if script.endswith(".mjs"):
            ended = self.run([setup.install_node(), self._copy_scripts(client) / script, *arguments])
        else:
            ended = self.run([setup.install_python(client), SCRIPTS / script, *arguments])
        assert ended.returncode == 0, ended.stdout[-1000:] + ended.stderr[-3000:]
        found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
        return found | {"stderr": ended.stderr}

    def _copy_scripts(self, client: str) -> Path:
        """Return a copy of the scripts from which Node.js sees a client's packages: it looks beside the module."""
        folder = self.folder / "scripts"
        shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
        (folder / "node_modules").symlink_to(setup.install_npm(client) / "node_modules")
        return folder

    @contextmanager
    def serve(self) -> Iterator[str]:
        """Serve over HTTP; yield the URL."""
        command = [sys.executable, "-m", "po_mcp", "serve", "--port", "0"]
        with subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE, text=True) as process:
            try:
                assert process.stderr is not None
                line = process.stderr.readline()
                assert "/mcp" in line, line
                yield next(word.rstrip(".,") for word in line.split() if word.startswith("http"))
            finally:
                process.terminate()


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    Book.open(tmp_path / "book.db", made_on=datetime.now(UTC).date()).close()
    yield Workspace(tmp_path)
    end_processes_of(tmp_path)


def end_processes_of(home: Path) -> None:
    """End what still runs with a home folder: Codex leaves processes of its own, and po-mcp a page for a minute."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            variables = (entry / "environ").read_bytes().split(b"\0")
            if f"HOME={home}".encode() in variables:
                os.kill(int(entry.name), signal.SIGKILL)
        except OSError:
            continue


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A file with tools/list as a client gets it."""
    file = tmp_path / "tools.json"
    file.write_text(
        json.dumps([json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))])
    )
    return file
