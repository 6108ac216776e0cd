"""The page: what it shows, what its buttons do, and everything that does not count as a person's answer."""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import anyio
import httpx2
import pytest

from po_mcp.orders import PurchaseOrder
from po_mcp.writes.journal.approver_pin import hash_pin
from po_mcp.writes.payloads import FinalizePayload
from tests.approvals.page_harness import Clock, browser, order, read_words, serve_page

PIN = "correct horse"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


async def test_the_order_is_shown_as_it_was_read(file: Path) -> None:
    async with serve_page(file) as served, browser(await served.link(served.propose(order()))) as person:
        page = await person.page()

    assert page.status_code == 200
    for shown in ("Delete order <bdi>PO-7</bdi> permanently?", "Acme Fasteners", "4,800.00", "Hex bolt M8 x 30"):
        assert shown in page.text
    for figure in ("1,000", "400", "600", "4.25", "4,250.00", "550.00", "Claude 4.2", "Sandbox: no real orders."):
        assert figure in page.text


async def test_the_typed_number_approves_a_delete_which_is_carried_out_at_once(file: Path) -> None:
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        answer = await person.send("approve", order_number=" PO-7 ")
        after = await person.page()

        assert (answer.status_code, served.state(one)) == (303, "DONE")
        assert served.erp.sent == ["delete PO-7"]
        assert "Order PO-7 was deleted." in read_words(after)
        assert "<form" not in after.text
        approved = next(event for event in served.store.events(one) if event.event == "APPROVED")
        assert approved.detail["through"] == "page"


@pytest.mark.parametrize(("number", "shown"), [("PO-7 ", "«PO-7 »"), ("PO  7", "«PO  7»")])
async def test_a_number_with_blanks_that_nobody_sees_is_marked_and_typed_without(
    file: Path, number: str, shown: str
) -> None:
    async with serve_page(file) as served:
        one = served.propose(order().model_copy(update={"number": number}))
        async with browser(await served.link(one)) as person:
            page = await person.page()
            wrong = await person.send("approve", order_number="PO-8")
            await person.send("approve", order_number=" ".join(number.split()))

        assert f"Type <bdi>{shown}</bdi> to delete it" in page.text
        assert f"That is not the order number, {shown}." in read_words(wrong)
        assert served.state(one) == "DONE"


@pytest.mark.parametrize("typed", ["", "PO-8", "po-7", "PO-7 PO-7", "true"])
async def test_another_number_approves_nothing_and_says_so(file: Path, typed: str) -> None:
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        answer = await person.send("approve", order_number=typed)

        assert (answer.status_code, served.state(one)) == (422, "PROPOSED")
        assert 'role="alert"' in answer.text
        assert "autofocus" in answer.text


@pytest.mark.parametrize(("choice", "wanted"), [("yes", True), ("no", False)])
async def test_a_finalize_takes_the_choice_of_the_backorder(file: Path, choice: str, wanted: bool) -> None:
    async with (
        serve_page(file) as served,
        browser(await served.link(one := served.propose(order(), "finalize"))) as person,
    ):
        silent = await person.send("approve")
        await person.send("approve", create_backorder=choice)

        assert silent.status_code == 422
        assert served.state(one) == "DONE"
        payload = served.recorded_of(one).operation.payload
        assert isinstance(payload, FinalizePayload)
        assert payload.create_backorder is wanted


async def test_a_cancel_asks_for_nothing_but_the_decision(file: Path) -> None:
    async with (
        serve_page(file) as served,
        browser(await served.link(one := served.propose(order(), "cancel"))) as person,
    ):
        page = await person.page()
        await person.send("approve")

        assert "Cancel order <bdi>PO-7</bdi>?" in page.text
        assert "as inactive and can be reactivated there." in page.text
        assert ">Cancel order</button>" in page.text
        assert ">Keep order</button>" in page.text
        assert ('type="text"' in page.text, 'type="radio"' in page.text) == (False, False)
        assert (served.state(one), served.erp.sent) == ("DONE", ["cancel PO-7"])


async def test_a_backorder_that_the_caller_chose_is_said_and_not_asked_for(file: Path) -> None:
    async with (
        serve_page(file) as served,
        browser(await served.link(one := served.propose(order(), "finalize", True))) as person,
    ):
        page = await person.page()
        await person.send("approve")

        assert "The rest goes on a new backorder." in page.text
        assert 'type="radio"' not in page.text
        assert (served.state(one), served.erp.sent) == ("DONE", ["finalize PO-7"])


