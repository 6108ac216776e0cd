"""The skills: what is listed, that digests are those of what is read, the operator's own, and what is no skill."""

from __future__ import annotations

import base64
import hashlib
import logging
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
from mcp import Client, MCPError
from mcp.types import PaginatedRequestParams, ReadResourceRequestParams, Request, Result, TextResourceContents
from pydantic import Field

from po_mcp.bootstrap import build_server
from po_mcp.config import Settings, load
from po_mcp.connectors.exsited.client import Exsited
from po_mcp.connectors.sandbox import Sandbox
from po_mcp.erp import Capability
from po_mcp.errors import ConfigurationError
from po_mcp.server.skill_files import SkillFolder, SkillNotRead, find_skills, read_frontmatter
from po_mcp.tools import REGISTRY
from tests.harness import ERAS, IN_MEMORY, MODES, REAL, ServerHarness, Transport

both_eras = pytest.mark.parametrize("era", ERAS)
both_transports = pytest.mark.parametrize("transport", ["memory", "stdio"])
ROOT = Path(__file__).parent.parent.parent
OURS = ["chase-what-is-overdue", "close-what-was-received", "order-from-a-quote", "settle-what-is-unknown"]
HEAD = "---\nname: ours\ndescription: Ours.\n---\nText\n"
PLAYED = {
    "chase-what-is-overdue": ["find_overdue_from_a_vendor", "find_overdue_by_date", "find_nothing_overdue"],
    "close-what-was-received": [
        "close_and_choose_the_backorder",
        "close_and_the_person_says_no",
        "close_an_order_that_changes_meanwhile",
    ],
    "order-from-a-quote": ["order_in_plain_words", "order_at_the_last_price", "order_from_two_vendors_without_a_form"],
    "settle-what-is-unknown": [
        "doubt_a_lost_answer_to_a_finalize",
        "doubt_until_it_is_seen",
        "doubt_while_another_write_is_asked_for",
    ],
}
"""Skill -> conversations of the examples that go as it says; tests/test_conversations.py plays them."""


class SkillsResult(Result):
    """Any result of the two methods."""

    skills: list[dict[str, Any]] = Field(default_factory=list)
    skill: dict[str, Any] = Field(default_factory=dict)
    ttlMs: int  # noqa: N815  the name on the wire
    cacheScope: str  # noqa: N815  the name on the wire


class ListSkills(Request[PaginatedRequestParams, Literal["skills/list"]]):
    method: Literal["skills/list"] = "skills/list"
    params: PaginatedRequestParams = PaginatedRequestParams()


class GetSkill(Request[ReadResourceRequestParams, Literal["skills/get"]]):
    method: Literal["skills/get"] = "skills/get"
    params: ReadResourceRequestParams


async def list_skills(client: Client) -> list[dict[str, Any]]:
    found = await client.session.send_request(ListSkills(), SkillsResult)
    assert (found.ttlMs, found.cacheScope) == (60_000, "private")
    return found.skills


async def got(client: Client, uri: str) -> Mapping[str, Any]:
    return (await client.session.send_request(GetSkill(params=ReadResourceRequestParams(uri=uri)), SkillsResult)).skill


async def content(client: Client, uri: str) -> bytes:
    [one] = (await client.read_resource(uri)).contents
    return one.text.encode() if isinstance(one, TextResourceContents) else base64.b64decode(one.blob)


def skill(folder: Path, name: str, text: str | bytes | None = None, **files: bytes) -> Path:
    path = folder / name
    path.mkdir(parents=True)
    text = HEAD.replace("name: ours", f"name: {name}") if text is None else text
    (path / "SKILL.md").write_bytes(text.encode() if isinstance(text, str) else text)
    for file, data in files.items():
        (path / file).write_bytes(data)
    return path


