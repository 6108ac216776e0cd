"""`python -m tests.tryton.faults`: faults and kills before, in and behind our server, judged by what Tryton shows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Iterator, Mapping
from itertools import chain

import anyio
import click

from tests.homes import nobodys_home
from tests.sweep.crashes import Crash, Crashed
from tests.sweep.oracle import Ran
from tests.sweep.scenarios import Flow
from tests.tryton.book import TrytonUsers
from tests.tryton.deaths import Death, die, every_death
from tests.tryton.server import Server, serving
from tests.tryton.striking import Struck, contents, every_crash, every_scenario, kill, strike

At = Struck | Crash | Death


def count_effects(users: TrytonUsers, before: Mapping[int, str], flow: Flow) -> int:
    """Return how often Tryton shows what a flow asks for, compared with what stood there before."""
    now = contents(users)
    if flow[1].startswith("create"):
        return len(now.keys() - before.keys())
    if flow[1] == "delete":
        return len(before.keys() - now.keys())
    return sum(now[one] == "cancelled" != before[one] for one in now.keys() & before.keys())


def play(at: At, server: Server, users: TrytonUsers) -> Awaitable[Ran]:
    """Play a scenario of any kind."""
    match at:
        case Struck():
            return strike(at, server, users)
        case Death():
            return die(at, server, users)
    return kill(at, server, users)


async def judge(at: At, server: Server, users: TrytonUsers) -> tuple[Ran, list[str]]:
    """Play a scenario over a fresh book; return its history, and what is wrong with that."""
    server.reset()
    before = contents(users)
    ran = await play(at, server, users)
    times, wrong = count_effects(users, before, at.flow), list(ran.wrong)
    if times > 1 or times < any(answer.status == "done" for answer in ran.answers):
        wrong.append(f"Tryton shows it {times} times in the end")
    if isinstance(ran, Crashed) and not ran.struck:
        wrong.append("the write had no such moment")
    return ran, wrong


@click.command()
@click.argument("words", nargs=-1)
@click.option("--most", type=click.IntRange(1), default=10_000, help="So many scenarios at most.")
@click.option("--every", type=click.IntRange(1), default=1, help="Only every n-th of them.")
def main(words: tuple[str, ...], most: int, every: int) -> None:
    """Strike every write at every moment, and compare what is reported with what Tryton shows.

    WORDS, such as kill or "cancel: 500", choose the scenarios in whose name one of them stands.
    """
    scenarios: Iterator[At] = chain(every_scenario(), every_crash(), every_death())
    struck = [at for at in scenarios if any(word in str(at) for word in words or ("",))][::every][:most]
    reported: Counter[str] = Counter()
    wrong = 0
    with serving() as (server, users):
        for at in struck:
            ran, found = anyio.run(judge, at, server, users)
            reported.update(f"{answer.status}" for answer in ran.answers if answer.step == 1)
            reported["double writes"] += bool(ran.doubles)
            reported["lies"] += bool(ran.lies)
            wrong += bool(found)
            click.echo(f"{at}: {' '.join(answer.status for answer in ran.answers)}", err=True)
            for one in found:
                click.echo(f"{at}: {one}")
    click.echo(f"{len(struck)} scenarios, {wrong} wrong: {dict(reported)}")
    raise SystemExit(bool(wrong))


if __name__ == "__main__":
    with nobodys_home():
        main()
