"""Reading the fields of a JSON body, and collecting everything that is wrong with them."""

from __future__ import annotations

import re
from collections import defaultdict
from decimal import Decimal
from typing import Any, TypeVar

from po_mcp.sandbox.refusals import Invalid

T = TypeVar("T")
Problems = defaultdict[str, list[str]]

_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


class Fields:
    """The fields of one JSON object; a field that is absent or null counts as missing.

    Each method returns the field's value or, after noting a problem, an empty one:
    nothing that was read is to be used before `check()`.
    """

    def __init__(self, source: Any, path: str = "", problems: Problems | None = None) -> None:
        """Read an object; `path` is put before its fields' names, as in `lines[0].`."""
        self._source = source if isinstance(source, dict) else {}
        self._path = path
        self._problems: Problems = defaultdict(list) if problems is None else problems
        if not isinstance(source, dict):
            self._problems[path.rstrip(".") or "body"].append("must be an object")

    def check(self) -> None:
        """Raise Invalid if any field was wrong, here or in the objects within."""
        if self._problems:
            raise Invalid(self._problems)

    def has(self, name: str) -> bool:
        """Tell whether the field is present and not null."""
        return self._source.get(name) is not None

    def read_text(self, name: str) -> str:
        """Read a required text."""
        value = self._read_required(name, "")
        if isinstance(value, str) and _is_unicode(value):
            return value
        return self._refuse(name, "must be text", "")

    def read_integer(self, name: str) -> int:
        """Read a required whole number of 32 bits."""
        value = self._read_required(name, 0)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**31:
            return value
        return self._refuse(name, "must be a whole number", 0)

    def read_decimal(self, name: str) -> Decimal:
        """Read a required number."""
        value = self._read_required(name, 0)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return Decimal(value)
        return self._refuse(name, "must be a number", Decimal(0))

    def read_decimal_text(self, name: str) -> Decimal:
        """Read a required decimal that is written as text, "40.000000", or as a number."""
        value = self._source.get(name)
        if not isinstance(value, str):
            return self.read_decimal(name)
        if _DECIMAL.fullmatch(value):
            return Decimal(value)
        return self._refuse(name, "must be a decimal", Decimal(0))

    def read_flag(self, name: str) -> bool:
        """Read a required boolean."""
        value = self._read_required(name, False)
        return value if isinstance(value, bool) else self._refuse(name, "must be true or false", False)

    def read_flag_text(self, name: str) -> bool:
        """Read a required boolean that is written as text, "true", or as a boolean."""
        value = self._source.get(name)
        return value == "true" if value in ("true", "false") else self.read_flag(name)

    def read_object(self, name: str) -> Fields:
        """Read a required object."""
        return Fields(self._read_required(name, {}), f"{self._path}{name}.", self._problems)

    def read_objects(self, name: str) -> list[Fields]:
        """Read a required list of objects."""
        value = self._read_required(name, [])
        if not isinstance(value, list):
            return self._refuse(name, "must be a list", [])
        path = f"{self._path}{name}"
        return [Fields(row, f"{path}[{index}].", self._problems) for index, row in enumerate(value)]

    def names(self) -> set[str]:
        """Return the names of the fields that are present and not null."""
        return {name for name in self._source if self.has(name)}

    def refuse(self, name: str, problem: str) -> None:
        """Note a problem that a reader found."""
        self._problems[f"{self._path}{name}"].append(problem)

    def _read_required(self, name: str, empty: object) -> object:
        value: object = self._source.get(name)
        if value is None:
            return self._refuse(name, "is required", empty)
        return value

    def _refuse(self, name: str, problem: str, empty: T) -> T:
        self.refuse(name, problem)
        return empty


def _is_unicode(text: str) -> bool:
    # JSON can spell half a surrogate pair, which no database stores.
    return not any("\ud800" <= character <= "\udfff" for character in text)
