"""Lists: which records, in what order, which stretch of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

Operator = Literal["eq", "ne", "in", "not_in", "ge", "le", "contain", "not_contain"]
Condition = tuple[str, Operator, Any]
T = TypeVar("T")

_SQL: Mapping[Operator, str] = {
    "eq": "{column} = ?",
    "ne": "{column} <> ?",
    "ge": "{column} >= ?",
    "le": "{column} <= ?",
    # Not LIKE: its % and _ in what is looked for would match anything.
    "contain": "instr(lower({column}), lower(?)) > 0",
    "not_contain": "instr(lower({column}), lower(?)) = 0",
}


@dataclass(frozen=True)
class Query:
    """`where` holds for every record found; `offset` records are skipped, at most `limit` are returned.

    Conditions are (field, operator, value); dates are compared as the book spells them.
    """

    where: tuple[Condition, ...] = ()
    sort: str = ""
    descending: bool = False
    limit: int = 50
    offset: int = 0


@dataclass(frozen=True)
class QueryResult(Generic[T]):
    """One stretch of a list; `count` is the size of the whole list."""

    records: tuple[T, ...]
    count: int


@dataclass(frozen=True)
class Source:
    """A table that can be listed: its fields by name as SQL expressions; `key` breaks ties."""

    select: str
    table: str
    columns: Mapping[str, str]
    key: str

    def page(self, query: Query) -> tuple[str, list[Any]]:
        """Return the statement for one stretch, and its values."""
        where, values = self._where(query.where)
        direction = "DESC" if query.descending else "ASC"
        # The key breaks ties: pages cut from an order with ties could show a record twice, or never.
        by = f"{self.columns[query.sort or self.key]} {direction}, {self.columns[self.key]} {direction}"
        # Names are this module's own, values are bound: a client's text never becomes a part of the statement.
        parts = ["SELECT", self.select, "FROM", self.table, where, "ORDER BY", by, "LIMIT ? OFFSET ?"]
        return " ".join(parts), [*values, query.limit, query.offset]

    def count(self, query: Query) -> tuple[str, list[Any]]:
        """Return the statement that counts the whole list, and its values."""
        where, values = self._where(query.where)
        return " ".join(["SELECT COUNT(*) FROM", self.table, where]), values

    def _where(self, conditions: Sequence[Condition]) -> tuple[str, list[Any]]:
        if not conditions:
            return "", []
        parts, values = [], []
        for field, operator, value in conditions:
            sql, bound = _condition(self.columns[field], operator, value)
            parts.append(sql)
            values.extend(bound)
        return "WHERE " + " AND ".join(parts), values


def _condition(column: str, operator: Operator, value: Any) -> tuple[str, list[Any]]:
    if operator in ("in", "not_in"):
        marks = ", ".join("?" * len(value))
        return f"{column} {'NOT IN' if operator == 'not_in' else 'IN'} ({marks})", list(value)
    return _SQL[operator].format(column=column), [value]


VENDORS = Source(
    select="*",
    table="vendors",
    key="id",
    columns={"id": "id", "account": "account", "short_id": "short_id", "name": "name", "active": "active"},
)
ITEMS = Source(
    select="*",
    table="items",
    key="short_id",
    columns={
        "code": "code",
        "short_id": "short_id",
        "description": "description",
        "uuid": "uuid",
        "active": "active",
    },
)
SPOTS = Source(
    select="*",
    table="spots",
    key="name",
    columns={"name": "name", "warehouse_id": "warehouse_id"},
)
ORDERS = Source(
    select="orders.*, (SELECT COUNT(*) FROM lines WHERE order_uuid = orders.uuid) AS line_count",
    table="orders JOIN vendors ON vendors.id = orders.vendor_id",
    key="number",
    columns={
        "number": "orders.number",
        "vendor": "vendors.name",
        "account": "vendors.account",
        "status": "orders.status",
        "ordered_at": "orders.ordered_at",
        "expected_at": "orders.expected_at",
        # Stored as text, compared as a number.
        "total": "orders.total COLLATE decimal",
        "supplier_invoice": "orders.supplier_invoice",
        "created_at": "orders.created_at",
        "modified_at": "orders.modified_at",
    },
)
