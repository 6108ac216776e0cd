"""`po-mcp journal export`, `verify --file` and `prune`, as a person or an auditor runs them."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from po_mcp.writes.journal import JournalStore
from tests.commands.test_journal_command import run
from tests.harness import ServerHarness
from tests.writes.making import create, guarded_operation, take_to

DAY = 86_400.0


@pytest.fixture
def old(harness: ServerHarness) -> ServerHarness:
    """A journal with an operation of a year ago and one of today."""
    import time

    ago = JournalStore(harness.journal, clock=lambda: time.time() - 365 * DAY)
    take_to(ago, guarded_operation(), "DONE")
    ago.close()
    today = JournalStore(harness.journal)
    take_to(today, create(), "DONE")
    today.close()
    return harness


def test_an_export_is_checked_anywhere(old: ServerHarness, tmp_path: Path) -> None:
    file = tmp_path / "journal.jsonl"
    exported = run(old, "export", str(file))
    checked = run(old, "verify", "--file", str(file))
    edited = tmp_path / "edited.jsonl"
    edited.write_text(file.read_text(encoding="utf-8").replace('"DONE"', '"DECLINED"', 1), encoding="utf-8")
    found = run(old, "verify", "--file", str(edited))
    again = run(old, "export", str(file))

    assert exported.stdout.startswith("2 operations and 8 events checked, no changes found. The last event is ")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert (checked.returncode, checked.stdout) == (0, exported.stdout)
    assert (found.returncode, "edited" in found.stdout) == (1, True)
    assert (again.returncode, again.stderr) == (1, f"po-mcp: {file} is there already. Nothing was changed.\n")


def test_old_entries_are_moved_to_a_file_and_the_journal_stays_whole(old: ServerHarness, tmp_path: Path) -> None:
    file = tmp_path / "old.jsonl"
    pruned = run(old, "prune", "--into", str(file), PO_MCP_JOURNAL_DAYS="90")
    nothing = run(old, "prune", "--into", str(tmp_path / "none.jsonl"), PO_MCP_JOURNAL_DAYS="90")

    assert pruned.stdout.startswith("1 operation and 4 events from before ")
    assert run(old, "verify", "--file", str(file)).stdout.startswith("1 operation and 4 events checked")
    assert run(old, "verify").stdout.startswith("1 operation and 5 events checked, no changes found.")
    assert nothing.stdout.startswith("Nothing ended before ")
    assert not (tmp_path / "none.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Say from which day on entries stay: --before 2025-01-01, or set PO_MCP_JOURNAL_DAYS."),
        (["--before", "2100-01-01"], "The last 30 days always stay: --before may be "),
    ],
)
def test_a_prune_without_a_day_or_of_what_is_new_is_refused(
    old: ServerHarness, tmp_path: Path, arguments: list[str], said: str
) -> None:
    refused = run(old, "prune", "--into", str(tmp_path / "old.jsonl"), *arguments)

    assert refused.returncode == 1
    assert refused.stderr.startswith(f"po-mcp: {said}")
    assert not (tmp_path / "old.jsonl").exists()


def test_a_journal_with_faults_is_not_pruned(old: ServerHarness, tmp_path: Path) -> None:
    store = JournalStore(old.journal)
    with store._file.writing() as db:
        db.execute("UPDATE write_operations SET number = 'PO-66'")
    store.close()
    refused = run(old, "prune", "--into", str(tmp_path / "old.jsonl"), "--before", "2026-01-01")

    assert refused.returncode == 1
    assert "The journal has faults (2 faults), so nothing of it goes. Run: po-mcp journal verify" in refused.stderr
