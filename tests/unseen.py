"""Every character that a person does not see: control, format, surrogate and separator, and the default-ignorable."""

from __future__ import annotations

import unicodedata
from functools import cache

import pytest

IGNORABLE = [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x1810), 0x3164, 0xFFA0]
IGNORABLE += [*range(0xFE00, 0xFE10), *range(0xE0000, 0xE0200)]
_CATEGORIES = ("Cc", "Cf", "Cs", "Zl", "Zp")


@cache
def unseen() -> tuple[int, ...]:
    """Return the code points of all of them, looked up once, and only by a test that runs: there are a million."""
    found = {point for point in range(0x110000) if unicodedata.category(chr(point)) in _CATEGORIES}
    return tuple(sorted(found | set(IGNORABLE)))


def ends_of_runs() -> tuple[int, ...]:
    """Return the first and the last of each run of consecutive code points."""
    every = set(unseen())
    return tuple(point for point in sorted(every) if not {point - 1, point + 1} <= every)


each_unseen = pytest.mark.parametrize(
    "points", [ends_of_runs, pytest.param(unseen, marks=pytest.mark.process)], ids=["ends of runs", "all"]
)
"""Of the thousands, those where a range might begin or end one off; all of them take their time."""
