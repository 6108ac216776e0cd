"""An entry put into each host's own file; the files are written after the hosts' documentation."""

from __future__ import annotations

import stat
import tomllib
from pathlib import Path

import pytest

from po_mcp.hosts import jsonc, toml, yaml
from po_mcp.hosts.change import (
    SERVER,
    Change,
    HostFileNotChanged,
    apply,
    entry_text,
    plan_install,
    plan_uninstall,
)
from po_mcp.hosts.known import Host
from po_mcp.hosts.program import Program
from tests.hosts.recorded import PROGRAM, STAMP, WITH_FILE, document, find_recorded, json_host


def test_the_entry_is_put_in_and_nothing_else_changes(host: Host, file: Path) -> None:
    before = file.read_text()
    change = plan_install(host, file, PROGRAM)
    apply(change, STAMP)
    after = file.read_text()

    assert document(host, after)[host.section[0]][SERVER] == host.entry(PROGRAM)
    for line in before.splitlines():
        if "{}" not in line and len(before.splitlines()) > 1:
            assert line.partition(" //")[0].rstrip(",") in after


def test_comments_survive(tmp_path: Path) -> None:
    for host in (json_host("vscode"), json_host("zed"), json_host("gemini-cli")):
        path = tmp_path / "file"
        path.write_bytes(find_recorded(host).read_bytes())
        apply(plan_install(host, path, PROGRAM), host.key)
        for remark in ("// Servers of this user", "// remote", "// the theme", "/* by hand */", "// the last one"):
            assert (remark in path.read_text()) == (remark in find_recorded(host).read_text())


def test_installing_twice_changes_nothing(host: Host, file: Path) -> None:
    apply(plan_install(host, file, PROGRAM), STAMP)

    assert plan_install(host, file, PROGRAM).is_none


def test_a_backup_is_the_file_as_it_was(host: Host, file: Path) -> None:
    backup = apply(plan_install(host, file, PROGRAM), STAMP)

    assert backup == file.with_name(f"{file.name}.before-po-mcp-{STAMP}")
    assert backup.read_bytes() == find_recorded(host).read_bytes()


def test_a_file_that_is_not_there_is_made(host: Host, tmp_path: Path) -> None:
    path = tmp_path / "folder" / find_recorded(host).name
    assert apply(plan_install(host, path, PROGRAM), STAMP) is None

    assert document(host, path.read_text()) == document(host, entry_text(host, PROGRAM))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("codex", "+ [mcp_servers.purchase-orders]"),
        ("goose", "+   purchase-orders:"),
        ("cursor", '+   "purchase-orders": {'),
    ],
)
def test_a_change_is_shown_as_the_file_writes_it(name: str, line: str, tmp_path: Path) -> None:
    assert line in plan_install(json_host(name), tmp_path / "file", PROGRAM).lines()


def test_line_ends_and_byte_order_mark_stay(tmp_path: Path) -> None:
    path = tmp_path / "mcp.json"
    path.write_bytes(b'\xef\xbb\xbf{\r\n  "mcpServers": {\r\n  }\r\n}\r\n')
    apply(plan_install(json_host(), path, PROGRAM), STAMP)
    content = path.read_bytes()

    assert content.startswith(b"\xef\xbb\xbf{\r\n")
    assert content.count(b"\n") == content.count(b"\r\n") > 4


def test_the_mode_of_a_file_and_a_link_to_it_stay(tmp_path: Path) -> None:
    real, link = tmp_path / "dotfiles.json", tmp_path / "mcp.json"
    real.write_text("{}")
    real.chmod(0o644)
    link.symlink_to(real)
    apply(plan_install(json_host(), link, PROGRAM), STAMP)

    assert link.is_symlink()
    assert SERVER in real.read_text()
    assert stat.S_IMODE(real.stat().st_mode) == 0o644


def test_a_file_that_changes_meanwhile_is_not_overwritten(host: Host, file: Path) -> None:
    change = plan_install(host, file, PROGRAM)
    file.write_text("changed meanwhile")

    with pytest.raises(HostFileNotChanged, match="was changed meanwhile"):
        apply(change, STAMP)
    assert file.read_text() == "changed meanwhile"


