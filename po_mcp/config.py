"""The settings: from the environment first, then one TOML file; never from the working directory.

An editor starts this server inside the project that is open in it, so a file found there could send
the company's credentials anywhere.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

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
from pydantic_core import InitErrorDetails, PydanticCustomError

from po_mcp import config_keys
from po_mcp import config_sources as sources
from po_mcp import config_values as values
from po_mcp.amounts import Price
from po_mcp.connectors.registry import REGISTRY, declared_settings
from po_mcp.errors import ConfigurationError
from po_mcp.scopes import APPROVE

PREFIX = sources.PREFIX
MEMORY = ":memory:"
SHORTEST_PIN = values.SHORTEST_PIN

Approval = Literal["ask", "page"]
ErpCredentials = Literal["shared", "own"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
LogFormat = Literal["text", "json"]

Text = Annotated[str, BeforeValidator(values.bare)]
Secret = Annotated[SecretStr, AfterValidator(values.header_text)]
Seconds = Annotated[float, BeforeValidator(values.number), Field(gt=0, le=3600)]
Margin = Annotated[float, BeforeValidator(values.number), Field(ge=0, le=86400)]


def _find_erp(value: object) -> object:
    """Return the name of an ERP, as the registry writes it."""
    found = values.one_of(*REGISTRY, inventorypro="inventory-pro")(value)
    if found not in REGISTRY:
        raise ValueError(f"must be one of: {', '.join(REGISTRY)}")
    return found


class Settings(BaseModel):
    """What the operator decided. Secrets do not show in its repr.

    Beside these fields it takes the settings that the connectors declare (`erp_settings`), and no other.
    """

    model_config = ConfigDict(frozen=True, extra="allow")

    erp: Annotated[str, BeforeValidator(_find_erp)] = "sandbox"
    base_url: Annotated[Text, AfterValidator(values.base_url)] | None = None
    client_id: Secret | None = None
    client_secret: Secret | None = None
    erp_credentials: Annotated[ErpCredentials, BeforeValidator(values.one_of(*get_args(ErpCredentials)))] = "shared"
    company: Annotated[Text, Field(min_length=1, max_length=60), AfterValidator(values.visible_name)] | None = None
    read_only: Annotated[bool, BeforeValidator(values.bare)] = False
    approval: Annotated[Approval, BeforeValidator(values.one_of(*get_args(Approval)))] = "ask"
    approver_pin: Annotated[SecretStr, AfterValidator(values.long_enough)] | None = None
    approval_ttl: Annotated[Seconds, Field(ge=30)] = 600.0
    # Not in the repr: the address of a database may hold a password.
    journal: Annotated[Text, AfterValidator(values.journal)] | None = Field(default=None, repr=False)
    late_apply: Margin | None = None
    read_lag: Margin | None = None
    create_approval_over: Annotated[dict[str, Price], BeforeValidator(values.amounts)] | None = None
    time_zone: Annotated[Text, AfterValidator(values.zone)] | None = None
    sandbox: Annotated[Text, AfterValidator(values.file_place)] | None = None
    skills: Annotated[Text, AfterValidator(values.folder)] | None = None
    timeout: Seconds = 60.0
    max_requests: Annotated[int, BeforeValidator(values.number), Field(ge=1, le=100)] | None = None
    proxy: Annotated[SecretStr, AfterValidator(values.proxy)] | None = None
    ca_file: Annotated[Text, AfterValidator(values.place)] | None = None
    public_url: Annotated[Text, AfterValidator(values.public_url)] | None = None
    issuer: Annotated[Text, AfterValidator(values.issuer)] | None = None
    audience: Annotated[Text, Field(min_length=1, max_length=300)] | None = None
    person_claim: Annotated[Text, AfterValidator(values.person_claim)] | None = None
    approvers: Annotated[tuple[str, ...], BeforeValidator(values.approvers)] | None = None
    self_approval: Annotated[bool, BeforeValidator(values.bare)] | None = None
    second_approver_over: Annotated[dict[str, Price], BeforeValidator(values.amounts)] | None = None
    approver_limits: Annotated[dict[str, dict[str, Price] | None], BeforeValidator(values.limits)] | None = None
    sign_in_client_id: Annotated[Text, Field(min_length=1, max_length=300)] | None = None
    sign_in_client_secret: Secret | None = None
    keys: Annotated[SecretStr, AfterValidator(config_keys.keys)] | None = None
    replica: Annotated[Text, AfterValidator(values.replica)] | None = None
    calls_per_minute: Annotated[int, BeforeValidator(values.count(10, 100_000))] = 120
    journal_days: Annotated[int, BeforeValidator(values.count(30, 36_500))] | None = None
    otlp_endpoint: Annotated[Text, AfterValidator(values.collector)] | None = None
    log_format: Annotated[LogFormat, BeforeValidator(values.one_of(*get_args(LogFormat)))] = "text"
    log_level: Annotated[LogLevel, BeforeValidator(values.one_of(*get_args(LogLevel), warn="WARNING"))] = "WARNING"

    @model_validator(mode="before")
    @classmethod
    def _read_declared(cls, given: dict[str, Any]) -> dict[str, Any]:
        declared, read, errors = declared_settings(), dict(given), []
        for name in sorted(given.keys() - cls.model_fields.keys()):
            if name not in declared:
                # Without its value, here and below: it may be a secret under a misspelt name.
                errors.append(InitErrorDetails(type="extra_forbidden", loc=(name,), input=None))
                continue
            try:
                read[name] = None if given[name] is None else declared[name].parse(given[name])
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
            raise ValueError(f"{PREFIX}JOURNAL must be a file; {MEMORY} works with the sandbox only")
        if values.is_postgres(self.journal or ""):
            _check_postgres(self.keys)
        self._check_way()
        if self.erp_credentials == "own":
            self._check_own_credentials()
        for name, needed in values.NEEDED:
            if getattr(self, name) is not None and getattr(self, needed) is None:
                raise ValueError(f"{PREFIX}{needed.upper()} is not set; {PREFIX}{name.upper()} needs it")
        for name in erp.needs:
            if (self.erp_settings[name] if name in self.erp_settings else getattr(self, name)) is None:
                raise ValueError(f"{PREFIX}{name.upper()} is not set; {PREFIX}ERP={self.erp} needs it")
        return self

    def _check_way(self) -> None:
        """Raise `ValueError` where the certificates or the proxy for the way to the ERP cannot be used."""
        # Read at the start, so that a wrong file shows here and not as an ERP that cannot be reached.
        if (path := self.ca_path()) is not None:
            values.check_certificates(path, f"{PREFIX}CA_FILE")
        # With either of them the connection is prepared at the start, and not at the first request.
        if (path is not None or self.proxy is not None) and (system := os.environ.get("SSL_CERT_FILE")):
            values.check_certificates(system, "SSL_CERT_FILE")
        if self.proxy_address() == values.SYSTEM_PROXY and self.base_url is not None:
            values.find_system_proxy(self.base_url)

    def _check_own_credentials(self) -> None:
        """Raise `ValueError` where people could not give credentials of their own, or not be kept apart or together."""
        if not REGISTRY[self.erp].personal:
            raise ValueError(f"{PREFIX}ERP_CREDENTIALS must be shared; {PREFIX}ERP={self.erp} has one user")
        # Who it is, where they give them, what seals them; and what one connection is called, for everybody.
        for name in ("issuer", "sign_in_client_id", "keys", "company"):
            if getattr(self, name) is None:
                raise ValueError(f"{PREFIX}{name.upper()} is not set; {PREFIX}ERP_CREDENTIALS=own needs it")

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

    def with_credentials(self, values: Mapping[str, str]) -> Settings:
        """Return the same settings with the ERP credentials of a person: texts by the names of the settings."""
        secret = {"client_id", "client_secret"}
        changed = {name: SecretStr(text) if name in secret else text for name, text in values.items()}
        # Not validated again: each text was when the person entered it.
        return self.model_copy(update=changed)

    def sandbox_path(self) -> str:
        """Return where the sandbox keeps its book: a path, or ":memory:"."""
        return _in_data_folder(self.sandbox or "sandbox.db")

    def journal_path(self) -> str:
        """Return where operations are recorded. A sandbox in memory has its journal there too."""
        if self.journal is None and self.sandbox == MEMORY:
            return MEMORY
        return _in_data_folder(self.journal or "journal.db")

    def journal_name(self) -> str:
        """Return where operations are recorded, for people: without the user and the password of a database."""
        return values.without_credentials(self.journal_path())

    def derive_keys(self, use: str) -> tuple[bytes, ...]:
        """Return the keys for one use, which all replicas have: the first seals, all open; none where none are set."""
        return config_keys.derive(self.keys, use)

    def catalog_folder(self) -> Path | None:
        """Return where the ERP's lists are kept between starts: the user's cache folder; None for a trial ERP."""
        if REGISTRY[self.erp].is_trial:
            return None
        from platformdirs import user_cache_path

        return user_cache_path("po-mcp")

    def date_at(self, seconds: float) -> date:
        """Return the date, `seconds` after 1970, where the company is: in TIME_ZONE, or else on this machine."""
        return datetime.fromtimestamp(seconds).astimezone(self.zone()).date()

    def zone(self) -> tzinfo | None:
        """Return the company's time zone; None for this machine's."""
        if self.time_zone is None:
            return None
        from zoneinfo import ZoneInfo  # read late: it is one setting that few make

        return ZoneInfo(self.time_zone)

    def proxy_address(self) -> str | None:
        """Return the address of the proxy that the operator named, or `system`; None for no proxy."""
        return None if self.proxy is None else self.proxy.get_secret_value()

    def ca_path(self) -> str | None:
        """Return the file of certificates that are trusted, too; a relative one is in the data folder."""
        return None if self.ca_file is None else _in_data_folder(self.ca_file)

    def scopes(self) -> tuple[str, ...]:
        """Return the scopes of a token that these settings have a use for; all of them are asked for at a sign-in."""
        if self.read_only:
            return ("po:read",)
        # Where no form in a client stands for a person's yes, no token of a client need allow it.
        has_form = self.self_approval and self.approval == "ask"
        return ("po:read", "po:write", *(self.approvers_by("scope:") if has_form else ()))

    def approver_entries(self) -> tuple[str, ...]:
        """Return who may approve, where people sign in."""
        return self.approvers or (f"scope:{APPROVE}",)

    def approvers_by(self, prefix: str) -> tuple[str, ...]:
        """Return the names of the scopes (`scope:`) or groups (`group:`) that tell approvers and their limits."""
        entries = (*self.approver_entries(), *(self.approver_limits or {}))
        return tuple(dict.fromkeys(one.removeprefix(prefix) for one in entries if one.startswith(prefix)))

    def bounds(self) -> tuple[float | None, float | None]:
        """Return LATE_APPLY and READ_LAG in seconds; a trial ERP is in this process and has neither."""
        known = 0.0 if REGISTRY[self.erp].is_trial else None
        return (
            known if self.late_apply is None else self.late_apply,
            known if self.read_lag is None else self.read_lag,
        )


def load(environment: Mapping[str, str] | None = None, file: Path | None = None) -> Settings:
    """Return the settings, the environment's before the file's.

    A blank value is one that is not set, and so is a blank field of a bundle, which arrives as ${user_config.name}.

    Args:
        environment: the process's own where None.
        file: a TOML file; where None, config.toml in the user's configuration folder, if there.

    Raises:
        ConfigurationError: one is wrong, missing or not known; the text names it, in one line.
    """
    path = file or config_file()
    found: dict[str, Any] = {}
    named: dict[str, str] = {}
    # The environment last: it wins over the file. No relative file of either is sought in the working directory.
    for source in (sources.read_file(path, file), sources.read_environment(environment, config_file().parent)):
        for name, value in source.resolved().items():
            found[name], named[name] = value, source.named(name)
    beside = path.parent / "skills"
    if "skills" not in found and beside.is_dir():
        found["skills"] = str(beside)
    try:
        return Settings.model_validate(found)
    except ValidationError as exc:
        raise ConfigurationError(one_line(exc, named)) from None  # pydantic's text holds the values


def config_file() -> Path:
    """Return where the settings are read from unless --config names another file."""
    from platformdirs import user_config_path

    return user_config_path("po-mcp") / "config.toml"


def _check_postgres(keys: SecretStr | None) -> None:
    from importlib.util import find_spec  # read late: it is one setting that few make

    # Without them each replica would have its own, and open no question that another has sealed.
    if keys is None:
        raise ValueError(f"{PREFIX}KEYS is not set; a {PREFIX}JOURNAL in PostgreSQL needs it")
    # Looked for and not imported, which takes 50 ms: a command may have no use for the journal.
    if find_spec("psycopg") is None or find_spec("psycopg_pool") is None:
        raise ValueError(f"{PREFIX}JOURNAL in PostgreSQL needs the extra postgres: install '.[postgres]'")


def _in_data_folder(name: str) -> str:
    """Return an absolute path; a relative one is in the user's data folder, never in the working directory."""
    # The address of a database is no path.
    if name == MEMORY or "://" in name or Path(name).is_absolute():
        return name
    from platformdirs import user_data_path

    return str(user_data_path("po-mcp") / name)


