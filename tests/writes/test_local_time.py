"""Times in the company's zone, as people and programs are given them."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from po_mcp.writes.local_time import LocalTime

BERLIN = LocalTime(ZoneInfo("Europe/Berlin"))
NEW_YEARS_EVE = datetime(2026, 12, 31, 22, 30, 5, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("seconds_later", "moment"),
    [(60, "23:30 CET"), (7200, "31 Dec 2026, 23:30 CET"), (-86400, "31 Dec, 23:30 CET")],
)
def test_a_moment_has_its_day_where_that_is_another_than_today(seconds_later: int, moment: str) -> None:
    assert BERLIN.moment(NEW_YEARS_EVE, NEW_YEARS_EVE + seconds_later) == moment


def test_a_time_is_written_for_sentences_tables_and_programs() -> None:
    assert BERLIN.time(NEW_YEARS_EVE, seconds=True) == "23:30:05 CET"
    assert BERLIN.day(NEW_YEARS_EVE) == "31 Dec 2026"
    assert BERLIN.stamp(NEW_YEARS_EVE) == "2026-12-31 23:30 CET"
    assert BERLIN.iso(NEW_YEARS_EVE) == "2026-12-31T23:30:05+01:00"
