"""Make what is published: the bundle for Claude Desktop (.mcpb) and the registry's server.json.

    python packaging/make.py bundle FOLDER              stage the bundle's files in FOLDER, for `mcpb pack`
    python packaging/make.py server OWNER               print server.json for io.github.OWNER/po-mcp
    python packaging/make.py stamp OWNER                put OWNER's addresses into README.md and pyproject.toml
    python packaging/make.py version                    print the version

A package of an index is named only where po_mcp/hosts/published.py says that it is ours.
"""

from __future__ import annotations

import argparse
import json
import re
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


def stamp(owner: str, folder: Path = ROOT) -> None:
    """Put the owner into the README, and the addresses of the project into pyproject.toml.

    The repository does not know its own address: it is that of whoever releases it. An index shows the README alone, so
    its links and pictures become whole addresses.
    """
    readme, project = folder / "README.md", folder / "pyproject.toml"
    text = readme.read_text(encoding="utf-8").replace("io.github.OWNER/", f"io.github.{owner}/")
    text = re.sub(r'(src(?:set)?=")(?!https?:)', rf"\1https://raw.githubusercontent.com/{owner}/po-mcp/main/", text)
    text = re.sub(r"\]\((?!https?:|#)", f"](https://github.com/{owner}/po-mcp/blob/main/", text)
    readme.write_text(text, encoding="utf-8")
    lines = "".join(f'{name} = "{address}"\n' for name, address in urls(owner).items())
    text = project.read_text(encoding="utf-8")
    if "[project.urls]" not in text:
        text = text.replace("[project.scripts]", f"[project.urls]\n{lines}\n[project.scripts]")
        project.write_text(text, encoding="utf-8")


def urls(owner: str) -> dict[str, str]:
    """Return the addresses of the project, by the names that PyPI shows."""
    home = f"https://github.com/{owner}/po-mcp"
    return {
        "Homepage": home,
        "Documentation": f"{home}/tree/main/docs",
        "Issues": f"{home}/issues",
        "Changelog": f"{home}/blob/main/CHANGELOG.md",
        "Security": f"{home}/security/policy",
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
    commands.add_parser("stamp").add_argument("owner")
    commands.add_parser("version")
    arguments = parser.parse_args()
    if arguments.command == "bundle":
        stage(arguments.folder)
    elif arguments.command == "stamp":
        stamp(arguments.owner)
    elif arguments.command == "version":
        sys.stdout.write(f"{version()}\n")
    else:
        sys.stdout.write(json.dumps(server(arguments.owner), indent=2) + "\n")


if __name__ == "__main__":
    main()
