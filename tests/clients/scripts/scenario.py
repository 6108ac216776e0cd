"""What every client does, and how it says what it saw: one JSON object on the last line."""

import json
import os
import sys

WHERE = sys.argv[1]
"""`stdio`, or the URL of a server."""
COMMAND, ARGS = os.environ["SERVER"], ["-m", "po_mcp"]
ENV = {name: os.environ[name] for name in ("HOME", "PATH", "PO_MCP_SANDBOX", "PO_MCP_JOURNAL")}

LIST = ("list_purchase_orders", {"limit": 2})
GET = ("get_purchase_order", {"number": "PO-2025-0042"})
LINE = {"item": "BOLT-M8-30", "quantity": "1000", "unit_price": "0.45", "warehouse": "Main"}
CREATE = ("create_purchase_order", {"vendor": "Acme Fasteners", "lines": [LINE]})
NUMBER, WITHOUT_FORM = "PO-2025-0038", "PO-2025-0036"
DELETE = ("delete_purchase_order", {"number": NUMBER})
DELETE_WITHOUT_FORM = ("delete_purchase_order", {"number": WITHOUT_FORM})
GET_DELETED = ("get_purchase_order", {"number": NUMBER, "detail": "short"})
BEFORE = [LIST, GET, CREATE, DELETE_WITHOUT_FORM]
"""Calls of a client without a form."""
ASKED = [DELETE, GET_DELETED, DELETE, GET_DELETED]
"""Calls of a client with a form, whose person declines first and then types the order number."""


def finish(version, tools, before, asked):
    """Print the texts, or JSON texts, that a model was given after each call of BEFORE and of ASKED."""
    print(json.dumps({"version": version, "tools": len(tools), "before": before, "asked": asked}))  # noqa: T201