def one_line(exc: ValidationError, named: Mapping[str, str]) -> str:
    """Name the first wrong setting and what it must be, without its value.

    Args:
        exc: pydantic's finding.
        named: setting -> what it is called where it was found; PO_MCP_... unless given.
    """
    first = exc.errors(include_input=False, include_url=False)[0]
    if not first["loc"]:
        return _own_words(first)
    name = str(first["loc"][0])
    return f"{named.get(name, sources.name_variable(name))} {_must(name, first)}"


def _own_words(error: Any) -> str:
    return str(error.get("ctx", {}).get("error", error["msg"]))


def _must(name: str, error: Any) -> str:
    """Return what a setting must be, by what pydantic found."""
    kind = str(error["type"])
    if kind == "extra_forbidden":
        return f"is not a setting.{_similar(name)}"
    if name in values.AMOUNTS and not (kind == "value_error" and len(error["loc"]) == 1):
        return values.AMOUNTS[name]
    if name in _WORDS:
        return _WORDS[name]
    if name not in Settings.model_fields:
        return _own_words(error)
    field = Settings.model_fields[name]
    if kind == "literal_error":
        return f"must be one of: {', '.join(get_args(field.annotation))}"
    if kind.startswith("bool"):
        return "must be true or false"
    if kind.startswith(("float", "greater_than", "less_than", "finite")) or _own_words(error) == "must be a number":
        lowest, highest = _SPANS[name]
        return f"must be a number of seconds from {lowest} to {highest}"
    if kind == "value_error":
        return _own_words(error)
    if kind.endswith("too_long"):
        return f"must have at most {error['ctx']['max_length']} characters"
    return "must be text in quotes" if kind.startswith("string") else "has a value of the wrong kind"


_WORDS = {
    "erp": f"must be one of: {', '.join(REGISTRY)}",
    "max_requests": "must be a whole number from 1 to 100",
}
_SPANS = {"timeout": (1, 3600), "approval_ttl": (30, 3600), "late_apply": (0, 86400), "read_lag": (0, 86400)}
"""The seconds that are named in an error. A timeout of less than a second is taken, for tests."""


def _similar(name: str) -> str:
    import difflib  # read late: only where something is wrong

    known = [*Settings.model_fields, *declared_settings()]
    near = difflib.get_close_matches(name.replace("-", "_").lower(), known, n=1, cutoff=0.7)
    return f" Did you mean {near[0] if name.islower() and '-' in name else PREFIX + near[0].upper()}?" if near else ""
