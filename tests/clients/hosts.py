"""The hosts as a person starts them, each with its own settings, po-mcp as its server and a scripted model."""

from __future__ import annotations

import json
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.clients import setup
from tests.clients.conftest import Workspace
from tests.clients.screen import Screen

SERVER = str(Path(sys.executable).with_name("po-mcp"))
_API_KEY = "sk-ant-scripted-0123456789abcdefghij"


class Host(ABC):
    """A host in a workspace, with a scripted model; `where` is "stdio", or the URL of a server."""

    prompt = ""
    """The beginning of the line in which a person types, for a host with a screen."""
    quiet: Mapping[str, str] = {}
    """Environment variables that keep the host from looking for updates and from reporting its use."""

    def __init__(self, workspace: Workspace, model: str, where: str = "stdio") -> None:
        self.workspace = workspace
        self.model = model
        self.where = where
        self.folder = workspace.folder / "work"
        self.folder.mkdir()
        self.write_settings()

    @property
    def server_files(self) -> dict[str, str]:
        """The environment of the server that the host starts."""
        return {name: self.workspace.environment[name] for name in ("PO_MCP_SANDBOX", "PO_MCP_JOURNAL")}

    @property
    def environment(self) -> dict[str, str]:
        """The environment of the host."""
        path = setup.path_with_node()
        return {**self.workspace.environment, "PATH": path, **self.quiet, **self.model_variables()}

    @abstractmethod
    def command(self) -> list[str]:
        """Return how the host is started."""

    @abstractmethod
    def headless_command(self, prompt: str) -> list[str]:
        """Return how the host is started to work off a prompt without a person."""

    @abstractmethod
    def model_variables(self) -> dict[str, str]:
        """Return the environment variables that lead to the scripted model."""

    @abstractmethod
    def write_settings(self) -> None:
        """Write the host's settings: its server, and that a person has started the host before."""

    def run(self, prompt: str = "go") -> None:
        """Work off a prompt without a person.

        Raises:
            AssertionError: the host failed.
        """
        ended = self.workspace.run(self.headless_command(prompt), folder=self.folder, environment=self.environment)
        assert ended.returncode == 0, ended.stdout[-1000:] + ended.stderr[-3000:]

    @contextmanager
    def on_screen(self, size: tuple[int, int] = (120, 50)) -> Iterator[Screen]:
        """Start the host in a terminal of so many columns and rows."""
        with Screen.of(self.command(), self.folder, {**self.environment, "TERM": "xterm-256color"}, size) as screen:
            screen.wait_for(self.prompt)
            yield screen


class ClaudeCode(Host):
    """Claude Code; https://code.claude.com/docs/en/mcp."""

    prompt = "❯"
    quiet: Mapping[str, str] = {
        "DISABLE_AUTOUPDATER": "1",
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        "ENABLE_TOOL_SEARCH": "false",
    }

    def command(self) -> list[str]:
        program = setup.install_npm("claude-code") / "node_modules" / ".bin" / "claude"
        allowed = ["--strict-mcp-config", "--allowedTools", "mcp__purchase-orders"]
        return [str(program), "--mcp-config", "mcp.json", *allowed]

    def headless_command(self, prompt: str) -> list[str]:
        return [*self.command(), "--max-turns", "20", "-p", prompt]

    def model_variables(self) -> dict[str, str]:
        return {"ANTHROPIC_BASE_URL": self.model, "ANTHROPIC_API_KEY": _API_KEY}

    def write_settings(self) -> None:
        stdio = {"command": SERVER, "args": [], "env": self.server_files}
        server = stdio if self.where == "stdio" else {"type": "http", "url": self.where}
        (self.folder / "mcp.json").write_text(json.dumps({"mcpServers": {"purchase-orders": server}}))
        project = {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
        known = {
            "hasCompletedOnboarding": True,
            "lastOnboardingVersion": "9.9.9",
            "theme": "dark",
            "customApiKeyResponses": {"approved": [_API_KEY[-20:]], "rejected": []},
            "projects": {str(self.folder): project},
        }
        (self.workspace.folder / ".claude.json").write_text(json.dumps(known))


class Codex(Host):
    """Codex CLI; https://developers.openai.com/codex/mcp."""

    prompt = "›"

    def command(self) -> list[str]:
        return [str(setup.install_npm("codex") / "node_modules" / ".bin" / "codex")]

    def headless_command(self, prompt: str) -> list[str]:
        return [*self.command(), "exec", "--skip-git-repo-check", "-c", "approval_policy=never", prompt]

    def model_variables(self) -> dict[str, str]:
        return {"MODEL_KEY": "x", "CODEX_HOME": str(self.workspace.folder / ".codex")}

    def write_settings(self) -> None:
        files = ", ".join(f'{name} = "{value}"' for name, value in self.server_files.items())
        stdio = f'command = "{SERVER}"\nenv = {{ {files} }}'
        server = stdio if self.where == "stdio" else f'url = "{self.where}"'
        place = self.workspace.folder / ".codex"
        place.mkdir()
        (place / "config.toml").write_text(f"""
model = "scripted"
model_provider = "scripted"
approval_policy = "on-request"
sandbox_mode = "read-only"
check_for_update_on_startup = false

[model_providers.scripted]
name = "scripted"
base_url = "{self.model}/v1"
wire_api = "responses"
env_key = "MODEL_KEY"

[mcp_servers.purchase_orders]
{server}
required = true
startup_timeout_sec = 60
default_tools_approval_mode = "approve"

[projects."{self.folder}"]
trust_level = "trusted"

[analytics]
enabled = false
""")


class GeminiCli(Host):
    """Gemini CLI; https://geminicli.com/docs/tools/mcp-server."""

    def command(self) -> list[str]:
        program = setup.install_npm("gemini-cli") / "node_modules" / ".bin" / "gemini"
        return [str(program), "--yolo", "-m", "gemini-2.5-flash"]

    def headless_command(self, prompt: str) -> list[str]:
        return [*self.command(), "-p", prompt]

    def model_variables(self) -> dict[str, str]:
        trusts = {"GEMINI_CLI_TRUST_WORKSPACE": "true", "GEMINI_CLI_HOME": str(self.workspace.folder)}
        return {"GEMINI_API_KEY": "x", "GOOGLE_GEMINI_BASE_URL": self.model, **trusts}

    def write_settings(self) -> None:
        stdio = {"command": SERVER, "env": self.server_files}
        server = stdio if self.where == "stdio" else {"httpUrl": self.where}
        place = self.workspace.folder / ".gemini"
        place.mkdir()
        settings = {
            "mcpServers": {"purchase-orders": {**server, "trust": True}},
            "telemetry": {"enabled": False},
            "privacy": {"usageStatisticsEnabled": False},
            "general": {"disableAutoUpdate": True},
            "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
        }
        (place / "settings.json").write_text(json.dumps(settings))
