"""Each control of the page is taken away in turn, and the harm that it prevents is seen to happen.

The intact page is run beside it: a harm that is not seen there either way would prove nothing.
"""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import httpx2
import jinja2
import pytest

from po_mcp.approvals import page, page_form, page_security, pending, people_shown, presentation, status_banner
from po_mcp.approvals.page_security import PageSecurity, Sessions
from po_mcp.approvals.pending import PendingApprovals
from po_mcp.approvals.pin import PinCheck
from po_mcp.approvals.under_way import UnderWay
from po_mcp.erp import Connection
from po_mcp.errors import TooManyQuestions
from po_mcp.writes.forms import FormAnswer
from po_mcp.writes.journal import (
    MAX_OPEN_QUESTIONS,
    ApproverPin,
    Claim,
    JournalStore,
    PinPlace,
    approver_pin,
    moves,
    proposals,
)
from po_mcp.writes.kinds import delete, finalize
from po_mcp.writes.operation import Operation, Recorded
from tests.approvals.page_harness import Books, Clock, PageHarness, browser, order, serve_page
from tests.approvals.test_page import Shape

PIN = "correct horse"
Patch = pytest.MonkeyPatch
Mutant = Callable[[Patch], None]
Harm = Callable[[Path], Awaitable[bool]]


# Attacks. Each is True where it succeeded.


async def a_name_that_was_rebound_to_this_machine(file: Path) -> bool:
    """A website whose name now means 127.0.0.1 reads the order, and decides as the page itself."""
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        rebound = {"host": "evil.example", "origin": "http://evil.example"}
        read = await person.client.get(person.path, headers={"host": "evil.example"})
        await person.send("approve", rebound, order_number="PO-7")
        return "PO-7" in read.text or served.state(one) != "PROPOSED"


async def a_form_of_another_port_of_this_machine(file: Path) -> bool:
    """Ports share cookies, so a page of another port can plant one that goes with a token it has."""
    return await _is_decided_by(file, {"origin": "http://127.0.0.1:1"})


async def a_form_without_an_origin(file: Path) -> bool:
    return await _is_decided_by(file, {})


async def a_form_that_the_browser_calls_foreign(file: Path) -> bool:
    return await _is_decided_by(file, None, {"sec-fetch-site": "cross-site"})


async def _is_decided_by(file: Path, headers: dict[str, str] | None, more: dict[str, str] | None = None) -> bool:
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        sent = {"origin": person.origin} if headers is None else headers
        await person.send("approve", {**sent, **(more or {})}, order_number="PO-7")
        return served.state(one) != "PROPOSED"


async def a_form_without_a_token(file: Path) -> bool:
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        await person.page()
        await person.send("approve", token="", order_number="PO-7")
        return served.state(one) != "PROPOSED"


async def a_token_that_was_shown_to_another_browser(file: Path) -> bool:
    """A person with the link has a token; it must not count in the browser of the person."""
    async with serve_page(file) as served:
        link = await served.link(one := served.propose(order()))
        async with browser(link) as attacker, browser(link) as person:
            await person.page()
            await person.send("approve", token=await attacker.token(), order_number="PO-7")
        return served.state(one) != "PROPOSED"


async def a_token_that_was_shown_for_another_order(file: Path) -> bool:
    async with serve_page(file) as served:
        small, large = served.propose(order("PO-1")), served.propose(order("PO-7"))
        async with browser(await served.link(small)) as person:
            token = await person.token()
            person.path = f"/approve/{large}"
            await person.send("approve", token=token, order_number="PO-7")
        return served.state(large) != "PROPOSED"


async def the_list_without_a_link(file: Path) -> bool:
    """A program that found the port reads what waits, without a cookie or with one that it made up."""
    async with serve_page(file) as served, browser(await served.link(served.propose(order()))) as person:
        without = await person.client.get("/")
        name = f"po_mcp_{person.origin.rpartition(':')[2]}"
        made_up = await person.client.get("/", headers={"cookie": f"{name}={'0' * 32}.{'0' * 64}"})
        return "PO-7" in without.text + made_up.text


