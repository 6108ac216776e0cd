"""PO_MCP_APPROVER_PIN beside the PIN that the journal holds: a server that knows another one asks nobody."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio.to_thread

from po_mcp.errors import ConfigurationError
from po_mcp.writes.journal import Journal

_HOW = "po-mcp approve --set-pin"


@dataclass(frozen=True)
class PinSetting:
    """Compares the setting with the journal's PIN, and never sets it.

    Args:
        journal: where the PIN's hash is.
        pin: the setting; None where it is not set, and then every PIN is right.
    """

    journal: Journal
    pin: str | None = None
    _compared: dict[str, bool] = field(default_factory=dict, repr=False)

    async def find_fault(self) -> str:
        """Say why nothing can be approved with this setting; "" where it can."""
        if self.pin is None:
            return ""
        held = await self.journal.approver_pin()
        if held.hash is None:
            return "PO_MCP_APPROVER_PIN is set, but the approver PIN itself is not set yet."
        # Kept by the hash: scrypt takes 50 ms, every question asks, and a new PIN is another hash.
        if held.hash not in self._compared:
            self._compared[held.hash] = await anyio.to_thread.run_sync(held.fits, self.pin)
        return "" if self._compared[held.hash] else "PO_MCP_APPROVER_PIN is not the approver PIN that was set."

    async def need_match(self) -> None:
        """See that questions may be asked here.

        Raises:
            ConfigurationError: the setting is not the journal's PIN, or that has none.
        """
        fault = await self.find_fault()
        if not fault:
            return
        held = await self.journal.approver_pin()
        correct = f"Your administrator must correct PO_MCP_APPROVER_PIN or take it out; {_HOW} changes the PIN."
        first = f"To set it, run in a terminal: {_HOW}"
        raise ConfigurationError(fault, effect="nothing_sent", next_step=correct if held.is_set else first)
