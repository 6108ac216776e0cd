"""What is measured, by its name. Nothing is, and nothing of OpenTelemetry is imported, until a recorder is set.

No value of an argument, no name of a person, vendor or item, and no text of an ERP goes here: only what this program
itself can say, such as a kind of write, a state, a status, and the id of an operation.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Literal, Protocol

Counted = Literal["po_mcp.operations", "po_mcp.calls.refused", "po_mcp.erp.down", "po_mcp.journal.failures"]
"""What is counted; docs/watching.md says what each means."""
Value = str | int


class Span(Protocol):
    """A piece of work whose time is measured."""

    def set_attribute(self, key: str, value: Value) -> None:
        """Add what is known only at its end."""


class Recorder(Protocol):
    """Where measurements go."""

    def count(self, name: Counted, attributes: dict[str, Value]) -> None:
        """Add one."""

    def measure(self, name: str, attributes: dict[str, Value]) -> AbstractContextManager[Span]:
        """Measure the block, as a span and in a histogram of seconds."""


class _NoSpan:
    def set_attribute(self, key: str, value: Value) -> None:
        pass


_NO_SPAN = _NoSpan()
_recorder: Recorder | None = None
_operation: ContextVar[str | None] = ContextVar("operation", default=None)


def record_with(recorder: Recorder | None) -> None:
    """Send measurements there from now on; None stops it."""
    # One of the process, as the providers of OpenTelemetry are.
    global _recorder
    _recorder = recorder


def count(name: Counted, **attributes: Value) -> None:
    """Add one to what is counted."""
    if _recorder is not None:
        _recorder.count(name, attributes)


def measure(name: str, attributes: dict[str, Value]) -> AbstractContextManager[Span]:
    """Measure the block that follows."""
    if _recorder is None:
        return nullcontext(_NO_SPAN)
    operation = current_operation()
    if operation is not None:
        attributes = attributes | {"po_mcp.operation.id": operation}
    return _recorder.measure(name, attributes)


@contextmanager
def about(operation_id: str) -> Iterator[None]:
    """Let the log and the spans within the block name an operation."""
    token = _operation.set(operation_id)
    try:
        yield
    finally:
        _operation.reset(token)


def current_operation() -> str | None:
    """Return the id of the operation that is being carried out; None outside of one."""
    return _operation.get()