async def a_decision_without_the_pin(file: Path) -> bool:
    return await _is_decided_with(file, "approve", "") or await _is_decided_with(file, "reject", "")


async def a_decision_with_another_pin(file: Path) -> bool:
    return await _is_decided_with(file, "approve", "correct house")


async def _is_decided_with(file: Path, decision: str, typed: str) -> bool:
    async with serve_page(file, PIN) as served, browser(await served.link(one := served.propose(order()))) as person:
        await person.send(decision, order_number="PO-7", pin=typed)
        return served.state(one) != "PROPOSED"


async def the_pin_after_ten_wrong_ones(file: Path) -> bool:
    async with serve_page(file, PIN) as served, browser(await served.link(one := served.propose(order()))) as person:
        await _guess(served, one, person, ["wrong"] * 10 + [PIN])
        return served.state(one) != "PROPOSED"


async def the_pin_after_ten_wrong_ones_and_a_new_start(file: Path) -> bool:
    clock = Clock()
    async with (
        serve_page(file, PIN, clock) as served,
        browser(await served.link(one := served.propose(order()))) as person,
    ):
        await _guess(served, one, person, ["wrong"] * 10)
    async with serve_page(file, PIN, clock) as served, browser(await served.link(one)) as person:
        await _guess(served, one, person, [PIN])
        return served.state(one) != "PROPOSED"


async def the_pin_after_twelve_wrong_ones_on_four_orders(file: Path) -> bool:
    async with serve_page(file, PIN) as served:
        for number in ("PO-1", "PO-2", "PO-3", "PO-4"):
            async with browser(await served.link(one := served.propose(order(number)))) as person:
                await _guess(served, one, person, ["wrong"] * 3, number)
        async with browser(await served.link(last := served.propose(order()))) as person:
            await _guess(served, last, person, [PIN])
            return served.state(last) != "PROPOSED"


async def the_pin_half_an_hour_after_ten_wrong_ones(file: Path) -> bool:
    clock = Clock()
    async with (
        serve_page(file, PIN, clock) as served,
        browser(await served.link(one := served.propose(order()))) as person,
    ):
        await _guess(served, one, person, ["wrong"] * 10)
        clock.now += 1_800
        again = served.propose(order())
    async with serve_page(file, PIN, clock) as served, browser(await served.link(again)) as person:
        await _guess(served, again, person, [PIN])
        return served.state(again) != "PROPOSED"


async def a_terminal_after_ten_wrong_ones_on_the_page(file: Path) -> bool:
    """Harm: who has the link alone keeps the person with the PIN out everywhere."""
    async with serve_page(file, PIN) as served, browser(await served.link(one := served.propose(order()))) as person:
        await _guess(served, one, person, ["wrong"] * 10)
        return await PinCheck(served.pending.journal, "terminal").check(one, PIN) is not None


async def wrong_pins_that_the_next_person_should_know_of(file: Path) -> bool:
    async with serve_page(file, PIN) as served:
        async with browser(await served.link(one := served.propose(order("PO-1")))) as person:
            await _guess(served, one, person, ["wrong"] * 3, "PO-1")
        async with browser(await served.link(served.propose(order("PO-2")))) as person:
            return "Wrong PINs in the last hour: 3 on the page." not in (await person.page()).text


async def _guess(served: PageHarness, one: str, person: Any, pins: list[str], number: str = "PO-7") -> None:
    """Try PINs as a program does, which needs no form: the token is the same for all of them."""
    await person.page()
    [cookie] = person.client.cookies.values()
    for typed in pins:
        await person.send("approve", token=_token(served, cookie, one), order_number=number, pin=typed)


def _token(served: PageHarness, cookie: str, one: str) -> str:
    """What a form for it would bring back, whether or not one is shown any more."""
    app: Any = served.listener._server.config.app  # type: ignore[union-attr]
    [sessions] = {route.endpoint.__self__._sessions for route in app._app.routes}
    return str(sessions.token(cookie, one))


