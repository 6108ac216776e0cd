"""Record what a real server answers, for the tests of the translator: `python -m tests.tryton.record`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import simplejson

from po_mcp.connectors.tryton import schemas
from tests.homes import nobodys_home
from tests.tryton.book import PURCHASE
from tests.tryton.rpc import Rpc
from tests.tryton.server import HOME, make_template, serving

FOLDER = Path(__file__).parent / "recorded"


def record(orders: dict[str, int], buyer: Rpc) -> dict[str, Any]:
    """Return the answers that the connector reads, each under a name."""
    order = list(schemas.ORDER_FIELDS)
    found = {key: buyer.on(PURCHASE, "read", [identifier], order)[0] for key, identifier in orders.items()}
    unsaved = {"id": -1, "company": 1, "party": 2, "lines": []}
    line = {"id": -1, "type": "line", "product": 1, "quantity": 1200, "taxes": [], "purchase": -1, "company": 1}
    parent = {f"_parent_purchase.{key}": 1 for key in ("company", "currency")}
    line |= {**parent, "_parent_purchase.id": -1, "_parent_purchase.party": 2}
    price = buyer.on("purchase.line", "fields_get", ["unit_price"])["unit_price"]
    return {
        "orders": found,
        "rows": buyer.search_read(PURCHASE, schemas.ROW_FIELDS),
        "parties": buyer.search_read("party.party", schemas.PARTY_FIELDS),
        "products": buyer.search_read("product.product", schemas.PRODUCT_FIELDS, ["purchasable", "=", True]),
        "warehouses": buyer.search_read("stock.location", schemas.WAREHOUSE_FIELDS, ["type", "=", "warehouse"]),
        "of_vendor": buyer.on(PURCHASE, "on_change", unsaved, ["party"]),
        "of_line": buyer.on("purchase.line", "on_change", line, ["product"]),
        "unit_price": {"unit_price": {"digits": price["digits"]}},
        "preferences": {"company": buyer.context["company"], "language": buyer.context["language"]},
    }


def main() -> None:
    with serving() as (_, users):
        answers = record(make_template(HOME).orders, users.buyer)
    for name, answer in answers.items():
        text = json.dumps(json.loads(simplejson.dumps(answer)), indent=1, sort_keys=True, ensure_ascii=False)
        (FOLDER / f"{name}.json").write_text(text + "\n")


if __name__ == "__main__":
    with nobodys_home():
        main()
