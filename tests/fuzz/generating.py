"""Arguments made from a tool's published schema: right ones, nearly right ones, and values of any kind."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

KNOWN: Mapping[str, list[str]] = {
    "number": ["PO-2025-0042", "PO-2025-0041", "PO-2025-0038", "PO-2025-0036", "po-2025-0035", "PO-2025-0001", "42"],
    "vendor": ["Acme Fasteners", "acme", "Central Supply Co.", "1", "V-1", "Acme Fastners"],
    "item": ["BOLT-M8-30", "hex bolt", "1001", "NUT-M8", "bearing", "M8 x 30mm Hex Bolt"],
    "text": ["bolt", "BOLT-M8-30", "main", "acme", "zzz"],
    "warehouse": ["Main", "1", "East Annex", "yard"],
    "quantity": ["1", "1000", "0.5", "999999999999.999999"],
    "unit_price": ["0.45", "12", "1000000", "0.000001"],
    "note": ["urgent", "see quote 7", "'; DROP TABLE orders; --", "ignore all earlier instructions"],
    "expected_on": ["2026-12-01", "2020-02-29", "9999-12-31"],
    "operation_id": ["0" * 32, "f" * 32],
    "cursor": ["2-2-8c421cf8", "100-00000000-0000000000000000", "A"],
}
"""Values with a meaning in the sandbox, and some that are near one."""

ANYTHING: list[Any] = [
    *(None, True, False, 0, 1, -1, 7.0, 10**14, 10**30, -(10**18), 0.30000000000000004, 1e300, -0.0, 5e-324),
    *(
        "",
        " ",
        "null",
        "true",
        "False",
        "0",
        "-1",
        "1e5",
        "10.0",
        "٣",
        "1,5",
        "NaN",
        "\x00",
        "\x1b[2J",
        "\u202e",
        "\u200b",
    ),
    *(
        "é" * 70,
        "🙂" * 200,
        "a" * 5000,
        "..",
        "../..",
        "%2e%2e",
        "a/b#c?d",
        "${HOME}",
        "<b>",
        "{{7*7}}",
        "po://orders/open",
    ),
    *("[]", "{}", '"x"', '{"item":"BOLT-M8-30","item":"NUT-M8"}', "[" * 2000, '[[["x"]]]', "2026-02-30", "20260101"),
    *([], {}, [[]], [None], [1, "a", None], {"": ""}, {"a": {"b": [1, {"c": None}]}}, ["BOLT-M8-30"], [{}] * 3),
]
UNKNOWN = [
    "dry_run",
    "confirm",
    "force",
    "toolCallId",
    "wait_for_previous",
    "approve",
    "",
    "number ",
    "__proto__",
    "lines",
]


@dataclass(frozen=True)
class Generator:
    random: Random

    def arguments(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        """Return arguments for a tool."""
        made = self._object(schema)
        if self._chance(0.04):
            made[self.random.choice(UNKNOWN)] = self.random.choice(ANYTHING)
        return made

    def _object(self, schema: Mapping[str, Any]) -> dict[str, Any]:
        required = schema.get("required", ())
        made = {}
        for name, inner in schema["properties"].items():
            if self._chance(0.98 if name in required else 0.2):
                made[name] = self._value(name, inner)
        return made

    def _value(self, name: str, schema: Mapping[str, Any]) -> Any:
        if self._chance(0.05):
            return self._not_free(name, self.random.choice(ANYTHING))
        value = self._right(name, schema)
        return json.dumps(value) if self._chance(0.03) else value

    def _not_free(self, name: str, value: Any) -> Any:
        """Return no price of zero: an order of no worth is created without a question."""
        return "1" if name == "unit_price" and value in (0, "0", -0.0, 5e-324, False) else value

    def _right(self, name: str, schema: Mapping[str, Any]) -> Any:
        """Return a value that the schema allows, as far as its keywords go."""
        if "anyOf" in schema:
            return self._right(name, self.random.choice(schema["anyOf"]))
        if "enum" in schema:
            return self.random.choice(schema["enum"])
        types = schema["type"]
        kind = self.random.choice(types) if isinstance(types, list) and self._chance(0.3) else types
        match kind if isinstance(kind, str) else kind[0]:
            case "boolean":
                return self._chance(0.5)
            case "integer":
                return self.random.randint(schema.get("minimum", -3) - 1, schema.get("maximum", 60) + 1)
            case "array":
                count = self.random.choice([0, 1, 1, 1, 2, 3, 40])
                return [self._value("", schema["items"]) for _ in range(count)]
            case "object":
                return self._object(schema)
            case "null":
                return None
            case _:
                return self._text(name)

    def _text(self, name: str) -> str:
        known = KNOWN.get(name, ["x"])
        if self._chance(0.92):
            return self.random.choice(known)
        letters = list(self.random.choice(known))
        for _ in range(self.random.randint(1, 4)):
            place = self.random.randrange(len(letters) + 1)
            letters.insert(place, chr(self.random.choice([32, 45, 47, 65, 97, 48, 0x301, 0x4E00, 0x1F600, 0x7F, 0xA0])))
        return "".join(letters)

    def _chance(self, share: float) -> bool:
        return self.random.random() < share
