"""Where the settings stand: the environment and one TOML file. This module is the only reader of the environment."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from po_mcp import config_secrets as secrets
from po_mcp import config_values as values
from po_mcp.connectors.registry import declared_settings
from po_mcp.errors import ConfigurationError

PREFIX = "PO_MCP_"
_BLANK = re.compile(r"\$\{user_config\.[^}]*\}")
"""What Claude Desktop passes for a field of a bundle that was left blank (modelcontextprotocol/mcpb, MANIFEST.md)."""
_PLACEHOLDER = re.compile(r"\$\{[^}]*\}")


class Source:
    """The settings of one source, the environment or the file, and what they are called there."""

    def __init__(self, given: Mapping[str, Any], folder: Path, named: Callable[[str], str]) -> None:
        self._given, self._folder, self.named = given, folder, named

    def resolved(self) -> dict[str, Any]:
        """Return the values; secrets read from where they are kept, relative files found."""
        found = {name: self._drop_placeholder(name, value) for name, value in self._given.items()}
        try:
            forms = secrets.forms(found)
        except secrets.SecretNotRead as exc:
            name = str(exc)
            raise ConfigurationError(
                f"{self.named(name)} and {self.named(f'{name}_file')} are both set; keep one"
            ) from None
        for form, value in forms.items():
            del found[form]
            found[form.removesuffix("_file")] = self._secret(form, value)
        in_settings_folder = [name for name, setting in declared_settings().items() if setting.is_file]
        for name in (*in_settings_folder, "skills"):
            if isinstance(found.get(name), str):
                # The home folder first: joined, ~ would be a folder of that name.
                found[name] = str(self._folder / os.path.expanduser(str(values.bare(found[name]))))
        return found

    def _drop_placeholder(self, name: str, value: object) -> object:
        """Return a value, unless the host left a placeholder in it. A secret may hold such signs itself."""
        whole = isinstance(value, str) and (_PLACEHOLDER.fullmatch(value.strip()) or _PLACEHOLDER.search(value))
        if whole and (name not in secrets.SECRETS or whole[0] == str(value).strip()):
            left = _legible(whole[0])
            raise ConfigurationError(f"{self.named(name)} was not filled in by the host (it is {left})")
        return value

    def _secret(self, form: str, value: Any) -> Any:
        try:
            if form.endswith("_file"):
                return secrets.read_file(value, self._folder)
            if isinstance(value, str) and value.startswith(secrets.KEYRING):
                return secrets.read_keyring(value, form)
        except secrets.SecretNotRead as exc:
            raise ConfigurationError(f"{self.named(form)} {exc}") from None
        return value


def read_environment(environment: Mapping[str, str] | None, folder: Path) -> Source:
    """Return what the environment sets, the process's own where None; relative files are in `folder`."""
    return Source(_set_in(_from_environment(environment)), folder, name_variable)


def read_file(path: Path, wanted: Path | None) -> Source:
    """Return what the file at `path` sets; nothing where there is none and none is `wanted`."""
    return Source(_set_in(_from_file(path, wanted)), path.parent, lambda name: f"{path}: {_legible(name)}")


def name_variable(setting: str) -> str:
    """Return the environment variable of a setting."""
    return f"{PREFIX}{_legible(setting).upper()}"


def _legible(name: str) -> str:
    """Return a name from outside as one short line."""
    return "".join(letter if letter.isprintable() else "?" for letter in name[:60])


def _from_environment(environment: Mapping[str, str] | None) -> dict[str, Any]:
    variables = os.environ if environment is None else environment
    return {name.removeprefix(PREFIX).lower(): value for name, value in variables.items() if name.startswith(PREFIX)}


def _set_in(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is set: a blank, and what a host passes for a blank, is not."""
    return {
        name: value
        for name, value in given.items()
        if not (isinstance(value, str) and (not value.strip() or _BLANK.fullmatch(value.strip())))
    }


def _from_file(path: Path, wanted: Path | None) -> dict[str, Any]:
    try:
        written = path.read_bytes()
    except FileNotFoundError:
        if wanted is None:
            return {}
        raise ConfigurationError(f"--config: no such file: {path}") from None
    except (OSError, ValueError) as exc:
        raise _unreadable(path, exc) from exc
    import tomllib  # most starts have no file

    try:
        # Editors on Windows write a mark at the beginning, which TOML does not know.
        return tomllib.loads(written.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as exc:
        line = re.search(r"line (\d+)", str(exc))
        raise ConfigurationError(f"{path}{f', line {line[1]}' if line else ''}: not valid TOML") from None
    except (ValueError, RecursionError) as exc:
        raise _unreadable(path, exc) from exc


def _unreadable(path: Path, exc: Exception) -> ConfigurationError:
    return ConfigurationError(f"{path}: cannot be read ({type(exc).__name__})")
