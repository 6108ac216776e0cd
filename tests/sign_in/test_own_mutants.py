"""Each control of people's own credentials is taken away in turn, and the attack that it prevents succeeds."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mcp.types import ResourceTemplateReference

from po_mcp.approvals import caller, page_security
from po_mcp.approvals.page_people import Visitor
from po_mcp.concurrency import CallRate
from po_mcp.connectors.inventory_pro import InventoryPro
from po_mcp.connectors.personal import credentials as sealing
from po_mcp.connectors.personal import giving
from po_mcp.connectors.personal.credentials import PeoplesCredentials
from po_mcp.connectors.personal.erp import PersonalERP
from po_mcp.desk import gone
from po_mcp.erp import ERP, Actor, Connection, acting, acting_for
from po_mcp.writes import executor, reconcile
from po_mcp.writes.operation import Operation
from tests.harness import text
from tests.sign_in.approving import fetch_state, visiting
from tests.sign_in.erp_of_people import ALICE, BOB, SECRETS, SERVICE, fill_in, give_credentials, remove_credentials
from tests.sign_in.test_own_credentials import (
    ALL_READS,
    CREATE,
    approve,
    ask,
    call,
    change_while_others_are_tried,
    complete,
    read_all,
    serving_people,
)

Patch = pytest.MonkeyPatch
Attack = Callable[[Path], Awaitable[bool]]


async def a_write_by_somebody_else_than_who_asked(folder: Path) -> bool:
    async with serving_people(folder, "alice", "bob") as (place, server):
        await approve(server, await ask(server))
        return any(user != ALICE for user, _ in place.erp.writes)


async def a_write_without_credentials(folder: Path) -> bool:
    async with serving_people(folder, "alice", "bob") as (place, server):
        asked = await ask(server)
        await remove_credentials(server, "alice")
        await approve(server, asked)
        return bool(place.erp.writes)


async def a_read_without_credentials(folder: Path) -> bool:
    async with serving_people(folder) as (_, server):
        return "PO-2025-" in text(await call(server, "alice", "list_purchase_orders"))


async def a_look_by_somebody_else_than_who_asked(folder: Path) -> bool:
    async with serving_people(folder, "alice", "bob", timeout=2) as (place, server):
        asked = await ask(server)
        place.erp.loses_writes = True
        await approve(server, asked)
        await remove_credentials(server, "alice")
        place.erp.sent.clear()
        await fetch_state(server, "alice", asked)
        return bool(place.erp.sent)


async def credentials_of_another_in_ones_own_row(folder: Path) -> bool:
    async with serving_people(folder, "alice") as (place, server):
        with closing(sqlite3.connect(place.journal)) as db, db:
            db.execute("UPDATE erp_credentials SET person = ?", (f"{server.issuer.url} bob",))
        await call(server, "bob", "list_purchase_orders")
        return ALICE in place.erp.users()


async def a_secret_in_the_journal(folder: Path) -> bool:
    async with serving_people(folder, "alice"):
        return SECRETS[ALICE].encode() in read_all(folder)


async def a_read_with_removed_credentials(folder: Path) -> bool:
    async with serving_people(folder, "alice") as (place, server):
        await call(server, "alice", "list_purchase_orders")
        await remove_credentials(server, "alice")
        place.erp.sent.clear()
        await call(server, "alice", "list_purchase_orders")
        return bool(place.erp.sent)


async def a_list_that_was_read_for_another(folder: Path) -> bool:
    async with serving_people(folder, "alice", "bob") as (place, server):
        place.erp.sees_no_vendors = {BOB}
        await call(server, "alice", "search_catalog", kind="vendor")
        return "Acme Fasteners" in text(await call(server, "bob", "search_catalog", kind="vendor"))


async def a_completion_that_was_read_for_another(folder: Path) -> bool:
    async with serving_people(folder, "alice") as (_, server):
        ref = ResourceTemplateReference(type="ref/resource", uri="po://orders/{number}")
        await complete(server, "alice", ref, "number")
        return bool(await complete(server, "bob", ref, "number"))


async def a_list_that_was_read_with_removed_credentials(folder: Path) -> bool:
    async with serving_people(folder, "alice") as (_, server):
        await call(server, "alice", "search_catalog", kind="vendor")
        await remove_credentials(server, "alice")
        return "Acme Fasteners" in text(await call(server, "alice", "search_catalog", kind="vendor"))


async def credentials_that_do_not_sign_in(folder: Path) -> bool:
    async with serving_people(folder) as (_, server):
        return await give_credentials(server, "alice", ALICE, "wrong") == 303


async def credentials_of_another_company(folder: Path) -> bool:
    async with serving_people(folder) as (place, server):
        place.erp.other_company.add(ALICE)
        return await give_credentials(server, "alice", ALICE) == 303


async def credentials_of_the_server(folder: Path) -> bool:
    async with serving_people(folder) as (_, server):
        return await give_credentials(server, "alice", SERVICE) == 303


async def credentials_of_another_company_where_this_one_has_no_orders(folder: Path) -> bool:
    async with serving_people(folder) as (place, server):
        place.erp.other_company, place.erp.has_no_orders = {ALICE}, {SERVICE}
        return await give_credentials(server, "alice", ALICE) == 303


async def credentials_that_show_no_order(folder: Path) -> bool:
    async with serving_people(folder) as (place, server):
        place.erp.hides_orders.add(ALICE)
        return await give_credentials(server, "alice", ALICE) == 303


async def a_hundred_guesses(folder: Path) -> bool:
    async with serving_people(folder) as (place, server), visiting(server, "alice") as alice:
        for guess in range(giving.TRIES_PER_MINUTE + 1):
            await fill_in(alice, BOB, f"guess {guess}")
        return len(place.erp.sent) > giving.TRIES_PER_MINUTE


async def credentials_that_were_removed_while_others_were_tried(folder: Path) -> bool:
    async with serving_people(folder, "alice") as (place, server):
        _, page = await change_while_others_are_tried(place, server, "remove")
        return "Kept since" in page


async def _is_removed(folder: Path, headers: dict[str, str] | None = None, **fields: str) -> bool:
    async with serving_people(folder, "alice") as (_, server), visiting(server, "alice") as alice:
        own = None if headers is None else {"origin": server.origin, **headers}
        await alice.send("/credentials", "remove", own, **fields)
        return "None are kept." in (await alice.get("/credentials")).text


async def a_form_of_another_site(folder: Path) -> bool:
    return await _is_removed(folder, {"origin": "https://evil.example.com"})


async def a_form_without_the_token_of_this_sign_in(folder: Path) -> bool:
    return await _is_removed(folder, token="0" * 64)


async def a_double_of_an_order_that_one_may_not_see(folder: Path) -> bool:
    async with serving_people(folder, "alice", "bob") as (place, server):
        place.erp.hides_orders = {BOB}
        for who, number in (("alice", "NEW-1"), ("bob", "NEW-2")):
            await call(server, who, CREATE, number=number, **ALL_READS[CREATE])
        return len(place.erp.writes) == 2


async def a_double_of_an_order_that_its_maker_sees_no_more(folder: Path) -> bool:
    async with serving_people(folder, "alice") as (place, server):
        for number in ("NEW-1", "NEW-2"):
            await call(server, "alice", CREATE, number=number, **ALL_READS[CREATE])
            place.erp.hides_orders = {ALICE}
        return len(place.erp.writes) == 2


async def a_read_as_another(folder: Path) -> bool:
    async with serving_people(folder, "alice") as (_, server):
        await call(server, "alice", "list_purchase_orders")
        return "PO-2025-" in text(await call(server, "bob", "list_purchase_orders"))


# The controls, each taken away


def _replace_connection(patch: Patch, name: str, choose: Callable[[PersonalERP], ERP]) -> None:
    @asynccontextmanager
    async def hold(self: PersonalERP) -> AsyncIterator[ERP]:
        yield choose(self)

    patch.setattr(PersonalERP, name, hold)


def everybody_writes_as_the_server(patch: Patch) -> None:
    _replace_connection(patch, "_writing", lambda erp: erp.service)


def everybody_reads_as_the_server(patch: Patch) -> None:
    _replace_connection(patch, "_reading", lambda erp: erp.service)


def the_approver_writes(patch: Patch) -> None:
    async def execute(self: executor.Executor, operation: Operation) -> Any:
        approver = replace(operation.actor, person=operation.payload.consent.given[-1].by)
        with acting_for(approver):
            return await execute_as_it_is(self, operation)

    execute_as_it_is = executor.Executor._execute_approved
    patch.setattr(executor.Executor, "_execute_approved", execute)


def the_server_stands_in(patch: Patch) -> None:
    read = PersonalERP._reading

    @asynccontextmanager
    async def hold(self: PersonalERP) -> AsyncIterator[ERP]:
        actor = acting()
        if actor is None or await self.credentials.find(actor.person) is None:
            yield self.service
            return
        async with read(self) as erp:
            yield erp

    patch.setattr(PersonalERP, "_reading", hold)


def a_sealed_secret_fits_any_person(patch: Patch) -> None:
    patch.setattr(PeoplesCredentials, "_purpose", lambda self, person: b"")


def secrets_are_not_sealed(patch: Patch) -> None:
    patch.setattr(sealing, "seal", lambda key, purpose, content: content.decode())
    patch.setattr(sealing, "unseal", lambda key, purpose, content: content.encode())


def credentials_stay_in_memory(patch: Patch) -> None:
    kept: dict[str, Any] = {}
    find = PeoplesCredentials.find

    async def remember(self: PeoplesCredentials, person: str) -> Any:
        kept[person] = kept.get(person) or await find(self, person)
        return kept[person]

    patch.setattr(PeoplesCredentials, "find", remember)


def one_view_for_all(patch: Patch) -> None:
    _change_actor(patch, lambda actor: replace(actor, view=""))


def one_view_of_a_person(patch: Patch) -> None:
    _change_actor(patch, lambda actor: replace(actor, view=actor.person))


def _change_actor(patch: Patch, change: Callable[[Actor], Actor]) -> None:
    identify = PersonalERP.identify

    async def changed(self: PersonalERP, person: str) -> Actor:
        return change(await identify(self, person))

    patch.setattr(PersonalERP, "identify", changed)


def credentials_are_not_tried(patch: Patch) -> None:
    async def probe(self: InventoryPro) -> None:
        pass

    patch.setattr(InventoryPro, "probe", probe)
    any_books(patch)


def any_books(patch: Patch) -> None:
    async def need(self: giving.CredentialDesk, mine: ERP) -> None:
        pass

    patch.setattr(giving.CredentialDesk, "_need_same_books", need)


def the_servers_credentials_are_taken(patch: Patch) -> None:
    patch.setattr(giving.CredentialDesk, "_need_own", lambda self, mine: None)


def only_the_servers_orders_are_compared(patch: Patch) -> None:
    list_some = giving._list_some

    async def of_server(erp: ERP) -> Any:
        return await list_some(erp) if erp.connection.credentials == Connection.fingerprint(SERVICE) else []

    patch.setattr(giving, "_list_some", of_server)


def any_order_of_that_number(patch: Patch) -> None:
    patch.setattr(giving, "_is_same", lambda servers, persons: True)


def credentials_replace_any_others(patch: Patch) -> None:
    keep = PeoplesCredentials.keep
    patch.setattr(
        PeoplesCredentials, "keep", lambda self, person, name, values, former: keep(self, person, name, values)
    )


def tries_are_unlimited(patch: Patch) -> None:
    patch.setattr(CallRate, "take", lambda self, caller: 0)


def every_origin_is_ours(patch: Patch) -> None:
    patch.setattr(page_security, "_is_own", lambda scope, origin: True)


def a_token_of_any_sign_in(patch: Patch) -> None:
    patch.setattr(Visitor, "is_token", lambda self, given, operation_id: True)


def the_caller_is_anybody(patch: Patch) -> None:
    """Take everybody for the first person who called."""
    first: list[str] = []
    name = caller.user_name

    def remember() -> str:
        first.append(name())
        return first[0]

    patch.setattr(caller, "user_name", remember)


def the_caller_checks_the_write(patch: Patch) -> None:
    the_server_stands_in(patch)
    patch.setattr(reconcile, "acting_for", lambda actor: acting_for(None))


def a_hidden_order_is_absent(patch: Patch) -> None:
    async def find(self: PersonalERP, erp: ERP, get: Callable[[ERP], Awaitable[Any]]) -> Any:
        return await get(erp)

    patch.setattr(PersonalERP, "_find", find)


def the_caller_looks_for_the_order(patch: Patch) -> None:
    patch.setattr(gone, "acting_for", lambda actor: acting_for(acting()))


MUTANTS: list[tuple[Callable[[Patch], None], Attack]] = [
    (everybody_writes_as_the_server, a_write_by_somebody_else_than_who_asked),
    (everybody_reads_as_the_server, a_write_by_somebody_else_than_who_asked),
    (everybody_reads_as_the_server, a_read_without_credentials),
    (the_approver_writes, a_write_by_somebody_else_than_who_asked),
    (the_approver_writes, a_write_without_credentials),
    (the_server_stands_in, a_read_without_credentials),
    (the_server_stands_in, a_write_without_credentials),
    (the_caller_checks_the_write, a_look_by_somebody_else_than_who_asked),
    (a_sealed_secret_fits_any_person, credentials_of_another_in_ones_own_row),
    (secrets_are_not_sealed, a_secret_in_the_journal),
    (credentials_stay_in_memory, a_read_with_removed_credentials),
    (one_view_for_all, a_list_that_was_read_for_another),
    (one_view_for_all, a_completion_that_was_read_for_another),
    (one_view_of_a_person, a_list_that_was_read_with_removed_credentials),
    (the_caller_looks_for_the_order, a_double_of_an_order_that_one_may_not_see),
    (a_hidden_order_is_absent, a_double_of_an_order_that_its_maker_sees_no_more),
    (the_caller_is_anybody, a_read_as_another),
    (credentials_are_not_tried, credentials_that_do_not_sign_in),
    (any_order_of_that_number, credentials_of_another_company),
    (the_servers_credentials_are_taken, credentials_of_the_server),
    (only_the_servers_orders_are_compared, credentials_of_another_company_where_this_one_has_no_orders),
    (any_books, credentials_that_show_no_order),
    (credentials_replace_any_others, credentials_that_were_removed_while_others_were_tried),
    (tries_are_unlimited, a_hundred_guesses),
    (every_origin_is_ours, a_form_of_another_site),
    (a_token_of_any_sign_in, a_form_without_the_token_of_this_sign_in),
]


@pytest.mark.parametrize(("mutant", "attack"), MUTANTS, ids=lambda value: value.__name__)
async def test_an_attack_succeeds_only_without_its_control(
    tmp_path: Path, mutant: Callable[[Patch], None], attack: Attack
) -> None:
    for name in ("intact", "mutated"):
        (tmp_path / name).mkdir()
    intact = await attack(tmp_path / "intact")
    with pytest.MonkeyPatch.context() as patch:
        mutant(patch)
        mutated = await attack(tmp_path / "mutated")

    assert (intact, mutated) == (False, True)