@both_transports
@both_eras
async def test_each_listed_skill_is_read_with_its_digest_and_size(
    harness: ServerHarness, era: str, transport: Transport
) -> None:
    async with harness.client(era, transport=transport) as client:
        skills = await list_skills(client)
        for one in skills:
            assert await got(client, one["uri"]) == one
            for file in one["resources"]:
                data = await content(client, file["uri"])
                assert (file["size"], file["digest"]) == (len(data), f"sha256:{hashlib.sha256(data).hexdigest()}")

    assert [one["frontmatter"]["name"] for one in skills] == OURS
    assert [one["uri"] for one in skills] == [f"skill://{name}/SKILL.md" for name in OURS]


async def test_a_client_of_this_era_gets_the_extensions() -> None:
    async with Client(build_server(IN_MEMORY)) as client:
        extensions = client.server_capabilities.extensions

    assert extensions == {"io.modelcontextprotocol/skills": {}, "io.modelcontextprotocol/ui": {}}


@both_eras
@pytest.mark.parametrize("uri", ["skill://nobody/SKILL.md", "skill://order-from-a-quote", "po://orders/open", ""])
async def test_a_skill_that_is_not_served_is_a_wrong_parameter(era: str, uri: str) -> None:
    async with Client(build_server(IN_MEMORY), mode=MODES[era]) as client:
        with pytest.raises(MCPError, match=r"No such skill\. See skills/list\.") as caught:
            await got(client, uri)

    assert caught.value.code == -32602


async def test_skills_add_nothing_to_the_lists_of_tools_and_resources(tmp_path: Path) -> None:
    skill(tmp_path, "ours")
    async with Client(build_server(IN_MEMORY)) as client, Client(_serving(tmp_path)) as more:
        assert await client.list_tools() == await more.list_tools()
        assert await client.list_resources() == await more.list_resources()


@pytest.mark.parametrize("name", OURS)
def test_a_skill_names_the_tools_that_its_conversations_call_and_no_other(name: str) -> None:
    text = (ROOT / "po_mcp" / "skills" / name / "SKILL.md").read_text(encoding="utf-8")
    tools = {tool.name for tool in REGISTRY}
    named = set(re.findall(r"`(\w+)`", text)) & tools
    called = set()
    for conversation in PLAYED[name]:
        script = tomllib.loads((ROOT / "examples/conversations" / f"{conversation}.toml").read_text(encoding="utf-8"))
        called |= {turn["call"] for turn in script["turn"] if "call" in turn}

    assert len(PLAYED[name]) >= 3
    before = {tool.name for tool in REGISTRY if not tool.read_only and tool.name != "get_operation"}
    assert (called - before if name == "settle-what-is-unknown" else called) <= named
    assert (
        set(re.findall(r"`((?:list|get|create|finalize|delete|cancel|search)_\w+)`", text)) - {"create_backorder"}
        <= tools
    )


@pytest.mark.parametrize("name", OURS)
def test_a_skill_that_writes_tells_of_each_outcome(name: str) -> None:
    text = (ROOT / "po_mcp" / "skills" / name / "SKILL.md").read_text(encoding="utf-8")
    if "catalog" not in text and "finalize" not in text.partition("---\n\n")[0]:
        return

    for status in ("done", "approval_required", "declined", "stale", "refused", "unknown"):
        assert f"`{status}`" in text


async def test_a_skill_without_its_tools_is_not_served() -> None:
    class WithoutFinalize(Sandbox):
        capabilities: frozenset[Capability] = Sandbox.capabilities - {"finalize"}

    async with Client(build_server(IN_MEMORY, erp=WithoutFinalize())) as client:
        less = [one["frontmatter"]["name"] for one in await list_skills(client)]
        with pytest.raises(MCPError):
            await client.read_resource("skill://close-what-was-received/SKILL.md")
    async with Client(build_server(IN_MEMORY.model_copy(update={"read_only": True}))) as client:
        reading = [one["frontmatter"]["name"] for one in await list_skills(client)]

    assert less == [name for name in OURS if name != "close-what-was-received"]
    assert reading == ["chase-what-is-overdue"]


