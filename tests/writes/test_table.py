"""Every test that README.md names for a fault exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
NAMED = sorted(set(re.findall(r"`(test_\w+\.py)::(test_\w+)`", (FOLDER / "README.md").read_text(encoding="utf-8"))))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_a_test_that_the_table_names_exists(file: str, test: str) -> None:
    assert re.search(rf"^(async )?def {test}\(", (FOLDER / file).read_text(encoding="utf-8"), re.MULTILINE)


def test_every_major_fault_is_in_the_table() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")

    assert all(re.search(rf"\bF-{number}\b", text) for number in range(1, 17))