def test_a_failed_write_leaves_the_file(
    host: Host, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(HostFileNotChanged, match="No space left on device"):
        apply(plan_install(host, file, PROGRAM), STAMP)

    assert file.read_bytes() == find_recorded(host).read_bytes()
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_that_leads_nowhere_makes_no_folder(host: Host, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "not" / "there")

    with pytest.raises(HostFileNotChanged, match="cannot be written"):
        apply(plan_install(host, link, PROGRAM), STAMP)
    assert list(tmp_path.iterdir()) == [link]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cursor", b'{"mcpServers": '),
        ("cursor", b'{"mcpServers": []}'),
        ("cursor", b'["mcpServers"]'),
        ("cursor", b'{"mcpServers": {"purchase-orders": 7}}'),
        ("cursor", b"{} {}"),
        ("cursor", b"\xff\xfe{\x00}\x00"),
        ("cursor", b"[" * 5000),
        ("codex", b"model = \n"),
        ("codex", b'[mcp_servers]\npurchase-orders = {command = "x"}\n'),
        ("codex", b'mcp_servers.purchase-orders.command = "x"\n'),
        ("codex", b"mcp_servers = 7\n"),
        ("codex", b"[[mcp_servers]]\n"),
        ("goose", b"extensions: {developer: {enabled: true}}\n"),
        ("goose", b"extensions:\n\tdeveloper:\n"),
        ("goose", b'{"extensions": {}}\n'),
        ("goose", b"a: 1\n---\nb: 2\n"),
        ("goose", b"- a\n"),
        ("goose", b"a: [\n"),
        ("goose", b"GOOSE_MODEL = x\n"),
        ("cursor", b"null"),
        ("codex", b"mcp_servers = {}\n"),
    ],
)
def test_a_file_in_another_form_is_refused_and_stays(name: str, content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)

    with pytest.raises(HostFileNotChanged) as caught:
        plan_install(json_host(name), path, PROGRAM)

    assert f"{path} was not changed: " in str(caught.value)
    assert f"po-mcp install {name} --print" in str(caught.value)
    assert path.read_bytes() == content


def test_the_reason_is_that_of_the_file_and_not_of_what_would_be_written(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("mcp_servers = {}\n")

    with pytest.raises(HostFileNotChanged, match="its mcp_servers is kept in a form that is not changed here"):
        plan_install(json_host("codex"), path, PROGRAM)


def test_a_list_under_a_name_is_plain_yaml(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("---\n# mine\nlist:\n- a\n- b\nflow: [a, b] # c\n")

    assert SERVER in plan_install(json_host("goose"), path, PROGRAM).new.decode()


def test_an_entry_that_cannot_be_taken_out_alone_is_left(tmp_path: Path) -> None:
    """A line within a text looks like our table's header; taking it out would change the text."""
    path = tmp_path / "config.toml"
    text = 'notice = """\n[mcp_servers.purchase-orders]\n"""\n\n[mcp_servers.purchase-orders]\ncommand = "x"\n'
    path.write_text(text)

    with pytest.raises(HostFileNotChanged, match="was not changed: "):
        plan_uninstall(json_host("codex"), path)
    assert path.read_text() == text


def test_a_change_of_other_entries_is_never_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "mcp.json"
    path.write_text('{"mcpServers": {"other": {"command": "x"}}}')
    put = jsonc.put
    monkeypatch.setattr(jsonc, "put", lambda text, where, value: put(text, where, value).replace('"x"', '"y"'))

    with pytest.raises(HostFileNotChanged, match="cannot be changed without changing others"):
        plan_install(json_host(), path, PROGRAM)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{}", '{\n  "a": {\n    "b": 1\n  }\n}'),
        ("", '{\n  "a": {\n    "b": 1\n  }\n}\n'),
        ("// only a comment\n", '// only a comment\n{\n  "a": {\n    "b": 1\n  }\n}\n'),
        ('{"x": 1}', '{"x": 1,\n"a": {\n  "b": 1\n}}'),
        ('{"x": "}//,"}', '{"x": "}//,",\n"a": {\n  "b": 1\n}}'),
        ('{\n\t"x": 1 // why\n}', '{\n\t"x": 1, // why\n\t"a": {\n\t  "b": 1\n\t}\n}'),
        ('{\n  "x": 1, /* why */\n}', '{\n  "x": 1, /* why */\n  "a": {\n    "b": 1\n  },\n}'),
        ("{\n  // nothing yet\n}", '{\n  // nothing yet\n  "a": {\n    "b": 1\n  }\n}'),
        ('{"a": null}', '{"a": {\n  "b": 1\n}}'),
        ('{"a": 1, "a": 2}', '{"a": 1, "a": {\n  "b": 1\n}}'),
    ],
)
def test_json_is_changed_in_place(before: str, after: str) -> None:
    assert jsonc.put(before, ["a"], {"b": 1}) == after
    assert jsonc.read(after)["a"] == {"b": 1}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('{"a": 1}', "{}"),
        ('{"a": 1, "b": 2}', '{ "b": 2}'),
        ('{"b": 2, "a": 1}', '{"b": 2}'),
        ('{\n  "b": 2, // why\n  "a": 1\n}', '{\n  "b": 2 // why\n}'),
        ('{\n  "a": 1,\n  "b": 2,\n}', '{\n  "b": 2,\n}'),
        ('{\n  "b": 2,\n  "a": 1,\n}', '{\n  "b": 2,\n}'),
        ('{"b": 2}', '{"b": 2}'),
    ],
)
def test_a_member_of_json_is_taken_out_with_its_comma(before: str, after: str) -> None:
    assert jsonc.remove(before, ["a"]) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "[t.a]\nb = 1\n"),
        ("x = 1", "x = 1\n\n[t.a]\nb = 1\n"),
        ("[t.a] # mine\nb = 2\n# why\nc = 3\n\n[t.a.env]\nd = 4\n", "[t.a]\n# why\nb = 1\n\n[t.a.env]\nd = 4\n"),
        ("[t.a]\nb = 2\nenv = { K = 1 }\n", "[t.a]\nb = 1\n"),
        ('[t."a"]\nb = 2\n[u]\n', "[t.a]\nb = 1\n[u]\n"),
    ],
)
def test_toml_is_changed_in_place(before: str, after: str) -> None:
    assert toml.put(before, ["t", "a"], {"b": 1}) == after


