"""The services of packaging/compose.yaml, each as a process: its command, its environment, secrets and health check.

What a container engine adds is missing: images, networks, the rights of containers. So a service's name in a text is
replaced by an address of this machine.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import yaml

from tests.packaging.make import ROOT
from tests.ports import free_port
from tests.postgres import Cluster, new_folder, programs

FOLDER = ROOT / "packaging"
TEXT = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
SERVICES: Mapping[str, Any] = yaml.safe_load(TEXT)["services"]
FINAL_STAGE = (FOLDER / "Dockerfile").read_text(encoding="utf-8").rpartition("\nFROM ")[2]
"""The stage of the Dockerfile that the image is: what it sets, and the program that it starts."""
REPLICAS = sorted(name for name, service in SERVICES.items() if service["image"] == "po-mcp")
PASSWORD = "a password"
"""Of the database; its blank must be written as %20 in an address."""


def read_example(secret: str) -> str:
    """Return the comment beside a secret in the compose file: an example of it, or the command that makes one."""
    found = re.search(rf"^  {secret}: .*  # (.*)$", TEXT, re.MULTILINE)
    assert found, secret
    return found[1]


@dataclass
class Composed:
    """Ports, folders and addresses of the services on this machine, and the processes that run."""

    folder: Path
    addresses: dict[str, str]
    """Each address in the compose file, and the one that replaces it on this machine."""
    ports: dict[str, int] = field(default_factory=lambda: {name: free_port() for name in (*REPLICAS, "db")})
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    def put_addresses(self, text: str, name: str) -> str:
        """Return a text of a service with this machine's addresses in it."""
        known = {**self.addresses, "/run/secrets": f"{self.folder}/secrets", ":8765": f":{self.ports[name]}"}
        for said, here in known.items():
            text = text.replace(said, here)
        return text

    def write_secrets(self, client_secret: str) -> None:
        """Write the files of secrets that the services are given, as the compose file's comments describe them."""
        folder = self.folder / "secrets"
        folder.mkdir()
        address = read_example("journal").replace("PASSWORD", PASSWORD.replace(" ", "%20"))
        made = [sys.executable, *shlex.split(read_example("keys"))[1:]]
        secrets = {
            "client_secret": client_secret,
            "journal": address.replace("@db/", f"@127.0.0.1:{self.ports['db']}/"),
            "keys": subprocess.run(made, check=True, capture_output=True, text=True).stdout,
        }
        for name, text in secrets.items():
            (folder / name).write_text(text, encoding="utf-8")

    def start(self, name: str) -> None:
        """Start a replica as the image does; the services that it depends on must be healthy."""
        service = SERVICES[name]
        assert all(self.is_healthy(other) for other in service["depends_on"])
        entrypoint = re.search(r"^ENTRYPOINT (.*)$", FINAL_STAGE, re.MULTILINE)
        assert entrypoint
        command = [*json.loads(entrypoint[1]), *service["command"], "--port", str(self.ports[name])]
        assert command[0] == "/opt/po-mcp/bin/po-mcp"
        home = self.folder / name
        home.mkdir()
        of_image = dict(re.findall(r"([A-Z_]+)=(\S+)", FINAL_STAGE.partition("\nENV ")[2]))
        environment = {key: value.replace("/data", str(home)) for key, value in of_image.items()}
        environment |= {key: self.put_addresses(value, name) for key, value in service["environment"].items()}
        self.processes[name] = subprocess.Popen(
            [sys.executable, "-m", "po_mcp", *command[1:]],
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), **environment},
            cwd=home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def is_healthy(self, name: str) -> bool:
        """Run the health check of a service, and tell whether it passes."""
        kind, program, *arguments = SERVICES[name]["healthcheck"]["test"]
        assert kind == "CMD"
        if name == "db":
            here = ["-h", "127.0.0.1", "-p", str(self.ports["db"])]
            command = [str(programs() / program), *arguments, *here]
        else:
            assert program == "/opt/po-mcp/bin/python"
            command = [sys.executable, *(self.put_addresses(one, name) for one in arguments)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def wait_until_healthy(self, name: str) -> None:
        """Run the health check of a service until it passes, 60 s at most."""
        until = time.monotonic() + 60
        while not self.is_healthy(name):
            assert time.monotonic() < until, f"{name} does not become healthy"
            time.sleep(0.2)

    def end(self, name: str) -> tuple[int, str]:
        """End a replica as an engine does, within its grace period; return its exit status and its standard error."""
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        grace_s = int(SERVICES[name]["stop_grace_period"].removesuffix("s"))
        _, said = process.communicate(timeout=grace_s)
        return process.returncode, said

    def kill(self) -> None:
        """Kill each process that still runs."""
        for process in self.processes.values():
            process.kill()
            process.communicate()


@contextmanager
def running_database(composed: Composed) -> Iterator[None]:
    """Run the service `db` as its image does: a cluster with the user and the database that the file names."""
    given = SERVICES["db"]["environment"]
    with new_folder() as folder:
        password = folder / "password"
        password.write_text(PASSWORD, encoding="utf-8")
        password.chmod(0o644)
        cluster = Cluster(folder)
        arguments = [f"--username={given['POSTGRES_USER']}", f"--pwfile={password}", "--auth-host=scram-sha-256"]
        cluster.run("initdb", *arguments, *given["POSTGRES_INITDB_ARGS"].split(), "--no-sync", "--no-locale")
        cluster.start("listen_addresses=127.0.0.1", f"port={composed.ports['db']}")
        try:
            where = {"host": "127.0.0.1", "port": composed.ports["db"], "user": given["POSTGRES_USER"]}
            with psycopg.connect(dbname="postgres", password=PASSWORD, autocommit=True, **where) as db:
                db.execute(f"CREATE DATABASE {given['POSTGRES_DB']}".encode())
            yield
        finally:
            cluster.stop()
