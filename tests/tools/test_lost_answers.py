"""The answer to a question of an earlier start, or of another call: nothing is sent, and the model is told so."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import httpx2
import pytest
from mcp.shared.exceptions import MCPError
from mcp.types import INVALID_PARAMS, ElicitResult

from po_mcp.errors import JournalUnavailable
from po_mcp.server import lost_answers, mcp_server
from po_mcp.writes.journal import Journal, JournalStore
from tests.harness import ScriptedPerson, ServerHarness, WriteFault
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


async def answer_twice(harness: ServerHarness, tool: str) -> str:
    """Answer at one start of the server, and once more at the next, as a client does to which no answer came."""
    arguments: dict[str, Any] = {"number": NUMBER[tool]}
    async with harness.client(person=DECLINES) as client:
        question = await ask(client, tool, arguments)
        answer: Any = {"input_responses": {"approval": YES[tool]}, "request_state": question.request_state}
        await client.session.call_tool(tool, arguments, **answer)
    assert len(harness.wire.writes) == 1
    async with harness.client(person=DECLINES) as client:
        with pytest.raises(MCPError) as failed:
            await client.session.call_tool(tool, arguments, **answer)
    assert len(harness.wire.writes) == 1
    return failed.value.error.message


async def lose_answer(inner: httpx2.AsyncBaseTransport, request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ReadError("the connection ended", request=request)


@pytest.mark.parametrize("tool", [DELETE, FINALIZE])
@pytest.mark.parametrize("on_write", [None, lose_answer])
async def test_of_an_answer_with_which_the_change_was_sent_it_is_not_said_that_nothing_was(
    harness: ServerHarness, tool: str, on_write: WriteFault | None
) -> None:
    harness.wire.on_write = on_write

    said = await answer_twice(harness, tool)

    assert said == (
        "The answer to this question was not taken by this call: po-mcp was restarted since it was asked, or too much "
        "time went by, or it was asked for another call. "
        f"Operation {open_operation(harness)} for order {NUMBER[tool]} was sent by a call before it. "
        "Do not repeat it before get_operation has shown what became of it."
    )


async def test_without_the_look_at_what_was_sent_it_is_called_not_sent(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lost_answers, "_was_sent", lambda recorded: False)

    assert "nothing was sent with it" in await answer_twice(harness, DELETE)


async def test_where_the_journal_does_not_tell_it_is_not_said_that_nothing_was_sent(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(journal: Journal, *given: Any, **more: Any) -> Any:
        raise JournalUnavailable("The journal cannot be read.")

    monkeypatch.setattr(Journal, "latest", fail)

    said = await answer_twice(harness, DELETE)

    assert said.endswith(
        "A call before it may have carried the change out. "
        "Do not repeat it before get_operation has shown what became of it."
    )


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
