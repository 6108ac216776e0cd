"""A short run in trouble, and the judgement of runs: it overlooks no write that is doubled, lost or misreported."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from po_mcp.sandbox import Book
from tests.chaos.buyers import CREATE, DELETE, Write
from tests.chaos.run import Report, judge_write, run
from tests.chaos.team import Erp, enter_order


async def test_no_write_is_doubled_lost_or_misreported_while_everything_breaks() -> None:
    report = await run(
        writes=0,
        minutes=0.4,
        buyers=3,
        replicas=2,
        troubles=("kills", "restarts", "read-only"),
        erp_seconds=0.03,
        seed=20261127,
    )

    assert report.is_clean, report
    assert report.facts["reported"]["done"] > 5
    assert report.facts["legs at several replicas"] == report.facts["writes"]


@pytest.fixture
def erp() -> Iterator[Erp]:
    """An ERP in whose book PO-A stands and PO-B does not."""
    with closing(Book.open(":memory:")) as book:
        enter_order(book, "PO-A")
        yield Erp(book, "")


def judge(erp: Erp, write: Write) -> list[str]:
    """Return as what a write is counted: "doubles", "lies", "lost", "unknown"."""
    report = Report()
    judge_write(report, write, erp)
    assert report.is_clean is not bool(report.doubles or report.lies or report.lost)
    return [name for name in ("doubles", "lies", "lost", "unknown") if getattr(report, name)]


@pytest.mark.parametrize(
    ("write", "found"),
    [
        (Write(CREATE, "PO-A", True, "done"), []),
        (Write(DELETE, "PO-B", True, "done"), []),
        (Write(CREATE, "PO-B", True, "expired"), []),
        (Write(CREATE, "PO-B", True, "done"), ["lies"]),
        (Write(DELETE, "PO-A", True, "done"), ["lies"]),
        (Write(DELETE, "PO-B", True, "refused"), ["lies"]),
        (Write(CREATE, "PO-A", False, "stale"), ["lies", "lost"]),
        (Write(DELETE, "PO-A", True, "unknown"), ["unknown"]),
        (Write(CREATE, "PO-A", True, "unknown"), ["unknown"]),
        (Write(CREATE, "PO-B", False, "unknown"), ["unknown"]),
        (Write(CREATE, "PO-A", False, "unknown"), ["lost"]),
        (Write(DELETE, "PO-A", False, "nothing"), ["lost"]),
        (Write(CREATE, "PO-B", True, "approved"), ["lost"]),
        (Write(CREATE, "PO-B", False, "approval_required"), ["lost"]),
    ],
    ids=lambda value: f"{value.tool} {value.number} {value.reported}" if isinstance(value, Write) else "",
)
def test_reported_outcomes_are_compared_with_the_book(erp: Erp, write: Write, found: list[str]) -> None:
    assert judge(erp, write) == found


def test_a_write_that_was_sent_twice_is_a_double(erp: Erp) -> None:
    erp.sent["POST PO-A"] = 2

    assert judge(erp, Write(CREATE, "PO-A", True, "done")) == ["doubles"]
