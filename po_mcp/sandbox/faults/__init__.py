"""The faults that the relay before the sandbox can make, by name.

    fault = parse_fault("late-apply@3:5")  # the third request reaches the ERP five seconds later
    async with Relay(erp_port, [fault]) as relay:
        ...

"Applied" means that the ERP has executed the request, whatever answer the client gets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from difflib import get_close_matches
from http import HTTPStatus

from po_mcp.sandbox.faults import mutations
from po_mcp.sandbox.faults.relay import Exchange, Fault, PlannedFault, Relay

__all__ = ["FAULTS", "Exchange", "Fault", "PlannedFault", "Relay", "parse_fault"]

_STATUSES = (401, 403, 404, 408, 409, 429, 500, 502, 503)
_AFTER = b"Retry-After"
_WRITTEN = re.compile(
    r"(?P<kind>[a-z0-9-]+)(@(?P<write>write)?(?P<nth>(?<=e)|[1-9][0-9]{0,8}))?"
    r"(:(?P<value>[0-9]{1,5}(\.[0-9]{1,3})?))?",
    re.ASCII,
)


_LATE = "the request reaches the ERP VALUE seconds later."
_LOST_REQUESTS: tuple[Fault, ...] = (
    Fault(
        "refused",
        "Nobody listens from the n-th request on, for VALUE seconds (0: until it is lifted): connection refused.",
        reaches="nobody",
        value_kind="seconds",
    ),
    Fault(
        "reset-before-read",
        "The connection is reset as soon as the request begins, unread.",
        "socket",
        None,
        ends="reset",
    ),
    Fault(
        "reset-after-read",
        "The request is read whole and dropped; the connection is reset.",
        "relay",
        None,
        ends="reset",
    ),
    Fault("hang", "The request is read and dropped; no answer until the client closes.", "relay", None, ends="hang"),
    Fault(
        "late-apply",
        f"The connection is reset at once; {_LATE}",
        "erp-late",
        None,
        ends="reset",
        value_kind="seconds",
        value=5,
    ),
    Fault("late-apply-hang", f"No answer; {_LATE}", "erp-late", None, ends="hang", value_kind="seconds", value=5),
)
"""Faults of the connection before the ERP has acted."""


_DRIP = "The ERP acts; one byte of the answer after every VALUE seconds."
_ENDLESS = "The ERP acts; a body that never ends, 64 kB after every VALUE seconds."
_LOST_ANSWERS: tuple[Fault, ...] = (
    Fault("lost-answer", "The ERP acts; the connection is reset instead of an answer.", change=None, ends="reset"),
    Fault("lost-answer-fin", "The ERP acts; the connection closes (FIN) without an answer.", change=None, ends="close"),
    Fault("lost-answer-hang", "The ERP acts; no answer until the client closes.", change=None, ends="hang"),
    Fault(
        "half-headers",
        "The ERP acts; closed in the middle of the headers.",
        sends=mutations.send_half_headers,
        ends="close",
    ),
    Fault("half-body", "The ERP acts; closed in the middle of the body.", sends=mutations.send_half_body, ends="close"),
    Fault("slow-drip", _DRIP, sends=mutations.send_byte_by_byte, value_kind="seconds", value=1),
    Fault("endless", _ENDLESS, sends=mutations.send_without_end, ends="close", value_kind="seconds", value=0.01),
)
"""Faults of the connection after the ERP has acted."""


def _status_faults() -> Iterator[Fault]:
    """Answers that a gateway gives in the ERP's place: before it has acted, and after."""
    for status in _STATUSES:
        # A limit that is lifted at once: a client that waits as it is told is served the next time.
        retry = ((_AFTER, b"1"),) if status == 429 else ()
        answer, phrase = mutations.answer_status(status, *retry), HTTPStatus(status).phrase
        yield Fault(f"{status}", f"{status} {phrase} from a gateway; the ERP never sees the request.", "relay", answer)
        yield Fault(f"{status}-applied", f"{status} {phrase} after the ERP acted.", "erp", answer)
    absurd, negative = (
        mutations.answer_status(429, (_AFTER, b"31536000")),
        mutations.answer_status(429, (_AFTER, b"-5")),
    )
    yield Fault("429-absurd", "429 that asks to wait for a year; the ERP does not act.", "relay", absurd)
    yield Fault(
        "429-date",
        "429 with a date in Retry-After, two seconds away; the ERP does not act.",
        "relay",
        mutations.ask_retry_in_two_seconds,
    )
    yield Fault("429-negative", "429 that asks to wait for -5 seconds; the ERP does not act.", "relay", negative)
    for status, kind in ((302, "redirect"), (307, "redirect-307")):
        description = f"{status} to port VALUE of this computer; the ERP does not act."
        yield Fault(kind, description, "relay", mutations.answer_redirect(status), value_kind="a port", value=9)


