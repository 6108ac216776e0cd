"""Lists on disk: written as a whole and for their user alone, and read only where nothing about them is doubtful."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from po_mcp.desk.catalog import KEEP_S, MAX_STORED_S, Catalog
from po_mcp.desk.catalog_file import CatalogFile
from po_mcp.errors import ERPError, NotPermitted, Unreachable
from po_mcp.orders import Item, Vendor, Warehouse
from tests.desk.fakes import ListsERP

ITEMS = (
    Item(id="P1", name='Hose 1/2in "blue"', code="5001", unit="m", price="0.450"),
    Item(id="P2", name="バルブ", active=False),
)
VENDORS = (Vendor(id=None, name="Acme", currency="AUD"), Vendor(id="7", code="Z", name="Zeta"))
WAREHOUSES = (Warehouse(id="1", name="Main"),)
NOON = 1_800_000_000.0


def file_in(folder: Path, identity: str = "inventory-pro http://erp client 0123") -> CatalogFile:
    return CatalogFile(folder, identity)


def catalog_over(erp: ListsERP, file: CatalogFile | None, now: float = NOON) -> Catalog:
    return Catalog(erp, lambda: now, file, lambda: now)  # type: ignore[arg-type]


def test_every_list_comes_back_as_it_was_kept(tmp_path: Path) -> None:
    file = file_in(tmp_path / "cache")
    for kind, entries in (("vendor", VENDORS), ("item", ITEMS), ("warehouse", WAREHOUSES)):
        file.save(kind, entries, NOON)
        found = file.load(kind)

        assert found is not None
        assert (found.entries, found.read_at) == (entries, NOON)


def test_the_user_alone_may_read_the_file_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = file_in(tmp_path / "cache")
    before = os.umask(0)
    try:
        file.save("item", ITEMS, NOON)
        file.save("item", ITEMS, NOON + 1)
    finally:
        os.umask(before)

    assert os.listdir(tmp_path / "cache") == [file.path("item").name]
    assert file.path("item").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "cache").stat().st_mode & 0o777 == 0o700


def test_a_write_that_fails_leaves_the_former_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_in(tmp_path)
    file.save("item", ITEMS, NOON)

    def fail(*_: object) -> None:
        raise OSError("the disk is full")

    monkeypatch.setattr(os, "replace", fail)
    file.save("item", ITEMS[:1], NOON + 1)

    assert os.listdir(tmp_path) == [file.path("item").name]
    found = file.load("item")
    assert found is not None
    assert found.entries == ITEMS


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")

    file_in(tmp_path / "taken").save("item", ITEMS, NOON)

    assert file_in(tmp_path / "taken").load("item") is None


def change_fields(**fields: Any) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))

    return change


def make_link(path: Path) -> None:
    target = path.with_name("elsewhere.json")
    path.rename(target)
    path.symlink_to(target)


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def make_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


BAD_FILES: dict[str, Callable[[Path], None]] = {
    "no JSON": lambda path: path.write_text("{"),  # type: ignore[dict-item]
    "empty": lambda path: path.write_bytes(b""),  # type: ignore[dict-item]
    "not UTF-8": lambda path: path.write_bytes(b"\xff\xfe"),  # type: ignore[dict-item]
    "a list": lambda path: path.write_text("[]"),  # type: ignore[dict-item]
    "deeply nested": lambda path: path.write_text("[" * 100_000),  # type: ignore[dict-item]
    "another format": change_fields(format=0),
    "another version": change_fields(version="0.0.1"),
    "another connection": change_fields(connection="exsited http://erp"),
    "another kind": change_fields(kind="vendor"),
    "no time": change_fields(read_at=None),
    "true for a time": change_fields(read_at=True),
    "a time beyond all": change_fields(read_at=1e300),
    "a negative time": change_fields(read_at=-5),
    "no entries": change_fields(entries=None),
    "an entry without a name": change_fields(entries=[{"id": "P1"}]),
    "an entry of text": change_fields(entries=["P1"]),
    "a price with an exponent": change_fields(entries=[{"id": "P1", "name": "x", "price": "1E+999999999"}]),
    "a price that is a number": change_fields(entries=[{"id": "P1", "name": "x", "price": 0.1}]),
    "writable by others": lambda path: path.chmod(0o602),
    "a link": make_link,
    "a folder": make_folder,
    "a pipe": make_pipe,
}


@pytest.mark.parametrize("spoil", BAD_FILES.values(), ids=BAD_FILES)
async def test_a_file_that_cannot_be_trusted_is_ignored_and_the_list_is_read(
    spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    file = file_in(tmp_path)
    file.save("item", ITEMS, NOON)
    spoil(file.path("item"))
    erp = ListsERP(item_list=ITEMS[:1])

    assert file.load("item") is None
    assert await catalog_over(erp, file).items() == ITEMS[:1]
    assert erp.asked == ["items"]


def test_a_file_that_is_too_long_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = file_in(tmp_path)
    file.save("item", ITEMS, NOON)
    monkeypatch.setattr("po_mcp.desk.catalog_file.MAX_FILE_BYTES", 20)

    assert file.load("item") is None


def test_text_in_a_file_is_made_visible_like_text_of_an_erp(tmp_path: Path) -> None:
    file = file_in(tmp_path)
    file.save("item", ITEMS, NOON)
    change_fields(entries=[{"id": "P1", "name": "Hose\nVendor: other\u202e"}])(file.path("item"))

    found = file.load("item")

    assert found is not None
    assert found.entries[0].name == "Hose\\u{000A}Vendor: other\\u{202E}"


def test_two_connections_have_files_of_their_own(tmp_path: Path) -> None:
    file_in(tmp_path).save("item", ITEMS, NOON)

    assert file_in(tmp_path, "inventory-pro http://erp client 4567").load("item") is None


async def test_a_restart_searches_without_a_request_and_tells_the_age(tmp_path: Path) -> None:
    erp = ListsERP(item_list=ITEMS, vendor_list=VENDORS)
    await catalog_over(erp, file_in(tmp_path)).items()
    soon = await catalog_over(erp, file_in(tmp_path), NOON + 599).search("item", "hose")
    later = await catalog_over(erp, file_in(tmp_path), NOON + 3 * 3600).search("item", "hose")

    assert erp.asked == ["items"]
    assert [one.id for one in later.candidates] == ["P1"]
    assert (soon.age, later.age) == (None, "3 hours")


async def test_an_old_list_is_read_again_and_kept(tmp_path: Path) -> None:
    erp = ListsERP(item_list=ITEMS)
    await catalog_over(erp, file_in(tmp_path)).items()
    for _ in range(2):
        await catalog_over(erp, file_in(tmp_path), NOON + KEEP_S + 1).items()

    assert erp.asked == ["items", "items"]


async def test_a_list_that_another_process_kept_is_taken_in_place_of_an_old_one(tmp_path: Path) -> None:
    now = NOON
    erp = ListsERP(item_list=ITEMS)
    kept = Catalog(erp, lambda: now, file_in(tmp_path), lambda: now)  # type: ignore[arg-type]
    await kept.items()
    now = NOON + KEEP_S + 5
    file_in(tmp_path).save("item", ITEMS[:1], now - 3)

    assert await kept.items() == ITEMS[:1]
    assert erp.asked == ["items"]


@pytest.mark.parametrize("read_at", [NOON + 3600, NOON - MAX_STORED_S])
async def test_a_list_of_the_future_or_of_last_month_is_none(read_at: float, tmp_path: Path) -> None:
    file_in(tmp_path).save("item", ITEMS, read_at)
    erp = ListsERP(failure=Unreachable("Gone."))

    with pytest.raises(Unreachable):
        await catalog_over(erp, file_in(tmp_path)).items()


async def test_an_old_list_stands_in_for_an_erp_that_does_not_answer_unless_a_reload_is_asked_for(
    tmp_path: Path,
) -> None:
    file_in(tmp_path).save("item", ITEMS, NOON - 2 * 86400)
    erp = ListsERP(failure=Unreachable("Gone."))
    kept = catalog_over(erp, file_in(tmp_path))

    assert (await kept.search("item", "hose")).age == "2 days"
    with pytest.raises(Unreachable):
        await kept.search("item", "hose", refresh=True)


async def test_an_old_list_does_not_stand_in_where_the_erp_forbids_it(tmp_path: Path) -> None:
    file_in(tmp_path).save("item", ITEMS, NOON - 2 * 86400)
    refused: ERPError = NotPermitted("Not for you.")

    with pytest.raises(NotPermitted):
        await catalog_over(ListsERP(failure=refused), file_in(tmp_path)).items()


async def test_an_empty_list_is_not_kept(tmp_path: Path) -> None:
    await catalog_over(ListsERP(), file_in(tmp_path)).items()

    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("age", [5.0, 300.0, KEEP_S - 1])
async def test_a_word_that_a_kept_list_lacks_is_looked_up_in_the_erp(tmp_path: Path, age: float) -> None:
    """The entry may be newer than the list, however young that is."""
    file_in(tmp_path).save("vendor", VENDORS, NOON - age)
    new = Vendor(id="8", name="Newcomer")
    erp = ListsERP(vendor_list=(*VENDORS, new))
    ticks = iter(range(1_000))
    catalog = Catalog(erp, lambda: NOON + next(ticks), file_in(tmp_path), lambda: NOON)  # type: ignore[arg-type]

    assert [match.entry for match in await catalog.find("vendor", "Newcomer")] == [new]
    assert erp.asked == ["vendors"]
    assert [match.entry for match in await catalog.find("vendor", "Zeta")] == [VENDORS[1]]
    assert erp.asked == ["vendors"]


async def test_a_list_that_was_read_for_a_search_is_not_read_for_it_again(tmp_path: Path) -> None:
    erp = ListsERP(vendor_list=VENDORS)

    assert await catalog_over(erp, file_in(tmp_path)).find("vendor", "Newcomer") == []
    assert erp.asked == ["vendors"]
