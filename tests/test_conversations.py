"""Every conversation of the examples goes as its script says, in both protocol eras; and the runner sees what does not.

`python -m tests.conversations` prints what each took, and examples/conversations/play.py shows one as a chat.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from _pytest.mark import ParameterSet
from click.testing import CliRunner, Result

from tests.conversations.__main__ import main
from tests.conversations.invariants import broken
from tests.conversations.record import Called, Put, Record, Said, Written
from tests.conversations.script import FOLDER, Script, read, scripts
from tests.conversations.show import Played
from tests.conversations.stage import play, pluck
from tests.harness import ERAS
from tests.tools.test_tokens import tokens

FEWEST = 50
PAGES = "find_page_by_page"
MOST_TOKENS, MOST_TOKENS_OF_PAGES = 1_100, 18_000
"""Of the texts that one conversation gives a model to read, counted with the o200k vocabulary."""


def in_each_era() -> Iterator[ParameterSet]:
    """Every conversation in both eras; in memory each in one of them, the next one in the other."""
    for place, (name, path) in enumerate(scripts().items()):
        for at, era in enumerate(ERAS):
            marks = () if at == place % len(ERAS) else pytest.mark.process
            yield pytest.param(path, era, id=f"{name}-{era}", marks=marks)


@pytest.mark.parametrize(("path", "era"), [*in_each_era()])
async def test_a_conversation_goes_as_its_script_says(path: Path, era: str, tmp_path: Path) -> None:
    script = read(path)

    record, off = await play(script, era, tmp_path)

    assert off is None, str(off)
    assert broken(record) == []
    *_, spent = Played(path.stem, script, era, record, []).row(tokens)
    assert 0 < int(spent) < (MOST_TOKENS_OF_PAGES if path.stem == PAGES else MOST_TOKENS)


def test_every_tool_and_every_outcome_has_a_conversation() -> None:
    turns = [turn for path in scripts().values() for turn in read(path).turn if turn.call]

    assert len(scripts()) >= FEWEST
    assert {turn.call for turn in turns} == {
        *("list_purchase_orders", "get_purchase_order", "search_catalog", "get_operation"),
        *("create_purchase_order", "finalize_purchase_order", "delete_purchase_order", "cancel_purchase_order"),
    }
    assert {turn.status for turn in turns} == {
        *("read", "error", "done", "declined", "approval_required", "unknown", "refused", "stale"),
    }


# The runner: it must see what goes otherwise

DELETE: dict[str, Any] = {
    "title": "Delete",
    "about": "",
    "turn": [
        {"buyer": "Delete 38."},
        {
            "call": "delete_purchase_order",
            "with": {"number": "PO-2025-0038"},
            "status": "done",
            "says": ["was deleted"],
            "gives": {"order.total": "0.12"},
            "asked": [{"says": ["Total 0.12"], "answers": {"order_number": "PO-2025-0038"}}],
        },
        {"assistant": "PO-2025-0038 is gone."},
    ],
    "end": {"writes": ["delete PO-2025-0038"], "book": {"PO-2025-0038": "gone"}},
}


def change_script(turn: int | None = None, **values: Any) -> Script:
    """The script of a delete, with one turn or the end changed."""
    script = {**DELETE, "turn": list(DELETE["turn"])}
    if turn is None:
        script["end"] = {**DELETE["end"], **values}
    else:
        script["turn"][turn] = {**DELETE["turn"][turn], **values}
    return Script.model_validate(script)


async def test_the_script_that_is_changed_below_is_right(tmp_path: Path) -> None:
    record, off = await play(change_script(), ERAS[0], tmp_path)

    assert (off, broken(record)) == (None, [])


_DEPARTURES: list[tuple[Script, str, str]] = [
    (change_script(1, status="declined"), "declined", "done"),
    (change_script(1, says=["for ever"]), "for ever", "Order PO-2025-0038 was deleted."),
    (change_script(1, never=["was deleted"]), "nothing like: was deleted", "Order PO-2025-0038 was deleted."),
    (change_script(1, gives={"order.total": "0.13"}), "0.13", "0.12"),
    (change_script(1, gives={"order.total": "{total}"}), "a value kept as total", "kept: []"),
    (change_script(1, asked=[]), "no question", "Delete order PO-2025-0038"),
    (change_script(1, asked=[*DELETE["turn"][1]["asked"]] * 2), "a question that says", "no such question"),
    (change_script(1, asked=[{"says": ["Total 7"], "answers": "no"}]), "Total 7", "Total 0.12"),
    (change_script(1, asked=[{"says": [], "picks": {"vendor_1": "x"}}]), "['vendor_1']", "['order_number']"),
    (change_script(2, assistant="PO-2025-0039 is gone."), "PO-2025-0039 in what was heard", "nobody said so"),
    (change_script(writes=[]), "[]", "['delete PO-2025-0038']"),
    (change_script(book={"PO-2025-0038": {"status": "open"}}), "status='open'", "gone"),
    (change_script(book={"PO-2025-0042": {"total": "910.00"}}), "910.00", "4250.00"),
    (change_script(book={"PO-2025-0042": "gone"}), "gone", "open"),
]


@pytest.mark.parametrize("place", range(len(_DEPARTURES)))
async def test_a_departure_names_the_expected_and_the_received(place: int, tmp_path: Path) -> None:
    script, expected, came = _DEPARTURES[place]
    # The two eras in turn: what is compared is the same in both, and each kind of comparison is there twice.
    _, off = await play(script, ERAS[place % 2], tmp_path)

    assert off is not None
    assert f"expected: {expected}" in str(off)
    assert came in str(off).partition("came:")[2]


@pytest.mark.parametrize(
    "wrong",
    [
        {"turn": [{"buyer": "a", "call": "b"}, {"assistant": "c"}]},
        {"turn": [{"buyer": "a", "says": ["b"]}, {"assistant": "c"}]},
        {"turn": [{"buyer": "a"}]},
        {"turn": [{"buyer": "a", "sais": ["b"]}, {"assistant": "c"}]},
        {"turn": [{"buyer": "a"}, {"call": "b", "asked": [{"says": []}]}, {"assistant": "c"}]},
    ],
    ids=str,
)
def test_a_slip_of_the_pen_in_a_script_is_refused(wrong: Mapping[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Script.model_validate({**DELETE, **wrong})


async def test_an_unknown_stage_direction_stops_the_play(tmp_path: Path) -> None:
    script = Script.model_validate({**DELETE, "setting": {"before": ["Pigs fly."]}})

    with pytest.raises(ValueError, match="nobody knows how this happens: Pigs fly"):
        await play(script, ERAS[0], tmp_path)


def put(sentence: str, action: str, **content: Any) -> Put:
    return Put(f"SANDBOX: {sentence}\nTotal 1.00", {}, action, content)


def offer(*values: str) -> Put:
    """A question with these options, which was declined."""
    options = {"type": "string", "oneOf": [{"const": value, "title": value} for value in values]}
    return Put("Cancel order PO-1?", {"properties": {"decision": options}}, "decline", None)


ASKED = "Delete order PO-1 permanently? This cannot be undone."
SENT = Written("delete PO-1", "x")


@pytest.mark.parametrize(
    ("events", "broke"),
    [
        ([SENT], "every write had a yes"),
        ([put(ASKED, "decline"), SENT], "every write had a yes"),
        ([put(ASKED, "accept", order_number="PO-2"), SENT], "every write had a yes"),
        ([put(ASKED, "accept", order_number="PO-1"), Written("cancel PO-1", "x")], "every write had a yes"),
        (
            [put("Cancel order PO-1?", "accept", decision="keep"), Written("cancel PO-1", "")],
            "every write had",
        ),
        ([put("Close order PO-1?", "accept", decision="cancel"), Written("finalize PO-1", "x")], "every write had"),
        ([put(ASKED, "accept", decision="yes"), SENT], "every write had a yes"),
        (
            [put("Create order PO-1 in the sandbox?", "decline"), Written("create PO-1", "x")],
            "every write had a yes",
        ),
        ([offer("cancel", "keep")], "the first option changes nothing"),
        ([offer("keep", "cancel", "no")], "the first option changes nothing"),
        ([offer("cancel")], "the first option changes nothing"),
        ([Written("create PO-1", "x"), Written("create PO-1", "x")], "nothing is written twice"),
        ([Said("assistant", ""), Called("t", "a secret-token", {}, False)], "no secret is shown"),
        ([Called("t", "read", {"a": ["secret-token"]}, False)], "no secret is shown"),
        ([put("secret-token", "decline")], "no secret is shown"),
        ([Called("t", "a\u202eb", {}, False)], "nothing invisible is shown"),
        ([Called("t", "a", {"b": "\u3164"}, False)], "nothing invisible is shown"),
        ([Called("delete_purchase_order", "No.", {}, True)], "what failed says what to do"),
        ([Called("delete_purchase_order", "No.", {"status": "refused"}, False)], "what failed says what to do"),
        (
            [Called("t", "", {"operations": [{"status": "stale", "message": "No."}]}, False)],
            "what failed says what to do",
        ),
    ],
)
def test_an_invariant_that_is_broken_is_named(events: list[Any], broke: str) -> None:
    record = Record(events, secrets={"secret-token", "another-secret"}, has_read=True)

    [said] = broken(record)

    assert said.startswith(broke)


@pytest.mark.parametrize(
    ("sentence", "content", "written"),
    [
        ("Cancel order PO-1? It can be reactivated in the ERP.", {"decision": "cancel"}, "cancel PO-1"),
        ("Close order PO-1?", {"decision": "close"}, "finalize PO-1"),
        ("Close order PO-1 with a backorder?", {"decision": "backorder"}, "finalize PO-1"),
        ("Close order PO-1 without a backorder?", {"decision": "close"}, "finalize PO-1"),
        ("Create order PO-1 in the sandbox?", {"decision": "yes"}, "create PO-1"),
        (ASKED, {"order_number": "PO-1"}, "delete PO-1"),
    ],
)
def test_a_yes_is_used_once(sentence: str, content: Mapping[str, str], written: str) -> None:
    yes = put(sentence, "accept", **content)

    assert broken(Record([yes, Written(written, "x")])) == []
    assert len(broken(Record([yes, Written(written, "x"), Written(written, "y")]))) == 1


def test_a_form_whose_first_option_is_the_safe_one_breaks_nothing() -> None:
    assert broken(Record([offer("keep", "backorder", "close"), offer("none", "12", "99")])) == []


def test_secrets_that_were_not_seen_cannot_be_looked_for() -> None:
    assert broken(Record(has_read=True)) != []


@pytest.mark.parametrize(
    ("path", "value"),
    [("a.0.b", 1), ("a.*.b", [1, 2]), ("a.count", 2), ("a.7.b", "(none)"), ("c", "(none)"), ("a.0.c", "(none)")],
)
def test_a_path_leads_to_a_value_or_to_none(path: str, value: object) -> None:
    assert pluck({"a": [{"b": 1}, {"b": 2}]}, path) == value


# The player


def run(*arguments: str) -> Result:
    try:
        return CliRunner().invoke(main, arguments)
    finally:
        logging.disable(logging.NOTSET)


def test_the_player_shows_a_conversation_as_a_chat() -> None:
    shown = run("delete_with_the_wrong_number")

    assert (shown.exit_code, shown.stderr) == (0, "")
    for words in (
        "Delete the test order, 38.",
        "a person is asked",
        "the ERP is sent: delete PO-2025-0038",
        "1 played",
    ):
        assert words in shown.stdout


def test_the_player_plays_a_file_of_ones_own_and_tells_what_is_not_as_it_says(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text((FOLDER / "find_what_is_open.toml").read_text().replace("total_count = 28", "total_count = 29"))

    shown = run(str(mine), "--era", ERAS[1])

    assert (shown.exit_code, shown.stderr) == (1, "")
    assert "NOT AS IT SHOULD BE: turn 2, list_purchase_orders: {'limit': 6}: total_count" in shown.stdout
    assert "expected: 29\n  came:     28" in shown.stdout


def test_the_player_says_where_a_name_is_of_no_conversation() -> None:
    refused = run("no_such_conversation")

    assert refused.exit_code == 2
    assert "there is no such conversation; --list says which there are" in refused.stderr


@pytest.mark.process
def test_the_player_lists_every_conversation_by_its_title() -> None:
    command = [sys.executable, str(FOLDER / "play.py"), "--list"]
    listed = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=FOLDER.parent.parent)

    assert listed.stdout.splitlines() == [f"{name}: {read(path).title}" for name, path in scripts().items()]
