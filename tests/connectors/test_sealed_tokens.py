"""The token that processes share: encrypted in the journal, and of no use in a copy of that."""

from __future__ import annotations

import base64
from pathlib import Path

import anyio.to_thread
import pytest

from po_mcp.config import Settings
from po_mcp.connectors import connect
from po_mcp.connectors.http import sealed_tokens
from po_mcp.connectors.http.sealed_tokens import SealedTokens
from po_mcp.writes.journal import Journal, JournalStore
from tests.connectors.raw_peer import raw_peer, reply

SECRET, NAME = "a secret of the client", "exsited https://erp.example.com me"
TOKEN = "the-token-of-the-erp"


class OnePlace:
    """A place for one token."""

    def __init__(self) -> None:
        self.kept: tuple[str, float] | None = None
        self.calls: list[str] = []

    def load(self) -> tuple[str, float] | None:
        return self.kept

    def save(self, token: str, lifetime: float) -> None:
        self.kept = (token, lifetime)

    def claim(self, lease: float) -> bool:
        self.calls.append(f"claim {lease}")
        return True

    def release(self) -> None:
        self.calls.append("release")


@pytest.fixture
def place() -> OnePlace:
    kept = OnePlace()
    SealedTokens(kept, SECRET, NAME).save(TOKEN, 60.0)
    return kept


def test_another_process_with_the_same_secret_opens_the_token(place: OnePlace) -> None:
    assert SealedTokens(place, SECRET, NAME).load() == (TOKEN, 60.0)


@pytest.mark.parametrize(("secret", "name"), [("another secret", NAME), (SECRET, "another connection")])
def test_another_secret_or_another_connection_opens_nothing(place: OnePlace, secret: str, name: str) -> None:
    assert SealedTokens(place, secret, name).load() is None


@pytest.mark.parametrize("kept", [TOKEN, "", "v1.", "v1.!", "v1.AAAA", "v1." + base64.b64encode(bytes(60)).decode()])
def test_a_token_that_was_not_sealed_here_counts_as_none(place: OnePlace, kept: str) -> None:
    place.kept = (kept, 60.0)

    assert SealedTokens(place, SECRET, NAME).load() is None


def test_the_same_token_is_never_sealed_alike(place: OnePlace) -> None:
    former = place.kept
    SealedTokens(place, SECRET, NAME).save(TOKEN, 60.0)

    assert place.kept != former


def test_the_right_to_fetch_is_that_of_the_store(place: OnePlace) -> None:
    sealed = SealedTokens(place, SECRET, NAME)

    assert sealed.claim(30.0)
    sealed.release()
    assert place.calls == ["claim 30.0", "release"]


async def bytes_of_a_journal_with_a_token(folder: Path) -> bytes:
    path = folder / "journal.db"
    async with raw_peer(reply(200, {"purchase_orders": []})) as peer:
        settings = Settings.model_validate(
            {
                "erp": "exsited",
                "base_url": peer.url,
                "client_id": "me",
                "client_secret": SECRET,
                "redirect_uri": "https://localhost/",
                "journal": str(path),
            }
        )
        journal = Journal(JournalStore(path))
        erp = connect(settings, journal.shared_token)
        await erp.probe()
        assert peer.tokens == 1
        await erp.aclose()
        journal.close()
    return await anyio.to_thread.run_sync(lambda: b"".join(file.read_bytes() for file in folder.iterdir()))


async def test_no_file_of_the_journal_holds_the_token_unless_the_seal_is_taken_away(tmp_path: Path) -> None:
    (tmp_path / "sealed").mkdir()
    (tmp_path / "open").mkdir()
    sealed = await bytes_of_a_journal_with_a_token(tmp_path / "sealed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_tokens, "SealedTokens", lambda store, secret, name: store)
        in_the_open = await bytes_of_a_journal_with_a_token(tmp_path / "open")

    assert b"token-1" not in sealed
    assert b"token-1" in in_the_open
