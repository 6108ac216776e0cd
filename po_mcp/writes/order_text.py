"""An order as text for people: money, quantities, days, names, the three lines of a question, the order's lines. Pure.

Hosts draw little: Claude Code shows three lines of 74 columns of a longer question at 80x24, a title of 46, a
description of 66 and options of 48 columns. So the head must suffice alone: what will happen to which order, the
figures, the vendor. Text from the ERP stands last on its line, after a label, made visible and cut to what is left, so
that it can neither add a line nor hide a figure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

from po_mcp.amounts import plain
from po_mcp.orders import OrderLine, PurchaseOrder, Status
from po_mcp.untrusted import escape_blanks, has_missed_blanks, in_guillemets, scripts_of, visible

HEAD_COLUMNS = 74
_MIN_VENDOR_COLUMNS = 16
"""Columns of a vendor's name that its line keeps free at least."""
TITLE_COLUMNS = 46
ITEMS_COLUMNS = 66
OPTION_COLUMNS = 48
_MIN_ITEM_COLUMNS = 12
"""Columns that an order's line keeps free for its item at least: an odd unit and an odd currency leave no more."""
MAX_LINES = 8
"""Lines of an existing order that a question shows; the rest is counted."""
MAX_NEW_LINES = 20
"""The same of a new order, each of which must be checked."""
DOT = " · "
CURRENCY_NOT_GIVEN = "Currency not given by the ERP."
"""Stands once below amounts whose currency the ERP does not say."""
_TIMES = " \N{MULTIPLICATION SIGN} "

STATUS_LABELS: dict[Status, str] = {
    "draft": "draft",
    "open": "open",
    "partial": "partly received",
    "closed": "closed",
    "cancelled": "cancelled",
    "deleted": "deleted",
    "unknown": "status not recognized",
}
_CODE = re.compile(r"[^\W_][\w./+-]{0,39}")
_NUMBER = re.compile(r"[\w./+#-]+")
_TAME = re.compile(r"[^\W_a-z][\w&'’/+-]*(?: (?:&|[\w][\w&'’/+-]*)){0,4}\.?")
_CURRENCY = re.compile(r"[A-Z]{3}")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_ORDINARY_MIX = ["East Asian", "Latin"]


def columns(text: str) -> int:
    """Return the width on a terminal: East Asian wide letters take two columns, combining marks none."""
    if text.isascii():
        return len(text)
    return len(text) + sum(map(_count_more_columns, _BEYOND_ASCII.findall(text)))


def _count_more_columns(character: str) -> int:
    """Return how many columns a letter takes more than one."""
    return -1 if unicodedata.combining(character) else int(unicodedata.east_asian_width(character) in "WF")


def cut(text: str, width: int) -> str:
    """Return text of at most `width` columns; a cut ends with an ellipsis."""
    if columns(text) <= width:
        return text
    end = room = 0
    while (room := room + columns(text[end])) < width:
        end += 1
    return text[:end].rstrip() + "…"


def shown(text: str, width: int) -> str:
    """Return text from the ERP for the end of its own line: visible, on one line, cut."""
    return cut(re.sub(" {2,}", " ", visible(text).strip()), width)


def name(text: str, width: int = 40) -> str:
    """Return text from the ERP for the middle of a sentence: plain if it reads as a name or code, else quoted."""
    # Guillemets inside are turned, so that a name cannot end its own quotation.
    inner = shown(text, width)
    if not mixed_scripts(inner) and (_CODE.fullmatch(inner) or _TAME.fullmatch(inner)):
        return inner
    return marked(inner, width)


def marked(text: str, width: int = 80) -> str:
    """Return foreign text in guillemets, whatever it reads as."""
    return in_guillemets(shown(text, width))


def number(text: str) -> str:
    """Return an order number for the middle of a sentence: plain if it is a code of any length, else in guillemets.

    A number may hold blanks and punctuation, and so could go on as a sentence of its own. Blanks that nobody would
    see stand in the guillemets: of `PO-1 ` and `PO-1` each is an order.
    """
    if (seen := visible(escape_blanks(text))) != text or has_missed_blanks(seen):
        return in_guillemets(cut(seen, 2 * HEAD_COLUMNS))
    return text if _NUMBER.fullmatch(text) and not mixed_scripts(text) else name(text, 2 * HEAD_COLUMNS)


def mixed_scripts(text: str) -> list[str]:
    """Return the scripts of a text that may imitate another; East Asian with Latin letters is ordinary."""
    scripts = scripts_of(text)
    return scripts if len(scripts) > 1 and scripts != _ORDINARY_MIX else []


