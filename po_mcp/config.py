"""The settings, from the environment and then from one TOML file, never from the working directory.

An editor starts this server inside the project that is open in it, so a file in that directory could send
the company's credentials anywhere. This module is the only reader of the environment.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)

from po_mcp.errors import ConfigurationError
from po_mcp.orders import Price

PREFIX = "PO_MCP_"
MEMORY = ":memory:"
_MIN_PIN_CHARS = 6
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def _check_base_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be an address such as https://erp.example.com")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ValueError("must begin with https:// (http:// is taken for this machine only)")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be scheme, host and path only, without a user name, query or fragment")
    return text.rstrip("/")


def _check_visible_name(name: str) -> str:
    if not name.isprintable() or name != name.strip():
        raise ValueError("must be a short name, such as Acme or Acme Test")
    return name


def _check_header_text(secret: SecretStr) -> SecretStr:
    if not secret.get_secret_value().isascii() or not secret.get_secret_value().isprintable():
        raise ValueError("must be plain ASCII text")
    return secret


def _check_pin_length(pin: SecretStr) -> SecretStr:
    if len(pin.get_secret_value()) < _MIN_PIN_CHARS:
        raise ValueError(f"must have at least {_MIN_PIN_CHARS} characters")
    return pin


def _read_vendor_ids(value: object) -> dict[str, int]:
    """Read the file that VENDOR_IDS names: a JSON object or a TOML table of vendor name -> vendorID."""
    if isinstance(value, Mapping):
        table: Any = dict(value)
    else:
        path = Path(str(value)).expanduser()
        try:
            text = path.read_text(encoding="utf-8")
            table = json.loads(text) if path.suffix == ".json" else _parse_toml(text)
        except (OSError, ValueError) as exc:
            raise ValueError("must name a readable .toml or .json file of vendor name = vendorID") from exc
    if not isinstance(table, dict) or not all(type(number) is int and number > 0 for number in table.values()):
        raise ValueError('must hold lines such as "Acme Fasteners" = 12, each id a whole number')
    return table


def _parse_pairs(value: object) -> object:
    """Parse `call=version, call=version` into a mapping; a table of the file is returned unchanged."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    return {name.strip(): version.strip() for name, _, version in pairs}


