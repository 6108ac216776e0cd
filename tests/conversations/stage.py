"""The stage: plays a conversation against a real server over a fresh book, and compares it with its script."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from mcp import Client
from mcp.types import CallToolResult, ElicitRequestFormParams, ElicitResult

from po_mcp.approvals.pending import PendingApprovals
from po_mcp.connectors.sandbox import Sandbox
from po_mcp.sandbox import Book
from po_mcp.writes.executor import build_executor
from po_mcp.writes.forms import approval_content
from po_mcp.writes.journal import Journal, JournalStore
from po_mcp.writes.policy import SettlementPolicy
from tests.conversations.record import Called, Calling, Put, Record, Said, Wire
from tests.conversations.script import NOT_THERE, Asked, Script, Stands, Turn
from tests.conversations.world_events import RESTART, TERMINAL, World, apply_event
from tests.harness import ScriptedPerson, ServerHarness, accept, text

_name = re.compile(r"\{([a-z]+)\}")
_figure = re.compile(r"[\w.-]*\d[\w.-]*")


class OffScript(Exception):
    """A conversation went otherwise than its script says: at which turn, what was expected, and what came."""

    def __init__(self, turn: str, expected: object, came: object) -> None:
        super().__init__(f"{turn}\n  expected: {_indent(expected)}\n  came:     {_indent(came)}")


def _indent(value: object) -> str:
    return str(value).replace("\n", "\n            ")


@dataclass
class Stage:
    """One conversation while it is played."""

    script: Script
    world: World
    record: Record
    kept: dict[str, Any] = field(default_factory=dict)
    to_ask: list[Asked] = field(default_factory=list)
    at: str = ""
    went_off: OffScript | None = None

    async def play(self, era: str) -> None:
        """Play it from the first turn to the last, with restarts of the server where the script has them."""
        for sentence in self.script.setting.before:
            apply_event(self.world, sentence)
        for turns in self._lives():
            async with self._client(era) as client:
                off = await self._lived(client, turns)
            if off is not None:  # raised here: within, it would come as a group of groups
                raise off
        self._ends()

    async def _lived(self, client: Client, turns: Sequence[tuple[int, Turn]]) -> OffScript | None:
        self.record.published += await _read_tools(client)
        try:
            for place, turn in turns:
                self.at = f"turn {place}, {_heading(turn)}"
                await self._turn(client, turn)
        except OffScript as off:
            return off
        return None

    def _lives(self) -> Iterator[list[tuple[int, Turn]]]:
        """Part the turns by the starts of the server."""
        life: list[tuple[int, Turn]] = []
        for place, turn in enumerate(self.script.turn, 1):
            if turn.meanwhile == RESTART:
                yield life
                life = []
            else:
                life.append((place, turn))
        yield life

    def _client(self, era: str) -> Any:
        setting = self.script.setting
        return self.world.harness.client(
            era,
            ScriptedPerson(self._asked) if setting.form else None,
            clock=lambda: self.world.now,
            erp_bounds=None if setting.knows_delays else (None, None),
            time_zone="UTC",
            **setting.settings,
        )

    async def _turn(self, client: Client, turn: Turn) -> None:
        if turn.buyer is not None:
            self.record.events.append(Said("buyer", turn.buyer))
        elif turn.assistant is not None:
            answer = self._filled(turn.assistant)
            self._is_grounded(answer)
            self.record.events.append(Said("assistant", answer))
        elif turn.meanwhile is not None:
            await self._meanwhile(turn.meanwhile)
        else:
            await self._calls(client, turn)

    async def _meanwhile(self, sentence: str) -> None:
        if sentence == TERMINAL:
            self.record.events.append(Said("meanwhile", sentence))
            await self._approve_in_a_terminal()
        else:
            self._happens(sentence)

    def _happens(self, sentence: str) -> None:
        self.record.events.append(Said("meanwhile", sentence))
        apply_event(self.world, sentence)

    async def _approve_in_a_terminal(self) -> None:
        """Do what `po-mcp approve` does in a process of its own: what is approved there is carried out there."""
        harness = self.world.harness
        erp = Sandbox(harness.book, around=harness.wire.around)
        journal = Journal(JournalStore(str(harness.journal), clock=lambda: self.world.now))
        policy = SettlementPolicy(late_apply=0, read_lag=0)
        pending = PendingApprovals(journal, build_executor(erp, journal, policy))
        try:
            [waiting] = await pending.open()
            question = waiting.operation.question
            assert question is not None
            content = approval_content(question, typed=waiting.operation.number)
            self.record.events.append(Put(question.text, question.schema(), "accept", content))
            decided = await pending.decide(waiting, "approve", content, "", {"through": "terminal"})
            assert decided.verdict == "taken"
            await pending.carry_out(waiting.operation.id)
        finally:
            await erp.aclose()
            journal.close()

    # A call

    async def _calls(self, client: Client, turn: Turn) -> None:
        assert turn.call is not None
        self.to_ask = list(turn.asked)
        called = await self._call(client, turn.call, self._filled(turn.arguments))
        if self.went_off is not None:
            raise self.went_off
        if self.to_ask:
            raise OffScript(self.at, f"a question that says {self.to_ask[0].says}", "no such question")
        self._is(turn.status, called.status, called.text)
        for words in turn.says:
            self._holds(self._filled(words), called.text)
        for words in turn.never:
            self._lacks(self._filled(words), called.text)
        for path, value in turn.gives.items():
            self._is(self._filled(value), pluck(called.structured, path), called.text, of=path)
        self.kept |= {name: pluck(called.structured, path) for name, path in turn.keep.items()}
        if turn.pages is not None:
            await self._turns_pages(client, turn, called)

    async def _call(self, client: Client, tool: str, arguments: dict[str, Any]) -> Called:
        self.record.events.append(Calling(tool, arguments))
        result: CallToolResult = await client.call_tool(tool, arguments)
        called = Called(tool, text(result), result.structured_content or {}, bool(result.is_error))
        self.record.events.append(called)
        return called

    async def _turns_pages(self, client: Client, turn: Turn, first: Called) -> None:
        """Fetch every page to the last: together they hold every order once, and what the sums say."""
        assert turn.call is not None
        pages = [first]
        while (cursor := pages[-1].structured.get("next_cursor")) is not None:
            arguments = {**self._filled(turn.arguments), "cursor": cursor}
            pages.append(await self._call(client, turn.call, arguments))
        orders = [order for page in pages for order in page.structured["orders"]]
        worth = sum((Decimal(order["total"]) for order in orders), Decimal(0))
        self._is(turn.pages, len(pages), of="the number of pages")
        self._is(first.structured["total_count"], len({order["number"] for order in orders}), of="orders on all pages")
        self._is(len(orders), len({order["number"] for order in orders}), of="orders that are on one page only")
        self._is(first.structured["total_value"], str(worth), of="the sum over all pages")

    # The person

    def _asked(self, params: ElicitRequestFormParams) -> ElicitResult:
        """Answer as the script has it; what it does not foresee gets a no, and the play is over after the call."""
        try:
            return self._answer(params)
        except OffScript as off:
            self.went_off = self.went_off or off
            return ElicitResult(action="decline")

    def _answer(self, params: ElicitRequestFormParams) -> ElicitResult:
        if not self.to_ask:
            raise OffScript(self.at, "no question", params.message)
        asked = self.to_ask.pop(0)
        for sentence in asked.meanwhile:
            self._happens(sentence)
        reply = self._reply(asked, params)
        self.record.events.append(Put.of(params, reply))
        for words in asked.says:
            self._holds(self._filled(words), params.message)
        for words in asked.never:
            self._lacks(self._filled(words), params.message)
        return reply

    def _reply(self, asked: Asked, params: ElicitRequestFormParams) -> ElicitResult:
        if asked.answers == "no":
            return ElicitResult(action="decline")
        if asked.picks is None:
            return accept(**self._filled(asked.answers))
        form = params.requested_schema["properties"]
        self._is(sorted(asked.picks), sorted(form), of="the fields of the form")
        return accept(**{name: self._picked(form[name], part) for name, part in asked.picks.items()})

    def _picked(self, field: Mapping[str, Any], part: str) -> str:
        titles = {choice["title"]: choice["const"] for choice in field["oneOf"]}
        fitting = [value for title, value in titles.items() if part in title]
        if len(fitting) != 1:
            raise OffScript(self.at, f"one choice with {part}", list(titles))
        return str(fitting[0])

    # The end

    def _ends(self) -> None:
        self.at = "at the end"
        self._is(list(self.script.end.writes), self.record.writes, of="what was written")
        for number, stands in self.script.end.book.items():
            order = self.world.harness.order(number)
            if isinstance(stands, str) or order is None:
                self._is(stands, "gone" if order is None else f"{order.status}", of=f"order {number} in the book")
            else:
                self._stands(number, stands, order)

    def _stands(self, number: str, stands: Stands, order: Any) -> None:
        shown = Stands(
            status=str(order.status),
            vendor=order.vendor.name,
            vendor_id=order.vendor.id,
            total=str(order.total),
            items=tuple(line.item.short_id for line in order.lines),
        )
        for name, value in stands.model_dump(exclude_none=True).items():
            self._is(value, getattr(shown, name), of=f"{name} of {number} in the book")

    # Comparing

    def _is(self, expected: object, came: object, response: str = "", of: str = "the outcome") -> None:
        if expected != came:
            raise OffScript(f"{self.at}: {of}", expected, f"{came}\n{response}".strip())

    def _holds(self, words: str, response: str) -> None:
        if words not in response:
            raise OffScript(self.at, words, response)

    def _lacks(self, words: str, response: str) -> None:
        if words in response:
            raise OffScript(self.at, f"nothing like: {words}", response)

    def _is_grounded(self, answer: str) -> None:
        """Every figure of the assistant's answer stands in the buyer's words or in a tool's result."""
        heard = "\n".join(
            [*(said.words for said in self.record.of(Said)), *(response for _, response in self.record.texts())]
        )
        for figure in _figure.findall(answer):
            if not re.search(rf"(?<![\w.]){re.escape(figure.strip('.-'))}(?![\w])", heard):
                raise OffScript(self.at, f"{figure} in what was heard before", "nobody said so")

    def _kept(self, name: str) -> Any:
        if name not in self.kept:
            raise OffScript(self.at, f"a value kept as {name}", f"kept: {sorted(self.kept)}")
        return self.kept[name]

    def _filled(self, value: Any) -> Any:
        """Put kept values where a script names them, as they are where nothing stands beside the name."""
        if isinstance(value, str):
            whole = _name.fullmatch(value)
            return self._kept(whole[1]) if whole else _name.sub(lambda found: str(self._kept(found[1])), value)
        if isinstance(value, Mapping):
            return {name: self._filled(inner) for name, inner in value.items()}
        if isinstance(value, Sequence):
            return [self._filled(inner) for inner in value]
        return value