async def test_reject_ends_it(file: Path) -> None:
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        await person.send("reject")
        late = await person.send("approve", token="0" * 64, order_number="PO-7")

        assert served.state(one) == "DECLINED"
        assert late.status_code == 403
        assert "Order PO-7 was not deleted." in read_words(await person.page())


async def test_an_expired_operation_cannot_be_approved(file: Path) -> None:
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        token = await person.token()
        served.clock.now += 601
        answer = await person.send("approve", token=token, order_number="PO-7")

        assert (answer.status_code, served.state(one)) == (409, "EXPIRED")
        assert "Expired" in answer.text


async def test_of_two_tabs_the_first_counts(file: Path) -> None:
    async with (
        serve_page(file) as served,
        browser(await served.link(one := served.propose(order(), "finalize"))) as person,
    ):
        first, second = await person.token(), await person.token()
        await person.send("approve", token=first, create_backorder="no")
        other = await person.send("approve", token=second, create_backorder="yes")
        no = await person.send("reject", token=second)

        assert (other.status_code, no.status_code, served.state(one)) == (409, 409, "DONE")
        payload = served.recorded_of(one).operation.payload
        assert isinstance(payload, FinalizePayload)
        assert payload.create_backorder is False
        assert served.erp.sent == ["finalize PO-7"]


async def test_twenty_posts_at_once_approve_once_and_send_once(file: Path) -> None:
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        token, statuses = await person.token(), []

        async def send() -> None:
            statuses.append((await person.send("approve", token=token, order_number="PO-7")).status_code)

        async with anyio.create_task_group() as posts:
            for _ in range(20):
                posts.start_soon(send)

        assert sorted(statuses) == [303] + [409] * 19
        assert served.event_names(one) == ["PROPOSED", "APPROVED", "SENT", "DONE"]
        assert served.erp.sent == ["delete PO-7"]


async def test_the_list_shows_what_waits_and_what_was_decided(file: Path) -> None:
    async with serve_page(file) as served:
        waiting, rejected = served.propose(order("PO-1")), served.propose(order("PO-2"))
        served.store.decline(rejected, {})
        async with browser(await served.link(waiting)) as person:
            without_a_link = await person.client.get("/")
            await person.page()
            overview = await person.client.get("/")

    assert without_a_link.status_code == 403
    assert "PO-1" not in without_a_link.text
    assert overview.text.index("PO-1") < overview.text.index("Recent") < overview.text.index("PO-2")


async def test_the_short_address_leads_to_the_one_that_waits_or_to_the_list(file: Path) -> None:
    async with serve_page(file) as served:
        waiting = served.propose(order("PO-1"))
        async with browser(await served.link(waiting)) as person:
            stranger = await person.client.get("/approve")
            await person.page()
            alone = await person.client.get("/approve")
            served.propose(order("PO-2"))
            several = await person.client.get("/approve")

    assert (stranger.status_code, "Open your approval link first" in stranger.text) == (403, True)
    assert "PO-1" not in stranger.text
    assert (alone.status_code, alone.headers["location"]) == (303, f"/approve/{waiting}")
    assert (several.status_code, "Waiting for you" in several.text) == (200, True)


async def test_every_page_says_whose_books_these_are_and_has_an_icon(file: Path) -> None:
    async with serve_page(file) as served, browser(await served.link(served.propose(order()))) as person:
        pages = [await person.page(), await person.client.get("/"), await person.client.get("/nothing")]
        icon = await person.client.get("/static/icon.svg")

    for page in pages:
        assert f'<p class="place"><bdi>{served.erp.title}' in page.text
        assert 'rel="icon" href="/static/icon.svg"' in page.text
    assert (icon.headers["content-type"], icon.text[:4]) == ("image/svg+xml", "<svg")


async def test_filled_in_fields_stay_beside_a_wrong_pin(file: Path) -> None:
    async with serve_page(file, "correct horse") as served:
        delete, close = served.propose(order("PO-1")), served.propose(order("PO-2"), "finalize")
        async with browser(await served.link(delete)) as person:
            typed = await person.send("approve", order_number="PO-1", pin="wrong one")
        async with browser(await served.link(close)) as person:
            chosen = await person.send("approve", create_backorder="no", pin="wrong one")

    assert 'value="PO-1"' in typed.text
    assert 'value="no" required checked' in chosen.text
    assert "wrong one" not in typed.text + chosen.text
    assert (served.state(delete), served.state(close)) == ("PROPOSED", "PROPOSED")


# Attacks


