"""Where the pages of Exsited's lists end. No I/O.

The fields of a page's position are documented, and what they count is not (https://developer.exsited.com).
"""

from __future__ import annotations

from typing import TypeVar

from po_mcp.connectors.exsited import schemas
from po_mcp.connectors.pages import Page
from po_mcp.errors import BadAnswer

R = TypeVar("R", bound=schemas.ErpModel)


def next_offset(page: schemas.Page, offset: int) -> int | None:
    """Return the offset of the next page, None at the end.

    The number of records decides, unless next_page leads on all the same; without it, or where it is below the rows
    that came, an empty next_page does; without both, the next page will be empty. A later page that is empty before the
    end of the list ends it all the same: some counts hold rows that no page has, and what is missing is counted
    (`RowCollector`).

    Raises:
        BadAnswer: the first page is empty, and the list is not.
    """
    said = page.pagination
    end = offset + len(page.rows)
    if not tells_end(page, offset):
        return end if page.rows else None
    if is_end_by_count(page, offset) if find_records(page, offset) is not None else said.next_page is None:
        return end if leads_on(page, offset) else None
    if page.rows:
        return end
    # Nothing at all came: an empty catalog would say that there is nothing to order.
    if offset == 0:
        raise BadAnswer("Exsited returned an incomplete list.")
    return None


def find_records(page: schemas.Page, offset: int) -> int | None:
    """Return what a page counts, None where it counts nothing, or fewer rows than there are up to its end."""
    said = page.pagination.records
    is_below = said is not None and bool(page.rows) and said < offset + len(page.rows)
    return None if is_below else said


def is_capped(page: schemas.Page) -> bool:
    """Tell whether a page has as many rows as a page has at most, by its own word."""
    return 0 < (page.pagination.limit or 0) <= len(page.rows)


def is_end_by_count(page: schemas.Page, offset: int) -> bool:
    """Tell whether the list is counted, and this page ends with the last row."""
    records = find_records(page, offset)
    return records is not None and offset + len(page.rows) >= records


def leads_on(page: schemas.Page, offset: int) -> bool:
    """Tell whether rows may follow a page with which the list ends by its count."""
    said = page.pagination
    if not page.rows or not is_end_by_count(page, offset):
        return False
    # What `records` counts is not documented, and may be the rows of this page alone.
    may_count_page = said.records == len(page.rows) and is_capped(page) and "next_page" not in said.model_fields_set
    return said.next_page is not None or may_count_page


def count_records(page: schemas.Page, offset: int) -> int | None:
    """Return how many rows the list has, None where the page does not say it, or counts its own rows alone."""
    said = page.pagination.records
    counts_page = offset > 0 and said == len(page.rows)
    counts_nothing = said == 0 and bool(page.rows)
    # Any other number below the rows is a count that is wrong, and makes the list uncertain.
    return None if counts_page or counts_nothing or leads_on(page, offset) else said


def tells_end(page: schemas.Page, offset: int) -> bool:
    """Tell whether a page shows whether it is the last one."""
    return find_records(page, offset) is not None or "next_page" in page.pagination.model_fields_set


def parse_page(page: schemas.Page, row: type[R], offset: int, asked: int | None = None) -> Page[R]:
    """Parse one page of any list, at `offset`; `asked` is the number of rows that were asked for."""
    found, odd = row.parse_rows(page.rows)
    next_start, total = next_offset(page, offset), count_records(page, offset)
    # A page that only may follow is no loss where it is empty.
    is_miscounted = page.pagination.records is not None and find_records(page, offset) is None
    tells = tells_end(page, offset) and not leads_on(page, offset) and not is_miscounted
    is_full = asked is not None and len(page.rows) >= asked
    # A next page that is not set ends a list; on a full page, by our measure or its own, it may be one that is never
    # set.
    if next_start is None and (is_full or is_capped(page)) and find_records(page, offset) is None:
        next_start, tells = offset + len(page.rows), False
    is_other = page.pagination.offset not in (None, offset)
    names = row.name_rows(odd)
    return Page(found, next_start, total, len(odd), tells, names, is_full, is_other)