_BODIES: Mapping[str, tuple[str, mutations.Change]] = {
    "garbled-2xx": ("the body is not text.", mutations.change_body(mutations.garble)),
    "truncated-json-2xx": (
        "the body is the first half of the JSON, whole by its length.",
        mutations.change_body(mutations.truncate),
    ),
    "html-2xx": ("the body is a page that asks to sign in.", mutations.answer_html),
    "empty-2xx": ("the body is empty.", mutations.change_body(mutations.make_empty)),
    "wrong-order": (
        "the numbers in the body are another order's.",
        mutations.change_json(mutations.replace_numbers),
    ),
    "unknown-status": (
        "the order's status is a word that nobody knows.",
        mutations.change_json(mutations.replace_status),
    ),
    "nulls": ("everything but numbers and uuids of records is null.", mutations.change_json(mutations.write_nulls)),
    "extra-fields": ("every object has 50 fields more.", mutations.change_json(mutations.add_fields)),
    "long-number": (
        "totals have 5,000 digits.",
        mutations.change_json(mutations.replace_totals("9" * mutations.DIGITS)),
    ),
    "nan": ("totals are NaN.", mutations.change_json(mutations.replace_totals("NaN"))),
    "duplicate-keys": (
        "every key of the outermost object is there again, with null.",
        mutations.change_body(mutations.repeat_keys),
    ),
    "deep-nesting": (
        "the body has a field of 100,000 arrays in arrays.",
        mutations.change_body(mutations.nest_deeply),
    ),
    "gzip-bomb": ("the body is gzip that unpacks to 64 MB, a thousand times its size.", mutations.pack_as_bomb),
    "bom": ("a byte order mark stands before the body.", mutations.change_body(mutations.add_byte_order_mark)),
}
"""Answers of the ERP with its own status and another body, by kind: the sentence for people and the change."""


def _body_faults() -> Iterator[Fault]:
    """Answers of the ERP with its own status and another body; the request is applied."""
    for kind, (description, change) in _BODIES.items():
        yield Fault(kind, f"The ERP acts; {description}", "erp", change)
    yield Fault("stale", "The answer that the same GET had before; without one, it is asked for.", "memory")


def _by_kind(*families: Iterable[Fault]) -> Mapping[str, Fault]:
    return {fault.kind: fault for family in families for fault in family}


FAULTS: Mapping[str, Fault] = _by_kind(_LOST_REQUESTS, _LOST_ANSWERS, _status_faults(), _body_faults())
"""Every fault by its kind; `description` is a sentence for people."""


def parse_fault(text: str) -> PlannedFault:
    """Read KIND, KIND@N or KIND@N:VALUE: which fault, for which request (all without N), by how much.

    `KIND@writeN` is for the N-th write, `KIND@write` for every one: reads and sign-ins are not counted.

    Raises:
        ValueError: there is no such fault; the message names similar ones.
    """
    written = _WRITTEN.fullmatch(text)
    if not written:
        raise ValueError(f"{text!r} is not a fault. Write KIND, KIND@N or KIND@N:VALUE, such as 500@write1 or hang@3.")
    kind, nth, value = written["kind"], written["nth"], written["value"]
    if kind not in FAULTS:
        near = get_close_matches(kind, FAULTS, n=5, cutoff=0.4) or FAULTS
        raise ValueError(f"No fault named {kind!r}. Similar: {', '.join(near)}.")
    fault = FAULTS[kind]
    if value and not fault.value_kind:
        raise ValueError(f"{kind!r} takes no value.")
    if written["write"] and fault.reaches in ("nobody", "socket"):
        raise ValueError(f"{kind!r} hits before the request is read, so it cannot wait for a write.")
    # A float, for clocks: no amount of money ever comes this way.
    number = int(Decimal(value) * 1000) / 1000 if value else fault.value
    return PlannedFault(fault, int(nth) if nth else None, number, is_for_writes=bool(written["write"]))
