"""A newcomer comes from nothing to the first answer in each host, and no secret is found where it does not belong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.first_answer import HOSTS, InstalledHost, build_wheel, come_to_first_answer, describe

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.mark.parametrize("kind", HOSTS, ids=lambda kind: kind.name)
def test_a_newcomer_gets_an_answer(kind: type[InstalledHost], wheel: Path, tmp_path: Path) -> None:
    came = come_to_first_answer(kind, wheel, tmp_path)
    print(describe(kind, came))  # noqa: T201

    assert "PO-2025-0037" in came.answer
    assert came.leaks == []
    assert sum(came.seconds.values()) < 300
    assert "po-mcp" in came.after
    assert "po-mcp" not in came.before + came.uninstalled
