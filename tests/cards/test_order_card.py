"""The order card: which hosts learn of it, that nothing else changes, and what its document may hold."""

from __future__ import annotations

import re
from typing import Any

import pytest
from mcp import Client
from mcp.client.extension import advertise
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID

from po_mcp.bootstrap import build_server
from po_mcp.cards.order_card import CARD_URI
from po_mcp.tools import REGISTRY
from po_mcp.writes.order_text import STATUS_LABELS
from tests.cards.host import declaring_client, read_card
from tests.harness import ERAS, IN_MEMORY, MODES, Transport

both_eras = pytest.mark.parametrize("era", ERAS)
WITH_CARD = {tool.name for tool in REGISTRY if tool.has_card}
CALLS: list[tuple[str, dict[str, Any]]] = [
    ("list_purchase_orders", {"limit": 3}),
    ("get_purchase_order", {"number": "PO-2025-0041"}),
    ("delete_purchase_order", {"number": "PO-2025-0001"}),
]


async def list_tools(client: Client) -> dict[str, Any]:
    return {tool.name: tool.model_dump(mode="json", by_alias=True) for tool in (await client.list_tools()).tools}


@both_eras
async def test_only_a_client_that_declares_apps_gets_the_card(era: str) -> None:
    server = build_server(IN_MEMORY)
    async with Client(server, mode=MODES[era]) as plain, declaring_client(build_server(IN_MEMORY), era) as declaring:
        without, with_card = await list_tools(plain), await list_tools(declaring)

    ui = {"ui": {"resourceUri": CARD_URI, "visibility": ["model"]}}
    assert {name: tool.pop("_meta") for name, tool in with_card.items() if name in WITH_CARD} == dict.fromkeys(
        WITH_CARD, ui
    )
    assert {tool["_meta"] for tool in without.values()} == {None}
    assert {name for name in without if name not in WITH_CARD} == {"search_catalog"}
    for tool in without.values():
        if tool["name"] in WITH_CARD:
            tool.pop("_meta")
    assert with_card == without


@both_eras
@pytest.mark.parametrize("settings", [{}, {"mimeTypes": ["text/html"]}, {"mimeTypes": APP_MIME_TYPE}, {"x": 1}])
async def test_a_client_that_shows_no_cards_of_this_kind_gets_none(era: str, settings: dict[str, Any]) -> None:
    extensions = [advertise(EXTENSION_ID, settings)]
    async with Client(build_server(IN_MEMORY), mode=MODES[era], extensions=extensions) as client:
        assert {tool["_meta"] for tool in (await list_tools(client)).values()} == {None}


@both_eras
@pytest.mark.parametrize(("tool", "arguments"), CALLS)
async def test_results_are_the_same_for_every_client(era: str, tool: str, arguments: dict[str, Any]) -> None:
    async with Client(build_server(IN_MEMORY), mode=MODES[era]) as plain:
        without = await plain.call_tool(tool, arguments)
    async with declaring_client(build_server(IN_MEMORY), era) as declaring:
        with_card = await declaring.call_tool(tool, arguments)

    assert with_card == without


@both_eras
async def test_no_list_of_resources_has_the_card(era: str) -> None:
    async with declaring_client(build_server(IN_MEMORY), era) as client:
        uris = {str(resource.uri) for resource in (await client.list_resources()).resources}

    assert CARD_URI not in uris


@pytest.mark.parametrize("transport", ["memory", "stdio"])
async def test_the_card_is_one_document_that_loads_and_sends_nothing(transport: Transport, harness: Any) -> None:
    async with harness.client(transport=transport) as client:
        html = await read_card(client)

    assert html.startswith("<!doctype html>")
    assert html.count("<script>") == html.count("<style>") == 1
    assert "order_card." not in html
    assert len(html) < 25_000
    for loading in (" src=", " href=", "@import", "url(", "import(", "fetch(", "XMLHttpRequest", "WebSocket", "Image("):
        assert loading not in html, loading
    assert set(re.findall(r'"((?:tools|resources|prompts|ui|notifications)/[a-z/-]+)"', html)) == {
        "ui/initialize",
        "ui/open-link",
        "ui/resource-teardown",
        "ui/notifications/initialized",
        "ui/notifications/size-changed",
        "ui/notifications/tool-result",
        "ui/notifications/tool-cancelled",
        "ui/notifications/host-context-changed",
    }


async def test_the_card_makes_no_element_of_text_and_no_number_of_an_amount() -> None:
    async with declaring_client(build_server(IN_MEMORY)) as client:
        html = await read_card(client)

    for parsing in (
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "DOMParser",
        "eval(",
        "Function(",
    ):
        assert parsing not in html, parsing
    for rounding in ("Number(", "parseFloat", "parseInt", "toFixed", "Intl."):
        assert rounding not in html, rounding


async def test_the_card_calls_a_status_what_questions_call_it() -> None:
    async with declaring_client(build_server(IN_MEMORY)) as client:
        html = await read_card(client)
    table = html.partition("const ORDER_STATUS = {")[2].partition("}")[0]

    assert dict(re.findall(r'(\w+): "([^"]*)"', table)) == dict(STATUS_LABELS)
