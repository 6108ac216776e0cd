"""What every client does, and how it says what it saw: one JSON object on the last line."""

import json
import os
import sys
from pathlib import Path

WHERE = sys.argv[1]
"""`stdio`, or the URL of a server."""
COMMAND, ARGS = os.environ["SERVER"], ["-m", "po_mcp"]
ENV = {name: os.environ[name] for name in ("HOME", "PATH", "PO_MCP_SANDBOX", "PO_MCP_JOURNAL")}

_SCENARIO = json.loads(Path(__file__).with_suffix(".json").read_text(encoding="utf-8"))
NUMBER = _SCENARIO["number"]
BEFORE = _SCENARIO["before"]
"""Calls of a client without a form."""
ASKED = _SCENARIO["asked"]
"""Calls of a client with a form, whose person declines first and then types the order number."""


def finish(version, tools, before, asked):
    """Print the texts, or JSON texts, that a model was given after each call of BEFORE and of ASKED."""
    print(json.dumps({"version": version, "tools": len(tools), "before": before, "asked": asked}))  # noqa: T201
