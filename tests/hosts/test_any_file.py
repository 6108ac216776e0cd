"""Any JSON with comments, any TOML: our entry goes in and comes out, and nothing else differs."""

from __future__ import annotations

import json
import tomllib
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from po_mcp.hosts import jsonc, toml

names = st.text(max_size=6) | st.sampled_from(["mcpServers", "purchase-orders", "//", "/*", '"', "}", ","])
scalars = st.none() | st.booleans() | st.integers() | names
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3), max_leaves=8
)
documents = st.dictionaries(names, values, max_size=4)
remarks = st.sampled_from(["", " ", "\n", "\t", "// {,}\n", '/* " ] */', "\r\n  "])
ENTRY = {"command": "/x/po-mcp", "args": ["a"]}
PATH = ["mcpServers", "purchase-orders"]


@st.composite
def write_json(draw: st.DrawFn, value: Any) -> str:
    """A value as JSON, with blanks, comments and trailing commas wherever they may stand."""

    def gap() -> str:
        return draw(remarks)

    if isinstance(value, dict):
        members = [
            f"{gap()}{json.dumps(name)}{gap()}:{gap()}{draw(write_json(one))}{gap()}" for name, one in value.items()
        ]
        return "{" + ",".join(members) + ("," if bool(members) and draw(st.booleans()) else "") + gap() + "}"
    if isinstance(value, list):
        items = [f"{gap()}{draw(write_json(one))}{gap()}" for one in value]
        return "[" + ",".join(items) + ("," if bool(items) and draw(st.booleans()) else "") + gap() + "]"
    return json.dumps(value)


@given(st.data())
def test_any_json_keeps_everything_but_the_entry(data: st.DataObject) -> None:
    document: dict[str, Any] = data.draw(documents)
    if not isinstance(document.get("mcpServers", {}), dict):
        document["mcpServers"] = {}
    text = data.draw(remarks) + data.draw(write_json(document)) + data.draw(remarks)
    assert jsonc.read(text) == document

    put = jsonc.put(text, PATH, ENTRY)
    servers = document.setdefault("mcpServers", {})
    servers["purchase-orders"] = ENTRY
    assert jsonc.read(put) == document
    assert jsonc.put(put, PATH, ENTRY) == put

    removed = jsonc.remove(put, PATH)
    del servers["purchase-orders"]
    assert jsonc.read(removed) == document


@given(st.text(alphabet='{}[]",:/*\\n \ta1\\\\', max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        before = jsonc.read(text)
        put = jsonc.put(text, PATH, ENTRY)
    except jsonc.NotReadable:
        return

    assert jsonc.read(put) == {**before, "mcpServers": {**before.get("mcpServers", {}), "purchase-orders": ENTRY}}


tables = st.dictionaries(
    st.text('abc-_." []#é', min_size=1, max_size=5), st.integers() | st.text(max_size=5), min_size=1, max_size=3
)


@given(st.lists(st.tuples(st.sampled_from(["a", "mcp_servers.x", "mcp_servers.purchase-orders"]), tables), max_size=3))
def test_any_toml_keeps_everything_but_the_entry(parts: list[tuple[str, dict[str, Any]]]) -> None:
    text = "".join(
        f"[{name}] # [no.table]\n" + "".join(f"{json.dumps(k)} = {toml._value(v)}\n" for k, v in table.items()) + "\n"
        for name, table in dict(parts).items()
    )
    document = tomllib.loads(text)
    path = ["mcp_servers", "purchase-orders"]

    put = toml.put(text, path, ENTRY)
    document.setdefault("mcp_servers", {})["purchase-orders"] = ENTRY
    assert tomllib.loads(put) == document

    document["mcp_servers"].pop("purchase-orders")
    assert tomllib.loads(toml.remove(put, path)).get("mcp_servers", {}) == document["mcp_servers"]
