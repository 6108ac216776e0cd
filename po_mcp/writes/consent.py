"""Who asked for a write, how many people must agree to it, and who has agreed so far. Pure.

It is a part of the payload: a yes is recorded in the same row as what it is for, by compare-and-set.
"""

from __future__ import annotations

from typing import Literal

from po_mcp.orders import Record

OPERATOR = "operator"
"""The operator of the server, as an approver: every terminal of it counts as this one person."""
OPERATOR_NAME = "the server's operator"

Consented = Literal["approved", "first", "again", "otherwise", "late"]
"""What became of a yes. `first`: recorded, and another person must agree; the last three recorded nothing.

`again`: this person has agreed already. `otherwise`: another person agreed to something else. `late`: it is decided.
"""


class Agreement(Record):
    """One person's yes.

    `by` is issuer and subject, or OPERATOR; `name` what people read; `what` the digest of what was shown and chosen.
    """

    by: str
    name: str
    what: str


class Consent(Record):
    """`requested_by` is the name of who asked, "" where nobody signs in; `needed` people must agree."""

    requested_by: str = ""
    needed: int = 1
    given: tuple[Agreement, ...] = ()

    @property
    def is_of_team(self) -> bool:
        """Tell whether a yes of nobody in particular is not enough."""
        return bool(self.requested_by) or self.needed > 1 or bool(self.given)

    @property
    def missing(self) -> int:
        """How many people must still agree."""
        return max(0, self.needed - len(self.given))

    def judge(self, agreement: Agreement) -> Literal["again", "otherwise"] | None:
        """Say why this yes does not count beside those before it; None where it does."""
        # By whom and not by which name: names are the people's own choice.
        if any(one.by == agreement.by for one in self.given):
            return "again"
        if any(one.what != agreement.what for one in self.given):
            return "otherwise"
        return None

    def add(self, agreement: Agreement, needed: int) -> Consent:
        """Return it with one more yes; of two numbers of people that are needed the larger counts."""
        return self.model_copy(update={"given": (*self.given, agreement), "needed": max(self.needed, needed)})
