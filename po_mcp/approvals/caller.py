"""Who makes the call that is being answered: the owner of a verified access token, else this process's user."""

from __future__ import annotations

from functools import cache

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import principal_components

from po_mcp.approvals.display_name import display_name
from po_mcp.scopes import Scope
from po_mcp.writes.approvers import THE_OPERATOR, Person


def is_allowed(*scopes: Scope) -> bool:
    """Tell whether the caller may do what these scopes stand for. Without sign-in the caller may do everything."""
    token = get_access_token()
    return token is None or all(scope in token.scopes for scope in scopes)


def is_signed_in() -> bool:
    """Tell whether the caller is known by a token."""
    return get_access_token() is not None


def user_name() -> str:
    """Return whose call it is: issuer and subject of the token, else the operating system's user, "" without a name.

    A subject is unique only per issuer, and no issuer has a blank.
    """
    token = get_access_token()
    if token is None:
        return _process_user()
    _, issuer, subject = principal_components(token)
    return f"{issuer} {subject}"


def person() -> Person:
    """Return who makes the call, with what their token says of them; without sign-in the operator of the server."""
    token = get_access_token()
    if token is None:
        return THE_OPERATOR
    claims = token.claims or {}
    groups = claims.get("groups", ())
    return Person(user_name(), display_name(claims, token.subject or ""), frozenset(groups), frozenset(token.scopes))


def oauth_client() -> str:
    """Return the id of the client that the token was issued to; "" without sign-in."""
    token = get_access_token()
    return "" if token is None else token.client_id


@cache
def _process_user() -> str:
    import getpass  # late, for a quick start: the first tools/list needs no name

    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):
        return ""
