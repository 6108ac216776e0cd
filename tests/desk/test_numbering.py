"""The number after the latest ones."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pytest

from po_mcp.desk.latest_orders import LatestOrders
from po_mcp.desk.numbering import find_free_numbers, find_series
from po_mcp.desk.similar_numbers import find_extended_number, find_meant_numbers, find_similar_numbers
from po_mcp.errors import BadAnswer, InvalidInput, Unreachable
from po_mcp.orders import Vendor
from tests.desk.fakes import TODAY, ListsERP, desk_over, order

VENDOR = Vendor(id="CS91LM", name="Central")


def after(numbers: Sequence[str], taken: Sequence[str] = (), vendor: Vendor = VENDOR) -> str | None:
    """The number after these, of which the last is the newest."""
    orders = [order(number, f"2026-11-{place:02}") for place, number in enumerate(numbers, 1)]
    series = find_series(orders, taken, vendor, TODAY)
    return None if series is None or series.is_over else series.number(series.highest + 1)


@pytest.mark.parametrize(
    ("numbers", "taken", "number"),
    [
        (["PO-2025-0041", "PO-2025-0042"], [], "PO-2025-0043"),
        (["PO-2025-0042", "PO-2025-0007"], ["PO-2025-0043"], "PO-2025-0044"),
        (["PO-0098", "PO-0099"], [], "PO-0100"),
        (["PO-8", "PO-9"], [], "PO-10"),
        (["PO-998", "PO-999"], [], "PO-1000"),
        (["4710", "4711"], [], "4712"),
        (["PO-1", "PO-2", "no figures"], ["other-9"], "PO-3"),
        (["PO/1", "PO-1", "PO-2"], [], "PO-3"),
        (["2025-R-0041", "2025-R-0042"], [], "2025-R-0043"),
        (["A1-7", "A1-8", "B1-1"], [], "A1-9"),
    ],
)
def test_the_next_number_is_in_the_series_of_the_latest(numbers: list[str], taken: list[str], number: str) -> None:
    assert after(numbers, taken) == number


@pytest.mark.parametrize(
    ("numbers", "number"),
    [
        (["PO-1", "PO-2", "PO-2-BO1"], "PO-3"),
        (["PO-1", "PO-2-BO1"], "PO-3"),
        (["PO-1", "PO-2-BO1", "PO-2-BO2", "PO-2-BO3", "PO-1-BO1"], "PO-3"),
        (["PO-1-bo1", "PO-2-BO1-BO2"], "PO-3"),
        ([f"PO-000{n}-R1" for n in range(1, 7)], "PO-0007"),
        (["PO-0001", "PO-0002-R1", "PO-0003_rev2", "PO-0004.v3"], "PO-0005"),
        (["0044-K7", "0045-K7", "0046-K7"], "0047-K7"),
        (["006-11-2026", "007-11-2026", "008-11-2026"], "009-11-2026"),
        (["PO-7", "PO-8", "PO-8-1", "PO-8-2", "PO-8-3"], "PO-9"),
    ],
)
def test_the_figure_of_a_backorder_a_revision_a_project_or_a_year_does_not_run(numbers: list[str], number: str) -> None:
    assert after(numbers) == number


@pytest.mark.parametrize(
    "numbers",
    [
        [],
        ["PO-1"],
        ["PO-0099"],
        ["PO-2-BO1", "PO-2-BO2", "PO-2"],
        ["PO-2-1", "PO-2-2", "PO-2"],
        ["008-11-2026"],
        ["PO-2026"],
        ["one", "two"],
        ["0045-K7", "0046-K7", "0046-K8"],
        ["0044-K7", "0045-K8", "0046-K9", "0047-K9"],
        ["1-1", "1-2", "2-1"],
        ["20261101-1", "20261102-1", "20261103-1"],
        ["PO-01112026", "PO-02112026", "PO-03112026"],
        ["261101", "261102", "261103"],
        ["PO-202611"],
    ],
)
def test_orders_without_a_running_figure_give_no_number(numbers: list[str]) -> None:
    assert after(numbers) is None


@pytest.mark.parametrize(
    ("numbers", "number"),
    [
        (["PO-2025-0040", "PO-2025-0041", "PO-2025-0042", "PO-2025-00431"], "PO-2025-0043"),
        (["PO-2025-00431", "PO-2025-0041", "PO-2025-0042"], "PO-2025-0043"),
        (["PO-2025-0041", "PO-2025-0042", "PO-2025-431"], "PO-2025-0043"),
        (["PO-2025-0040", "PO-2025-43100", "PO-2025-0041", "PO-2025-0042"], "PO-2025-0043"),
        (["PO-2025-0040", "PO-2025-4200", "PO-2025-0041", "PO-2025-0042"], "PO-2025-0043"),
        (["PO-8", "PO-9", "PO-010"], "PO-10"),
        (["PO-0997", "PO-0998", "PO-0999", "PO-1000"], "PO-1001"),
        (["PO-9998", "PO-9999", "PO-10000"], "PO-10001"),
        (["PO-1", "PO-2", "PO-40"], "PO-41"),
    ],
)
def test_one_odd_order_does_not_lead(numbers: list[str], number: str) -> None:
    assert after(numbers) == number


@pytest.mark.parametrize(
    "odd",
    ["PO-43B", "PO-43/2", "PO-43-A", "PO-43_1", "PO-43(1)", "po-43-bo1", "PO-43.1", "PO-43 rev 2", "PO-043", "PO 43"],
)
async def test_a_number_that_is_extended_by_anothers_or_is_like_it_is_not_free(odd: str) -> None:
    known = [order("PO-41", "2026-11-01"), order("PO-42", "2026-11-02"), order(odd, "2026-11-03")]
    numbers = [number async for number in find_free_numbers(desk_over(ListsERP(known)), VENDOR)]

    assert numbers[0] == "PO-44"
    assert "PO-43" not in numbers


def test_orders_of_one_a_year_are_no_series() -> None:
    orders = [order(f"PO-{year}", f"{year}-03-01") for year in (2023, 2024, 2025, 2026)]

    assert find_series(orders, (), VENDOR, TODAY) is None


@pytest.mark.parametrize(
    ("today", "number"),
    [(date(2026, 11, 27), "PO-2026-0003"), (date(2027, 1, 2), None), (date(2025, 12, 31), None)],
)
def test_a_year_beside_the_figure_is_this_year_or_nothing(today: date, number: str | None) -> None:
    orders = [order(f"PO-2025-{n:04}", "2025-05-01") for n in range(90, 99)]
    orders += [order("PO-2026-0001", "2026-11-01"), order("PO-2026-0002", "2026-11-02")]
    series = find_series(orders, (), VENDOR, today)

    assert series is not None
    assert (None if series.is_over else series.number(series.highest + 1)) == number


def test_a_number_that_holds_the_vendors_id_gets_that_of_this_vendor() -> None:
    orders = [
        order("PO-LHROM9-0023", "2026-11-01", vendor_id="LHROM9"),
        order("PO-CS91LM-0005", "2026-11-02", vendor_id="CS91LM"),
    ]
    of_one = [order(f"PO-LHROM9-002{n}", "2026-11-01", vendor_id="LHROM9") for n in (3, 4)]

    assert (first := find_series(orders, (), VENDOR, TODAY)) is not None
    assert first.number(first.highest + 1) == "PO-CS91LM-0006"
    assert (of_another := find_series(of_one, (), VENDOR, TODAY)) is not None
    assert of_another.number(of_another.highest + 1) == "PO-CS91LM-0001"
    assert find_series(of_one, (), Vendor(id=None, name="Central"), TODAY) is None


def test_a_vendors_id_of_figures_is_one_only_where_it_stands_alone() -> None:
    orders = [order("PO-12-0041", vendor_id="12"), order("PO-7-0042", vendor_id="7")]
    by_chance = [order("PO-12", vendor_id="1"), order("PO-13", vendor_id="13")]

    assert (held := find_series(orders, (), Vendor(id="9", name="Nine"), TODAY)) is not None
    assert held.number(held.highest + 1) == "PO-9-0001"
    assert (free := find_series(by_chance, (), Vendor(id="9", name="Nine"), TODAY)) is not None
    assert free.number(free.highest + 1) == "PO-14"


@pytest.mark.parametrize(
    ("number", "known", "base"),
    [
        ("PO-2-1", {"PO-2"}, "PO-2"),
        ("PO-2-1-1", {"PO-2", "PO-2-1"}, "PO-2-1"),
        ("PO-21", {"PO-2"}, None),
        ("PO-2", {"PO-2"}, None),
        ("PO-2A", {"PO-2"}, "PO-2"),
        ("PO-2", set(), None),
    ],
)
def test_a_number_that_goes_on_from_another_extends_it(number: str, known: set[str], base: str | None) -> None:
    assert find_extended_number(number, known) == base


# Which of them are free


async def first_free(erp: ListsERP, taken: Sequence[str] = ()) -> str:
    return await anext(find_free_numbers(desk_over(erp, taken), VENDOR))


@pytest.mark.parametrize("closed", [0, 1, 2, 3, 7, 20, 21, 100, 137, 1000])
async def test_behind_closed_orders_that_the_list_does_not_show_the_next_is_found_in_a_few_reads(closed: int) -> None:
    orders = [order(f"PO-{n:04}", "2026-11-01") for n in range(1, 11)]
    erp = ListsERP(orders, unlisted=[f"PO-{n:04}" for n in range(11, 11 + closed)])

    assert await first_free(erp) == f"PO-{11 + closed:04}"
    assert len(erp.gets) <= 32


async def test_a_gap_among_closed_orders_is_no_next_number() -> None:
    orders = [order(f"PO-{n:04}", "2026-11-01") for n in (1, 2)]
    gap = {14, 18, 22}
    erp = ListsERP(orders, unlisted=[f"PO-{n:04}" for n in range(3, 61) if n not in gap])

    assert await first_free(erp) == "PO-0061"


async def test_the_user_is_asked_for_a_number_if_no_free_one_is_found() -> None:
    orders = [order("PO-1", "2026-11-01"), order("PO-2", "2026-11-01")]

    class Endless(ListsERP):
        async def get_order(self, number: str, *, in_any_case: bool = False):  # type: ignore[no-untyped-def]
            self.gets.append(number)
            return order(number, status="closed")

    erp = Endless(orders)
    with pytest.raises(InvalidInput, match=r"Nothing was sent\. Give a number"):
        await first_free(erp)
    assert len(erp.gets) <= 42


async def test_an_order_that_cannot_be_read_holds_its_number_and_an_erp_that_is_away_stops_the_search() -> None:
    orders = [order("PO-1", "2026-11-01"), order("PO-2", "2026-11-01")]

    assert await first_free(ListsERP(orders, unreadable={"PO-3": BadAnswer("odd")})) == "PO-4"
    with pytest.raises(Unreachable):
        await first_free(ListsERP(orders, unreadable={"PO-3": Unreachable("away")}))


async def test_an_order_whose_letters_are_of_other_case_holds_its_number() -> None:
    orders = [order("po-1", "2026-11-01"), order("po-2", "2026-11-01")]

    assert await first_free(ListsERP(orders, unlisted=["PO-3"])) == "po-4"


async def test_numbers_of_operations_under_way_are_passed_over() -> None:
    orders = [order("PO-1", "2026-11-01"), order("PO-2", "2026-11-01")]

    assert await first_free(ListsERP(orders), taken=["PO-3"]) == "PO-4"


async def test_the_look_reaches_back_until_it_has_enough() -> None:
    old = [order(f"PO-{n}", "2019-05-01") for n in (1, 2, 3)]
    erp = ListsERP([*old, order("LONE-1", "2026-11-20"), order("X", "2025-11-20")])

    assert await first_free(erp) == "PO-4"
    assert [query.ordered_from for query in erp.scans] == [date(2026, 8, 27), date(2024, 11, 27), None]


async def test_numbers_that_the_erp_gives_by_itself_make_no_series() -> None:
    given = [order(f"{n}", "2026-11-01").model_copy(update={"buyer_number": ""}) for n in (1, 2, 3)]
    ours = [order(f"{3 + n}", "2026-11-01").model_copy(update={"buyer_number": f"PO-000{n}"}) for n in (1, 2)]

    assert await first_free(ListsERP([*given, *ours])) == "PO-0003"
    with pytest.raises(InvalidInput, match="do not show how numbers"):
        await first_free(ListsERP(given))


async def test_a_list_that_was_read_whole_is_not_read_again() -> None:
    erp = ListsERP([order("PO-1"), order("PO-2")])
    desk = desk_over(erp)
    latest = LatestOrders(desk)
    await latest.read_all()

    assert await anext(find_free_numbers(desk, VENDOR, latest)) == "PO-3"
    assert len(erp.scans) == 1


async def test_orders_whose_numbers_no_new_order_may_have_are_passed_over() -> None:
    slashes = [order(f"PO/2026/{n}", "2026-11-01") for n in range(1, 9)]

    assert await first_free(ListsERP([*slashes, order("PO-1"), order("PO-2")])) == "PO-3"
    with pytest.raises(InvalidInput, match=r"numbers such as PO/2026/1, and a new number may not have / in it"):
        await first_free(ListsERP(slashes))


# Figures that do not run


@pytest.mark.parametrize(
    "numbers",
    [
        ["PO-0040.1", "PO-0040.2", "PO-0040.3"],
        ["PO-0040-1", "PO-0040-2", "PO-0040-3"],
        ["PO-0040B1", "PO-0040B2", "PO-0040B3"],
        ["PO-0040v1", "PO-0040v2", "PO-0040v3"],
        ["PO-0040-A", "PO-0041-A", "PO-0042-B"],
        ["Q-0040_1", "Q-0040_2", "Q-0040_3"],
        ["PO-0040-01", "PO-0040-02", "PO-0040-03"],
        ["PO-0040B", "PO-0041B", "PO-0042B"],
        ["PO-0040-REV", "PO-0041-REV", "PO-0042-REV"],
    ],
)
async def test_a_short_figure_or_letter_behind_a_figure_is_a_follow_up(numbers: list[str]) -> None:
    orders = [order(number, f"2026-11-{day:02}") for day, number in enumerate(numbers, 1)]

    with pytest.raises(InvalidInput, match="do not show how numbers are made here"):
        await first_free(ListsERP(orders))


@pytest.mark.parametrize(
    "numbers",
    [
        ["2024", "2025", "2026"],
        ["PO2024", "PO2025", "PO2026"],
        ["PO-7-2024", "PO-7-2025", "PO-7-2026"],
        ["FY24-PO", "FY25-PO", "FY26-PO"],
        ["PO-FY24", "PO-FY25", "PO-FY26"],
        ["7781-003", "7782-003", "7783-003", "7784-003"],
        ["PRJ7781-001", "PRJ7782-001", "PRJ7783-001", "PRJ7784-001"],
    ],
)
def test_a_year_or_a_project_does_not_run(numbers: list[str]) -> None:
    assert after(numbers) is None


@pytest.mark.parametrize(
    ("numbers", "number"),
    [
        (["PO-2026-8", "PO-2026-9"], "PO-2026-10"),
        (["PO26-8", "PO26-9"], "PO26-10"),
        (["PO-2026-11-8", "PO-2026-11-9"], "PO-2026-11-10"),
        (["1998", "1999"], "2000"),
        (["PO-24", "PO-25"], "PO-26"),
        (["PO-2061", "PO-2062"], "PO-2063"),
        (["7781-001", "7781-002", "7781-003"], "7781-004"),
    ],
)
def test_a_figure_beside_a_year_or_of_a_project_runs_on(numbers: list[str], number: str) -> None:
    assert after(numbers) == number


def test_a_number_that_names_its_vendor_goes_on_for_that_vendor_alone() -> None:
    orders = [order(f"PO-ACME-{n}", "2026-11-01") for n in (7, 8, 9)]
    short = [order(f"PO-ACM-{n}", "2026-11-01") for n in (7, 8, 9)]

    assert (own := find_series(orders, (), Vendor(id=None, name="Acme"), TODAY)) is not None
    assert own.number(own.highest + 1) == "PO-ACME-10"
    assert find_series(orders, (), Vendor(id=None, name="Beta"), TODAY) is None
    assert find_series(short, (), Vendor(id=None, name="Beta"), TODAY) is None


@pytest.mark.parametrize(("closed", "number"), [("PO-7781", None), ("0047", "0048-K7"), ("0045", "0047-K7")])
async def test_no_number_goes_on_from_that_of_an_order_that_the_list_does_not_show(
    closed: str, number: str | None
) -> None:
    listed = [f"PO-7781-00{n}" for n in (1, 2, 3)] if number is None else ["0045-K7", "0046-K7"]
    erp = ListsERP([order(one, "2026-11-01") for one in listed], unlisted=[closed])

    if number is None:
        with pytest.raises(InvalidInput, match="do not show how numbers are made here"):
            await first_free(erp)
    else:
        assert await first_free(erp) == number


# Numbers that are short for another


@pytest.mark.parametrize(
    ("number", "similar"),
    [
        ("PO-2025-42", ("PO-2025-0042",)),
        ("42", ("PO-2025-0042",)),
        ("0042", ("PO-2025-0042",)),
        ("po 2025 42", ("PO-2025-0042",)),
        ("PO2025/0042", ("PO-2025-0042",)),
        ("2025-0042", ("PO-2025-0042",)),
        ("7", ("PO-2025-0007-BO1",)),
        ("7-BO1", ("PO-2025-0007-BO1",)),
        ("PO-2025", ()),
        ("2", ()),
        ("PO-2024-0042", ()),
        ("PO", ()),
        ("", ()),
    ],
)
def test_a_number_written_short_finds_the_order(number: str, similar: tuple[str, ...]) -> None:
    orders = [order(one) for one in ("PO-2025-0041", "PO-2025-0042", "PO-2025-0007-BO1", "PO-2025-0142")]

    assert find_similar_numbers(number, orders) == similar


def test_a_number_without_figures_is_found_in_another_case_and_never_by_its_end() -> None:
    orders = [order(one) for one in ("Rush", "Rush Berlin")]

    assert find_similar_numbers("RUSH", orders) == ("Rush",)
    assert find_similar_numbers("berlin", orders) == ()


@pytest.mark.parametrize(
    ("number", "there"), [("po-2026-0003", "PO-2026-0003"), ("ＰＯ-9", "PO-9"), ("PO-９", "PO-9"), ("PO-9", "ＰＯ-9")]
)
def test_a_number_that_differs_in_case_or_width_alone_may_mean_the_order(number: str, there: str) -> None:
    assert find_meant_numbers(number, [order(there)]) == (there,)
    assert find_meant_numbers(there, [order(there)]) == ()
