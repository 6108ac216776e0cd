"""The log as lines of JSON, for a collector: with the operation that a line is about, and whose call it was."""

from __future__ import annotations

import hashlib
import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any

from opentelemetry.trace import get_current_span

from po_mcp import telemetry
from po_mcp.approvals import caller

_PLAIN = "%(levelname)s %(name)s: %(message)s"


def configure(level: str, form: str) -> None:
    """Write the log to standard error."""
    logging.basicConfig(stream=sys.stderr, level=level, format=_PLAIN)
    if form == "json":
        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonLines())


class JsonLines(logging.Formatter):
    """One object a line.

    A person is told apart by a digest: logs go to many places, and the journal has who it was.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line of a record."""
        context = get_current_span().get_span_context()
        facts: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "operation": telemetry.current_operation(),
            "user": digest_of_user(caller.user_name()) if caller.is_signed_in() else None,
            "trace_id": f"{context.trace_id:032x}" if context.is_valid else None,
            "span_id": f"{context.span_id:016x}" if context.is_valid else None,
            # The type alone: the text of an exception may hold what an ERP wrote.
            "exception": record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None,
        }
        return json.dumps({name: value for name, value in facts.items() if value is not None})


def digest_of_user(name: str) -> str:
    """Return twelve digits that stand for a person: of the SHA-256 of "ISSUER SUBJECT"."""
    return hashlib.sha256(name.encode()).hexdigest()[:12]
