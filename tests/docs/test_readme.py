"""The README is one screen with two commands, and its pictures are those of this program."""

from __future__ import annotations

import json
import re

import pytest

from po_mcp.commands.demo import STORY
from po_mcp.hosts.known import HOSTS
from tests.conversations.script import scripts

from .package_copy import DOCS, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PICTURES = DOCS / "pictures"


def test_the_readme_has_fewer_than_900_words() -> None:
    """As `wc -w` counts them: signs of tables, links and comments too."""
    assert len(README.split()) < 900


def test_its_first_two_fences_are_the_main_job_and_the_tests() -> None:
    fences = re.findall(r"(?:<!-- ([a-z ]+) -->\n)?^```(?:\w*)\n(.+?)^```$", README, re.DOTALL | re.MULTILINE)

    assert [name for name, _ in fences[:2]] == ["main job", "tests"]
    assert ["demo" in fences[0][1], "pytest" in fences[1][1]] == [True, True]


def test_the_readme_names_each_host_that_can_be_installed_into() -> None:
    titles = [host.title for host in HOSTS]
    commands = set(re.findall(r"`po-mcp install ([a-z-]+)`", README))

    assert [title for title in titles if title not in README] == []
    assert commands <= {host.key for host in HOSTS}


def test_the_readme_counts_the_conversations() -> None:
    assert re.findall(r"(\d+) conversations", README) == [str(len(scripts()))]


def test_the_readme_holds_the_name_of_the_registry_entry() -> None:
    """The registry reads it in the published README: modelcontextprotocol.io, registry, package types."""
    entry = json.loads((ROOT / "packaging" / "server.json").read_text(encoding="utf-8"))

    assert f"<!-- mcp-name: {entry['name']} -->" in README


def test_its_pictures_take_less_than_300_kb() -> None:
    named = set(re.findall(r'src(?:set)?="docs/pictures/([^"]+)"', README))

    assert named == {path.name for path in PICTURES.iterdir()} - {"performance.svg"}  # docs/performance.md has that
    assert sum((PICTURES / name).stat().st_size for name in named) < 300_000


@pytest.mark.parametrize("name", ["demo-light.svg", "demo-dark.svg"])
def test_the_picture_of_the_demo_shows_the_story_as_it_is_played(name: str) -> None:
    svg = (PICTURES / name).read_text(encoding="utf-8")
    shown = re.sub(r"\s+", "", re.sub(r"<[^>]+>", "", svg).replace("&#160;", " "))

    for scene in STORY:
        assert re.sub(r"\s+", "", scene.buyer) in shown, f"{scene.buyer}: python scripts/pictures.py"
        assert scene.tool in shown


@pytest.mark.parametrize("name", ["demo-light.svg", "demo-dark.svg"])
def test_the_picture_of_the_demo_loads_nothing_and_runs_nothing(name: str) -> None:
    svg = (PICTURES / name).read_text(encoding="utf-8").replace('xmlns="http://www.w3.org/2000/svg"', "")

    assert not re.search(r"https?:|<script|@import|url\((?!#)|\bon\w+=", svg)
