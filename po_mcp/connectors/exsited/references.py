"""The reference in an order's note, by which the order that an operation created is recognized. No I/O."""

from __future__ import annotations

import re

_NO_BRACKETS = str.maketrans("[]()", "    ")
_REFERENCE = re.compile(r"\[po-mcp ([A-Za-z0-9._-]{1,80})\]", re.ASCII | re.IGNORECASE)


def add_reference(note: str | None, reference: str | None, buyer: str = "") -> str | None:
    """Return the note to store, such as `Dock 3 (requested by Alice Moreau) [po-mcp 3f2a]`."""
    buyer = buyer.translate(_NO_BRACKETS)  # with one in it, a name could look like a reference
    mark = None if reference is None else f"[po-mcp {reference}]"
    return " ".join(part for part in (note, buyer and f"(requested by {buyer})", mark) if part) or None


def find_mark(note: str | None) -> str | None:
    """Return the first `[po-mcp ...]` in a note, as it stands there; None without one."""
    found = _REFERENCE.search(note or "")
    return None if found is None else found[0]


def find_reference(note: str | None) -> str | None:
    """Return the reference in a note; None without one, and where there are several, which tell nothing."""
    # A note that was typed in the ERP may hold a copied reference beside ours: then the order's content decides.
    found = {reference.casefold() for reference in _REFERENCE.findall(note or "")}
    return found.pop() if len(found) == 1 else None
