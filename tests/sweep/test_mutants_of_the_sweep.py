"""The sweep would find a program without one of its controls."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from .mutants import MUTANTS, kill
from .scenarios import Calm, Flow

pytestmark = pytest.mark.system


@pytest.mark.parametrize("name", MUTANTS)
async def test_the_sweep_finds_a_program_without_this_control(name: str, calm: Mapping[Flow, Calm]) -> None:
    assert await kill(name, calm), f"{name} survived"
