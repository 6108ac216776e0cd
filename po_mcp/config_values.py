"""What the text of a setting means: forgiving where only one thing can be meant, else one sentence of what it must be.

Each function is a validator of `config.Settings`, or of a setting that a connector declares; its ValueError is what
follows the setting's name, and never holds the value, which may be a secret in the wrong place.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from urllib.parse import SplitResult, urlsplit

from pydantic import SecretStr

SHORTEST_PIN = 6
SYSTEM_PROXY = "system"
"""Says that the proxy which the system or a variable such as HTTPS_PROXY names is used."""
NEEDED = (
    ("public_url", "issuer"),
    ("issuer", "public_url"),
    ("audience", "issuer"),
    ("person_claim", "issuer"),
    ("approvers", "issuer"),
    ("self_approval", "issuer"),
    ("second_approver_over", "issuer"),
    ("approver_limits", "issuer"),
    ("sign_in_client_id", "issuer"),
    ("sign_in_client_secret", "sign_in_client_id"),
)
"""Settings, and the one that each means nothing without."""
# OpenID Connect Core 1.0, 5.7: of all claims only `sub` with `iss` is promised to be a person's own, for ever.
_CHANGEABLE_CLAIMS = frozenset(
    {
        "name",
        "given_name",
        "family_name",
        "nickname",
        "preferred_username",
        "email",
        "upn",
        "unique_name",
        "phone_number",
    }
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def bare(value: object) -> object:
    """Take blanks and one pair of quotes off a text: Docker's --env-file keeps the quotes that a shell takes off."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def number(value: object) -> object:
    """Refuse true and false, which pydantic takes for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return bare(value)


def count(lowest: int, highest: int) -> Callable[[object], object]:
    """Return what reads a whole number within bounds, both of them included."""

    def read(value: object) -> object:
        text = bare(value)
        number = int(text) if isinstance(text, str) and re.fullmatch("[0-9]{1,9}", text, re.ASCII) else text
        if isinstance(number, bool) or not isinstance(number, int) or not lowest <= number <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return number

    return read


def one_of(*names: str, **others: str) -> Callable[[object], object]:
    """Return what finds a name in any case, with `_` or blanks for `-`; `others` are further spellings of one."""
    known = {_letters(name): name for name in names} | {_letters(other): name for other, name in others.items()}

    def found(value: object) -> object:
        text = bare(value)
        return known.get(_letters(text), text) if isinstance(text, str) else text

    return found


def base_url(text: str) -> str:
    """Return the address of an ERP, checked part by part."""
    parts = _parts(text)
    if parts is None or parts.scheme not in ("http", "https"):
        raise ValueError("must be an address such as https://erp.example.com")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("must start with https:// (http:// works for this computer only)")
    # In the text and not in its parts: of a bare ? or # urlsplit leaves nothing.
    if "@" in parts.netloc or "?" in text or "#" in text:
        raise ValueError("must not contain a user name, query or fragment")
    return f"{parts.scheme}://{parts.netloc.rstrip(':')}{parts.path}".rstrip("/")


def collector(text: str) -> str:
    """Return the address of an OpenTelemetry collector. Plain http is taken: what goes there names nobody."""
    from importlib.util import find_spec  # read late: it is one setting that few make

    parts = _parts(text)
    if parts is None or parts.scheme not in ("http", "https") or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be an address such as http://collector.example.com:4318")
    if find_spec("opentelemetry.sdk") is None or find_spec("opentelemetry.exporter") is None:
        raise ValueError("needs the extra otel: install '.[otel]'")
    return text.rstrip("/")


def public_url(text: str) -> str:
    """Return the origin at which clients reach `po-mcp serve`, in lower case as they send it."""
    url = base_url(text)
    if urlsplit(url).path:
        raise ValueError("must be an address without a path, such as https://po.example.com")
    return url.lower()


def issuer(text: str) -> str:
    """Return an issuer letter for letter, its last slash included: tokens name it so (RFC 9207, 2.4)."""
    base_url(text)
    return text


def replica(name: str) -> str:
    """Return a name that can stand in a session's id and in the map of a balancer."""
    if not re.fullmatch(r"[A-Za-z0-9-]{1,32}", name, re.ASCII):
        raise ValueError("must be a short name of letters, digits and hyphens, such as r1")
    return name


