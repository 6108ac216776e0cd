"""A real server process that is killed or stopped, or whose disk fails, at every commit and moment of the wire."""

from __future__ import annotations

import getpass
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any, Literal, get_args

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from tests.stdio.test_process import INITIALIZE, MODERN_META

from .erp import Lost, do_nothing, erp_at_port
from .oracle import Answer, Ran
from .runner import Clock, Play, WatchedNetwork, credentials_for, play_after_a_restart, read_sending, record_the_end
from .scenarios import CALLS, FLOWS, Bounds, Flow

How = Literal[
    "kill at commit",
    "EIO at commit",
    "EIO from commit on",
    "ENOSPC from commit on",
    "kill on arrival, lost",
    "kill on arrival, applied",
    "kill when applied",
    "SIGTERM on arrival",
    "SIGTERM when applied",
    "closed stdin when applied",
    "cancelled when applied",
    "cancelled on arrival, no answer",
    "SIGTERM when applied, no answer",
    "stopped on arrival",
    "stopped when applied",
]
INJECTED: Mapping[How, str] = {
    "kill at commit": "signal=KILL:when={n}",
    "EIO at commit": "error=EIO:when={n}",
    "EIO from commit on": "error=EIO:when={n}+",
    "ENOSPC from commit on": "error=ENOSPC:when={n}+",
}
"""What strace injects at the n-th time that the process syncs a file to the disk."""
AT_THE_WIRE: tuple[How, ...] = tuple(how for how in get_args(How) if how not in INJECTED)
MAX_COMMITS = 40
"""More commits than any run makes."""
USER = getpass.getuser()
"""The user in whose name a server process asks: that of the machine."""
TIMEOUT_S = 3.0
"""Seconds of one call of a server process, on a machine that is busy with others."""
_PATIENCE_S = 60.0
_STOPPED_S = 3 * TIMEOUT_S  # longer than the call may take


@dataclass(frozen=True)
class Crash:
    """How a process dies or is disturbed; `n`: at which commit."""

    flow: Flow
    how: How
    n: int = 0
    bounds: Bounds = "kept"

    def __str__(self) -> str:
        return f"{' '.join(self.flow)}: {self.how} {self.n or ''}"


@dataclass
class Crashed(Ran):
    """The history of a crash; `struck`: whether the run had such a moment; `step`: the call under way."""

    struck: bool = False
    step: int = 1


def list_crashes_at_the_wire() -> Iterator[Crash]:
    yield from (Crash(flow, how) for flow, how in product(FLOWS, AT_THE_WIRE))


async def crash_at_every_commit(flow: Flow, how: How) -> AsyncIterator[Crashed]:
    """Strike the first commit of a run, the second, and so on, until a run has no more."""
    for n in range(1, MAX_COMMITS):
        ran = await crash(Crash(flow, how, n))
        if not ran.struck:
            return
        yield ran


