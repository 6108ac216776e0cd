"""Which entry a few words mean, and which words need nobody's eye."""

from __future__ import annotations

import time
import unicodedata
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_mcp.desk.catalog import words_of
from po_mcp.desk.matches import Fit, best_matches
from po_mcp.desk.matching import Index, find
from po_mcp.orders import Item, Vendor

VENDORS = (
    Vendor(id="12", code="ACME", name="Acme Fasteners"),
    Vendor(id="7", code="CENTRAL", name="Central Supply Co."),
    Vendor(id="120", code="MUELLER", name="Müller & Söhne"),
    Vendor(id="21", code="GREATLAKES", name="Great Lakes Steel & Bar"),
    Vendor(id="33", code="GLTOOL", name="Great Lakes Tool"),
    Vendor(id="40", code="M8", name="Line 100 Bolts"),
)


def find_vendors(text: str) -> list[tuple[str | None, Fit]]:
    return [(match.entry.id, match.fit) for match in find(text, VENDORS, words_of)]


def catalog(*names: str) -> Index[Item]:
    """A catalog of items with these names, and ids that are like nothing."""
    return Index([Item(id=f"ITEM{place:04}", name=name) for place, name in enumerate(names)], words_of)


def take(said: str, *names: str) -> str | None:
    entry = catalog(*names).find_exact(said)
    return None if entry is None else entry.name


def list_matches(said: str, *names: str) -> list[str]:
    return [match.entry.name for match in catalog(*names).find(said)]


# What is exact


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("1/2in Hydraulic Hose", "1/2in Hydraulic Hose"),
        ("1/2in hydraulic hose", "1/2in Hydraulic Hose"),
        (" HYDRAULIC   HOSE ", "Hydraulic Hose"),
        ("Hydraulic Hose", "Hydraulic  Hose "),
        ("Müller &amp; Söhne", "Müller & Söhne"),
        ("Müller & Söhne", "Müller &amp; Söhne"),
        ("Cafe\u0301 Bars", "Café Bars"),
        ("1 MΩ", "1 MΩ"),
        ("1 M\N{OHM SIGN}", "1 MΩ"),
        ("バルブ 100", "バルブ 100"),
        ("तीर", "तीर"),
    ],
)
def test_a_name_as_it_is_written_is_taken(said: str, name: str) -> None:
    assert take(said, name, "Another thing") == name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("12in Hydraulic Hose", "1/2in Hydraulic Hose"),
        ("2in Hydraulic Hose", "1/2in Hydraulic Hose"),
        ("Hydraulic Hose", "1/2in Hydraulic Hose"),
        ("Hose, hydraulic", "Hydraulic Hose"),
        ("Hydraulic Hoses", "Hydraulic Hose"),
        ("HydraulicHose", "Hydraulic Hose"),
        ("cable 15 mm2", "Cable 15 mm2"),
        ("Cable 15 mm2", "Cable 1.5 mm2"),
        ("Cable 1,5 mm2", "Cable 1.5 mm2"),
        ("Cable 1.50 mm2", "Cable 1.5 mm2"),
        ("Cable 1.5 mm²", "Cable 1.5 mm2"),
        ("Cable 1.5mm2", "Cable 1.5 mm2"),
        ("11/2 Pipe", "1 1/2 Pipe"),
        ("1½ Pipe", "1 1/2 Pipe"),
        ("250 ml", "2 50 ml"),
        ("47k", "4.7k"),
        ("1032", "10-32"),
        ("AB-125", "AB-1.25"),
        ("-12V", "+12V"),
        ("5 C", "-5 C"),
        ("−5 C", "-5 C"),
        ("1 mΩ", "1 MΩ"),
        ("10 mpa", "10 MPa"),
        ("Gauge mpa", "Gauge MPa"),
        ("5 mohm", "5 Mohm"),
        ("mohm: 5", "Mohm: 5"),
        ("HOSE12", "Hose12"),
        ("½INCH hose", "½inch hose"),
        ("Shunt MOHM²", "Shunt mohm²"),
        ("nut", "NUT"),
        ("バルブ", "パルプ"),
        ("तार", "तीर"),
        ("й", "и"),
        ("Muller", "Müller"),
        ("Strasse", "Straße"),
        ("Non return valve", "Non-return valve"),
        ("Reducer 3/8 to 1/4", "Reducer 1/4 to 3/8"),
        ("Аcme", "Acme"),
        ("", "Acme"),
        ("id:", "Acme"),
    ],
)
def test_words_that_are_not_letter_for_letter_a_name_are_never_taken(said: str, name: str) -> None:
    assert take(said, name, "Another thing") is None


