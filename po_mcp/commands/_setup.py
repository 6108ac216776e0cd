"""What `po-mcp init` writes: config.toml and, beside it or in the keyring, the secrets. All of it or nothing."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from po_mcp import config_secrets
from po_mcp.commands._hosts import stamp
from po_mcp.config import Settings, one_line
from po_mcp.errors import ConfigurationError
from po_mcp.hosts import toml
from po_mcp.hosts.change import replace

Stage = Literal["sandbox", "reading", "first order", "live"]

FIRST_ORDERS = "0"
"""CREATE_APPROVAL_OVER while the first orders are made: every order is put to a person."""

_HIDDEN = ("client_secret", "approver_pin")
_HEADER = "# Settings of po-mcp, made by po-mcp init. All of them: docs/settings.md\n"


@dataclass(frozen=True)
class Draft:
    """What would be written.

    Attributes:
        path: the file of settings.
        values: setting -> its value; None takes it out of the file.
        secrets: secret -> its text, kept outside the file.
        in_keyring: whether the secrets go into the system's keyring, else into files of their own.
    """

    path: Path
    values: Mapping[str, Any]
    secrets: Mapping[str, str]
    in_keyring: bool

    def text(self) -> str:
        """Return config.toml as it would be; comments and other settings of an old one stay.

        Raises:
            ConfigurationError: the old file is kept in a form that is not changed here.
        """
        old = read_text(self.path)
        text, expected = old or _HEADER, dict(_document(old))
        changes: dict[str, Any] = dict(self.values)
        # A secret kept in two places would be changed in one of them some day.
        for name in self.secrets:
            changes |= {name: None, f"{name}_file": None, **self._reference(name)}
        for name, value in changes.items():
            expected.pop(name, None)
            if value is None:
                text = toml.remove_key(text, name)
            else:
                text = toml.set_key(text, name, value)
                expected[name] = value
        # The writer knows plain lines only: read again, a file in another form shows what it made of it.
        if _document(text) != expected:
            raise ConfigurationError(f"{self.path}: it is written in a form that is not changed here; edit it by hand")
        return text

    def _reference(self, name: str) -> dict[str, str]:
        if self.in_keyring:
            return {name: f"{config_secrets.KEYRING}{self.entry(name)}"}
        return {f"{name}_file": self.entry(name)}

    def entry(self, name: str) -> str:
        """Return the keyring's name for a secret, or the name of its file: one for each address and client id."""
        # Setting up another ERP, or stopping half way, must not overwrite the secret that is in use.
        whose = f"{self.values.get('erp')} {self.values.get('base_url')} {self.values.get('client_id')}"
        return f"{name}-{hashlib.sha256(whose.encode()).hexdigest()[:12]}"

    def save(self) -> Path | None:
        """Write it all, and return where the old file is kept. Ctrl-C is ignored for that moment.

        Raises:
            ConfigurationError: something cannot be written; then nothing is.
        """
        text = self.text()
        with _ignore_signals(), contextlib.ExitStack() as undo:
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                for name, secret in self.secrets.items():
                    undo.callback(self._keep(name, secret))
                # Last of all: a file that names secrets must not be there before they are.
                backup = self._back_up()
                replace(self.path, text.encode())
                self.path.chmod(0o600)
            except OSError as exc:
                raise ConfigurationError(f"{self.path}: cannot be written ({exc.strerror or exc})") from exc
            # Else all of it would be put back as the block ends.
            undo.pop_all()
        return backup

    def _keep(self, name: str, secret: str) -> Callable[[], None]:
        """Keep a secret, and return what puts back what was there."""
        if self.in_keyring:
            return _keep_in_keyring(self.entry(name), secret)
        path = self.path.with_name(self.entry(name))
        old = path.read_bytes() if path.exists() else None
        replace(path, secret.encode())
        path.chmod(0o600)
        return lambda: path.unlink() if old is None else replace(path, old)

    def _back_up(self) -> Path | None:
        if not self.path.exists():
            return None
        backup = self.path.with_name(f"{self.path.name}.before-{stamp()}")
        shutil.copyfile(self.path, backup)
        backup.chmod(0o600)  # an old file may hold a secret
        return backup


