"""The runs without a fault, which the tests of the sweep share."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import pytest

from .runner import rehearse_all
from .scenarios import Baseline, Flow


@pytest.fixture(scope="session")
def baselines() -> Mapping[Flow, Baseline]:
    """The numbers of requests of each flow, from a run without a fault."""
    return anyio.run(rehearse_all)
