"""The reference in an order's note, by which the order that an operation created is recognized. No I/O."""

from __future__ import annotations

import re

from po_mcp.untrusted import visible

_MAX_NAME_CHARS = 60
_NO_BRACKETS = str.maketrans("[]()", "    ")
_REFERENCE = re.compile(r"\[po-mcp ([A-Za-z0-9._-]{1,80})\]", re.ASCII | re.IGNORECASE)


def add_reference(note: str | None, reference: str | None, requested_by: str = "") -> str | None:
    """Return the note to store, such as `Dock 3 (requested by Alice Moreau) [po-mcp 3f2a]`.

    A name comes from a token: with a bracket in it, it could look like a reference.
    """
    buyer = visible(requested_by, _MAX_NAME_CHARS).translate(_NO_BRACKETS)
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
