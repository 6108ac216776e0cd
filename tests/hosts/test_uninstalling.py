"""An entry taken out again: the file is as it was, and what came since stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from po_mcp.hosts.change import (
    SERVER,
    apply,
    plan_install,
    plan_uninstall,
)
from po_mcp.hosts.known import Host
from po_mcp.hosts.program import Program
from tests.hosts.recorded import PROGRAM, STAMP, document, find_recorded, json_host


def test_uninstalling_leaves_what_was_there(host: Host, file: Path) -> None:
    before = document(host, file.read_text())
    apply(plan_install(host, file, PROGRAM), STAMP)
    apply(plan_uninstall(host, file), STAMP)
    after = document(host, file.read_text())

    assert after == before
    assert plan_uninstall(host, file).is_none


@pytest.mark.parametrize("name", ["vscode", "zed", "claude-desktop", "codex", "goose", "lm-studio"])
def test_uninstalling_gives_the_file_back_byte_for_byte(name: str, tmp_path: Path) -> None:
    host, path = json_host(name), tmp_path / "file"
    path.write_bytes(find_recorded(host).read_bytes())
    apply(plan_install(host, path, PROGRAM), "1")
    apply(plan_uninstall(host, path), "2")

    assert path.read_bytes() == find_recorded(host).read_bytes()


AS_PEOPLE_WRITE_THEM = {
    "json": [
        *("", "\n", "{}", "{}\n", "// only\n", '{"a":1}\r\n', '\ufeff{"a":1}', '{\n\t"a": 1,\n}\n\n'),
        *(
            '{"SECTION": {}}',
            '{\n  "SECTION": {}\n}\n',
            '{"SECTION": {\n}, "z": [1, 2]}\n',
            '{ "SECTION": { "x": {} } }',
        ),
    ],
    "toml": [
        *(
            "",
            "\n",
            "# only",
            "a = 1",
            "a = 1\n\n\n",
            "a = 1\r\n[b]\r\nc=1\r\n",
            "[SECTION]\n",
            'x = """\n[SECTION]\n"""',
        ),
        '[SECTION.other]\ncommand = "x" # mine',
    ],
    "yaml": [
        "",
        "\n",
        "A: x",
        "A: x\n\n\n",
        "SECTION:\n",
        "SECTION: {}\n",
        "SECTION:\r\n  b:\r\n    c: 1\r\n# end\r\n",
    ],
}


def test_installing_and_uninstalling_leaves_a_file_letter_for_letter(host: Host, tmp_path: Path) -> None:
    for place, text in enumerate(AS_PEOPLE_WRITE_THEM[host.format]):
        path = tmp_path / str(place)
        path.write_bytes(text.replace("SECTION", host.section[0]).encode())
        before = path.read_bytes()
        apply(plan_install(host, path, Program("/old/po-mcp")), "1")
        apply(plan_install(host, path, PROGRAM), "2")
        apply(plan_uninstall(host, path), "3")

        assert path.read_bytes() == before


def edit_between(path: Path, text: str, old: str, new: str) -> object:
    """Install into a file of this text, change it as a person would, uninstall, and return what is left."""
    path.write_text(text)
    apply(plan_install(json_host(), path, PROGRAM), "1")
    path.write_text(path.read_text().replace(old, new))
    apply(plan_uninstall(json_host(), path), "2")
    return json.loads(path.read_text())


def test_a_file_that_changed_since_is_not_put_back(tmp_path: Path) -> None:
    assert edit_between(tmp_path / "file", '{"theme": "dark"}', "dark", "light") == {"theme": "light"}


WITHOUT_SERVERS = {
    "json": ['{\n  "theme": "dark"\n}\n', '{\n\t"theme": "dark", // mine\n}\n', "{}\n", "// nothing yet\n{}\n"],
    "toml": ['model = "o3"\n'],
    "yaml": ["GOOSE_MODEL: o3\n"],
}


@pytest.mark.parametrize("place", range(4))
def test_the_table_of_servers_goes_where_install_made_it(host: Host, place: int, tmp_path: Path) -> None:
    texts = WITHOUT_SERVERS[host.format]
    path = tmp_path / "file [1].json"
    path.write_text(texts[place % len(texts)])
    apply(plan_install(host, path, PROGRAM), "1")
    apply(plan_uninstall(host, path), "2")
    apply(plan_install(host, path, PROGRAM), "3")
    apply(plan_uninstall(host, path), "4")

    assert document(host, path.read_text()) == document(host, texts[place % len(texts)])
    assert host.section[0] not in path.read_text()


def test_the_table_of_servers_goes_with_a_file_that_install_made(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "file"
    apply(plan_install(host, path, PROGRAM), "1")
    apply(plan_uninstall(host, path), "2")

    assert path.read_text().split() in ([], ["{", "}"], ["{}"])


def test_an_empty_table_of_servers_stays_where_a_person_made_it(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "file"
    name = host.section[0]
    path.write_text({"json": f'{{"{name}": {{}}}}\n', "toml": f"[{name}]\n", "yaml": f"{name}: {{}}\n"}[host.format])
    apply(plan_install(host, path, PROGRAM), "1")
    apply(plan_uninstall(host, path), "2")

    empty = {"json": {name: {}}, "toml": {name: {}}, "yaml": {name: {SERVER: None}}}[host.format]
    assert document(host, path.read_text()) == empty
    assert name in path.read_text()


def test_a_table_of_servers_stays_with_the_servers_that_came_later(tmp_path: Path) -> None:
    head = '"mcpServers": {'

    left = edit_between(tmp_path / "file", "{}\n", head, f'{head}\n    "other": {{}},')

    assert left == {"mcpServers": {"other": {}}}


@pytest.mark.parametrize("kept", [b"{", b"\xff", b"[]"])
def test_a_kept_file_that_cannot_be_read_decides_nothing(kept: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    apply(plan_install(json_host(), path, PROGRAM), "1")
    (tmp_path / "file.before-po-mcp-1").write_bytes(kept)
    apply(plan_uninstall(json_host(), path), "2")

    assert json.loads(path.read_text()) == {"mcpServers": {}}
