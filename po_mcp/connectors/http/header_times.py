"""The times that an answer's headers tell. Pure."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]{1,12}", re.ASCII)


def parse_retry_after(text: str | None, now: datetime) -> int | None:
    """Read a Retry-After header: the seconds from `now`, or None where it says none or the past.

    It is written as seconds or as an HTTP date (https://www.rfc-editor.org/rfc/rfc9110#section-10.2.3).
    """
    if text is None:
        return None
    if _SECONDS.fullmatch(text.strip()):
        return int(text)
    seconds = parse_clock_skew(text, now)
    return math.ceil(seconds) if seconds is not None and seconds > 0 else None


def parse_clock_skew(text: str | None, now: datetime) -> float | None:
    """Read an HTTP date: the seconds by which it is after `now`, or None where it is none."""
    try:
        moment = parsedate_to_datetime(text or "")
    except (ValueError, OverflowError):
        return None
    return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