async def test_every_answer_forbids_scripts_frames_caches_and_referrers(file: Path) -> None:
    async with serve_page(file) as served, browser(await served.link(served.propose(order()))) as person:
        answers = [
            await person.page(),
            await person.client.get("/"),
            await person.client.get("/static/style.css"),
            await person.client.get("/nothing"),
            await person.send("approve", order_number="x"),
            await person.send("approve", headers={}),
            await person.client.get(person.path, headers={"host": "evil.example"}),
        ]
        cookie = answers[0].headers["set-cookie"]

    for answer in answers:
        assert answer.headers["content-security-policy"] == (
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; "
            "base-uri 'none'"
        )
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cross-origin-opener-policy"] == "same-origin"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert "<script" not in answers[0].text
    assert "style=" not in answers[0].text


async def test_a_post_from_elsewhere_decides_nothing(file: Path) -> None:
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        host = person.origin.removeprefix("http://")
        elsewhere: list[dict[str, str]] = [
            {},
            {"origin": "null"},
            {"origin": "https://evil.example"},
            {"origin": "http://127.0.0.1:1"},
            {"origin": f"https://{host}"},
            {"origin": f"http://{host}.evil.example"},
            {"origin": f"{person.origin}/"},
            {"origin": person.origin, "sec-fetch-site": "cross-site"},
            {"origin": person.origin, "sec-fetch-site": "same-site"},
        ]
        answers = [await person.send("approve", headers=headers, order_number="PO-7") for headers in elsewhere]

        assert [answer.status_code for answer in answers] == [403] * 9
        assert served.state(one) == "PROPOSED"


async def test_a_form_that_was_shown_to_another_browser_or_for_another_order_decides_nothing(file: Path) -> None:
    async with serve_page(file) as served:
        one, two = served.propose(order("PO-7")), served.propose(order("PO-8"))
        async with browser(await served.link(one)) as person, browser(await served.link(two)) as other:
            first_token, other_token = await person.token(), await other.token()
            own = person.client.cookies
            tokens = ["", "0" * 64, other_token, first_token[:-1], first_token.upper(), secrets.token_hex(32)]
            answers = [await person.send("approve", token=token, order_number="PO-7") for token in tokens]
            person.path, path = other.path, person.path
            answers.append(await person.send("approve", token=first_token, order_number="PO-8"))
            person.path = path
            for cookie in ("", "x", secrets.token_hex(16), f"{secrets.token_hex(16)}.{'0' * 64}"):
                person.client.cookies = httpx2.Cookies(dict.fromkeys(own, cookie))
                answers.append(await person.send("approve", token=first_token, order_number="PO-7"))

        assert [answer.status_code for answer in answers] == [403] * 11
        assert {served.state(one), served.state(two)} == {"PROPOSED"}


async def test_another_host_is_not_served(file: Path) -> None:
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        port = person.origin.rpartition(":")[2]
        hosts = ["evil.example", f"evil.example:{port}", "127.0.0.1", "localhost", "127.0.0.1:1", "", f"[::1]:{port}"]
        hosts += [f"127.0.0.1:{port}.evil.example", f"evil@127.0.0.1:{port}", f"0.0.0.0:{port}", f"LOCALHOST.:{port}"]
        answers = []
        for host in hosts:
            answers.append(await person.client.get(person.path, headers={"host": host}))
            headers = {"host": host, "origin": f"http://{host}"}
            answers.append(await person.send("approve", headers=headers, order_number="PO-7"))
        ours = [
            await person.client.get(person.path, headers={"host": f"{name}:{port}"})
            for name in ("localhost", "LocalHost")
        ]

        assert {answer.status_code for answer in answers} <= {421, 400}
        assert len(answers) == 22
        assert not any("PO-7" in answer.text for answer in answers)
        assert ([answer.status_code for answer in ours], served.state(one)) == ([200, 200], "PROPOSED")


async def test_the_link_of_an_order_cannot_be_computed_from_it() -> None:
    """A person who can read the order and knows the connection asks for the same in a journal of their own."""
    links = []
    for _ in range(2):
        async with serve_page(":memory:") as served:
            links.append(served.propose(order()))

    assert links[0] != links[1]
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in links)


async def test_guessed_ids_find_nothing(file: Path) -> None:
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        token = await person.token()
        texts, statuses = set(), set()
        guesses = [secrets.token_hex(16) for _ in range(980)]
        guesses += [one[:-1] + letter for letter in "0123456789" if letter != one[-1]]
        guesses += [hashlib.sha256(text.encode()).hexdigest()[:32] for text in ("PO-7", "1", "", "PO-7erp", "delete")]
        guesses += [one.upper() + "0", "..%2f", "%00", one[:31], "'--", "*"]

        async def try_some(some: list[str]) -> None:
            for guess in some:
                page = await person.client.get(f"/approve/{guess}")
                texts.add(page.text)
                statuses.add(page.status_code)

        async with anyio.create_task_group() as tries:
            for place in range(8):
                tries.start_soon(try_some, guesses[place::8])
        person.path = f"/approve/{guesses[0]}"
        posted = await person.send("approve", token=token, order_number="PO-7")

        assert len(guesses) >= 1_000
        assert (statuses, len(texts), posted.status_code) == ({404}, 1, 404)
        assert served.state(one) == "PROPOSED"


