r"""Escaping of text from an ERP, so that it can be shown to a model or a person.

A vendor's name can contain a newline that forges a line of a question, a bidirectional override that
reverses a total, or invisible characters. No character is dropped; invisible ones are escaped, as `\u{202E}`.
"""

from __future__ import annotations

import re
import unicodedata

# Default-ignorable code points that Python counts as printable: they render as nothing
# (Unicode 15, DerivedCoreProperties.txt, Default_Ignorable_Code_Point).
_IGNORABLE = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff"
_IGNORABLE_PATTERN = re.compile(f"[{_IGNORABLE}]")
_blanks = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
"""Blanks of other widths (Unicode 15, category Zs): Japanese, French and typeset names are full of them."""

ESCAPE = re.compile(r"\\u\{([0-9A-F]{4,6})\}")
"""A character that `visible` or `escape_blanks` wrote out."""
_MISSED_BLANKS = re.compile(r"^ | $|  ")
"""Blanks of an order number that nobody sees, and that a host may collapse."""

_EAST_ASIAN_SCRIPTS = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "KATAKANA-HIRAGANA"})

_IMITABLE = frozenset({"Latin", "Cyrillic", "Greek"})
_LOOK_ALIKES = frozenset(
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423"
    "\u0425\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03bd\u03c1"
)
"""Cyrillic and Greek letters that look like Latin ones."""
_UNIT_SIGNS = re.compile("[\u03a9\u2126\u00b5\u03bc]")
"""Ohm and micro, which stand beside Latin letters in units."""

MAX_FIELD_CHARS = 500
"""Characters of one field that are kept; a cut is shown by an ellipsis."""


def visible(text: str, max_chars: int = MAX_FIELD_CHARS) -> str:
    r"""Return `text` on one line, with invisible characters escaped, cut to `max_chars` characters.

    Control, format, surrogate, private, unassigned, separator and default-ignorable characters
    become `\u{...}`. A blank of any width becomes a space. A cut is shown as an ellipsis.
    """
    if text.isascii() and text.isprintable() and len(text) <= max_chars:  # most fields, and the whole of their check
        return text
    text = with_plain_blanks(text)
    if len(text) > max_chars:
        # Cut before anything is escaped: half of an escape would be another text.
        text = text[: max_chars - 1] + "…"
    if text.isprintable() and not _IGNORABLE_PATTERN.search(text):
        return text
    return "".join(_escape(character) for character in text)


def with_plain_blanks(text: str) -> str:
    """Return `text` with a space in the place of each blank of another width."""
    return text if text.isascii() else _blanks.sub(" ", text)


def escape_blanks(number: str) -> str:
    r"""Return an order number with blanks of other widths escaped: `PO-1\u{00A0}` is another order than `PO-1 `."""
    return number if number.isascii() else _blanks.sub(lambda found: f"\\u{{{ord(found[0]):04X}}}", number)


def unescape_blanks(number: str) -> str:
    """Return an order number with a space in the place of each blank that is escaped."""
    return ESCAPE.sub(lambda found: " " if _blanks.fullmatch(chr(int(found[1], 16))) else found[0], number)


def has_missed_blanks(shown: str) -> bool:
    """Tell whether a visible number has blanks at an end, or two together, which nobody sees."""
    return _MISSED_BLANKS.search(shown) is not None


def mark_number(number: str, max_chars: int = MAX_FIELD_CHARS) -> str:
    """Return an order number made visible, in guillemets where blanks at an end, or two together, would be missed."""
    shown = visible(escape_blanks(number), max_chars)
    return in_guillemets(shown) if has_missed_blanks(shown) else shown


def in_guillemets(shown: str) -> str:
    """Return visible text in guillemets; those inside are turned, so that it cannot end its own quotation."""
    return "«" + shown.replace("«", "\u2039").replace("»", "\u203a") + "»"


def unmark_number(said: str) -> str:
    """Return the number that is marked as `said`; anything else as it is. For models, which repeat what they read."""
    inner = said[1:-1]
    # Only what would be marked so: other guillemets may belong to the number itself.
    return inner if said.startswith("«") and mark_number(inner, len(said)) == said else said


def quote_text(text: str, max_chars: int = 80) -> str:
    """Return `text` in double quotes, with quotes and backslashes inside escaped."""
    inner = visible(text, max_chars).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inner}"'


def scripts_of(text: str) -> list[str]:
    """Return the scripts that the letters of `text` belong to, sorted, such as `["Cyrillic", "Latin"]`.

    A letter's script is the first word of its Unicode name, so full-width and mathematical letters,
    which imitate others, count as scripts of their own. Chinese and Japanese, which are written
    together, count as one.
    """
    names = {unicodedata.name(character, "UNKNOWN").split()[0] for character in text if character.isalpha()}
    return sorted({"East Asian" if name in _EAST_ASIAN_SCRIPTS else name.capitalize() for name in names})


def imitating_scripts(text: str, *, beside_latin: bool = False) -> list[str]:
    """Return the scripts of a name whose letters may be read as those of another script; [] for any other name.

    Such a word mixes Latin, Cyrillic or Greek letters, or has look-alikes of Latin letters only, beside Latin words or
    with `beside_latin` anywhere. Units such as kΩ and μm, and words that only one script can write, are ordinary.
    """
    words = [_UNIT_SIGNS.sub("", word) for word in _words(text)]
    of_words = [(word, sorted(_IMITABLE.intersection(scripts_of(word)))) for word in words if word]
    mixed = next((scripts for _, scripts in of_words if len(scripts) > 1), [])
    if mixed:
        return mixed
    written_in = {scripts[0] for _, scripts in of_words if scripts}
    disguised = {
        scripts[0]
        for word, scripts in of_words
        if scripts and scripts != ["Latin"] and (beside_latin or len(word) > 1) and _LOOK_ALIKES.issuperset(word)
    }
    plain = {scripts[0] for word, scripts in of_words if scripts and not _LOOK_ALIKES.issuperset(word)}
    return sorted({"Latin", *disguised}) if (beside_latin or "Latin" in written_in) and disguised - plain else []


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W\d_]+", text)


def _escape(character: str) -> str:
    if character.isprintable() and not _IGNORABLE_PATTERN.match(character):
        return character
    return f"\\u{{{ord(character):04X}}}"
