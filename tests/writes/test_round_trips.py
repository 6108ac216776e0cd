"""How often each call of the journal waits for its PostgreSQL: counted on the wire, by a relay between the two."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from po_mcp.writes.journal import JournalStore, postgres
from tests.postgres import Cluster, new_folder
from tests.writes.making import CONNECTION, guarded_operation, outcome, propose

pytestmark = pytest.mark.postgres
_NAME = ".s.PGSQL.5432"


class Relay:
    """Passes on what goes between a program and its database, and counts how often the program began to speak."""

    def __init__(self, folder: Path, target: Path) -> None:
        self.turns = 0
        self._target = target / _NAME
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(folder / _NAME))
        self._listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def count(self, call: Callable[[], object]) -> int:
        before = self.turns
        assert call() is not None
        return self.turns - before

    def _accept(self) -> None:
        while True:
            try:
                program = self._listener.accept()[0]
            except OSError:
                return
            database = socket.socket(socket.AF_UNIX)
            database.connect(str(self._target))
            spoke_last = [database]
            for one, other in ((program, database), (database, program)):
                threading.Thread(target=self._pass_on, args=(one, other, program, spoke_last), daemon=True).start()

    def _pass_on(
        self, one: socket.socket, other: socket.socket, program: socket.socket, spoke_last: list[socket.socket]
    ) -> None:
        try:
            while data := one.recv(65_536):
                if one is program and spoke_last[0] is not program:
                    self.turns += 1
                spoke_last[0] = one
                other.sendall(data)
        except OSError:
            pass
        finally:
            for end in (one, other):
                end.close()


@pytest.fixture
def relay(request: pytest.FixtureRequest) -> Iterator[tuple[Relay, str]]:
    """A relay, and the address of an empty schema behind it."""
    cluster: Cluster = request.getfixturevalue("postgres")
    address = cluster.new_schema()
    with new_folder() as folder, closing(Relay(folder, cluster.folder)) as relay:
        yield relay, address.replace(f"host={cluster.folder}", f"host={folder}")


def test_each_call_of_a_finalize_waits_for_the_database_a_few_times(
    relay: tuple[Relay, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "FRESH_S", 1_000.0)  # however slow this machine is
    counter, address = relay
    with closing(JournalStore(address)) as store:
        store.join(CONNECTION)
        propose(store, guarded_operation("finalize", "PO-BEFORE"))
        operation = guarded_operation("finalize", "PO-1")
        call, read_at = replace(operation, connection=""), store.now()
        calls: dict[str, Callable[[], object]] = {
            "begin": lambda: store.begin_call(CONNECTION, call, None),
            "recent": lambda: store.find_recent_and_pin(operation),
            "propose": lambda: store.propose(operation, {}, connection=CONNECTION, read_at=read_at),
            "begin again": lambda: store.begin_call(CONNECTION, call, operation.id),
            "approve": lambda: store.approve(operation.id, operation.payload, {}),
            "claim": lambda: store.claim(operation.id, CONNECTION),
            "finish": lambda: store.finish(operation.id, "SENT", "DONE", outcome(), {}),
            "news": lambda: store.may_have_news(CONNECTION),
        }
        counted = {name: counter.count(made) for name, made in calls.items()}

    assert counted == {
        "begin": 1, "recent": 1, "propose": 2, "begin again": 1, "approve": 1, "claim": 1, "finish": 1, "news": 1,
    }  # fmt: skip