def caution(text: str, *, is_short: bool = False) -> str:
    """Return a warning, with a blank before it, of a name whose letters are of several scripts; "" for any other."""
    scripts = mixed_scripts(text)
    if is_short:
        return " (CAUTION: mixed letters)" if scripts else ""
    what = f"{' and '.join(scripts)} letters" if len(scripts) == 2 else f"{len(scripts)} alphabets"
    return f" (CAUTION: mixes {what})" if scripts else ""


def grouped(digits: str) -> str:
    """Return digits with thousands apart."""
    sign, bare = ("-", digits[1:]) if digits.startswith("-") else ("", digits)
    return sign + re.sub(r"(?<=\d)(?=(\d{3})+$)", ",", bare)


def money(amount: Decimal, currency: str | None = None) -> str:
    """Write an amount in full, with at least two decimals and its currency: `4,250.00 USD`. Never rounds."""
    whole, _, decimals = plain(amount).partition(".")
    return in_currency(f"{grouped(whole)}.{decimals.rstrip('0').ljust(2, '0')}", currency)


def in_currency(text: str, currency: str | None) -> str:
    """Write the currency behind an amount or a heading; nothing where the ERP does not say it."""
    if not currency:
        return text
    # Another code than of letters, such as "000", would read as more of the figure.
    return f"{text} {currency if _CURRENCY.fullmatch(currency) else marked(currency, 12)}"


def quantity(amount: Decimal, unit: str | None = None) -> str:
    """Write a quantity in full, without zeros that say nothing, and its unit: `1,000 EA` or `0.5`."""
    whole, _, decimals = plain(amount).partition(".")
    decimals = decimals.rstrip("0")
    return in_unit(grouped(whole) + (f".{decimals}" if decimals else ""), unit)


def in_unit(text: str, unit: str | None) -> str:
    """Write the unit behind a quantity; nothing where the ERP does not say it."""
    if not unit:
        return text
    # A unit such as "100" would read as more of the figure.
    return f"{text} {marked(unit, 12) if shown(unit, 12)[:1].isdigit() else name(unit, 12)}"


def day(when: date) -> str:
    """Write a day: `15 May 2025`."""
    return f"{when.day} {when:%b %Y}"


def begin_sentence(erp: str) -> str:
    """Write an ERP's name as it begins a sentence."""
    return erp[0].upper() + erp[1:]


def count(number: int, noun: str) -> str:
    """Write a number with its noun: `1 line`, `3 lines`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def total_of(order: PurchaseOrder) -> str:
    """Write the ERP's own total."""
    if any(one.field == "total" for one in order.odd):
        return "Total not readable"
    return "Total not given by the ERP" if order.total is None else f"Total {money(order.total, order.currency)}"


def facts_of(order: PurchaseOrder) -> list[str]:
    """Return what differs and when it was ordered and is expected, for the second line of a question."""
    added = order.sum_of_lines
    facts = []
    if added is not None and added != order.total_before_tax:
        facts.append(f"lines add up to {money(added, order.currency)}")
    facts += [f"with {money(order.tax, order.currency)} tax"] if order.tax else []
    facts += [f"ordered {day(order.ordered_at)}"] if order.ordered_at else []
    return facts + ([f"expected {day(order.expected_on)}"] if order.expected_on else [])


def lines_told(order: PurchaseOrder) -> str:
    """Say how many lines there are, and how many of them the ERP told where that is fewer."""
    given = len(order.lines or ())
    if not order.untold_lines:
        return count(given, "line")
    return f"{count(given + order.untold_lines, 'line')} by the ERP, {given:,} told"


def receipts_of(order: PurchaseOrder) -> str:
    """Say how many lines there are, and how far they were received as far as the ERP says it."""
    lines = order.lines or ()
    if order.untold_lines:
        return f"{lines_told(order)}; receipts not known"
    if not lines:
        return "no lines"
    # Unknown is not zero: "nothing received" would be a claim of ours.
    outstanding, untold = len(order.outstanding_lines), order.untold_receipts
    if untold:
        if outstanding:
            return f"{outstanding:,} of {count(len(lines), 'line')} outstanding, {untold:,} not known"
        # Of a return it stands in its line what was received, and only what that leaves is not known.
        if not (silent := order.lines_without_receipts):
            return f"{count(len(lines), 'line')}, outstanding not known"
        return f"{count(len(lines), 'line')}, receipts {'' if silent == len(lines) else f'of {silent:,} '}not given"
    if not outstanding:
        return f"{count(len(lines), 'line')}, all received"
    if outstanding == len(lines) and not any(line.received for line in lines):
        return f"{count(len(lines), 'line')}, nothing received"
    return f"{outstanding:,} of {count(len(lines), 'line')} outstanding"


