"""Make what is published: the bundle for Claude Desktop (.mcpb) and the registry's server.json.

    python packaging/make.py bundle FOLDER              stage the bundle's files in FOLDER, for `mcpb pack`
    python packaging/make.py server OWNER  print server.json for io.github.OWNER/po-mcp

A package of an index is named only where po_mcp/hosts/published.py says that it is ours.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from po_mcp.hosts import published  # noqa: E402  found only once the path is set

_IN_BUNDLE = ("README.md", "LICENSE", "pyproject.toml")


def version() -> str:
    """Return the project's version."""
    with (ROOT / "pyproject.toml").open("rb") as file:
        found: str = tomllib.load(file)["project"]["version"]
    return found


def manifest() -> dict[str, Any]:
    """Return the bundle's manifest with the project's version."""
    found: dict[str, Any] = json.loads((ROOT / "packaging" / "manifest.json").read_text(encoding="utf-8"))
    return {**found, "version": version()}


def server(owner: str) -> dict[str, Any]:
    """Return the registry's entry; with the package on PyPI once that is ours."""
    found: dict[str, Any] = json.loads((ROOT / "packaging" / "server.json").read_text(encoding="utf-8"))
    found |= {"name": found["name"].replace("OWNER", owner), "version": version()}
    if published.PUBLISHED:
        found["repository"] = {"url": f"https://github.com/{owner}/po-mcp", "source": "github"}
        found["packages"] = [_package()]
    return found


def _package() -> dict[str, Any]:
    fields = manifest()
    variables = fields["server"]["mcp_config"]["env"]
    return {
        "registryType": "pypi",
        "identifier": "po-mcp",
        "version": version(),
        "runtimeHint": "uvx",
        "transport": {"type": "stdio"},
        "environmentVariables": [
            _variable(name, fields["user_config"][name.removeprefix("PO_MCP_").lower()]) for name in variables
        ],
    }


def _variable(name: str, field: dict[str, Any]) -> dict[str, Any]:
    kind = {"format": "boolean"} if field["type"] == "boolean" else {}
    return {
        "name": name,
        "description": field["description"],
        "isRequired": False,
        "isSecret": field.get("sensitive", False),
        **kind,
    }


def stage(folder: Path) -> None:
    """Put the bundle's files into a new folder."""
    folder.mkdir(parents=True)
    for name in _IN_BUNDLE:
        shutil.copy2(ROOT / name, folder / name)
    shutil.copytree(ROOT / "po_mcp", folder / "po_mcp", ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
    (folder / "manifest.json").write_text(json.dumps(manifest(), indent=2) + "\n", encoding="utf-8")
    (folder / ".mcpbignore").write_text(".venv/\n__pycache__/\nuv.lock\n", encoding="utf-8")


def main() -> None:
    """Run what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("bundle").add_argument("folder", type=Path)
    commands.add_parser("server").add_argument("owner")
    arguments = parser.parse_args()
    if arguments.command == "bundle":
        stage(arguments.folder)
    else:
        sys.stdout.write(json.dumps(server(arguments.owner), indent=2) + "\n")


if __name__ == "__main__":
    main()