async def thirty_pins_at_once(file: Path) -> bool:
    judged = []
    fits = ApproverPin.fits

    def count_guess(self: ApproverPin, given: str) -> bool:
        judged.append(given)
        return fits(self, given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ApproverPin, "fits", count_guess)
        async with serve_page(file, PIN) as served, browser(await served.link(served.propose(order()))) as person:
            token = await person.token()

            async def guess() -> None:
                await person.send("approve", token=token, order_number="PO-7", pin="wrong")

            async with anyio.create_task_group() as guesses:
                for _ in range(30):
                    guesses.start_soon(guess)
    return len(judged) > 10


async def a_yes_after_a_no(file: Path) -> bool:
    """The person rejects, and the form that is still open in another tab is sent."""
    async with serve_page(file) as served, browser(await served.link(served.propose(order()))) as person:
        token = await person.token()
        await person.send("reject", token=token)
        await person.send("approve", token=token, order_number="PO-7")
        return served.erp.sent != []


async def a_yes_that_is_sent_while_the_no_is_taken(file: Path) -> bool:
    """The head of the form comes before the no, its body after."""
    async with serve_page(file) as served, browser(await served.link(served.propose(order()))) as person:
        token = await person.token()

        async def body() -> AsyncIterator[bytes]:
            yield f"token={token}&decision=approve&".encode()
            await anyio.sleep(0.2)
            await person.send("reject", token=token)
            yield b"order_number=PO-7"

        headers = {"origin": person.origin, "content-type": "application/x-www-form-urlencoded"}
        await person.client.post(person.path, headers=headers, content=body())
        return served.erp.sent != []


async def a_vendor_who_writes_html(file: Path) -> bool:
    """The vendor's name adds an element to the page."""
    async with serve_page(file) as served:
        shapes = []
        for number, vendor in (("PO-1", "Acme Fasteners"), ("PO-2", "Acme<form action=//evil.example><button>Approve")):
            async with browser(await served.link(served.propose(order(number, vendor)))) as person:
                shapes.append(Shape((await person.page()).text).elements)
    return shapes[0] != shapes[1]


async def a_client_whose_name_writes_backwards(file: Path) -> bool:
    """The name of who asked turns around what follows it."""
    async with (
        serve_page(file) as served,
        browser(await served.link(served.propose(order(), client="\u202e00.1"))) as person,
    ):
        return "\u202e" in (await person.page()).text


async def a_delete_under_the_number_of_another_order(file: Path) -> bool:
    async with serve_page(file) as served, browser(await served.link(served.propose(order()))) as person:
        await person.send("approve", order_number="yes")
        return served.erp.sent != []


async def a_finalize_without_the_choice_of_the_backorder(file: Path) -> bool:
    async with serve_page(file) as served, browser(await served.link(served.propose(order(), "finalize"))) as person:
        await person.send("approve")
        return served.erp.sent != []


async def a_form_of_eight_megabytes(file: Path) -> bool:
    """All of it is held in memory."""
    chunk = b"a" * 65_536

    async def body() -> AsyncIterator[bytes]:
        for _ in range(128):
            yield chunk

    async with serve_page(file) as served, browser(await served.link(served.propose(order()))) as person:
        await person.page()
        headers = {"origin": person.origin, "content-type": "application/x-www-form-urlencoded"}
        tracemalloc.start()
        try:
            with suppress(httpx2.TransportError):
                await person.client.post(person.path, headers=headers, content=body())
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    return most > 4_000_000


async def more_questions_than_a_person_can_answer(file: Path) -> bool:
    async with serve_page(file, max_open=MAX_OPEN_QUESTIONS) as served:
        for number in range(30):
            with suppress(TooManyQuestions):
                served.propose(order(f"PO-{number}"), session="one")
        async with browser(await served.link(served.proposed[0])) as person:
            await person.page()
            overview = (await person.client.get("/")).text
    return len(re.findall(r'href="/approve/', overview)) > MAX_OPEN_QUESTIONS


