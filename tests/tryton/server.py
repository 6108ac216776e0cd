"""A real Tryton for the tests: its environment and a template database made once, a server, a reset per test.

Nothing of Tryton is imported: its two programs run as processes of a virtual environment of their own.
"""

from __future__ import annotations

import hashlib
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

from tests.tryton import book, company
from tests.tryton.company import Facts
from tests.tryton.rpc import Rpc

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
HOME = Path(os.environ.get("PO_MCP_TEST_TRYTON", Path(__file__).parent.parent.parent / ".tryton"))
"""Where the environment and the template lie."""
DATABASE = "po"
ADMIN_PASSWORD = "admin-secret-1"
_STARTS_WITHIN = 240.0  # seconds, on a machine that is busy with others


def environment(folder: Path) -> Path:
    """Make the virtual environment if it is not there, and return its programs' folder."""
    programs = folder / "venv" / "bin"
    if not (programs / "trytond").exists():
        subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
        subprocess.run([programs / "pip", "install", "--quiet", "--requirement", REQUIREMENTS], check=True)
    return programs


def template(folder: Path) -> Path:
    """Make the template database if it is not there: a company, and an order in every state."""
    made = folder / f"template-{_key()}.sqlite"
    if made.with_suffix(".json").exists():
        return made
    programs = environment(folder)
    empty = _empty(programs, folder / "empty")
    with Server(programs, empty, folder / "building") as server:
        admin = Rpc(server.url, "admin", ADMIN_PASSWORD)
        facts = company.fill(admin)
        admin.close()
        users = book.TrytonUsers(server.url, facts, ADMIN_PASSWORD)
        orders = book.write(users)
        users.close()
        _copy(server.file, made)
        made.with_suffix(".json").write_text(json.dumps({"facts": asdict(facts), "orders": orders}))
    return made


def facts_of(template_file: Path) -> tuple[Facts, dict[str, int]]:
    """Return the ids in a template: of the company's things, and of the orders."""
    kept = json.loads(template_file.with_suffix(".json").read_text())
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
        self.port = _free_port()
        self.database = DATABASE
        self.url = f"http://127.0.0.1:{self.port}/{self.database}"
        self._process = subprocess.Popen(
            # Without -d the first sign-in fails: the models are loaded at the start alone.
            [programs / "trytond", "-d", self.database],
            env={**_variables(folder), "TRYTOND_WEB__LISTEN": f"127.0.0.1:{self.port}"},
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

    def keep(self) -> None:
        """Make what the database holds now, its sessions among it, what `reset` puts back."""
        self._template = self.file.with_name("kept.sqlite")
        _copy(self.file, self._template)

    def reset(self) -> None:
        """Put back what was kept, or the template. Later sessions end; no request may be under way."""
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
                httpx2.post(self.url.removesuffix(f"/{self.database}") + "/rpc/", json=body, timeout=5)
                return
            except httpx2.TransportError:
                if self._process.poll() is not None or time.monotonic() > until:
                    self._log.seek(0)
                    raise RuntimeError(self._log.read()[-2000:]) from None
                time.sleep(0.02)


def _key() -> str:
    """Name what a template is made of: the versions, what is put in, and the year of its accounts."""
    made_of = (REQUIREMENTS, Path(company.__file__), Path(book.__file__))
    texts = [path.read_bytes() for path in made_of]
    return hashlib.sha256(b"".join(texts) + str(book.today().year).encode()).hexdigest()[:12]


def _empty(programs: Path, folder: Path) -> Path:
    """Make a database with the modules and nothing in them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = folder / f"{DATABASE}.sqlite"
    database.touch()  # trytond-admin makes no SQLite file
    secret = folder / "password"
    secret.write_text(ADMIN_PASSWORD)
    what = ("-d", DATABASE, "-u", "purchase", "--activate-dependencies", "--email", "admin@example.com")
    subprocess.run(
        [programs / "trytond-admin", *what],
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
