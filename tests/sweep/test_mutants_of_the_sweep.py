"""The sweep would find a program without one of its controls."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from .mutants import MUTANTS, kill
from .scenarios import Baseline, Flow

pytestmark = pytest.mark.system


@pytest.mark.parametrize("name", MUTANTS)
async def test_the_sweep_finds_each_mutant(name: str, baselines: Mapping[Flow, Baseline]) -> None:
    assert await kill(name, baselines), f"{name} survived"
