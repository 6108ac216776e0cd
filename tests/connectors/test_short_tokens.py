"""Tokens that are said to be over at once, by an Exsited that ends each with the next: no call signs in without end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from po_mcp.connectors.http import tokens
from po_mcp.errors import ERPError
from po_mcp.orders import OrderQuery
from tests.connectors.exsited_dialects import ExsitedDialect, book

LIFETIMES: list[dict[str, Any]] = [{"expires_in": told} for told in (0, -1, "0", "3600", 3600.5, None, "soon", True)]


@dataclass
class StrictExsited(ExsitedDialect):
    """Takes the last token alone, or none."""

    takes_none: bool = False
    sign_ins: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.told: dict[str, Any] = {}

    async def _handle(self, request: httpx2.Request) -> httpx2.Response:
        if "oken" in request.url.path:
            self.sign_ins += 1
            return httpx2.Response(200, json={"access_token": f"t{self.sign_ins}", **self.told})
        if self.takes_none or request.headers["Authorization"] != f"Bearer t{self.sign_ins}":
            return httpx2.Response(401, json={"errors": [{"code": 401, "message": "token"}]})
        return await super()._handle(request)


def strict(told: dict[str, Any], **more: Any) -> StrictExsited:
    erp = StrictExsited(orders=book(*["ACTIVE"] * 40), largest_page=1, **more)
    erp.told = told
    return erp


@pytest.mark.parametrize("told", [*LIFETIMES, {}], ids=str)
async def test_a_list_of_many_pages_signs_in_once_or_twice(
    told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "SHORTEST_S", 600.0)  # however slow the machine is
    erp = strict(told)
    connected = erp.connect()
    found = await connected.scan_orders(OrderQuery())
    await connected.delete_order("PO-0001")
    await connected.aclose()

    assert (len(found.orders), found.complete) == (40, True)
    # A write has a token of its own, and that ends the former.
    assert erp.sign_ins <= 2
    assert [method for method, _, _ in erp.sent] == ["DELETE"]


@pytest.mark.parametrize("told", [*LIFETIMES, {}], ids=str)
async def test_an_erp_that_takes_no_token_is_given_two(told: dict[str, Any]) -> None:
    erp = strict(told, takes_none=True)
    connected = erp.connect()
    with pytest.raises(ERPError):
        await connected.get_order("PO-0001")
    await connected.aclose()

    assert erp.sign_ins == 2


async def test_were_it_used_once_alone_each_page_would_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "SHORTEST_S", 0.0)
    erp = strict({"expires_in": 0})
    connected = erp.connect()
    await connected.scan_orders(OrderQuery())
    await connected.aclose()

    assert erp.sign_ins > 10