def person_claim(name: str) -> str:
    """Return the name of a claim that no person can give themselves, as they can a name or a mail address."""
    if name in _CHANGEABLE_CLAIMS or not re.fullmatch(r"[\x21-\x7e]{1,100}", name):
        raise ValueError("must be a claim that names one person for ever, such as sub or oid; never a name or an email")
    return name


def redirect_uri(text: str) -> str:
    """Return the redirect URI that belongs to the credentials, letter for letter: the ERP compares it."""
    parts = _parts(text)
    if parts is None or not parts.scheme:
        raise ValueError("must be an address such as https://example.com/callback")
    return text


def _parts(text: str) -> SplitResult | None:
    """Return the parts of an address; None where it is none, whatever urlsplit would make of it."""
    if not text.isprintable() or re.search(r'[\s\\<>"{}|^`]', text):
        return None  # urlsplit drops line ends and tabs without a word
    try:
        parts = urlsplit(text)
        valid = bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none, a bracket that does not close
        return None
    return parts if valid else None


def visible_name(name: str) -> str:
    """Return a name that a person can read in a question."""
    if not name.isprintable():
        raise ValueError("must be a short name, such as Acme or Acme Test")
    return name


def header_text(secret: SecretStr) -> SecretStr:
    """Return credentials that can stand in an HTTP header."""
    if not secret.get_secret_value().isascii() or not secret.get_secret_value().isprintable():
        raise ValueError("must be plain ASCII text")
    return secret


def long_enough(pin: SecretStr) -> SecretStr:
    """Return a PIN that takes more than a few guesses."""
    if len(pin.get_secret_value()) < SHORTEST_PIN:
        raise ValueError(f"must have at least {SHORTEST_PIN} characters")
    return pin


def place(text: str) -> str:
    """Return a path, ~ made the home folder."""
    expanded = os.path.expanduser(text)  # pathlib's raises RuntimeError where there is no such user
    if not text.isprintable() or expanded.startswith("~"):
        raise ValueError("must be a path")
    return expanded


def file_place(text: str) -> str:
    """Return the path of a file that is there or can be made, ~ made the home folder."""
    path = place(text)
    if os.path.isdir(path):
        raise ValueError("must name a file, and this is a folder")
    return path


def is_postgres(text: str) -> bool:
    """Tell whether a journal's place is the address of a PostgreSQL database."""
    return text.casefold().startswith(("postgresql://", "postgres://"))


def journal(text: str) -> str:
    """Return where the journal is: a path, or the address of a PostgreSQL database letter for letter."""
    if not is_postgres(text):
        return file_place(text)
    if not text.isprintable() or " " in text or not re.search(r"^[a-z]+://[^/?]*/[^/?]+", text, re.I):
        raise ValueError("must be a path, or an address such as postgresql://user@host/database")
    return text


def without_credentials(text: str) -> str:
    """Return the place of a journal without the user, the password and the parameters of a database's address."""
    if not is_postgres(text):
        return text
    scheme, _, rest = text.partition("://")
    server, _, database = rest.partition("?")[0].rpartition("/")
    # After the last @: a password may hold one; and what stands behind the ? may hold it, too.
    return f"{scheme.lower()}://{server.rpartition('@')[2]}/{database}"


def folder(text: str) -> str:
    """Return the path of a folder that is there, ~ made the home folder."""
    path = place(text)
    if not os.path.isdir(path):
        raise ValueError("must name a folder")
    return path


def amounts(value: object) -> object:
    """Read one amount for every currency, or amounts per currency: `USD=5000, EUR=4500`, or a table of the file."""
    text = bare(value)
    if isinstance(text, str) and "=" in text:
        pairs = [part.partition("=")[::2] for part in text.split(",") if part.strip()]
        table: dict[str, object] = {currency.strip().upper(): amount.strip() for currency, amount in pairs}
        if len(table) != len(pairs):
            raise ValueError("names a currency twice")
    elif isinstance(text, Mapping):
        table = {str(currency).strip().upper(): amount for currency, amount in text.items()}
    else:
        return {"": text}
    if not table or not all(re.fullmatch("[A-Z]{3}", currency) or set(table) == {""} for currency in table):
        raise ValueError("must name currencies by three letters")
    return table


