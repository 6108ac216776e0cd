"""Every line on standard input gets its answer, also one that is no message."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from po_mcp.transports import messages
from po_mcp.transports.bounded_stdin import BoundedLines, Line
from po_mcp.transports.messages import Batch, ErrorReply, ParsedMessage, read_line

from .test_process import INITIALIZE, MODERN_META, RawClient, server

HALF = "\\ud83d"
DEEP = '{"x":' * 300 + "1" + "}" * 300


def read(text: str | bytes) -> ParsedMessage | ErrorReply | Batch | None:
    line = Line(text.encode() if isinstance(text, str) else text)
    return read_line(line, lambda tool: tool == "delete_purchase_order")


@pytest.mark.parametrize(
    ("line", "code", "its_id"),
    [
        ("nonsense", -32700, None),
        ("Content-Length: 52", -32700, None),
        ('{"jsonrpc":"2.0","id":7,"method":"ping",}', -32700, 7),
        ('{"jsonrpc":"2.0","method":"ping","params":{"id":3},"id":"a"', -32700, "a"),
        ('{"method":"tools/call","params":{"id":3,"x":"', -32700, None),
        ('{"x":"\\"id\\":3,","y":[{"id":4}]', -32700, None),
        ("[" * 100_000, -32700, None),
        ("5", -32600, None),
        ("null", -32600, None),
        ('{"jsonrpc":"2.0","id":7,"method":"ping","params":[]}', -32600, 7),
        ('{"id":7,"method":"ping"}', -32600, 7),
        ('{"jsonrpc":2.0,"id":7,"method":"ping"}', -32600, 7),
        ('{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, None),
        ('{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600, None),
        ('{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, 1.5),
        ('{"jsonrpc":"2.0","id":[1],"method":"ping"}', -32600, None),
        ('{"jsonrpc":"2.0","id":NaN,"method":"ping"}', -32600, None),
        (f'{{"jsonrpc":"2.0","id":{10**400},"method":5}}', -32600, 10**400),
        ('{"jsonrpc":"2.0","id":1e400,"method":"ping"}', -32600, None),
        ('{"jsonrpc":"2.0","id":-1e400,"method":"ping","params":[]}', -32600, None),
        ('{"jsonrpc":"2.0","id":7,"method":5}', -32600, 7),
        ('{"jsonrpc":"2.0","id":7}', -32600, 7),
        (f'{{"jsonrpc":"2.0","id":"{HALF}","method":"ping"}}', -32600, "\ud83d"),
        (f'{{"jsonrpc":"2.0","id":7,"method":"ping","params":{DEEP}}}', -32600, 7),
    ],
)
def test_a_line_that_is_no_message_is_refused_with_its_id(line: str, code: int, its_id: object) -> None:
    refused = read(line)

    assert isinstance(refused, ErrorReply)
    assert (refused.code, refused.id) == (code, its_id)
    assert json.loads(refused.to_json())["id"] == its_id


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f'{{"jsonrpc":"2.0","id":7,"method":"ping","params":{DEEP}}}', "This message is nested too deeply."),
        (f'{{"jsonrpc":"2.0","id":"{HALF}","method":"ping"}}', "The id is text or a whole number."),
        ('{"jsonrpc":"2.0","id":true,"method":"ping"}', "The id is text or a whole number."),
    ],
)
def test_a_refusal_names_its_reason(line: str, said: str) -> None:
    refused = read(line)

    assert isinstance(refused, ErrorReply)
    assert refused.message == said


@pytest.mark.parametrize("line", ["", "  ", "\r", "\ufeff"])
def test_a_line_that_holds_nothing_is_passed_over(line: str) -> None:
    assert read(line) is None


@pytest.mark.parametrize(
    "line", ['\ufeff{"jsonrpc":"2.0","id":1,"method":"ping"}', '{"jsonrpc":"2.0","id":1.0,"method":"ping"}\r']
)
def test_a_byte_order_mark_and_a_whole_number_with_a_point_are_no_fault(line: str) -> None:
    passed = read(line)

    assert isinstance(passed, ParsedMessage)
    assert passed.message.model_dump()["id"] == 1


def call(tool: str, **arguments: Any) -> str:
    params = {"name": tool, "arguments": arguments}
    return json.dumps({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})


def test_half_a_character_becomes_a_mark_in_what_reads_and_is_refused_in_what_writes() -> None:
    reads = read(call("get_purchase_order", number="PO\ud83d"))
    writes = read(call("delete_purchase_order", number="PO\ud83d"))
    in_a_name = read(call("delete_purchase_order", **{"x\ud83d": 1}))
    whole = read(call("delete_purchase_order", number="PO😀"))

    assert isinstance(reads, ParsedMessage)
    assert json.loads(reads.text)["params"]["arguments"] == {"number": "PO\ufffd"}
    assert isinstance(writes, ErrorReply)
    assert (writes.code, writes.id) == (-32602, 1)
    assert "Nothing was sent" in writes.message
    assert isinstance(in_a_name, ErrorReply)
    assert isinstance(whole, ParsedMessage)


def test_bytes_that_are_no_text_become_marks_in_what_reads_and_are_refused_in_what_writes() -> None:
    reads = read(call("get_purchase_order", number="PO?").encode().replace(b"?", b"\xff"))
    writes = read(call("delete_purchase_order", number="caf?").encode().replace(b"?", b"\xe9"))
    cut_in_half = read(call("delete_purchase_order", number="PO?").encode().replace(b"?", b"\xed\xa0\xbd"))

    assert isinstance(reads, ParsedMessage)
    assert json.loads(reads.text)["params"]["arguments"] == {"number": "PO\ufffd"}
    for refused in (writes, cut_in_half):
        assert isinstance(refused, ErrorReply)
        assert (refused.code, refused.id) == (-32602, 1)
        assert "Nothing was sent" in refused.message


@pytest.mark.parametrize(
    ("name", "twice"),
    [
        ("number", '"number":"PO-2025-0036","number"'),
        ("number", '"num\\u0062er":"PO-2025-0036","number"'),
        ("arguments", '"arguments":{},"arguments"'),
        ("id", '"id":2,"id"'),
    ],
)
def test_a_name_that_stands_twice_is_refused_in_what_writes(name: str, twice: str) -> None:
    writes = read(call("delete_purchase_order", number="PO-2025-0038").replace(f'"{name}"', twice))
    reads = read(call("get_purchase_order", number="PO-2025-0038").replace(f'"{name}"', twice))

    assert isinstance(writes, ErrorReply)
    assert (writes.code, writes.id) == (-32602, 1)
    assert f"The name {name} stands twice" in writes.message
    assert isinstance(reads, ParsedMessage)


def test_without_the_control_the_last_of_two_numbers_would_be_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "_read_pairs", lambda doubles, pairs: dict(pairs))
    twice = call("delete_purchase_order", number="PO-2").replace('"number"', '"number":"PO-1","number"')
    passed = read(twice)

    assert isinstance(passed, ParsedMessage)
    assert json.loads(passed.text)["params"]["arguments"] == {"number": "PO-2"}


def test_a_name_that_stands_twice_in_a_batch_is_refused() -> None:
    deletes = call("delete_purchase_order", number="PO-2025-0038").replace('"number"', '"number":"x","number"')
    refused = read(f"[{deletes}]")

    assert isinstance(refused, ErrorReply)
    assert "The name number stands twice" in refused.message


@pytest.mark.parametrize(
    "reply",
    [
        {"id": 5, "result": None},
        {"id": 5, "result": "yes"},
        {"id": 5, "error": {"code": -1}},
        {"id": 5, "error": {"code": "x", "message": "y"}},
    ],
)
def test_a_reply_that_cannot_be_read_ends_the_request_that_it_answers(reply: dict[str, Any]) -> None:
    passed = read(json.dumps({"jsonrpc": "2.0", **reply}))

    assert isinstance(passed, ParsedMessage)
    assert json.loads(passed.text)["id"] == 5
    assert json.loads(passed.text)["error"]["message"] == "The client's reply could not be read."


@pytest.mark.parametrize(
    "result",
    [
        '{"action":"decline","action":"accept","content":{"order_number":"PO-2025-0038"}}',
        '{"action":"accept","content":{"order_number":"PO-2025-0036","order_number":"PO-2025-0038"}}',
    ],
)
def test_a_reply_that_names_something_twice_is_no_answer(result: str) -> None:
    passed = read(f'{{"jsonrpc":"2.0","id":5,"result":{result}}}')

    assert isinstance(passed, ParsedMessage)
    assert json.loads(passed.text) == {
        "jsonrpc": "2.0",
        "id": 5,
        "error": {"code": -32600, "message": "The client's reply could not be read."},
    }


@pytest.mark.parametrize(
    ("line", "ends"),
    [
        ('{"jsonrpc":"2.0","id":7}', True),
        ('{"jsonrpc":"2.0","id":7,"params":{}}', True),
        ('{"jsonrpc":"2.0","id":7,"result":{"action":"acc', True),
        ('{"jsonrpc":"2.0","result":{"action":"acc', False),
        ('{"jsonrpc":"2.0","id":7,"method":5}', False),
        ('{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"na', False),
    ],
)
def test_a_damaged_reply_ends_the_request_that_it_answers(line: str, ends: bool) -> None:
    refused = read(line)

    assert isinstance(refused, ErrorReply)
    assert (refused.ends is not None) is ends
    assert refused.ends is None or json.loads(refused.ends.text)["id"] == 7


def test_a_reply_without_an_id_is_passed_over() -> None:
    assert read('{"jsonrpc":"2.0","result":null}') is None


def lines_of(data: bytes, longest: int = 10) -> list[Line]:
    reader, writer = os.pipe()
    os.write(writer, data)
    os.close(writer)
    lines = BoundedLines(reader, longest)
    found = []
    while (line := lines.read_line()) is not None:
        found.append(line)
    os.close(reader)
    return found


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"a\n\nb", [Line(b"a"), Line(b""), Line(b"b")]),
        (b"0123456789\nx\n", [Line(b"0123456789"), Line(b"x")]),
        (b"0123456789A\nx\n", [Line(b"0123456789", b"0123456789A", True), Line(b"x")]),
        (b"0123456789A", [Line(b"0123456789", b"0123456789A", True)]),
        (b"x" * 2000 + b"END\ny", [Line(b"x" * 10, b"x" * 509 + b"END", True), Line(b"y")]),
    ],
)
def test_lines_are_cut_where_they_are_too_long_and_keep_their_ends(data: bytes, expected: list[Line]) -> None:
    assert lines_of(data) == expected


@pytest.mark.parametrize(
    ("start", "tail", "its_id"),
    [
        ('{"jsonrpc":"2.0","id":7,"params":{"x":"', 'aaa"}}', 7),
        ('{"method":"x","params":{"id":3,"x":"', 'aaa"},"jsonrpc":"2.0","id":"abc"}', "abc"),
        ('{"method":"x","params":{"id":3,"x":"', 'aaa,"id":5', None),
        ('{"method":"x","params":{"id":3,"x":"', 'aaa\\"id\\":5}"}', None),
    ],
)
def test_the_id_of_a_line_that_is_too_long_is_read_from_its_start_or_its_end(
    start: str, tail: str, its_id: object
) -> None:
    refused = read_line(Line(start.encode(), tail.encode(), is_cut=True), lambda tool: False)

    assert refused == ErrorReply(-32600, "This message is longer than 4 MB.", its_id)  # type: ignore[arg-type]


def greet(client: RawClient, version: str) -> None:
    assert client.request("initialize", {**INITIALIZE, "protocolVersion": version})["result"]
    client.send({"method": "notifications/initialized"})


def write(client: RawClient, line: str) -> Any:
    assert client.process.stdin is not None
    client.process.stdin.write(line.encode() + b"\n")
    client.process.stdin.flush()
    return client.receive()


def test_a_process_answers_every_line_and_goes_on() -> None:
    long = json.dumps({"jsonrpc": "2.0", "id": 9, "method": "ping", "params": {"x": "a" * 5_000_000}})
    with server() as client:
        before = write(client, "\ufeffgarbage")
        greet(client, "2025-11-25")
        response = [write(client, line) for line in ('{"jsonrpc":"2.0","id":8,"method":"ping","params":[]}', long, "{")]
        found = write(client, call("search_catalog", kind="item", text="\ud83dbolt"))
        refused = write(client, call("delete_purchase_order", number="PO-2025-0038\ud83d"))
        pong = client.request("ping", {})
        ended = client.end()

    assert (before["error"]["code"], before["id"]) == (-32700, None)
    assert [(one["error"]["code"], one["id"]) for one in response] == [(-32600, 8), (-32600, 9), (-32700, None)]
    assert "result" in found
    assert refused["error"]["code"] == -32602
    assert pong["result"] == {}
    assert ended == (0, "")


def test_a_batch_is_answered_as_one_where_the_version_has_them() -> None:
    ping = {"jsonrpc": "2.0", "method": "ping"}
    batch = [{**ping, "id": 1}, {**ping, "id": "1"}, 5, {"jsonrpc": "2.0", "method": "notifications/initialized"}]
    with server() as client:
        greet(client, "2025-03-26")
        answers = write(client, json.dumps(batch))
        only_faults = write(client, "[5, 6]")
        empty = write(client, "[]")
        client.send({"id": 7, "method": "ping"})
        after = client.receive()
        ended = client.end()

    assert sorted(json.dumps(answer["id"]) for answer in answers) == ['"1"', "1", "null"]
    assert [answer["error"]["code"] for answer in only_faults] == [-32600, -32600]
    assert empty["error"]["message"] == "This batch is empty."
    assert after["id"] == 7
    assert ended == (0, "")


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25"])
def test_a_batch_is_refused_by_name_where_the_version_has_none(version: str) -> None:
    with server() as client:
        greet(client, version)
        refused = write(client, '[{"jsonrpc":"2.0","id":1,"method":"ping"}]')

    assert refused["error"]["message"] == f"MCP {version} has no batches: send each message on a line of its own."


def test_a_batch_of_2026_is_refused() -> None:
    listing = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": MODERN_META}}
    with server() as client:
        assert write(client, json.dumps(listing))["result"]
        refused = write(client, json.dumps([listing]))

    assert refused["error"]["code"] == -32600


def test_a_batch_with_a_request_that_is_cancelled_does_not_wait_for_it() -> None:
    asks = json.loads(call("delete_purchase_order", number="PO-2025-0038")) | {"id": 5}
    with server() as client:
        client.request("initialize", {**INITIALIZE, "protocolVersion": "2025-03-26"})
        client.send({"method": "notifications/initialized"})
        asked = write(client, json.dumps([asks, {"jsonrpc": "2.0", "id": 6, "method": "ping"}]))
        client.send({"method": "notifications/cancelled", "params": {"requestId": 5}})
        answers: Any = client.receive()

    assert asked["method"] == "elicitation/create"
    assert [answer["id"] for answer in answers] == [6]


PRINTS = """
from po_mcp import cli
from po_mcp.transports import stdio

build = stdio.build_server
stdio.build_server = lambda *given, **named: (print("stray"), build(*given, **named))[1]
cli.serve_stdio(None)
"""


def test_printed_text_goes_to_standard_error() -> None:
    with server(program=("-c", PRINTS)) as client:
        tools = client.request("tools/list", {"_meta": MODERN_META})["result"]["tools"]
        ended = client.end()

    assert len(tools) == 8
    assert ended == (0, "stray\n")
