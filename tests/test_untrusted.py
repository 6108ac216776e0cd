"""Text from an ERP: nothing unseen survives, and nothing that is seen is lost."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from po_mcp.untrusted import imitating_scripts, quote_text, visible

UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"}


WHERE_MOST_ARE = 0x20000
"""Below it lie all scripts and signs but those of two planes."""


@pytest.mark.parametrize(
    "end", [WHERE_MOST_ARE, pytest.param(sys.maxunicode + 1, marks=pytest.mark.process)], ids=["most", "all"]
)
def test_every_unseen_code_point_is_written_out(end: int) -> None:
    unseen = [chr(point) for point in range(end) if unicodedata.category(chr(point)) in UNSEEN]
    written = visible("".join(unseen), len(unseen))
    # Alone in a text: those that Python counts as printable, and a sample of the million others.
    alone = [*filter(str.isprintable, unseen), *unseen[::97]]
    survivors = [character for character in alone if character in visible(f"a{character}b")]

    assert not set(unseen) & set(written)
    assert survivors == []
    assert len(unseen) > 2_278


@pytest.mark.parametrize(
    "point", [0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180F, 0x3164, 0xFE00, 0xFE0F, 0xFFA0, 0xE0001, 0xE0100]
)
def test_characters_that_render_as_nothing_are_written_out(point: int) -> None:
    assert visible(f"a{chr(point)}b") == f"a\\u{{{point:04X}}}b"


@pytest.mark.parametrize("point", [0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000])
def test_a_blank_of_any_width_is_a_space(point: int) -> None:
    assert visible(f"5{chr(point)}mm") == "5 mm"


@given(st.text(alphabet=st.characters(categories=["L", "N", "P", "S"], max_codepoint=0x0370), max_size=100))
def test_visible_text_is_kept(text: str) -> None:
    assert visible(text) == text.replace("\u034f", "\\u{034F}")


@given(st.text())
def test_a_quoted_text_is_one_line_that_cannot_leave_its_quotes(text: str) -> None:
    shown = quote_text(text)

    assert shown.isprintable()
    inner = shown[1:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in inner
    assert not inner.endswith("\\")


def test_long_text_is_cut_and_the_cut_is_shown() -> None:
    assert visible("x" * 600) == "x" * 499 + "…"
    assert quote_text("x" * 600, 10) == '"' + "x" * 9 + '…"'


@pytest.mark.parametrize(
    ("name", "scripts"),
    [
        ("\u0421able 1.5 mm2", ["Cyrillic", "Latin"]),
        ("Cable 1.5 m\u043c2", ["Cyrillic", "Latin"]),
        ("\u0391cme Fasteners", ["Greek", "Latin"]),
        ("\u0410\u0421\u041c\u0415 Fasteners", ["Cyrillic", "Latin"]),
        ("\u0391\u039a\u039c\u0395 Fasteners", ["Greek", "Latin"]),
    ],
)
def test_a_name_that_imitates_latin_letters_is_noticed(name: str, scripts: list[str]) -> None:
    assert imitating_scripts(name) == scripts


@pytest.mark.parametrize(
    "name",
    [
        "Cable 1.5 mm2",
        "Resistor 4.7 kΩ 1 MΩ \u2126 10 µm \u03bcF",
        "Кабель ВВГ 3x1.5 mm",
        "НАСОС",
        "НАСОС дренажный Grundfos",
        "Δ-connection α-cellulose",
        "バルブ Valve 弁",
        "ГОСТ-8734 pipe",
        "",
    ],
)
def test_a_name_in_scripts_that_look_different_is_ordinary(name: str) -> None:
    assert imitating_scripts(name) == []
