"""What is made of this source: packaging/make.py as a module, since its folder is no package, and the wheel."""

from __future__ import annotations

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent


def load() -> Any:
    """Return the module of packaging/make.py."""
    spec = spec_from_file_location("make_packages", ROOT / "packaging" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this source into an empty folder; return its file."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    [wheel] = folder.iterdir()
    return wheel
