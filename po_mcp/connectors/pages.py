"""The pages of a list, and what they are together: no row is lost or counted twice. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from po_mcp.errors import BadAnswer

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Page(Generic[T]):
    """One page of a list.

    Args:
        rows: the rows that could be read.
        next_start: where the next page starts, None at the end of the list.
        total: rows of the whole list, None where the ERP does not count them.
        unreadable: rows of the page that could not be read.
        unreadable_names: what those are called, as far as they say it.
        tells_end: the ERP says whether this is the last page. Without that, the list ends with a page that is
            empty, or with a repetition of one that was not full.
        is_full: the page has as many rows as were asked for.
        is_other: the ERP says that it is another page than the one that was asked for. Its rows count if they are new.
    """

    rows: Sequence[T]
    next_start: int | None
    total: int | None
    unreadable: int = 0
    tells_end: bool = True
    unreadable_names: Sequence[str] = ()
    is_full: bool = False
    is_other: bool = False

    @property
    def length(self) -> int:
        """How many rows the ERP sent, with those that could not be read."""
        return len(self.rows) + self.unreadable

    def with_rows(self, rows: Sequence[R]) -> Page[R]:
        """Return the page with its rows as they were converted."""
        return Page(**{**vars(self), "rows": rows})


@dataclass(frozen=True)
class FullList(Generic[T]):
    """A list that was read to its end, each row once.

    Args:
        rows: the rows, without repetitions.
        moved: the list's length changed during the read.
        complete: no row can be missing: the list did not move, no row was repeated or unreadable, and the number
            of rows is the one that the ERP counted.
        unreadable: rows that could not be read.
        unreadable_names: what those are called, as far as they say it.
        missing: rows that the ERP counts and did not give.
        is_short: the ERP said that a page follows, and it was empty or another one.
    """

    rows: tuple[T, ...]
    moved: bool
    complete: bool
    unreadable: int = 0
    unreadable_names: tuple[str, ...] = ()
    missing: int = 0
    is_short: bool = False


class RowCollector(Generic[T]):
    """Collects the rows of a list page by page, each once; `on_rows` is called with the new ones of each page."""

    def __init__(
        self, erp: str, key: Callable[[T], Hashable | None], on_rows: Callable[[Sequence[T]], None] | None = None
    ) -> None:
        self._erp = erp
        self._key = key
        self._on_rows = on_rows
        self._rows: list[T] = []
        self._known: set[Hashable] = set()
        self._first_keys: set[Hashable] = set()
        self._keyless_pages: list[Sequence[T]] = []
        self._totals: set[int] = set()
        self._arrived = 0
        self._unread = 0
        self._unread_names: list[str] = []
        self._has_promised_more = self._is_short = self._has_others = self._is_full = False
        self.ended = False

    def add(self, page: Page[T]) -> None:
        """Add the rows of a page. A page without new rows ends a list that may be at its end.

        Raises:
            BadAnswer: the page has no new rows, and the list cannot be at its end.
        """
        # Some ERPs repeat their last page for every later start instead of answering with an empty one.
        # A page overlaps its predecessor where rows were added in front of it during the scan.
        new = [row for row in page.rows if self._is_new(row)]
        if (page.rows and not new) or self._is_repeated(page.rows):
            self.ended = True
            # Without this error a list that repeats its first page would be taken for a short one.
            if (page.tells_end or self._is_full) and not self._has_all():
                raise BadAnswer(f"{self._erp} returned the same page twice.")
            return
        self._rows += new
        if self._on_rows is not None:
            self._on_rows(new)
        self._remember_page(page.rows)
        self._arrived += page.length
        self._unread += page.unreadable
        self._unread_names += page.unreadable_names
        # A page that was announced is not there: a 404 in its place is not the end of the list.
        self._is_short = self._has_promised_more and not page.length
        self._has_promised_more = page.tells_end and page.next_start is not None
        self._is_full = page.is_full
        self._has_others = self._has_others or page.is_other
        if page.total is not None:
            self._totals.add(page.total)

    def _has_all(self) -> bool:
        """Tell whether as many rows were read as the ERP counts."""
        # The largest of several totals: a list that grew meanwhile is not at its end before.
        return bool(self._totals) and self._arrived >= max(self._totals)

    def result(self) -> FullList[T]:
        """Return all rows, and whether these are all that the ERP has, each once."""
        moved = len(self._totals) > 1
        once = len(self._rows) + self._unread == self._arrived
        # A row can be lost between two pages without any being repeated; only the ERP's count shows that.
        counted = not self._totals or self._totals == {self._arrived}
        # An ERP that counts its pages otherwise, or always says that one follows, gave all of them if it gave as many
        # rows as it counts.
        is_short = (self._is_short or self._has_others) and self._totals != {self._arrived}
        complete = once and counted and not (moved or self._unread or is_short)
        missing = max(0, max(self._totals, default=0) - self._arrived)
        names = tuple(dict.fromkeys(self._unread_names))
        return FullList(tuple(self._rows), moved, complete, self._unread, names, missing, is_short)

    def _is_new(self, row: T) -> bool:
        key = self._key(row)
        # Two receipts without an id are two: merged, goods would be counted once.
        if key is None:
            return True
        known = len(self._known)
        self._known.add(key)  # looked up once: the hash of a whole row takes its time
        return len(self._known) > known

    def _remember_page(self, rows: Sequence[T]) -> None:
        if not rows:
            return
        first = self._key(rows[0])
        if first is None:
            self._keyless_pages.append(rows)
        else:
            self._first_keys.add(first)

    def _is_repeated(self, rows: Sequence[T]) -> bool:
        """Tell whether the page starts with the first row of an earlier one or, without keys, equals one."""
        if not rows:
            return False
        first = self._key(rows[0])
        if first is None:
            return any(page == rows for page in self._keyless_pages)
        return first in self._first_keys
