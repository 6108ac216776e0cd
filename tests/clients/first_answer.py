"""From nothing to the first answer: a new home, a PATH with Python alone, the wheel, `po-mcp init`, and a host.

`python -m tests.clients.first_answer` shows how long each step takes, and each host's file before and after. The model
follows a script, and the ERP is the sandbox on a port, which knows secrets that may be found nowhere else.
"""

from __future__ import annotations

import difflib
import json
import os
import stat
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.clients import setup
from tests.clients.conftest import Workspace, end_processes_of
from tests.clients.hosts import ClaudeCode, Codex, GeminiCli, Host
from tests.clients.scripted_model import NOT_READY, ScriptedModel
from tests.commands.pseudo_terminal import at_terminal
from tests.commands.test_sandbox_command import Running, running
from tests.homes import nobodys_home
from tests.packaging.make import build_wheel

SECRET, PIN = "canary-secret-8c1f", "canary-pin-5d20"
QUESTION = "Which purchase orders are overdue?"
_WAITING_TOOL = "WaitForMcpServers"
CALL = ("list_purchase_orders", {"overdue": True})


@dataclass(frozen=True)
class NewHome(Workspace):
    """A home folder with nothing in it, a PATH that leads to Python alone, and the environment with po-mcp."""

    venv: Path

    @property
    def program(self) -> str:
        return str(self.venv / "bin" / "po-mcp")

    @property
    def environment(self) -> dict[str, str]:
        index = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
        return {**index, "HOME": str(self.folder), "PATH": str(self.folder / "path"), "NO_COLOR": "1", "TERM": "dumb"}

    def make_path(self) -> None:
        path = self.folder / "path"
        path.mkdir()
        (path / "python3").symlink_to(Path(sys.executable).resolve())


class InstalledHost(Host):
    """A host whose settings name no server; `po-mcp init` adds that."""

    name = ""
    file = ""
    """Its settings, below the home folder."""

    @property
    def argument(self) -> str:
        """The host's name in `po-mcp install` and `po-mcp uninstall`."""
        return self.name.lower().replace(" ", "-")

    @property
    def environment(self) -> dict[str, str]:
        path = os.pathsep.join([str(Path(setup.install_node()).parent), "/usr/bin", "/bin"])
        return {**self.workspace.environment, "PATH": path, **self.quiet, **self.model_variables()}

    @property
    def settings(self) -> Path:
        return self.workspace.folder / self.file

    def _write(self, text: str) -> None:
        self.settings.parent.mkdir(exist_ok=True)
        self.settings.write_text(text, encoding="utf-8")


class InstalledClaudeCode(InstalledHost, ClaudeCode):
    name, file = "Claude Code", ".claude.json"

    def command(self) -> list[str]:
        program, *_ = super().command()
        return [program, "--allowedTools", "mcp__purchase-orders"]

    def write_settings(self) -> None:
        project = {"hasTrustDialogAccepted": True}
        known = {"hasCompletedOnboarding": True, "theme": "dark", "projects": {str(self.folder): project}}
        self._write(json.dumps(known, indent=2) + "\n")


class InstalledCodex(InstalledHost, Codex):
    name, file = "Codex", ".codex/config.toml"

    def write_settings(self) -> None:
        provider = f'name = "scripted"\nbase_url = "{self.model}/v1"\nwire_api = "responses"\nenv_key = "MODEL_KEY"\n'
        head = 'model = "scripted"  # mine\nmodel_provider = "scripted"\ncheck_for_update_on_startup = false\n'
        self._write(f"{head}\n[model_providers.scripted]\n{provider}\n[analytics]\nenabled = false\n")

    def headless_command(self, prompt: str) -> list[str]:
        """Return the command with the options of a person who waits for the server, and allows its tools."""
        ours = "mcp_servers.purchase-orders"
        return [
            *super().headless_command(prompt),
            "-c",
            f"{ours}.required=true",
            "-c",
            f'{ours}.default_tools_approval_mode="approve"',
        ]


class InstalledGeminiCli(InstalledHost, GeminiCli):
    name, file = "Gemini CLI", ".gemini/settings.json"

    def write_settings(self) -> None:
        auth = {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}}
        settings = {"security": auth, "telemetry": {"enabled": False}, "general": {"disableAutoUpdate": True}}
        self._write("// mine\n" + json.dumps(settings, indent=2) + "\n")


HOSTS: tuple[type[InstalledHost], ...] = (InstalledClaudeCode, InstalledCodex, InstalledGeminiCli)


@dataclass
class PatientModel(ScriptedModel):
    """A model that waits for the servers that its host still connects, where the host has a tool for that."""

    waits: int = 0

    def next(self, tools: list[str], results: list[str]) -> tuple[str, Mapping[str, Any]] | str:
        said = super().next(tools, results[self.waits :])
        if said != NOT_READY or _WAITING_TOOL not in tools:
            return said
        self.waits += 1
        return _WAITING_TOOL, {}


@dataclass
class FirstAnswer:
    """A newcomer's way to the first answer.

    Args:
        seconds: how long each step took, in its order.
        before: the host's file before `po-mcp init`.
        after: the same after it.
        uninstalled: the same after `po-mcp uninstall`.
        answer: what the host handed to its model.
        leaks: each place in which a secret was found, the file of secrets left out.
    """

    seconds: dict[str, float] = field(default_factory=dict)
    before: str = ""
    after: str = ""
    uninstalled: str = ""
    answer: str = ""
    leaks: list[str] = field(default_factory=list)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[step] = time.monotonic() - began


