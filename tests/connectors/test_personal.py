"""Each person's own ERP credentials: sealed for them alone, used for them alone, by connectors that share the ERP."""

from __future__ import annotations

import inspect
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import anyio
import pytest

from po_mcp import erp as port
from po_mcp.config import Settings
from po_mcp.connectors.http.breaker import ErpBreaker
from po_mcp.connectors.http.call_limit import CallLimit, LentLimit
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.connectors.personal.credentials import PeoplesCredentials
from po_mcp.connectors.personal.erp import PersonalERP
from po_mcp.connectors.personal.giving import CredentialDesk
from po_mcp.connectors.personal.live import LiveConnectors
from po_mcp.connectors.registry import REGISTRY
from po_mcp.connectors.tryton import Tryton
from po_mcp.erp import (
    ERP,
    Actor,
    Connection,
    CreatesDrafts,
    ListsReceipts,
    ReadsById,
    ReadsByReference,
    ServesPeople,
    TellsBooks,
    acting_for,
)
from po_mcp.errors import (
    InvalidInput,
    JournalUnavailable,
    NoCredentials,
    NotPermitted,
    OrderNotFound,
    PurchaseOrderError,
    SignInFailed,
    Unreachable,
    UnreadableOrder,
)
from po_mcp.orders import OrderDraft, OrderQuery, OrderScan, PurchaseOrder
from po_mcp.writes.journal import JournalStore
from tests.writes.making import draft, store_as_asked

OPTIONAL: tuple[Any, ...] = (ReadsById, ReadsByReference, TellsBooks, CreatesDrafts, ListsReceipts)
ALICE, BOB = "https://issuer alice", "https://issuer bob"
CONNECTION = Connection("inventory-pro", "https://erp.example.com/api/v1", "Acme", Connection.fingerprint("service"))
OLD, NEW = b"o" * 32, b"n" * 32
VALUES = {"client_id": "alice-in-erp", "client_secret": "canary-of-alice"}
PAGE = "https://po.example.com/credentials"


class UserOfErp:
    """A connector of one user, which notes what it was asked for."""

    title, notice, limits = "Inventory Pro", "", ""
    capabilities = listed_statuses = cancellable_statuses = frozenset[Any]()
    clock_skew = None

    def __init__(self, user: str = "service", log: list[str] | None = None) -> None:
        self.user = user
        self.connection = replace(CONNECTION, credentials=Connection.fingerprint(user))
        self.log = [] if log is None else log
        self.limit: CallLimit | None = None
        self.breaker: ErpBreaker | None = None
        self.closed = 0
        self.fails: PurchaseOrderError | None = None
        self.made: OrderDraft | None = None

    def check_number(self, number: str) -> str:
        return number

    def check_draft(self, draft: OrderDraft) -> None:
        pass

    def limit_calls(self, limit: CallLimit, breaker: ErpBreaker | None = None) -> None:
        self.limit, self.breaker = limit, breaker

    async def probe(self) -> None:
        self.log.append(f"{self.user} probes")

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        self.log.append(f"{self.user} reads")
        if self.fails is not None:
            raise self.fails
        return store_as_asked(draft(number))

    async def create_order(self, draft: OrderDraft, before_send: Callable[[], None]) -> PurchaseOrder:
        self.log.append(f"{self.user} creates")
        self.made = draft
        return store_as_asked(draft)

    async def aclose(self) -> None:
        self.closed += 1
        if self.limit is not None:
            await self.limit.aclose()


