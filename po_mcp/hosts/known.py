"""The hosts, each with the place and the form of its own file.

The vendors' pages: support.claude.com (local MCP servers), code.claude.com/docs/en/mcp,
code.visualstudio.com/docs/copilot/reference/mcp-configuration, cursor.com/docs/mcp, developers.openai.com/codex/mcp,
geminicli.com/docs/tools/mcp-server, docs.windsurf.com/windsurf/cascade/mcp, zed.dev/docs/ai/mcp,
block.github.io/goose/docs/guides/config-files, lmstudio.ai/docs/app/mcp, jetbrains.com/help/ai-assistant/mcp.html.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Literal

from po_mcp.hosts.machine import Machine
from po_mcp.hosts.program import Program

Format = Literal["json", "toml", "yaml"]


@dataclass(frozen=True)
class Host:
    """An assistant that starts MCP servers.

    Attributes:
        file: where it keeps its servers for this user; None where it has no file that others may change.
        section: the names that lead to the servers in that file.
        entry: the members that start a program. Others that the entry has already stay as they are.
        commands: programs on PATH that show that the host is there.
        after: what to do so that the entry counts.
        defaults: members that a new entry begins with, and that a person may have changed since.
    """

    key: str
    title: str
    format: Format
    section: tuple[str, ...]
    entry: Callable[[Program], dict[str, Any]]
    file: Callable[[Machine], PurePath] | None
    after: str
    commands: tuple[str, ...] = ()
    defaults: tuple[str, ...] = ()


def _plain(program: Program) -> dict[str, Any]:
    return {"command": program.command, "args": list(program.arguments)}


def _with_type(program: Program) -> dict[str, Any]:
    return {"type": "stdio", **_plain(program)}


def _goose(program: Program) -> dict[str, Any]:
    return {
        "enabled": True,
        "type": "stdio",
        "name": "purchase-orders",
        "description": "Purchase orders in your ERP",
        "cmd": program.command,
        "args": list(program.arguments),
        "envs": {},
        # Seconds: a person who is asked in the middle of a call must have time to answer.
        "timeout": 300,
    }


def _claude_desktop(machine: Machine) -> PurePath:
    return machine.config() / "Claude" / "claude_desktop_config.json"


# The servers of a user; those of a project are in a `.mcp.json` that others share.
def _claude_code(machine: Machine) -> PurePath:
    return machine.folder("CLAUDE_CONFIG_DIR") / ".claude.json"


def _vs_code(machine: Machine) -> PurePath:
    return machine.config() / "Code" / "User" / "mcp.json"


def _zed(machine: Machine) -> PurePath:
    folder = machine.config() / "Zed" if machine.system == "windows" else machine.dot_config() / "zed"
    return folder / "settings.json"


def _goose_file(machine: Machine) -> PurePath:
    if machine.system == "windows":
        return machine.config() / "Block" / "goose" / "config" / "config.yaml"
    return machine.dot_config() / "goose" / "config.yaml"


HOSTS = (
    Host(
        "claude-desktop",
        "Claude Desktop",
        "json",
        ("mcpServers",),
        _plain,
        _claude_desktop,
        "Quit Claude Desktop completely (not just its window) and start it again.",
    ),
    Host(
        "claude-code",
        "Claude Code",
        "json",
        ("mcpServers",),
        _with_type,
        _claude_code,
        "Start a new session; /mcp shows it.",
        ("claude",),
    ),
    Host(
        "vscode",
        "VS Code",
        "json",
        ("servers",),
        _with_type,
        _vs_code,
        "Run MCP: List Servers and start it there, or reload the window.",
        ("code",),
    ),
    Host(
        "cursor",
        "Cursor",
        "json",
        ("mcpServers",),
        _plain,
        lambda machine: machine.home / ".cursor" / "mcp.json",
        "Turn it on in Settings, MCP, or restart Cursor.",
        ("cursor",),
    ),
    Host(
        "codex",
        "Codex",
        "toml",
        ("mcp_servers",),
        _plain,
        lambda machine: machine.folder("CODEX_HOME", ".codex") / "config.toml",
        "Start a new session; codex mcp list shows it. codex exec refuses to close, cancel or delete, unless the "
        'entry says default_tools_approval_mode = "approve".',
        ("codex",),
    ),
    Host(
        "gemini-cli",
        "Gemini CLI",
        "json",
        ("mcpServers",),
        _plain,
        lambda machine: machine.folder("GEMINI_CLI_HOME") / ".gemini" / "settings.json",
        "Start a new session; /mcp shows it.",
        ("gemini",),
    ),
    Host(
        "windsurf",
        "Windsurf",
        "json",
        ("mcpServers",),
        _plain,
        lambda machine: machine.home / ".codeium" / "windsurf" / "mcp_config.json",
        "Press Refresh in Cascade's list of MCP servers.",
        ("windsurf",),
    ),
    Host(
        "zed",
        "Zed",
        "json",
        ("context_servers",),
        _plain,
        _zed,
        "Zed starts it at once; the Agent Panel's settings show it.",
        ("zed", "zeditor"),
    ),
    Host(
        "goose",
        "Goose",
        "yaml",
        ("extensions",),
        _goose,
        _goose_file,
        "Start a new session.",
        ("goose",),
        ("enabled", "description", "envs", "timeout"),
    ),
    Host(
        "lm-studio",
        "LM Studio",
        "json",
        ("mcpServers",),
        _plain,
        lambda machine: machine.home / ".lmstudio" / "mcp.json",
        "Turn it on in the Program tab of the right-hand sidebar.",
        ("lms",),
    ),
    Host(
        "jetbrains",
        "JetBrains AI Assistant",
        "json",
        ("mcpServers",),
        _plain,
        None,
        "Paste it in Settings, Tools, AI Assistant, Model Context Protocol (MCP), Add, As JSON; level Global.",
    ),
)
"""Every host, in the order in which they are shown."""


def host_named(text: str) -> Host | None:
    """Return the host of a name, in any case and with blanks, dots or underscores for hyphens; None if unknown."""
    wanted = _letters(text)
    known = {_letters(name): host for host in HOSTS for name in (host.key, host.title)}
    # "claude" alone may be Claude Desktop or Claude Code: neither is guessed.
    return known.get(wanted) or known.get({"code": "vscode", "gemini": "geminicli", "claude": ""}.get(wanted, ""))


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())
