"""A slice of the fuzzing: `python -m tests.fuzz` makes 20,000 calls."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import pytest

from po_mcp.tools import _lenient
from tests.fuzz.generating import Generator
from tests.fuzz.running import Failure, run
from tests.tools.snapshots import FOLDER


async def fuzz(folder: Path, calls: int, seed: int) -> Counter[str]:
    return [counted async for counted in run(folder, calls, seed)][-1]


@pytest.mark.parametrize("seed", [11, *(pytest.param(seed, marks=pytest.mark.process) for seed in (12, 13))])
async def test_generated_arguments_crash_nothing_and_write_nothing(tmp_path: Path, seed: int) -> None:
    counted = await fuzz(tmp_path, 100, seed)

    # The arguments are good enough to reach every part, and bad enough to be refused.
    assert {answer.partition(": ")[2] for answer in counted} >= {"read", "refused", "approval_required"}
    assert counted.total() == 100


async def test_a_crash_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*given: Any) -> Any:
        raise KeyError("lines")

    monkeypatch.setattr(_lenient, "_read_boolean", crash)
    with pytest.RaisesGroup(Failure, flatten_subgroups=True, allow_unwrapped=True):
        await fuzz(tmp_path, 100, 11)


def test_the_same_seed_makes_the_same_arguments() -> None:
    schema = json.loads((FOLDER / "list_purchase_orders.json").read_text(encoding="utf-8"))["inputSchema"]
    one, two = ([Generator(random).arguments(schema) for _ in range(50)] for random in (Random(5), Random(5)))

    assert json.dumps(one) == json.dumps(two)
    assert len({json.dumps(each) for each in one}) > 25
