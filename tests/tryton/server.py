"""A real Tryton for the tests: its environment and a template database made once, a server, a reset per test.

Nothing of Tryton is imported: its two programs run as processes of a virtual environment of their own.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from . import book, company
from .company import Facts
from .rpc import Rpc

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
HOME = Path(os.environ.get("PO_MCP_TEST_TRYTON", Path(__file__).parent.parent.parent / ".tryton"))
"""Where the environment and the template lie."""
DATABASE = "po"
ADMIN_PASSWORD = "admin-secret-1"
_STARTS_WITHIN = 60.0  # seconds


def environment(folder: Path) -> Path:
    """Make the virtual environment if it is not there, and return its programs' folder."""
    programs = folder / "venv" / "bin"
    if not (programs / "trytond").exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run([programs / "pip", "install", "--quiet", "--requirement", REQUIREMENTS], check=True)
    return programs


def template(folder: Path) -> Path:
    """Make the template database if it is not there: a company, and an order in every state."""
    made = folder / "template.sqlite"
    if made.exists():
        return made
    programs = environment(folder)
    empty = _empty(programs, folder / "empty")
    with Server(programs, empty, folder / "building") as server:
        admin = Rpc(server.url, "admin", ADMIN_PASSWORD)
        facts = company.fill(admin)
        admin.close()
        office = book.Office(server.url, facts, ADMIN_PASSWORD)
        orders = book.write(office)
        office.close()
        (folder / "facts.json").write_text(json.dumps({"facts": asdict(facts), "orders": orders}))
        _copy(server.file, folder / "unfinished.sqlite")
    (folder / "unfinished.sqlite").rename(made)
    return made


def facts_of(folder: Path) -> tuple[Facts, dict[str, int]]:
    """Return the ids in the template: of the company's things, and of the orders."""
    kept = json.loads((folder / "facts.json").read_text())
    return Facts(**kept["facts"]), kept["orders"]


class Server:
    """trytond on a port of its own over a copy of a database."""

    def __init__(self, programs: Path, database: Path, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._template = database
        self.file = folder / f"{DATABASE}.sqlite"
        _copy(database, self.file)
        self._log = (folder / "trytond.log").open("w+")
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}/{DATABASE}"
        self._process = subprocess.Popen(
            # Without -d the first sign-in fails: the models are loaded at the start alone.
            [programs / "trytond", "-d", DATABASE],
            env={**_variables(folder), "TRYTOND_WEB__LISTEN": f"127.0.0.1:{port}"},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def reset(self) -> None:
        """Put back what the template holds. Sessions end; no request may be under way."""
        _copy(self._template, self.file)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._log.close()

    def _wait(self) -> None:
        body = {"id": 0, "method": "common.server.version", "params": []}
        until = time.monotonic() + _STARTS_WITHIN
        while True:
            try:
                httpx2.post(self.url.removesuffix(f"/{DATABASE}") + "/rpc/", json=body, timeout=5)
                return
            except httpx2.TransportError:
                if self._process.poll() is not None or time.monotonic() > until:
                    self._log.seek(0)
                    raise RuntimeError(self._log.read()[-2000:]) from None
                time.sleep(0.02)


def _empty(programs: Path, folder: Path) -> Path:
    """Make a database with the modules and nothing in them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = folder / f"{DATABASE}.sqlite"
    database.touch()  # trytond-admin makes no SQLite file
    secret = folder / "password"
    secret.write_text(ADMIN_PASSWORD)
    subprocess.run(
        [programs / "trytond-admin", "-d", DATABASE, "-u", "purchase", "--activate-dependencies"]
        + ["--email", "admin@example.com"],
        env={**_variables(folder), "TRYTONPASSFILE": str(secret)},
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return database


def _variables(folder: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TRYTOND_DATABASE__URI": "sqlite://",
        "TRYTOND_DATABASE__PATH": str(folder),
    }


def _copy(source: Path, target: Path) -> None:
    """Copy a database by SQLite's own means: a server may have it open, and part of it lies beside the file."""
    reading, writing = sqlite3.connect(source), sqlite3.connect(target)
    try:
        reading.backup(writing)
    finally:
        writing.close()
        reading.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port
