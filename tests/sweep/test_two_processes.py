"""Two servers on one journal: identical calls at once, and a client that replays, races, edits and crashes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import seed

from tests.stdio.test_process import MODERN_META

from .__main__ import SEED
from .crashes import Peer, arguments_of, server_process, yes_to
from .erp import erp_at_port
from .scenarios import CALLS, CREATES, FLOWS, Flow
from .two_servers import TwoServers, make_settings

pytestmark = pytest.mark.system

CALLS_PER_PROCESS = 5
PATIENT_TIMEOUT_S = 20.0


@pytest.mark.parametrize("flow", FLOWS, ids=" ".join)
async def test_ten_identical_calls_over_two_processes_are_one_write_and_one_answer(flow: Flow, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    async with erp_at_port(tmp_path / "book.db") as erp:
        url = f"http://127.0.0.1:{erp.port}"
        start = partial(server_process, flow, url, journal, seconds=PATIENT_TIMEOUT_S)
        async with start() as one, start() as two:
            answers: list[Mapping[str, Any]] = []
            ready = [await _prepare(flow, peer) for peer in (one, two)]
            async with anyio.create_task_group() as calls:
                for peer, params in zip((one, two), ready, strict=True):
                    calls.start_soon(_call_at_once, peer, params, answers)

    assert not [answer for answer in answers if "structuredContent" not in answer["result"]]
    outcomes = [answer["result"]["structuredContent"] for answer in answers]
    assert [status for _, status in erp.gate.answers if status < 300] == [erp.gate.answers[0][1]]
    assert len(erp.gate.answers) == 1
    assert {outcome["status"] for outcome in outcomes} == {"done"}
    assert len({outcome["operation_id"] for outcome in outcomes}) == 1
    assert [outcome["replayed"] for outcome in outcomes].count(False) == 1


async def _prepare(flow: Flow, peer: Peer) -> Mapping[str, Any]:
    """Return the call's parameters, with the person's yes where one is asked for."""
    call = CALLS[flow]
    params = {"name": call.tool, "arguments": arguments_of(flow), "_meta": MODERN_META}
    if flow in CREATES:
        return params
    asked = await peer.request("tools/call", params)
    assert asked is not None
    form = asked["result"]["inputRequests"]["approval"]["params"]
    answers = {"approval": yes_to(flow, form)}
    return {**params, "inputResponses": answers, "requestState": asked["result"]["requestState"]}


async def _call_at_once(peer: Peer, params: Mapping[str, Any], answers: list[Mapping[str, Any]]) -> None:
    for number in range(CALLS_PER_PROCESS):
        await peer.send({"id": 100 + number, "method": "tools/call", "params": params})
    for _ in range(CALLS_PER_PROCESS):
        answer = await peer.receive()
        assert answer is not None
        answers.append(answer)


TwoServers.TestCase.settings = make_settings(examples=6, steps=12)


@seed(SEED)
class TestTwoServers(TwoServers.TestCase):  # type: ignore[misc,valid-type]
    """Two servers and an adversarial client."""
