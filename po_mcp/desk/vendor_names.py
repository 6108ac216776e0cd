"""One company under two names: an ERP's list has the usual name, its orders the legal one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from po_mcp.desk.figures import parse
from po_mcp.orders import Vendor

_FORMS = """
    ab ag aps as asa bhd bv co company corp corporation doo eirl gmbh gbr inc incorporated kft kg kk lda limited llc llp
    ltd ltda lp mbh nv ohg oy oyj plc pte pty pvt sa sarl sas sdn se sl sro srl spa spol spzoo ug und and zrt
    \u043e\u043e\u043e \u0437\u0430\u043e \u043e\u0430\u043e \u043f\u0430\u043e \u0430\u043e
"""
_LEGAL_FORMS = frozenset(_FORMS.split())
_glued_forms = re.compile("株式会社|有限会社|合同会社|股份有限公司|有限公司|\\(株\\)|㈱|주식회사")


def name_company(name: str) -> tuple[str, ...]:
    """Return what a company's names have in common: words and figures without legal forms, marks and case."""
    # S.A. and SA are one form, as "&" and "and" are one word.
    text = parse(_glued_forms.sub(" ", name).replace(".", "").replace("&", " and "))
    words = (word for word in text.words if word not in _LEGAL_FORMS)
    return (*words, *("".join(figure).casefold() for figure in text.figures))


def has_same_company(shown: str, vendor: Vendor, known: Iterable[Vendor]) -> bool:
    """Tell whether a name in an order is the vendor's but for its legal form, and that of no other vendor's."""
    company = name_company(shown)
    if not company or company != name_company(vendor.name):
        return False
    # Of two vendors that it may be neither is taken: what was paid to one is no price of the other.
    return not any(name_company(one.name) == company for one in known if (one.id, one.name) != (vendor.id, vendor.name))
