"""Answers of an Exsited that writes them otherwise than the sandbox: what they say, and no more, is taken from them."""

from __future__ import annotations

from typing import Any

import pytest

from po_mcp.connectors.exsited import catalog, schemas, translate
from po_mcp.errors import BadAnswer, ERPError, OrderNotFound, Refused
from tests.connectors.calls import NUMBER, draft, exsited
from tests.connectors.raw_peer import raw_peer, reply
from tests.connectors.test_exsited import LINE, ORDER
from tests.connectors.test_exsited import NUMBER as OURS

ABSENT = {"errors": [{"code": 404, "message": "not found"}]}


async def read(status: int, body: Any) -> None:
    async with raw_peer(*[reply(status, body)] * 3) as peer:
        erp = exsited(peer.url)
        try:
            await erp.get_order(NUMBER)
        finally:
            await erp.aclose()


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (404, ABSENT),
        (404, None),
        (200, ABSENT),
        (200, {"errors": [{"code": "404"}]}),
        (400, ABSENT),
        (200, {"object": "error", "status": 404, "code": "not_found"}),
    ],
)
async def test_an_order_is_absent_by_the_status_or_by_exsiteds_own_error(status: int, body: Any) -> None:
    with pytest.raises(OrderNotFound):
        await read(status, body)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (200, {"errors": [{"code": 404}, {"code": 500}]}),
        (200, {"errors": [{"code": "not_found"}]}),
        (200, {**ABSENT, "purchase_order": {"id": NUMBER, "status": "ACTIVE"}}),
        (500, ABSENT),
        (403, ABSENT),
        (200, {"purchase_order": None}),
        (200, {}),
    ],
)
async def test_an_order_is_not_absent_by_what_says_more_or_less(status: int, body: Any) -> None:
    with pytest.raises(ERPError) as failed:
        await read(status, body)

    assert not isinstance(failed.value, OrderNotFound)


async def test_a_create_at_a_path_that_is_not_there_names_the_setting() -> None:
    """The vendor's pages give two versions for it."""
    async with raw_peer(reply(404, ABSENT)) as peer:
        erp = exsited(peer.url)
        with pytest.raises(Refused) as refused:
            await erp.create_order(draft(None))
        await erp.aclose()

    assert "such as create=v2" in refused.value.next_step
    assert "(404). Nothing was changed." in refused.value.message


@pytest.mark.parametrize("root", ["purchase_order", "purchase-order"])
def test_an_order_is_read_under_either_root(root: str) -> None:
    body = {root: ORDER}

    assert translate.parse_order(body, OURS).id == OURS
    assert translate.parse_created(body, OURS).status == "open"
    translate.check_cancelled({root: {**ORDER, "status": "INACTIVE"}}, OURS)
    with pytest.raises(BadAnswer):
        translate.check_cancelled(body, OURS)


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("AUD", "AUD"),
        ({"name": "AUD"}, "AUD"),
        ({"name": "Australian Dollar", "code": "AUD"}, "AUD"),
        ({"name": "AUD", "code": ""}, "AUD"),
        ({"uuid": "u"}, None),
        ("", None),
    ],
)
def test_a_currency_goes_by_its_code(written: Any, read_as: str | None) -> None:
    account = schemas.Account.parse({"id": "LHROM9", "name": "Acme", "currency": written})

    assert translate.parse_order({"purchase_order": {**ORDER, "currency": written}}, OURS).currency == read_as
    assert catalog.convert_vendors([account])[0].currency == read_as


@pytest.mark.parametrize(
    ("named", "vendor_id"),
    [
        ({"account": {"id": "LHROM9", "name": "Acme"}}, "LHROM9"),
        ({"account_id": "LHROM9", "account": {"id": "OTHER1"}}, "LHROM9"),
        ({"account": {"name": "Acme"}}, None),
        ({"account": {"uuid": "u-1", "name": "Acme"}}, "u-1"),
        ({"account_uuid": "u-1"}, "u-1"),
        ({"account_uuid": "u-1", "account": {"id": "LHROM9"}}, "LHROM9"),
        ({"account": "Acme"}, None),
        ({}, None),
    ],
)
def test_a_vendor_is_named_by_its_id_or_by_the_account(named: Any, vendor_id: str | None) -> None:
    shown = {**{key: value for key, value in ORDER.items() if key != "account_id"}, **named}

    found = translate.combine(translate.parse_order({"purchase_order": shown}, OURS), None)

    assert (found.vendor_id, found.vendor) == (vendor_id, vendor_id or "")


def test_a_created_order_whose_lines_cannot_be_read_keeps_its_header() -> None:
    odd = [{**LINE, "item_quantity": "forty"}]

    found = translate.parse_created({"purchase_order": {**ORDER, "lines": odd}}, OURS)

    assert (found.vendor_id, str(found.total), found.lines) == ("LHROM9", "19.800000", None)
