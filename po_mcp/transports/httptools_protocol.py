"""uvicorn's reader of HTTP in C, to which a request that offers another protocol is a request like any other."""

from __future__ import annotations

from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HttpToolsConnection(HttpToolsProtocol):
    """A connection that stays with HTTP/1.1, whatever its client offers.

    A server may ignore `Upgrade` (RFC 9110 7.8). httptools ends a request that has it at its headers, so that a body
    after them would be lost: that of every request which Java's HTTP client sends without TLS, as it offers h2c.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parser = _Parser(self)

    def on_headers_complete(self) -> None:
        """Begin to answer a request, unless it is read again without its offer."""
        if not self._offers_another:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note the end of a request, unless it is read again without its offer."""
        if not self._offers_another:
            super().on_message_complete()

    def read_again(self, rest: bytes) -> None:
        """Read a request without its offer, and then the bytes that came after its headers."""
        if not self._offers_another:
            return
        kept = [(name, value) for name, value in self.headers if name != b"upgrade"]
        first = b" ".join((self.parser.get_method(), self.url, b"HTTP/1.1"))
        self.parser = _Parser(self)
        self.parser.feed_data(b"\r\n".join((first, *(b": ".join(header) for header in kept), b"", rest)))

    @property
    def _offers_another(self) -> bool:
        # A CONNECT has no body, and is refused as any other method is.
        return bool(self.parser.should_upgrade()) and self.parser.get_method() != b"CONNECT"


class _Parser(httptools.HttpRequestParser):
    """httptools' parser, which hands over what it does not read."""

    def __init__(self, connection: HttpToolsConnection) -> None:
        super().__init__(connection)
        self._connection = connection

    def feed_data(self, data: Any) -> None:
        try:
            super().feed_data(data)
        except httptools.HttpParserUpgrade as exc:
            self._connection.read_again(data[exc.args[0] :])
