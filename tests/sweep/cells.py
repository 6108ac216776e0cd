"""What the vendor itself answers to a write x every habit of the ERP: in which cells an answer may be `unknown`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .oracle import Ran
from .scenarios import REFUSED_UNDER_HABITS, Scenario

_UNKNOWN_STATUS = "the order's status is a word that is not documented, so nobody can tell whether it is closed"
_NO_LINES_YET = "an order without lines stands under our number; it is wait_for_late_requests once they show"

MAY_BE_UNKNOWN: Mapping[tuple[str, str], str] = {
    **{(kind, "closed-in-other-words"): _UNKNOWN_STATUS for kind in ("success", *REFUSED_UNDER_HABITS)},
    **{(kind, "late-lines"): _NO_LINES_YET for kind in REFUSED_UNDER_HABITS if kind.endswith("-applied")},
}
"""(kind of answer, habit) where the outcome of a write cannot be known, and why."""


@dataclass(frozen=True)
class Cell:
    """A kind of answer (`success` where the ERP answers by itself) and a habit (`none`)."""

    answer: str
    habit: str

    def __str__(self) -> str:
        return f"{self.answer} x {self.habit}"

    @property
    def may_be_unknown(self) -> bool:
        return (self.answer, self.habit) in MAY_BE_UNKNOWN


@dataclass
class Table:
    """How many answers of a scenario were `unknown`, per cell and flow."""

    scenarios: Counter[Cell] = field(default_factory=Counter)
    unknown: Counter[tuple[Cell, str]] = field(default_factory=Counter)

    def add(self, ran: Ran) -> None:
        """Count a scenario of one kind of answer and at most one habit."""
        scenario = ran.scenario
        assert isinstance(scenario, Scenario)
        cell = Cell(scenario.faults[0][0] if scenario.faults else "success", "".join(scenario.habits) or "none")
        self.scenarios[cell] += 1
        if any(answer.status == "unknown" for answer in ran.answers):
            self.unknown[cell, " ".join(scenario.flow)] += 1

    @property
    def wrong(self) -> list[str]:
        """The cells with an unknown answer in which there must be none."""
        return sorted({f"{cell}: unknown ({flow})" for cell, flow in self.unknown if not cell.may_be_unknown})

    @property
    def allowed(self) -> list[str]:
        """The cells with an unknown answer that may have one, with the reason."""
        found = {cell for cell, _ in self.unknown if cell.may_be_unknown}
        return sorted(f"{cell}: {MAY_BE_UNKNOWN[cell.answer, cell.habit]}" for cell in found)


def tabulate(played: Iterable[Ran]) -> Table:
    """Return the table of what was played."""
    table = Table()
    for ran in played:
        table.add(ran)
    return table
