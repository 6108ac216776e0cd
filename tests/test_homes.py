"""The guard of the user's own folders: what would write there fails, and nothing else."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests import homes
from tests.clients import setup

CACHE = str(homes.REAL / ".cache" / "po-mcp")


@pytest.mark.parametrize("place", [".cache", ".config", ".local/share"])
def test_a_file_of_the_user_cannot_be_written(place: str) -> None:
    path = str(homes.REAL / place / "po-mcp" / "of-no-test")
    for write in (
        lambda: os.open(path, os.O_CREAT | os.O_WRONLY),
        lambda: os.mkdir(path),
        lambda: sqlite3.connect(path),
    ):
        with pytest.raises(AssertionError, match="of the user who runs the tests"):
            write()
    assert not Path(path).exists()


def test_reading_and_other_folders_are_let_be(tmp_path: Path) -> None:
    homes.check_event("open", (f"{CACHE}/catalog.json", "r", os.O_RDONLY))
    homes.check_event("open", (f"{setup.CACHE}/npm-node/lock", "w", os.O_WRONLY))
    homes.check_event("open", (3, "w", os.O_WRONLY))
    homes.check_event("os.mkdir", (str(tmp_path / "po-mcp"), 0o777, -1))


@pytest.mark.parametrize("command", [[sys.executable, "-m", "po_mcp"], ["/opt/bin/po-mcp", "doctor"], "po-mcp"])
@pytest.mark.parametrize("variables", [{}, {"PATH": "/bin"}, {"HOME": str(homes.REAL)}, {b"HOME": str(homes.REAL)}])
def test_our_program_is_not_started_without_a_home_of_its_own(command: object, variables: dict[str, str]) -> None:
    with pytest.raises(AssertionError, match="of the user who runs the tests"):
        homes.check_event("subprocess.Popen", ("", command, None, variables))


def test_other_programs_and_ours_in_a_home_of_its_own_are_started(tmp_path: Path) -> None:
    homes.check_event("subprocess.Popen", ("", ["git", "log"], None, {}))
    homes.check_event("subprocess.Popen", ("", ["po-mcp"], None, {"HOME": str(tmp_path)}))
    homes.check_event("subprocess.Popen", ("", ["po-mcp"], None, None))


def test_the_guard_is_set_in_this_process() -> None:
    with pytest.raises(AssertionError, match="of the user who runs the tests"):
        subprocess.run([sys.executable, "-m", "po_mcp", "--version"], env={}, check=False)


def test_folders_are_put_back(tmp_path: Path) -> None:
    before = {name: os.environ.get(name) for name in homes.FOLDERS}
    with homes.nobodys_folders(tmp_path):
        assert os.environ["HOME"] == str(tmp_path / "HOME")
        del os.environ["HOME"]  # what is gone by then is put back, too
    assert {name: os.environ.get(name) for name in homes.FOLDERS} == before


def test_every_program_beside_the_tests_keeps_its_files_in_nobodys_home() -> None:
    root = Path(__file__).parent.parent
    programs = [
        path.relative_to(root).as_posix()
        for folder in ("tests", "benchmarks")
        for path in (root / folder).rglob("*.py")
        if path.name == "__main__.py" or '\nif __name__ == "__main__"' in path.read_text(encoding="utf-8")
    ]
    assert "tests/chaos/__main__.py" in programs
    exposed = {name for name in programs if "    with nobodys_home()" not in (root / name).read_text(encoding="utf-8")}
    assert exposed == set(KEEP_NOTHING)


KEEP_NOTHING = {
    "benchmarks/erp.py": "an ERP in memory",
    "tests/clients/setup.py": "installs clients, which stay",
    "tests/desk/catalog_property.py": "matches words in memory",
    "tests/docs/call_tools.py": "is started by a test, with a home",
    "tests/tryton/__main__.py": "installs Tryton beside the tests",
}
"""Programs that keep nothing for a user, or start none of ours, and why."""
