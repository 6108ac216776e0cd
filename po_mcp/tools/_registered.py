"""An entry of the registry: a tool's function, and every text and hint that a client reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from po_mcp.erp import Capability
from po_mcp.scopes import READ, WRITE, Scope


@dataclass(frozen=True)
class RegisteredTool:
    """A tool as it is registered.

    The texts are strings and not docstrings, which `PYTHONOPTIMIZE=2` removes.

    Attributes:
        function: the implementation; the tool has its name.
        title: the name shown to people.
        capability: the capability that the ERP must have.
        description: for models: what the tool does and changes, when to use it, and what it returns.
        returns: for models: the description of the result's schema.
        read_only: the tool changes nothing.
        destructive: the tool changes or removes an existing order.
        idempotent: repeating a call changes nothing more.
        asks_for_writes: the tool asks for a write; None for what follows from `read_only`.
        has_card: the order card shows its results, in hosts with MCP Apps.
    """

    function: Callable[..., Any]
    title: str
    capability: Capability
    description: str
    returns: str
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False
    asks_for_writes: bool | None = None
    has_card: bool = False

    @property
    def name(self) -> str:
        """The name in tools/list and tools/call."""
        return self.function.__name__

    @property
    def scopes(self) -> tuple[Scope, ...]:
        """What the token of a caller over HTTP must allow."""
        asks_for_writes = not self.read_only if self.asks_for_writes is None else self.asks_for_writes
        return (READ, WRITE) if asks_for_writes else (READ,)