async def a_yes_after_its_time(file: Path) -> bool:
    async with serve_page(file) as served, browser(await served.link(served.propose(order()))) as person:
        token = await person.token()
        served.clock.now += 601
        await person.send("approve", token=token, order_number="PO-7")
        return served.erp.sent != []


async def an_operation_of_another_erp(file: Path) -> bool:
    """Two servers share a journal; the page of one decides for the other."""
    async with serve_page(file) as served:
        one = served.propose(order())
        other = Books(connection=Connection("erp", "https://other.example", "Acme"))
        served.listener._pending = replace(served.pending, executor=replace(served.pending.executor, erp=other.as_erp))
        async with browser(await served.link(one)) as person:
            await person.send("reject")
            return served.state(one) != "PROPOSED"


async def a_yes_for_another_erp(file: Path) -> bool:
    """What is shown of every connection is approved where it cannot be carried out."""
    async with serve_page(file) as served:
        found = served.recorded_of(one := served.propose(order()))
        other = Books(connection=Connection("erp", "https://other.example", "Acme"))
        elsewhere = replace(
            served.pending, executor=replace(served.pending.executor, erp=other.as_erp), all_connections=True
        )
        await elsewhere.decide(found, "approve", {"order_number": "PO-7"}, "", {"through": "terminal"})
        return served.state(one) != "PROPOSED"


async def a_yes_on_a_server_that_is_read_only(file: Path) -> bool:
    async with (
        serve_page(file, may_write=False) as served,
        browser(await served.link(one := served.propose(order()))) as person,
    ):
        await person.send("approve", order_number="PO-7")
        return served.state(one) != "PROPOSED"


async def a_yes_that_is_taken_back_after_it_was_sent(file: Path) -> bool:
    """The person reads that nothing was sent, and it was."""
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        token = await person.token()
        await person.send("approve", token=token, order_number="PO-7")
        said = await person.send("take_back", token=token)
        return "Taken back" in said.text or served.state(one) == "DECLINED"


async def a_lost_write_called_undone_under_the_number_of_another_order(file: Path) -> bool:
    return await _is_settled(file, order_number="PO-8")


async def a_lost_write_called_undone_without_the_pin(file: Path) -> bool:
    return await _is_settled(file, PIN, order_number="PO-7", pin="")


async def _is_settled(file: Path, wanted: str | None = None, /, **filled_in: str) -> bool:
    """Tell whether a write whose answer is lost can be asked for again."""
    async with serve_page(file, wanted) as served, browser(await served.link(one := served.propose(order()))) as person:
        served.erp.loses = "request"
        await person.send("approve", order_number="PO-7", pin=wanted or "")
        served.clock.now += 200
        await person.send("not_happened", None, None, **filled_in)
        return served.state(one) == "NOT_APPLIED"


async def two_sends_of_one_yes(file: Path) -> bool:
    """The second yes began before the first, and arrives while the ERP has not answered the first."""
    async with serve_page(file) as served, browser(await served.link(served.propose(order(), "finalize"))) as person:
        token = await person.token()
        served.erp.may_answer = anyio.Event()
        second_is_sent_or_refused = anyio.Event()

        async def approve() -> None:
            await person.send("approve", token=token, create_backorder="no")

        async def body() -> AsyncIterator[bytes]:
            yield f"token={token}&decision=approve&".encode()
            await anyio.sleep(0.2)
            people.start_soon(approve)
            await served.erp.has_begun.wait()
            served.erp.has_begun = second_is_sent_or_refused
            yield b"create_backorder=no"

        async def approve_again() -> None:
            headers = {"origin": person.origin, "content-type": "application/x-www-form-urlencoded"}
            await person.client.post(person.path, headers=headers, content=body())
            second_is_sent_or_refused.set()

        with anyio.fail_after(20):
            async with anyio.create_task_group() as people:
                people.start_soon(approve_again)
                await second_is_sent_or_refused.wait()
                served.erp.may_answer.set()
        return len(served.erp.sent) > 1


