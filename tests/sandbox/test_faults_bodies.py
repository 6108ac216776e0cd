"""The faults of an answer's body, as a client reads them."""

from __future__ import annotations

import json
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
import simplejson

from po_mcp.sandbox.refusals import Missing
from tests.sandbox.sandbox_server import PARTIAL, SandboxServer, finalize, serve_sandbox

ORDER = f"/api/v1/PurchaseOrder/{PARTIAL}"


@pytest.fixture
async def erp() -> AsyncIterator[SandboxServer]:
    async with serve_sandbox() as erp:
        yield erp


async def bodies(erp: SandboxServer, fault: str, path: str = ORDER) -> tuple[bytes, bytes]:
    """The body as the ERP wrote it, and as the fault leaves it."""
    async with erp.open_relay(f"{fault}@2") as (_, client):
        before, after = await client.get(path), await client.get(path)
    assert after.headers["Content-Length"] == str(len(after.content))
    return before.content, after.content


async def order(erp: SandboxServer, fault: str) -> dict[str, Any]:
    _, body = await bodies(erp, fault)
    read: dict[str, Any] = simplejson.loads(body, use_decimal=True)
    return read


async def test_a_garbled_body_is_no_text(erp: SandboxServer) -> None:
    _, body = await bodies(erp, "garbled-2xx")

    with pytest.raises(UnicodeDecodeError):
        body.decode()


async def test_a_truncated_body_is_half_the_json_and_whole_by_its_length(erp: SandboxServer) -> None:
    before, body = await bodies(erp, "truncated-json-2xx")

    assert body == before[: len(before) // 2]


async def test_a_page_stands_where_json_was(erp: SandboxServer) -> None:
    async with erp.open_relay("html-2xx") as (_, client):
        answer = await client.get(ORDER)

    assert answer.headers.get_list("Content-Type") == ["text/html"]
    assert answer.text.startswith("<!doctype html>")


async def test_an_empty_body_is_empty(erp: SandboxServer) -> None:
    assert (await bodies(erp, "empty-2xx"))[1] == b""


async def test_a_wrong_order_differs_in_its_number_only(erp: SandboxServer) -> None:
    before, body = await bodies(erp, "wrong-order")

    assert body == before.replace(PARTIAL.encode(), b"PO-0000-0000") != before


async def test_an_unknown_status_is_no_word_of_either_api(erp: SandboxServer) -> None:
    assert (await order(erp, "unknown-status"))["status"] == "Quarantined"


async def test_nulls_leave_the_number_alone(erp: SandboxServer) -> None:
    read = await order(erp, "nulls")
    lines = read.pop("lines")

    assert (read.pop("poNo"), set(read.values())) == (PARTIAL, {None})
    assert {value for line in lines for value in line.values()} == {None}


async def test_extra_fields_are_in_every_object(erp: SandboxServer) -> None:
    before, body = await bodies(erp, "extra-fields")
    read, known = json.loads(body), json.loads(before)

    assert len(read) == len(known) + 50
    assert [len(line) for line in read["lines"]] == [len(line) + 50 for line in known["lines"]]


async def test_a_long_number_has_5000_digits(erp: SandboxServer) -> None:
    _, body = await bodies(erp, "long-number")

    assert b'"totalValue":' + b"9" * 5000 in body


async def test_a_total_is_not_a_number(erp: SandboxServer) -> None:
    assert json.loads((await bodies(erp, "nan"))[1])["totalValue"] != 0
    assert b'"totalValue":NaN' in (await bodies(erp, "nan"))[1]


async def test_a_duplicate_key_ends_with_null(erp: SandboxServer) -> None:
    pairs = json.loads((await bodies(erp, "duplicate-keys"))[1], object_pairs_hook=list)

    assert [value for key, value in pairs if key == "poNo"] == [PARTIAL, None]


async def test_a_deep_nesting_is_100000_deep(erp: SandboxServer) -> None:
    _, body = await bodies(erp, "deep-nesting")

    assert (body.count(b"["), body.count(b"]")) == (100_001, 100_001)


async def test_a_byte_order_mark_stands_first(erp: SandboxServer) -> None:
    before, body = await bodies(erp, "bom")

    assert body == b"\xef\xbb\xbf" + before


async def test_a_bomb_unpacks_to_a_thousand_times_its_size_and_holds_the_answer(erp: SandboxServer) -> None:
    async with erp.open_relay("gzip-bomb@2") as (_, client):
        before = (await client.get(ORDER)).content
        async with client.stream("GET", ORDER) as answer:
            packed = b"".join([chunk async for chunk in answer.aiter_raw()])

    unpacked = zlib.decompress(packed, 31)
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(unpacked) > 1000 * len(packed)
    assert unpacked.strip() == before


async def test_a_stale_answer_predates_the_write(erp: SandboxServer) -> None:
    async with erp.open_relay("stale@3") as (relay, client):
        before = (await client.get(ORDER)).json()
        await finalize(client)
        stale, fresh = (await client.get(ORDER)).json(), (await client.get(ORDER)).json()

    assert (before["status"], stale, fresh["status"]) == ("Partial", before, "Closed")
    assert [exchange.forwarded for exchange in relay.exchanges] == [True, True, False, True]


@pytest.mark.parametrize("kind", ["garbled-2xx", "html-2xx", "empty-2xx", "half-body", "endless"])
async def test_an_answer_without_a_body_gets_a_body(erp: SandboxServer, kind: str) -> None:
    sign_in = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox"}
    async with erp.open_relay(f"{kind}@2") as (_, client):
        token = (await client.post("/api/v1/oauth2/token", json={**sign_in, "redirect_uri": "x"})).json()
        headers = {"Authorization": f"Bearer {token['access_token']}"}
        async with client.stream("DELETE", "/api/v3/purchase-orders/PO-2025-0038", headers=headers) as answer:
            status = answer.status_code

    assert status == 200
    with pytest.raises(Missing):
        erp.book.order("PO-2025-0038")


@pytest.mark.parametrize("kind", ["wrong-order", "duplicate-keys", "deep-nesting", "truncated-json-2xx"])
async def test_a_fault_of_json_leaves_an_empty_answer_unchanged(erp: SandboxServer, kind: str) -> None:
    async with erp.open_relay(kind) as (_, client):
        answer = await client.head(ORDER)

    assert (answer.status_code, answer.content) == (200, b"")
