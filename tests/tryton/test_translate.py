"""The translator against answers that a real Tryton gave (recorded/), and against what others may give."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from po_mcp.connectors.tryton import catalog, drafts, error_body, names, schemas, translate
from po_mcp.errors import BadAnswer, Conflict, InvalidInput, OrderNotFound, SignInFailed, Stale, UnreadableOrder
from po_mcp.orders import DraftLine, OrderDraft, OrderQuery, Status, Vendor
from tests.tryton.rpc import money

RECORDED = Path(__file__).parent / "recorded"


@cache
def read_recorded(name: str) -> Any:
    return json.loads((RECORDED / f"{name}.json").read_text(), parse_float=Decimal)


def read_order(key: str, **fields: Any) -> schemas.Order:
    return schemas.Order.parse({**read_recorded("orders")[key], **fields})


def read_order_with_line(key: str, **fields: Any) -> schemas.Order:
    """Return a recorded order whose first line has other fields."""
    first, *rest = read_recorded("orders")[key]["lines."]
    return read_order(key, **{"lines.": [{**first, **fields}, *rest]})


def build_draft(**fields: Any) -> OrderDraft:
    line = DraftLine(item="1", quantity=Decimal("1200"), unit_price=Decimal("0.4"), warehouse="5")
    made = OrderDraft(number="PM-1", vendor=Vendor(id="2", name="Acme"), lines=(line,))
    return made.model_copy(update=fields)


@pytest.mark.parametrize(
    ("key", "status", "text"),
    [
        ("draft", "draft", "draft"),
        ("quotation", "draft", "quotation; reference PM-2026-0002"),
        ("waiting", "open", "processing; shipment waiting; invoice pending; reference PM-2026-0003"),
        ("exception", "open", "processing; shipment exception; invoice pending; reference PM-2026-0010"),
        ("partial", "partial", "processing; shipment partially shipped; invoice pending; reference PM-2026-0004"),
        ("received", "closed", "processing; shipment received; invoice pending; reference PM-2026-0005"),
        ("done", "closed", "done; shipment received; reference PM-2026-0007"),
        ("cancelled", "cancelled", "cancelled; reference PM-2026-0008"),
    ],
)
def test_every_state_is_shown_by_our_word_and_by_trytons_own(key: str, status: Status, text: str) -> None:
    read = translate.convert_order(read_order(key))

    assert (read.status, read.status_text) == (status, text)


@pytest.mark.parametrize("state", [None, "", "Draft", "approved", "modifying"])
def test_a_state_of_another_module_is_not_known(state: str | None) -> None:
    assert translate.convert_order(read_order("draft", state=state)).status == "unknown"


@pytest.mark.parametrize("status", sorted(translate.LISTED))
def test_the_filter_of_a_status_picks_the_orders_that_are_shown_with_it(status: Status) -> None:
    domain = translate.build_order_domain(OrderQuery(status=status))

    picked = [row for row in read_recorded("rows") if _holds(domain, row)]
    shown = [row for row in read_recorded("rows") if translate.status_of(row["state"], row["shipment_state"]) == status]
    assert picked == shown != []


def _holds(domain: list[Any], row: dict[str, Any]) -> bool:
    """Evaluate a condition as Tryton does, as far as ours go."""
    match domain:
        case ["OR", *parts]:
            return any(_holds(part, row) for part in parts)
        case [str(field), "=", value]:
            return bool(row[field] == value)
        case [str(field), "in", values]:
            return row[field] in values
        case [str(field), "not in", values]:
            return row[field] not in values
    return all(_holds(part, row) for part in domain)


def test_dates_of_a_query_are_written_as_tryton_marks_them() -> None:
    query = OrderQuery(ordered_from=date(2026, 1, 2), ordered_to=date(2026, 3, 4))

    assert translate.build_order_domain(query) == [
        ["purchase_date", ">=", {"__class__": "date", "year": 2026, "month": 1, "day": 2}],
        ["purchase_date", "<=", {"__class__": "date", "year": 2026, "month": 3, "day": 4}],
    ]


def test_an_order_is_read_in_full() -> None:
    source = read_order("partial")
    read = translate.convert_order(source)

    assert (read.number, read.vendor, read.vendor_id, read.currency) == ("3", "Acme Fasteners", "2", "EUR")
    assert read.total == Decimal("89.26")
    assert read.expected_on == source.delivery_date
    assert read.ordered_at is not None
    assert source.purchase_date is not None
    assert read.ordered_at == datetime(*source.purchase_date.timetuple()[:3], tzinfo=UTC)
    assert [(line.quantity, line.received, line.outstanding) for line in read.lines or ()] == [
        (Decimal(100), Decimal(30), Decimal(70)),
        (Decimal("2.35"), Decimal("2.35"), Decimal(0)),
    ]
    assert {(line.warehouse, line.warehouse_name) for line in read.lines or ()} == {("5", "Main")}


def test_values_that_the_erp_does_not_give_are_not_made_up() -> None:
    read = translate.convert_order(schemas.Order.parse({"id": 4, "lines.": []}))

    assert (read.number, read.vendor, read.vendor_id, read.status) == ("(4)", "", None, "unknown")
    assert (read.ordered_at, read.expected_on, read.currency, read.total) == (None, None, None, None)
    assert read.lines == ()


@pytest.mark.parametrize(
    ("fields", "received", "outstanding"),
    [
        ({"quantity": Decimal("100.0"), "moves.": []}, "0", "100"),
        ({"moves.": None, "moves_ignored": None}, "0", "100"),
        ({"moves.": [{"id": 1, "quantity": 130, "unit": 1, "state": "done"}]}, "130", "0"),
        ({"moves.": [{"id": 1, "quantity": 30, "unit": 2, "state": "done"}]}, None, None),
        ({"moves.": [{"id": 1, "unit": 1, "state": "done"}]}, None, None),
        ({"moves.": [{"id": 1, "quantity": 30, "unit": 1, "state": "draft"}]}, "0", "100"),
        ({"moves.": [{"id": 7, "quantity": 40, "unit": 1, "state": "cancelled"}], "moves_ignored": [7]}, "0", "60"),
        ({"moves.": [{"id": 7, "quantity": 40, "unit": 2, "state": "cancelled"}], "moves_ignored": [7]}, "0", None),
        ({"product.": None}, None, None),
        ({"product.": {"id": 4, "type": "service"}}, None, None),
        ({"quantity": -5}, None, None),
    ],
)
def test_received_is_what_moves_brought_in_the_lines_own_unit(
    fields: dict[str, Any], received: str | None, outstanding: str | None
) -> None:
    line = (translate.convert_order(read_order_with_line("partial", **fields)).lines or ())[0]

    assert line.received == (None if received is None else Decimal(received))
    assert line.outstanding == (None if outstanding is None else Decimal(outstanding))


@pytest.mark.parametrize(
    ("reported", "quantity"),
    [
        (Decimal("100.0"), "100"),
        (100, "100"),
        (Decimal("2.35"), "2.35"),
        (Decimal("0.30000000000000004"), "0.3"),
        (Decimal("1E-5"), "0.00001"),
        (Decimal("1E+3"), "1000"),
        (Decimal("999999999999.125"), "999999999999.125"),
        (money("87.50"), "87.5"),
    ],
)
def test_a_quantity_is_the_figure_that_was_typed(reported: object, quantity: str) -> None:
    line = (translate.convert_order(read_order_with_line("draft", quantity=reported)).lines or ())[0]

    assert str(line.quantity) == quantity


@pytest.mark.parametrize(
    ("reported", "price"),
    [(money("0.45"), "0.45"), ({"__class__": "Decimal", "decimal": "1E+3"}, "1000"), (None, None)],
)
def test_a_price_is_read_exactly(reported: object, price: str | None) -> None:
    line = (translate.convert_order(read_order_with_line("draft", unit_price=reported)).lines or ())[0]

    assert line.unit_price == (None if price is None else Decimal(price))
    assert line.unit_price is None or "E" not in str(line.unit_price)


@pytest.mark.parametrize(
    "reported",
    [
        True,
        "x",
        [],
        {"__class__": "Decimal"},
        {"__class__": "Decimal", "decimal": "NaN"},
        {"__class__": "Decimal", "decimal": "1E99"},
        {"__class__": "Decimal", "decimal": 0.45},
        {"__class__": "date", "year": 2026},
    ],
)
def test_a_value_that_is_no_amount_is_not_trusted(reported: object) -> None:
    with pytest.raises(BadAnswer):
        read_order("draft", total_amount=reported)


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ({"state": ["?"], "number": "7"}, "Order 7 cannot be opened or changed here: Tryton has a list for state"),
        ({"party.": []}, "Order PM-2026-0001 cannot be opened or changed here: Tryton has a list for party"),
        ({"reference": None, "lines.": "x"}, "Order (1) cannot be opened"),
        (
            {
                "lines.": [
                    {"id": 1, "type": "line"},
                    {"id": 2, "unit_price": {"__class__": "Decimal", "decimal": "3,5"}},
                ]
            },
            'Tryton has "3,5" for unit_price in line 2',
        ),
    ],
)
def test_an_order_that_cannot_be_read_is_reported_by_its_name_field_and_value(
    fields: dict[str, Any], what: str
) -> None:
    with pytest.raises(UnreadableOrder) as reported:
        schemas.parse_orders([{**read_recorded("orders")["draft"], "id": 1, **fields}])

    assert what in str(reported.value)
    assert "Try again" not in str(reported.value)


def test_an_order_is_read_without_a_date_or_total_that_cannot_be() -> None:
    marked = {"__class__": "date", "year": 2026, "month": 13, "day": 1}
    odd = {"purchase_date": "soon", "delivery_date": marked, "total_amount": {"__class__": "Decimal", "decimal": "n/a"}}
    read = translate.convert_order(schemas.parse_orders([{**read_recorded("orders")["draft"], **odd}])[0])

    assert (read.ordered_at, read.total) == (None, None)
    assert [one.sentence for one in read.odd] == [
        'Its order date cannot be read and is left out: the ERP has "soon".',
        'Its expected date cannot be read and is left out: the ERP has "2026-13-1".',
        'Its total cannot be read and is left out: the ERP has "n/a".',
    ]


@pytest.mark.parametrize("reported", ["2026-01-01", {"__class__": "date", "year": 2026}, {"__class__": "datetime"}, 5])
def test_a_value_that_is_no_date_is_not_trusted(reported: object) -> None:
    with pytest.raises(BadAnswer):
        read_order("draft", delivery_date=reported)


@pytest.mark.parametrize("reported", [0, -1, True, "5", None, Decimal(5)])
def test_a_value_that_is_no_id_is_not_trusted(reported: object) -> None:
    with pytest.raises(BadAnswer):
        read_order("draft", id=reported)


def test_titles_and_subtotals_are_no_lines() -> None:
    title = {"id": 90, "type": "title", "description": "Fasteners", "_timestamp": "1.5"}
    source = read_order("draft", **{"lines.": [title, *read_recorded("orders")["draft"]["lines."]]})

    read = translate.convert_order(source)

    assert [line.line for line in read.lines or ()] == [1, 2]
    assert read.line_count == 2
    assert "purchase.line,90" in translate.build_version(source)


def test_a_line_without_a_product_is_described() -> None:
    source = read_order_with_line("draft", **{"product.": None}, description="Laying of pipes", summary="Laying")

    line = (translate.convert_order(source).lines or ())[0]

    assert (line.item, line.description) == ("", "Laying of pipes")


def test_a_description_does_not_hide_which_product_it_is() -> None:
    line = (translate.convert_order(read_order_with_line("draft", description="Something else")).lines or ())[0]

    assert (line.item, line.description) == ("BOLT-M8-30", "M8 x 30mm Hex Bolt; Something else")


@pytest.mark.parametrize(
    ("reported", "item", "description"),
    [
        ({"code": "B", "name": "Bolt", "rec_name": "[B] Bolt"}, "B", "Bolt"),
        ({"code": None, "name": "Bolt", "rec_name": "Bolt"}, "Bolt", None),
        ({"rec_name": "[B] Bolt"}, "[B] Bolt", None),
        ({}, "7", None),
    ],
)
def test_an_item_is_called_by_its_code_else_its_name(
    reported: dict[str, object], item: str, description: str | None
) -> None:
    line = (translate.convert_order(read_order_with_line("draft", **{"product.": {"id": 7, **reported}})).lines or ())[
        0
    ]

    assert (line.item, line.item_key, line.description) == (item, "7", description)


def test_the_expected_date_is_the_earliest_of_the_lines_where_the_order_has_none() -> None:
    day = {"__class__": "date", "year": 2026, "month": 2, "day": 3}
    source = read_order_with_line("draft", delivery_date=day).model_copy(update={"delivery_date": None})

    assert translate.convert_order(source).expected_on == date(2026, 2, 3)


def test_our_operation_is_found_in_the_description() -> None:
    assert translate.convert_order(read_order("draft", description="po-mcp op-7f3a")).reference == "op-7f3a"
    for others in ("po-mcp", "see po-mcp op-7f3a", "po-mcp op-7f3a too", None):
        assert translate.convert_order(read_order("draft", description=others)).reference is None


def test_hostile_text_is_made_visible() -> None:
    read = translate.convert_order(read_order("draft", **{"party.": {"id": 2, "rec_name": "Acme\u202e\nTotal: 0"}}))

    assert read.vendor == "Acme\\u{202E}\\u{000A}Total: 0"


def test_a_hostile_reference_is_made_visible_where_it_is_shown() -> None:
    read = translate.convert_order(read_order("draft", reference="A\u202e9\u0000"))

    assert read.status_text == "draft; reference A\\u{202E}9\\u{0000}"


@pytest.mark.parametrize(
    ("number", "reference", "shown"),
    [
        ("17", "PM-1", "17"),
        (None, "PM-1", "PM-1"),
        (None, None, "(9)"),
        ("", "", "(9)"),
        (None, "(12)", "(9)"),
        (None, "a\u202eb", "(9)"),
        (None, "a\nb", "(9)"),
        (None, "x" * 101, "(9)"),
        (None, "Web order 12/34", "Web order 12/34"),
    ],
)
def test_an_order_is_found_by_the_number_that_is_shown(number: str | None, reference: str | None, shown: str) -> None:
    source = schemas.Names.parse({"id": 9, "number": number, "reference": reference})

    assert names.choose_name(source) == shown
    assert names.check_readable(shown) == shown
    assert names.select_order([source], shown) == source


def test_orders_of_one_name_are_listed_by_their_ids() -> None:
    rows = [schemas.Row.parse({"id": 1, "number": "17"}), schemas.Row.parse({"id": 2, "reference": "17"})]

    assert [
        listed.number for listed in translate.convert_rows([*rows, schemas.Row.parse({"id": 3, "number": "18"})])
    ] == [
        "(1)",
        "(2)",
        "18",
    ]


def test_a_name_that_several_orders_have_names_them_all() -> None:
    twins = [schemas.Names.parse({"id": each, "reference": "PM-1"}) for each in (3, 4)]

    with pytest.raises(Conflict, match=r"\(3\), \(4\)"):
        names.select_order(twins, "PM-1")
    assert names.select_order(twins, "(4)").id == 4


def test_an_order_of_another_name_is_not_selected() -> None:
    other = schemas.Names.parse({"id": 3, "reference": "PM-2"})

    for name in ("PM-1", "pm-2", "(4)"):
        with pytest.raises(OrderNotFound):
            names.select_order([other], name)
    assert names.select_order([other], "pm-2", in_any_case=True) == other
    assert names.find_stored_name(other, "pm-2") == "PM-2"


@pytest.mark.parametrize(
    ("name", "is_its"), [("17", True), ("PM-2", True), ("(3)", True), ("pm-2", False), ("(17)", False), ("PM-1", False)]
)
def test_an_order_goes_by_its_number_reference_and_id_letter_for_letter(name: str, is_its: bool) -> None:
    assert names.goes_by(schemas.Names.parse({"id": 3, "number": "17", "reference": "PM-2"}), name) is is_its


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a\nb", " a", "a ", "a\u200bb", "x" * 101, "a\u202eb"])
def test_a_name_that_no_order_can_be_asked_for_by_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        names.check_readable(name)


@pytest.mark.parametrize("number", ["1", "0017", "(3)", "a/b", " PM-1", "", "a\u200bb", "x" * 101])
def test_a_new_number_is_none_that_tryton_may_give(number: str) -> None:
    with pytest.raises(InvalidInput):
        names.check_creatable(number)


@pytest.mark.parametrize(
    ("given", "is_refused"), [(["PO-00017"], True), (["po-3"], True), (["17"], False), ([None], False), ([], False)]
)
def test_a_new_number_has_another_pattern_than_those_that_tryton_gives(
    given: list[str | None], is_refused: bool
) -> None:
    orders = [schemas.Names.parse({"id": 1, "number": number}) for number in given]

    if is_refused:
        with pytest.raises(InvalidInput, match="numbers its orders itself"):
            names.refuse_sequence_number("PO-18", orders)
    else:
        names.refuse_sequence_number("PO-18", orders)


def test_the_version_is_of_the_order_its_lines_and_their_moves() -> None:
    source = read_order("partial")
    stamps = translate.parse_stamps(translate.build_version(source))

    assert len(stamps) == 1 + 2 + 3
    assert stamps["purchase.purchase,7"] == source.stamp
    assert translate.parse_order_id(translate.build_version(source)) == 7
    assert translate.build_version(source) == translate.build_version(read_order("partial"))


@pytest.mark.parametrize("text", ["", "3", "[]", "{}", "null", '"x"', "not JSON"])
def test_a_version_of_another_connection_is_stale(text: str) -> None:
    with pytest.raises(Stale):
        translate.parse_order_id(text)


@pytest.mark.parametrize("text", ["", "PO-1", "(7)", "0", "-7", "7.0", "9" * 19])
def test_an_id_of_another_connection_is_stale(text: str) -> None:
    with pytest.raises(Stale):
        translate.parse_erp_id(text)


@pytest.mark.parametrize("reported", [None, {}, "[]", False, ["PO-1"], [None], [[]]])
def test_orders_that_are_no_list_of_objects_are_not_read(reported: object) -> None:
    with pytest.raises(BadAnswer, match="documented format"):
        schemas.parse_orders(reported)


def test_an_order_without_a_stamp_cannot_be_decided_on() -> None:
    with pytest.raises(BadAnswer):
        translate.build_version(read_order("draft", _timestamp=None))


@pytest.mark.parametrize(
    ("key", "cancel", "delete"),
    [
        ("draft", False, False),
        ("quotation", False, True),
        ("waiting", True, True),
        ("done", True, True),
        ("cancelled", False, False),
    ],
)
def test_the_reason_that_forbids_a_write_is_named(key: str, cancel: bool, delete: bool) -> None:
    assert bool(translate.build_snapshot(read_order(key), "x", "cancel").blockers) == cancel
    assert bool(translate.build_snapshot(read_order(key), "x", "delete").blockers) == delete


def test_a_state_that_is_not_known_forbids_every_write() -> None:
    assert translate.build_snapshot(read_order("draft", state="approved"), "x", "cancel").blockers
    assert translate.build_snapshot(read_order("draft", state="approved"), "x", "delete").blockers


def read_products() -> dict[int, schemas.Product]:
    return {product.id: product for product in schemas.parse_records(read_recorded("products"), schemas.Product)}


@pytest.mark.parametrize(
    ("note", "comment"), [("By truck.", "By truck.\nRequested by Alice Moreau"), (None, "Requested by Alice Moreau")]
)
def test_the_comment_names_the_buyer_who_asked(note: str | None, comment: str) -> None:
    of_alice = build_draft(note=note, requested_by="Alice Moreau")

    body = drafts.build_order(of_alice, 1, 5, read_products(), read_recorded("of_vendor"), [read_recorded("of_line")])

    assert body["comment"] == comment


def test_a_new_order_holds_what_follows_from_vendor_and_product() -> None:
    full = build_draft(note="By truck.", expected_on=date(2026, 5, 6), reference="op-1")

    body = drafts.build_order(full, 1, 5, read_products(), read_recorded("of_vendor"), [read_recorded("of_line")])

    assert body == {
        "party": 2,
        "company": 1,
        "invoice_address": 2,
        "currency": 1,
        "payment_term": None,
        "invoice_method": "order",
        "invoice_party": None,
        "warehouse": 5,
        "reference": "PM-1",
        "lines": [
            [
                "create",
                [
                    {
                        "type": "line",
                        "product": 1,
                        "unit": 1,
                        "quantity": Decimal(1200),
                        "unit_price": {"__class__": "Decimal", "decimal": "0.4"},
                        "product_supplier": 1,
                        "taxes": [["add", [1]]],
                    }
                ],
            ]
        ],
        "delivery_date": {"__class__": "date", "year": 2026, "month": 5, "day": 6},
        "comment": "By truck.",
        "description": "po-mcp op-1",
    }


@pytest.mark.parametrize("taxes", [None, {}, {"add": []}, {"add": None}, []])
def test_an_item_without_taxes_is_ordered_without_taxes(taxes: object) -> None:
    body = drafts.build_order(build_draft(), 1, 5, read_products(), {}, [{"taxes": taxes}])

    assert "taxes" not in body["lines"][0][1][0]


@pytest.mark.parametrize("taxes", [{"add": [[0, {}]]}, {"add": [1]}, {"add": [[0, {"id": "1"}]]}, {"add": 3}, ["1"]])
def test_taxes_of_another_shape_are_not_passed_over(taxes: object) -> None:
    with pytest.raises(BadAnswer):
        drafts.build_order(build_draft(), 1, 5, read_products(), {}, [{"taxes": taxes}])


def test_a_price_has_as_many_decimals_as_tryton_says() -> None:
    assert drafts.parse_price_decimals(read_recorded("unit_price")) == 4
    assert drafts.parse_price_decimals({"unit_price": {"digits": [None, 3]}}) == 3


@pytest.mark.parametrize(
    "reported", [{}, None, {"unit_price": {}}, {"unit_price": {"digits": None}}, {"unit_price": {"digits": "x"}}]
)
def test_a_price_is_not_limited_where_tryton_does_not_say_how(reported: object) -> None:
    assert drafts.parse_price_decimals(reported) is None


def test_an_order_that_is_stored_otherwise_is_not_trusted() -> None:
    asked = build_draft(
        number="PM-2026-0005",
        lines=(DraftLine(item="1", quantity=Decimal(10), unit_price=Decimal("0.45"), warehouse="5"),),
    )
    assert drafts.parse_created(read_order("received"), asked).number == "PM-2026-0005"

    for other in (
        build_draft(number="PM-2026-0005"),
        asked.model_copy(update={"number": "PM-1"}),
        asked.model_copy(update={"vendor": Vendor(id="3", name="Bolt & Co")}),
    ):
        with pytest.raises(BadAnswer):
            drafts.parse_created(read_order("received"), other)


def test_the_catalog_is_read() -> None:
    vendors = catalog.convert_vendors(
        schemas.parse_records(read_recorded("parties"), schemas.Party), {1}, "EUR", {3: None}
    )
    items = catalog.convert_items(schemas.parse_records(read_recorded("products"), schemas.Product), "EUR")
    warehouses = catalog.convert_warehouses(schemas.parse_records(read_recorded("warehouses"), schemas.Warehouse))

    assert [(vendor.id, vendor.code, vendor.name) for vendor in vendors] == [
        ("2", "V-ACME", "Acme Fasteners"),
        ("3", "V-BOLT", "Bolt & Co"),
    ]
    assert [vendor.currency for vendor in vendors] == ["EUR", None]
    oil = items[2]
    assert (oil.id, oil.code, oil.unit, oil.price, oil.currency) == ("3", "OIL-1", "kg", Decimal("12.5"), "EUR")
    assert [(warehouse.id, warehouse.name) for warehouse in warehouses] == [("5", "Main"), ("12", "North")]


@pytest.mark.parametrize(("default_unit", "price"), [(9, None), (1, Decimal("0.45")), (None, Decimal("0.45"))])
def test_a_price_of_another_unit_than_is_bought_is_none(default_unit: int | None, price: Decimal | None) -> None:
    bolt = {**read_recorded("products")[0], "default_uom": default_unit}
    [item] = catalog.convert_items(schemas.parse_records([bolt], schemas.Product), None)

    assert item.price == price


def test_the_flags_of_both_databases_are_read() -> None:
    said: dict[object, bool] = {True: True, False: False, None: False}

    for reported, is_so in said.items():
        assert schemas.Product.parse({"id": 1, "purchasable": reported}).purchasable is is_so
        assert schemas.Product.parse({"id": 1, "purchasable": reported and int(is_so)}).purchasable is is_so


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (["UserError", ["You shall not", "", None]], 400),
        (["UserWarning", ["name", "message", ""]], 400),
        (["ConcurrencyException", "Records were modified in the meanwhile"], 412),
        (["LoginException", ["password", "Password", "password"]], 401),
        (["'nosuch'", ""], None),
        (["ValueError", "..."], None),
        ([], None),
        ([["UserError"]], None),
        ("UserError", None),
        (None, None),
    ],
)
def test_a_refusal_is_recognised_by_its_shape(error: object, status: int | None) -> None:
    body = {"id": 3, "error": error}

    assert (error_body.is_refusal(body), error_body.status_in(body)) == (status is not None, status)
    assert "shall" not in error_body.describe_error(body)
    with pytest.raises(BadAnswer):
        error_body.parse_result(body, 3)


def test_an_answer_belongs_to_its_call() -> None:
    assert error_body.parse_result({"id": 3, "result": None}, 3) is None
    others: list[object] = [{"id": 4, "result": 1}, {"result": 1}, {"id": 3}, [], None, "3"]
    for body in others:
        with pytest.raises(BadAnswer):
            error_body.parse_result(body, 3)


@pytest.mark.parametrize("answer", [[2, "key", None], [2, "key"]])
def test_a_session_is_read_of_what_any_version_answers(answer: list[Any]) -> None:
    assert schemas.Login.parse_login(answer).user == 2


@pytest.mark.parametrize("answer", [None, [], [2], {}, [2, ""], [2, "a b"], [None, "key"], ["x", "secret-key"]])
def test_an_answer_without_a_session_is_no_sign_in_and_is_not_repeated(answer: object) -> None:
    with pytest.raises(SignInFailed) as failed:
        schemas.Login.parse_login(answer)

    assert "secret-key" not in str(failed.value)
    assert failed.value.__cause__ is None


@pytest.mark.parametrize("lines", [None, {}, [9], "missing"])
def test_an_order_whose_lines_are_missing_is_not_shown_as_one_without_lines(lines: Any) -> None:
    row = {**read_recorded("orders")["draft"], "lines.": lines}
    if lines == "missing":
        del row["lines."]

    with pytest.raises(UnreadableOrder, match="line"):
        schemas.parse_orders([row])


@pytest.mark.parametrize(
    ("code", "word"), [("V-1", "V-1"), ("  ", None), (None, None), ("1\nTotal: 0", "1\\u{000A}Total: 0")]
)
def test_a_vendor_is_known_by_its_code(code: str | None, word: str | None) -> None:
    party = {"id": 2, "rec_name": "Acme", "code": code}

    assert translate.convert_order(read_order("draft", **{"party.": party})).vendor_word == word
