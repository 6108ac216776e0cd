"""What the folder of an ERP declares of itself: the settings, `po-mcp doctor` and the composition root read it here.

It is imported at every start, whichever ERP is spoken: a declaration imports its client only when it connects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import TYPE_CHECKING, Any, Protocol

from po_mcp.config_values import bare

if TYPE_CHECKING:
    from po_mcp.connectors.http.tokens import TokenStore
    from po_mcp.erp import ERP

OpenTokenStore = Callable[[str], "TokenStore"]
"""Gives the place where this user's processes share the token of an ERP of this name."""

CREDENTIALS = ("base_url", "client_id", "client_secret")
"""The settings that every ERP behind an address needs."""
_QUESTIONS = {
    "base_url": "Address, such as https://erp.example.com",
    "client_id": "Client id",
    "client_secret": "Client secret (not shown)",
}
"""Of every ERP that has no words of its own for them."""


class ConnectorSettings(Protocol):
    """What a connector may read of the settings."""

    @property
    def erp(self) -> str:
        """The name of the ERP that is spoken."""

    @property
    def timeout(self) -> float:
        """Seconds that one call may take in all."""

    @property
    def company(self) -> str | None:
        """The company's name, which outlives a change of credentials."""

    @property
    def erp_settings(self) -> Mapping[str, Any]:
        """The settings that connectors declare, by name: the parsed value, or the default."""

    def credentials(self) -> tuple[str, str, str]:
        """Return base URL, client id and client secret."""

    def proxy_address(self) -> str | None:
        """Return the proxy's address, or `system`; None for no proxy."""

    def ca_path(self) -> str | None:
        """Return the file of certificates that are trusted beside the system's; None for none."""

    def zone(self) -> tzinfo | None:
        """Return the company's time zone; None for this machine's."""

    def sandbox_path(self) -> str:
        """Return where the sandbox keeps its book."""


@dataclass(frozen=True)
class Setting:
    """A setting that only one ERP reads.

    Attributes:
        name: as in the file, in lower case: `redirect_uri` is PO_MCP_REDIRECT_URI.
        parse: makes the value of the text (from the environment) or of the file's value; raises `ValueError`
            with what it must be, and without the value.
        default: the value where it is not set.
        is_file: it names a file; a relative path is from the folder of the settings' file, never the working directory.
    """

    name: str
    parse: Callable[[object], Any]
    default: Any = None
    is_file: bool = False


@dataclass(frozen=True)
class Declaration:
    """One ERP.

    Attributes:
        name: what PO_MCP_ERP calls it.
        title: its name for people.
        connect: makes the connector; nothing is sent. It imports the client, and only it does.
        rights: one clause for people: what the ERP's user needs to be allowed before orders can be written.
        needs: the names of the settings that must be made, in the order in which they are asked for.
        settings: those that this ERP alone reads.
        questions: setting -> how a person is asked for it, where the ERP has a word of its own for it.
        personal: the settings, texts all, that belong to one user's credentials; none where there is one user.
        is_trial: nothing real stands behind it: it runs in this process, and its journal may be in memory.
    """

    name: str
    title: str
    connect: Callable[[ConnectorSettings, OpenTokenStore], ERP]
    rights: str
    needs: tuple[str, ...] = CREDENTIALS
    settings: tuple[Setting, ...] = ()
    questions: Mapping[str, str] = field(default_factory=dict)
    personal: tuple[str, ...] = ("client_id", "client_secret")
    is_trial: bool = False

    def question(self, name: str) -> str:
        """Return how a person is asked for a setting."""
        return self.questions.get(name) or _QUESTIONS.get(name) or name.replace("_", " ").capitalize()


def parse_text(value: object) -> str:
    """Return the value of a setting that is text. Raises `ValueError`."""
    text = bare(value)
    if not isinstance(text, str):
        raise ValueError("must be text in quotes")
    return text
