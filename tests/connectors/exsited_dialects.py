"""An Exsited whose lists are written in other ways than the one that the sandbox has: what its pages leave open."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.tools.small_erps import Answer, Row, SmallExsited, exsited_order


@dataclass
class ExsitedDialect(SmallExsited):
    """Lists of at most `largest_page` rows.

    Args:
        counts: what `records` counts: the "list", the rows of the "page", or "nothing", so that it is 0, or "absent".
        link: the `next_page` that a page has: "set" where one follows, "always", "never", or "absent".
        filters: what the filter does: it "works", gives nothing for a word that it does not know ("other words"),
            is "ignored", or is "refused".
        hidden: the status of orders that the list shows with a filter only.
        counts_more: how many rows `records` counts that no page has.
    """

    largest_page: int = 100
    counts: str = "list"
    link: str = "set"
    filters: str = "works"
    hidden: str = ""
    counts_more: int = 0
    invoices: Sequence[Row] = ()
    asked: list[dict[str, str]] = field(default_factory=list)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        if path == "/purchase-orders" and method == "GET":
            self.asked.append(query)
            if "filter" in query and self.filters == "refused":
                return 400, {"errors": [{"code": 400, "message": "filter"}]}
        if path.endswith("/purchase-invoices"):
            return self._page("purchase_invoices", self.invoices, query)
        return super().answer(method, path, query, body)

    def _page(self, name: str, rows: Sequence[Row], query: dict[str, str]) -> Answer:
        rows = self._filter(rows, query) if name == "purchase_orders" else rows
        limit, offset = min(int(query.get("limit", 20)), self.largest_page), int(query.get("offset", 0))
        shown = list(rows[offset : offset + limit])
        follows = offset + limit < len(rows)
        paging: Row = {
            "records": {"list": len(rows), "page": len(shown)}.get(self.counts, 0) + self.counts_more,
            "limit": limit,
            "offset": offset,
            "next_page": f"/{name}?offset={offset + limit}" if follows or self.link == "always" else "NULL",
        }
        if self.link == "never":
            paging["next_page"] = "NULL"
        if self.link == "absent":
            del paging["next_page"]
        if self.counts == "absent":
            del paging["records"]
        return 200, {name: shown, "pagination": paging}

    def _filter(self, rows: Sequence[Row], query: dict[str, str]) -> Sequence[Row]:
        if "filter" not in query or self.filters == "ignored":
            return [row for row in rows if row["status"] != self.hidden]
        word = re.fullmatch(r"purchase-orders/status eq '([A-Z]+)'", query["filter"])
        assert word is not None
        return [row for row in rows if row["status"] == word[1] and self.filters != "other words"]


def book(*statuses: str) -> list[Row]:
    """Return orders in these statuses."""
    return [exsited_order(f"PO-{place:04}", status=status) for place, status in enumerate(statuses, 1)]