def test_settings_of_an_entry_of_codex_stay_in_either_form(tmp_path: Path) -> None:
    for form in ('env = { A = "x", "b c" = "y" }\n', '\n[mcp_servers.purchase-orders.env]\nA = "x"\n"b c" = "y"\n'):
        path = tmp_path / "config.toml"
        path.write_text(f'[mcp_servers.purchase-orders]\ncommand = "old"\n{form}')
        apply(plan_install(json_host("codex"), path, PROGRAM), form[:3].strip() or "table")

        entry = tomllib.loads(path.read_text())["mcp_servers"]["purchase-orders"]
        assert entry == {**json_host("codex").entry(PROGRAM), "env": {"A": "x", "b c": "y"}}


def test_a_table_of_toml_is_taken_out_with_its_sub_tables() -> None:
    text = "x = 1\n\n[t.a]\nb = 1\n\n[t.a.env]\nc = 2\n\n[t.ab]\nd = 3\n"

    assert toml.remove(text, ["t", "a"]) == "x = 1\n\n[t.ab]\nd = 3\n"


@pytest.mark.parametrize("text", ['a\x7fb"\\ü', "C:\\Users\\me\\po-mcp.exe"])
def test_any_path_survives_each_format(text: str) -> None:
    for host in WITH_FILE:
        found = document(host, entry_text(host, Program(text)))[host.section[0]][SERVER]
        assert text in (found.get("command"), found.get("cmd"))


@pytest.mark.parametrize(
    "before",
    [
        "",
        "a: 1\n",
        "extensions: {}\n",
        "extensions:\n",
        "extensions:\n    fetch:\n        enabled: true\n",
        "extensions:\n  fetch:\n    description: |\n      one: two\n\n      three\n# end\nz: 1\n",
    ],
)
def test_goose_entries_come_after_the_others_at_their_indent(before: str) -> None:
    after = yaml.put(before, "extensions", "a", {"b": 1, "c": []})
    indent = "    " if "    fetch" in before else "  "

    assert f"\n{indent}a:\n{indent}  b: 1\n{indent}  c: []\n" in f"\n{after}"
    assert yaml.entry(after, "extensions", "a") == {"b": 1, "c": []}
    assert yaml.put(after, "extensions", "a", {"b": 1, "c": []}) == after
    if "fetch" in before:
        assert yaml.remove(after, "extensions", "a") == before


def test_a_change_is_none_where_the_entry_is_as_it_would_become(tmp_path: Path) -> None:
    change = Change(json_host(), tmp_path, {"command": "x"}, {"command": "x"}, b"{}", b"{ }")

    assert change.is_none