class Desk:
    """Who has which credentials, over a journal in a file."""

    def __init__(self, folder: Path, keys: tuple[bytes, ...] = (NEW,)) -> None:
        self.file = folder / "journal.db"
        self.store = JournalStore(self.file)
        self.log: list[str] = []
        self.service = UserOfErp(log=self.log)
        self.made: list[UserOfErp] = []
        self.credentials = self.sealed_with(*keys)
        self.erp = PersonalERP(cast(ERP, self.service), self.credentials, self.build, PAGE)

    def sealed_with(self, *keys: bytes, connection: str = CONNECTION.key) -> PeoplesCredentials:
        return PeoplesCredentials(self.store.credential_rows(connection), keys, connection)

    def build(self, values: Mapping[str, str]) -> ERP:
        self.made.append(UserOfErp(values["client_id"], self.log))
        return cast(ERP, self.made[-1])

    async def read(self, person: str, name: str = "", **more: Any) -> PurchaseOrder:
        with acting_for(Actor(person, name, **more)):
            return await self.erp.get_order("PO-1")

    def move_row(self, person: str, connection: str = CONNECTION.key) -> None:
        with closing(sqlite3.connect(self.file)) as db, db:
            db.execute("UPDATE erp_credentials SET person = ?, connection = ?", (person, connection))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# How they are kept


async def test_kept_credentials_open_for_their_person_and_tell_a_reader_of_the_journal_nothing(desk: Desk) -> None:
    await desk.credentials.keep(ALICE, "Alice", VALUES)
    found = await desk.credentials.find(ALICE)

    assert found is not None
    assert found.values == VALUES
    assert "canary" not in repr(found)
    assert b"canary" not in b"".join(path.read_bytes() for path in desk.file.parent.iterdir())
    assert await desk.credentials.find(BOB) is None


@pytest.mark.parametrize("where", ["another person", "another company"])
async def test_a_row_that_is_copied_opens_nowhere_else(desk: Desk, where: str) -> None:
    other = Connection(CONNECTION.erp, CONNECTION.address, "Bluth", CONNECTION.credentials).key
    await desk.credentials.keep(ALICE, "Alice", VALUES)
    if where == "another person":
        desk.move_row(BOB)
        found, since = await desk.credentials.find(BOB), await desk.credentials.given_at(BOB)
    else:
        desk.move_row(ALICE, other)
        there = desk.sealed_with(NEW, connection=other)
        found, since = await there.find(ALICE), await there.given_at(ALICE)

    assert (found, since) == (None, None)


@pytest.mark.parametrize("text", ["", "v1.", "v1.!!!", "v2.abcd", '{"client_id": "x"}'])
async def test_a_row_of_any_other_text_is_none(desk: Desk, text: str) -> None:
    desk.store.credential_rows(CONNECTION.key).keep(ALICE, text, "Alice")

    assert await desk.credentials.find(ALICE) is None
    assert await desk.credentials.keep_up() == {ALICE}


@pytest.mark.parametrize("way", ["used", "kept up"])
async def test_keys_are_changed_in_three_steps_and_nobody_gives_anything_again(desk: Desk, way: str) -> None:
    await desk.sealed_with(OLD).keep(ALICE, "Alice", VALUES)
    assert await desk.sealed_with(OLD, NEW).find(ALICE) is not None
    rotated = desk.sealed_with(NEW, OLD)
    before = await rotated.version(ALICE)
    used = await rotated.find(ALICE) if way == "used" else None
    if way == "kept up":
        await rotated.keep_up()

    found = await desk.sealed_with(NEW).find(ALICE)
    assert found is not None
    assert found.values == VALUES
    assert await rotated.version(ALICE) == found.version != before
    assert used is None or used.version == found.version
    assert await desk.sealed_with(OLD).find(ALICE) is None
    assert [event.event for event in desk.store.events("")] == ["ERP credentials given"]


async def test_where_the_journal_cannot_be_used_the_error_says_that_reading_waits_too(desk: Desk) -> None:
    await desk.credentials.keep(ALICE, "Alice", VALUES)
    desk.store.close()
    desk.file.unlink()
    desk.file.write_bytes(b"no journal" * 1000)

    with pytest.raises(JournalUnavailable) as refused:
        await desk.read(ALICE)
    assert "nothing can be read now, either" in refused.value.next_step
    one, other = await desk.erp.identify(ALICE), await desk.erp.identify(ALICE)
    assert one.view != other.view, "what was kept before is shown to nobody meanwhile"


