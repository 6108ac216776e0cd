"""Python's collector of garbage in a server: what a start made is not walked, and a catalog is walked seldom."""

from __future__ import annotations

import gc

_COLLECT_AFTER = (2_000, 10, 10)
"""New objects, and collections of the younger ones, after which garbage is looked for: a catalog is made of 100,000
objects, which Python's own 700 would have walked several times while it is read. That all is walked stays as often as
there: what was in use at a moment of a call, and is garbage since, would lie for tens of thousands of calls."""


def start_collector() -> None:
    """Start the collector, which was disabled during the imports: their objects live as long as the process."""
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    gc.enable()
