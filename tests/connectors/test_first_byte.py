"""What fails before a write's first byte was not sent, through a proxy too; what fails after it is in doubt."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from po_mcp.connectors.http import client, exchange, transport
from po_mcp.connectors.http.cause import NO_TUNNEL
from po_mcp.connectors.http.client import ErpHttpClient
from po_mcp.connectors.http.error_mapping import ErrorMapping
from po_mcp.connectors.http.failures import CHECK_PROXY
from po_mcp.connectors.http.first_byte import FirstByte
from po_mcp.connectors.http.retry import Retrier
from po_mcp.errors import OutcomeUnknown, Refused, Unreachable
from tests.certificates import own_certificate
from tests.connectors.calls import at_once, no_wait
from tests.connectors.raw_peer import Deadlines, control_deadlines
from tests.ports import free_port
from tests.relays import CONNECTED


@dataclass
class Proxy:
    """A proxy that does what a test says once it was asked for a tunnel, and the ERP behind it.

    `received` is what was read after the tunnel: with TLS, what was deciphered.
    """

    act: Act
    trusted: ssl.SSLContext
    deadlines: Deadlines
    asked: list[bytes] = field(default_factory=list)
    received: bytearray = field(default_factory=bytearray)
    ending: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            await self.act(self, reader, writer)
        except (ConnectionError, ssl.SSLError, asyncio.IncompleteReadError):
            pass  # the program has left
        finally:
            writer.close()

    async def open_tls(self, writer: asyncio.StreamWriter, context: ssl.SSLContext | None = None) -> None:
        """Open the tunnel, and be the ERP at its end."""
        writer.write(CONNECTED)
        await writer.start_tls(context or self.trusted)


Act = Callable[[Proxy, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def server_context(folder: Path) -> ssl.SSLContext:
    chain = folder / "chain.pem"
    chain.write_bytes(own_certificate().key + own_certificate().pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


@asynccontextmanager
async def proxy(folder: Path, act: Act) -> AsyncIterator[Proxy]:
    with control_deadlines() as deadlines:
        made = Proxy(act, server_context(folder), deadlines)
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
        made.port = server.sockets[0].getsockname()[1]
        try:
            yield made
        finally:
            made.ending.set()
            server.close()
            await server.wait_closed()


async def delete(at: Proxy, *, trusts: bool = True, url: str = "https://127.0.0.1:9", silence: float = 60.0) -> None:
    """Delete an order through the proxy, as production does; `silence` in seconds ends a connection."""
    context = ssl.create_default_context()
    if trusts:
        context.load_verify_locations(cadata=own_certificate().pem.decode())
    way = transport.Connections(context, f"http://127.0.0.1:{at.port}")
    mapping = ErrorMapping("Acme", lambda body: "", "", "")
    async with aclosing(ErpHttpClient(url, mapping, transport=way, timeout=silence)) as erp:
        await erp.write("DELETE", "/orders", "1", expect=frozenset({204}), verify=lambda answer: answer)


async def close(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer nothing."""


