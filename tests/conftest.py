"""Fixtures that every test may use."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.office import Office


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "book.db")
