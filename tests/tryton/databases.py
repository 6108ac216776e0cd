"""Where a test's Tryton keeps its database: a file of SQLite, or a database of a PostgreSQL server."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

POSTGRESQL = os.environ.get("PO_MCP_TEST_TRYTON_POSTGRESQL", "")
"""Address of a PostgreSQL server, `postgresql://user:password@host:port`, whose user may create databases."""


class Database(Protocol):
    """A database, which may not be there yet."""

    @property
    def name(self) -> str:
        """What Tryton calls it."""

    def variables(self) -> Mapping[str, str]:
        """Return the settings by which Tryton finds it."""

    def make_empty(self) -> None:
        """Make it empty, in the place of what there was."""

    def copy_to(self, other: Database) -> None:
        """Put all that is in it into another one in the place of what is there; servers may have both open."""

    def remove(self) -> None:
        """Remove it, if it is there."""


@dataclass(frozen=True)
class SqliteDatabase:
    """A file, whose name without its suffix is the database's."""

    file: Path

    @property
    def name(self) -> str:
        return self.file.stem

    def variables(self) -> Mapping[str, str]:
        return {"TRYTOND_DATABASE__URI": "sqlite://", "TRYTOND_DATABASE__PATH": str(self.file.parent)}

    def make_empty(self) -> None:
        self.file.unlink(missing_ok=True)
        self.file.touch()  # trytond-admin makes no file

    def copy_to(self, other: Database) -> None:
        assert isinstance(other, SqliteDatabase)
        # By SQLite's own means: a server may have it open, and part of it lies beside the file.
        reading, writing = sqlite3.connect(self.file), sqlite3.connect(other.file)
        try:
            reading.backup(writing)
        finally:
            writing.close()
            reading.close()

    def remove(self) -> None:
        self.file.unlink(missing_ok=True)


@dataclass(frozen=True)
class PostgresqlDatabase:
    """A database of the server at an address."""

    address: str
    name: str

    def variables(self) -> Mapping[str, str]:
        return {"TRYTOND_DATABASE__URI": self.address}

    def make_empty(self) -> None:
        self.remove()
        self._run(f'create database "{self.name}"')

    def copy_to(self, other: Database) -> None:
        assert isinstance(other, PostgresqlDatabase)
        # What somebody is connected to cannot be copied. Tryton's pool opens its connections again by itself; the
        # server's own processes, such as a vacuum, are not ours to end, and make way by themselves.
        connected = f"from pg_stat_activity where datname = '{self.name}' and backend_type = 'client backend'"
        self._run(f'drop database if exists "{other.name}" with (force)')
        try:
            self._run(
                f'alter database "{self.name}" allow_connections false',
                f"select count(pg_terminate_backend(pid, 5000)) {connected}",
                f'create database "{other.name}" template "{self.name}"',
            )
        finally:
            self._run(f'alter database "{self.name}" allow_connections true')

    def remove(self) -> None:
        self._run(f'drop database if exists "{self.name}" with (force)')

    def _run(self, *statements: str) -> None:
        commands = [f"--command={statement}" for statement in statements]  # each is a transaction of its own
        command = ("psql", "--quiet", "--no-psqlrc", "--set=ON_ERROR_STOP=1", *commands, f"{self.address}/postgres")
        subprocess.run(command, check=True, capture_output=True)


def database_of(folder: Path, name: str) -> Database:
    """Return the database of a folder: a file in it, or, in PostgreSQL, one whose name no other folder's has."""
    if not POSTGRESQL:
        return SqliteDatabase(folder / f"{name}.sqlite")
    return PostgresqlDatabase(POSTGRESQL, f"{name}_{hashlib.sha256(str(folder).encode()).hexdigest()[:12]}")