def head(
    *, tag: str, sentence: str, short: str, effect: str, facts: Sequence[str], vendor: str, where: str = ""
) -> list[str]:
    """Return the first three lines of a question, and the facts that found no room in them.

    Args:
        tag: `SANDBOX: ` or "".
        sentence: what will happen to which order, as a question.
        short: the same for a number that is too long for it.
        effect: what cannot be undone; it goes to the second line where the first has no room.
        facts: by importance; the first is the total.
        vendor: its name.
        where: which ERP, at the end of the vendor's line; the vendor is cut first.
    """
    first, moved = _first_line(tag, sentence, short, effect)
    # Facts flow into as few rows as they need, in the order of their weight.
    rows = [""]
    for fact in [facts[0], *(one.rstrip(".") for one in moved if one), *facts[1:]]:
        longer = rows[-1] + DOT + fact if rows[-1] else fact
        if columns(longer) <= HEAD_COLUMNS:
            rows[-1] = longer
        else:
            rows.append(fact)
    return [
        first,
        rows[0],
        _vendor_line(vendor, where),
        *(cut(one[0].upper() + one[1:], HEAD_COLUMNS) for one in rows[1:]),
        *([cut(short, 3 * HEAD_COLUMNS)] if first.endswith("…") else []),
    ]


def line_of(place: int, line: OrderLine, currency: str | None = None) -> str:
    """Write an order's line: figures first, and behind the colon nothing but the ERP's text."""
    text = f"{line.line or place})"
    if line.quantity is not None:
        text += f" {quantity(line.quantity, line.unit)}"
    if line.unit_price is not None:
        text += f" at {money(line.unit_price, currency)}"
    text += f"{_describe_receipt(line)}: "
    what = ", ".join(filter(None, [line.item, line.description]))
    return text + shown(what, max(_MIN_ITEM_COLUMNS, HEAD_COLUMNS - columns(text)))


def _describe_receipt(line: OrderLine) -> str:
    if line.received is None:
        return ""
    if line.outstanding is None:
        return f", {quantity(line.received)} received"
    if not line.outstanding:
        return ", all received"
    return f", {quantity(line.outstanding)} outstanding" if line.received else ", none received"


def lines_of(order: PurchaseOrder, *, outstanding_first: bool = False) -> list[str]:
    """Write an order's lines, at most `MAX_LINES` of them."""
    lines = list(enumerate(order.lines or (), 1))
    if outstanding_first and len(lines) > MAX_LINES:
        lines.sort(key=lambda pair: not pair[1].outstanding)
    rest = len(lines) - MAX_LINES
    return [
        *(line_of(*pair, order.currency) for pair in lines[:MAX_LINES]),
        *([f"and {count(rest, 'more line')}"] if rest > 0 else []),
    ]


def items_line(label: str, items: Iterable[tuple[Decimal | None, str, str]]) -> str:
    """Write how many of what, for the one line besides the head that every host shows.

    Args:
        label: such as `Outstanding`.
        items: quantity, name from the ERP, and what is said behind it.
    """
    texts = [
        f"{'' if amount is None else quantity(amount) + _TIMES}{name(what, 32)}{more}" for amount, what, more in items
    ]
    return cut(f"{label}: {', '.join(texts)}", ITEMS_COLUMNS) if texts else label


def title(verb: str, number: str, otherwise: str) -> str:
    """Write a field's title: the action and the number, without the number where that is too long."""
    text = f"{verb} {number}"
    return text if columns(text) <= TITLE_COLUMNS else otherwise


def _first_line(tag: str, sentence: str, short: str, effect: str) -> tuple[str, list[str]]:
    """Return the first form that fits, and what is moved to the second line."""
    for text, moved in (
        (f"{tag}{sentence} {effect}".rstrip(), []),
        (f"{tag}{sentence}", [effect]),
        (sentence, [tag.strip(": "), effect]),
        (f"{tag}{short}", [effect]),
    ):
        if columns(text) <= HEAD_COLUMNS:
            return text, moved
    return cut(short, HEAD_COLUMNS), [tag.strip(": "), effect]


def _vendor_line(vendor: str, where: str) -> str:
    """Write the vendor and the ERP; a long vendor is cut first, but for its beginning; a long warning is shortened."""
    label = f"Vendor{caution(vendor)}: "
    end = shown(where, 30)
    # The vendor is what a person decides by; whose books these are they mostly know.
    if columns(label) + _MIN_VENDOR_COLUMNS + columns(DOT + end) > HEAD_COLUMNS:
        label = f"Vendor{caution(vendor, is_short=True)}: "
        end = cut(end, HEAD_COLUMNS - columns(label) - _MIN_VENDOR_COLUMNS - columns(DOT))
    tail = DOT + end if end else ""
    return label + shown(vendor, HEAD_COLUMNS - columns(label) - columns(tail)) + tail
