"""Buyers whose assistants ask for writes, and an approver at the page: each leg of a write at another replica."""

from __future__ import annotations

import json
import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import SEE_OTHER
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx2

from tests.chaos.team import Team, enter_order
from tests.commands.test_serve import modern
from tests.sign_in.approving import Visitor

CANCEL, CREATE, DELETE = "cancel_purchase_order", "create_purchase_order", "delete_purchase_order"
ALREADY = "already so"
"""What is reported where a call is refused since its effect is there, and the journal that recorded it is lost."""
ENDED = frozenset({"done", "declined", "refused", "stale", "expired", ALREADY})
"""Reported outcomes after which nobody asks again."""
_LINE = {"item": "NUT-M8", "unit_price": "0.22"}
_PATIENCE_S = 240
"""Seconds for one write, from the first call to the last answer, whatever is killed meanwhile."""


@dataclass
class Write:
    """One write: what was asked for, what a person decided, and what was reported of it."""

    tool: str
    number: str
    is_approved: bool = False
    reported: str = "nothing"
    message: str = ""
    operation_id: str = ""
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def arguments(self) -> dict[str, Any]:
        if self.tool != CREATE:
            return {"number": self.number}
        # Content that few orders before it have: the server looks up each that is alike, and names it in the question.
        line = {**_LINE, "quantity": str(1 + int(self.number.removeprefix("C-")) % 499)}
        return {"number": self.number, "vendor": "Acme Fasteners", "lines": [line]}


@dataclass
class Buyers:
    """All buyers of a run, their writes, and the answers that made them ask again."""

    team: Team
    writes: list[Write] = field(default_factory=list)
    retries: Counter[str] = field(default_factory=Counter)
    crossed: int = 0
    """How many writes had their legs at more than one replica."""

    def make_clients(self, buyer: int) -> tuple[httpx2.AsyncClient, httpx2.AsyncClient]:
        """Return the client of a buyer's assistant, and the browser of the approver.

        Each buyer is another person, since the server limits how many changes one may ask for in a minute and an hour.
        """
        fleet = self.team.fleet
        trusted = ssl.create_default_context(cafile=str(fleet.certificate))
        browser = httpx2.AsyncClient(base_url=fleet.origin, timeout=60, trust_env=False, verify=trusted)
        token = fleet.token(f"buyer-{buyer}", "po:read po:write", lifetime_s=24 * 3600)
        return fleet.http(token), browser

    async def work(self, http: httpx2.AsyncClient, browser: httpx2.AsyncClient, write: Write, place: int) -> None:
        """Ask for a write at one replica, approve it at the next, and get its outcome at the one after that."""
        self.writes.append(write)
        if write.tool != CREATE:
            enter_order(self.team.erp.book, write.number)
        names = sorted(self.team.fleet.ports)
        legs = [names[(place + leg) % len(names)] for leg in range(3)]
        approver, began = Visitor(self.team.fleet, "bob", browser), anyio.current_time()
        with anyio.move_on_after(_PATIENCE_S):
            asked = await self._call(http, write, legs[0])
            write.operation_id = asked.get("operation_id", "")
            write.seconds["ask"] = anyio.current_time() - began
            while write.reported not in ENDED:
                began = anyio.current_time()
                if write.reported == "approval_required":  # once more, where the journal that knew of a yes was lost
                    browser.headers["x-replica"] = legs[1]
                    write.is_approved |= await self._approve(approver, str(asked.get("approve_at")), write)
                    write.seconds["approve"] = anyio.current_time() - began
                    began = anyio.current_time()
                else:
                    await anyio.sleep(0.5)
                asked = await self._call(http, write, legs[2])
                write.seconds["hear"] = anyio.current_time() - began
            self.crossed += len(set(legs)) > 1

    async def _approve(self, approver: Visitor, link: str, write: Write) -> bool:
        """Open a link and press the button that approves; False where the page could not be had now."""
        try:
            return (await approver.send(urlsplit(link).path, order_number=write.number)).status_code == SEE_OTHER
        except httpx2.HTTPError as exc:
            self.retries[f"page: {type(exc).__name__}"] += 1
            return False

    async def _call(self, http: httpx2.AsyncClient, write: Write, replica: str) -> Mapping[str, Any]:
        """Repeat one call, as an assistant would, until an outcome comes back."""
        asked = modern(write.tool, write.arguments)
        asked["headers"] |= {"x-replica": replica}
        while True:
            try:
                answer = await http.post("/mcp", **asked)
                found = _read(answer)
            except (httpx2.HTTPError, ValueError) as exc:
                self.retries[f"call: {type(exc).__name__}"] += 1
                await anyio.sleep(0.2)
                continue
            result = found.get("result", {})
            if answer.status_code == 200 and not result.get("isError") and "structuredContent" in result:
                outcome: Mapping[str, Any] = result["structuredContent"]
                write.reported, write.message = outcome["status"], outcome.get("message", "")
                if write.reported == "refused" and self._is_already_so(write):
                    write.reported = ALREADY
                return outcome
            self.retries[_name_of_error(answer.status_code, found)] += 1
            if result.get("isError") and self._is_already_so(write):
                write.reported, write.message = ALREADY, str(result["content"][0]["text"])
                return {}
            await anyio.sleep(0.2)

    def _is_already_so(self, write: Write) -> bool:
        """Tell whether a write that is refused has its effect, and the journal that recorded it was lost."""
        return self.team.has_lost and self.team.erp.shows(write.tool == CREATE, write.number)


def _read(answer: httpx2.Response) -> Any:
    """Return an answer's JSON; one that took long came as the last event of a stream.

    Raises:
        ValueError: it is not there, or not whole.
    """
    events = [line.removeprefix("data:") for line in answer.text.splitlines() if line.startswith("data:")]
    return json.loads(events[-1] if events else answer.text)


def _name_of_error(status: int, found: Mapping[str, Any]) -> str:
    """Return what an answer without an outcome was: a status, or the first words of an error."""
    if status != 200:
        return f"call: {status}"
    content = found.get("result", {}).get("content") or [{"text": str(found.get("error"))}]
    return f"call: {content[0]['text'][:60]}"
