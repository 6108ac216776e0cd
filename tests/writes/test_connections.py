"""Whose operations they are: no approval or doubt of one instance or company is ever used in another."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import pytest

from po_mcp.connectors.http.urls import normalize_base_url
from po_mcp.erp import Connection
from po_mcp.errors import ConnectionNotAdopted
from po_mcp.writes.journal import JournalStore
from po_mcp.writes.journal.connections import former_names
from po_mcp.writes.journal.moves import rename_connection
from po_mcp.writes.operation import State
from tests.writes.erp import Bench
from tests.writes.making import (
    Clock,
    JournalPlace,
    create,
    find,
    find_begun,
    find_recent,
    guarded_operation,
    order,
    propose,
    state_of,
    take_to,
)

PROD = Connection("exsited", "https://erp.example.com/prod/api", None, Connection.fingerprint("client-1"))
TEST = replace(PROD, address="https://erp.example.com/test/api")
ROTATED = replace(PROD, credentials=Connection.fingerprint("client-2"))
ACME = replace(PROD, company="acme")
OTHERS = [
    TEST,
    replace(PROD, address="http://erp.example.com/prod/api"),
    replace(PROD, address="https://erp.example.com:8443/prod/api"),
    replace(PROD, address="https://erp.example.org/prod/api"),
    replace(PROD, erp="inventory-pro"),
    ROTATED,
    ACME,
]


def on(connection: Connection, store: JournalStore, kind: str = "delete", state: State = "UNKNOWN") -> str:
    name = store.join(connection)
    operation = create(connection=name) if kind == "create" else guarded_operation(kind, connection=name)
    return take_to(store, operation, state, connection)


@pytest.mark.parametrize("other", OTHERS, ids=lambda one: one.key)
def test_a_connection_is_scheme_host_port_path_and_company(other: Connection) -> None:
    assert other.key != PROD.key


def test_a_company_outlives_its_credentials() -> None:
    assert replace(ACME, credentials="rotated").key == ACME.key


@pytest.mark.parametrize("state", ["APPROVED", "UNKNOWN", "WATCHED", "SENT", "DONE"])
def test_two_paths_on_one_host_know_nothing_of_each_other(store: JournalStore, state: State) -> None:
    """A copied database has the same client id and the same orders."""
    operation_id = on(TEST, store, state=state)
    name = store.join(PROD)

    assert store.live(name) == []
    assert find_begun(store, guarded_operation(), PROD) is None
    assert find_recent(store, guarded_operation(connection=name)) is None
    assert store.claim(operation_id, PROD) is None
    assert propose(store, guarded_operation(connection=name)).state == "PROPOSED"


async def test_a_doubt_of_one_instance_is_not_settled_by_reading_another(store: JournalStore) -> None:
    operation_id = on(TEST, store, "finalize")
    production = Bench(store)
    production.erp.connection = PROD
    production.erp.orders["PO-1"] = order(status="closed")
    store.join(PROD)

    await production.executor.reconciler.recover()

    assert state_of(store, operation_id) == "UNKNOWN"


def test_the_first_use_of_an_address_records_it(store: JournalStore, journal_at: JournalPlace, clock: Clock) -> None:
    assert store.join(PROD) == PROD.key
    assert JournalStore(journal_at, 600, clock).join(PROD) == PROD.key
    assert store.name_of(TEST) == TEST.key


# A rotated client id


@pytest.mark.parametrize("state", ["APPROVED", "SENT", "UNKNOWN", "WATCHED", "DONE"])
def test_other_credentials_at_a_known_address_stop_writes_and_not_reads(store: JournalStore, state: State) -> None:
    """The operation in doubt was forgotten, and the same call ordered again."""
    operation_id = on(PROD, store, "create", state)

    with pytest.raises(ConnectionNotAdopted, match="po-mcp journal adopt"):
        store.join(ROTATED)
    with pytest.raises(ConnectionNotAdopted):
        store.claim(operation_id, ROTATED)
    assert store.name_of(ROTATED) == ROTATED.key
    assert store.needs_adoption(ROTATED)
    assert store.join(PROD) == PROD.key


@pytest.mark.parametrize("state", ["SENT", "UNKNOWN", "WATCHED"])
def test_as_the_same_company_what_was_sent_is_theirs(store: JournalStore, state: State) -> None:
    operation_id = on(PROD, store, "create", state)

    name = store.upkeep.adopt(ROTATED, "same")

    assert name == store.join(ROTATED) == store.name_of(ROTATED) == PROD.key
    assert [one.operation.id for one in store.live(name)] == [operation_id]
    same = find_begun(store, create(), ROTATED)
    assert same is not None
    assert same.operation.id == operation_id


def test_of_two_operations_on_one_order_the_one_under_the_name_stays_alone(store: JournalStore) -> None:
    first = on(PROD, store, state="UNKNOWN")
    second = on(TEST, store, state="UNKNOWN")
    with store._file.writing() as db:
        rename_connection(db, TEST.key, PROD.key, store.now())

    assert find(store, first).operation.connection == PROD.key
    assert find(store, second).operation.connection == TEST.key


@pytest.mark.parametrize("state", ["PROPOSED", "APPROVED"])
def test_as_the_same_company_what_waited_ends(store: JournalStore, state: State) -> None:
    operation_id = on(PROD, store, state=state)

    store.upkeep.adopt(ROTATED, "same")

    assert state_of(store, operation_id) == "EXPIRED"
    assert store.claim(operation_id, ROTATED) is None
    assert store.events(operation_id)[-1].detail == {"because": "the credentials were changed"}


def test_as_another_company_nothing_of_the_first_is_used(store: JournalStore) -> None:
    operation_id = on(PROD, store, "create")
    store.upkeep.adopt(ROTATED, "other")

    name = store.join(ROTATED)

    assert name == ROTATED.key != PROD.key
    assert store.live(name) == []
    assert find(store, operation_id).operation.connection == PROD.key
    assert propose(store, create(connection=name)).state == "PROPOSED"


def test_left_alone_writes_stay_stopped(store: JournalStore) -> None:
    on(PROD, store)

    for _ in range(2):
        with pytest.raises(ConnectionNotAdopted):
            store.join(ROTATED)


def test_operations_that_may_be_adopted_can_be_looked_at_before_the_answer(store: JournalStore) -> None:
    operation_id = on(PROD, store)
    on(TEST, store)

    assert [one.operation.id for one in store.adoptable(ROTATED)] == [operation_id]
    assert store.adoptable(PROD) == []


def test_an_answer_is_kept_in_the_audit_log(store: JournalStore) -> None:
    on(PROD, store)
    store.upkeep.adopt(ROTATED, "same")

    assert [(one.event, one.detail) for one in store.events("")] == [
        ("adopted", {"connection": PROD.key, "as": "same"})
    ]
    assert store.upkeep.verify() == []


# Names of companies


def test_a_name_given_later_to_the_same_credentials_is_the_same_connection(store: JournalStore) -> None:
    operation_id = on(PROD, store)

    assert store.join(ACME) == PROD.key
    assert [one.operation.id for one in store.live(store.name_of(ACME))] == [operation_id]


def test_a_name_taken_away_again_is_the_same_connection(store: JournalStore) -> None:
    operation_id = on(ACME, store)

    assert store.join(PROD) == ACME.key
    assert [one.operation.id for one in store.live(store.name_of(PROD))] == [operation_id]


@pytest.mark.parametrize(("first", "then"), [(PROD, ACME), (ACME, PROD)])
def test_a_client_that_has_only_read_meets_what_was_sent_under_the_other_name(
    store: JournalStore, first: Connection, then: Connection
) -> None:
    operation_id = on(first, store)

    assert [one.operation.id for one in store.live(store.name_of(then))] == [operation_id]


def test_reading_joins_neither_two_names_nor_two_sets_of_credentials(store: JournalStore) -> None:
    on(ACME, store)

    for other in (replace(ACME, company="bolts"), replace(ROTATED, company="acme"), ROTATED):
        assert store.name_of(other) == other.key


def test_two_names_for_one_client_id_are_never_joined_without_a_person(store: JournalStore) -> None:
    on(ACME, store)

    with pytest.raises(ConnectionNotAdopted):
        store.join(replace(ACME, company="bolts"))


def test_a_name_does_not_join_two_sets_of_credentials(store: JournalStore) -> None:
    on(ACME, store)

    with pytest.raises(ConnectionNotAdopted):
        store.join(replace(ROTATED, company="acme"))


def test_two_companies_with_names_at_one_address_need_no_answer(store: JournalStore) -> None:
    on(ACME, store)

    other = replace(ROTATED, company="bolts")

    assert store.join(other) == other.key
    assert store.live(other.key) == []


def test_another_company_of_the_same_name_needs_another_name(store: JournalStore) -> None:
    on(ACME, store)

    assert store.upkeep.adopt(replace(ROTATED, company="acme"), "other") is None
    assert store.upkeep.adopt(replace(ROTATED, company="bolts"), "other") is not None


def test_a_company_whose_credentials_were_adopted_keeps_its_name_over_many_rotations(store: JournalStore) -> None:
    operation_id = on(PROD, store)
    for place in range(3):
        rotated = replace(PROD, credentials=f"rotated {place}")
        assert store.upkeep.adopt(rotated, "same") == PROD.key

    assert [one.operation.id for one in store.live(store.name_of(rotated))] == [operation_id]


# What people are shown


@pytest.mark.parametrize(
    ("connection", "label"),
    [
        (PROD, "erp.example.com/prod/api"),
        (ACME, "acme"),
        (Connection("sandbox", "/home/ada/book.db"), "/home/ada/book.db"),
    ],
)
def test_every_question_can_name_its_connection(connection: Connection, label: str) -> None:
    assert connection.label == label


def test_no_client_id_stands_in_a_name() -> None:
    assert "client-1" not in PROD.key + PROD.label + repr(PROD)


# Names of version 1


@pytest.mark.parametrize(
    "url",
    [
        "https://erp.example.com",
        "https://ERP.Example.com/api/v1",
        "https://erp.example.com:443/api",
        "http://erp.example.com:8080/",
        "https://münchen.example/api",
        "http://[::1]:8000/api",
        "http://192.168.1.7",
    ],
)
def test_the_address_of_today_leads_to_the_name_of_version_1(store: JournalStore, url: str) -> None:
    """Version 1 took the host and port of the base URL as httpx2 writes them."""
    former = f"exsited {httpx2.URL(url).netloc.decode()} {Connection.fingerprint('client-1')}"
    take_to(store, guarded_operation(), "UNKNOWN")
    with store._file.writing() as db:
        db.execute("UPDATE write_operations SET connection = ?", (former,))
        assert former_names(db, replace(PROD, address=normalize_base_url(url))) == [former]
