"""An ERP with habits behind either API, written and read in one way by the tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import httpx2
from starlette.applications import Starlette

from tests.sandbox.conftest import CREDENTIALS, exact, exsited_token

APIS = ("inventory-pro", "exsited")
VENDORS = {"acme": (12, "LHROM9"), "central": (7, "CS91LM")}
ITEMS = {"bolt": ("BOLT-M8-30", "ITEM-0055"), "nut": ("NUT-M8", "ITEM-0056"), "freight": ("FREIGHT", "FREIGHT")}


class Erp:
    """One API of a sandbox; lines are written "40 bolt 0.45": units, item, price."""

    def __init__(self, app: Starlette, api: str) -> None:
        self.api = api
        self.column = APIS.index(api)
        base = "http://erp.test/api/v3" if api == "exsited" else "http://erp.test/api/v1"
        self.client = httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=base)
        self.orders_path = "/purchase-orders" if api == "exsited" else "/PurchaseOrder"

    async def sign_in(self) -> None:
        if self.api == "exsited":
            token = await exsited_token(self.client)
        else:
            form = {"grant_type": "client_credentials", **CREDENTIALS}
            token = (await self.client.post("/Token", data=form)).json()
        self.client.headers["Authorization"] = f"Bearer {token['access_token']}"

    async def create(
        self, number: str = "PO-1", *lines: str, vendor: str = "acme", note: str = "", code: str = ""
    ) -> httpx2.Response:
        """Enter an order; `code` is another spelling of the item in every line."""
        rows = [self._row(line, code) for line in lines or ("40 bolt 0.45",)]
        body: dict[str, Any]
        if self.api == "exsited":
            account = VENDORS[vendor][1]
            order = {"id": number, "account_id": account, "purchase_order_note": note, "lines": rows}
            body = {"purchase_order": order}
        else:
            body = {"vendorID": VENDORS[vendor][0], "poNumber": number, "lines": rows}
        return await self.client.post(self.orders_path, json=body)

    async def get(self, number: str = "PO-1") -> httpx2.Response:
        return await self.client.get(f"{self.orders_path}/{number}")

    async def read(self, number: str = "PO-1") -> Any:
        """The JSON of one order."""
        return self.order(await self.get(number))

    async def list_orders(self, **params: Any) -> httpx2.Response:
        return await self.client.get(self.orders_path, params=params)

    async def numbers(self, **params: Any) -> list[str]:
        """The numbers of the first page."""
        content = (await self.list_orders(**params)).json()
        return [self.number(row) for row in content[("value", "purchase_orders")[self.column]]]

    async def change(self, number: str = "PO-1") -> httpx2.Response:
        """Close (Inventory Pro) or cancel (Exsited) an order."""
        if self.api == "exsited":
            return await self.client.post(f"{self.orders_path}/{number}/cancel")
        body = {"poNumber": number, "createBackorder": True}
        return await self.client.post(f"{self.orders_path}/Finalize", json=body)

    async def delete(self, number: str = "PO-1") -> httpx2.Response:
        return await self.client.delete(f"{self.orders_path}/{number}")

    def order(self, answer: httpx2.Response) -> Any:
        content = exact(answer)
        return content["purchase_order"] if self.api == "exsited" else content

    def number(self, order: Any) -> str:
        return str(order[("poNo", "id")[self.column]])

    def total(self, order: Any) -> Decimal:
        return Decimal(order[("totalValue", "total")[self.column]])

    def codes(self, order: Any) -> list[str]:
        return [line[("shortID", "item_id")[self.column]] for line in order["lines"]]

    def lines(self, order: Any) -> list[str]:
        """The lines as they are written in `create`."""
        return [self._line(line) for line in order["lines"]]

    def reason(self, answer: httpx2.Response) -> str:
        """The reason in a refusal, which has the vendor's envelope."""
        content = answer.json()
        if self.api == "exsited":
            [error] = content["errors"]
            assert error["code"] == answer.status_code
            return str(error["message"])
        assert content["statusCode"] == answer.status_code
        assert content.keys() == {"statusCode", "error", "message", "details"}
        return f"{content['message']} {content['details'] or ''}".strip()

    def code(self, item: str) -> str:
        return ITEMS[item][self.column]

    def _row(self, line: str, code: str) -> dict[str, Any]:
        units, item, price = line.split()
        if self.api == "exsited":
            rule = {"price": price}
            return {
                "item_id": code or self.code(item),
                "item_quantity": units,
                "item_price_snapshot": {"pricing_rule": rule},
            }
        # The tests' numbers are short: as floats they are spelled in JSON as they are here.
        return {
            "shortID": code or self.code(item),
            "units": float(units),
            "unitPrice": float(price),
            "warehouse": 1,
        }

    def _line(self, line: Any) -> str:
        names = {codes[self.column]: name for name, codes in ITEMS.items()}
        if self.api == "exsited":
            price = line["item_price_snapshot"]["pricing_rule"]["price"]
            return f"{_short(line['item_quantity'])} {names[line['item_id']]} {_short(price)}"
        return f"{_short(line['units'])} {names[line['shortID']]} {_short(line['unitPrice'])}"


def _short(number: Any) -> str:
    text = f"{Decimal(number):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
