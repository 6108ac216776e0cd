"""Call the tools with generated arguments: `python -m tests.fuzz [--calls 20000] [--seed 1]`."""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections import Counter
from pathlib import Path

import anyio

from tests.fuzz.running import run
from tests.homes import nobodys_home


async def _main(calls: int, seed: int) -> None:
    begin, counted = time.monotonic(), Counter[str]()
    with tempfile.TemporaryDirectory() as folder:
        async for counted in run(Path(folder), calls, seed):
            print(f"\r{counted.total()} calls, {time.monotonic() - begin:.0f} s", end="", flush=True)  # noqa: T201
    print("\nno crash, no hang, no write")  # noqa: T201
    for answer, count in sorted(counted.items()):
        print(f"{count:6} {answer}")  # noqa: T201


if __name__ == "__main__":
    logging.disable()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    with nobodys_home():
        anyio.run(_main, given.calls, given.seed)
