"""The folder in which the official tools are installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.packaging.tools import choose_folder


@pytest.fixture(scope="session")
def tool_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return choose_folder(tmp_path_factory.mktemp("tools"))
