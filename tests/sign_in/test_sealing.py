"""What one replica has sealed for a browser, the others open, while the keys change as well."""

from __future__ import annotations

import pytest

from po_mcp.sign_in.sealing import Seal

OLD, NEW = b"o" * 32, b"n" * 32


@pytest.mark.parametrize(
    ("sealing", "opening", "opens"),
    [
        ([OLD], [OLD], True),
        ([OLD], [OLD, NEW], True),
        ([OLD], [NEW, OLD], True),
        ([OLD, NEW], [NEW, OLD], True),
        ([NEW, OLD], [OLD, NEW], True),
        ([NEW, OLD], [NEW], True),
        ([OLD], [NEW], False),
        ([OLD, NEW], [NEW], False),
        ([NEW, OLD], [OLD], False),
        ([], [], False),
    ],
)
def test_the_first_key_seals_and_all_of_them_open(sealing: list[bytes], opening: list[bytes], opens: bool) -> None:
    sealed = Seal(sealing, lambda: 1.0).close("who", {"sub": "alice"}, 2.0)
    found = Seal(opening, lambda: 1.0).open("who", sealed)

    assert (found is not None) == opens
    assert Seal(opening, lambda: 1.0).open("another purpose", sealed) is None
    assert Seal(opening, lambda: 3.0).open("who", sealed) is None
