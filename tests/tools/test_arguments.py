"""Arguments as hosts and models send them: what is right in meaning is taken, and everything else is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp.types import CallToolResult, TextContent
from pydantic import ValidationError

from po_mcp.connectors.numbers import check_readable
from po_mcp.desk.catalog import Catalog
from po_mcp.errors import InvalidInput
from po_mcp.orders import MAX_ORDER_NUMBER_CHARS, Item
from po_mcp.server.tool import PurchasingTool
from po_mcp.tools import REGISTRY, search_catalog
from po_mcp.tools._lenient import HOST_ARGUMENTS, SentAsNumber, read_arguments
from tests.harness import ERAS, ServerHarness, outcome, text

SCHEMAS = {tool.name: PurchasingTool.of(tool).parameters for tool in REGISTRY}
CREATE, LIST, GET, SEARCH = "create_purchase_order", "list_purchase_orders", "get_purchase_order", "search_catalog"
FINALIZE, OPERATION = "finalize_purchase_order", "get_operation"
LINE = {"item": "NUT-M8", "quantity": "3", "unit_price": "0.22", "warehouse": "1"}
NEW = {"number": "PO-2025-0050", "vendor": "12", "lines": [LINE]}


def read(tool: str, **given: Any) -> dict[str, Any]:
    return read_arguments(given, SCHEMAS[tool]).values


@pytest.mark.parametrize(("sent", "meant"), [("true", True), ("false", False), ("True", True), ("FALSE", False)])
@pytest.mark.parametrize(
    ("tool", "name"), [(LIST, "overdue"), (SEARCH, "refresh"), (FINALIZE, "create_backorder")], ids=str
)
def test_a_boolean_as_text_is_read(tool: str, name: str, sent: str, meant: bool) -> None:
    assert read(tool, **{name: sent}) == {name: meant}


@pytest.mark.parametrize("sent", ["yes", "1", "null", " true", 1, 0, 1.0, [True], {}], ids=repr)
def test_values_that_are_no_boolean_stay_unchanged(sent: object) -> None:
    assert read(FINALIZE, create_backorder=sent) == {"create_backorder": sent}


@pytest.mark.parametrize("sent", ["10", 10.0, "10.0", 10])
def test_a_whole_number_is_read(sent: object) -> None:
    assert read(LIST, limit=sent) == {"limit": 10}


@pytest.mark.parametrize("sent", ["10.5", 10.5, "-1", "1e1", "ten", " 10", "١٠", True, float("inf"), 1e300], ids=repr)
def test_values_that_are_no_integer_stay_unchanged(sent: object) -> None:
    [found] = read(LIST, limit=sent).values()

    assert found is sent


@pytest.mark.parametrize("tool", SCHEMAS)
def test_null_is_left_out_wherever_an_argument_may_be(tool: str) -> None:
    schema = SCHEMAS[tool]
    optional = [name for name in schema["properties"] if name not in schema.get("required", [])]

    assert read(tool, **dict.fromkeys(optional)) == {}


def test_null_is_left_out_in_a_line() -> None:
    assert read(CREATE, lines=[{**LINE, "unit_price": None, "warehouse": None}]) == {
        "lines": [{"item": "NUT-M8", "quantity": "3"}]
    }


MAY_BE_EMPTY = {
    "note",
    "status",
    "create_backorder",
    "expected_on",
    "operation_id",
    "sort",
    "direction",
    "detail",
    "limit",
}
"""An empty text leaves these out; of all others it could mean another order, another list or another price."""
ORDER = {"number": "PO-2025-0042"}
ENOUGH: dict[str, dict[str, Any]] = {
    CREATE: NEW,
    SEARCH: {"kind": "item"},
    GET: ORDER,
    FINALIZE: ORDER,
    "delete_purchase_order": ORDER,
    "cancel_purchase_order": ORDER,
}
"""What each tool needs besides."""


@pytest.mark.parametrize("empty", ["", " "], ids=["empty", "blank"])
@pytest.mark.parametrize(("tool", "name"), [(tool, name) for tool in SCHEMAS for name in SCHEMAS[tool]["properties"]])
async def test_an_empty_text_is_left_out_or_refused_in_the_same_words(
    harness: ServerHarness, tool: str, name: str, empty: str
) -> None:
    is_left_out = name in MAY_BE_EMPTY and empty == ""
    if is_left_out:
        assert read(tool, **ENOUGH.get(tool, {}), **{name: empty}) == ENOUGH.get(tool, {})
        return
    async with harness.client() as client:
        refused = await client.call_tool(tool, {**ENOUGH.get(tool, {}), name: empty})

    ending = "" if name in SCHEMAS[tool].get("required", []) else " or leave it out"
    assert text(refused) == f"{name}: is empty; give it{ending}. Nothing was sent."
    assert refused.is_error
    assert harness.wire.seen == []


@pytest.mark.parametrize("empty", ["", " "], ids=["empty", "blank"])
@pytest.mark.parametrize("name", SCHEMAS[CREATE]["properties"]["lines"]["items"]["properties"])
async def test_an_empty_text_in_a_line_is_refused_in_the_same_words(
    harness: ServerHarness, name: str, empty: str
) -> None:
    async with harness.client() as client:
        refused = await client.call_tool(CREATE, {**NEW, "lines": [LINE, {**LINE, name: empty}]})

    ending = "" if name in ("item", "quantity") else " or leave it out"
    assert text(refused) == f"line 2 {name}: is empty; give it{ending}. Nothing was sent."
    assert harness.wire.seen == []


@pytest.mark.parametrize(
    ("tool", "name", "words"),
    [
        (tool, name, [word for one in (schema, *schema.get("anyOf", [])) for word in one.get("enum", [])])
        for tool in SCHEMAS
        for name, schema in SCHEMAS[tool]["properties"].items()
        if "enum" in json.dumps(schema)
    ],
)
def test_a_fixed_word_is_taken_in_any_case(tool: str, name: str, words: list[str]) -> None:
    for word in words:
        for sent in (word, word.upper(), word.capitalize()):
            assert read(tool, **{name: sent}) == {name: word}
        for other in (f" {word}", f"{word}s", [word]):
            assert read(tool, **{name: other}) == {name: other}


def test_of_two_words_that_differ_in_case_alone_neither_is_taken_for_the_other() -> None:
    schema = {"properties": {"kind": {"enum": ["Item", "ITEM"], "type": "string"}}}

    assert read_arguments({"kind": "item"}, schema).values == {"kind": "item"}
    assert read_arguments({"kind": "ITEM"}, schema).values == {"kind": "ITEM"}


@pytest.mark.parametrize(
    ("tool", "arguments", "said"),
    [
        (LIST, {"vendor": ""}, "vendor: is empty; give it or leave it out"),
        (LIST, {"ordered_from": ""}, "ordered_from: is empty; give it or leave it out"),
        (LIST, {"cursor": ""}, "cursor: is empty; give it or leave it out"),
        (GET, {"number": ""}, "number: is empty; give it."),
        (GET, {"number": None}, "number: is required"),
        (GET, {}, "number: is required"),
        (SEARCH, {"kind": "item", "text": " "}, "text: is empty; give it or leave it out"),
        (SEARCH, {"kind": ""}, "kind: is empty; give it."),
        (SEARCH, {"kind": "Order"}, "kind: must be one of vendor, item, warehouse"),
        (CREATE, {**NEW, "number": ""}, "number: is empty; give it or leave it out"),
        (CREATE, {**NEW, "note": " "}, "note: is empty; give it or leave it out"),
        (CREATE, {**NEW, "note": ["urgent"]}, "note: must be text"),
        (CREATE, {**NEW, "note": 5}, "note: must be text"),
        (CREATE, {**NEW, "note": "x" * 201}, "note: is too long (200 at most)"),
        (CREATE, {**NEW, "note": "x" * 501}, "note: is too long (200 at most)"),
        (CREATE, {**NEW, "lines": [{**LINE, "unit_price": ""}]}, "line 1 unit_price: is empty; give it or leave it"),
        (CREATE, {**NEW, "lines": [LINE, {**LINE, "item": ""}]}, "line 2 item: is empty; give it."),
        (CREATE, {**NEW, "lines": ["NUT-M8"]}, "line 1: must be an object with item and quantity"),
        (CREATE, {**NEW, "lines": "NUT-M8"}, "lines: must be a list"),
        (CREATE, {**NEW, "lines": 5}, "lines: must be a list"),
        (CREATE, {**NEW, "lines": [LINE] * 201}, "lines: has too many entries (200 at most)"),
        (CREATE, {**NEW, "lines": [{**LINE, "toolCallId": "x"}]}, "line 1 toolCallId: unknown argument"),
        (
            CREATE,
            {**NEW, "dry_run": ""},
            "dry_run: unknown argument, leave it out. Nothing was sent. Arguments: vendor",
        ),
        (FINALIZE, {"number": "PO-2025-0041", "create_backorder": "yes"}, "create_backorder: must be true or false"),
        (FINALIZE, {"number": "PO-2025-0041", "confirm": True}, "confirm: unknown argument, leave it out"),
        (LIST, {"limit": 51}, "limit: must be at most 50"),
        (LIST, {"limit": 0}, "limit: must be at least 1"),
        (LIST, {"limit": "many"}, "limit: must be a whole number"),
        (LIST, {"limit": True}, "limit: must be a whole number"),
        (LIST, {"sort": "date"}, "sort: must be one of ordered, expected, number, vendor, total"),
        (OPERATION, {"operation_id": "last"}, "operation_id: must be an operation_id, as an earlier outcome gave it"),
        (LIST, {"vendor": 10**15}, "vendor: must be text"),
        (LIST, {"vendor": 12.0}, "vendor: must be text"),
        (LIST, {"vendor": True}, "vendor: must be text"),
    ],
    ids=lambda value: None if isinstance(value, str) else json.dumps(value)[:60],
)
async def test_wrong_arguments_are_refused_with_how_to_write_them(
    harness: ServerHarness, tool: str, arguments: dict[str, Any], said: str
) -> None:
    async with harness.client() as client:
        refused = await client.call_tool(tool, arguments)

    assert refused.is_error
    assert said in text(refused)
    assert "Nothing was sent." in text(refused)
    assert harness.wire.seen == []


@pytest.mark.parametrize(
    "sent",
    [
        [json.dumps(LINE)],
        json.dumps([LINE]),
        json.dumps(json.dumps([LINE])),
        [json.dumps(json.dumps(LINE))],
        LINE,
        json.dumps(LINE),
        json.dumps([json.dumps(LINE)]),
    ],
    ids=lambda sent: json.dumps(sent)[:40],
)
def test_lines_as_json_text_are_read(sent: object) -> None:
    assert read(CREATE, lines=sent) == {"lines": [LINE]}


@pytest.mark.parametrize(
    "sent",
    ["[", "null", "5", '"x"', "[" * 100_000, '[{"item": "A", "quantity": "1", "quantity": "5"}]', json.dumps("x") * 2],
    ids=lambda sent: sent[:30],
)
def test_values_that_are_no_list_of_lines_stay_unchanged(sent: str) -> None:
    assert read(CREATE, lines=sent) == {"lines": sent}


def test_an_id_that_came_as_a_number_is_its_figures_and_is_remembered() -> None:
    found = read_arguments({"vendor": 12, "number": 7, "lines": [{"item": 1001, "warehouse": 1}]}, SCHEMAS[CREATE])

    assert found.values == {"vendor": "12", "number": "7", "lines": [{"item": "1001", "warehouse": "1"}]}
    assert found.numbers == [
        SentAsNumber("vendor", "vendor", "12"),
        SentAsNumber("item", "lines.0.item", "1001"),
        SentAsNumber("warehouse", "lines.0.warehouse", "1"),
    ]


async def test_an_id_that_came_as_a_number_and_may_have_lost_zeros_is_asked_for(
    harness: ServerHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = Catalog.entries

    async def with_zeros(self: Catalog, kind: Any, *, refresh: bool = False) -> tuple[Any, ...]:
        found = await entries(self, kind, refresh=refresh)
        return (*found, Item(id="0012", name="Twelve")) if kind == "vendor" else found

    monkeypatch.setattr(Catalog, "entries", with_zeros)
    async with harness.client() as client:
        refused = await client.call_tool(LIST, {"vendor": 12})
        other = await client.call_tool(LIST, {"vendor": 20})
        as_text = await client.call_tool(LIST, {"vendor": "12"})

    assert refused.is_error
    assert 'vendor came as the number 12, and the vendor may be "12" or "0012".' in text(refused)
    assert not other.is_error, text(other)
    assert not as_text.is_error, text(as_text)


@pytest.mark.parametrize("name", sorted(HOST_ARGUMENTS))
async def test_a_hosts_own_field_is_dropped_at_the_top_level(harness: ServerHarness, name: str) -> None:
    async with harness.client() as client:
        taken = await client.call_tool(GET, {"number": "PO-2025-0042", name: "x"})
        other_case = await client.call_tool(GET, {"number": "PO-2025-0042", name.upper(): "x"})

    assert outcome(taken)["number"] == "PO-2025-0042"
    assert other_case.is_error


async def test_the_text_null_is_a_word(harness: ServerHarness) -> None:
    async with harness.client() as client:
        listed = outcome(await client.call_tool(LIST, {"vendor": "null"}))

    assert listed["total_count"] == 0


async def test_every_lenient_argument_reaches_the_tool(harness: ServerHarness) -> None:
    sent = {"status": "", "vendor": 12, "overdue": "false", "sort": None, "direction": "", "limit": "5", "cursor": None}
    async with harness.client() as client:
        loose = outcome(await client.call_tool(LIST, {**sent, "toolCallId": "call_1"}))
        strict = outcome(await client.call_tool(LIST, {"vendor": "12", "overdue": False, "limit": 5}))

    assert loose == strict


async def test_the_same_order_sent_strictly_and_loosely_is_created_once(harness: ServerHarness) -> None:
    loose = {**NEW, "vendor": 12, "lines": json.dumps([{**LINE, "warehouse": 1}]), "note": "", "toolCallId": "2"}
    async with harness.client() as client:
        first = outcome(await client.call_tool(CREATE, NEW))
        again = outcome(await client.call_tool(CREATE, loose))

    assert (first["status"], again["status"], again["replayed"]) == ("done", "done", True)
    assert len(harness.wire.writes) == 1


@pytest.mark.parametrize("tool", [search_catalog.TOOL, *[tool for tool in REGISTRY if tool.name == OPERATION]])
async def test_a_result_that_fits_no_schema_is_reported_as_a_bug(
    harness: ServerHarness, tool: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(**given: Any) -> CallToolResult:
        return CallToolResult(content=[TextContent(type="text", text="x")], structured_content={"kind": "item"})

    monkeypatch.setattr(PurchasingTool.of(tool), "fn", broken)
    async with harness.client() as client:
        reply = await client.call_tool(tool.name, {"kind": "item"} if tool.name == SEARCH else {})

    assert reply.is_error
    assert "po-mcp could not build the answer. This is a bug; please report it." in text(reply)
    assert "candidates" not in text(reply)
    assert ("Do not repeat it" in text(reply)) is not tool.read_only


SHOWN: dict[str, Any] = {
    "number": "PO-1",
    "vendor": "Acme",
    "status": "open",
    "lines": [{"item": "NUT", "quantity": "1.50"}],
}
OF_AN_ORDER: list[dict[str, Any] | None] = [
    SHOWN,
    {**SHOWN, "unheard_of": 1},
    {**SHOWN, "status": "shut"},
    {**SHOWN, "lines": [{"quantity": "1"}]},
    {**SHOWN, "total": "much"},
    {**SHOWN, "line_count": 1.5},
    {},
    None,
]


@pytest.mark.parametrize("content", OF_AN_ORDER, ids=repr)
@pytest.mark.parametrize("is_error", [False, True])
def test_a_result_is_checked_as_the_sdk_checks_it(content: dict[str, Any] | None, is_error: bool) -> None:
    ours = PurchasingTool.of(next(tool for tool in REGISTRY if tool.name == GET)).fn_metadata
    its = FuncMetadata(arg_model=ours.arg_model, output_schema=ours.output_schema, output_model=ours.output_model)
    result = CallToolResult(content=[], structured_content=content, is_error=is_error)

    def find_faults(metadata: FuncMetadata) -> list[Any]:
        try:
            assert metadata.convert_result(result) is result
        except ValidationError as fault:
            return [(one["loc"], one["type"]) for one in fault.errors()]
        return []

    assert find_faults(ours) == find_faults(its)
    assert (find_faults(ours) == []) is (is_error or content in OF_AN_ORDER[:2])


async def test_tools_and_connectors_take_order_numbers_of_one_length(harness: ServerHarness) -> None:
    longest, too_long = "P" * MAX_ORDER_NUMBER_CHARS, "P" * (MAX_ORDER_NUMBER_CHARS + 1)
    async with harness.client(ERAS[0]) as client:
        found = text(await client.call_tool(GET, {"number": longest}))
        refused = text(await client.call_tool(GET, {"number": too_long}))

    assert "has no order" in found
    assert f"number: must be an order number of at most {MAX_ORDER_NUMBER_CHARS} characters" in refused
    assert check_readable(longest) == longest
    with pytest.raises(InvalidInput, match=f"at most {MAX_ORDER_NUMBER_CHARS} characters"):
        check_readable(too_long)


@pytest.mark.parametrize("tool", [SEARCH, CREATE])
async def test_a_crash_before_the_tool_is_reported_as_a_bug_without_its_text(
    harness: ServerHarness, tool: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*given: Any) -> Any:
        raise KeyError("the secret of 4711")

    monkeypatch.setattr("po_mcp.server.tool.read_arguments", crash)
    async with harness.client() as client:
        reply = await client.call_tool(tool, {})

    assert reply.is_error
    assert "This is a bug; please report it." in text(reply)
    assert "4711" not in text(reply)


async def test_an_argument_whose_name_is_no_text_is_refused_in_words(harness: ServerHarness) -> None:
    async with harness.client() as client:
        refused = await client.call_tool("get_purchase_order", {"\ud800": 1})

    assert refused.is_error
    assert "Nothing was sent." in text(refused)
    assert "index out of range" not in text(refused)
