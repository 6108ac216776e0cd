"""What the sweep's tests share."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import pytest

from .runner import rehearse
from .scenarios import FLOWS, Calm, Flow


@pytest.fixture(scope="session")
def calm() -> Mapping[Flow, Calm]:
    """Every flow without a fault."""

    async def learnt() -> Mapping[Flow, Calm]:
        return {flow: await rehearse(flow) for flow in FLOWS}

    return anyio.run(learnt)
