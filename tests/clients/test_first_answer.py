"""A newcomer gets a first answer in each host, and no secret is found where it does not belong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.clients.first_answer import HOSTS, Installed, InstalledHost, come_to_first_answer, describe, install

pytestmark = pytest.mark.clients


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return install(tmp_path_factory.mktemp("installed"))


@pytest.mark.parametrize("kind", HOSTS, ids=lambda kind: kind.name)
def test_a_newcomer_gets_an_answer_and_no_secret_leaks(
    kind: type[InstalledHost], installed: Installed, tmp_path: Path
) -> None:
    came = come_to_first_answer(kind, installed, tmp_path)
    print(describe(kind, came))  # noqa: T201

    assert "PO-2025-0037" in came.answer
    assert came.leaks == []
    assert "po-mcp" in came.after
    assert "po-mcp" not in came.before + came.uninstalled
