"""Fixtures that every test may use, and the tier of each test by its folder: see tests/README.md."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from tests import homes

# The process that starts the workers runs no test: what tests need is imported where it is used.
if TYPE_CHECKING:
    from tests.harness import ServerHarness
    from tests.postgres import Cluster
    from tests.tryton.book import TrytonUsers
    from tests.tryton.server import Server

ROOT = Path(__file__).parent
TIERS = {
    "unit": {"cards", "conversations", "desk", "docs", "fuzz", "hosts", "server", "tools", "writes"},
    "wire": {"approvals", "connectors", "contract", "faults", "sandbox", "sign_in", "tryton"},
    "balancer": {"balancer", "chaos"},
    "process": {"clients", "commands", "conformance", "packaging", "stdio", "sweep"},
}
"""What each folder needs: nothing but memory and a temporary file; sockets of its own; nginx and HAProxy; processes."""
_TIER_OF = {folder: tier for tier, folders in TIERS.items() for folder in folders}
_PROCESSES = {
    f"tests/{name}.py"
    for name in (
        "cards/test_card_in_a_host",
        "docs/test_adding_a_kind_of_write",
        "docs/test_adding_a_tool",
        "docs/test_adding_an_erp",
        "test_config",
        "test_examples",
        "test_hostile_text",
        "test_mutants",
        "test_performance",
    )
}
"""Files that start processes, or take their time, in folders or beside folders that do not."""
_MEMORY, _ROOM = Path("/dev/shm"), 2**30


def pytest_configure(config: pytest.Config) -> None:
    """Guard the user's own folders, and let the temporary files of the tier `unit` lie in memory, if there is room."""
    homes.guard_home()
    if config.option.markexpr == "unit" and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM:
        # Its tests sync them often.
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_MEMORY))  # where pytest makes its temporary folders


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what the tier `unit` never runs: to import it takes longer than many of its tests."""
    if config.option.markexpr != "unit" or not collection_path.is_relative_to(ROOT):
        return None
    place = collection_path.relative_to(ROOT)
    is_other = len(place.parts) == 1 and _TIER_OF.get(place.name, "unit") != "unit"
    return True if is_other or f"tests/{place.as_posix()}" in _PROCESSES else None


def pytest_collectstart() -> None:
    """Settle how examples are generated before a test is imported that has some."""
    _load_profile()


@cache
def _load_profile() -> None:
    from hypothesis import HealthCheck, settings

    # The same examples each time, and no limit of time: neither chance nor the load of the machine decides.
    settings.register_profile(
        "po-mcp", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("po-mcp")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give every test the mark of its tier."""
    for item in items:
        if item.get_closest_marker("postgres"):  # that tier alone has the server, whatever else the test starts
            item.own_markers[:] = [mark for mark in item.own_markers if mark.name != "process"]
        item.add_marker(_tier_of(item))


def pytest_collection_finish() -> None:
    """Keep what was imported and collected out of every later garbage collection: all of it stays to the end."""
    gc.collect()
    gc.freeze()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Run half as many tests more at a time than there are cores, since most of them wait now and then."""
    return max(3, (os.cpu_count() or 2) * 3 // 2)


def _tier_of(item: pytest.Item) -> str:
    place = item.path.relative_to(ROOT)
    if item.get_closest_marker("postgres"):
        return "postgres"
    # A single test that starts processes says so itself; what needs a browser starts one.
    if item.get_closest_marker("process") or item.get_closest_marker("system"):
        return "process"
    if f"tests/{place.as_posix()}" in _PROCESSES:
        return "process"
    if len(place.parts) == 1:
        return "unit"
    if item.get_closest_marker("tryton"):
        return "tryton"
    callspec = getattr(item, "callspec", None)
    is_stdio = callspec is not None and callspec.params.get("transport") == "stdio"
    return "process" if is_stdio else _TIER_OF[place.parts[0]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def harness(tmp_path: Path) -> ServerHarness:
    from tests.harness import ServerHarness

    return ServerHarness(tmp_path / "book.db")


@pytest.fixture
def book_of_today(harness: ServerHarness) -> None:
    """Date the orders of the book around today: numbers of a year that is over would not be gone on with."""
    harness.made_on = datetime.now(UTC).date()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Cluster]:
    """A real PostgreSQL, one for each worker."""
    from tests.postgres import running_cluster

    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(scope="session")
def pooler(postgres: Cluster) -> Iterator[Callable[[str], str]]:
    """A real PgBouncer before it; makes the address of a database."""
    from tests.postgres import pooling

    with pooling(postgres) as address_of:
        yield address_of


@pytest.fixture(scope="session")
def tryton_server() -> Iterator[tuple[Server, TrytonUsers]]:
    """A real Tryton, and people who are signed in there and stay so whenever its book is put back."""
    from tests.tryton.server import serving

    with serving() as running:
        yield running


@pytest.fixture(autouse=True, scope="session")
def made_once() -> Iterator[None]:
    """Keep the tests from making the same things again and again."""
    from tests.made_once import make_once

    with pytest.MonkeyPatch.context() as patch:
        make_once(patch)
        yield


@pytest.fixture(autouse=True, scope="session")
def sandbox_without_threads(pytestconfig: pytest.Config) -> Iterator[None]:
    """In the tier `unit`, let the sandbox answer in the thread that asks: no other process keeps its book there."""

    async def answer_here(handle: Callable[..., Any], *arguments: Any) -> Any:
        await anyio.lowlevel.checkpoint()  # another task may run meanwhile, and a cancelled call ends here, as before
        return handle(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        if pytestconfig.option.markexpr == "unit":
            patch.setattr("po_mcp.sandbox.apis.http.to_thread", SimpleNamespace(run_sync=answer_here))
        yield


@pytest.fixture(autouse=True, scope="session")
def short_waits() -> Iterator[None]:
    """Let a call that waits for the approval page give up soon, and the second look at a refused write follow at once.

    In most tests nobody decides on the page meanwhile, nor does a gateway send a write again.
    """
    from po_mcp.writes.policy import SettlementPolicy

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("po_mcp.desk.approval_flow.PAGE_WAIT_S", 0.5)
        patch.setattr("po_mcp.bootstrap.SettlementPolicy", partial(SettlementPolicy, second_look=0.02))
        yield


@pytest.fixture(autouse=True, scope="session")
def patient_looks() -> Iterator[None]:
    """Let a look at a write take as long as a request may: a machine that stands still for a while decides nothing."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("executor", "reconcile"):
            patch.setattr(f"po_mcp.writes.{module}.LOOK_S", 600.0)
        yield


@pytest.fixture(autouse=True, scope="session")
def nobodys_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests out of the folders of the user who runs them."""
    with homes.nobodys_folders(tmp_path_factory.mktemp("nobody")):
        yield
