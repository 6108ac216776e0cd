"""Clients that are not ours list, read, create and delete: by a form, declined and accepted, and by a link."""

from __future__ import annotations

import json
import urllib.request
from typing import Any
from urllib.error import URLError

import pytest

from tests.clients.conftest import SCRIPTS, Workspace

pytestmark = pytest.mark.clients

NUMBER, WITHOUT_FORM = "PO-2025-0038", "PO-2025-0036"


def read_scenario(part: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the calls of a part of scripts/scenario.json: (tool, arguments)."""
    file = json.loads((SCRIPTS / "scenario.json").read_text(encoding="utf-8"))
    return [(tool, arguments) for tool, arguments in file[part]]


CLIENTS = [
    ("fastmcp", "client_fastmcp.py", ()),
    ("pydantic-ai", "client_pydantic_ai.py", ()),
    ("langchain", "client_langchain.py", ()),
    ("openai-agents", "client_openai_agents.py", ()),
    ("typescript-v1-22", "typescript_v1.mjs", ()),
    ("typescript-v1", "typescript_v1.mjs", ()),
    ("typescript-v2", "typescript_v2.mjs", ("legacy",)),
    ("typescript-v2", "typescript_v2.mjs", ("auto",)),
    ("typescript-v2", "typescript_v2.mjs", ("2026-07-28",)),
]
NAMES = ["-".join([name, *how]) for name, _, how in CLIENTS]


def find_link(text: str) -> str:
    """Return the link to the approval page in a text."""
    return next(word for word in text.replace('"', " ").split() if "/approve/" in word)


def check_client(found: dict[str, Any], workspace: Workspace, *, has_form: bool = True) -> None:
    """Check what a client printed of its calls, and what they left in the book."""
    listed, read, created, waits = found["before"]
    assert found["tools"] == 8
    assert "PO-2025-0042" in listed
    # What a model must not miss stands in whichever form its host hands over.
    for text in (listed, read, created, waits):
        assert "sandbox" in text.casefold()
    assert "M8 x 30mm Hex Bolt" in read
    assert "The lines add up to 910.00, the ERP's total is 4,250.00." in read
    assert "done" in created
    assert "PO-2025-0043" in created
    assert workspace.has_order("PO-2025-0043")
    assert "approval_required" in waits
    assert "po-mcp approve" in waits
    assert workspace.has_order(WITHOUT_FORM)
    if has_form:
        declined, still_there, accepted, gone = found["asked"]
        assert "declined" in declined
        assert "/approve/" not in declined
        assert NUMBER in still_there
        assert "done" in accepted
        assert "has no order" in gone
    assert workspace.has_order(NUMBER) is not has_form


@pytest.mark.parametrize(("client", "script", "how"), CLIENTS, ids=NAMES)
def test_a_client_lists_reads_creates_and_deletes_over_stdio(
    workspace: Workspace, client: str, script: str, how: tuple[str, ...]
) -> None:
    found = workspace.run_script(client, script, "stdio", *how)

    check_client(found, workspace, has_form=client != "openai-agents")
    assert found.get("printed", []) == []
    # The client has ended its server, whose page is there for a minute more; SDK 1.22 kills both.
    link = find_link(found["before"][3])
    if client == "typescript-v1-22":
        with pytest.raises(URLError):
            urllib.request.urlopen(link, timeout=30)
    else:
        with urllib.request.urlopen(link, timeout=30) as page:
            assert WITHOUT_FORM in page.read().decode()


@pytest.mark.parametrize(("client", "script", "how"), CLIENTS, ids=NAMES)
def test_a_client_lists_reads_creates_and_deletes_over_http(
    workspace: Workspace, client: str, script: str, how: tuple[str, ...]
) -> None:
    with workspace.serve() as url:
        found = workspace.run_script(client, script, url, *how)

    check_client(found, workspace, has_form=client != "openai-agents")
    assert found.get("printed", []) == []
