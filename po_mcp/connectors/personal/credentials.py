"""The ERP credentials of people, encrypted: a reader of the journal, or of a copy, cannot use them.

The keys are derived from PO_MCP_KEYS, which the journal does not hold. Each text is bound to its person and connection
(AES-GCM's associated data), so that one that is copied into another's row, or another company's, does not open there.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from anyio import to_thread

from po_mcp.errors import JournalUnavailable
from po_mcp.sealed_text import seal, unseal

logger = logging.getLogger(__name__)

T = TypeVar("T")
_PREFIX = "v1."
_USE = "po-mcp/erp-credentials/v1"
_AWAY = (
    "Each person's own ERP credentials are kept there, so nothing can be read now, either. Try again in a minute; if "
    "that keeps failing, your administrator must check PO_MCP_JOURNAL."
)


class CredentialRow(Protocol):
    """What is kept of a person, and since when, in seconds since 1970."""

    @property
    def person(self) -> str: ...
    @property
    def sealed(self) -> str: ...
    @property
    def given_at(self) -> float: ...


class CredentialRows(Protocol):
    """Where sealed credentials of one connection are kept, for all processes. Each may raise `JournalUnavailable`."""

    def find(self, person: str, /) -> CredentialRow | None:
        """Return what is kept of a person."""

    def all(self) -> Sequence[CredentialRow]:
        """Return what is kept of everybody."""

    def keep(self, person: str, sealed: str, name: str, in_place_of: str | None = None, /) -> bool:
        """Keep a person's credentials in the place of former ones; False where others are kept than `in_place_of`.

        "" stands for nothing, None for whatever is kept.
        """

    def reseal(self, person: str, before: str, after: str, /) -> None:
        """Put the same credentials, sealed again, in the place of exactly these."""

    def remove(self, person: str, by: str, /) -> bool:
        """Remove a person's credentials; False where there are none."""


@dataclass(frozen=True)
class Credentials:
    """A person's credentials: the settings by name. `version` tells them from those before and after."""

    values: Mapping[str, str] = field(repr=False)
    version: str


class PeoplesCredentials:
    """The credentials of the people of one connection.

    Args:
        rows: where they are kept.
        keys: of 32 bytes each: the first seals, all open.
        connection: its key.
    """

    def __init__(self, rows: CredentialRows, keys: Sequence[bytes], connection: str) -> None:
        self._rows = rows
        self._keys = tuple(keys)
        self._connection = connection

    async def find(self, person: str) -> Credentials | None:
        """Return a person's credentials as they are kept now; None where there are none that the keys open.

        They are read each time, so that what is removed or replaced counts at once, in every replica.

        Raises:
            JournalUnavailable: nobody can tell now.
        """
        row = await self._run(self._rows.find, person)
        found = None if row is None else self._open(row)
        if row is None or found is None:
            return None
        values, is_current = found
        if is_current:
            return Credentials(values, _version(row.sealed))
        return Credentials(values, await self._reseal(row, values))

    async def version(self, person: str) -> str:
        """Return what changes whenever a person's credentials do; "" where there are none."""
        sealed = await self.kept(person)
        return sealed and _version(sealed)

    async def given_at(self, person: str) -> float | None:
        """Return since when a person's credentials are kept, in seconds since 1970; None where there are none."""
        row = await self._run(self._rows.find, person)
        return None if row is None or self._open(row) is None else row.given_at

    async def kept(self, person: str) -> str:
        """Return what is kept of a person, as `keep` takes it: sealed, "" for nothing."""
        row = await self._run(self._rows.find, person)
        return "" if row is None else row.sealed

    async def keep(self, person: str, name: str, values: Mapping[str, str], in_place_of: str | None = None) -> bool:
        """Keep a person's credentials in the place of former ones; False where those were changed meanwhile.

        Args:
            person: issuer and subject.
            name: what people read.
            values: the settings by name.
            in_place_of: what `kept` returned before they were tried; None for whatever is kept.
        """
        return await self._run(self._rows.keep, person, self._seal(person, values), name, in_place_of)

    async def remove(self, person: str, by: str) -> bool:
        """Remove a person's credentials, and record who did; False where there are none."""
        return await self._run(self._rows.remove, person, by)

    async def keep_up(self) -> frozenset[str]:
        """Seal again what a former key has sealed, and return whose credentials there are."""
        rows = await self._run(self._rows.all)
        for row in rows:
            found = self._open(row)
            if found is not None and not found[1]:
                await self._reseal(row, found[0])
        return frozenset(row.person for row in rows)

    async def _reseal(self, row: CredentialRow, values: Mapping[str, str]) -> str:
        """Seal credentials with the first key, so that a former one can go; return their version from now on."""
        after = self._seal(row.person, values)
        try:
            await self._run(self._rows.reseal, row.person, row.sealed, after)
        except JournalUnavailable as exc:  # they can be used all the same; the next use tries again
            logger.warning("credentials could not be sealed again: %s", exc.message)
            return _version(row.sealed)
        return _version(after)

    def _seal(self, person: str, values: Mapping[str, str]) -> str:
        return _PREFIX + seal(self._keys[0], self._purpose(person), json.dumps(dict(values)).encode())

    def _open(self, row: CredentialRow) -> tuple[Mapping[str, str], bool] | None:
        """Return what a row holds, and whether the first key sealed it; None where no key opens it for its person."""
        if not row.sealed.startswith(_PREFIX):
            return None
        for key in self._keys:
            opened = unseal(key, self._purpose(row.person), row.sealed.removeprefix(_PREFIX))
            if opened is not None:
                return json.loads(opened), key == self._keys[0]
        return None

    def _purpose(self, person: str) -> bytes:
        # As JSON, so that no two of a connection and a person are written alike.
        return json.dumps([_USE, self._connection, person]).encode()

    async def _run(self, call: Callable[..., T], *arguments: Any) -> T:
        try:
            return await to_thread.run_sync(call, *arguments)
        except JournalUnavailable as exc:
            exc.next_step = _AWAY
            raise


def _version(sealed: str) -> str:
    return hashlib.sha256(sealed.encode()).hexdigest()[:16]
