"""Everything that a process says is valid by the official JSON schema of the negotiated protocol version.

And each result's structured content is valid by the output schema of its tool.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError  # type: ignore[import-untyped]  # it ships no types
from jsonschema.validators import validator_for  # type: ignore[import-untyped]

from tests.tools.test_guard import CANCEL, FINALIZE, NUMBER

from .test_process import INITIALIZE, MODERN_META, RawClient, server

FOLDER = Path(__file__).parent / "mcp_schemas"
MODERN = "2026-07-28"
VERSIONS = sorted(path.stem for path in FOLDER.glob("*.json"))
RESULTS = {
    "initialize": "InitializeResult",
    "server/discover": "DiscoverResult",
    "tools/list": "ListToolsResult",
    "prompts/list": "ListPromptsResult",
    "prompts/get": "GetPromptResult",
    "resources/list": "ListResourcesResult",
    "resources/templates/list": "ListResourceTemplatesResult",
    "resources/read": "ReadResourceResult",
    "completion/complete": "CompleteResult",
    "tools/call": "CallToolResult",
    "ping": "EmptyResult",
}
LINE = {"item": "BOLT-M8-30", "quantity": "5", "unit_price": "0.45", "warehouse": "Main"}
DELETE, ANOTHER = {"number": "PO-2025-0038"}, {"number": "PO-2025-0036"}
ANSWERS = {
    "delete_purchase_order": {"action": "accept", "content": {"order_number": "PO-2025-0038"}},
    "finalize_purchase_order": {"action": "decline"},
    "cancel_purchase_order": {"action": "cancel"},
    "create_purchase_order": {"action": "accept", "content": {"confirm": True}},
}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("list_purchase_orders", {"limit": 2, "overdue": True}),
    ("list_purchase_orders", {"status": "closed", "vendor": "Acme Fasteners"}),
    ("get_purchase_order", {"number": "PO-2025-0041"}),
    ("get_purchase_order", {"number": "PO-2025-0042", "detail": "short"}),
    ("get_purchase_order", {"number": "NONE"}),
    ("search_catalog", {"kind": "item", "text": "bolt"}),
    ("search_catalog", {"kind": "vendor", "text": "zzzz"}),
    ("create_purchase_order", {"vendor": "Acme Fasteners", "lines": [LINE]}),
    ("create_purchase_order", {"vendor": "Acme Fasteners", "lines": [{**LINE, "item": "hex bolt"}]}),
    ("create_purchase_order", {}),
    ("delete_purchase_order", DELETE),
    ("delete_purchase_order", DELETE),
    (FINALIZE, {"number": NUMBER[FINALIZE]}),
    (CANCEL, {"number": NUMBER[CANCEL]}),
    ("get_operation", {}),
    ("get_operation", {"operation_id": "0" * 32}),
    ("no_such_tool", {}),
]
OTHERS: list[tuple[str, dict[str, Any]]] = [
    ("prompts/list", {}),
    ("prompts/get", {"name": "overdue_this_week"}),
    ("prompts/get", {"name": "none"}),
    ("resources/list", {}),
    ("resources/templates/list", {}),
    ("resources/read", {"uri": "po://connection"}),
    ("resources/read", {"uri": "po://orders/open"}),
    ("resources/read", {"uri": "po://orders/PO-2025-0042"}),
    ("resources/read", {"uri": "po://none"}),
    (
        "completion/complete",
        {
            "ref": {"type": "ref/resource", "uri": "po://orders/{number}"},
            "argument": {"name": "number", "value": "PO"},
        },
    ),
    ("no/such/method", {}),
    ("tools/call", {}),
]


class Version:
    """The official schema of one version."""

    def __init__(self, version: str) -> None:
        self._schema = json.loads((FOLDER / f"{version}.json").read_text(encoding="utf-8"))
        self._place = "$defs" if "$defs" in self._schema else "definitions"

    def check(self, value: Any, *names: str) -> None:
        """See that a value is valid by the first definition of these names that the version has."""
        name = next(name for name in names if name in self._schema[self._place])
        self._validator(name).validate(value)

    @cache  # noqa: B019  # few, and as long as a test
    def _validator(self, name: str) -> Any:
        whole = {**self._schema, "$ref": f"#/{self._place}/{name}"}
        return validator_for(whole)(whole)


class CheckedClient:
    """A client that checks every message, and answers every question."""

    def __init__(self, client: RawClient, version: str) -> None:
        self.client = client
        self.official = Version(version)
        self.version = version
        self.output: dict[str, Any] = {}
        self.checked: list[str] = []

    def request(self, method: str, params: dict[str, Any]) -> Any:
        """Make a request; check its response and all that comes before it."""
        meta = {"_meta": MODERN_META} if self.version == MODERN else {"_meta": {"progressToken": "p"}}
        message = self.client.request(method, {**params, **meta})
        while "method" in message:
            self._check_sent(message, params.get("name", ""))
            message = self.client.receive()
        if "error" in message:
            self.official.check(message, "JSONRPCErrorResponse", "JSONRPCError")
            self.checked.append("an error")
            return message
        self.official.check(message, "JSONRPCResultResponse", "JSONRPCResponse")
        return self._check_result(method, params, message["result"])

    def _check_result(self, method: str, params: dict[str, Any], result: Any) -> Any:
        if result.get("resultType") == "input_required":
            self.official.check(result, "InputRequiredResult")
            self.checked.append("InputRequiredResult")
            answers = dict.fromkeys(result["inputRequests"], ANSWERS[params["name"]])
            return self.request(method, {**params, "inputResponses": answers, "requestState": result["requestState"]})
        self.official.check(result, RESULTS[method])
        self.checked.append(RESULTS[method])
        if "structuredContent" in result:
            Draft202012Validator(self.output[params["name"]]).validate(result["structuredContent"])
            self.checked.append(params["name"])
        return result

    def _check_sent(self, message: Any, tool: str) -> None:
        if "id" not in message:
            self.official.check(message, "ServerNotification")
            self.checked.append(message["method"])
            return
        self.official.check(message, "JSONRPCRequest")
        self.official.check(message, "ServerRequest")
        self.checked.append(message["method"])
        self.client.send({"id": message["id"], "result": ANSWERS[tool]})


def greet(client: CheckedClient) -> None:
    if client.version == MODERN:
        client.request("server/discover", {})
        return
    client.request("initialize", {**INITIALIZE, "protocolVersion": client.version})
    client.client.send({"method": "notifications/initialized"})
    client.request("ping", {})


@pytest.mark.parametrize("version", VERSIONS)
def test_every_message_is_valid_by_the_official_schema(version: str) -> None:
    with server(PO_MCP_CREATE_APPROVAL_OVER="1") as process:
        client = CheckedClient(process, version)
        greet(client)
        tools = client.request("tools/list", {})["tools"]
        client.output = {tool["name"]: tool["outputSchema"] for tool in tools}
        for method, params in OTHERS:
            client.request(method, params)
        for tool, arguments in CALLS:
            client.request("tools/call", {"name": tool, "arguments": arguments})
        ended = process.end()

    asks = "InputRequiredResult" if version == MODERN else "elicitation/create"
    assert set(client.output) <= set(client.checked)
    assert {*RESULTS.values()} - {"InitializeResult", "DiscoverResult", "EmptyResult"} <= set(client.checked)
    assert client.checked.count(asks) >= 4
    assert "an error" in client.checked
    assert ended == (0, "")


def test_a_message_that_is_invalid_is_noticed() -> None:
    with pytest.raises(ValidationError, match="is a required property"):
        Version(MODERN).check({"resultType": "complete"}, "ListToolsResult")
