"""A copy of the package that a test changes as a recipe says, with a count of the files that it took."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
DOCS = ROOT / "docs"


@dataclass(frozen=True)
class PackageCopy:
    """po_mcp in a folder of its own."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> PackageCopy:
        shutil.copytree(ROOT / "po_mcp", folder / "po_mcp", ignore=shutil.ignore_patterns("__pycache__"))
        return cls(folder)

    def derive(self, path: str, new_path: str, changes: dict[str, str]) -> None:
        """Write a new file that is another one with words replaced; each must stand in it."""
        text = (self.folder / path).read_text(encoding="utf-8")
        for old, new in changes.items():
            assert old in text, f"{old} is not in {path}"
            text = text.replace(old, new)
        new_file = self.folder / new_path
        assert not new_file.exists()
        new_file.parent.mkdir(exist_ok=True)
        new_file.write_text(text, encoding="utf-8")

    def edit(self, path: str, changes: dict[str, str]) -> None:
        """Replace text that stands once in a file."""
        file = self.folder / path
        text = file.read_text(encoding="utf-8")
        for old, new in changes.items():
            assert text.count(old) == 1, f"{old} stands {text.count(old)} times in {path}"
            text = text.replace(old, new)
        file.write_text(text, encoding="utf-8")

    def touched(self) -> set[str]:
        """The files that are new or not as in the repository."""
        return {
            path.relative_to(self.folder).as_posix()
            for path in (self.folder / "po_mcp").rglob("*.*")
            if path.is_file()
            and "__pycache__" not in path.parts
            and _differs(path, ROOT / path.relative_to(self.folder))
        }

    def run(self, *arguments: str, **settings: str) -> str:
        """Run `python ...` over the copy with these settings and no others, and return what it printed."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PO_MCP_")}
        environment = {**kept, **settings, "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)])}
        command = [sys.executable, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, cwd=self.folder, env=environment, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def call(self, *calls: tuple[str, dict[str, Any]], **settings: str) -> Any:
        """Call tools of the copy through a client, every question answered with a yes."""
        return json.loads(self.run("-m", "tests.docs.call_tools", json.dumps(calls), **settings))


def _differs(path: Path, original: Path) -> bool:
    return not original.exists() or path.read_bytes() != original.read_bytes()


def files_of_recipe(name: str) -> set[str]:
    """The files of po_mcp that the table of a recipe in docs/ names, `{name}` standing for what is added."""
    rows = [line for line in (DOCS / name).read_text(encoding="utf-8").splitlines() if line.startswith("| `po_mcp/")]
    return {match.group(1) for row in rows if (match := re.match(r"\| `(po_mcp/[^`]+)`", row))}
