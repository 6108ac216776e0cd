"""The files that are published, as far as they can be checked without their tools."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from po_mcp import __version__
from po_mcp.config import Settings, load
from po_mcp.config_secrets import SECRETS
from po_mcp.connectors.registry import declared_settings
from po_mcp.hosts import published
from tests.packaging.make import ROOT
from tests.packaging.make import load as load_make

DOCKERFILE = (ROOT / "packaging" / "Dockerfile").read_text(encoding="utf-8")


@pytest.fixture
def manifest() -> dict[str, Any]:
    found: dict[str, Any] = load_make().manifest()
    return found


def test_every_variable_of_the_bundle_is_a_setting_filled_from_its_field(manifest: dict[str, Any]) -> None:
    fields = manifest["user_config"]
    variables = manifest["server"]["mcp_config"]["env"]

    assert variables == {f"PO_MCP_{name.upper()}": f"${{user_config.{name}}}" for name in fields}
    assert set(fields) <= set(Settings.model_fields) | declared_settings().keys()


def test_the_bundle_works_with_no_field_filled_in(manifest: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "none.toml").touch()

    assert not any(field["required"] for field in manifest["user_config"].values())
    assert load(manifest["server"]["mcp_config"]["env"], tmp_path / "none.toml") == Settings()


def test_the_secrets_of_the_bundle_are_kept_by_the_host(manifest: dict[str, Any]) -> None:
    sensitive = {name for name, field in manifest["user_config"].items() if field.get("sensitive")}

    assert sensitive == set(SECRETS) & set(manifest["user_config"])
    assert not any("default" in manifest["user_config"][name] for name in sensitive)


def test_one_version_stands_everywhere(manifest: dict[str, Any]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    assert {manifest["version"], load_make().server("owner")["version"], project["version"]} == {__version__}
    assert manifest["compatibility"]["runtimes"]["python"] == project["requires-python"]


def test_the_bundle_holds_the_program_and_what_builds_it(tmp_path: Path) -> None:
    load_make().stage(tmp_path / "bundle")
    held = {str(path.relative_to(tmp_path / "bundle")) for path in (tmp_path / "bundle").rglob("*") if path.is_file()}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "po_mcp").rglob("*.py")}

    assert {"manifest.json", "pyproject.toml", "README.md", "LICENSE", ".mcpbignore"} <= held
    assert modules <= held
    assert not any(name.endswith(".pyc") or name.startswith("tests") for name in held)


@pytest.mark.parametrize("is_published", [False, True])
def test_the_registry_entry_keeps_the_registrys_rules(is_published: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rules of static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json, as far as they touch us."""
    module = load_make()
    monkeypatch.setattr(module.published, "PUBLISHED", is_published)
    entry = module.server("some-owner")

    assert entry["$schema"] == "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json"
    assert re.fullmatch(r"[a-zA-Z0-9.-]+/[a-zA-Z0-9._-]+", entry["name"])
    assert entry["name"] == "io.github.some-owner/po-mcp"
    assert 1 <= len(entry["description"]) <= 100
    assert 1 <= len(entry["title"]) <= 100
    assert ("packages" in entry) == is_published
    for package in entry.get("packages", []):
        assert {"registryType", "identifier", "transport"} <= set(package)
        assert package["version"] == entry["version"]
        for variable in package["environmentVariables"]:
            assert set(variable) <= {"name", "description", "isRequired", "isSecret", "format"}
            assert variable["isSecret"] == (variable["name"].removeprefix("PO_MCP_").lower() in SECRETS)


def test_a_release_has_the_addresses_of_its_owner(tmp_path: Path) -> None:
    for name in ("README.md", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8"), encoding="utf-8")

    load_make().stamp("some-owner", tmp_path)
    load_make().stamp("some-owner", tmp_path)  # a second time changes nothing more

    readme = (tmp_path / "README.md").read_text(encoding="utf-8")
    project = tomllib.loads((tmp_path / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["urls"] == load_make().urls("some-owner")
    assert project["scripts"] == {"po-mcp": "po_mcp.cli:main"}
    assert f"<!-- mcp-name: {load_make().server('some-owner')['name']} -->" in readme
    assert "](https://github.com/some-owner/po-mcp/blob/main/docs/security.md)" in readme
    assert not re.search(r'\]\((?!https?:)|src(set)?="(?!https?:)|OWNER', readme)


def test_the_image_runs_without_rights() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]

    assert re.search(r"^USER 10001:10001$", last, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["/opt/po-mcp/bin/po-mcp"\]$', last, re.MULTILINE)
    assert last.index("USER 10001") > last.index("useradd")


def test_the_image_is_built_from_named_versions_and_holds_no_secret() -> None:
    assert re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE) == ["python:3.13-slim"] * 2
    assert not re.search(r"^ADD\b|^ARG (?!EXTRAS=)|SECRET|apt-get|sudo|chmod 777", DOCKERFILE, re.MULTILINE)
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE):
        assert all((ROOT / name).exists() for name in copied.split())


INDEX_NAMES = re.compile(
    r"""uvx\s+(--\S+\s+)*po-mcp
    | (uv\s+tool|pipx|uv)\s+(install|run|add|upgrade)\s+(--\S+\s+)*["']?po-mcp
    | pip3?\s+install\s+(-\S+\s+)*["']?po-mcp
    | pypi\.org/(project|p)/po-mcp | img\.shields\.io/pypi
    | "registryType" | cmd=uvx&arg=po-mcp
    """,
    re.VERBOSE,
)
TEXTS = [
    path
    for path in [
        *ROOT.glob("*"),
        *(path for name in ("po_mcp", "docs", "examples", "packaging") for path in (ROOT / name).rglob("*")),
    ]
    if path.suffix in (".py", ".md", ".json", ".toml", ".yml", ".yaml", ".html", "")
    and path.is_file()
    and not path.name.startswith(".coverage")  # what `scripts/check coverage` leaves is no text
]


@pytest.mark.parametrize(
    "text",
    [
        *("uvx po-mcp demo", "uvx --from po-mcp po-mcp", "uv tool install po-mcp", "pipx install 'po-mcp[keyring]'"),
        *("pip install po-mcp", "pip install -U po-mcp", "https://pypi.org/project/po-mcp", '"registryType": "pypi"'),
    ],
)
def test_a_text_that_names_a_package_of_an_index_is_noticed(text: str) -> None:
    assert INDEX_NAMES.search(text)


@pytest.mark.parametrize(
    "text", ["uv tool install .", "pip install .", "po-mcp install cursor", "pipx install ./po_mcp.whl"]
)
def test_a_text_that_names_no_package_of_an_index_is_let_pass(text: str) -> None:
    assert not INDEX_NAMES.search(text)


def test_no_text_names_a_package_of_an_index_before_one_is_published() -> None:
    allowed = ROOT / "packaging" / "make.py"  # it writes the name where PUBLISHED says so, and a test holds it to that
    naming = [str(path) for path in TEXTS if path != allowed and INDEX_NAMES.search(path.read_text(encoding="utf-8"))]

    assert len(TEXTS) > 100
    assert published.PUBLISHED or naming == []
