"""How long an effect may take to show, and when its absence means that there is none. Pure."""

from __future__ import annotations

from dataclasses import dataclass

LOOK_S = 15.0
"""Seconds that one reading to settle an operation may take at most."""
GRACE_S = 5.0
"""Seconds after its time-out and its last reading in which the sender of an operation records what came of it."""
MIN_HUMAN_VERDICT_S = 120.0
"""Seconds after the send before which no person's "it did not happen" is taken."""


@dataclass(frozen=True)
class SettlementPolicy:
    """The times that the operator set, and what follows from them. All in seconds.

    Args:
        timeout: one call to the ERP.
        late_apply: how long after a lost answer the ERP may still apply a request; None where nobody knows.
        read_lag: by how much a read may show less than the ERP holds; None where nobody knows.
        second_look: between the two looks at an order whose write the ERP refused.
        watch: how long a refusal is checked where `read_lag` is not known.
        foreign_gap: between the two readings that show another's order, where `read_lag` is not known.
    """

    timeout: float = 60.0
    late_apply: float | None = None
    read_lag: float | None = None
    second_look: float = 2.0
    watch: float = 30.0
    foreign_gap: float = 5.0

    @property
    def longest_send(self) -> float:
        """From the claim to the last byte: signing in may take as long as the write itself."""
        return 2 * self.timeout

    @property
    def abandoned_after(self) -> float:
        """From the claim until nobody is sending any more, whatever became of the process that did.

        After the send comes one reading; or, where the sign-in was refused, a read with the same token and a new
        sign-in.
        """
        # Too long only delays; too short would call unknown what another process is still sending.
        return self.longest_send + 2 * self.timeout + min(LOOK_S, self.timeout) + GRACE_S

    @property
    def absence_decides_after(self) -> float | None:
        """From the claim until an effect that is not seen will not appear; None where that is never known."""
        # Both off by default: a guess that is too low would create an order twice.
        if self.late_apply is None or self.read_lag is None:
            return None
        return self.longest_send + self.late_apply + self.read_lag

    @property
    def watches_for(self) -> float:
        """From a refusal until it is final."""
        # A reading may lag behind the effect: until that time is over, none shows that there is no effect.
        return self.watch if self.read_lag is None else self.read_lag

    @property
    def looks_again_after(self) -> float:
        """From the first to the second look at a refused write: none where a read shows all that is there."""
        return min(self.second_look, self.watches_for)

    @property
    def foreign_after(self) -> float:
        """From the first to the second reading that shows another's order under our number."""
        return self.foreign_gap if self.read_lag is None else self.read_lag

    @property
    def verdict_after(self) -> float:
        """From the claim until a person may say that it did not happen."""
        # Somebody who looks within seconds of the send sees nothing and says so in good faith.
        return max(self.timeout + (self.late_apply or 0.0), MIN_HUMAN_VERDICT_S)
