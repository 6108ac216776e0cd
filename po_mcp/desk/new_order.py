"""An order to be created, once its words were found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from po_mcp.desk import pricing
from po_mcp.desk.resolution import ResolvedOrder
from po_mcp.orders import OrderRequest
from po_mcp.writes.operation import Operation


@dataclass(frozen=True)
class NewOrder:
    """An order to be created, its words found.

    `gone` are creates whose order is no longer there, `known` the prices that nobody gave.
    """

    asked: OrderRequest
    call: Operation
    found: ResolvedOrder
    gone: frozenset[str]
    known: Mapping[str, pricing.SuggestedPrice] = field(default_factory=dict)
