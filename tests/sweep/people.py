"""The people of a scenario: who calls, and who is asked."""

from __future__ import annotations

from dataclasses import dataclass

from po_mcp.writes.approvers import THE_OPERATOR
from po_mcp.writes.approving import ApprovalLink
from po_mcp.writes.forms import FormAnswer, Question
from po_mcp.writes.operation import Requester

_NAMES_ANOTHER = ("may be a duplicate of", "for the same vendor")


@dataclass(frozen=True)
class Person:
    """Says yes to what they asked for, within the call; to a second order like one of those they say no."""

    number: str
    user: str
    channel: str = "form"
    answered_operation_id: str | None = None
    answered_wording: str | None = None
    seconds_in_call: float = 0.0
    person = THE_OPERATOR

    @property
    def requester(self) -> Requester:
        return Requester(self.user, "sweep", "2026-07-28", f"sweep {self.user}")

    async def ask(self, operation_id: str, question: Question, page: ApprovalLink) -> FormAnswer:
        if any(words in question.text for words in _NAMES_ANOTHER):
            return FormAnswer("declined")
        fields = {field.name: field.choices[1][0] if field.choices else self.number for field in question.fields}
        return FormAnswer("accepted", fields)

    async def choose(self, question: Question) -> FormAnswer:
        return FormAnswer("not_asked")
