"""When Python's collector looks for garbage: seldom where most of what is made lasts."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_IN_COMMAND = (50_000, 20, 100)
"""New objects of a command after which garbage is looked for: most of them are modules, which it imports as it goes."""
_IN_SERVER = (2_000, 10, 10)
"""New objects, and collections of the younger ones, after which garbage is looked for: a catalog is made of 100,000
objects, which Python's own 700 would have walked several times while it is read. That all is walked stays as often as
there: what was in use at a moment of a call, and is garbage since, would lie for tens of thousands of calls."""
_IN_CATALOG = 50_000
"""New objects after which garbage is looked for while a catalog is made: of its hundreds of thousands none is garbage,
and of other calls no more than that can lie about."""
_running = 0
_usual = gc.get_threshold()


def collect_in_command() -> None:
    """Look for garbage as a command does, once it is imported."""
    gc.set_threshold(*_IN_COMMAND)
    gc.enable()


def collect_in_server() -> None:
    """Look for garbage as a server does; what was made until now lives as long as the process, and is not walked."""
    gc.freeze()
    gc.set_threshold(*_IN_SERVER)
    gc.enable()


@contextmanager
def collect_seldom() -> Iterator[None]:
    """Look for garbage seldom within the block, and as usual once the last of these blocks has ended."""
    global _running, _usual
    if not _running:
        _usual = gc.get_threshold()
        gc.set_threshold(max(_usual[0], _IN_CATALOG), *_usual[1:])
    _running += 1
    try:
        yield
    finally:
        _running -= 1
        if not _running:
            gc.set_threshold(*_usual)