def need_changeable(path: Path) -> None:
    """See that config.toml can be changed, before a person has answered anything.

    Raises:
        ConfigurationError: it cannot be read or written, or is no TOML.
    """
    _document(read_text(path))
    # The folder may be missing; then the nearest one that there is decides.
    there = next(place for place in (path, *path.parents) if place.exists())
    if not os.access(there, os.W_OK):
        raise ConfigurationError(f"{path}: cannot be written (no right to write {there})")


def shown(text: str) -> str:
    """Return a file of settings for the screen, what is secret hidden."""
    return "".join(
        f"{name.rstrip()} = (hidden)\n"
        if (name := line.partition("=")[0]).strip() in _HIDDEN and config_secrets.KEYRING not in line
        else line
        for line in text.splitlines(keepends=True)
    )


def checked(name: str, value: str) -> str:
    """Return a value if it fits its setting.

    Raises:
        ConfigurationError: it does not, or is blank; the text begins with the setting's name in the file.
    """
    if not value:
        # The settings themselves take a blank for what is not set.
        raise ConfigurationError(f"{name} must not be blank")
    try:
        settings = Settings.model_validate({name: value})
    except ValidationError as exc:
        raise ConfigurationError(one_line(exc, {name: name})) from None
    kept = getattr(settings, name)
    # As the settings keep it: `checked` may have mended case or blanks.
    return kept if isinstance(kept, str) else value


def stage_of(settings: Settings) -> Stage:
    """Return how far these settings have come on the way to working orders in earnest."""
    if settings.erp == "sandbox":
        return "sandbox"
    if settings.read_only:
        return "reading"
    return "first order" if settings.create_approval_over == {"": Decimal(0)} else "live"


def usable_keyring() -> bool:
    """Whether this computer has a keyring that keeps secrets."""
    try:
        backend = config_secrets.keyring().get_keyring()
        return bool(backend.priority > 0)  # those that keep nothing have 0 or less
    except Exception:  # not installed, or a backend's own error: there is none to use
        return False


def read_text(path: Path) -> str:
    """Return the text of the file of settings; empty where there is none."""
    try:
        return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as exc:
        raise ConfigurationError(f"{path}: cannot be read ({type(exc).__name__})") from exc


def _document(text: str) -> dict[str, Any]:
    try:
        return toml.read(text)
    except toml.NotReadable as exc:
        raise ConfigurationError(f"config.toml, {exc}") from None


def _keep_in_keyring(entry: str, secret: str) -> Callable[[], None]:
    keyring = config_secrets.keyring()
    try:
        old = keyring.get_password(config_secrets.SERVICE, entry)
        keyring.set_password(config_secrets.SERVICE, entry, secret)
        # Read back: some backends take a secret without a word and keep nothing.
        kept = keyring.get_password(config_secrets.SERVICE, entry)
    except Exception as exc:  # every backend raises errors of its own
        raise ConfigurationError(f"The keyring cannot be used ({type(exc).__name__})") from exc
    if kept != secret:
        raise ConfigurationError("The keyring did not keep the secret")

    def put_back() -> None:
        if old is None:
            keyring.delete_password(config_secrets.SERVICE, entry)
        else:
            keyring.set_password(config_secrets.SERVICE, entry, old)

    return put_back


@contextlib.contextmanager
def _ignore_signals() -> Iterator[None]:
    """Ignore Ctrl-C, a closed terminal and a polite end for a moment."""
    # A set: where there is no SIGHUP, to set SIGTERM twice would put it back as ignored.
    kept = {
        number: signal.signal(number, signal.SIG_IGN)
        for number in {signal.SIGINT, signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)}
    }
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)