# With whose the ERP is asked


async def test_each_person_is_asked_for_with_their_own_and_by_one_connector(desk: Desk) -> None:
    await desk.credentials.keep(ALICE, "Alice", VALUES)
    await desk.credentials.keep(BOB, "Bob", {**VALUES, "client_id": "bob-in-erp"})
    for person in (ALICE, BOB, ALICE):
        await desk.read(person)

    assert desk.log == ["alice-in-erp reads", "bob-in-erp reads", "alice-in-erp reads"]
    assert len(desk.made) == 2
    assert desk.erp.connection.key == CONNECTION.key


@pytest.mark.parametrize("actor", [None, Actor("")], ids=["nobody said it", "not signed in"])
async def test_for_nobody_nothing_is_asked_but_whether_the_erp_answers(desk: Desk, actor: Actor | None) -> None:
    with acting_for(actor), pytest.raises(NoCredentials, match=r"nobody has signed in\. Nothing was sent\."):
        await desk.erp.get_order("PO-1")
    assert desk.log == []
    await desk.erp.probe()
    assert desk.log == ["service probes"]


async def test_a_person_without_credentials_learns_where_to_give_them_and_a_requester_is_named(desk: Desk) -> None:
    with pytest.raises(NoCredentials) as mine:
        await desk.read(ALICE)
    with pytest.raises(NoCredentials) as missing:
        await desk.read(ALICE, "Alice Adams", may_write=True)

    assert str(mine.value) == (
        "Your own credentials for Inventory Pro are missing. Nothing was sent. "
        f"Open {PAGE}, sign in and enter them; then ask again."
    )
    assert str(missing.value).startswith("Alice Adams's own credentials for Inventory Pro are missing.")
    assert f"Alice Adams must open {PAGE}" in str(missing.value)
    assert (desk.log, mine.value.effect) == ([], "nothing_sent")


async def test_a_caller_writes_nothing_and_a_requester_as_themselves(desk: Desk) -> None:
    await desk.credentials.keep(ALICE, "Alice", VALUES)
    asked = draft(requested_by="Alice Adams", note="Dock 3")
    with acting_for(Actor(ALICE)):
        for write in (
            desk.erp.create_order(asked),
            desk.erp.finalize_order("PO-1", create_backorder=False),
            desk.erp.delete_order("PO-1"),
            desk.erp.cancel_order("PO-1"),
        ):
            with pytest.raises(NoCredentials, match="Only who requested"):
                await write
    assert desk.log == []
    with acting_for(Actor(ALICE, "Alice Adams", may_write=True)):
        await desk.erp.create_order(asked)

    assert desk.log == ["alice-in-erp creates"]
    assert desk.made[0].made is not None
    assert (desk.made[0].made.buyer, desk.made[0].made.note) == ("", "Dock 3"), "the ERP shows who it is by itself"


async def test_credentials_that_the_erp_refuses_are_their_persons_to_mend_and_not_the_administrators(
    desk: Desk,
) -> None:
    await desk.credentials.keep(ALICE, "Alice", VALUES)
    await desk.read(ALICE)
    desk.made[0].fails = SignInFailed(
        "Inventory Pro rejected the client id or secret (HTTP 401).", effect="nothing_sent"
    )
    with pytest.raises(SignInFailed) as refused:
        await desk.read(ALICE)
    desk.made[0].fails = Unreachable("No answer.", effect="nothing_sent")
    with pytest.raises(Unreachable) as away:
        await desk.read(ALICE)

    assert refused.value.next_step == f"Open {PAGE} and enter the credentials again; then ask again."
    assert away.value.next_step == Unreachable.next_step


