"""Similar orders that were made, or may have been, shortly before one is created: each is named in the question."""

from __future__ import annotations

from collections.abc import Mapping

from po_mcp.desk.context import Desk
from po_mcp.desk.gone import is_gone_for_sure
from po_mcp.writes.journal import Similar
from po_mcp.writes.operation import SENT_STATES, Recorded
from po_mcp.writes.order_text import name
from po_mcp.writes.order_text import number as order_number
from po_mcp.writes.payloads import Reason

_MAX_SIMILAR = 5
"""Similar orders that one question names."""
_DECLINED = "DECLINED"
_SIMILAR: Mapping[str, str] = {
    _DECLINED: "It may be a duplicate of {number}, which was declined.",
    "DONE": "It may be a duplicate of {number}, created a few minutes ago.",
    "CONFLICT": "It may be a duplicate of {number}, under which another order was found when it was created.",
    "PROPOSED": "It may be a duplicate of {number}, which is waiting for approval.",
    "APPROVED": "It may be a duplicate of {number}, which is being created.",
    "SENT": "It is not known whether {number}, for the same vendor and with an item of this one, was created.",
    "WATCHED": "{number}, for the same vendor and with an item of this one, was refused just now and may still appear.",
}


class SimilarCreates:
    """The similar orders that were met while one is recorded.

    Args:
        desk: the ERP and the journal.
        gone: creates whose order is no longer there, by id.
    """

    def __init__(self, desk: Desk, gone: frozenset[str]) -> None:
        self._desk = desk
        self._named: list[tuple[Recorded, str]] = []
        self.gone = gone

    @property
    def known(self) -> frozenset[str] | None:
        """Ids of those that the question names; None where it names enough, and no further one is looked for."""
        return None if len(self._named) == _MAX_SIMILAR else frozenset(one.operation.id for one, _ in self._named)

    @property
    def reasons(self) -> list[Reason]:
        """Every similar order by its number, so that the person decides knowing of it."""
        return [
            Reason(
                short=f"duplicate of {name(one.operation.number)}?",
                sentence=_SIMILAR.get(standing, _SIMILAR["SENT"]).format(number=order_number(one.operation.number)),
            )
            for one, standing in self._named
        ]

    async def add(self, similar: Similar) -> None:
        """Name a similar order, or count it as gone where it is no reason to ask."""
        recorded = await self._settle(similar.recorded)
        if recorded is None:
            self.gone |= {similar.recorded.operation.id}
            return
        standing = await self._find_standing(recorded)
        # One that was declined is named once, however often it was: nothing waits for the person there.
        if standing == _DECLINED and _DECLINED in [one for _, one in self._named]:
            self.gone |= {recorded.operation.id}
        else:
            self._named.append((recorded, standing))

    async def _settle(self, recorded: Recorded) -> Recorded | None:
        """Return the similar order if it is a reason to ask; None where it was not made, or is no longer there."""
        # It may turn out not to be made, and is no reason to ask then.
        if recorded.state in SENT_STATES:
            recorded = await self._desk.reconciler.wait_until_certain(recorded)
        if recorded.state in ("REFUSED", "NOT_APPLIED", "EXPIRED", "STALE", "DECLINED"):
            return None
        if recorded.state == "DONE" and await is_gone_for_sure(self._desk, recorded):
            return None
        return recorded

    async def _find_standing(self, similar: Recorded) -> str:
        """Return how a similar order stands; a question that was declined waits for nobody."""
        own_no = self._desk.executor.find_own_no
        is_declined = similar.state == "PROPOSED" and await own_no(similar.operation) is not None
        return _DECLINED if is_declined else similar.state
