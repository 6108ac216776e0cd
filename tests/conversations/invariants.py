"""What holds of every conversation, whatever its script says."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping

from tests.conversations.record import Called, Put, Record, Written

_IGNORABLE = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0}
    | set(range(0x180B, 0x1810))
    | set(range(0xFE00, 0xFE10))
    | set(range(0xE0000, 0xE1000))
)
_SAFE = frozenset({"no", "keep", "none"})
_UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")

NEXT_STEP = re.compile(
    r"(?:^|[.:;,]\s|\band |\bor )(?:ask|choose|give|offer|write|check|leave|look|show|tell|try|wait|narrow|call|swap)\b"
    r"|\b(?:with|;) (?:get|list|cancel|search)_\w+|\bget_operation (?:with|reads)\b|the user decides|\bmust be\b"
    r"|\bget_purchase_order can read\b|\b(?:Tools|Warehouses): ",
    re.IGNORECASE,
)
"""How a next step begins: what to do, a tool to call, what there is to choose from, or where the user decides."""


def every_write_had_a_yes(record: Record) -> Iterator[str]:
    """A guarded write follows a person's yes to it, which no other used; a create does wherever one was asked about."""
    asked: set[tuple[str, str]] = set()
    yes: Counter[tuple[str, str]] = Counter()
    for event in record.events:
        if isinstance(event, Put) and event.about is not None:
            asked.add(event.about)
            yes[event.about] += event.is_yes
        if isinstance(event, Written):
            is_plain = event.about[0] == "create" and event.about not in asked
            if not is_plain and not yes[event.about]:
                yield f"{event.words} reached the wire without a person's yes"
            yes[event.about] -= 1


def nothing_is_written_twice(record: Record) -> Iterator[str]:
    """No two writes say the same."""
    for written, times in Counter(record.of(Written)).items():
        if times > 1:
            yield f"{written.words} was sent {times} times"


def the_first_option_changes_nothing(record: Record) -> Iterator[str]:
    """Of every form's options the first is a no, or none of what is offered: Enter alone approves nothing."""
    for put in record.of(Put):
        for name, field in put.schema.get("properties", {}).items():
            values = [option["const"] for option in field.get("oneOf", ())]
            if values and (values[0] not in _SAFE or not _SAFE.isdisjoint(values[1:])):
                yield f"{name} offers {values}: {put.message}"


def no_secret_is_shown(record: Record) -> Iterator[str]:
    """What signs in to the ERP stays on the wire."""
    if record.has_read and len(record.secrets) < 2:
        yield "the token and the client's secret were not seen on the wire, so they cannot be looked for"
    for place, reply in record.texts():
        if any(secret in reply for secret in record.secrets):
            yield f"{place} tells a secret"


def nothing_invisible_is_shown(record: Record) -> Iterator[str]:
    """Every character of every text can be seen; lines end with a newline."""
    for place, reply in record.texts():
        unseen = {letter for letter in {*reply} - {"\n"} if _is_unseen(letter)}
        if unseen:
            yield f"{place} has unseen characters: {sorted(map(ascii, unseen))}"


def _is_unseen(letter: str) -> bool:
    return unicodedata.category(letter) in _UNSEEN or ord(letter) in _IGNORABLE


def what_failed_says_what_to_do(record: Record) -> Iterator[str]:
    """Every error, and every outcome of a write but `done`, has a next step; after a no there is none."""
    for called in record.of(Called):
        if called.status not in ("read", "done", "declined") and not NEXT_STEP.search(called.text):
            yield f"{called.tool} says no next step: {called.text}"
        for one in called.structured.get("operations", ()):
            said = f"{one['message']} {one.get('next_step', '')}"
            if one["status"] not in ("done", "declined") and not NEXT_STEP.search(said):
                yield f"{called.tool} says no next step: {said}"


INVARIANTS: Mapping[str, Callable[[Record], Iterator[str]]] = {
    check.__name__.replace("_", " "): check
    for check in (
        every_write_had_a_yes,
        nothing_is_written_twice,
        the_first_option_changes_nothing,
        no_secret_is_shown,
        nothing_invisible_is_shown,
        what_failed_says_what_to_do,
    )
}


def broken(record: Record) -> list[str]:
    """Return which invariants a conversation broke, and how."""
    return [f"{name}: {how}" for name, check in INVARIANTS.items() for how in check(record)]
