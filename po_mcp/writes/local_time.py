"""Times as people read them, in the company's time zone. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, tzinfo


@dataclass(frozen=True)
class LocalTime:
    """Writes times, given in seconds since 1970, in one zone.

    Args:
        zone: PO_MCP_TIME_ZONE; None for this machine's.
    """

    zone: tzinfo | None = None

    def time(self, at: float, *, seconds: bool = False) -> str:
        """Write a time of today: `22:37 CET`."""
        return f"{self._at(at):{'%H:%M:%S' if seconds else '%H:%M'} %Z}"

    def moment(self, at: float, now: float, *, seconds: bool = False) -> str:
        """Write a time, with its day where that is not the day of `now`: `27 Nov, 09:10 CET`."""
        when, today = self._at(at), self._at(now)
        if when.date() == today.date():
            return self.time(at, seconds=seconds)
        year = f" {when.year}" if when.year != today.year else ""
        return f"{when.day} {when:%b}{year}, {self.time(at, seconds=seconds)}"

    def day(self, at: float) -> str:
        """Write a day: `27 Nov 2026`."""
        when = self._at(at)
        return f"{when.day} {when:%b %Y}"

    def stamp(self, at: float, *, seconds: bool = False) -> str:
        """Write a day and a time for a column of a table: `2026-11-27 09:10 CET`."""
        return f"{self._at(at):%Y-%m-%d} {self.time(at, seconds=seconds)}"

    def iso(self, at: float) -> str:
        """Write a time as ISO 8601, with the zone's offset."""
        return self._at(at).isoformat(timespec="seconds")

    def _at(self, at: float) -> datetime:
        return datetime.fromtimestamp(at).astimezone(self.zone)


THIS_MACHINE = LocalTime()
"""The zone of this machine."""