def pluck(value: Any, path: str) -> Any:
    """Return what stands at a path such as `orders.0.number`; `*` is all of a list, `count` how many it has."""
    head, _, rest = path.partition(".")
    if not head:
        return value
    if head == "*":
        return [pluck(inner, rest) for inner in value]
    if head == "count" and isinstance(value, list):
        return len(value)
    if isinstance(value, list):
        return pluck(value[int(head)], rest) if int(head) < len(value) else NOT_THERE
    return pluck(value[head], rest) if isinstance(value, Mapping) and head in value else NOT_THERE


def _heading(turn: Turn) -> str:
    who = "buyer" if turn.buyer else "assistant" if turn.assistant else turn.call or "meanwhile"
    return f"{who}: {turn.buyer or turn.assistant or turn.meanwhile or dict(turn.arguments)}"


async def _read_tools(client: Client) -> str:
    tools = (await client.list_tools()).model_dump(mode="json", by_alias=True, exclude_none=True)
    return json.dumps([tools["tools"], client.instructions], ensure_ascii=False)


async def play(script: Script, era: str, folder: Path) -> tuple[Record, OffScript | None]:
    """Play a conversation over a book in `folder`; return what was heard, and where it went off its script."""
    record = Record()
    wire = Wire(record=record)
    harness = ServerHarness(folder / "book.db", wire)
    Book.open(harness.book, orders=script.setting.orders).close()
    noon = datetime.fromisoformat(script.setting.today).replace(hour=12, tzinfo=UTC).timestamp()
    return await play_on(Stage(script, World(harness, wire, noon), record), era)


async def play_on(stage: Stage, era: str) -> tuple[Record, OffScript | None]:
    """Play a conversation on a stage that is set."""
    try:
        await stage.play(era)
    except OffScript as off:
        return stage.record, off
    return stage.record, None
