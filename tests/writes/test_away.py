"""A database that is away, stands still or comes back: nothing is written meanwhile, and nobody waits for long."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg
import pytest

from po_mcp.errors import JournalUnavailable
from po_mcp.writes.journal import JournalStore, postgres, postgres_connections
from po_mcp.writes.journal.breaker import FIRST_PAUSE_S, LONGEST_PAUSE_S, DatabaseBreaker
from po_mcp.writes.journal.postgres_connections import CHECKOUT_S
from tests.postgres import Cluster, running_cluster
from tests.writes.making import CONNECTION, guarded_operation, propose, state_of, take_to

pytestmark = pytest.mark.postgres


@pytest.fixture
def own() -> Iterator[Cluster]:
    """A server that the test may stop."""
    with running_cluster() as cluster:
        yield cluster


def seconds_of(call: Callable[[], object]) -> float:
    before = time.monotonic()
    with pytest.raises(JournalUnavailable, match=r"does not answer.*Nothing was sent"):
        call()
    return time.monotonic() - before


def test_a_database_that_fails_once_is_not_waited_for_again_and_comes_back_by_itself(own: Cluster) -> None:
    with closing(JournalStore(own.address)) as store:
        operation_id = take_to(store, guarded_operation(), "APPROVED")
        own.stop()
        first = seconds_of(lambda: store.claim(operation_id, CONNECTION))
        others = [seconds_of(lambda: store.find(operation_id)) for _ in range(20)]
        token = store.shared_token("exsited")
        before = time.monotonic()
        assert token.load() is None
        token.save("a token", 60)
        waited = time.monotonic() - before
        own.start()
        again = until_it_answers(store)

        assert state_of(store, operation_id) == "APPROVED"
        assert store.claim(operation_id, CONNECTION) is not None
    assert first < CHECKOUT_S + 2
    assert sum(others) + waited < 2 * (CHECKOUT_S + 2)  # one of them may have tried
    assert again < LONGEST_PAUSE_S + CHECKOUT_S + 3


def until_it_answers(store: JournalStore) -> float:
    before = time.monotonic()
    while time.monotonic() - before < 60:
        try:
            store.live(None)
        except JournalUnavailable:
            time.sleep(0.05)
        else:
            return time.monotonic() - before
    raise AssertionError("it did not come back")


def test_a_server_that_was_restarted_is_found_again_by_the_next_call(own: Cluster) -> None:
    with closing(JournalStore(own.address)) as store:
        operation_id = take_to(store, guarded_operation(), "APPROVED")
        own.stop()
        own.start()

        assert store.claim(operation_id, CONNECTION) is not None


def test_a_server_that_stands_still_is_left_after_seconds(own: Cluster) -> None:
    """As a container that is paused: its connections are up, and nothing is answered."""
    with closing(JournalStore(own.address)) as store, psycopg.connect(own.address) as db:
        take_to(store, guarded_operation(), "APPROVED")
        found = db.execute("SELECT pid FROM pg_stat_activity WHERE datname IS NOT NULL AND pid != pg_backend_pid()")
        backends = [pid for (pid,) in found.fetchall()]
        for pid in backends:
            os.kill(pid, signal.SIGSTOP)
        try:
            waited = seconds_of(lambda: store.live(None))
        finally:
            for pid in backends:
                os.kill(pid, signal.SIGCONT)
    assert waited < postgres.READING_S + 3


def test_a_replica_that_stands_still_in_a_transaction_is_cut_off_and_nobody_refused(postgres: Cluster) -> None:
    address = postgres.new_schema()
    with closing(JournalStore(address)) as still, closing(JournalStore(address)) as other:
        propose(still, guarded_operation())
        waited: list[float] = []

        def stand_still() -> None:
            with still._file.writing() as db:
                before = time.monotonic()
                assert take_to(other, guarded_operation(number="PO-2"), "SENT")
                waited.append(time.monotonic() - before)
                db.execute("SELECT 1")

        with pytest.raises(JournalUnavailable):
            stand_still()
    assert 1.5 < waited[0] < 5


def test_the_breaker_lets_one_try_after_each_pause_and_all_after_a_success() -> None:
    now = [0.0]
    breaker = DatabaseBreaker(lambda: now[0])
    assert [breaker.may_try(), breaker.may_try()] == [True, True]
    pauses = []
    for _ in range(6):
        breaker.note_failure()
        assert not breaker.may_try()
        before = now[0]
        while not breaker.may_try():
            now[0] += 0.25
        assert not breaker.may_try()
        pauses.append(now[0] - before)
    breaker.note_success()

    assert (pauses[0], pauses[1], pauses[-1]) == (FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, LONGEST_PAUSE_S)
    assert [breaker.may_try(), breaker.may_try()] == [True, True]


def test_without_the_breaker_every_call_would_wait(own: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_connections, "CHECKOUT_S", 0.5)
    with closing(JournalStore(own.address)) as store:
        take_to(store, guarded_operation(), "APPROVED")
        own.stop()
        seconds_of(lambda: store.live(None))
        intact = sum(seconds_of(lambda: store.live(None)) for _ in range(4))
        monkeypatch.setattr(DatabaseBreaker, "may_try", lambda _: True)
        mutated = sum(seconds_of(lambda: store.live(None)) for _ in range(4))
        own.start()

    assert intact < 1.5 < mutated


def test_a_database_that_keeps_nothing_is_refused() -> None:
    with running_cluster() as cluster:
        cluster.stop()
        cluster.start("fsync=off")
        with closing(JournalStore(cluster.address)) as store, pytest.raises(JournalUnavailable, match="fsync = off"):
            store.live(None)
