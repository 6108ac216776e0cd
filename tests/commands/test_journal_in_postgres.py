"""`po-mcp journal import` and `adopt`, where the journal is in PostgreSQL."""

from __future__ import annotations

import os
import secrets
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from po_mcp.config import Settings
from po_mcp.connectors import connect
from po_mcp.writes.journal import JournalStore
from tests.commands.test_doctor import real
from tests.commands.test_journal_command import JOURNAL, adopt, leave_known, read_settings
from tests.postgres import Cluster
from tests.sandbox.sandbox_server import serve_sandbox

pytestmark = pytest.mark.postgres

Variables = dict[str, str]
SENT, WAITS = "PO-2025-0036", "PO-2025-0037"


@pytest.fixture
def address(postgres: Cluster) -> str:
    return postgres.new_schema()


@pytest.fixture
async def settings(address: str, tmp_path: Path) -> AsyncIterator[Variables]:
    """Settings of a real ERP with a journal in PostgreSQL, which knows nothing yet."""
    async with serve_sandbox() as there:
        yield real("inventory-pro", there.port, PO_MCP_JOURNAL=address, PO_MCP_KEYS=secrets.token_hex(32))


@pytest.fixture
def file(settings: Variables, tmp_path: Path) -> Path:
    """A journal in a file, with a cancel of which nothing is known and one that waits, under former credentials."""
    path = tmp_path / "journal.db"
    of_erp = {**settings, "PO_MCP_JOURNAL": str(path)}
    leave_known(path, connect(Settings(**read_settings(of_erp)), None))  # type: ignore[arg-type]
    return path


async def run(settings: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PO_MCP_")}
    return await anyio.run_process(
        [*JOURNAL, *arguments], env={**kept, **settings}, check=False, stderr=subprocess.STDOUT
    )


def states(journal: Path | str) -> dict[str, str]:
    with closing(JournalStore(journal)) as store:
        assert store.upkeep.verify() == []
        return {one.operation.number: one.state for one in store.all()}


async def test_a_file_is_brought_over_whole_and_takes_nothing_more(
    settings: Variables, file: Path, address: str
) -> None:
    done = await run(settings, "import", str(file))
    listed = await run(settings, "list")
    sealed = await run({**settings, "PO_MCP_JOURNAL": str(file)}, "list")

    reported = done.stdout.decode()
    assert (done.returncode, "2 operations brought over" in reported, "is sealed" in reported) == (0, True, True), (
        reported
    )
    assert states(address) == {SENT: "UNKNOWN", WAITS: "PROPOSED"}
    assert SENT in listed.stdout.decode()
    assert "This journal was moved to postgresql://" in sealed.stdout.decode()
    assert "This journal was moved" not in listed.stdout.decode()
    assert "po:" not in reported  # of an address its user's password is never shown


async def test_a_journal_that_cannot_be_brought_over_is_reported_and_changes_nothing(
    settings: Variables, file: Path, address: str, tmp_path: Path
) -> None:
    nowhere = await run(settings, "import", str(tmp_path / "none.db"))
    to_a_file = await run({**settings, "PO_MCP_JOURNAL": str(tmp_path / "other.db")}, "import", str(file))
    assert states(file) == {SENT: "UNKNOWN", WAITS: "PROPOSED"}
    assert (await run(settings, "import", str(file))).returncode == 0
    again = await run(settings, "import", str(file))

    assert 0 not in (nowhere.returncode, to_a_file.returncode, again.returncode)
    assert "must be the postgresql:// address" in to_a_file.stdout.decode()
    for refused in (nowhere, to_a_file, again):
        assert "Traceback" not in refused.stdout.decode()
    assert states(address) == {SENT: "UNKNOWN", WAITS: "PROPOSED"}


@pytest.mark.parametrize(
    ("answer", "status", "words", "waits"),
    [
        ("the same company", 0, "what was sent or is not known goes on here", "EXPIRED"),
        ("another company", 0, "never used here", "PROPOSED"),
        ("leave", 3, "Nothing was changed.", "PROPOSED"),
    ],
)
async def test_credentials_are_adopted_where_the_journal_is_in_postgresql(
    settings: Variables, file: Path, address: str, answer: str, status: int, words: str, waits: str
) -> None:
    assert (await run(settings, "import", str(file))).returncode == 0

    ended, screen = await anyio.to_thread.run_sync(adopt, settings, [answer])
    again, said = await anyio.to_thread.run_sync(adopt, settings, ["leave"])

    assert (ended, words in screen) == (status, True), screen
    assert states(address) == {SENT: "UNKNOWN", WAITS: waits}
    assert (again, "knows these credentials" in said) == (status, status == 0)