def come_to_first_answer(kind: type[InstalledHost], installed: Installed, home: Path) -> FirstAnswer:
    """Go from a new home to the first answer of po-mcp in a host; the installed wheel serves several hosts."""
    came, workspace = FirstAnswer({"pip install": installed.seconds}), NewHome(home, installed.venv)
    workspace.make_path()
    model = PatientModel([CALL], {0: lambda result: came.leaks.extend(_find_leaks_in_processes(home))})
    with running("--client-id", "an-id", "--client-secret", SECRET) as erp, model.serve() as url:
        host = kind(workspace, url)
        came.before = host.settings.read_text(encoding="utf-8")
        with came.timed("po-mcp init"):
            screens = [_set_up(workspace, host, erp)]
        came.after = host.settings.read_text(encoding="utf-8")
        assert "purchase-orders" in came.after or "purchase_orders" in came.after
        screens.append(_set_pin(workspace))
        with came.timed("first answer"):
            _ask(host, model)
        ended = workspace.run([workspace.program, "uninstall", host.argument, "--yes"])
        came.uninstalled = host.settings.read_text(encoding="utf-8")
    end_processes_of(home)
    came.answer = model.results[0]
    messages = [*screens, ended.stdout, ended.stderr, *(body.decode() for body in model.received)]
    came.leaks += [f"a message: {text[:200]}" for text in messages if SECRET in text or PIN in text]
    came.leaks += [*_find_leaks_in_files(home), *_find_leaks_in_files(installed.venv)]
    return came


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel, and how many seconds that took."""

    venv: Path
    seconds: float


def install(folder: Path) -> Installed:
    """Install the wheel of this source as docs/install.md says, in a home of its own."""
    wheel = build_wheel(folder / "wheel")
    workspace = NewHome(folder, folder / "venv")
    workspace.make_path()
    began = time.monotonic()
    commands: list[list[str | Path]] = [
        [folder / "path" / "python3", "-m", "venv", "venv"],
        [folder / "venv" / "bin" / "pip", "install", "--quiet", wheel],
    ]
    for command in commands:
        ended = workspace.run(command)
        assert ended.returncode == 0, ended.stderr
    return Installed(workspace.venv, time.monotonic() - began)


def _set_up(workspace: NewHome, host: InstalledHost, erp: Running) -> str:
    """Answer what `po-mcp init` asks; return its screen."""
    answers = [
        *(("Which ERP", "2"), ("Address", erp.url), ("Client id", "an-id"), ("Client secret", SECRET)),
        *(("by reading only?", "y"), ("Write this?", "y"), (f"{host.name}: connect it?", "y"), ("Write this?", "y")),
    ]
    status, screen = at_terminal(["init"], answers, workspace.environment, [workspace.program])
    assert status == 0, screen
    return screen


def _set_pin(workspace: NewHome) -> str:
    answers = [("New PIN", PIN), ("The same again", PIN)]
    status, screen = at_terminal(["approve", "--set-pin"], answers, workspace.environment, [workspace.program])
    assert status == 0, screen
    return screen


def _ask(host: Host, model: ScriptedModel) -> None:
    """Put the question; hosts that connect a server beside their first request are asked again."""
    for _ in range(3):
        host.run(QUESTION)
        if model.is_finished:
            return
    raise AssertionError(f"no answer; the host offered {model.tools}")


def _find_leaks_in_processes(home: Path) -> list[str]:
    """Return the processes of a home with a secret in their command line or environment, which a list of them shows."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            variables, line = (entry / "environ").read_bytes(), (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if f"HOME={home}".encode() in variables.split(b"\0") and _has_secret(variables + line):
            found.append(f"a process: {line!r}")
    return found


def _find_leaks_in_files(home: Path) -> list[str]:
    kept = {path for path in (home / ".config" / "po-mcp").glob("client_secret-*") if _is_private(path)}
    files = (path for path in home.rglob("*") if path.is_file() and not path.is_symlink() and path not in kept)
    return [f"a file: {path.relative_to(home)}" for path in files if _has_secret(path.read_bytes())]


def _is_private(path: Path) -> bool:
    return stat.S_IMODE(path.stat().st_mode) == 0o600


def _has_secret(data: bytes) -> bool:
    return SECRET.encode() in data or PIN.encode() in data


def describe(kind: type[InstalledHost], came: FirstAnswer) -> str:
    """Return the figures, and what changed in the host's file, as text."""
    steps = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in came.seconds.items())
    change = difflib.unified_diff(came.before.splitlines(), came.after.splitlines(), "before", "after", lineterm="")
    head = f"{kind.name}: {sum(came.seconds.values()):.0f} s from pip install to the first answer ({steps})"
    return "\n".join([head, *change, f"secrets found: {came.leaks or 'none'}", f"answer: {came.answer[:200]}", ""])


def main() -> None:
    """Show the figures of each host."""
    with tempfile.TemporaryDirectory() as folder:
        installed = install(Path(folder))
        for kind in HOSTS:
            home = Path(folder) / kind.__name__
            home.mkdir()
            print(describe(kind, come_to_first_answer(kind, installed, home)), flush=True)  # noqa: T201


if __name__ == "__main__":
    with nobodys_home():
        main()
