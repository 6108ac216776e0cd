"""Secrets that a setting does not hold itself: they are in a file of their own, or in the system's keyring.

PO_MCP_CLIENT_SECRET_FILE=/run/secrets/erp      the file's text, without the line end
client_secret = "keyring:"                      what the keyring has for the service po-mcp under client_secret
client_secret = "keyring:erp.example.com"       the same, under erp.example.com
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

SECRETS = ("client_id", "client_secret", "approver_pin", "proxy", "journal", "keys", "sign_in_client_secret")
"""The settings that are secrets: each also as `..._FILE`, and from the keyring."""

KEYRING = "keyring:"
SERVICE = "po-mcp"
_MAX_BYTES = 10_000  # a file of a secret has a few


class SecretNotRead(ValueError):
    """The secret is not where the setting says. The message follows the setting's name."""


def forms(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return the secrets of one source, each by the one name that it uses.

    Raises:
        SecretNotRead: a secret and its file are both given; the argument is the secret's name.
    """
    found: dict[str, Any] = {}
    for name in SECRETS:
        given = {form: source[form] for form in (name, f"{name}_file") if form in source}
        if len(given) > 1:
            raise SecretNotRead(name)
        found.update(given)
    return found


def read_file(name: object, folder: Path) -> str:
    """Return the text of a secret's file; a relative one is in `folder`.

    Raises:
        SecretNotRead: there is none, or it holds no one line.
    """
    if not isinstance(name, str):
        raise SecretNotRead("must be a path in quotes")
    path = folder / Path(name.strip()).expanduser()
    try:
        # Before it is read: a wrong path may lead to a file of any size.
        if path.stat().st_size > _MAX_BYTES:
            raise SecretNotRead("must name a file with the secret and nothing else")
        # The line end alone: a blank at the end may be part of the secret. Windows writes a mark at the beginning.
        text = path.read_text(encoding="utf-8-sig").rstrip("\r\n")
    except OSError as exc:
        raise SecretNotRead(f"must name a readable file ({exc.strerror or type(exc).__name__})") from exc
    except ValueError as exc:
        raise SecretNotRead("must name a file with the secret and nothing else") from exc
    if not text.strip() or "\n" in text:
        raise SecretNotRead("must name a file with the secret and nothing else")
    return text


def read_keyring(value: str, setting: str) -> str:
    """Return what the system's keyring has for `keyring:NAME`; NAME is the setting's own where it is left out.

    Raises:
        SecretNotRead: there is no keyring here, or no such entry in it.
    """
    name = value.removeprefix(KEYRING).strip() or setting
    try:
        secret = keyring().get_password(SERVICE, name)
    except ImportError as exc:
        raise SecretNotRead("is in the keyring, but the Python package keyring is not installed") from exc
    except Exception as exc:  # every backend raises errors of its own
        raise SecretNotRead(f"is in the keyring, which cannot be read ({type(exc).__name__})") from exc
    if secret is None:
        raise SecretNotRead(f"is not in the keyring (service {SERVICE}, name {name})")
    return str(secret)


def keyring() -> Any:
    """Return the module of the extra `keyring`. Raises: `ImportError`."""
    return import_module("keyring")
