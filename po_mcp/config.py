"""The settings: from the environment first, then one TOML file; never from the working directory.

An editor starts this server inside the project that is open in it, so a file found there could send
the company's credentials anywhere. This module is the only reader of the environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from po_mcp.connectors.registry import REGISTRY, declared_settings
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


def _check_erp(name: str) -> str:
    if name not in REGISTRY:
        raise ValueError(f"must be one of {', '.join(REGISTRY)}")
    return name


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


def _check_time_zone(name: str) -> str:
    """Return the name if it is one of a time zone."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # read late: it is one setting that few make

    try:
        return ZoneInfo(name).key
    except (ZoneInfoNotFoundError, ValueError, OSError) as exc:
        raise ValueError("must name a time zone such as Europe/Berlin") from exc


def _parse_toml(text: str) -> dict[str, Any]:
    import tomllib  # read late: most starts have no file

    return tomllib.loads(text)


Seconds = Annotated[float, Field(gt=0, le=3600)]


class Settings(BaseModel):
    """What the operator decided. Secrets do not show in its repr.

    Beside these fields it takes the settings that the connectors declare (`erp_settings`), and no other.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    erp: Annotated[str, AfterValidator(_check_erp)] = "sandbox"
    base_url: Annotated[str, AfterValidator(_check_base_url)] | None = None
    client_id: Annotated[SecretStr, AfterValidator(_check_header_text)] | None = None
    client_secret: Annotated[SecretStr, AfterValidator(_check_header_text)] | None = None
    company: Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_check_visible_name)] | None = None
    read_only: bool = False
    approval: Literal["ask", "page"] = "ask"
    approver_pin: Annotated[SecretStr, AfterValidator(_check_pin_length)] | None = None
    approval_ttl: Annotated[Seconds, Field(ge=30)] = 600.0
    journal: str | None = None
    late_apply: Annotated[float, Field(ge=0, le=86400)] | None = None
    read_lag: Annotated[float, Field(ge=0, le=86400)] | None = None
    create_approval_over: Price | None = None
    time_zone: Annotated[str, AfterValidator(_check_time_zone)] | None = None
    sandbox: str | None = None
    timeout: Seconds = 60.0
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "WARNING"

    @model_validator(mode="before")
    @classmethod
    def _read_declared(cls, values: dict[str, Any]) -> dict[str, Any]:
        declared, read, errors = declared_settings(), dict(values), []
        for name in sorted(values.keys() - cls.model_fields.keys()):
            try:
                if name not in declared:
                    raise ValueError("is not a setting of po-mcp")
                read[name] = None if values[name] is None else declared[name].parse(values[name])
            except ValueError as exc:
                error = PydanticCustomError("value_error", "{error}", {"error": str(exc)})
                errors.append(InitErrorDetails(type=error, loc=(name,), input=None))
        if errors:
            raise ValidationError.from_exception_data("Settings", errors)
        return read

    @model_validator(mode="after")
    def _check_complete(self) -> Settings:
        erp = REGISTRY[self.erp]
        if self.journal == MEMORY and not erp.is_trial:
            raise ValueError(f"{PREFIX}JOURNAL must name a file: operations on a real ERP outlive this process")
        for name in erp.needs:
            if (self.erp_settings[name] if name in self.erp_settings else getattr(self, name)) is None:
                raise ValueError(f"{PREFIX}{name.upper()} is missing; ERP {self.erp} needs it")
        return self

    @property
    def erp_settings(self) -> Mapping[str, Any]:
        """The settings that the connectors declare, by name: the parsed value, or the default."""
        made = self.model_extra or {}
        return {
            name: setting.default if made.get(name) is None else made[name]
            for name, setting in declared_settings().items()
        }

    def credentials(self) -> tuple[str, str, str]:
        """Return base URL, client id and client secret of a real ERP."""
        assert self.base_url is not None
        assert self.client_id is not None
        assert self.client_secret is not None
        return self.base_url, self.client_id.get_secret_value(), self.client_secret.get_secret_value()

    def sandbox_path(self) -> str:
        """Return where the sandbox keeps its book: a path, or ":memory:"."""
        return self.sandbox or _data_path("sandbox.db")

    def journal_path(self) -> str:
        """Return where operations are recorded. A sandbox in memory has its journal there too."""
        if self.journal is None and self.sandbox == MEMORY:
            return MEMORY
        return self.journal or _data_path("journal.db")

    def date_at(self, seconds: float) -> date:
        """Return the date, `seconds` after 1970, where the company is: in TIME_ZONE, or else on this machine."""
        return datetime.fromtimestamp(seconds).astimezone(self.zone()).date()

    def zone(self) -> tzinfo | None:
        """Return the company's time zone; None for this machine's."""
        if self.time_zone is None:
            return None
        from zoneinfo import ZoneInfo  # read late: it is one setting that few make

        return ZoneInfo(self.time_zone)

    def bounds(self) -> tuple[float | None, float | None]:
        """Return LATE_APPLY and READ_LAG in seconds; a trial ERP is in this process and has neither."""
        known = 0.0 if REGISTRY[self.erp].is_trial else None
        return (
            known if self.late_apply is None else self.late_apply,
            known if self.read_lag is None else self.read_lag,
        )


def load(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    """Return the settings, the environment's before the file's.

    Args:
        environment: the process's own where None.
        file: a TOML file; where None, config.toml in the user's configuration folder, if there.

    Raises:
        ConfigurationError: one is wrong, missing or not known; the text names it, in one line.
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
        raise ConfigurationError(_format_error(exc)) from None  # pydantic's text holds the values


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
    """Return the file that is read where none is named."""
    from platformdirs import user_config_path

    return user_config_path("po-mcp") / "config.toml"


def _data_path(name: str) -> str:
    from platformdirs import user_data_path

    return str(user_data_path("po-mcp") / name)


def _format_error(exc: ValidationError) -> str:
    """Name the first wrong setting and what is wrong with it, without its value."""
    first = exc.errors(include_input=False, include_url=False)[0]
    name = f"{PREFIX}{str(first['loc'][0]).upper()} " if first["loc"] else ""
    message = first["msg"].removeprefix("Value error, ")
    return f"{name}{message[0].lower() + message[1:] if name else message}"
