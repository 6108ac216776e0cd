"""Where each host keeps its file on each system, how this program is named, and the links."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from po_mcp.hosts import published
from po_mcp.hosts.change import SERVER
from po_mcp.hosts.known import HOSTS, Host, host_named
from po_mcp.hosts.links import link
from po_mcp.hosts.machine import Machine, System, system_of
from po_mcp.hosts.program import Program, this_program

LINUX = Machine("linux", PurePosixPath("/home/me"), {})
MAC = Machine("darwin", PurePosixPath("/Users/me"), {"XDG_CONFIG_HOME": "/elsewhere"})
WINDOWS = Machine("windows", PureWindowsPath(r"C:\Users\me"), {"APPDATA": r"D:\Roaming"})
PROGRAM = Program("/opt/a b/po-mcp", ("--config", "/home/me/ü.toml"))

PLACES = {
    "claude-desktop": (
        "/home/me/.config/Claude/claude_desktop_config.json",
        "/Users/me/Library/Application Support/Claude/claude_desktop_config.json",
        r"D:\Roaming\Claude\claude_desktop_config.json",
    ),
    "claude-code": ("/home/me/.claude.json", "/Users/me/.claude.json", r"C:\Users\me\.claude.json"),
    "vscode": (
        "/home/me/.config/Code/User/mcp.json",
        "/Users/me/Library/Application Support/Code/User/mcp.json",
        r"D:\Roaming\Code\User\mcp.json",
    ),
    "cursor": ("/home/me/.cursor/mcp.json", "/Users/me/.cursor/mcp.json", r"C:\Users\me\.cursor\mcp.json"),
    "codex": ("/home/me/.codex/config.toml", "/Users/me/.codex/config.toml", r"C:\Users\me\.codex\config.toml"),
    "gemini-cli": (
        "/home/me/.gemini/settings.json",
        "/Users/me/.gemini/settings.json",
        r"C:\Users\me\.gemini\settings.json",
    ),
    "windsurf": (
        "/home/me/.codeium/windsurf/mcp_config.json",
        "/Users/me/.codeium/windsurf/mcp_config.json",
        r"C:\Users\me\.codeium\windsurf\mcp_config.json",
    ),
    "zed": (
        "/home/me/.config/zed/settings.json",
        "/Users/me/.config/zed/settings.json",
        r"D:\Roaming\Zed\settings.json",
    ),
    "goose": (
        "/home/me/.config/goose/config.yaml",
        "/Users/me/.config/goose/config.yaml",
        r"D:\Roaming\Block\goose\config\config.yaml",
    ),
    "lm-studio": ("/home/me/.lmstudio/mcp.json", "/Users/me/.lmstudio/mcp.json", r"C:\Users\me\.lmstudio\mcp.json"),
}


def file_on(host: Host, machine: Machine) -> str:
    assert host.file is not None
    return str(host.file(machine))


def require_host(text: str) -> Host:
    host = host_named(text)
    assert host is not None
    return host


@pytest.mark.parametrize("key", PLACES)
def test_each_host_has_its_file_where_its_documentation_says(key: str) -> None:
    assert tuple(file_on(require_host(key), machine) for machine in (LINUX, MAC, WINDOWS)) == PLACES[key]


def test_every_host_with_a_file_is_among_the_places() -> None:
    assert {host.key for host in HOSTS if host.file is not None} == set(PLACES)


@pytest.mark.parametrize(
    ("key", "variables", "expected"),
    [
        ("codex", {"CODEX_HOME": "/srv/codex"}, "/srv/codex/config.toml"),
        ("codex", {"CODEX_HOME": "relative"}, "/home/me/.codex/config.toml"),
        ("claude-code", {"CLAUDE_CONFIG_DIR": "/srv/claude"}, "/srv/claude/.claude.json"),
        ("gemini-cli", {"GEMINI_CLI_HOME": "/srv/g"}, "/srv/g/.gemini/settings.json"),
        ("vscode", {"XDG_CONFIG_HOME": "/srv/c"}, "/srv/c/Code/User/mcp.json"),
        ("vscode", {"XDG_CONFIG_HOME": ""}, "/home/me/.config/Code/User/mcp.json"),
    ],
)
def test_a_hosts_own_variable_moves_its_file(key: str, variables: dict[str, str], expected: str) -> None:
    assert file_on(require_host(key), Machine("linux", LINUX.home, variables)) == expected


@pytest.mark.parametrize(
    ("platform", "system"), [("linux", "linux"), ("darwin", "darwin"), ("win32", "windows"), ("freebsd14", "linux")]
)
def test_a_system_is_known_by_its_platform(platform: str, system: System) -> None:
    assert system_of(platform) == system


@pytest.mark.parametrize(
    ("text", "key"),
    [
        *(
            ("Claude Desktop", "claude-desktop"),
            ("claude_code", "claude-code"),
            ("VS Code", "vscode"),
            ("code", "vscode"),
        ),
        *(
            ("GEMINI", "gemini-cli"),
            ("lmstudio", "lm-studio"),
            ("JetBrains", "jetbrains"),
            ("JetBrains AI Assistant", "jetbrains"),
        ),
    ],
)
def test_a_host_is_found_by_any_spelling_of_its_name(text: str, key: str) -> None:
    assert require_host(text).key == key


@pytest.mark.parametrize("text", ["claude", "chatgpt", ""])
def test_a_name_that_may_be_two_hosts_or_none_is_not_guessed(text: str) -> None:
    assert host_named(text) is None


POSIX = PurePosixPath("/venv/bin/python")


@pytest.mark.parametrize(
    ("started_as", "files", "expected"),
    [
        ("/home/me/.local/bin/po-mcp", ["/home/me/.local/bin/po-mcp"], Program("/home/me/.local/bin/po-mcp")),
        ("/venv/lib/po_mcp/__main__.py", ["/venv/bin/po-mcp"], Program("/venv/bin/po-mcp")),
        ("/venv/lib/po_mcp/__main__.py", [], Program("/venv/bin/python", ("-P", "-m", "po_mcp"))),
    ],
)
def test_this_program_is_named_by_its_full_path(started_as: str, files: list[str], expected: Program) -> None:
    assert this_program(PurePosixPath(started_as), POSIX, lambda path: str(path) in files) == expected


def test_this_program_is_an_exe_on_windows() -> None:
    files = [r"C:\venv\Scripts\po-mcp.exe"]
    python = PureWindowsPath(r"C:\venv\Scripts\python.exe")

    found = this_program(PureWindowsPath(r"C:\venv\Scripts\po-mcp"), python, lambda path: str(path) in files)

    assert found == Program(files[0])


def test_the_file_of_settings_goes_with_the_program() -> None:
    config = PurePath("/etc/po-mcp.toml")

    found = this_program(PurePosixPath("/bin/po-mcp"), POSIX, lambda _: True, config)

    assert found == Program("/bin/po-mcp", ("--config", "/etc/po-mcp.toml"))


@pytest.mark.parametrize(
    ("path", "temporary"),
    [
        ("/home/me/.cache/uv/archive-v0/Zk3/bin/po-mcp", True),
        (r"C:\Users\me\AppData\Local\uv\cache\archive-v0\x\Scripts\po-mcp.exe", True),
        ("/home/me/.local/share/pipx/.cache/5ab/bin/po-mcp", True),
        ("/home/me/.local/share/uv/tools/po-mcp/bin/po-mcp", False),
        ("/home/me/.local/bin/po-mcp", False),
    ],
)
def test_a_program_in_a_cache_is_known(path: str, temporary: bool) -> None:
    assert Program(path).is_temporary == temporary


def test_the_link_of_vs_code_holds_the_whole_entry() -> None:
    scheme, _, query = (link(require_host("vscode"), PROGRAM) or "").partition("?")

    assert scheme == "vscode:mcp/install"
    assert json.loads(unquote(query)) == {"name": SERVER, **require_host("vscode").entry(PROGRAM)}


@pytest.mark.parametrize(
    ("key", "place"),
    [("cursor", "cursor://anysphere.cursor-deeplink/mcp/install"), ("lm-studio", "lmstudio://add_mcp")],
)
def test_a_link_in_base64_holds_the_whole_entry(key: str, place: str) -> None:
    found = urlsplit(link(require_host(key), PROGRAM) or "")
    fields = parse_qs(found.query)

    assert f"{found.scheme}://{found.netloc}{found.path}" == place
    assert fields["name"] == [SERVER]
    assert json.loads(base64.b64decode(fields["config"][0], validate=True)) == require_host(key).entry(PROGRAM)


def test_the_link_of_goose_waits_until_the_package_is_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    assert link(require_host("goose"), PROGRAM) is None
    monkeypatch.setattr(published, "PUBLISHED", True)
    found = urlsplit(link(require_host("goose"), PROGRAM) or "")

    assert (found.scheme, found.netloc) == ("goose", "extension")
    assert parse_qs(found.query)["cmd"] == ["uvx"]


@pytest.mark.parametrize("host", HOSTS, ids=lambda host: host.key)
def test_other_hosts_have_no_link(host: Host) -> None:
    assert (link(host, PROGRAM) is not None) == (host.key in ("vscode", "cursor", "lm-studio"))


def test_the_page_on_installing_names_every_host_by_its_key() -> None:
    page = (Path(__file__).parent.parent.parent / "docs" / "install.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| ([^|]+) \| `([a-z-]+)` \|", page, re.MULTILINE))

    assert sorted(rows.values()) == sorted(host.key for host in HOSTS)
    assert all(host_named(title) == host_named(key) for title, key in rows.items())
