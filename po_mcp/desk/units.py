"""Units of measure as people write them: 10 uF, 10 µF and 10 microfarads are one, 10 mF and 10 MF are others. Pure."""

from __future__ import annotations

import re
from functools import lru_cache

_SYMBOLS = """
    mm cm dm m km um nm in inch inches ft foot feet yd mil " ' \u2032 \u2033
    mm2 cm2 dm2 m2 km2 in2 ft2 mm3 cm3 dm3 m3 in3 ft3 sqmm sqm
    ml cl dl l ltr gal oz floz pt qt cc mg g kg t lb lbs ug
    v mv kv uv vac vdc a ma ka ua w mw kw va kva ah mah wh kwh hz khz mhz ghz
    ω mω kω ohm kohm mohm r k f mf uf nf pf h mh uh
    pa kpa mpa hpa bar mbar psi n kn nm j kj db lm lx c °c °f °k ° % ‰ rpm awg ga gsm ppm s ms min hr pcs
"""
_SAME = """
    " in inch inches \u2033 = "
    ' ft foot feet \u2032 = '
    mm2 sqmm = mm2
    m2 sqm = m2
    l ltr = l
    lb lbs pound pounds = lb
    c \u00b0c = c
    pcs pc = pcs
    micron microns = um
"""
_STEPS = {
    "": "",
    "pico": "p",
    "nano": "n",
    "micro": "u",
    "milli": "m",
    "centi": "c",
    "deci": "d",
    "kilo": "k",
    "mega": "M",
    "giga": "G",
}
_NAMES = {
    "meter": "m",
    "metre": "m",
    "gram": "g",
    "gramme": "g",
    "liter": "l",
    "litre": "l",
    "volt": "V",
    "amp": "A",
    "ampere": "A",
    "watt": "W",
    "farad": "F",
    "henry": "H",
    "hertz": "Hz",
    "pascal": "Pa",
    "newton": "N",
}
_OHMS = {"megohm": "MΩ", "megaohm": "MΩ", "kilohm": "kΩ", "kiloohm": "kΩ", "milliohm": "mΩ"}


def _spell_names() -> dict[str, str]:
    """Return the symbols of units that are written out, in singular and plural: `microfarads` is uF."""
    named = {step + name: sign + symbol for step, sign in _STEPS.items() for name, symbol in _NAMES.items()}
    named |= _OHMS
    return named | {f"{name}s": symbol for name, symbol in named.items()}


_SYMBOL_OF_NAME = _spell_names()
_ONE_OF_SAME = {unit: row.split()[-1] for row in _SAME.strip().splitlines() for unit in row.split()[:-2]}
_UNITS = frozenset(_SYMBOLS.split()) | frozenset(_SYMBOL_OF_NAME) | frozenset(_ONE_OF_SAME)
_ohms = re.compile(r"(?i:ohms?)$")
# The micro sign and the Greek letter look alike, and NFKC makes the second of the first.
_micro = str.maketrans({"\u00b5": "u", "\u03bc": "u"})


def is_unit(text: str) -> bool:
    """Tell whether a text is a unit that is known, in any case."""
    return text.translate(_micro).casefold() in _UNITS


@lru_cache(1024)
def name_unit(unit: str) -> str:
    """Return one name for a unit that is written in several ways; the case of what stands before it is kept."""
    unit = unit.translate(_micro)
    written_out = _SYMBOL_OF_NAME.get(unit.casefold())
    if written_out is not None:
        unit = written_out
    return _ONE_OF_SAME.get(unit.casefold(), _ohms.sub("Ω", unit))
