"""Parsing of the times in an answer's headers. No I/O."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


def parse_retry_after(text: str | None, now: datetime) -> int | None:
    """Parse a Retry-After header: the seconds from `now`, None where it has none or lies in the past.

    The header holds seconds or an HTTP date (https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3).
    """
    if text is None:
        return None
    if _SECONDS.fullmatch(text.strip()):
        return int(text)
    # A moment in the past comes of a wrong clock, and asks for nothing.
    seconds = parse_clock_skew(text, now)
    return math.ceil(seconds) if seconds is not None and seconds > 0 else None


def parse_clock_skew(text: str | None, now: datetime) -> float | None:
    """Parse an HTTP date: the seconds by which it is after `now`, None where the text is no date."""
    if not text:
        return None
    try:
        moment = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    # A date with the zone -0000 is parsed without one, and means UTC (RFC 5322, 3.3).
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
