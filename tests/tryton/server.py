"""A real Tryton for the tests: its environment and a template database made once, a server, a reset per test.

Nothing of Tryton is imported: its two programs run as processes of a virtual environment of their own.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx2

from tests.ports import free_port
from tests.tryton import book, company
from tests.tryton.book import TrytonUsers
from tests.tryton.company import Facts
from tests.tryton.databases import POSTGRESQL, Database, database_of
from tests.tryton.rpc import Rpc

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
_DRIVER = Path(__file__).with_name("requirements-postgresql.txt")
HOME = Path(os.environ.get("PO_MCP_TEST_TRYTON", Path(__file__).parent.parent.parent / ".tryton"))
"""Where the environment and the template lie."""
SERIES = os.environ.get("PO_MCP_TEST_TRYTON_SERIES", "")
"""Of which series of Tryton the newest is taken, such as 8.0; where none is given, what requirements.txt says."""
DATABASE = "po"
ADMIN_PASSWORD = "admin-secret-1"
_START_TIMEOUT_S = 240.0
"""Enough for a machine that is busy with others."""


def make_environment(folder: Path) -> Path:
    """Make the virtual environment in a folder if it is not there; return the folder of its programs."""
    of_series = [f"{package}~={SERIES}.0" for package in ("trytond", "trytond-purchase")]
    made_of = of_series if SERIES else ["--requirement", str(REQUIREMENTS)]
    place = folder / (f"venv-{SERIES}" if SERIES else "venv")
    programs = place / "bin"
    if not (programs / "trytond").exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
        subprocess.run([programs / "pip", "install", "--quiet", *made_of], check=True)
    if POSTGRESQL:  # at once where it is there
        subprocess.run([programs / "pip", "install", "--quiet", "--requirement", _DRIVER], check=True)
    return programs


@dataclass(frozen=True)
class Template:
    """A database that servers get a copy of, with the ids of the company's things and of the orders in it."""

    database: Database
    facts: Facts
    orders: dict[str, int]


def make_template(folder: Path) -> Template:
    """Make the template in a folder if it is not there: a company, and an order in every state."""
    key = _key()
    database, described = database_of(folder, f"template-{key}"), folder / f"template-{key}.json"
    folder.mkdir(parents=True, exist_ok=True)
    # Of several workers one makes it.
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not described.exists():
            facts, orders = _fill(make_environment(folder), folder, database)
            described.write_text(json.dumps({"facts": asdict(facts), "orders": orders}))
    kept = json.loads(described.read_text())
    return Template(database, Facts(**kept["facts"]), kept["orders"])


def _fill(programs: Path, folder: Path, database: Database) -> tuple[Facts, dict[str, int]]:
    empty = _empty(programs, folder / "empty")
    with Server(programs, empty, folder / "building") as server:
        admin = Rpc(server.url, "admin", ADMIN_PASSWORD)
        facts = company.fill(admin)
        admin.close()
        users = TrytonUsers(server.url, facts, ADMIN_PASSWORD)
        orders = book.write_book(users)
        users.close()
        server.database.copy_to(database)
    empty.remove()
    return facts, orders


@contextmanager
def serving() -> Iterator[tuple[Server, TrytonUsers]]:
    """Run a server over the template, with people who are signed in and stay so whenever it is put back."""
    made_of = make_template(HOME)
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(make_environment(HOME), made_of.database, Path(folder) / "run") as server,
    ):
        users = TrytonUsers(server.url, made_of.facts, ADMIN_PASSWORD)
        server.keep()
        try:
            yield server, users
        finally:
            users.close()


class Server:
    """trytond on a port of its own over a copy of a database."""

    def __init__(self, programs: Path, template: Database, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self._template, self._kept = template, database_of(folder, "kept")
        self.database = database_of(folder, DATABASE)
        template.copy_to(self.database)
        self._programs, self._folder = programs, folder
        self._log = (folder / "trytond.log").open("w+")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/{self.database.name}"
        self.start()

    def start(self) -> None:
        """Start the process, and return when it answers."""
        self._process = subprocess.Popen(
            # Without -d the first sign-in fails: the models are loaded at the start alone.
            [self._programs / "trytond", "-d", self.database.name],
            env={**_variables(self._folder, self.database), "TRYTOND_WEB__LISTEN": f"127.0.0.1:{self.port}"},
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

    def kill(self) -> None:
        """End the process as it stands, as a machine that loses its power does; its database stays."""
        self._process.kill()
        self._process.wait(10)

    def keep(self) -> None:
        """Make what the database holds now, its sessions among it, what `reset` puts back."""
        self.database.copy_to(self._kept)
        self._template = self._kept

    def reset(self) -> None:
        """Put back what was kept, or the template. Later sessions end; no request may be under way."""
        self._template.copy_to(self.database)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._log.close()
        for database in (self.database, self._kept):
            database.remove()

    def _wait(self) -> None:
        body = {"id": 0, "method": "common.server.version", "params": []}
        until = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                httpx2.post(self.url.removesuffix(f"/{self.database.name}") + "/rpc/", json=body, timeout=5)
                return
            except httpx2.TransportError:
                if self._process.poll() is not None or time.monotonic() > until:
                    self._log.seek(0)
                    raise RuntimeError(self._log.read()[-2000:]) from None
                time.sleep(0.02)


def _key() -> str:
    """Return a digest of what a template is made of: the versions, what is put in, and the year of its accounts."""
    made_of = (REQUIREMENTS, Path(company.__file__), Path(book.__file__))
    texts = [
        *(path.read_bytes() for path in made_of),
        str(book.today().year).encode(),
        POSTGRESQL.encode(),
        SERIES.encode(),
    ]
    return hashlib.sha256(b"".join(texts)).hexdigest()[:12]


def _empty(programs: Path, folder: Path) -> Database:
    """Make a database with the modules and nothing in them."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    database = database_of(folder, DATABASE)
    database.make_empty()
    secret = folder / "password"
    secret.write_text(ADMIN_PASSWORD)
    what = ("-d", database.name, "-u", "purchase", "--activate-dependencies", "--email", "admin@example.com")
    subprocess.run(
        [programs / "trytond-admin", *what],
        env={**_variables(folder, database), "TRYTONPASSFILE": str(secret)},
        check=True,
        stdin=subprocess.DEVNULL,
    )
    return database


def _variables(folder: Path, database: Database) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(folder), **database.variables()}
