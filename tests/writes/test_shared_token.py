"""Exsited ends a token with every new one: the processes of one user share one through the journal."""

from __future__ import annotations

from pathlib import Path

import anyio
import httpx2

from po_mcp.connectors.exsited import Exsited
from po_mcp.sandbox import Book, create_app
from po_mcp.writes.journal import JournalStore
from tests.harness import WireSpy
from tests.writes.making import JournalPlace


def connectors(tmp_path: Path, journal_at: JournalPlace, tap: WireSpy, *, shared: bool) -> list[Exsited]:
    """Two connections to one ERP, as two processes of one user have them."""
    tap.around(httpx2.ASGITransport(create_app(Book.open(tmp_path / "book.db"))))
    return [
        Exsited(
            "http://localhost",
            "sandbox",
            "sandbox",
            "https://redirect",
            transport=tap,
            token_store=JournalStore(journal_at).shared_token("exsited") if shared else None,
        )
        for _ in range(2)
    ]


async def sign_ins(tmp_path: Path, journal_at: JournalPlace, *, shared: bool) -> int:
    tap = WireSpy()
    one, other = connectors(tmp_path, journal_at, tap, shared=shared)
    for erp in (one, other) * 5:
        await erp.probe()
    return sum(path.endswith("/oauth2/token") for _, path in tap.seen)


async def test_two_processes_sign_in_once_between_them(tmp_path: Path, journal_at: JournalPlace) -> None:
    assert await sign_ins(tmp_path, journal_at, shared=True) == 1


async def test_without_sharing_they_would_sign_each_other_out_at_every_turn(
    tmp_path: Path, journal_at: JournalPlace
) -> None:
    assert await sign_ins(tmp_path, journal_at, shared=False) == 10


async def test_two_processes_that_start_at_once_sign_in_once_between_them(
    tmp_path: Path, journal_at: JournalPlace
) -> None:
    tap = WireSpy()
    async with anyio.create_task_group() as calls:
        for erp in connectors(tmp_path, journal_at, tap, shared=True):
            calls.start_soon(erp.probe)

    assert sum(path.endswith("/oauth2/token") for _, path in tap.seen) == 1


async def test_a_process_that_died_while_it_signed_in_is_not_waited_for_for_ever(journal_at: JournalPlace) -> None:
    clock = [1_000_000.0]
    token = JournalStore(journal_at, clock=lambda: clock[0]).shared_token("exsited")

    assert [token.claim(30), token.claim(30)] == [True, False]
    clock[0] += 31
    assert token.claim(30)


def test_a_token_is_kept_for_each_connection_and_ends_for_all_at_once(journal_at: JournalPlace) -> None:
    clock = [1_000_000.0]
    one, other = (JournalStore(journal_at, clock=lambda: clock[0]) for _ in range(2))
    mine, of_the_other = one.shared_token("exsited"), other.shared_token("exsited")

    assert mine.load() is None
    mine.save("first", 100)
    of_the_other.save("second", 200)
    clock[0] += 50

    assert mine.load() == of_the_other.load() == ("second", 150)
    assert one.shared_token("another").load() is None


def test_a_token_is_each_processes_own_where_the_journal_cannot_be_used(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    token = JournalStore(tmp_path / "a file" / "journal.db").shared_token("exsited")

    token.save("first", 100)
    assert token.load() is None
    assert token.claim(30)
    token.release()
