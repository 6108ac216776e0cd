"""Refusals of a write in both vendors' error envelope, given in the place of the ERP's answer.

Either the ERP never saw the write, or it has carried it out: a gateway that sends a request twice passes on such an
answer to the second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from po_mcp.sandbox.faults import FAULTS, Fault, mutations
from po_mcp.sandbox.faults.messages import Answer

_STATUSES = (400, 401, 402, 403, 404, 405, 409, 410, 422, 423, 429, 451, 501)


def _as_success(answer: Answer, value: float) -> Answer:
    """Answer 200 with an error in the body, as Exsited can."""
    return replace(mutations.answer_status(400)(answer, value), status=200)


def _refusals() -> Mapping[str, Fault]:
    changes = {str(status): mutations.answer_status(status) for status in _STATUSES} | {"200-error": _as_success}
    made = {}
    for kind, change in changes.items():
        made[kind] = Fault(kind, f"{kind} in the vendor's envelope; not applied.", "relay", change)
        made[f"{kind}-applied"] = Fault(f"{kind}-applied", f"Applied; {kind} in the vendor's envelope.", "erp", change)
    return made


REFUSALS: Mapping[str, Fault] = _refusals()
"""By kind. Each must be reported as refused and checked, or seen as done; never unknown where the order can be read."""

ENDED_SIGN_IN = Fault(
    "signed-out", "A redirect to the sign-in; not applied.", "relay", lambda answer, value: _to_sign_in()
)
"""What Exsited answers where another program signed in with the same credentials."""

ALL: Mapping[str, Fault] = {**FAULTS, **REFUSALS, ENDED_SIGN_IN.kind: ENDED_SIGN_IN}


def _to_sign_in() -> Answer:
    return Answer(302, ((b"Location", b"/login"),))
