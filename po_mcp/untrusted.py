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

_EAST_ASIAN_SCRIPTS = frozenset({"CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO", "KATAKANA-HIRAGANA"})

MAX_FIELD_CHARS = 500
"""Characters of one field that are kept; a cut is shown by an ellipsis."""


def visible(text: str, max_chars: int = MAX_FIELD_CHARS) -> str:
    r"""Return `text` on one line, with invisible characters escaped, cut to `max_chars` characters.

    Control, format, surrogate, private, unassigned, separator and default-ignorable characters
    become `\u{...}`. A no-break space becomes a space. A cut is shown as an ellipsis.
    """
    text = text.replace("\N{NO-BREAK SPACE}", " ")
    if len(text) > max_chars:
        text = text[: max_chars - 1] + "…"
    if text.isprintable() and not _IGNORABLE_PATTERN.search(text):
        return text
    return "".join(_escape(character) for character in text)


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


def _escape(character: str) -> str:
    if character.isprintable() and not _IGNORABLE_PATTERN.match(character):
        return character
    return f"\\u{{{ord(character):04X}}}"