# The mutants


def every_host_is_ours(patch: Patch) -> None:
    class Everything(dict[str, str]):
        def __contains__(self, host: object) -> bool:
            return True

        def __missing__(self, host: str) -> str:
            return f"http://{host}"

    begin = PageSecurity.__init__

    def lenient(self: PageSecurity, app: Any, origins: Any) -> None:
        begin(self, app, origins)
        self._origins = Everything()

    patch.setattr(PageSecurity, "__init__", lenient)


def every_origin_is_ours(patch: Patch) -> None:
    is_own = page_security._is_own

    def lenient(scope: Any, origin: str) -> bool:
        others = [(name, value) for name, value in scope["headers"] if name != b"origin"]
        return is_own({**scope, "headers": [*others, (b"origin", origin.encode())]}, origin)

    patch.setattr(page_security, "_is_own", lenient)


def no_look_at_where_the_browser_says_it_comes_from(patch: Patch) -> None:
    patch.setattr(page_security, "_is_own", lambda scope, origin: page_security._only(scope, b"origin") == origin)


def no_token(patch: Patch) -> None:
    patch.setattr(Sessions, "is_token", lambda self, given, cookie, operation_id: True)


def _digest_part_of_a_form(patch: Patch, place: int) -> None:
    """A form's token is made of the browser's cookie and the operation's id; here of one of them."""
    digest = page_security._digest

    def lenient(key: bytes, what: str, text: str) -> str:
        return digest(key, what, text.split(" ")[place] if what == "form" else text)

    patch.setattr(page_security, "_digest", lenient)


def a_token_for_every_browser(patch: Patch) -> None:
    _digest_part_of_a_form(patch, 1)


def a_token_for_every_order(patch: Patch) -> None:
    _digest_part_of_a_form(patch, 0)


def every_browser_had_a_link(patch: Patch) -> None:
    patch.setattr(Sessions, "is_ours", lambda self, cookie: True)


def every_cookie_of_the_right_form_is_ours(patch: Patch) -> None:
    patch.setattr(Sessions, "is_ours", lambda self, cookie: cookie is not None and len(cookie) == 97)


def no_pin_is_needed(patch: Patch) -> None:
    check = PinCheck.check

    async def lenient(self: PinCheck, operation_id: str, given: str) -> Any:
        return await check(self, operation_id, given) if given else None

    patch.setattr(PinCheck, "check", lenient)


def every_pin_fits(patch: Patch) -> None:
    patch.setattr(ApproverPin, "fits", lambda self, given: True)


def no_lock(patch: Patch) -> None:
    patch.setattr(approver_pin, "TRIES_PER_HOUR", 1_000_000)


def wrong_pins_are_counted_for_each_operation_alone(patch: Patch) -> None:
    def note(self: JournalStore, operation_id: str, place: PinPlace) -> float:
        tried = sum(one.event == f"PIN tried: {place}" for one in self.events(operation_id))
        self.note(operation_id, f"PIN tried: {place}", {})
        return 60.0 if tried >= 10 else 0.0

    patch.setattr(JournalStore, "note_pin_try", note)


def tries_are_forgotten_after_minutes(patch: Patch) -> None:
    patch.setattr(approver_pin, "_HOUR_S", 600)


def all_places_have_one_count(patch: Patch) -> None:
    patch.setattr(approver_pin, "_name_try", lambda place: "PIN tried: page")


def wrong_pins_are_not_shown(patch: Patch) -> None:
    patch.setattr(presentation, "say_wrong_pins", lambda tries: "")


def tries_are_counted_by_the_process(patch: Patch) -> None:
    counts: dict[int, int] = {}

    def note(self: JournalStore, operation_id: str, place: PinPlace) -> float:
        counts[id(self)] = counts.get(id(self), 0) + 1
        return 60.0 if counts[id(self)] > 10 else 0.0

    patch.setattr(JournalStore, "note_pin_try", note)