def _serving(folder: Path) -> Any:
    return build_server(IN_MEMORY.model_copy(update={"skills": str(folder)}))


@both_eras
async def test_the_operators_skills_stand_beside_ours_and_in_the_place_of_one_of_the_same_name(
    tmp_path: Path, era: str
) -> None:
    skill(tmp_path, "ours", **{"a b.txt": b"text", "data.bin": b"\xff\x00", ".hidden": b"no"})
    skill(tmp_path, "chase-what-is-overdue")
    (tmp_path / "no-skill").mkdir()
    async with Client(_serving(tmp_path), mode=MODES[era]) as client:
        skills = {one["frontmatter"]["name"]: one for one in await list_skills(client)}
        files = {file["uri"]: await content(client, file["uri"]) for file in skills["ours"]["resources"]}

    assert skills.keys() == {*OURS, "ours"}
    assert skills["chase-what-is-overdue"]["frontmatter"]["description"] == "Ours."
    assert files == {
        "skill://ours/SKILL.md": HEAD.encode(),
        "skill://ours/a%20b.txt": b"text",
        "skill://ours/data.bin": b"\xff\x00",
    }


async def test_an_edit_shows_at_once_with_its_new_digest(tmp_path: Path) -> None:
    path = skill(tmp_path, "ours") / "SKILL.md"
    async with Client(_serving(tmp_path)) as client:
        before = await got(client, "skill://ours/SKILL.md")
        path.write_text(HEAD + "More\n", encoding="utf-8")
        after = await got(client, "skill://ours/SKILL.md")
        data = await content(client, "skill://ours/SKILL.md")

    assert before["resources"] != after["resources"]
    assert after["resources"][0]["digest"] == f"sha256:{hashlib.sha256(data).hexdigest()}"


async def test_a_skill_that_is_gone_meanwhile_stops_no_other(tmp_path: Path) -> None:
    path = skill(tmp_path, "ours") / "SKILL.md"
    async with Client(_serving(tmp_path)) as client:
        path.unlink()
        names = [one["frontmatter"]["name"] for one in await list_skills(client)]
        for request in (got, content):
            with pytest.raises(MCPError, match="No such") as caught:
                await request(client, "skill://ours/SKILL.md")
            assert caught.value.code == -32602

    assert names == OURS


@pytest.mark.parametrize(
    "uri",
    [
        *("skill://ours/.hidden", "skill://ours/../config.toml", "skill://ours/..%2Fconfig.toml", "skill://ours/"),
        *("skill://ours//etc/passwd", "skill://ours/folder", "skill://ours", "skill://"),
    ],
)
@both_eras
async def test_only_files_of_a_skill_are_read(tmp_path: Path, era: str, uri: str) -> None:
    (tmp_path / "config.toml").write_text("secret")
    (skill(tmp_path / "skills", "ours", **{".hidden": b"secret"}) / "folder").mkdir()
    async with Client(_serving(tmp_path / "skills"), mode=MODES[era]) as client:
        with pytest.raises(MCPError, match="No such file of a skill"):
            await content(client, uri)