@pytest.mark.parametrize("said", ["hydraulic hose", "Hydraulic hose", "HydraulicHose"])
def test_case_is_not_passed_over_where_another_entry_differs_in_case_or_blanks_alone(said: str) -> None:
    names = ("Hydraulic Hose", "HYDRAULIC HOSE")

    assert take(said, *names) is None
    assert take("HYDRAULIC HOSE", *names) == "HYDRAULIC HOSE"
    assert set(list_matches(said, *names)) == set(names)


def test_an_exact_name_goes_before_another_that_holds_it() -> None:
    names = ("Cable 15 mm2 red", "Cable 1.5 mm2", "Cable 15 mm2")

    assert take("Cable 15 mm2", *names) == "Cable 15 mm2"
    assert list_matches("Cable 15 mm2", *names) == ["Cable 15 mm2"]


@pytest.mark.parametrize("said", ["12", " 12 "])
def test_the_id_of_one_that_is_the_code_of_another_is_not_taken(said: str) -> None:
    index = Index([Vendor(id="12", name="Acme"), Vendor(id="7", code="12", name="Zeta")], words_of)

    assert index.find_exact(said) is None
    assert [match.entry.name for match in index.find(said)] == ["Acme", "Zeta"]


@pytest.mark.parametrize("said", ["Nut", "NUT"])
def test_the_id_of_one_that_is_but_for_case_the_name_of_another_is_not_taken(said: str) -> None:
    index = Index([Item(id="NUT", name="Washer"), Item(id="P2", name="Nut")], words_of)

    assert index.find_exact(said) is None
    assert {match.entry.name for match in index.find(said)} == {"Nut", "Washer"}


def test_ids_that_differ_in_case_alone_are_two_and_each_is_taken() -> None:
    index = Index([Item(id="ab1", name="One"), Item(id="AB1", name="Two")], words_of)

    assert [index.find_exact(said) for said in ("ab1", "AB1", "Ab1")] == [*index.entries, None]


@pytest.mark.parametrize(
    "vendors",
    [
        [Vendor(id="12", name="Acme"), Vendor(id="7", code="12", name="Zeta")],
        [Vendor(id="12", name="Acme"), Vendor(id="7", code="12", name="Acme")],
        [Vendor(id="12", name="7"), Vendor(id="7", name="12")],
        [Vendor(id="a", name="A"), Vendor(id="A", name="a")],
    ],
)
def test_every_entry_with_an_id_has_a_name_that_is_taken_for_it(vendors: list[Vendor]) -> None:
    index = Index(vendors, words_of)

    for vendor in vendors:
        name = index.find_sure_name(vendor)
        assert name is not None
        assert index.find_exact(name) == vendor


def test_an_entry_that_is_listed_twice_is_one() -> None:
    vendors = [Vendor(id="12", name="Acme"), Vendor(id="12", name="Acme "), Vendor(id=None, name="Zeta")]
    index = Index([*vendors, vendors[-1]], words_of)

    assert index.find_exact("Acme") == vendors[0]
    assert index.find_exact("Zeta") == vendors[-1]


def test_two_of_one_name_are_never_one() -> None:
    index = Index([Vendor(id="12", name="Acme"), Vendor(id="13", name="Acme")], words_of)

    assert index.find_exact("Acme") is None
    assert [match.entry.id for match in index.find("Acme")] == ["12", "13"]


def test_a_bolt_of_another_length_comes_before_a_nut() -> None:
    names = ("M8 Hex Nut", "M8 x 30mm Hex Bolt", "M10 x 40mm Hex Bolt", "12 x 9 x 6in Carton")

    assert set(list_matches("M8 x 40mm Hex Bolt", *names)[:2]) == {"M8 x 30mm Hex Bolt", "M10 x 40mm Hex Bolt"}