async def test_credentials_removed_or_replaced_elsewhere_count_at_the_next_call(desk: Desk) -> None:
    await desk.credentials.keep(ALICE, "Alice", VALUES)
    first = await desk.erp.identify(ALICE)
    await desk.read(ALICE)
    with closing(JournalStore(desk.file)) as another:
        replica = PeoplesCredentials(another.credential_rows(CONNECTION.key), (NEW,), CONNECTION.key)
        await replica.keep(ALICE, "Alice", {**VALUES, "client_id": "alice-new"})
        second = await desk.erp.identify(ALICE)
        await desk.read(ALICE)
        assert await replica.remove(ALICE, ALICE)
    with pytest.raises(NoCredentials):
        await desk.read(ALICE)
    third = await desk.erp.identify(ALICE)

    assert desk.log == ["alice-in-erp reads", "alice-new reads"]
    assert [one.closed for one in desk.made] == [1, 0]
    assert len({first.view, second.view, third.view}) == 3
    await desk.erp.keep_up()
    assert [one.closed for one in desk.made] == [1, 1]


async def test_views_of_two_people_are_never_the_same(desk: Desk) -> None:
    assert (await desk.erp.identify(ALICE)).view != (await desk.erp.identify(BOB)).view


class Recorder(UserOfErp):
    """A connector of everything that any ERP offers, which notes each call with all that it was given."""

    creates_drafts = lists_receipts = True

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattribute__(self, name: str) -> Any:
        if name not in FORWARDED:
            return super().__getattribute__(name)

        async def note(*given: Any, **named: Any) -> Any:
            self.calls.append((name, given, named))
            return name

        return note

    get_order_of_id = get_order_of_reference = read_books = None  # looked for on the class, answered as above


FORWARDED: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "scan_orders": (("query", "progress"), {}),
    "get_order": (("PO-1",), {"in_any_case": True}),
    "get_order_of_id": (("id", "PO-1"), {}),
    "get_order_of_reference": (("reference",), {}),
    "read_books": ((), {}),
    "vendors": ((), {}),
    "items": (("on items",), {}),
    "warehouses": ((), {}),
    "read_vendor": (("vendor",), {}),
    "read_item": (("item",), {}),
    "snapshot": (("PO-1", "delete"), {}),
    "finalize_order": (("PO-1",), {"create_backorder": True, "before_send": len, "version": "3"}),
    "delete_order": (("PO-1", len), {"version": "3"}),
    "cancel_order": (("PO-1", len), {"version": "3"}),
}
"""Every call of the port that is sent on as it is; a create leaves the requester's name out."""


@pytest.mark.parametrize("name", FORWARDED)
async def test_a_call_arrives_with_all_that_it_was_given(tmp_path: Path, name: str) -> None:
    credentials, mine = Desk(tmp_path).credentials, Recorder()
    await credentials.keep(ALICE, "Alice", VALUES)
    erp: Any = PersonalERP(cast(ERP, Recorder()), credentials, lambda values: cast(ERP, mine), PAGE)
    given, named = FORWARDED[name]
    with acting_for(Actor(ALICE, "Alice", may_write=True)):
        answer = await getattr(erp, name)(*given, **named)

    assert mine.calls == [(name, given, named)]
    assert answer == (None if name in ("delete_order", "cancel_order") else name)


def test_every_further_offer_of_an_erp_is_known_here() -> None:
    """A new protocol of the port must be offered for people, too, or what looks for it would not find it."""
    protocols = {name for name, one in vars(port).items() if getattr(one, "_is_runtime_protocol", False)}

    assert protocols - {"ServesPeople", "ReportsRights"} == {one.__name__ for one in OPTIONAL}


def test_every_call_of_the_port_is_sent_on() -> None:
    calls = {name for name, one in vars(ERP).items() if inspect.iscoroutinefunction(one)}
    optional = {"get_order_of_id", "get_order_of_reference", "read_books"}

    assert calls - {"probe", "aclose", "create_order"} == FORWARDED.keys() - optional


