"""Python's collector of garbage while a catalog is made: of its hundreds of thousands of objects none is garbage."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_COLLECT_AFTER = 50_000
"""New objects after which garbage is looked for meanwhile: of other calls no more than that can lie about."""
_running = 0
_usual = gc.get_threshold()


@contextmanager
def collect_seldom() -> Iterator[None]:
    """Look for garbage seldom within the block, and as usual once the last of these blocks has ended."""
    global _running, _usual
    if not _running:
        _usual = gc.get_threshold()
        gc.set_threshold(max(_usual[0], _COLLECT_AFTER), *_usual[1:])
    _running += 1
    try:
        yield
    finally:
        _running -= 1
        if not _running:
            gc.set_threshold(*_usual)
