"""What is no message, or no params, gets the same answer over stdio and over HTTP, in every version."""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, Protocol

import pytest

from .test_process import INITIALIZE, MODERN_META, RawClient, environment, server

VERSIONS = ("2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")
BOM = b"\xef\xbb\xbf"


class Peer(Protocol):
    """A client of one version over one transport."""

    def answer(self, body: bytes) -> Any:
        """Send bytes; return the message that answers them."""


class OverStdio:
    def __init__(self, client: RawClient) -> None:
        self._client = client

    def answer(self, body: bytes) -> Any:
        assert self._client.process.stdin is not None
        self._client.process.stdin.write(body + b"\n")
        self._client.process.stdin.flush()
        return self._client.receive()


class OverHttp:
    def __init__(self, port: int) -> None:
        self._port = port
        self.headers = {"content-type": "application/json", "accept": "application/json, text/event-stream"}

    def answer(self, body: bytes) -> Any:
        try:
            sent = json.loads(body.removeprefix(BOM).decode("utf-8", "replace"))
        except ValueError:
            sent = None
        return read_answer(self.post(body, sent if isinstance(sent, dict) else {})[1])

    @contextmanager
    def stream(self, body: bytes) -> Iterator[Iterator[str]]:
        """Send bytes; give the messages of the response as they arrive."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=250)
        connection.request("POST", "/mcp", body, self.headers)
        with closing(connection), connection.getresponse() as response:
            yield (line[6:].decode() for line in response if line.startswith(b"data: "))

    def post(self, body: bytes, sent: dict[str, Any]) -> tuple[http.client.HTTPResponse, str]:
        routing = {"mcp-method": str(sent.get("method", "ping"))}
        name = sent["params"].get("name", sent["params"].get("uri")) if isinstance(sent.get("params"), dict) else None
        routing |= {"mcp-name": name} if isinstance(name, str) else {}
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        connection.request("POST", "/mcp", body, self.headers | routing)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response, text


def read_answer(text: str) -> Any:
    """Return the message of a response, or a list of those of a stream."""
    if not text.startswith("event:"):
        return json.loads(text)
    found = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
    return found[0] if len(found) == 1 else found


@contextmanager
def over_stdio(version: str) -> Iterator[Peer]:
    with server() as client:
        if version >= "2026":
            assert client.request("tools/list", {"_meta": MODERN_META})["result"]
        else:
            assert client.request("initialize", {**INITIALIZE, "protocolVersion": version})["result"]
            client.send({"method": "notifications/initialized"})
        yield OverStdio(client)


@contextmanager
def over_http(version: str) -> Iterator[OverHttp]:
    command = [sys.executable, "-m", "po_mcp", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            found = re.search(r":(\d+)/mcp", process.stderr.readline())
            assert found is not None
            peer = OverHttp(int(found[1]))
            if version >= "2026":
                peer.headers["mcp-protocol-version"] = version
            else:
                begin_session(peer, version)
            yield peer
        finally:
            process.terminate()


def begin_session(peer: OverHttp, version: str) -> None:
    hello = message("initialize", {**INITIALIZE, "protocolVersion": version})
    response, _ = peer.post(hello, {})
    session = response.getheader("mcp-session-id")
    assert session is not None
    peer.headers |= {"mcp-session-id": session, "mcp-protocol-version": version}
    peer.post(b'{"jsonrpc":"2.0","method":"notifications/initialized"}', {})


TRANSPORTS = {"stdio": over_stdio, "HTTP": over_http}


@pytest.fixture(scope="module", params=[(version, name) for version in VERSIONS for name in TRANSPORTS], ids="-".join)
def peer(request: pytest.FixtureRequest) -> Iterator[tuple[str, Peer]]:
    version, name = request.param
    with TRANSPORTS[name](version) as client:
        yield version, client


def message(method: str, params: Any, version: str = "") -> bytes:
    if version >= "2026" and isinstance(params, dict):
        params = {**params, "_meta": {**MODERN_META, **params.get("_meta", {})}}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).encode()


def call(tool: str, arguments: Any, version: str) -> bytes:
    return message("tools/call", {"name": tool, "arguments": arguments}, version)


READ, WRITE = "search_catalog", "delete_purchase_order"


@pytest.mark.parametrize("half", [b"\\ud83d", b"\xe9", b"\xed\xa0\xbd"], ids=["escaped", "latin-1", "surrogate bytes"])
def test_half_a_character_is_a_mark_in_what_reads_and_refused_in_what_writes(
    peer: tuple[str, Peer], half: bytes
) -> None:
    version, client = peer
    reads = client.answer(call(READ, {"kind": "item", "text": "boltHALF"}, version).replace(b"HALF", half))
    writes = client.answer(call(WRITE, {"number": "PO-2025-0038HALF"}, version).replace(b"HALF", half))

    assert reads["result"]["structuredContent"]["candidates"][0]["id"] == "BOLT-M8-30"
    assert (writes["id"], writes["error"]["code"]) == (1, -32602)
    assert "half a character" in writes["error"]["message"]
    assert "Nothing was sent." in writes["error"]["message"]


def test_a_byte_order_mark_is_passed_over(peer: tuple[str, Peer]) -> None:
    version, client = peer
    answer = client.answer(BOM + call(READ, {"kind": "item", "text": "bolt"}, version))

    assert answer["result"]["structuredContent"]["candidates"][0]["id"] == "BOLT-M8-30"


def test_an_id_that_is_a_whole_number_with_a_point_is_answered(peer: tuple[str, Peer]) -> None:
    version, client = peer
    answer = client.answer(call(READ, {"kind": "item"}, version).replace(b'"id": 1', b'"id": 1.0'))

    assert (answer["id"], "result" in answer) == (1, True)


@pytest.mark.parametrize(
    ("body", "code", "its_id"),
    [
        (b"nonsense", -32700, None),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping",}', -32700, 7),
        (b"5", -32600, None),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}', -32600, 7),
        (b'{"id":7,"method":"ping"}', -32600, 7),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, 1.5),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600, None),
        (b'{"jsonrpc":"2.0","id":7,"method":5}', -32600, 7),
        (b'{"jsonrpc":"2.0","id":7,"method":"ping","params":' + b'{"x":' * 300 + b"1" + b"}" * 300 + b"}", -32600, 7),
        (b"[]", -32600, None),
    ],
)
def test_bytes_that_are_no_message_are_refused_with_their_id_and_without_what_was_sent(
    peer: tuple[str, Peer], body: bytes, code: int, its_id: object
) -> None:
    refused = peer[1].answer(body)

    assert (refused["error"]["code"], refused["id"]) == (code, its_id)
    assert "validation error" not in refused["error"]["message"].lower()
    assert len(refused["error"]["message"]) < 100


def test_a_batch_is_answered_in_the_version_that_has_them_and_refused_by_name_in_others(
    peer: tuple[str, Peer],
) -> None:
    version, client = peer
    one, other = call(READ, {"kind": "item"}, version), call(WRITE, [5], version).replace(b'"id": 1', b'"id": 2')
    answer = client.answer(b"[" + one + b"," + other + b", 5]")
    only_faults = client.answer(b"[5, 6]")

    if version == "2025-03-26":
        assert sorted(str(one["id"]) for one in answer) == ["1", "2", "None"]
        assert [one["error"]["code"] for one in only_faults] == [-32600, -32600]
    else:
        for refused in (answer, only_faults):
            assert (refused["error"]["code"], refused["id"]) == (-32600, None)
            assert "has no batches" in refused["error"]["message"]


@pytest.mark.parametrize("sent", ['{"number": "PO-2025-0038"}', 5, ["PO-2025-0038"]], ids=str)
@pytest.mark.parametrize("tool", [READ, WRITE])
def test_arguments_that_are_no_object_are_refused_with_how_to_write_them(
    peer: tuple[str, Peer], tool: str, sent: object
) -> None:
    version, client = peer
    refused = client.answer(call(tool, sent, version))["result"]

    assert refused["isError"]
    assert refused["content"][0]["text"] == (
        'arguments: must be a JSON object, such as {"number": "PO-2025-0042"}. Nothing was sent.'
    )


@pytest.mark.parametrize("sent", [[], None], ids=str)
def test_no_arguments_may_be_null_or_an_empty_list(peer: tuple[str, Peer], sent: object) -> None:
    version, client = peer
    listed = client.answer(call("list_purchase_orders", sent, version))["result"]
    refused = client.answer(call(WRITE, sent, version))["result"]

    assert listed["structuredContent"]["total_count"] > 0
    assert refused["content"][0]["text"] == "number: is required. Nothing was sent."


def test_an_argument_of_a_prompt_that_is_null_is_left_out(peer: tuple[str, Peer]) -> None:
    version, client = peer
    given = client.answer(message("prompts/get", {"name": "overdue_this_week", "arguments": {"vendor": None}}, version))

    assert given["result"]["messages"]


@pytest.mark.parametrize(
    ("method", "params", "said"),
    [
        ("tools/call", {"arguments": {}}, "name is required"),
        ("tools/list", {"cursor": 5}, "cursor must be text"),
        ("prompts/get", {}, "name is required"),
        ("prompts/get", {"name": "x", "arguments": "y"}, "arguments must be an object"),
        ("resources/read", {}, "uri is required"),
        (
            "resources/read",
            {"uri": "po://orders/open", "_meta": {"progressToken": 1.5}},
            "_meta.progressToken is not valid",
        ),
        ("completion/complete", {"argument": {"name": "x", "value": "y"}}, "ref is required"),
        (
            "completion/complete",
            {"argument": "x", "ref": {"type": "ref/prompt", "name": "x"}},
            "argument must be an object",
        ),
    ],
)
def test_params_that_do_not_fit_are_named(peer: tuple[str, Peer], method: str, params: Any, said: str) -> None:
    version, client = peer
    refused = client.answer(message(method, params, version))

    assert (refused["error"]["code"], refused["id"]) == (-32602, 1)
    assert refused["error"]["message"] == f"The params of {method} are not valid: {said}."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"capabilities": {"elicitation": True}}, "capabilities.elicitation must be an object"),
        ({"capabilities": None}, "capabilities must be an object"),
        ({"clientInfo": {"name": "raw"}}, "clientInfo.version is required"),
        ({"protocolVersion": 2025}, "protocolVersion must be text"),
    ],
)
def test_a_handshake_that_does_not_fit_gets_an_error_that_says_where(changes: dict[str, Any], said: str) -> None:
    with server() as client:
        refused = OverStdio(client).answer(message("initialize", {**INITIALIZE, **changes}))

    assert refused["error"]["message"] == f"The params of initialize are not valid: {said}."


def test_a_request_before_the_handshake_gets_an_error_that_says_what_comes_first() -> None:
    with server() as client:
        refused = OverStdio(client).answer(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}')

    assert refused["error"]["message"] == (
        "This connection is not initialized. Send initialize first, then notifications/initialized."
    )