def test_a_personal_erp_offers_what_its_erp_does_and_no_more(desk: Desk) -> None:
    inventory_pro = InventoryPro("https://erp.example.com", "id", "secret")
    tryton = Tryton("https://erp.example.com/po", "login", "password")
    for service in (inventory_pro, tryton):
        personal = PersonalERP(service, desk.credentials, desk.build, PAGE)
        assert isinstance(personal, ServesPeople)
        assert [isinstance(personal, one) for one in OPTIONAL] == [isinstance(service, one) for one in OPTIONAL]
        assert personal.capabilities == service.capabilities


SEEN: dict[str, tuple[bool, PurchaseOrderError | None, type[PurchaseOrderError]]] = {
    "hidden from who requested": (True, None, NotPermitted),
    "hidden from a caller": (False, None, OrderNotFound),
    "there is none": (True, OrderNotFound("None."), OrderNotFound),
    "nobody can tell": (True, Unreachable("No answer."), Unreachable),
}


@pytest.mark.parametrize("case", SEEN)
@pytest.mark.parametrize("way", ["number", "id", "reference"])
async def test_an_order_hidden_from_its_requester_is_not_absent(tmp_path: Path, case: str, way: str) -> None:
    class UserOfIds(UserOfErp):
        async def get_order_of_id(self, erp_id: str, number: str) -> PurchaseOrder:
            return await self.get_order(number)

        async def get_order_of_reference(self, reference: str) -> PurchaseOrder:
            return await self.get_order("PO-1")

    may_write, at_service, raised = SEEN[case]
    service, mine = UserOfIds(), UserOfIds("alice")
    service.fails, mine.fails = at_service, OrderNotFound("None.")
    credentials = Desk(tmp_path).credentials
    await credentials.keep(ALICE, "Alice", VALUES)
    erp: Any = PersonalERP(cast(ERP, service), credentials, lambda values: cast(ERP, mine), PAGE)
    reads = {
        "number": lambda: erp.get_order("PO-1"),
        "id": lambda: erp.get_order_of_id("1", "PO-1"),
        "reference": lambda: erp.get_order_of_reference("r"),
    }
    with acting_for(Actor(ALICE, "Alice Adams", may_write=may_write)), pytest.raises(PurchaseOrderError) as reported:
        await reads[way]()

    assert type(reported.value) is raised
    assert bool(service.log) == may_write, "of others' orders a caller is told nothing"


# What connectors share, and when they are closed


async def test_connectors_share_a_limit_and_a_breaker_which_outlive_each_of_them(desk: Desk) -> None:
    closed = []

    class Slots:
        def one(self) -> Any:
            raise NotImplementedError

        async def aclose(self) -> None:
            closed.append(self)

    await desk.credentials.keep(ALICE, "Alice", VALUES)
    desk.erp.limit_calls(CallLimit(1, Slots()))
    await desk.read(ALICE)
    mine = desk.made[0]
    await desk.erp.credentials.remove(ALICE, ALICE)
    await desk.erp.keep_up()

    assert isinstance(mine.limit, LentLimit)
    assert mine.breaker is desk.service.breaker is not None
    assert (mine.closed, closed) == (1, [])
    await desk.erp.aclose()
    assert len(closed) == 1


async def test_a_lent_limit_has_the_places_of_its_owner() -> None:
    limit = CallLimit(1)
    async with LentLimit(limit).take(1.0):
        with pytest.raises(PurchaseOrderError, match="Too many requests"):
            async with limit.take(0.01):
                pass
    async with limit.take(0.01):
        pass