def _check_time_zone(name: str) -> str:
    """Return the name if there is such a time zone."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # imported late: few users set this

    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError("must name a time zone such as Europe/Berlin") from exc


def _parse_toml(text: str) -> dict[str, Any]:
    import tomllib  # imported late: most users have no file

    return tomllib.loads(text)


Seconds = Annotated[float, Field(gt=0, le=3600)]


class Settings(BaseModel):
    """The operator's settings. The repr does not show secrets."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    erp: Literal["sandbox", "inventory-pro", "exsited", "tryton"] = "sandbox"
    base_url: Annotated[str, AfterValidator(_check_base_url)] | None = None
    client_id: Annotated[SecretStr, AfterValidator(_check_header_text)] | None = None
    client_secret: Annotated[SecretStr, AfterValidator(_check_header_text)] | None = None
    redirect_uri: str | None = None
    company: Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_check_visible_name)] | None = None
    vendor_ids: Annotated[dict[str, int], BeforeValidator(_read_vendor_ids)] = {}
    read_only: bool = False
    approval: Literal["ask", "page"] = "ask"
    approver_pin: Annotated[SecretStr, AfterValidator(_check_pin_length)] | None = None
    approval_ttl: Annotated[Seconds, Field(ge=30)] = 600.0
    journal: str | None = None
    late_apply: Annotated[float, Field(ge=0, le=86400)] | None = None
    read_lag: Annotated[float, Field(ge=0, le=86400)] | None = None
    api_versions: Annotated[dict[str, str], BeforeValidator(_parse_pairs)] = {}
    create_approval_over: Price | None = None
    time_zone: Annotated[str, AfterValidator(_check_time_zone)] | None = None
    sandbox: str | None = None
    timeout: Seconds = 60.0
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"

    @model_validator(mode="after")
    def _check_complete(self) -> Settings:
        needed = {
            "sandbox": (),
            "inventory-pro": ("base_url", "client_id", "client_secret"),
            "exsited": ("base_url", "client_id", "client_secret", "redirect_uri"),
            "tryton": ("base_url", "client_id", "client_secret"),
        }[self.erp]
        if self.journal == MEMORY and self.erp != "sandbox":
            raise ValueError(f"{PREFIX}JOURNAL must name a file: operations on a real ERP outlive this process")
        for name in needed:
            if getattr(self, name) is None:
                raise ValueError(f"{PREFIX}{name.upper()} is missing; ERP {self.erp} needs it")
        return self

    def credentials(self) -> tuple[str, str, str]:
        """Return base URL, client id and client secret of a real ERP."""
        assert self.base_url is not None
        assert self.client_id is not None
        assert self.client_secret is not None
        return self.base_url, self.client_id.get_secret_value(), self.client_secret.get_secret_value()

    def sandbox_path(self) -> str:
        """Return the path of the sandbox's book, or ":memory:"."""
        return self.sandbox or _data_path("sandbox.db")

    def journal_path(self) -> str:
        """Return the path of the journal, or ":memory:" for a sandbox in memory."""
        if self.journal is None and self.sandbox == MEMORY:
            return MEMORY
        return self.journal or _data_path("journal.db")

    def date_at(self, seconds: float) -> date:
        """Return the date at `seconds` after 1970 in TIME_ZONE, or else in the zone of this machine."""
        if self.time_zone is None:
            return datetime.fromtimestamp(seconds).astimezone().date()
        from zoneinfo import ZoneInfo

        return datetime.fromtimestamp(seconds, ZoneInfo(self.time_zone)).date()

    def bounds(self) -> tuple[float | None, float | None]:
        """Return LATE_APPLY and READ_LAG in seconds, None where unknown; both are 0 for the sandbox in this process."""
        known = 0.0 if self.erp == "sandbox" else None
        return (
            known if self.late_apply is None else self.late_apply,
            known if self.read_lag is None else self.read_lag,
        )


def load(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    """Return the settings; the environment overrides the file.

    Args:
        environment: the variables, by default those of the process.
        file: a TOML file, by default config.toml in the user's configuration folder, if it exists.

    Raises:
        ConfigurationError: a setting is wrong, missing or unknown; the message names it, in one line.
    """
    variables = os.environ if environment is None else environment
    from_environment = {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX) and value != ""
    }
    try:
        return Settings.model_validate({**_read_file(file), **from_environment})
    except ValidationError as exc:
        raise ConfigurationError(
            _format_error(exc)
        ) from None  # pydantic's message contains the values, secrets among them


def _read_file(file: Path | None) -> dict[str, Any]:
    path = file or default_file()
    try:
        return _parse_toml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if file is None:
            return {}
        raise ConfigurationError(f"--config: there is no file {file}") from None
    except (OSError, ValueError) as exc:
        raise ConfigurationError(f"{path}: cannot be read as TOML ({type(exc).__name__})") from exc


def default_file() -> Path:
    """Return the default configuration file."""
    from platformdirs import user_config_path

    return user_config_path("po-mcp") / "config.toml"


def _data_path(name: str) -> str:
    from platformdirs import user_data_path

    return str(user_data_path("po-mcp") / name)


def _format_error(exc: ValidationError) -> str:
    """Return the name of the first wrong setting and its problem, without its value."""
    first = exc.errors(include_input=False, include_url=False)[0]
    name = f"{PREFIX}{str(first['loc'][0]).upper()} " if first["loc"] else ""
    if first["type"] == "extra_forbidden":
        return f"{name}is not a setting of po-mcp"
    message = first["msg"].removeprefix("Value error, ")
    return f"{name}{message[0].lower() + message[1:] if name else message}"
