"""A conversation as its file tells it: who says what, what is called, what a person is asked, and how it ends."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

FOLDER = Path(__file__).parent.parent.parent / "examples" / "conversations"
NOT_THERE = "(none)"
"""What a script expects where a result must not have a value."""


class _Part(BaseModel):
    """A part of a script. A key that is not known is a slip of the pen, and refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class Asked(_Part):
    """A question that the person behind the client gets, and their answer.

    `answers` are the fields of the form, or "no"; `picks` names, for each field, a choice by a part of its title.
    """

    says: tuple[str, ...]
    never: tuple[str, ...] = ()
    meanwhile: tuple[str, ...] = ()
    answers: Literal["no"] | Mapping[str, Any] | None = None
    picks: Mapping[str, str] | None = None

    @model_validator(mode="after")
    def _one_answer(self) -> Asked:
        if (self.answers is None) == (self.picks is None):
            raise ValueError("a question has either `answers` or `picks`")
        return self


class Turn(_Part):
    """One turn: somebody speaks, or the assistant calls a tool, or something happens.

    Of a call: `status` is the outcome of a write, "read" or "error"; `says` and `never` are about the text that
    the model gets, `gives` about the structured result (path -> value), and `keep` names values for later
    turns, which write them as {name}. `pages` has the assistant fetch every page to the last.
    """

    buyer: str | None = None
    assistant: str | None = None
    meanwhile: str | None = None
    call: str | None = None
    arguments: Annotated[Mapping[str, Any], Field(alias="with")] = {}
    pages: int | None = None
    status: str = "read"
    says: tuple[str, ...] = ()
    never: tuple[str, ...] = ()
    gives: Mapping[str, Any] = {}
    keep: Mapping[str, str] = {}
    asked: tuple[Asked, ...] = ()

    @model_validator(mode="after")
    def _one_kind(self) -> Turn:
        if [self.buyer, self.assistant, self.meanwhile, self.call].count(None) != 3:
            raise ValueError("a turn has one of `buyer`, `assistant`, `meanwhile` and `call`")
        if self.call is None and self.model_fields_set - {"buyer", "assistant", "meanwhile"}:
            raise ValueError("only a turn with `call` expects anything")
        return self


class Setting(_Part):
    """The setting: the day, the size of the book, the operator's settings, and the client.

    `form` is false where the client cannot ask. `knows_delays` is false for an ERP of which nobody knows how
    late it may apply a request.
    """

    today: str = "2025-05-20"
    orders: int = 0
    form: bool = True
    knows_delays: bool = True
    settings: Mapping[str, Any] = {}
    before: tuple[str, ...] = ()


class Stands(_Part):
    """How an order stands in the book at the end; what is left out is not looked at."""

    status: str | None = None
    vendor: str | None = None
    vendor_id: int | None = None
    total: str | None = None
    items: tuple[str, ...] | None = None


class End(_Part):
    """What was written on the wire to the ERP, in order, and what the book shows then."""

    writes: tuple[str, ...]
    book: Mapping[str, Stands | Literal["gone"]] = {}


class Script(_Part):
    """One conversation."""

    title: str
    about: str
    setting: Setting = Setting()
    turn: tuple[Turn, ...]
    end: End

    @model_validator(mode="after")
    def _is_a_conversation(self) -> Script:
        if self.turn[0].buyer is None or self.turn[-1].assistant is None:
            raise ValueError("the buyer begins, and the assistant has the last word")
        return self


def scripts() -> dict[str, Path]:
    """Return every conversation's file by its name."""
    return {path.stem: path for path in sorted(FOLDER.glob("*.toml"))}


def read(path: Path) -> Script:
    """Read a conversation.

    Raises:
        ValueError: it is no TOML, or not written as a conversation is.
    """
    return Script.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