def a_try_is_counted_after_it_is_judged(patch: Patch) -> None:
    async def check(self: PinCheck, operation_id: str, given: str) -> Any:
        if await self.journal.seconds_to_pin_try(self.place) > 0:
            return "paused"
        fits = (await self.journal.approver_pin()).fits(given)
        await self.journal.note_pin_try(operation_id, self.place)
        return None if fits else "wrong_pin"

    patch.setattr(PinCheck, "check", check)


def a_decision_counts_in_every_state(patch: Patch) -> None:
    decide = PendingApprovals.decide

    async def again(self: PendingApprovals, recorded: Recorded, *given: Any) -> Any:
        return await decide(self, replace(recorded, state="PROPOSED"), *given)

    patch.setattr(PendingApprovals, "decide", again)
    no_compare_and_set(patch)


def no_compare_and_set(patch: Patch) -> None:
    def approve(self: JournalStore, operation_id: str, payload: Any, detail: object) -> bool:
        with self._file.writing() as db:
            db.execute("UPDATE write_operations SET state = 'APPROVED' WHERE id = ?", [operation_id])
        return True

    patch.setattr(JournalStore, "approve", approve)


def a_yes_is_taken_back_in_every_state(patch: Patch) -> None:
    def take_back(self: JournalStore, operation_id: str, detail: object, outcome: object) -> bool:
        with self._file.writing() as db:
            db.execute("UPDATE write_operations SET state = 'DECLINED' WHERE id = ?", [operation_id])
        return True

    decide = PendingApprovals.decide

    async def anytime(self: PendingApprovals, recorded: Recorded, decision: Any, *given: Any) -> Any:
        shown = replace(recorded, state="APPROVED") if decision == "take_back" else recorded
        return await decide(self, shown, decision, *given)

    patch.setattr(JournalStore, "take_back", take_back)
    patch.setattr(PendingApprovals, "decide", anytime)


def nothing_is_elsewhere(patch: Patch) -> None:
    async def nowhere(self: PendingApprovals, recorded: Recorded, decision: Any) -> str:
        return ""

    patch.setattr(PendingApprovals, "why_not_here", nowhere)


def every_answer_will_do(patch: Patch) -> None:
    patch.setattr(pending, "_is_answer", lambda recorded, decision, content: True)


def every_claim_is_good(patch: Patch) -> None:
    """Two approve at once, and each of them sends."""

    def claim(self: JournalStore, operation_id: str, connection: object) -> Claim:
        with self._file.writing() as db:
            db.execute("UPDATE write_operations SET state = 'SENT', sent_at = 1 WHERE id = ?", [operation_id])
        found = self.find(operation_id)
        assert found is not None
        return Claim(found.operation, self.now())

    async def each(self: UnderWay, operation_id: str, carry_out: Any, patience: float) -> None:
        await carry_out(operation_id)

    no_compare_and_set(patch)
    patch.setattr(JournalStore, "claim", claim)
    patch.setattr(UnderWay, "run", each)


def no_escaping(patch: Patch) -> None:
    def plain(**given: Any) -> jinja2.Environment:
        return jinja2.Environment(**{**given, "autoescape": False})

    patch.setattr(page, "Environment", plain)


def text_is_shown_as_it_comes(patch: Patch) -> None:
    for module in (presentation, people_shown, status_banner):
        patch.setattr(module, "visible", lambda text, max_chars: text)


def every_number_will_do(patch: Patch) -> None:
    def answer(self: delete.Delete, operation: Operation, answer: FormAnswer) -> Any:
        return operation.payload if answer.how == "accepted" else None

    patch.setattr(delete.Delete, "answer", answer)


def the_button_will_do(patch: Patch) -> None:
    patch.setattr(finalize, "read_decision", lambda answer, question: "close")