@dataclass
class Peer:
    """A server process, and the client's end of its pipes."""

    process: Process
    lines: BufferedByteReceiveStream
    last_id: int = 0
    ended: anyio.Event = field(default_factory=anyio.Event)
    patience_s: float = _PATIENCE_S
    """Seconds in which something must come: a busy machine takes many for a start that needs two of CPU."""
    count_requests: Callable[[], int] = lambda: 0
    """How many requests the ERP was sent by now: a server that is slow on a busy machine still sends some."""

    async def send(self, message: Mapping[str, Any]) -> bool:
        """Send a message; False where nobody reads any more."""
        assert self.process.stdin is not None
        try:
            await self.process.stdin.send(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
        except (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
            return False
        return True

    async def receive(self) -> Mapping[str, Any] | None:
        """Return the next message; None at the end of the process.

        Raises:
            TimeoutError: neither a message came nor a request was sent for some time.
        """
        try:
            while True:
                sent = self.count_requests()
                with anyio.move_on_after(self.patience_s):
                    message: Mapping[str, Any] = json.loads(await self.lines.receive_until(b"\n", 2**22))
                    return message
                if self.count_requests() == sent:
                    raise TimeoutError
        except (anyio.IncompleteRead, anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            return None

    async def request(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any] | None:
        self.last_id += 1
        await self.send({"id": self.last_id, "method": method, "params": params})
        return await self.receive()

    async def close(self) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.aclose()

    async def end(self) -> None:
        """Close its stdin, and wait until it is gone."""
        await self.close()
        with anyio.move_on_after(_PATIENCE_S):
            await self.process.wait()
            return
        self.process.kill()


@asynccontextmanager
async def server_process(
    flow: Flow, url: str, journal: Path, *before: str, seconds: float = TIMEOUT_S
) -> AsyncIterator[Peer]:
    """Start `python -m po_mcp`, behind `before` (strace)."""
    login, secret = credentials_for(flow[0])
    settings = {
        "ERP": flow[0],
        "BASE_URL": url,
        "CLIENT_ID": login,
        "CLIENT_SECRET": secret,
        "REDIRECT_URI": url,
        "TIMEOUT": str(seconds),
        "JOURNAL": str(journal),
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PO_MCP_")}
    environment = {**kept, **{f"PO_MCP_{name}": value for name, value in settings.items()}}
    command = [*before, sys.executable, "-m", "po_mcp"]
    async with await anyio.open_process(command, env=environment, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        peer = Peer(process, BufferedByteReceiveStream(process.stdout))
        try:
            yield peer
        finally:
            with anyio.CancelScope(shield=True):
                await peer.end()


async def crash(at: Crash) -> Crashed:
    """Disturb the call, start another process on the same journal, and return what was answered and carried out."""
    ran = Crashed(at)
    with tempfile.TemporaryDirectory() as folder:
        journal, trace = Path(folder) / "journal.db", Path(folder) / "trace"
        async with erp_at_port(Path(folder) / "book.db") as erp:
            url = f"http://127.0.0.1:{erp.port}"
            async with server_process(at.flow, url, journal, *_strace(at, trace)) as peer:
                await ask_until_struck(ran, erp.gate, peer, journal)
            ran.struck = ran.struck or _was_injected(trace)
            network = WatchedNetwork(ran, journal)
            await start_again(ran, erp.gate, Play(ran.scenario, ran, Clock(), journal, url, network, user=USER))
    return ran


async def ask_until_struck(ran: Crashed, gate: Any, peer: Peer, journal: Path) -> None:
    """Make the call of a flow, and let the process be struck at its moment; `gate` stands before the ERP as `Gate`."""
    _disturb_the_wire(ran, gate, peer, journal)
    try:
        await _ask(ran, peer)
    except TimeoutError:
        ran.crashes.append(f"nothing was answered for {peer.patience_s} s")


async def start_again(ran: Crashed, gate: Any, play: Play) -> None:
    """Let a second process go on from the journal of the first."""
    gate.arrives = do_nothing
    clock, network, journal = play.clock, play.network, play.journal
    clock.now = time.time()
    network.step = 2
    _note_the_step(ran, gate, lambda: network.step)
    try:
        await play_after_a_restart(play)
        record_the_end(ran, journal, clock)
    finally:
        await network.close()


def _note_the_step(ran: Crashed, gate: Any, step: Callable[[], int]) -> None:
    """Note in which step a write is carried out from now on."""

    async def note_applied(tag: str) -> None:
        _note_carried_out(ran, gate, tag, step())

    gate.applied = note_applied


def _note_carried_out(ran: Crashed, gate: Any, tag: str, step: int) -> None:
    if tag in gate.carried_out:
        ran.carried_out = {**ran.carried_out, tag: step}


def _strace(at: Crash, trace: Path) -> tuple[str, ...]:
    """Return the command of strace that injects a crash; nothing for one at the wire."""
    if at.how not in INJECTED:
        return ()
    injected = f"inject=fdatasync,fsync:{INJECTED[at.how].format(n=at.n)}"
    # With seccomp only these calls stop the process, which is faster; a signal is then not sent (strace 6.1).
    fast = () if "signal" in injected else ("--seccomp-bpf",)
    return ("strace", "-f", *fast, "-o", str(trace), "-e", "trace=fdatasync,fsync", "-e", injected)


def _was_injected(trace: Path) -> bool:
    text = trace.read_text(errors="replace") if trace.exists() else ""
    return "INJECTED" in text or "killed by SIGKILL" in text


async def _ask(ran: Crashed, peer: Peer) -> None:
    """Make the call, and once more where the server lives on; note what it answers, if it does."""
    for step in (1, 2):
        ran.step = step
        answer = await _call(ran.scenario.flow, ran.scenario.how, peer)  # type: ignore[attr-defined]
        if answer is not None:
            ran.answers.append(replace(_read_answer(step, answer), asked_by=USER))
        if answer is None or peer.process.returncode is not None or peer.ended.is_set():
            return


async def _call(flow: Flow, how: How, peer: Peer) -> Mapping[str, Any] | None:
    if how.startswith("cancelled"):
        await _call_in_2025(flow, peer)
        with anyio.move_on_after(_PATIENCE_S):
            await peer.ended.wait()  # a call that was cancelled is not answered, nor sent where nothing could be read
        return None
    call = CALLS[flow]
    params = {"name": call.tool, "arguments": arguments_of(flow), "_meta": MODERN_META}
    answer = await peer.request("tools/call", params)
    if answer is None or answer.get("result", {}).get("resultType") != "input_required":
        return answer
    question = answer["result"]
    form = question["inputRequests"]["approval"]["params"]
    again = {**params, "inputResponses": {"approval": yes_to(flow, form)}, "requestState": question["requestState"]}
    return await peer.request("tools/call", again)


async def _call_in_2025(flow: Flow, peer: Peer) -> None:
    """Call as a client of 2025 does: the server asks within the call."""
    await peer.request("initialize", INITIALIZE)
    await peer.send({"method": "notifications/initialized"})
    call = CALLS[flow]
    peer.last_id += 1
    params = {"name": call.tool, "arguments": arguments_of(flow)}
    await peer.send({"id": peer.last_id, "method": "tools/call", "params": params})
    if flow[1].startswith("create"):  # of any ERP: nobody is asked
        return
    asked = await peer.receive()
    if asked is None or asked.get("method") != "elicitation/create":
        peer.ended.set()  # nobody is asked where the order could not be read: then the write has no moment to strike
        return
    await peer.send({"id": asked["id"], "result": yes_to(flow, asked["params"])})


def arguments_of(flow: Flow) -> dict[str, Any]:
    """Return the arguments of a flow's call."""
    call = CALLS[flow]
    return {**({"number": call.number} if call.number else {}), **call.arguments}


def yes_to(flow: Flow, form: Mapping[str, Any]) -> Mapping[str, Any]:
    """Take the first option that is not the safe one, or type the order number."""
    [(name, field)] = form["requestedSchema"]["properties"].items()
    options = field.get("enum") or [option["const"] for option in field.get("oneOf", ())]
    return {"action": "accept", "content": {name: options[1] if options else CALLS[flow].number}}


def _read_answer(step: int, answer: Mapping[str, Any]) -> Answer:
    result = answer.get("result", {})
    shown = result.get("structuredContent") or {}
    if "error" in answer or result.get("isError") or not shown:
        text = json.dumps(answer.get("error") or result.get("content"))
        status = "no answer" if "Connection closed" in text else "error"
        return Answer(step, status, text, error="" if step == 1 else _class_of(text))
    return Answer(
        step,
        shown["status"],
        shown["message"],
        shown.get("operation_id"),
        bool(shown.get("do_not_repeat")),
        is_checked=shown["status"] == "refused" and "not_before" in shown,
    )


def _class_of(text: str) -> str:
    """Return the class of an error that says only that nothing can be written now; "" of any other."""
    return "OperationUnderWay" if "cannot record operations right now" in text or "request in progress" in text else ""


# The wire


def _disturb_the_wire(ran: Crashed, gate: Any, peer: Peer, journal: Path) -> None:
    """Let the gate before the ERP note each write, and disturb the process at the moment of its crash."""
    how: How = ran.scenario.how  # type: ignore[attr-defined]

    async def arrives(tag: str) -> None:
        ran.sent.append(replace(read_sending(tag, ran.step, journal), asked_by=USER))
        if "on arrival" in how:
            ran.struck = True
            await _strike(how, peer)
        if how in ("kill on arrival, lost", "cancelled on arrival, no answer"):
            raise Lost

    async def note_applied(tag: str) -> None:
        _note_carried_out(ran, gate, tag, ran.step)
        if "when applied" in how:
            ran.struck = True
            await _strike(how, peer)
        if how == "SIGTERM when applied, no answer":
            await anyio.sleep(2 * TIMEOUT_S)

    gate.arrives, gate.applied = arrives, note_applied


async def _strike(how: How, peer: Peer) -> None:
    """Kill, stop, signal or cancel the process, or close its stdin."""
    peer.ended.set()
    match how.split()[0]:
        case "kill":
            peer.process.kill()
            await peer.process.wait()
        case "SIGTERM":
            peer.process.send_signal(signal.SIGTERM)
        case "stopped":
            peer.process.send_signal(signal.SIGSTOP)
            threading.Timer(_STOPPED_S, peer.process.send_signal, [signal.SIGCONT]).start()
        case "closed":
            await peer.close()
        case "cancelled":
            params = {"requestId": peer.last_id, "reason": "the user pressed stop"}
            await peer.send({"method": "notifications/cancelled", "params": params})