async def reset(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def answer_garbage(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


async def answer_without_end(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nX-Padding: " + b"x" * 200_000)
    await writer.drain()


async def answer_half_and_close(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 Conn")


async def answer_half_and_hang(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 Conn")
    at.deadlines.expire()
    await at.ending.wait()


async def open_and_close(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CONNECTED)


async def open_and_reset(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CONNECTED)
    await reader.read(1)
    writer.transport.abort()


async def open_to_garbage(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CONNECTED + b"HTTP/1.1 400 Bad Request\r\n\r\n")


async def open_and_hang(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(CONNECTED)
    await reader.read(1)
    at.deadlines.expire()
    await at.ending.wait()


async def open_to_stranger(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await at.open_tls(writer)
    at.received += await reader.read(1)


TOLD: dict[Act, str] = {
    close: "the proxy opened no connection to it",
    reset: "the proxy opened no connection to it",
    answer_garbage: "the proxy opened no connection to it",
    answer_without_end: "the proxy opened no connection to it",
    answer_half_and_close: "the proxy opened no connection to it",
    answer_half_and_hang: "the proxy opened no connection to it",
    open_and_close: "it does not speak https on this port",
    open_and_reset: "it does not speak https on this port",
    open_to_garbage: "it does not speak https on this port",
    open_and_hang: "no answer in time",
    open_to_stranger: "its certificate is not trusted",
}
before_the_wire = pytest.mark.parametrize("act", TOLD, ids=lambda act: act.__name__)


@before_the_wire
async def test_a_write_that_fails_before_its_first_byte_was_not_sent(act: Act, tmp_path: Path) -> None:
    async with proxy(tmp_path, act) as made:
        with pytest.raises(Unreachable) as failed:
            await delete(made, trusts=act is not open_to_stranger)

    assert failed.value.effect == "nothing_sent"
    assert failed.value.message.startswith(f"Acme cannot be reached: {TOLD[act]}")
    assert failed.value.message.endswith(". Nothing was sent.")
    assert made.received == b""
    assert [asked.split()[0] for asked in made.asked] == [b"CONNECT"]


async def be_silent(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await at.ending.wait()


async def test_a_proxy_that_is_silent_until_its_own_time_out_was_given_no_write(tmp_path: Path) -> None:
    async with proxy(tmp_path, be_silent) as made:
        with pytest.raises(Unreachable, match=r"the proxy opened no connection to it\. Nothing was sent"):
            await delete(made, silence=0.2)


async def test_a_crash_on_the_way_to_the_first_byte_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*given: object, **named: object) -> None:
        raise UnicodeError("label too long")

    async with proxy(tmp_path, open_and_hang) as made:
        monkeypatch.setattr(ssl.SSLContext, "wrap_bio", fail)
        with pytest.raises(Unreachable, match=r"the connection failed\. Nothing was sent"):
            await delete(made)


async def fail_through(port: int, url: str = "https://127.0.0.1:9") -> Unreachable:
    """Read an order through the proxy at a port, and return the error."""
    context = ssl.create_default_context()
    way = transport.Connections(context, f"http://127.0.0.1:{port}")
    mapping = ErrorMapping("Acme", lambda body: "", "", "")
    retrier = Retrier(sleep=no_wait, fraction=at_once)
    async with aclosing(ErpHttpClient(url, mapping, transport=way, retrier=retrier)) as erp:
        with pytest.raises(Unreachable) as failed:
            await erp.read("/orders", "1")
    return failed.value


async def read_through(at: Proxy) -> str:
    """Read an order through the proxy, and return what is said of it."""
    return (await fail_through(at.port)).message


at_the_proxy = pytest.mark.parametrize(
    "act",
    [close, reset, answer_garbage, answer_without_end, answer_half_and_close],
    ids=lambda act: act.__name__,
)


@at_the_proxy
async def test_a_read_names_the_proxy_that_opened_no_way(act: Act, tmp_path: Path) -> None:
    async with proxy(tmp_path, act) as made:
        said = await read_through(made)

    assert said == f"Acme cannot be reached: {NO_TUNNEL}. Nothing was sent. Tried 3 times."


async def test_a_read_names_the_proxy_that_is_silent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "CONNECT_TIMEOUT_S", 0.05)
    async with proxy(tmp_path, be_silent) as made:
        failed = await fail_through(made.port)

    assert failed.message == f"Acme cannot be reached: {NO_TUNNEL}. Nothing was sent. Tried 3 times."
    assert failed.next_step == CHECK_PROXY
    assert "PO_MCP_PROXY" in CHECK_PROXY


async def be_silent_beyond_all_time(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    at.deadlines.expire()
    await at.ending.wait()


async def test_without_a_time_for_the_tunnel_a_read_takes_the_proxys_silence_for_the_erps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = FirstByte.__call__

    async def forget(self: FirstByte, step: str, info: Mapping[str, Any]) -> None:
        self.time_for_tunnel = None
        await begin(self, step, info)

    monkeypatch.setattr(FirstByte, "__call__", forget)
    async with proxy(tmp_path, be_silent_beyond_all_time) as made:
        assert (await read_through(made)).startswith("Acme did not answer completely")


async def close_first_and_hang(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if len(at.asked) > 1:
        await be_silent_beyond_all_time(at, reader, writer)


async def test_the_end_of_all_time_hides_nothing_that_an_earlier_try_has_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxy(tmp_path, close_first_and_hang) as made:
        assert await read_through(made) == f"Acme cannot be reached: {NO_TUNNEL}. Nothing was sent."
    monkeypatch.setattr(client, "NOT_SENT", ())
    async with proxy(tmp_path, close_first_and_hang) as made:
        assert (await read_through(made)).startswith("Acme did not answer completely")  # what the control prevents


@pytest.mark.parametrize("url", ["https://127.0.0.1:9", "http://127.0.0.1:9"])
async def test_a_proxy_that_is_not_there_is_named_and_not_the_erp(url: str) -> None:
    failed = await fail_through(free_port(), url)

    said = "Acme cannot be reached: the proxy cannot be reached (connection refused). Nothing was sent. Tried 3 times."
    assert (failed.message, failed.next_step) == (said, CHECK_PROXY)


async def test_an_erp_that_is_not_trusted_is_no_fault_of_the_proxys(tmp_path: Path) -> None:
    async with proxy(tmp_path, open_to_stranger) as made:
        failed = await fail_through(made.port)

    assert "its certificate is not trusted" in failed.message
    assert failed.next_step == Unreachable.next_step


async def test_without_the_steps_a_read_takes_the_proxys_silence_for_the_erps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FirstByte, "__call__", pass_by)
    async with proxy(tmp_path, close) as made:
        said = await read_through(made)

    assert said.startswith("Acme did not answer completely")


async def pass_by(self: FirstByte, step: str, info: object) -> None:
    """Take note of no step."""


async def read_none(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close with TLS opened: what lies in the socket may be read by whoever shares it."""
    await at.open_tls(writer)


async def read_one_byte(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await at.open_tls(writer)
    at.received += await reader.read(1)


async def read_all(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await at.open_tls(writer)
    at.received += await reader.readuntil(b"\r\n\r\n")


async def read_all_and_reset(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_all(at, reader, writer)
    writer.transport.abort()


async def read_all_and_hang(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_all(at, reader, writer)
    at.deadlines.expire()
    await at.ending.wait()


async def read_all_and_answer_half(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_all(at, reader, writer)
    writer.write(b"HTTP/1.1 204 No Con")


async def read_all_and_answer_garbage(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_all(at, reader, writer)
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")


AFTER = [
    read_none,
    read_one_byte,
    read_all,
    read_all_and_reset,
    read_all_and_hang,
    read_all_and_answer_half,
    read_all_and_answer_garbage,
]


@pytest.mark.parametrize("act", AFTER, ids=lambda act: act.__name__)
async def test_a_write_whose_first_byte_may_have_left_is_in_doubt(act: Act, tmp_path: Path) -> None:
    async with proxy(tmp_path, act) as made:
        with pytest.raises(OutcomeUnknown):
            await delete(made)

    assert b"DELETE /orders/1".startswith(made.received[:16])


async def test_a_step_that_takes_any_request_for_that_for_the_tunnel_loses_a_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = FirstByte.__call__

    async def stay_at_proxy(self: FirstByte, step: str, info: Mapping[str, Any]) -> None:
        await begin(self, step, info)
        self.is_at_proxy = True

    monkeypatch.setattr(FirstByte, "__call__", stay_at_proxy)
    async with proxy(tmp_path, read_all) as made:
        with pytest.raises(Unreachable, match="Nothing was sent"):  # what the control prevents
            await delete(made)

    assert made.received.startswith(b"DELETE /orders/1")


@pytest.mark.parametrize("act", [close, reset, answer_garbage, answer_half_and_hang], ids=lambda act: act.__name__)
async def test_a_proxy_that_is_handed_the_write_itself_leaves_it_in_doubt(act: Act, tmp_path: Path) -> None:
    async with proxy(tmp_path, act) as made:
        with pytest.raises(OutcomeUnknown):
            await delete(made, url="http://127.0.0.1:9")

    assert [asked.split()[0] for asked in made.asked] == [b"DELETE"]


async def test_a_transport_that_tells_no_steps_leaves_a_failure_in_doubt() -> None:
    def fail(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.RemoteProtocolError("gone")

    mapping = ErrorMapping("Acme", lambda body: "", "", "")
    client = ErpHttpClient("https://127.0.0.1:9", mapping, transport=httpx2.MockTransport(fail))
    with pytest.raises(OutcomeUnknown):
        await client.write("DELETE", "/orders", "1", expect=frozenset({204}), verify=lambda answer: answer)


async def answer_one(at: Proxy, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry out one write, and close at the second."""
    await at.open_tls(writer)
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")
    at.received += await reader.readuntil(b"\r\n\r\n")


async def write_twice(at: Proxy, before_second: Callable[[], None]) -> None:
    """Send two writes on one connection."""
    context = ssl.create_default_context(cadata=own_certificate().pem.decode())
    way = httpx2.AsyncHTTPTransport(verify=context, proxy=f"http://127.0.0.1:{at.port}", retries=0)
    mapping = ErrorMapping("Acme", lambda body: "", "", "")
    async with aclosing(ErpHttpClient("https://127.0.0.1:9", mapping, transport=way)) as client:
        for before in (lambda: None, before_second):
            await client.write(
                "DELETE", "/o", "1", expect=frozenset({204}), verify=lambda answer: answer, before_send=before
            )


async def test_a_write_on_a_connection_that_stands_is_in_doubt(tmp_path: Path) -> None:
    async with proxy(tmp_path, answer_one) as made:
        with pytest.raises(OutcomeUnknown):
            await write_twice(made, lambda: None)

    assert made.received.startswith(b"DELETE")


async def test_what_stops_a_write_on_a_connection_that_stands_is_said_as_it_is(tmp_path: Path) -> None:
    leaves = iter([True])

    def stop() -> None:
        if not next(leaves, False):
            raise Refused("It is too old.", effect="nothing_sent")

    async with proxy(tmp_path, answer_one) as made:
        with pytest.raises(Refused, match="It is too old"):
            await write_twice(made, stop)

    assert made.received == b""


async def test_without_the_look_at_the_steps_a_dead_proxy_leaves_doubt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FirstByte, "__call__", pass_by)

    async with proxy(tmp_path, close) as made:
        with pytest.raises(OutcomeUnknown):
            await delete(made)


async def test_without_the_end_at_the_first_byte_a_lost_answer_passes_for_not_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Forgetful(FirstByte):
        async def __call__(self, step: str, info: object) -> None:
            self.is_ahead = True

    monkeypatch.setattr(exchange, "FirstByte", Forgetful)

    async with proxy(tmp_path, read_all) as made:
        with pytest.raises(Unreachable):
            await delete(made)

    assert made.received.startswith(b"DELETE")
