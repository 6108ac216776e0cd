"""An error's next step for an assistant is put in other words for a person."""

from __future__ import annotations

import re

import pytest

from po_mcp.writes.person_words import for_person
from tests.docs.program_texts import texts

_FOR_ASSISTANTS = re.compile(
    r"[Tt]ell the user\b(?!\w)|[Aa]sk the user|[Rr]epeat the call with|[Rr]epeat the call:|[Cc]all the tool|"
    r"offer the user|[Ss]how the user|(?<!po-mcp call )\b(?:get_operation|search_catalog|list_purchase_orders)\b"
)
_ERRORS = (
    "errors.py",
    "connectors/**/*.py",
    "desk/*.py",
    "writes/outcomes.py",
    "writes/kinds/*.py",
    "writes/journal/*.py",
)


def test_no_text_tells_a_person_what_an_assistant_is_to_do() -> None:
    every = {text for files in _ERRORS for text in texts(files)}
    steps = {text for text in every if _FOR_ASSISTANTS.search(text) and text[-1] != "("}

    assert len(steps) > 20
    assert [text for text in sorted(steps) if _FOR_ASSISTANTS.search(for_person(text))] == []


@pytest.mark.parametrize(
    ("reported", "said"),
    [
        ("Tell the user.", ""),
        ("No vendor matches Acmee. Try search_catalog.", "No vendor matches Acmee. Try po-mcp call search_catalog."),
        ("Tell the user, and try again in a few minutes.", "Try again in a few minutes."),
        (
            "It can be cancelled instead: offer the user cancel_purchase_order(PO-7).",
            "It can be cancelled instead: po-mcp call cancel_purchase_order number=PO-7.",
        ),
        ("The user of this server has no company.", "The user of this server has no company."),
    ],
)
def test_a_step_becomes_a_command_or_goes(reported: str, said: str) -> None:
    assert (for_person(reported), for_person(said)) == (said, said)