@pytest.mark.parametrize("blank", ["\u00a0", "\u2009", "\u202f", "\u3000"])
def test_a_blank_of_another_width_is_a_blank(blank: str) -> None:
    index = Index([Item(id="1", name=f"ボール{blank}バルブ 15{blank}A")], words_of)

    assert index.find_exact("ボール バルブ 15 A") is index.entries[0]
    assert index.find_exact(f"ボール バルブ{blank}15 A") is index.entries[0]


# What is put first

SIGNS_APART = (
    "supply - 12V",
    "supply - 12 V",
    "supply – 12V",
    "supply – 12 V",
    "supply \N{MINUS SIGN}12V",
    "supply \N{MINUS SIGN} 12 V",
    "supply minus 12V",
    "supply Minus 12 V",
    "supply moins 12 V",
    "negative 12V supply",
    "- 12V supply",
)
GROUPED = ("1,000", "1 000", "1\u00a0000", "1\u202f000", "1'000", "1\u2019000")
MICROFARADS = ("uF", "µF", "μF", "microfarad", "microfarads", "Microfarad")
PLUS_MINUS = ("± ", "±", "+/-", "+/- ", "+ / - ", "+-", "plus/minus ", "plus minus ", "plus or minus ")


@pytest.mark.parametrize(
    ("said", "first", "other"),
    [
        ("hydraulic hose 12in", "12in Hydraulic Hose", "1/2in Hydraulic Hose"),
        ("cable 15 mm2", "Cable 15 mm2", "Cable 1.5 mm2"),
        ("cabel 15 mm2", "Cable 15 mm2", "Cable 1.5 mm2"),
        ("cable 15 mm²", "Cable 15 mm2", "Cable 15 mm"),
        ("resistor 47k", "Resistor 47 k", "Resistor 4.7k"),
        ("regulator 33V", "Regulator 33 V", "Regulator 3.3V"),
        ("screw 1032", "Screws 1032", "Screw 10-32"),
        ("supply -12 V", "Supply -12V", "Supply +12V"),
        ("supply 12 V", "Supply 12V", "Supply -12V"),
        ("thermostat 5 C", "Thermostat 5C", "Thermostat -5 C"),
        ("shunt 1mΩ", "Shunt 1 mΩ", "Shunt 1 MΩ"),
        ("end mill 1,0mm", "Carbide end mill 1.0mm", "Carbide end mill 10mm"),
        ("reducer brass 1/4 to 3/8", "Brass Reducer 1/4 to 3/8", "Brass Reducer 3/8 to 1/4"),
        ("pipe 1½ in", "Pipe 1 1/2 in", "Pipe 11/2 in"),
        ("syringe 2 50 ml", "Syringes 2 50 ml", "Syringe 250 ml"),
        ("return valve", "Return valves", "Non-return valve"),
        ("threaded rod", "Rod, threaded", "Unthreaded rod"),
        ("leaded solder", "Solder, leaded", "Unleaded solder"),
        ("cable with plug", "Cable, with plug", "Cable, without plug"),
        ("cable w/o plug", "Cable, without plug", "Cable, with plug"),
        ("hinge LH 40", "Hinge 40 LH", "Hinge 40 RH"),
        ("connector male 12", "Connector 12 male", "Connector 12 female"),
        ("coupling male to female", "Coupling, male to female", "Coupling, female to male"),
        ("バルブ", "バルブ 100", "パルプ 100"),
        ("m8 bolts", "M8 x 30mm Hex Bolt", "M10 x 8mm Hex Bolt"),
        ("hex bolt 12 mm", "Hex bolts 12mm", "Hex bolt 8 mm"),
        ("hose 12 inch", "Hose 12in", "Hose 12ft"),
        ("hose 5'", "Hose 5 ft", "Hose 5 in"),
        ("hose 5''", 'Hose 5"', "Hose 5'"),
        ("can 5 litre", "Can 5l", "Can 50l"),
        ("shunt 1 MOhm", "Shunt 1 MΩ", "Shunt 1 mΩ"),
        ("shunt 1 mOhm", "Shunt 1 mΩ", "Shunt 1 MΩ"),
        ("thermostat 5 C", "Thermostat 5 °C", "Thermostat -5 C"),
        ("supply 12V", "Supply +12V", "Supply -12V"),
        ("tolerance ± 5 V", "Tolerance ±5 V", "Tolerance 5 V"),
        ("screw #8", "Screw # 8", "Screw 8"),
        ("reducer 3/8-1/4", "Reducer 3/8 - 1/4", "Reducer 1/4 - 3/8"),
        ("rod 1,000 mm", "Rod 1000 mm", "Rod 100 mm"),
        ("rod 1000 mm", "Rod 1,000 mm", "Rod 1 mm"),
        ("rod ٥ mm", "Rod 5 mm", "Rod 50 mm"),
        *(
            (said, "Supply -12V", other)
            for said in SIGNS_APART
            for other in ("Supply +12V", "Supply 12V", "Supply 24V", "Supply - 24V")
        ),
        ("supply + 12 V", "Supply +12V", "Supply -12V"),
        ("supply plus 12V", "Supply +12V", "Supply -12V"),
        ("thermostat – 5 °C", "Thermostat -5 C", "Thermostat 5 C"),
        ("hose - 12 mm", "Hose 12 mm", "Hose +12 mm"),
        ("hose 12 mm", "Hose - 12 mm", "Hose -12 mm"),
        ("hose 1 / 2 in", "Hose 1/2 in", "Hose 12 in"),
        ("hose 1/ 2 in", "Hose 1/2 in", "Hose 2 in"),
        ("hose 1 1 / 2 in", "Hose 1 1/2 in", "Hose 1/2 in"),
        ("hose 1-1/2 in", "Hose 1 1/2 in", "Hose 1/2 in"),
        ("hose 1 - 1/2 in", "Hose 1 1/2 in", "Hose 11/2 in"),
        ("adapter 12 / 24 V", "Adapter 12/24V", "Adapter 12V"),
        ("screw 10- 32", "Screw 10-32", "Screw 1032"),
        ("screw 10-32 x 1-1/2", "Screw 10-32 x 1 1/2", "Screw 10-32 x 1/2"),
        *(
            (f"regulator {said}5 V", "Regulator ±5V", other)
            for said in PLUS_MINUS
            for other in ("Regulator 5V", "Regulator -5V")
        ),
        ("resistor 100+/-5", "Resistor 100 ±5", "Resistor 100 -5"),
        *((f"box of {said}", "Box of 1000", "Box of 1") for said in GROUPED),
        *((f"box of {said}", "Box of 1,000", "Box of 1") for said in ("1000", *GROUPED)),
        ("box of 1000", "Box of 1 000", "Box of 1"),
        ("box of 1 000", "Box of 1 000", "Box of 1000"),
        ("vials 2 500 ml", "Vial 2 x 500 ml", "Vial 5000 ml"),
        ("vials 2 x 500 ml", "Vial 2 500 ml", "Vial 500 ml"),
        *((f"cap 10 {unit}", "Capacitor 10 µF 25 V", "Capacitor 10 mF 25 V") for unit in MICROFARADS),
        *((f"cap 10{unit}", "Capacitor 10uF 25 V", "Capacitor 10 mF 25 V") for unit in MICROFARADS),
        ("cap 10 millifarad", "Capacitor 10 mF", "Capacitor 10 µF"),
        ("shunt 1 megohm", "Shunt 1 MΩ", "Shunt 1 mΩ"),
        ("shunt 1 milliohm", "Shunt 1 mΩ", "Shunt 1 MΩ"),
        ("breaker 20 amp", "Breaker 20 A", "Breaker 20 mA"),
        ("filter 10 micron", "Filter 10 µm", "Filter 10 mm"),
        ("micron filter", "10 micron filter", "10 mm filter"),
        ("pressure sensor 10 megapascals", "Pressure sensor 10 MPa", "Pressure sensor 10 mPa"),
    ],
)
def test_entries_without_a_difference_in_figures_units_or_turning_words_come_first(
    said: str, first: str, other: str
) -> None:
    assert list_matches(said, first, other)[0] == first
    assert list_matches(said, other, first)[0] == first