async def test_reading_changes_nothing(file: Path) -> None:
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        token = await person.token()
        before = served.store.events(one)
        for query in (f"?decision=approve&order_number=PO-7&token={token}", "?decision=reject", "/approve", "/"):
            await person.client.get(person.path + query)
        for method in ("HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            answer = await person.client.request(method, person.path, headers={"origin": person.origin})
            assert answer.status_code == 405

        assert served.store.events(one) == before


async def test_a_body_that_is_no_small_form_is_refused(file: Path) -> None:
    async with serve_page(file) as served, browser(await served.link(one := served.propose(order()))) as person:
        token = await person.token()
        good = f"token={token}&decision=approve&order_number=PO-7"
        form = {"content-type": "application/x-www-form-urlencoded", "origin": person.origin}
        bodies: list[tuple[bytes, dict[str, str], int]] = [
            (f"{good}&note={'x' * 5000}".encode(), form, 413),
            (b"x" * 5_000_000, form, 413),
            (good.encode(), {**form, "content-type": "text/plain"}, 415),
            (b"{}", {**form, "content-type": "application/json"}, 415),
            (f"{good}&decision=reject".encode(), form, 400),
            (f"{good}&order_number=PO-7".encode(), form, 400),
            ("&".join([good, *(f"a{n}=1" for n in range(9))]).encode(), form, 400),
            (b"\xff\xfe", form, 400),
            (f"token={token}&order_number=PO-7".encode(), form, 400),
            (f"token={token}&decision=APPROVE&order_number=PO-7".encode(), form, 400),
        ]
        for body, headers, status in bodies:
            try:
                answer = await person.client.post(person.path, content=body, headers=headers)
            except httpx2.TransportError:  # it hung up on five million bytes, which is an answer too
                assert len(body) > 1_000_000
                continue
            assert answer.status_code == status

        assert served.state(one) == "PROPOSED"


async def test_the_link_alone_has_no_authority_where_a_pin_is_set(file: Path) -> None:
    async with serve_page(file, PIN) as served, browser(await served.link(one := served.propose(order()))) as person:
        answers = [
            await person.send("approve", order_number="PO-7"),
            await person.send("approve", order_number="PO-7", pin=""),
            await person.send("reject"),
            await person.send("approve", order_number="PO-7", pin="wrong"),
        ]
        refused = served.state(one)
        right = await person.send("approve", order_number="PO-7", pin=PIN)

        assert [answer.status_code for answer in answers] == [422, 422, 422, 403]
        assert "9 tries left on this page" in answers[-1].text
        assert (refused, right.status_code, served.state(one)) == ("PROPOSED", 303, "DONE")


async def test_ten_wrong_pins_on_any_order_lock_the_page_for_an_hour(file: Path) -> None:
    clock = Clock()
    for number in ("PO-1", "PO-2"):  # a new start, and another order, change nothing
        async with (
            serve_page(file, PIN, clock) as served,
            browser(await served.link(served.propose(order(number)))) as person,
        ):
            for _ in range(5):
                await person.send("approve", order_number=number, pin="wrong")
    async with (
        serve_page(file, PIN, clock) as served,
        browser(await served.link(one := served.propose(order()))) as person,
    ):
        shown, token = (await person.page()).text, await person.token()
        right = await person.send("approve", order_number="PO-7", pin=PIN)
        locked = served.state(one)
        clock.now += 3601
        again = served.propose(order())
        async with browser(await served.link(again)) as later:
            afterwards = await later.send("approve", order_number="PO-7", pin=PIN)

        assert token == ""
        assert "Too many wrong PINs: this page is locked until" in shown
        assert "Wrong PINs in the last hour" not in shown  # said once
        assert (right.status_code, locked, again == one) == (403, "PROPOSED", False)
        assert (afterwards.status_code, served.state(again)) == (303, "DONE")


async def test_thirty_pins_at_once_are_not_more_than_ten(file: Path) -> None:
    async with serve_page(file, PIN) as served, browser(await served.link(one := served.propose(order()))) as person:
        token = await person.token()
        said = []

        async def guess(number: int) -> None:
            pin = f"guess {number}"
            said.append((await person.send("approve", token=token, order_number="PO-7", pin=pin)).status_code)

        async with anyio.create_task_group() as guesses:
            for number in range(30):
                guesses.start_soon(guess, number)

        assert served.event_names(one).count("PIN tried: page") == 10
        assert (said.count(403), said.count(429)) == (10, 20)
        assert served.state(one) == "PROPOSED"


async def test_a_locked_page_leaves_the_terminal_open(file: Path) -> None:
    async with serve_page(file, PIN) as served, browser(await served.link(one := served.propose(order()))) as person:
        for _ in range(11):
            await person.send("approve", order_number="PO-7", pin="wrong")
        terminal = replace(served.pending, place="terminal")
        decided = await terminal.decide(
            served.recorded_of(one), "approve", {"order_number": "PO-7"}, PIN, {"through": "terminal"}
        )

        assert (decided.verdict, served.state(one)) == ("taken", "APPROVED")


async def test_a_page_says_for_seven_days_that_the_pin_was_reset(file: Path) -> None:
    clock = Clock()
    async with serve_page(file, PIN, clock) as served:
        served.store.upkeep.set_approver_pin(hash_pin("another one"), served.store.approver_pin().hash, "PIN reset")
        seen = []
        for _ in range(2):
            async with browser(await served.link(served.propose(order()))) as person:
                seen.append("CAUTION: approver PIN reset on" in (await person.page()).text)
            clock.now += 7 * 86_400

        assert seen == [True, False]


# Hostile text

SHELLS = [
    "{}",
    "<script>alert({})</script>",
    '"><img src=x onerror=alert({})>',
    "</td></tr></table><form action=//evil.example><button>{}</button>",
    "' autofocus onfocus='{}",
    "{{{{ 7 * {} }}}}",
    "{{% raw %}} {}",
    "&lt;b&gt;{}&#60;i&#62;",
    "<!-- {}",
    "]]><style>*{{display:none}}</style>{}",
]
INNER = [
    "Approve",
    "\u202e0.00 latoT",
    "\n\nTotal: 1.00",
    "\r\nVendor: Acme",
    "\u2028Status: closed",
    "\u200b" * 40,
    "A" * 400,
    "Z\u0335\u0489\u0348\u033b" * 60,
    "\u05d0\u05d1\u05d2 999.00",
    "Ac\u043ce Fasteners",
    "\u3164" * 20,
    "\t\x00\x07\x1b[2J",
    "\U000e0041\U000e0042",
    "\u2066PO-1\u2069",
    "\ufeff\ufff9",
    " " * 200,
    "https://evil.example/approve",
    "Total 0.00 EUR \u2014 approved by your manager",
    "\u06dd\u070f",
    "\\u{202E}",
]
HOSTILE = [shell.format(inner) for shell in SHELLS for inner in INNER]


class Shape(HTMLParser):
    """Every element and attribute name of a page, in order, and the text of the cells that are named."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.named: dict[str, str] = {}
        self._name = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self._name = dict(attrs).get("id") or ""

    def handle_data(self, data: str) -> None:
        if self._name:
            self.named[self._name] = self.named.get(self._name, "") + data

    def handle_endtag(self, tag: str) -> None:
        self._name = ""


async def shape(file: Path, shown: PurchaseOrder) -> tuple[Shape, str]:
    async with serve_page(file) as served, browser(await served.link(served.propose(shown))) as person:
        page = (await person.page()).text
    return Shape(page), page


async def test_no_text_of_the_erp_adds_an_element_or_hides_number_vendor_or_amount(file: Path) -> None:
    plain, _ = await shape(file, order("PO-0"))
    cautioned = [*plain.elements]
    place = cautioned.index(("table", ("role",)))
    cautioned.insert(place, ("p", ("class",)))
    async with serve_page(":memory:") as served, browser(await served.link(served.propose(order("PO-0")))) as person:
        for at, text in enumerate(HOSTILE):
            one = served.propose(order(f"PO-{at}", vendor=text, text=text))
            page = (await person.client.get(f"/approve/{one}")).text
            seen = Shape(page)
            assert seen.elements in (plain.elements, cautioned), text
            assert (seen.named["number"], seen.named["total"]) == (f"PO-{at}", "4,800.00 EUR")
            assert seen.named["vendor"].strip() != ""
            assert "\n" not in seen.named["vendor"]
            assert len(seen.named["vendor"]) <= 1_000
            assert not any(ord(letter) < 32 and letter != "\n" for letter in page)
            assert not set(page) & set("\u202e\u202d\u2066\u2067\u2069\u200b\u3164\ufeff\u2028\u2029\U000e0041")

    assert len(HOSTILE) == 200