async def test_a_folder_that_is_no_skill_is_named_in_the_log_and_the_others_are_served(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    skill(tmp_path, "bad", "no frontmatter")
    with caplog.at_level(logging.WARNING):
        async with Client(_serving(tmp_path)) as client:
            names = [one["frontmatter"]["name"] for one in await list_skills(client)]

    assert names == OURS
    assert f"skill {tmp_path / 'bad'} is not served: SKILL.md does not begin with" in caplog.text


def test_a_link_to_outside_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    folder = skill(tmp_path / "skills", "ours")
    (folder / "leak.md").symlink_to(tmp_path / "secret")

    [(path, why)] = [found for found in find_skills(tmp_path / "skills") if not isinstance(found, SkillFolder)]

    assert path == folder
    assert str(why) == "leak.md is a link to a file outside of the folder"


def test_more_files_than_a_host_must_take_are_not_served(tmp_path: Path) -> None:
    skill(tmp_path, "ours", **{f"{number}.md": b"" for number in range(512)})

    [found] = find_skills(tmp_path)

    assert isinstance(found, tuple)
    assert "more than 512 files" in str(found[1])


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("license: MIT", "MIT"),
        ('license: "1.0"', "1.0"),
        (r'license: "a \"b\""', 'a "b"'),
        ("license: 'it''s'", "it's"),
        ("license: a, b; c (d)", "a, b; c (d)"),
        ("license: https://a.example/b", "https://a.example/b"),
        ("license: v1.0", "v1.0"),
    ],
)
def test_text_is_read_as_every_reader_of_yaml_reads_it(line: str, value: str) -> None:
    assert _head(line)["license"] == value


@pytest.mark.parametrize(
    "line",
    [
        *("license: 1.0", "license: 12", "license: true", "license: No", "license: null", "license: ~"),
        *("license: 2025-01-01", "license: 12:30", "license: 0x10", "license: 1e3", "license: .5"),
        *(
            "license: [a]",
            "license: {a: b}",
            "license: &a b",
            "license: *a",
            "license: !a b",
            "license: >",
            "license: |",
        ),
        *(
            "license: a: b",
            "license: a #b",
            "license: # b",
            "license: 'a",
            'license: "a',
            "license: - a",
            "license: @a",
        ),
        *(
            "license: a\nlicense: b",
            "license",
            "  license: a",
            "metadata:\n    deep: a",
            "metadata:\n  deep:",
            "a b: c",
        ),
    ],
)
def test_a_figure_that_can_be_read_in_two_ways_is_refused(line: str) -> None:
    with pytest.raises(SkillNotRead, match=r"^line \d: "):
        _head(line)


def test_one_level_below_a_key_is_read() -> None:
    assert _head("metadata:\n  a: b\n  # remark\n\n  c: 'd'")["metadata"] == {"a": "b", "c": "d"}


def _head(line: str) -> dict[str, Any]:
    return read_frontmatter(f"---\nname: ours\ndescription: Ours.\n{line}\n---\n".encode(), "ours")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\xff", "is not UTF-8"),
        (b"---\nname: ours\ndescription: a\n", "does not begin"),
        (b"---\nname: other\ndescription: a\n---\n", "its name must be"),
        (b"---\nname: ours\n---\n", "needs a description"),
        (b"---\nname: ours\ndescription: " + b"a" * 1025 + b"\n---\n", "needs a description"),
    ],
)
def test_a_file_that_is_no_skill_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(SkillNotRead, match=why):
        read_frontmatter(data, "ours")


def test_the_folder_beside_the_settings_is_taken_and_a_set_one_before_it(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.touch()
    assert load({}, file).skills is None
    skill(tmp_path / "skills", "ours")
    skill(tmp_path / "elsewhere", "ours")

    assert load({}, file).skills == str(tmp_path / "skills")
    assert load({"PO_MCP_SKILLS": str(tmp_path / "elsewhere")}, file).skills == str(tmp_path / "elsewhere")
    file.write_text('skills = "elsewhere"', encoding="utf-8")
    assert load({}, file).skills == str(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="PO_MCP_SKILLS must name a folder"):
        load({"PO_MCP_SKILLS": str(tmp_path / "nothing")}, file)


async def test_exsited_has_no_skill_for_closing() -> None:
    settings = Settings(**{**REAL, "erp": "exsited", "redirect_uri": "https://a.example/b"}, journal="/nowhere")
    erp = Exsited("http://localhost", "id", "secret", redirect_uri="https://a.example/b")

    async with Client(build_server(settings, erp=erp)) as client:
        names = [one["frontmatter"]["name"] for one in await list_skills(client)]

    assert names == [name for name in OURS if name != "close-what-was-received"]
