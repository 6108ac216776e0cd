"""The answer to a question of an earlier start, or of another call: nothing is sent, and the model is told so."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, ElicitResult

from po_mcp.server import mcp_server
from po_mcp.writes.journal import JournalStore
from tests.harness import ScriptedPerson, ServerHarness
from tests.tools.test_guard import DELETE, FINALIZE, NUMBER, YES, ask

DECLINES = ScriptedPerson(ElicitResult(action="decline"))


async def answer_after_restart(
    harness: ServerHarness, tool: str, arguments: dict[str, Any], answered: dict[str, Any] | None = None
) -> MCPError:
    """Ask at one start of the server, and answer at the next; return the error."""
    async with harness.client(person=DECLINES) as client:
        question = await ask(client, tool, arguments)
    async with harness.client(person=DECLINES) as client:
        with pytest.raises(MCPError) as failed:
            await client.session.call_tool(
                tool,
                arguments if answered is None else answered,
                input_responses={"approval": YES[tool]},
                request_state=question.request_state,
            )
    assert harness.wire.writes == []
    return failed.value


def open_operation(harness: ServerHarness) -> str:
    with closing(JournalStore(harness.journal)) as store:
        [recorded] = store.all()
    return recorded.operation.id


@pytest.mark.parametrize("tool", [DELETE, FINALIZE])
async def test_an_answer_after_a_restart_is_told_as_one_that_was_not_taken(harness: ServerHarness, tool: str) -> None:
    failed = await answer_after_restart(harness, tool, {"number": NUMBER[tool]})

    assert failed.error.code == INVALID_PARAMS
    assert failed.error.data == {"reason": "invalid_request_state"}
    assert failed.error.message == (
        "The answer to this question was not taken, and nothing was sent with it: po-mcp was restarted since it was "
        "asked, or too much time went by, or it was asked for another call. "
        "Call the tool again with the same arguments, and the person is asked again. "
        f"Operation {open_operation(harness)} for order {NUMBER[tool]} is open: get_operation shows where it stands."
    )


async def test_the_call_that_it_names_asks_again_and_is_carried_out(harness: ServerHarness) -> None:
    arguments = {"number": NUMBER[DELETE]}
    await answer_after_restart(harness, DELETE, arguments)

    async with harness.client(person=ScriptedPerson(YES[DELETE])) as client:
        done = await client.call_tool(DELETE, arguments)

    assert done.structured_content["status"] == "done"
    assert len(harness.wire.writes) == 1


async def test_no_operation_is_named_that_the_call_is_not_about(harness: ServerHarness) -> None:
    failed = await answer_after_restart(harness, DELETE, {"number": NUMBER[DELETE]}, {"number": "PO-2025-0042"})

    assert failed.error.message.endswith("with the same arguments, and the person is asked again.")


async def test_without_our_words_the_sdks_bare_ones_are_all_there_is(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def pass_on(ctx: Any, call_next: Any) -> Any:
        return await call_next(ctx)

    monkeypatch.setattr(mcp_server, "explain_lost_answer", pass_on)

    failed = await answer_after_restart(harness, DELETE, {"number": NUMBER[DELETE]})

    assert failed.error.message == "Invalid or expired requestState"
