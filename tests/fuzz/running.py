"""Calls with generated arguments: each is answered in time, none crashes the server, and none writes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import anyio
from mcp import MCPError
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitResult

from tests.fuzz.generating import ANYTHING, Generator
from tests.harness import ERAS, ScriptedPerson, ServerHarness, accept, text

TIMEOUT_S = 60.0
"""The longest that a call may take on a computer that has much else to do."""
_PER_SERVER = 250
"""Calls to one server; the next has a new book and journal."""
_CRASHES = ("This is a bug", "Error executing tool", "Traceback")


class Failure(AssertionError):
    """What a call did that it must not; says how to repeat it."""


async def run(folder: Path, calls: int, seed: int) -> AsyncIterator[Counter[str]]:
    """Make calls; yield how often a tool answered in which way, after each server.

    Raises:
        Failure: a call crashed, hung, or was followed by a write.
    """
    counted: Counter[str] = Counter()
    for begin in range(0, calls, _PER_SERVER):
        place = folder / f"{seed}-{begin}"
        place.mkdir()
        await _run_on_one_server(place, Random(f"{seed}-{begin}"), min(_PER_SERVER, calls - begin), counted)
        yield counted


async def _run_on_one_server(folder: Path, random: Random, calls: int, counted: Counter[str]) -> None:
    harness = ServerHarness(folder / "book.db")
    person = ScriptedPerson(lambda asked: _answer(asked, random)) if random.random() < 0.5 else None
    async with harness.client(random.choice(ERAS), person, create_approval_over="0") as client:
        tools = (await client.list_tools()).tools
        for _ in range(calls):
            tool = random.choice(tools)
            arguments = Generator(random).arguments(tool.input_schema)
            outcome = await _call(client, tool.name, arguments)
            if harness.wire.writes:
                raise Failure(f"{harness.wire.writes} after {tool.name} {json.dumps(arguments)[:2000]}")
            counted[f"{tool.name}: {outcome}"] += 1


async def _call(client: Any, tool: str, arguments: dict[str, Any]) -> str:
    """Call a tool; return its outcome in a word."""
    asked = f"{tool} {json.dumps(arguments)[:2000]}"
    try:
        with anyio.fail_after(TIMEOUT_S):
            result: CallToolResult = await client.call_tool(tool, arguments)
    except TimeoutError as exc:
        raise Failure(f"no answer within {TIMEOUT_S:.0f} s: {asked}") from exc
    except MCPError as exc:
        raise Failure(f"{exc}: {asked}") from exc
    said = text(result)
    if not said or any(sign in said for sign in _CRASHES):
        raise Failure(f"{said[:300]!r}: {asked}")
    if result.is_error:
        return "refused"
    content = result.structured_content
    return str(content["status"]) if content is not None and "message" in content else "read"


def _answer(asked: ElicitRequestFormParams, random: Random) -> ElicitResult:
    """Answer a form: choose what is meant, approve nothing."""
    fields = asked.requested_schema["properties"]
    if random.random() < 0.3:
        return ElicitResult(action=random.choice(["decline", "cancel"]))
    if not {"decision", "order_number"} & fields.keys():
        return accept(**{name: _choose(field, random) for name, field in fields.items()})
    junk = [value for value in ANYTHING if isinstance(value, str | int | float | bool)]
    return accept(**{random.choice([*fields, "x"]): random.choice(junk)})


def _choose(field: dict[str, Any], random: Random) -> str:
    values = field.get("enum") or [option["const"] for option in field["oneOf"]]
    chosen: str = random.choice(values)
    return chosen
