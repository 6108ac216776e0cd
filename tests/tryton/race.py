"""`python -m tests.tryton.race`: somebody is at work in Tryton's own client while we cancel or delete, many times."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial
from itertools import product
from typing import Any

import anyio
import anyio.to_thread
import click

from po_mcp.connectors.tryton import Tryton
from po_mcp.erp import Guarded
from po_mcp.errors import ERPError
from tests.homes import nobodys_home
from tests.tryton.book import PURCHASE, TrytonUsers
from tests.tryton.company import password
from tests.tryton.rpc import Rpc, RpcError
from tests.tryton.server import Server, serving

LINE = "purchase.line"
Work = Callable[[Rpc, int, Mapping[str, str]], object]


def save(person: Rpc, order: int, stamps: Mapping[str, str]) -> None:
    """Save a note, as the desktop client does: bound to what it opened."""
    person.on(PURCHASE, "write", [order], {"comment": "Now by train."}, _timestamp=stamps)


def save_a_line(person: Rpc, order: int, stamps: Mapping[str, str]) -> None:
    """Save another quantity, as the desktop client does: through the order."""
    (line,) = (int(key.partition(",")[2]) for key in stamps if key.startswith(f"{LINE},"))
    person.on(PURCHASE, "write", [order], {"lines": [["write", [line], {"quantity": 999}]]}, _timestamp=stamps)


def quote(person: Rpc, order: int, stamps: Mapping[str, str]) -> None:
    """Press a button."""
    person.on(PURCHASE, "quote", [order], _timestamp=stamps)


WORKS: Mapping[str, Work] = {"save": save, "save a line": save_a_line, "quote": quote}


async def meet(erp: Tryton, users: TrytonUsers, kind: Guarded, work: Work, late: float) -> tuple[str, str, str]:
    """Let our write and a colleague's happen at one moment.

    Args:
        late: seconds by which the colleague's leaves later than ours.

    Returns:
        What each was answered, and what Tryton shows then.
    """
    order = users.make_order(None, ("bolt", "10", "0.45"))
    seen = await erp.snapshot(f"({order})", kind)
    opened = _stamps(users.keeper, order)
    answers: dict[str, str] = {}
    leaves = anyio.Event()

    async def ours() -> None:
        end = erp.cancel_order if kind == "cancel" else erp.delete_order
        answers["ours"] = "done"
        try:
            await end(f"({order})", leaves.set, version=seen.version)
        except ERPError as exc:
            answers["ours"] = f"{type(exc).__name__}, {exc.effect}"

    async def write_there() -> None:
        await leaves.wait()
        await anyio.sleep(late)
        answers["other"] = "done"
        try:
            await anyio.to_thread.run_sync(partial(work, users.keeper, order, opened))
        except RpcError as exc:
            answers["other"] = str(exc.args[0])

    async with anyio.create_task_group() as both:
        both.start_soon(ours)
        both.start_soon(write_there)
    return answers["ours"], answers["other"], _show(users.buyer, order)


def _stamps(person: Rpc, order: int) -> dict[str, str]:
    """Return the stamps of an order and its lines, as somebody gets them who opens it."""
    row = person.read(PURCHASE, order, "_timestamp", "lines._timestamp")
    lines = {f"{LINE},{line['id']}": line["_timestamp"] for line in row["lines."]}
    return {f"{PURCHASE},{order}": row["_timestamp"], **lines}


def _show(person: Rpc, order: int) -> str:
    """Return an order's state, and whether the colleague's change is in it; "gone" where it is deleted."""
    rows: list[dict[str, Any]] = person.search_read(
        PURCHASE, ["state", "comment", "lines.quantity"], ["id", "=", order]
    )
    if not rows:
        return "gone"
    is_changed = rows[0]["comment"] is not None or rows[0]["lines."][0]["quantity"] == 999
    return f"{rows[0]['state']}{', changed' if is_changed else ''}"


async def race(server: Server, users: TrytonUsers, kind: Guarded, work: Work, times: int) -> Counter[tuple[str, ...]]:
    """Let both meet many times, up to 20 ms apart; return how often each combination of answers came."""
    erp = Tryton(server.url, "buyer", password("buyer"))
    chance = random.Random(1)
    try:
        return Counter([await meet(erp, users, kind, work, chance.uniform(0, 0.02)) for _ in range(times)])
    finally:
        await erp.aclose()


@click.command()
@click.argument("pairs", nargs=-1)
@click.option("--times", type=click.IntRange(1), default=200, help="How often for each pair.")
def main(pairs: tuple[str, ...], times: int) -> None:
    """Race, and count the outcomes of both; PAIRS are beginnings of their names, such as "cancel and save"."""
    with serving() as (server, users):
        kinds: tuple[Guarded, ...] = ("cancel", "delete")
        for kind, (name, work) in product(kinds, WORKS.items()):
            pair = f"{kind} and {name}"
            if not pair.startswith(pairs or ("",)):
                continue
            for (ours, other, shown), count in anyio.run(race, server, users, kind, work, times).most_common():
                click.echo(f"{pair}: {count:4} times ours: {ours}; the other: {other}; in Tryton: {shown}")


if __name__ == "__main__":
    with nobodys_home():
        main()