SHOP = (
    Item(id="BOLT-M8-30", code="1001", name="M8 x 30mm Hex Bolt"),
    Item(id="NUT-M8", code="1002", name="M8 Hex Nut"),
    Item(id="NUT-M10", code="1003", name="M10 Hex Nut"),
    Item(id="FIT-JIC-8", code="1004", name="JIC 8 Straight Fitting"),
    Item(id="PLT-A36", code="1005", name="1/4in A36 Plate"),
    Item(id="SCR-1", code="1006", name="Screw, short"),
    Item(id="SCR-1000", code="1007", name="Screw, long"),
    Item(id="バルブM8", code="1008", name="バルブ ナット M8"),
)


@pytest.mark.parametrize(
    ("said", "first"),
    [
        *((said, "BOLT-M8-30") for said in ("BOLTM8", "boltm8", "M8BOLT", "M8HexBolt", "hexboltM8", "BOLTM8X30MM")),
        *((said, "BOLT-M8-30") for said in ("boltm8-30", "M 8 bolt", "bolt M 8", "hexbolt M8", "M8 boltx30mm")),
        *((said, "NUT-M8") for said in ("NUTM8", "M8NUT", "nut m8", "NUT - M8", "NUTSM8", "M8hexnuts")),
        *((said, "NUT-M10") for said in ("NUTM10", "M10NUT", "nut M 10")),
        *((said, "SCR-1000") for said in ("SCR-1 000", "SCR 1000", "SCR1000", "scr-1000")),
        *((said, "バルブM8") for said in ("バルブナットM8", "M8ナット")),
        ("A36plate", "PLT-A36"),
        ("plate1/4in", "PLT-A36"),
    ],
)
def test_words_that_are_glued_to_figures_are_read_apart(said: str, first: str) -> None:
    index = Index(SHOP, words_of)

    assert index.find(said)[0].entry.id == first
    assert index.find_exact(said) is None
    assert [match.entry.id for match in best_matches(index.find(said))] == [first]