def approvers(value: object) -> object:
    """Read who may approve: `scope:NAME`, `group:NAME` or subjects, with commas between them, or a list of the file."""
    text = bare(value)
    entries = text.split(",") if isinstance(text, str) else text
    if not isinstance(entries, list | tuple) or not all(isinstance(one, str) for one in entries):
        raise ValueError(_WHO)
    found = [one.strip() for one in entries if one.strip()]
    if not found:
        raise ValueError(_WHO)
    return tuple(map(approver, found))


def approver(entry: str) -> str:
    """Return one of them."""
    kind, colon, name = entry.partition(":")
    # A subject may hold a colon itself, but none of these is the beginning of one: it would mean nobody.
    is_slip = colon and kind.strip().lower() in ("scopes", "groups", "group ", "role", "roles", "user", "users", "sub")
    if is_slip or not entry.isprintable() or (kind in ("scope", "group") and not name.strip()):
        raise ValueError(_WHO)
    return entry


_WHO = "must name approvers such as scope:po:approve, group:buyers, or subjects with commas between them"


def limits(value: object) -> object:
    """Read up to which amounts who may approve: `bob: 5000; group:leads: USD=5000, EUR=4500; *: unlimited`."""
    text = bare(value)
    if isinstance(text, str):
        # At the last colon: scopes, and subjects too, hold colons themselves.
        pairs = [part.rpartition(":")[::2] for part in text.split(";") if part.strip()]
    elif isinstance(text, Mapping):
        pairs = [(str(who), amount) for who, amount in text.items()]
    else:
        raise ValueError(LIMITS)
    found = {who.strip(): _limit(amount) for who, amount in pairs}
    if not found or len(found) != len(pairs) or not all(found):
        raise ValueError(LIMITS)
    return {who if who == "*" else approver(who): amount for who, amount in found.items()}


def _limit(amount: object) -> object:
    text = bare(amount)
    return None if isinstance(text, str) and text.casefold() == "unlimited" else amounts(amount)


_AMOUNT = "must be an amount such as 5000 or 5000.00, or amounts per currency such as USD=5000, EUR=4500"
LIMITS = "must name approvers and their limits, such as bob: 5000; group:leads: USD=5000, EUR=4500; *: unlimited"
AMOUNTS = {"create_approval_over": _AMOUNT, "second_approver_over": _AMOUNT, "approver_limits": LIMITS}
"""What settings of amounts must be."""


def proxy(secret: SecretStr) -> SecretStr:
    """Return the address of a proxy, or `system`."""
    text = secret.get_secret_value().strip()
    if text.casefold() == SYSTEM_PROXY:
        return SecretStr(SYSTEM_PROXY)
    parts = _parts(text)
    if parts is None or parts.scheme not in ("http", "https") or parts.path not in ("", "/"):
        raise ValueError(f"must be an address such as http://proxy.example.com:3128, or: {SYSTEM_PROXY}")
    return SecretStr(text)


def find_system_proxy(base_url: str) -> str | None:
    """Return the address of the proxy that the system names for an address; None where it names none.

    Raises:
        ValueError: it is none that can be used, such as one for SOCKS; the text does not show it.
    """
    from urllib.request import getproxies, proxy_bypass  # read late: it is one setting that few make

    url, proxies = urlsplit(base_url), getproxies()
    named = (proxies.get(url.scheme) or proxies.get("all") or "").strip()
    if not named or proxy_bypass(url.hostname or ""):
        return None
    try:
        # HTTPS_PROXY=proxy.example.com:3128 means HTTP to other programs, too.
        return proxy(SecretStr(named if "://" in named else f"http://{named}")).get_secret_value()
    except ValueError:
        # Without the cause: the address may hold a password.
        raise ValueError(
            "PO_MCP_PROXY is system, and the proxy that the system names must have an address such as "
            "http://proxy.example.com:3128"
        ) from None


def zone(name: str) -> str:
    """Return the name if it is one of a time zone."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # read late: it is one setting that few make

    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError("must be a time zone such as Europe/Berlin") from exc


def _letters(text: str) -> str:
    return text.casefold().replace("_", "-").replace(" ", "-")


def check_certificates(path: str, name: str) -> None:
    """Raise `ValueError` for what is no file of certificates; `name` is what leads to it."""
    import ssl  # read late: it is one setting that few make

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as exc:  # ssl.SSLError is one
        raise ValueError(f"{name} must name a readable file of PEM certificates") from exc
