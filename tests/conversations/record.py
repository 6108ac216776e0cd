"""What was heard and seen while a conversation was played."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

import httpx2
from mcp.types import ElicitRequestFormParams, ElicitResult

from tests.harness import WireSpy, is_write

_YES = {"create": {"yes"}, "finalize": {"close", "backorder"}, "cancel": {"cancel"}}
"""The options of `decision` that approve each kind of write; a delete has a number typed instead."""
_GUARDED = re.compile(
    r"^(?:SANDBOX: )?(Delete|Close|Cancel|Create) order (\S+?)"
    r"(?: permanently| with a backorder| without a backorder| in [^?]*)?\?",
    re.MULTILINE,
)


@dataclass(frozen=True)
class Said:
    """Words of the buyer or the assistant, or what happened meanwhile."""

    who: str
    words: str


@dataclass(frozen=True)
class Put:
    """A question, as the person got it, and their answer."""

    message: str
    schema: Mapping[str, Any]
    action: str
    content: Mapping[str, Any] | None

    @classmethod
    def of(cls, params: ElicitRequestFormParams, answer: ElicitResult) -> Put:
        return cls(params.message, params.requested_schema, answer.action, answer.content)

    @property
    def about(self) -> tuple[str, str] | None:
        """The write that it approves and the order's number, such as ("delete", "PO-2025-0038")."""
        found = _GUARDED.search(self.message)
        kind = found[1].lower() if found else ""
        return ("finalize" if kind == "close" else kind, found[2].strip("«»")) if found else None

    @property
    def is_yes(self) -> bool:
        """Whether it is a clear yes to what it approves."""
        if self.action != "accept" or self.about is None or self.content is None:
            return False
        if self.about[0] == "delete":
            return str(self.content.get("order_number", "")).strip() == self.about[1]
        return self.content.get("decision") in _YES[self.about[0]]


@dataclass(frozen=True)
class Calling:
    """A call as the assistant makes it."""

    tool: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Called:
    """The result of a call."""

    tool: str
    text: str
    structured: Mapping[str, Any]
    is_error: bool

    @property
    def status(self) -> str:
        """The outcome of a write; "read" where nothing was to be written, "error" where it failed."""
        return "error" if self.is_error else str(self.structured.get("status", "read")) if self._writes else "read"

    @property
    def _writes(self) -> bool:
        return self.tool.split("_")[0] in ("create", "finalize", "delete", "cancel")


@dataclass(frozen=True)
class Written:
    """A write that left for the ERP, in words such as "delete PO-2025-0038", and a digest of its body."""

    words: str
    body: str

    @property
    def about(self) -> tuple[str, str]:
        kind, _, number = self.words.partition(" ")
        return kind, number


Event = Said | Put | Calling | Called | Written


@dataclass
class Record:
    """Everything of one conversation, in the order in which it came about.

    `published` is what the server tells of itself and its tools; `secrets` is what passed on the wire that
    nobody may see.
    """

    events: list[Event] = field(default_factory=list)
    published: str = ""
    secrets: set[str] = field(default_factory=set)
    has_read: bool = False

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def writes(self) -> list[str]:
        return [written.words for written in self.of(Written)]

    def texts(self) -> Iterator[tuple[str, str]]:
        """Everything that a model or a person got from the server: where, and the text."""
        yield "what the server publishes", self.published
        for place, event in enumerate(self.events, 1):
            if isinstance(event, Called):
                yield f"the text of call {place}, {event.tool}", event.text
                yield f"the result of call {place}, {event.tool}", json.dumps(event.structured, ensure_ascii=False)
            elif isinstance(event, Put):
                yield f"question {place}", event.message
                yield f"form {place}", json.dumps(event.schema, ensure_ascii=False)


@dataclass
class Wire(WireSpy):
    """The wire to the ERP: besides counting, it records every write, and the secrets that passed."""

    record: Record = field(default_factory=Record)
    late: list[httpx2.Request] = field(default_factory=list)
    """Writes that were sent, and that the ERP carries out before it answers anything else."""

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        while self.late and self.inner is not None:
            await (await self.inner.handle_async_request(self.late.pop(0))).aread()
        body = await request.aread()
        self._note_secrets(request, body)
        if is_write(request.method, request.url.path):
            self.record.events.append(Written(_words(request, body), sha256(body).hexdigest()))
        return await super().handle_async_request(request)

    def _note_secrets(self, request: httpx2.Request, body: bytes) -> None:
        self.record.has_read = True
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme == "Bearer":
            self.record.secrets.add(token)
        for found in re.finditer(r"(?:client_?secret)\W+([\w-]{8,})", body.decode(errors="replace"), re.IGNORECASE):
            self.record.secrets.add(found[1])


def _words(request: httpx2.Request, body: bytes) -> str:
    """Say what a request asks the ERP to do."""
    *_, before, last = request.url.path.strip("/").split("/")
    named = json.loads(body) if body else {}
    if request.method == "DELETE":
        return f"delete {last}"
    if last == "Finalize":
        return f"finalize {named.get('poNumber')}"
    if last == "cancel":
        return f"cancel {before}"
    if request.method == "POST" and last == "PurchaseOrder":
        return f"create {named.get('poNumber')}"
    return f"{request.method} {request.url.path}"