@pytest.mark.parametrize(("said", "first"), [("BOLTM8", "ITEM0001"), ("BOLT M8", "ITEM0000")])
def test_a_name_with_glued_words_comes_before_one_whose_words_are_apart(said: str, first: str) -> None:
    assert catalog("Bolt M8 zinc", "BOLTM8 zinc").find(said)[0].entry.id == first


@pytest.mark.parametrize(
    ("said", "near"),
    [
        ("Acme Fasteners EU", ["12"]),
        ("Acme Fasteners Europe GmbH & Co. KG", ["12"]),
        ("ACME Ltd", ["12"]),
        ("Great Lakes Company", ["21", "33"]),
    ],
)
def test_a_longer_name_than_there_is_is_near_to_those_with_most_of_its_words(said: str, near: list[str]) -> None:
    assert Index(VENDORS, words_of).find_exact(said) is None
    assert [match.entry.id for match in find(said, VENDORS, words_of)] == near


@pytest.mark.parametrize("said", ["rod 1,000 mm", "rod 1.000 mm"])
def test_a_figure_that_may_be_of_thousands_brings_both_meanings(said: str) -> None:
    found = find(said, [Item(id="A", name="Rod 1 mm"), Item(id="B", name="Rod 1000 mm")], words_of)

    assert {match.entry.id for match in best_matches(found)} == {"A", "B"}


def test_a_comma_before_three_digits_is_first_of_thousands_and_in_a_code_too() -> None:
    codes = [match.entry.id for match in best_matches(find("SCR-1,000", SHOP, words_of))]

    assert codes == ["SCR-1000", "SCR-1"]


def test_similar_spellings_are_left_out_if_an_entry_has_one_of_the_words() -> None:
    names = ("1/2in Hydraulic Hose", "12 AWG Copper Wire", "12 x 9 x 6in Carton")

    assert list_matches("12in hydraulic hose", *names) == ["1/2in Hydraulic Hose"]


