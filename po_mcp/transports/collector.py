"""Python's collector of garbage in a server: what a start made is not walked, and a catalog is walked seldom."""

from __future__ import annotations

import gc

_COLLECT_AFTER = (2_000, 10, 50)
"""New objects, and collections of the younger ones, after which garbage is looked for: a catalog is made of 100,000
objects, which Python's own figures (700, 10, 10) would walk several times while it is read."""


def start_collector() -> None:
    """Start the collector, which was disabled during the imports: their objects live as long as the process."""
    gc.freeze()
    gc.set_threshold(*_COLLECT_AFTER)
    gc.enable()