async def test_a_connector_is_closed_when_it_was_not_used_for_longest_and_never_while_it_is_used() -> None:
    live, made = LiveConnectors(most=3), {name: UserOfErp(name) for name in "abcd"}

    def hold(name: str, version: str = "1") -> Any:
        return live.hold(name, version, lambda: cast(ERP, made[name]))

    async with hold("a"):
        for name in "bcbd":
            async with hold(name):
                pass
        assert {name: one.closed for name, one in made.items()} == {"a": 0, "b": 0, "c": 1, "d": 0}
    async with hold("a") as erp:
        assert (erp, made["a"].closed) == (made["a"], 0)


async def test_a_connector_whose_credentials_were_replaced_is_closed_by_its_last_call() -> None:
    live, old, new = LiveConnectors(), UserOfErp("old"), UserOfErp("new")
    async with live.hold("a", "1", lambda: cast(ERP, old)):
        async with live.hold("a", "1", lambda: cast(ERP, old)):
            async with live.hold("a", "2", lambda: cast(ERP, new)) as erp:
                assert cast(Any, erp) is new
            assert old.closed == 0
        assert old.closed == 0
    assert (old.closed, new.closed) == (1, 0)
    await live.aclose()
    assert (old.closed, new.closed) == (1, 1)


async def test_a_connector_that_fails_to_close_or_hangs_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("po_mcp.connectors.personal.live._CLOSE_S", 0.05)

    class Hangs(UserOfErp):
        async def aclose(self) -> None:
            await anyio.sleep_forever()

    class Fails(UserOfErp):
        async def aclose(self) -> None:
            raise RuntimeError("canary")

    live = LiveConnectors()
    for version, erp in enumerate((Hangs(), Fails(), UserOfErp())):
        async with live.hold("a", str(version), lambda erp=erp: erp):  # type: ignore[misc]
            pass


# What a person enters


def test_client_id_and_secret_belong_to_a_user_unless_an_erp_says_more() -> None:
    usual = ("client_id", "client_secret")

    assert {name: one.personal for name, one in REGISTRY.items() if one.personal != usual} == {
        "sandbox": (),
        "exsited": (*usual, "redirect_uri"),
    }


def test_people_are_asked_in_the_words_of_their_erp(desk: Desk) -> None:
    asked = {
        name: [(field.label, field.is_secret) for field in CredentialDesk(REGISTRY[name], desk.erp).fields]
        for name in ("inventory-pro", "tryton", "exsited")
    }

    assert asked == {
        "inventory-pro": [("Client id", False), ("Client secret", True)],
        "tryton": [("Login", False), ("Password", True)],
        "exsited": [
            ("Client id", False),
            ("Client secret", True),
            ("Redirect URI that belongs to the credentials", False),
        ],
    }


async def test_a_value_that_cannot_be_such_a_setting_is_not_tried(desk: Desk) -> None:
    taking = CredentialDesk(REGISTRY["exsited"], desk.erp)
    with pytest.raises(InvalidInput, match="Redirect URI that belongs to the credentials: it must be") as refused:
        await taking.give(ALICE, "Alice", {**VALUES, "redirect_uri": "canary"})

    assert "canary" not in str(refused.value)
    assert (desk.log, desk.made) == ([], [])


@pytest.mark.parametrize(("company", "is_kept"), [("company 1", True), ("company 2", False)])
async def test_where_the_erp_tells_the_company_it_decides(tmp_path: Path, company: str, is_kept: bool) -> None:
    class UserOfCompany(UserOfErp):
        async def read_books(self) -> str:
            return "company 1" if self.user == "service" else company

    service = cast(ERP, UserOfCompany())
    credentials = Desk(tmp_path).credentials
    erp = PersonalERP(service, credentials, lambda values: cast(ERP, UserOfCompany(values["client_id"])), PAGE)
    with nullcontext() if is_kept else pytest.raises(InvalidInput, match="they may be another company's"):
        await CredentialDesk(REGISTRY["tryton"], erp).give(ALICE, "Alice", VALUES)

    assert (await credentials.find(ALICE) is not None) == is_kept