def test_a_part_number_is_no_size() -> None:
    items = [Item(id="P1", code="12", name="Hex bolt 8 mm"), Item(id="P2", code="77", name="Hex bolts 12 mm long")]

    assert find("hex bolt 12 mm", items, words_of)[0].entry.id == "P2"


@pytest.mark.parametrize(
    ("text", "best"),
    [
        ("12", ("12", Fit.EXACT)),
        (" 12 ", ("12", Fit.EXACT)),
        ("acme", ("12", Fit.EXACT)),
        ("ACME FASTENERS", ("12", Fit.EXACT)),
        ("fasteners, acme", ("12", Fit.WHOLE)),
        ("Muller und Sohne", ("120", Fit.RESEMBLING)),
        ("muller sohne", ("120", Fit.WHOLE)),
        ("Central", ("7", Fit.EXACT)),
        ("supply", ("7", Fit.PART)),
        ("suppl", ("7", Fit.PART)),
        ("Acmee Fastners", ("12", Fit.SIMILAR)),
        ("Centrall", ("7", Fit.SIMILAR)),
        ("great lakes tool", ("33", Fit.EXACT)),
        ("line 100 bolt", ("40", Fit.PART)),
        ("100 line", ("40", Fit.PART)),
    ],
)
def test_words_find_the_entry_that_they_mean(text: str, best: tuple[str, Fit]) -> None:
    assert find_vendors(text)[0] == best


def test_words_that_fit_several_find_them_all() -> None:
    assert sorted(find_vendors("lakes")) == [("21", Fit.PART), ("33", Fit.PART)]


@pytest.mark.parametrize("text", ["", "  ", "&", "1", "10", "zzzz", "Аcme"])
def test_words_that_mean_nothing_find_nothing_for_sure(text: str) -> None:
    """A figure is the whole figure, and a letter of another alphabet is another letter."""
    assert all(fit >= Fit.SIMILAR for _, fit in find_vendors(text))


@given(st.text(max_size=30))
def test_any_text_is_taken_apart_and_nothing_is_found_twice(text: str) -> None:
    index = Index(VENDORS, words_of)
    matches = index.find(text)

    assert [match.rank for match in matches] == sorted(match.rank for match in matches)
    assert len({match.entry.id for match in matches}) == len(matches)
    exact = index.find_exact(text)
    assert exact is None or matches[0].entry == exact


@given(st.sampled_from(VENDORS), st.randoms(use_true_random=False))
def test_the_words_of_a_name_in_any_case_and_any_order_find_its_vendor(vendor: Vendor, random: object) -> None:
    words = vendor.name.upper().split()
    random.shuffle(words)  # type: ignore[attr-defined]

    assert find_vendors(" ".join(words))[0][0] == vendor.id


def test_five_thousand_items_are_searched_in_a_moment() -> None:
    items = [Item(id=f"IT{n:05}", code=str(100_000 + n), name=f"M{n % 40} x {n}mm Hex Bolt zinc") for n in range(5_000)]
    index = Index(items, words_of)
    index.find("warm up")
    begun = time.process_time()

    assert index.find_exact("IT04999") == items[-1]
    assert index.find("m8 x 48mm hex bolt")[0].entry == items[48]
    assert index.find("hex bolt")
    assert time.process_time() - begun < 2


@pytest.mark.parametrize("there", ["ボルト M8", "ホ\u3099ルト M8", "ホ\u309bルト M8"])
@pytest.mark.parametrize("said", ["ボルト M8", "ホ\u3099ルト M8", "ホ\u309bルト M8"])
def test_a_voice_mark_is_one_letter_with_its_kana_however_it_is_encoded(there: str, said: str) -> None:
    assert take(said, there, "ホルト M8") == there
    assert take("ホルト M8", there, "ホルト M8") == "ホルト M8"


@pytest.mark.parametrize(("said", "other"), [("तीर 5", "तार 5"), ("கோல் 5", "கால் 5"), ("ボルト 5", "ホルト 5")])
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_vowel_sign_or_voice_mark_makes_another_word(said: str, other: str, form: Literal["NFC", "NFD"]) -> None:
    said = unicodedata.normalize(form, said)

    assert take(said, other) is None
    assert all(match.fit >= Fit.SIMILAR for match in catalog(other).find(said))