def a_form_of_any_length(patch: Patch) -> None:
    patch.setattr(page_form, "_MAX_FORM_BYTES", 1_000_000_000)


def no_limit_to_what_waits(patch: Patch) -> None:
    patch.setattr(proposals, "refuse_flood", lambda db, operation, now, **more: None)


def nothing_expires(patch: Patch) -> None:
    patch.setattr(JournalStore, "_as_of_now", lambda self, recorded: recorded)
    patch.setattr(moves, "expire", lambda db, now: None)


def every_operation_belongs_here(patch: Patch) -> None:
    begin = PendingApprovals.__init__

    def lenient(self: PendingApprovals, *given: Any, **named: Any) -> None:
        begin(self, *given, **{**named, "all_connections": True})

    patch.setattr(PendingApprovals, "__init__", lenient)


MUTANTS: list[tuple[Mutant, Harm]] = [
    (every_host_is_ours, a_name_that_was_rebound_to_this_machine),
    (every_origin_is_ours, a_form_of_another_port_of_this_machine),
    (every_origin_is_ours, a_form_without_an_origin),
    (no_look_at_where_the_browser_says_it_comes_from, a_form_that_the_browser_calls_foreign),
    (no_token, a_form_without_a_token),
    (a_token_for_every_browser, a_token_that_was_shown_to_another_browser),
    (a_token_for_every_order, a_token_that_was_shown_for_another_order),
    (every_browser_had_a_link, the_list_without_a_link),
    (every_cookie_of_the_right_form_is_ours, the_list_without_a_link),
    (no_pin_is_needed, a_decision_without_the_pin),
    (every_pin_fits, a_decision_with_another_pin),
    (no_lock, the_pin_after_ten_wrong_ones),
    (wrong_pins_are_counted_for_each_operation_alone, the_pin_after_twelve_wrong_ones_on_four_orders),
    (tries_are_forgotten_after_minutes, the_pin_half_an_hour_after_ten_wrong_ones),
    (all_places_have_one_count, a_terminal_after_ten_wrong_ones_on_the_page),
    (wrong_pins_are_not_shown, wrong_pins_that_the_next_person_should_know_of),
    (tries_are_counted_by_the_process, the_pin_after_ten_wrong_ones_and_a_new_start),
    (a_try_is_counted_after_it_is_judged, thirty_pins_at_once),
    (a_decision_counts_in_every_state, a_yes_after_a_no),
    (no_compare_and_set, a_yes_that_is_sent_while_the_no_is_taken),
    (no_escaping, a_vendor_who_writes_html),
    (text_is_shown_as_it_comes, a_client_whose_name_writes_backwards),
    (every_number_will_do, a_delete_under_the_number_of_another_order),
    (the_button_will_do, a_finalize_without_the_choice_of_the_backorder),
    (a_form_of_any_length, a_form_of_eight_megabytes),
    (no_limit_to_what_waits, more_questions_than_a_person_can_answer),
    (nothing_expires, a_yes_after_its_time),
    (every_operation_belongs_here, an_operation_of_another_erp),
    (nothing_is_elsewhere, a_yes_for_another_erp),
    (nothing_is_elsewhere, a_yes_on_a_server_that_is_read_only),
    (a_yes_is_taken_back_in_every_state, a_yes_that_is_taken_back_after_it_was_sent),
    (every_answer_will_do, a_lost_write_called_undone_under_the_number_of_another_order),
    (no_pin_is_needed, a_lost_write_called_undone_without_the_pin),
    (every_claim_is_good, two_sends_of_one_yes),
]


@pytest.mark.parametrize(("mutant", "harm"), MUTANTS, ids=lambda value: value.__name__)
async def test_an_attack_succeeds_only_without_its_control(mutant: Mutant, harm: Harm, tmp_path: Path) -> None:
    intact = await harm(tmp_path / "intact.db")
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        mutated = await harm(tmp_path / "mutated.db")

    assert (intact, mutated) == (False, True)
