"""Errors name the next step for an assistant; here the same is said to a person at a terminal or on the page. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable

_TOOLS = "get_operation|search_catalog|list_purchase_orders|(?:get|create|finalize|delete|cancel)_purchase_order"
_Words = str | Callable[[re.Match[str]], str]


def for_person(text: str) -> str:
    """Return a text in a person's words: a tool is named as a command, and nobody is asked to tell the user."""
    for pattern, words in _CHANGES:
        text = pattern.sub(words, text)
    return text.strip()


def _begin(found: re.Match[str]) -> str:
    return found[1].upper()


def _command(found: re.Match[str]) -> str:
    return f"po-mcp call {found[1]}{' ' + found[2] if found[2] else ''}"


# In this order: the last one makes commands of the tools that those before it leave in a sentence.
_CHANGES: tuple[tuple[re.Pattern[str], _Words], ...] = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (
            r"Show the user the choices, and repeat the call with (.+?) of the one they choose",
            r"Run it again with \1 of the one that is meant",
        ),
        (r"Show the user that order \((\w+)\) and ask for", r"Look at that order with \1 and choose"),
        (r"Ask the user which of", "Use one of"),
        (r"ask the user which one is meant", "choose the one that is meant"),
        (r"ask the user which number to take", "choose a number"),
        (r"Ask the user for", "Give"),
        (r"ask the user for", "give"),
        (r"ask the user how much", "say how much"),
        (r",? or tell the user\b", ""),
        (r"Tell the user(?:; |, and )(\w)", _begin),
        (r" ?\bTell the user\.", ""),
        (r"Repeat the call\b|Call the tool again\b", "Run it again"),
        (r"\bcall again with cursor=", "run it again with cursor="),
        (r" if the user still wants this", " if this is still wanted"),
        (r"\boperation_id: ", "Operation "),
        (rf"\boffer the user ({_TOOLS})\(([^)]*)\)", r"\1 number=\2"),
        (rf"(?<!po-mcp call )\b({_TOOLS})\b(?:, (\w+=\w+))?", _command),
    )
)
