"""A few of the crashes; `python -m tests.sweep --part crashes` has all of them."""

from __future__ import annotations

import shutil

import pytest

from .crashes import Crash, How, crash
from .scenarios import FLOWS, Flow

pytestmark = pytest.mark.system

IPRO_CREATE, IPRO_NEXT, IPRO_FINALIZE, _, _, EXSITED_DELETE, EXSITED_CANCEL = FLOWS
AT_COMMITS: list[tuple[Flow, How, int]] = [
    (IPRO_CREATE, "kill at commit", 3),
    (EXSITED_DELETE, "kill at commit", 5),
    (IPRO_FINALIZE, "EIO from commit on", 4),
    (EXSITED_DELETE, "ENOSPC from commit on", 5),
]
AT_THE_WIRE: list[tuple[Flow, How]] = [
    (IPRO_FINALIZE, "kill when applied"),
    (EXSITED_DELETE, "kill on arrival, lost"),
    (IPRO_FINALIZE, "cancelled when applied"),
    (EXSITED_DELETE, "closed stdin when applied"),
    (EXSITED_CANCEL, "SIGTERM on arrival"),
    (IPRO_FINALIZE, "stopped on arrival"),
    (IPRO_CREATE, "stopped when applied"),
    (IPRO_NEXT, "kill when applied"),
]


def name_case(given: object) -> str:
    return " ".join(given) if isinstance(given, tuple) else str(given)


@pytest.mark.parametrize(("flow", "how", "n"), AT_COMMITS, ids=name_case)
async def test_a_failing_disk_or_a_kill_at_a_commit_neither_loses_nor_doubles_a_write(
    flow: Flow, how: How, n: int
) -> None:
    assert shutil.which("strace"), "strace is needed: apt-get install strace"

    ran = await crash(Crash(flow, how, n))

    assert ran.struck
    assert ran.wrong == []


@pytest.mark.parametrize(("flow", "how"), AT_THE_WIRE, ids=name_case)
async def test_a_process_that_ends_in_the_middle_of_a_write_neither_loses_nor_doubles_it(flow: Flow, how: How) -> None:
    ran = await crash(Crash(flow, how))

    assert ran.struck
    assert ran.wrong == []
