"""A PostgreSQL of the tests' own: Debian's programs, a cluster in a temporary folder, gone at the end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

import psycopg

from tests.ports import free_port

_USER = "postgres"  # who runs it where the tests are root's: PostgreSQL refuses root
_schemas = count(1)


@dataclass(frozen=True)
class Cluster:
    """A running server, reached over a Unix socket in its folder."""

    folder: Path

    @property
    def address(self) -> str:
        return f"postgresql://po@/postgres?host={self.folder}"

    def new_schema(self) -> str:
        """Make an empty schema, and return the address at which a journal lies in it."""
        name = f"test_{next(_schemas)}"
        with psycopg.connect(self.address, autocommit=True) as db:
            db.execute(f"CREATE SCHEMA {name}".encode())
        return f"{self.address}&options={quote(f'-csearch_path={name}')}"

    def end_backend(self, pid: int) -> None:
        """End the process of one connection, as a crash of it would."""
        with psycopg.connect(self.address) as db:
            db.execute("SELECT pg_terminate_backend(%s)", (pid,))

    def new_database(self) -> str:
        """Make an empty database, and return its name: a pooler passes no `search_path` on."""
        name = f"test_{next(_schemas)}"
        with psycopg.connect(self.address, autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name} STRATEGY file_copy".encode())
        return name

    def run(self, program: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs on this cluster's data."""
        command = [str(programs() / program), "-D", str(self.folder / "data"), *arguments]
        subprocess.run(as_its_user(command), check=True, stdout=subprocess.DEVNULL, cwd="/")

    def start(self, *options: str) -> None:
        listen = ["listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=100", *options]
        line = " ".join(f"-c {one}" for one in listen)
        self.run("pg_ctl", "-w", "-s", "-l", str(self.folder / "log"), "-o", line, "start")

    def stop(self) -> None:
        self.run("pg_ctl", "-w", "-s", "-m", "immediate", "stop")


def programs() -> Path:
    """Where Debian keeps the programs of its PostgreSQL."""
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda place: int(place.parent.name))


def as_its_user(command: list[str]) -> list[str]:
    if os.getuid() != 0:
        return command
    return ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--init-groups", *command]


@contextmanager
def new_folder() -> Iterator[Path]:
    """Give a folder of PostgreSQL's user, whose path is short: that of a socket has at most 107 bytes."""
    # In memory, where that can be: the server syncs each commit, and a disk's time is its own.
    folder = Path(tempfile.mkdtemp(prefix="pg", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else "/tmp"))
    if os.getuid() == 0:
        owner = pwd.getpwnam(_USER)
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Start a new cluster, and end it at the end, whatever it is doing."""
    with new_folder() as folder:
        cluster = Cluster(folder)
        cluster.run("initdb", "--auth=trust", "--no-sync", "--no-locale", "-E", "UTF8", "--username=po")
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


@contextmanager
def pooling(cluster: Cluster) -> Iterator[Callable[[str], str]]:
    """Run a PgBouncer in transaction mode before a cluster; give what makes a database's address behind it."""
    port, file = free_port(), cluster.folder / "pgbouncer.ini"
    file.write_text(
        f"[databases]\n* = host={cluster.folder} user=po\n[pgbouncer]\nunix_socket_dir={cluster.folder}\n"
        f"listen_port={port}\nauth_type=any\npool_mode=transaction\ndefault_pool_size=4\nserver_idle_timeout=1\n",
        encoding="utf-8",
    )
    program = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
    with subprocess.Popen(as_its_user([program, "-q", str(file)]), cwd="/", stderr=subprocess.DEVNULL) as process:
        try:
            wait_for(cluster.folder / f".s.PGSQL.{port}")
            yield lambda name: f"postgresql://po@/{name}?host={cluster.folder}&port={port}"
        finally:
            process.kill()


def wait_for(socket: Path) -> None:
    """Wait until a server has made its socket."""
    until = time.monotonic() + 30
    while not socket.exists():
        assert time.monotonic() < until, f"nobody listens at {socket}"
        time.sleep(0.02)