class UserOfBooks(UserOfErp):
    """Lists numbers and opens orders, each a vendor or the error that comes in its place."""

    def __init__(self, user: str, listed: str, opened: Mapping[str, str | PurchaseOrderError], unreadable: int) -> None:
        super().__init__(user)
        self.listed, self.opened, self.unreadable = listed.split(), opened, unreadable

    async def scan_orders(self, query: OrderQuery) -> OrderScan:
        orders = tuple(store_as_asked(draft(number)) for number in self.listed)
        return OrderScan(orders=orders, read=len(orders), unreadable=self.unreadable)

    async def get_order(self, number: str, *, in_any_case: bool = False) -> PurchaseOrder:
        found = self.opened.get(number, OrderNotFound("None."))
        if isinstance(found, PurchaseOrderError):
            raise found
        return store_as_asked(draft(number)).model_copy(update={"vendor": found})


ALL = dict.fromkeys(["A", "B", "C", "D", "E"], "Acme")
ODD = {**ALL, "A": UnreadableOrder("Odd."), "B": InvalidInput("No order can have this number.")}
Books = tuple[str, Mapping[str, Any], int]
BOOKS: dict[str, tuple[Books, Books, bool]] = {
    "the same": (("A B", ALL, 0), ("A B", ALL, 0), True),
    "nobody sees any": (("", {}, 0), ("", {}, 0), True),
    "few rights: the first seen are not the server's first": (("A B C D E", ALL, 0), ("E", {"E": "Acme"}, 0), True),
    "they list none and open one": (("A B", ALL, 0), ("", {"B": "Acme"}, 0), True),
    "one that cannot be opened is passed over": (("A B C", ODD, 0), ("A B C", ODD, 0), True),
    "they see none": (("A", ALL, 0), ("", {}, 0), False),
    "the server sees none, and they see others": (("", {}, 0), ("A B", {"A": "Bluth", "B": "Bluth"}, 0), False),
    "the server opens none of the person's": (("A", ALL, 0), ("X", {"X": "Bluth"}, 0), False),
    "another order of that number": (("A B", ALL, 0), ("A B", {"A": "Bluth", "B": "Acme"}, 0), False),
    "a row of the person's does not tell its number": (("", {}, 0), ("", {}, 1), False),
    "none can be opened": (("A B", ODD, 0), ("A B", ODD, 0), False),
}


@pytest.mark.parametrize("books", BOOKS)
async def test_an_order_that_both_see_shows_whose_books_they_are(tmp_path: Path, books: str) -> None:
    servers, persons, is_kept = BOOKS[books]
    service, credentials = cast(ERP, UserOfBooks("service", *servers)), Desk(tmp_path).credentials
    erp = PersonalERP(service, credentials, lambda values: cast(ERP, UserOfBooks("alice", *persons)), PAGE)
    with nullcontext() if is_kept else pytest.raises(InvalidInput, match="they may be another company's"):
        await CredentialDesk(REGISTRY["exsited"], erp).give(ALICE, "Alice", {**VALUES, "redirect_uri": "https://a.com"})

    assert (await credentials.find(ALICE) is not None) == is_kept


def test_the_connector_of_a_person_differs_in_their_credentials_alone() -> None:
    base = {"erp": "exsited", "base_url": "https://erp.example.com", "client_id": "service", "client_secret": "s"}
    given = Settings.model_validate({**base, "redirect_uri": "https://one.example.com", "timeout": 7})
    changed = given.with_credentials({**VALUES, "redirect_uri": "https://two.example.com"})

    assert changed.credentials() == ("https://erp.example.com", "alice-in-erp", "canary-of-alice")
    assert (changed.erp_settings["redirect_uri"], changed.timeout) == ("https://two.example.com", 7)
    assert (given.credentials()[1], given.erp_settings["redirect_uri"]) == ("service", "https://one.example.com")
    assert "canary" not in repr(changed)
