"""What stands between the program and an ERP in a company's network: TLS with an authority of its own, and a proxy."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.certificates import own_certificate

CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"


@asynccontextmanager
async def behind_tls(port: int, folder: Path) -> AsyncIterator[tuple[int, Path]]:
    """Speak TLS before a server of this machine; yield the port, and the file of the authority to trust."""
    made = own_certificate()
    chain, authority = folder / "chain.pem", folder / "authority.pem"
    chain.write_bytes(made.key + made.pem)
    authority.write_bytes(made.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(reader, writer, port)

    async with await asyncio.start_server(relay, "127.0.0.1", 0, ssl=context) as server:
        yield server.sockets[0].getsockname()[1], authority


@asynccontextmanager
async def tunnelling() -> AsyncIterator[tuple[int, list[str]]]:
    """Be an HTTP proxy for CONNECT; yield the port, and the addresses that were asked for."""
    asked: list[str] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        method, address, *_ = (await reader.readuntil(b"\r\n\r\n")).decode().split()
        asked.append(f"{method} {address}")
        writer.write(CONNECTED)
        await _join(reader, writer, int(address.rpartition(":")[2]))

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], asked


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    onward_reader, onward_writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        await asyncio.gather(_pass_on(reader, onward_writer), _pass_on(onward_reader, writer))
    except (ConnectionError, ssl.SSLError):
        pass  # the program has left, as it does where it trusts no certificate
    finally:
        onward_writer.close()
        writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
    else:
        writer.close()
