"""Links that put the entry into a host with one click, where the host has such links.

Sources: code.visualstudio.com/api/extension-guides/ai/mcp (vscode:mcp/install), cursor.com/docs/mcp/install-links,
lmstudio.ai/docs/app/mcp/deeplink, block.github.io/goose/docs/getting-started/using-extensions (deeplinks).
"""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, urlencode

from po_mcp.hosts import published
from po_mcp.hosts.change import SERVER
from po_mcp.hosts.known import Host
from po_mcp.hosts.program import Program


def link(host: Host, program: Program) -> str | None:
    """Return the host's link for this program; None where the host has none that would work."""
    entry = host.entry(program)
    match host.key:
        case "vscode":
            return f"vscode:mcp/install?{quote(json.dumps({'name': SERVER, **entry}), safe='')}"
        case "cursor":
            # A blank as %20: only a form of HTML reads + as one.
            query = urlencode({"name": SERVER, "config": _base64(entry)}, quote_via=quote)
            return f"cursor://anysphere.cursor-deeplink/mcp/install?{query}"
        case "lm-studio":
            return f"lmstudio://add_mcp?{urlencode({'name': SERVER, 'config': _base64(entry)}, quote_via=quote)}"
        case "goose" if published.PUBLISHED:  # its links start uvx, npx or docker only, so a package of an index
            return f"goose://extension?{urlencode(_goose(), quote_via=quote)}"
    return None


def _goose() -> dict[str, str]:
    return {
        "cmd": "uvx",
        "arg": "po-mcp",
        "id": SERVER,
        "name": "Purchase orders",
        "description": "Purchase orders in your ERP",
        "timeout": "300",
    }


def _base64(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()
