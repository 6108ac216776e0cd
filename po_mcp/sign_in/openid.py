"""Signing people in at the issuer: OpenID Connect's code flow with PKCE, state and nonce.

Core 1.0, 3.1; RFC 7636 (PKCE); RFC 9207 (the issuer in the answer); RFC 8707 (the resource of the access token).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import math
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import anyio

from po_mcp.errors import BadAnswer, PurchaseOrderError, SignInRefused
from po_mcp.sign_in.issuer_keys import FRESH_S, IssuerKeys, IssuerUnavailable, is_as_safe
from po_mcp.sign_in.tokens import PERSON_CLAIM, TokenVerifier, decode_claims, is_name, read_facts, read_header

PostForm = Callable[[str, Mapping[str, str], tuple[str, str] | None], Awaitable[tuple[int, Any]]]
"""Sends a form to an address, with a name and password where given; returns the status and the JSON of the answer."""
_REQUIRED = ["iss", "aud", "exp", "iat", "sub", "nonce"]
_MAX_REDEEMED_AT_ONCE = 8
_MAX_ID_TOKEN_CHARS = 65_536
"""Longer than an access token may be, which comes in a header: people of large companies have hundreds of groups."""


@dataclass(frozen=True)
class Client:
    """How the issuer knows this page.

    Attributes:
        id: the client's id.
        secret: its secret; None for a public client.
        redirect_uri: where the issuer sends people back to.
        scopes: that tell approvers, asked for with `resource`; none where groups or names tell them.
        resource: the address of MCP.
    """

    id: str
    secret: str | None
    redirect_uri: str
    scopes: Sequence[str]
    resource: str


@dataclass(frozen=True)
class Attempt:
    """One sign-in under way: what must come back, and what only this server knows."""

    next: str
    state: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    nonce: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48), repr=False)


@dataclass(frozen=True)
class Identity:
    """Who signed in: issuer and subject, what the issuer says of them, and until which second since 1970."""

    issuer: str
    subject: str
    facts: Mapping[str, Any]
    scopes: Sequence[str]
    until: float | None


class OpenIdClient:
    """Sends people to the issuer, and takes what it says of them.

    Args:
        keys: of the issuer, with its metadata.
        client: how the issuer knows this page.
        access_tokens: verifies tokens for MCP: their scopes tell approvers.
        post: sends the code to the issuer.
        person_claim: the claim that names the person, in ID tokens and in access tokens.
    """

    def __init__(
        self,
        keys: IssuerKeys,
        client: Client,
        access_tokens: TokenVerifier,
        post: PostForm,
        person_claim: str = PERSON_CLAIM,
    ) -> None:
        self._keys = keys
        self._client = client
        self._access_tokens = access_tokens
        self._post = post
        self._person_claim = person_claim
        self._metadata: Mapping[str, Any] = {}
        self._read_at = -math.inf
        # A browser that has begun a sign-in can send any code, and each is a request to the issuer.
        self._redeeming = anyio.CapacityLimiter(_MAX_REDEEMED_AT_ONCE)

    async def find_address(self, attempt: Attempt) -> str:
        """Return where a person signs in.

        Raises:
            SignInRefused: not possible at this issuer, or not now.
        """
        metadata = await self._read_metadata()
        digest = hashlib.sha256(attempt.verifier.encode()).digest()
        asked = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": self._client.redirect_uri,
            "scope": " ".join(("openid", "profile", *self._client.scopes)),
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            # Where no scope tells approvers the access token is not looked at.
            **({"resource": self._client.resource} if self._client.scopes else {}),
        }
        address = str(metadata["authorization_endpoint"])
        # An address may have a query of its own, which stays (RFC 6749, 3.1).
        return f"{address}{'&' if '?' in address else '?'}{urlencode(asked)}"

    async def redeem(self, attempt: Attempt, answer: Mapping[str, str]) -> Identity:
        """Return who signed in, by what came back from the issuer through the browser.

        Raises:
            SignInRefused: it is not the answer to this attempt, or the issuer does not stand by it.
        """
        metadata = await self._read_metadata()
        self._require_answer(attempt, answer, metadata)
        async with self._redeeming:
            tokens = await self._fetch_tokens(attempt, answer["code"], metadata)
        claims = await self._read_id_token(tokens.get("id_token"), attempt)
        person: str = claims[self._person_claim]
        scopes, until = await self._read_scopes(tokens.get("access_token"), person)
        return Identity(self._keys.issuer, person, read_facts(claims), scopes, until)

    def _require_answer(self, attempt: Attempt, answer: Mapping[str, str], metadata: Mapping[str, Any]) -> None:
        # By state it is this browser's own sign-in: without it, somebody else's account could be slipped under it.
        if not hmac.compare_digest(answer.get("state", "").encode(), attempt.state.encode()):
            raise not_taken_error()
        # An issuer that says it names itself must; of another that does not, nothing is missing (RFC 9207, 2.4).
        names_itself = metadata.get("authorization_response_iss_parameter_supported") is True
        if answer.get("iss", None if names_itself else self._keys.issuer) != self._keys.issuer:
            raise not_taken_error()
        if "error" in answer or not answer.get("code"):
            raise not_taken_error()

    async def _fetch_tokens(self, attempt: Attempt, code: str, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
        client = self._client
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": client.redirect_uri,
            "code_verifier": attempt.verifier,
            **({"resource": client.resource} if client.scopes else {}),
        }
        # What holds where the metadata says nothing (RFC 8414, 2).
        ways = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = None if client.secret is None or "client_secret_basic" not in ways else (client.id, client.secret)
        if basic is None:
            form |= {"client_id": client.id} | ({} if client.secret is None else {"client_secret": client.secret})
        try:
            status, tokens = await self._post(str(metadata["token_endpoint"]), form, basic)
        except BadAnswer as exc:
            raise not_taken_error() from exc
        except PurchaseOrderError as exc:
            raise _unavailable_error() from exc
        if status != 200 or not isinstance(tokens, Mapping):
            raise not_taken_error()
        return tokens

    async def _read_id_token(self, token: object, attempt: Attempt) -> Mapping[str, Any]:
        """Return the claims of the ID token (Core 1.0, 3.1.3.7)."""
        try:
            if not isinstance(token, str):
                raise not_taken_error()
            header = read_header(token, {"jwt"}, _MAX_ID_TOKEN_CHARS)
            key = await self._keys.find(header.get("kid"))
            if key is None:
                raise not_taken_error()
            issuer, audience = self._keys.issuer, self._client.id
            claims = decode_claims(token, header["alg"], key, issuer=issuer, audience=audience, required=_REQUIRED)
        except IssuerUnavailable as exc:
            raise _unavailable_error() from exc
        except SignInRefused:
            raise
        except Exception as exc:  # of PyJWT, and whatever else its parsers raise
            raise not_taken_error() from exc
        self._require_own(claims, attempt)
        return claims

    def _require_own(self, claims: Mapping[str, Any], attempt: Attempt) -> None:
        audience, party = claims["aud"], claims.get("azp")
        is_for_several = isinstance(audience, list) and len(audience) > 1
        # A token for several says which of them asked for it, and it must be this page (Core 1.0, 3.1.3.7).
        if (is_for_several or party is not None) and party != self._client.id:
            raise not_taken_error()
        # A token of an earlier sign-in, or of somebody else's, is not of this one.
        if not isinstance(claims["nonce"], str) or not hmac.compare_digest(
            claims["nonce"].encode(), attempt.nonce.encode()
        ):
            raise not_taken_error()
        if not is_name(claims.get(self._person_claim)):
            raise not_taken_error()

    async def _read_scopes(self, token: object, subject: str) -> tuple[Sequence[str], float | None]:
        """Return the scopes of the access token and when it ends, if scopes tell approvers; else none."""
        if not self._client.scopes:
            return (), None
        try:
            access = await self._access_tokens.verify_token(token) if isinstance(token, str) else None
        except IssuerUnavailable as exc:
            raise _unavailable_error() from exc
        # A token of somebody else's would lend them its rights.
        if access is None or access.subject != subject:
            raise not_taken_error()
        return access.scopes, access.expires_at

    async def _read_metadata(self) -> Mapping[str, Any]:
        if time.monotonic() - self._read_at < FRESH_S:
            return self._metadata
        try:
            metadata = await self._keys.read_metadata()
        except PurchaseOrderError as exc:
            raise _unavailable_error() from exc
        for name in ("authorization_endpoint", "token_endpoint"):
            address = metadata.get(name)
            if not isinstance(address, str) or not is_as_safe(address, self._keys.issuer):
                raise _unavailable_error()
        # Core 1.0, 8: the requester is known by another client's token, and must have the same subject there.
        # Of any other claim the operator says that it is the same for all clients.
        is_subject = self._person_claim == PERSON_CLAIM
        if is_subject and "public" not in metadata.get("subject_types_supported", ()):
            raise _pairwise_error()
        self._metadata, self._read_at = metadata, time.monotonic()
        return metadata


def not_taken_error() -> SignInRefused:
    """Return the error for a sign-in that does not prove who somebody is."""
    return SignInRefused("The sign-in was not completed.", effect="nothing_changed")


def _unavailable_error() -> SignInRefused:
    what = "The issuer cannot be reached now."
    return SignInRefused(what, effect="nothing_changed", next_step="Try again in a minute.")


def _pairwise_error() -> SignInRefused:
    return SignInRefused(
        "The issuer gives a person another subject for each client, so nobody can tell whether an approver is the "
        "requester.",
        effect="nothing_changed",
        next_step="An administrator can set PO_MCP_PERSON_CLAIM to a claim that is the same for all.",
    )
