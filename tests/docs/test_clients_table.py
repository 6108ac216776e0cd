"""tests/README.md names the clients, hosts and converters in the versions that their locks install."""

from __future__ import annotations

import json
import re

import pytest

from tests.clients.setup import LOCKS

README = (LOCKS.parent.parent / "README.md").read_text(encoding="utf-8")
ROWS = [line for line in README.splitlines() if line.startswith("|")]
PYTHON = {
    "fastmcp": ("fastmcp", ["FastMCP"]),
    "google-genai": ("google-genai", ["google-genai"]),
    "langchain": ("langchain-mcp-adapters", ["LangChain's adapters"]),
    "openai-agents": (
        "openai-agents",
        ["openai-agents with a scripted model", "openai-agents `convert_schemas_to_strict`"],
    ),
    "pydantic-ai": ("pydantic-ai-slim", ["pydantic-ai with a scripted model", "pydantic-ai strict"]),
}
"""A lock, its package, and the rows of the tables that name it."""
NPM = {
    "ajv": ("ajv", ["Ajv"]),
    "claude-code": ("@anthropic-ai/claude-code", ["Claude Code | 2"]),
    "codex": ("@openai/codex", ["Codex CLI | 0"]),
    "conformance": ("@modelcontextprotocol/conformance", ["conformance suite"]),
    "gemini-cli": ("@google/gemini-cli", ["Gemini CLI | 0"]),
    "inspector": ("@modelcontextprotocol/inspector", ["MCP Inspector", "mcpdo"]),
    "typescript-v1": ("@modelcontextprotocol/sdk", ["TypeScript SDK v1"]),
    "typescript-v1-22": ("@modelcontextprotocol/sdk", ["TypeScript SDK v1"]),
    "typescript-v2": ("@modelcontextprotocol/client", ["TypeScript SDK v2"]),
}
NO_CLIENTS = {"node", "oidc_provider"}


def version_of_python(lock: str, package: str) -> str:
    text = (LOCKS / "python" / f"{lock}.txt").read_text(encoding="utf-8")
    [version] = re.findall(rf"^{re.escape(package)}==(\S+)", text, re.MULTILINE)
    return str(version)


def version_of_npm(lock: str, package: str) -> str:
    packages = json.loads((LOCKS / "npm" / lock / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    return str(packages[f"node_modules/{package}"]["version"])


FOUND = [
    *((row, version_of_python(lock, package)) for lock, (package, rows) in PYTHON.items() for row in rows),
    *((row, version_of_npm(lock, package)) for lock, (package, rows) in NPM.items() for row in rows),
]


@pytest.mark.parametrize(("row", "version"), FOUND)
def test_a_row_has_the_version_of_the_lock(row: str, version: str) -> None:
    named = [line for line in ROWS if line.startswith(f"| {row}")]

    assert len(named) == 1
    assert re.search(rf"(?<![\w.]){re.escape(version)}(?![\w.])", named[0]), f"{version} is not in: {named[0]}"


def test_every_lock_stands_in_a_table() -> None:
    assert {path.stem for path in (LOCKS / "python").iterdir()} == PYTHON.keys()
    assert {path.name for path in (LOCKS / "npm").iterdir()} == NPM.keys() | NO_CLIENTS
    assert f"oidc-provider {version_of_npm('oidc_provider', 'oidc-provider')}" in README
