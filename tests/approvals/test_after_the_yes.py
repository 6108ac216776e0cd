"""What is approved on the page is carried out there and then; and what a person can still decide after the yes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest

from po_mcp.erp import Connection
from po_mcp.errors import ConnectionNotAdopted, Refused, Unreachable
from tests.approvals.page_harness import Books, Browser, Clock, PageHarness, browser, order, read_words, serve_page

PIN = "correct horse"
AGAIN = '<meta http-equiv="refresh"'
UNREACHABLE = Unreachable("Books cannot be reached.", effect="nothing_sent")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@asynccontextmanager
async def open_page(
    file: Path, erp: Books | None = None, pin: str | None = None, kind: str = "delete", *, may_write: bool = True
) -> AsyncIterator[tuple[PageHarness, str, Browser]]:
    async with serve_page(file, pin, erp=erp, may_write=may_write) as served:
        one = served.propose(order(), kind)
        async with browser(await served.link(one)) as person:
            yield served, one, person


async def unknown(served: PageHarness, person: Browser, pin: str = "") -> None:
    """Approve a delete whose answer is lost."""
    served.erp.loses = "request"
    await person.send("approve", order_number="PO-7", pin=pin)
    served.erp.loses = ""


async def until(is_so: Callable[[], Awaitable[bool]]) -> None:
    with anyio.fail_after(10):
        while not await is_so():  # noqa: ASYNC110  # the page is loaded again, as a browser does
            await anyio.sleep(0.02)


# While it takes long


async def test_a_write_that_takes_long_is_shown_under_way_by_a_page_that_looks_again(file: Path) -> None:
    erp = Books(may_answer=anyio.Event())
    async with open_page(file, erp) as (served, one, person):
        answer = await person.send("approve", order_number="PO-7")
        under_way = (await person.page()).text
        assert erp.may_answer is not None
        erp.may_answer.set()

        async def is_done() -> bool:
            return AGAIN not in (await person.page()).text

        await until(is_done)
        done = read_words(await person.page())

        assert (answer.status_code, served.erp.sent) == (303, ["delete PO-7"])
        assert "Sent, no answer yet" in under_way
        assert AGAIN in under_way
        assert "<form" not in under_way
        assert "Order PO-7 was deleted." in done
        assert served.state(one) == "DONE"


async def test_a_write_begun_on_the_page_is_recorded_before_the_server_is_gone(file: Path) -> None:
    erp, clock = Books(may_answer=anyio.Event()), Clock()
    async with (
        anyio.create_task_group() as later,
        serve_page(file, clock=clock, erp=erp) as served,
        browser(await served.link(one := served.propose(order()))) as person,
    ):
        await person.send("approve", order_number="PO-7")
        await erp.has_begun.wait()

        async def answer() -> None:
            await anyio.sleep(0.3)
            assert erp.may_answer is not None
            erp.may_answer.set()

        later.start_soon(answer)
    async with serve_page(file, clock=clock) as served:
        assert served.state(one) == "DONE"


async def test_a_browser_that_leaves_stops_nothing(file: Path) -> None:
    erp = Books(may_answer=anyio.Event())
    async with open_page(file, erp) as (served, one, person):
        token = await person.token()
        async with anyio.create_task_group() as visit:
            visit.start_soon(lambda: person.send("approve", token=token, order_number="PO-7"))
            await erp.has_begun.wait()
            visit.cancel_scope.cancel()
        assert erp.may_answer is not None
        erp.may_answer.set()

        async def is_done() -> bool:
            return served.state(one) == "DONE"

        await until(is_done)


# When it cannot be carried out


@pytest.mark.parametrize("failure", [UNREACHABLE, ConnectionNotAdopted("Nobody said whose these are.")], ids=str)
async def test_an_approval_that_could_not_be_carried_out_still_holds_and_says_why(
    file: Path, failure: Unreachable | ConnectionNotAdopted
) -> None:
    async with open_page(file, Books(unreadable=failure)) as (served, one, person):
        await person.send("approve", order_number="PO-7")
        page = (await person.page()).text
        held = served.state(one)
        served.erp.unreadable = None
        await person.send("carry_out")

        assert held == "APPROVED"
        assert "Approved, not sent" in page
        assert failure.message in page
        assert "The approval holds until" in page
        assert AGAIN not in page
        assert (served.state(one), served.erp.sent) == ("DONE", ["delete PO-7"])


async def test_a_crash_behind_the_page_ends_neither_the_server_nor_the_approval(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def crash(self: Books, number: str, kind: str) -> None:
        raise ZeroDivisionError

    async with open_page(file) as (served, one, person):
        with monkeypatch.context() as patch:
            patch.setattr(Books, "snapshot", crash)
            await person.send("approve", order_number="PO-7")
        page = await person.page()

        assert (page.status_code, served.state(one)) == (200, "APPROVED")
        assert "po-mcp failed." in read_words(page)
        assert "ZeroDivisionError" not in page.text


async def test_a_refusal_is_shown_with_its_reason_while_it_is_watched(file: Path) -> None:
    async with open_page(file, Books(refusal=Refused("Books refused it: the order is locked."))) as (
        served,
        one,
        person,
    ):
        await person.send("approve", order_number="PO-7")
        page = (await person.page()).text

        assert served.state(one) == "WATCHED"
        assert "Refused, being checked" in page
        assert "the order is locked" in page
        assert AGAIN in page


async def test_a_server_that_is_read_only_approves_nothing_and_lets_a_person_reject(file: Path) -> None:
    async with open_page(file, may_write=False) as (served, one, person):
        page = (await person.page()).text
        answer = await person.send("approve", order_number="PO-7")
        after = served.state(one)
        await person.send("reject")

        assert "PO_MCP_READ_ONLY" in page
        assert 'value="approve"' not in page
        assert (answer.status_code, after) == (409, "PROPOSED")
        assert (served.state(one), served.erp.sent) == ("DECLINED", [])


async def test_the_page_of_another_connection_shows_and_approves_nothing_of_it(file: Path) -> None:
    clock = Clock()
    async with serve_page(file, clock=clock) as served:
        one = served.propose(order())
    other = Books(connection=Connection("erp", "https://other.example/api", "Acme"))
    async with serve_page(file, clock=clock, erp=other) as served, browser(await served.link(one)) as person:
        page = await person.page()
        answer = await person.send("approve", token="0" * 64, order_number="PO-7")

        assert (page.status_code, answer.status_code) == (404, 404)
        assert (served.state(one), other.sent) == ("PROPOSED", [])


# Taking it back


async def approve_unsent(served: PageHarness, person: Browser) -> None:
    """Approve it while the ERP cannot be reached, so that nothing is sent."""
    served.erp.unreadable = UNREACHABLE
    await person.send("approve", order_number="PO-7")
    served.erp.unreadable = None


async def test_an_approval_that_was_not_sent_can_be_taken_back(file: Path) -> None:
    async with open_page(file) as (served, one, person):
        await approve_unsent(served, person)
        answer = await person.send("take_back")
        page = (await person.page()).text

        assert (answer.status_code, served.state(one)) == (303, "DECLINED")
        assert "Approval taken back" in page
        assert served.erp.sent == []


async def test_an_operation_that_was_sent_meanwhile_cannot_be_taken_back(file: Path) -> None:
    async with open_page(file) as (served, one, person):
        await approve_unsent(served, person)
        token = await person.token()
        await person.send("carry_out", token=token)
        late = await person.send("take_back", token=token)

        assert (late.status_code, served.state(one)) == (409, "DONE")
        assert "It was sent already" in late.text


async def test_taking_back_wants_the_pin(file: Path) -> None:
    async with open_page(file, pin=PIN) as (served, one, person):
        served.erp.unreadable = UNREACHABLE
        await person.send("approve", order_number="PO-7", pin=PIN)
        served.erp.unreadable = None
        answers = [await person.send("take_back"), await person.send("carry_out", pin="wrong")]
        held = served.state(one)
        await person.send("take_back", pin=PIN)

        assert [answer.status_code for answer in answers] == [422, 403]
        assert (held, served.state(one), served.erp.sent) == ("APPROVED", "DECLINED", [])


async def test_pins_that_fit_lock_nothing(file: Path) -> None:
    async with open_page(file, pin=PIN) as (served, one, person):
        await unknown(served, person, PIN)
        for _ in range(8):
            early = await person.send("not_happened", order_number="PO-7", pin=PIN)
            assert "It may still happen. Say that it did not after" in early.text

        assert served.state(one) == "UNKNOWN"
        assert "10 tries left on this page" in early.text


# Settling what is not known


async def test_an_unknown_one_looks_again_by_itself_until_a_person_says_what_happened(file: Path) -> None:
    """A page that is loaded again under a form would empty what is being typed into it."""
    async with open_page(file) as (served, one, person):
        await unknown(served, person)
        page = (await person.page()).text
        form = (await person.client.get(f"{person.path}?settle")).text
        wrong = (await person.send("happened", order_number="PO-8")).text
        undecided = (await person.send("look")).text

        assert served.state(one) == "UNKNOWN"
        assert f'<a class="button quiet" href="{person.path}?settle">Say what happened</a>' in page
        for looks in (page, undecided):
            assert AGAIN in looks
            assert "Not confirmed" in looks
            assert "Look in the ERP again" in looks
            assert "Did it happen?" not in looks
        for asks in (form, wrong):
            assert AGAIN not in asks
            for shown in ("Did it happen?", "It happened", "It did not happen", "Look in the ERP again"):
                assert shown in asks


async def test_a_person_says_that_it_happened(file: Path) -> None:
    async with open_page(file) as (served, one, person):
        await unknown(served, person)
        answer = await person.send("happened", order_number=" PO-7 ")

        assert (answer.status_code, served.state(one)) == (303, "DONE")
        last = served.store.events(one)[-1].detail
        assert (last["said"], last["through"]) == ("happened", "page")


async def test_a_verdict_of_no_effect_is_taken_only_once_no_effect_can_come_late(file: Path) -> None:
    async with open_page(file) as (served, one, person):
        await unknown(served, person)
        served.clock.now += 119
        early = await person.send("not_happened", order_number="PO-7")
        before = served.state(one)
        served.clock.now += 2
        answer = await person.send("not_happened", order_number="PO-7")

        assert (early.status_code, before) == (409, "UNKNOWN")
        assert "It may still happen. Say that it did not after" in early.text
        assert (answer.status_code, served.state(one)) == (303, "NOT_APPLIED")
        assert "It can be requested again." in (await person.page()).text


async def test_a_verdict_of_no_effect_is_not_taken_against_what_the_erp_shows(file: Path) -> None:
    async with open_page(file) as (served, one, person):
        await unknown(served, person)
        served.clock.now += 200
        served.erp.orders["PO-7"] = order().model_copy(update={"status": "deleted"})
        answer = await person.send("not_happened", order_number="PO-7")

        assert (answer.status_code, served.state(one)) == (303, "DONE")
        assert "confirmed by reading it back" in (await person.page()).text


@pytest.mark.parametrize("decision", ["happened", "not_happened"])
@pytest.mark.parametrize("typed", ["", "PO-8", "yes"])
async def test_without_the_typed_number_nothing_is_settled(file: Path, decision: str, typed: str) -> None:
    async with open_page(file) as (served, one, person):
        await unknown(served, person)
        served.clock.now += 200
        answer = await person.send(decision, order_number=typed)

        assert (answer.status_code, served.state(one)) == (422, "UNKNOWN")


@pytest.mark.parametrize("decision", ["happened", "not_happened"])
async def test_without_the_pin_nothing_is_settled(file: Path, decision: str) -> None:
    async with open_page(file, pin=PIN) as (served, one, person):
        await unknown(served, person, PIN)
        served.clock.now += 200
        answers = [
            await person.send(decision, order_number="PO-7"),
            await person.send(decision, order_number="PO-7", pin="wrong"),
        ]

        assert [answer.status_code for answer in answers] == [422, 403]
        assert served.state(one) == "UNKNOWN"


async def test_a_look_settles_what_the_erp_shows_and_tells_what_does_not_decide(file: Path) -> None:
    async with open_page(file) as (served, one, person):
        await unknown(served, person)
        undecided = await person.send("look")
        between = served.state(one)
        served.erp.orders["PO-7"] = order().model_copy(update={"status": "deleted"})
        decided = await person.send("look")

        assert (undecided.status_code, between) == (409, "UNKNOWN")
        assert "Not clear yet: the order is still there" in undecided.text
        assert (decided.status_code, served.state(one)) == (303, "DONE")


async def test_a_create_that_nobody_was_asked_about_can_be_settled_and_is_shown_after_it(file: Path) -> None:
    async with serve_page(file) as served:
        one = served.propose_create(approved=True)
        served.erp.loses = "request"
        await served.pending.carry_out(one)
        async with browser(await served.link(one)) as person:
            listed = (await person.page(), await person.client.get("/"))[1].text
            await person.send("happened", order_number="PO-9")
            after = await person.page()

        assert "Create order <bdi>PO-9</bdi>" in listed
        assert "Deliver to" in after.text
        assert "Outstanding" not in after.text
        assert (after.status_code, served.state(one)) == (200, "DONE")
