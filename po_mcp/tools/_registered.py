"""What the registry holds of a tool: the function, and all that a client reads of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from po_mcp.erp import Capability


@dataclass(frozen=True)
class RegisteredTool:
    """A tool.

    The texts are strings and no docstrings, which `PYTHONOPTIMIZE=2` removes.

    Attributes:
        function: what is called; its name is the tool's.
        title: for people.
        capability: what the ERP must offer for it.
        description: for models: what it does, what it changes, when to use it, what comes back.
        returns: for models: the result in a sentence, the description of its schema.
        read_only: it changes nothing.
        destructive: it changes or removes what is there.
        idempotent: the same call again changes nothing more.
    """

    function: Callable[..., Any]
    title: str
    capability: Capability
    description: str
    returns: str
    read_only: bool = False
    destructive: bool = False
    idempotent: bool = False

    @property
    def name(self) -> str:
        """The name that a client calls it by."""
        return self.function.__name__
