"""Approvers who sign in at the approval page: what their browser keeps of it, and for how long.

Both cookies are sealed: one for the minutes of a sign-in under way, one for a person who has signed in. Nothing is kept
here, so any replica with the same key goes on.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Container, Mapping
from dataclasses import dataclass
from typing import Any

from po_mcp.sign_in.openid import Attempt, OpenIdClient, not_taken_error
from po_mcp.sign_in.sealing import Seal

ATTEMPT_S = 600.0
"""Seconds that a person has at the issuer."""
SESSION_S = 900.0
"""Seconds that a sign-in counts at most: the issuer is asked again then, and what it took back is gone."""
_ATTEMPT, _SESSION = "sign-in under way", "signed in"
_next_path = re.compile(r"/(?:credentials|approve(?:/[0-9a-f]{32})?)?", re.ASCII)


@dataclass(frozen=True)
class SignedIn:
    """A person who has signed in.

    Attributes:
        user: issuer and subject, as for a call.
        subject: what the issuer calls them.
        facts: names that people read, and the groups that matter here.
        scopes: those of their access token that matter here.
        key: random, of this sign-in alone.
    """

    user: str
    subject: str
    facts: Mapping[str, Any]
    scopes: tuple[str, ...]
    key: str


class ApproverSignIn:
    """Signs approvers in.

    Args:
        client: talks to the issuer.
        seal: seals what the browser keeps.
        groups: the groups that matter; a person may have hundreds, and a cookie holds few.
        scopes: the scopes that matter.
    """

    def __init__(
        self, client: OpenIdClient, seal: Seal, groups: Container[str] = (), scopes: Container[str] = ()
    ) -> None:
        self._client = client
        self._seal = seal
        self._groups = groups
        self._scopes = scopes

    async def begin(self, wanted: str) -> tuple[str, str]:
        """Return where a person signs in, and what their browser keeps meanwhile. Raises: `SignInRefused`."""
        # Nowhere but on this page: any other address could be somebody else's page that looks like it.
        attempt = Attempt(wanted if _next_path.fullmatch(wanted) else "/")
        address = await self._client.find_address(attempt)
        content = {
            "next": attempt.next,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "verifier": attempt.verifier,
        }
        return address, self._seal.close(_ATTEMPT, content, self._seal.clock() + ATTEMPT_S)

    async def finish(self, answer: Mapping[str, str], kept: str | None) -> tuple[str, str]:
        """Return what the browser of a person keeps who has signed in, and where they wanted to go.

        Args:
            answer: what came back from the issuer through the browser.
            kept: what the browser kept meanwhile.

        Raises:
            SignInRefused: they have not.
        """
        content = self._seal.open(_ATTEMPT, kept)
        if content is None:
            raise not_taken_error()
        attempt = Attempt(content["next"], content["state"], content["nonce"], content["verifier"])
        identity = await self._client.redeem(attempt, answer)
        now = self._seal.clock()
        # No longer than the token that tells what they may: who lost a scope meanwhile is out.
        until = min(now + SESSION_S, identity.until or now + SESSION_S)
        groups = [group for group in identity.facts["groups"] if group in self._groups]
        session = {
            "user": f"{identity.issuer} {identity.subject}",
            "subject": identity.subject,
            "facts": {**identity.facts, "groups": groups},
            "scopes": [scope for scope in identity.scopes if scope in self._scopes],
            # New with each sign-in, so that no form from before it counts after it.
            "key": secrets.token_hex(16),
        }
        try:
            return self._seal.close(_SESSION, session, until), attempt.next
        except ValueError as exc:
            raise not_taken_error() from exc

    def find(self, kept: str | None) -> SignedIn | None:
        """Return who has signed in with this browser; None if nobody has, or not recently."""
        content = self._seal.open(_SESSION, kept)
        if content is None:
            return None
        scopes = tuple(content["scopes"])
        return SignedIn(content["user"], content["subject"], content["facts"], scopes, content["key"])
