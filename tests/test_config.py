"""Settings: where they come from, what is refused, and that no secret shows."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import cast

import pytest

from po_mcp.config import Settings, load
from po_mcp.config_secrets import SECRETS
from po_mcp.errors import ConfigurationError

REAL = {
    "PO_MCP_ERP": "inventory-pro",
    "PO_MCP_BASE_URL": "https://erp.example.com/",
    "PO_MCP_CLIENT_ID": "an-id",
    "PO_MCP_CLIENT_SECRET": "a-secret",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.touch()
    return path


def test_no_setting_at_all_is_the_sandbox(file: Path) -> None:
    settings = load({"HOME": "/nowhere", "PATH": "/bin"}, file)

    assert (settings.erp, settings.read_only, settings.approval_ttl) == ("sandbox", False, 600)


def test_the_environment_stands_before_the_file(file: Path) -> None:
    file.write_text('erp = "exsited"\ntimeout = 5\n')

    settings = load(REAL, file)

    assert (settings.erp, settings.timeout) == ("inventory-pro", 5)
    assert settings.base_url == "https://erp.example.com"


def test_an_empty_variable_is_one_that_is_not_set(file: Path) -> None:
    assert load({"PO_MCP_ERP": "", "PO_MCP_BASE_URL": ""}, file).erp == "sandbox"


OWN = {
    **REAL,
    "PO_MCP_ERP_CREDENTIALS": "own",
    "PO_MCP_COMPANY": "Acme",
    "PO_MCP_ISSUER": "https://login.example.com",
    "PO_MCP_PUBLIC_URL": "https://po.example.com",
    "PO_MCP_SIGN_IN_CLIENT_ID": "page",
    "PO_MCP_KEYS": "0123456789abcdef0123456789abcdef",
}


@pytest.mark.parametrize("name", ["COMPANY", "SIGN_IN_CLIENT_ID", "KEYS", "CLIENT_ID"])
def test_own_credentials_need_what_keeps_people_apart_and_together(file: Path, name: str) -> None:
    assert load(OWN, file).erp_credentials == "own"
    needed_by = "PO_MCP_ERP=inventory-pro" if name == "CLIENT_ID" else "PO_MCP_ERP_CREDENTIALS=own"
    with pytest.raises(ConfigurationError, match=f"PO_MCP_{name} is not set; {needed_by} needs it"):
        load({**OWN, f"PO_MCP_{name}": ""}, file)


def test_own_credentials_need_people_who_sign_in_and_an_erp_with_users(file: Path) -> None:
    nobody = {name: text for name, text in OWN.items() if name not in ("PO_MCP_ISSUER", "PO_MCP_PUBLIC_URL")}
    with pytest.raises(ConfigurationError, match="PO_MCP_ISSUER is not set; PO_MCP_ERP_CREDENTIALS=own needs it"):
        load(nobody, file)
    with pytest.raises(ConfigurationError, match="must be shared; PO_MCP_ERP=sandbox has one user"):
        load({**OWN, "PO_MCP_ERP": "sandbox"}, file)
    with pytest.raises(ConfigurationError, match="PO_MCP_ERP_CREDENTIALS must be one of: shared, own"):
        load({**OWN, "PO_MCP_ERP_CREDENTIALS": "each"}, file)


def test_a_file_in_the_working_directory_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("config.toml", ".env", "po-mcp.toml", "pyproject.toml"):
        (tmp_path / name).write_text('erp = "exsited"\n')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))

    assert load({}).erp == "sandbox"


def test_the_file_of_the_users_configuration_folder_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from platformdirs import user_config_path

    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = user_config_path("po-mcp")
    folder.mkdir(parents=True)
    (folder / "config.toml").write_text("timeout = 7\n")

    assert load({}).timeout == 7


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"PO_MCP_BASE_URL": "http://erp.example.com"}, "PO_MCP_BASE_URL must start with https://"),
        (
            {"PO_MCP_BASE_URL": "https://me:a-secret@erp.example.com"},
            "PO_MCP_BASE_URL must not contain a user name, query or fragment",
        ),
        (
            {"PO_MCP_BASE_URL": "https://erp.example.com?key=a-secret"},
            "PO_MCP_BASE_URL must not contain a user name, query or fragment",
        ),
        ({"PO_MCP_BASE_URL": "file:///etc/passwd"}, "PO_MCP_BASE_URL must be an address"),
        ({"PO_MCP_CLIENT_SECRET": "a-secret\r\nX: y"}, "PO_MCP_CLIENT_SECRET must be plain ASCII text"),
        ({"PO_MCP_CLIENT_SECRET": ""}, "PO_MCP_CLIENT_SECRET is not set; PO_MCP_ERP=inventory-pro needs it"),
        ({"PO_MCP_ERP": "exsited"}, "PO_MCP_REDIRECT_URI is not set; PO_MCP_ERP=exsited needs it"),
        ({"PO_MCP_APPROVAL_TTL": "1"}, "PO_MCP_APPROVAL_TTL must be a number of seconds from 30 to 3600"),
        ({"PO_MCP_VENDOR_IDS": "/no/such/file.toml"}, "PO_MCP_VENDOR_IDS must name a readable .toml or .json file"),
        ({"PO_MCP_VENDOR_IDS": "~nobody-of-this-name/x.toml"}, "PO_MCP_VENDOR_IDS must name a readable"),
        ({"PO_MCP_CONFIRM": "false"}, "PO_MCP_CONFIRM is not a setting."),
        ({"PO_MCP_A\nB": "false"}, "PO_MCP_A?B is not a setting."),
        ({"PO_MCP_LOGLEVEL": "INFO"}, "PO_MCP_LOGLEVEL is not a setting. Did you mean PO_MCP_LOG_LEVEL?"),
        ({"PO_MCP_ERP": "sap"}, "PO_MCP_ERP must be one of: sandbox, inventory-pro, exsited"),
        ({"PO_MCP_LOG_LEVEL": "loud"}, "PO_MCP_LOG_LEVEL must be one of: DEBUG, INFO, WARNING, ERROR"),
        ({"PO_MCP_READ_ONLY": "perhaps"}, "PO_MCP_READ_ONLY must be true or false"),
        ({"PO_MCP_TIMEOUT": "60s"}, "PO_MCP_TIMEOUT must be a number of seconds from 1 to 3600"),
        ({"PO_MCP_TIMEOUT": "nan"}, "PO_MCP_TIMEOUT must be a number of seconds from 1 to 3600"),
        ({"PO_MCP_TIMEOUT": "inf"}, "PO_MCP_TIMEOUT must be a number of seconds from 1 to 3600"),
        ({"PO_MCP_READ_LAG": "-1"}, "PO_MCP_READ_LAG must be a number of seconds from 0 to 86400"),
        ({"PO_MCP_CREATE_APPROVAL_OVER": "5,000"}, "PO_MCP_CREATE_APPROVAL_OVER must be an amount such as 5000"),
        ({"PO_MCP_SECOND_APPROVER_OVER": "lots"}, "PO_MCP_SECOND_APPROVER_OVER must be an amount such as 5000"),
        ({"PO_MCP_APPROVERS": " , "}, "PO_MCP_APPROVERS must name approvers such as scope:po:approve, group:buyers"),
        ({"PO_MCP_APPROVERS": "groups:leads"}, "PO_MCP_APPROVERS must name approvers"),
        ({"PO_MCP_APPROVERS": "bob, group:"}, "PO_MCP_APPROVERS must name approvers"),
        ({"PO_MCP_APPROVER_LIMITS": "bob"}, "PO_MCP_APPROVER_LIMITS must name approvers and their limits, such as"),
        ({"PO_MCP_APPROVER_LIMITS": "bob: much"}, "PO_MCP_APPROVER_LIMITS must name approvers and their limits"),
        ({"PO_MCP_APPROVER_LIMITS": "bob: 1; bob: 2"}, "PO_MCP_APPROVER_LIMITS must name approvers and their limits"),
        ({"PO_MCP_APPROVERS": "bob"}, "PO_MCP_ISSUER is not set; PO_MCP_APPROVERS needs it"),
        ({"PO_MCP_SECOND_APPROVER_OVER": "5"}, "PO_MCP_ISSUER is not set; PO_MCP_SECOND_APPROVER_OVER needs it"),
        ({"PO_MCP_APPROVER_LIMITS": "bob: 5"}, "PO_MCP_ISSUER is not set; PO_MCP_APPROVER_LIMITS needs it"),
        ({"PO_MCP_SELF_APPROVAL": "true"}, "PO_MCP_ISSUER is not set; PO_MCP_SELF_APPROVAL needs it"),
        ({"PO_MCP_SIGN_IN_CLIENT_ID": "page"}, "PO_MCP_ISSUER is not set; PO_MCP_SIGN_IN_CLIENT_ID needs it"),
        ({"PO_MCP_PERSON_CLAIM": "oid"}, "PO_MCP_ISSUER is not set; PO_MCP_PERSON_CLAIM needs it"),
        ({"PO_MCP_PERSON_CLAIM": "email"}, "PO_MCP_PERSON_CLAIM must be a claim that names one person for ever"),
        ({"PO_MCP_PERSON_CLAIM": "a b"}, "PO_MCP_PERSON_CLAIM must be a claim that names one person for ever"),
        (
            {"PO_MCP_SIGN_IN_CLIENT_SECRET": "a-secret"},
            "PO_MCP_SIGN_IN_CLIENT_ID is not set; PO_MCP_SIGN_IN_CLIENT_SECRET",
        ),
        ({"PO_MCP_TIME_ZONE": "Mars/Base"}, "PO_MCP_TIME_ZONE must be a time zone such as Europe/Berlin"),
        ({"PO_MCP_COMPANY": "x" * 61}, "PO_MCP_COMPANY must have at most 60 characters"),
        ({"PO_MCP_JOURNAL": "~nobody-of-this-name/x.db"}, "PO_MCP_JOURNAL must be a path"),
        ({"PO_MCP_JOURNAL": "postgresql://po:a-secret@db"}, "PO_MCP_JOURNAL must be a path, or an address such as"),
        ({"PO_MCP_JOURNAL": "postgresql://po@db/po"}, "PO_MCP_KEYS is not set; a PO_MCP_JOURNAL in PostgreSQL needs"),
        ({"PO_MCP_MAX_REQUESTS": "0"}, "PO_MCP_MAX_REQUESTS must be a whole number from 1 to 100"),
        ({"PO_MCP_MAX_REQUESTS": "2.5"}, "PO_MCP_MAX_REQUESTS must be a whole number from 1 to 100"),
        ({"PO_MCP_KEYS": "short"}, "PO_MCP_KEYS must be random keys of at least 32 characters, with commas between"),
        ({"PO_MCP_KEYS": " , "}, "PO_MCP_KEYS must be random keys of at least 32 characters, with commas between"),
        ({"PO_MCP_KEYS": "a" * 64}, "PO_MCP_KEYS must be random keys, each of them once"),
        ({"PO_MCP_KEYS": f"{'0123456789abcdef' * 4}, " * 2}, "PO_MCP_KEYS must be random keys, each of them once"),
        ({"PO_MCP_JOURNAL": ":memory:"}, "PO_MCP_JOURNAL must be a file; :memory: works with the sandbox only"),
        ({"PO_MCP_REDIRECT_URI": "the callback"}, "PO_MCP_REDIRECT_URI must be an address such as https://"),
        ({"PO_MCP_API_VERSIONS": "foo"}, "PO_MCP_API_VERSIONS must be pairs such as list=v3,create=v2"),
        ({"PO_MCP_API_VERSIONS": "list=3"}, "PO_MCP_API_VERSIONS must be pairs"),
        ({"PO_MCP_API_VERSIONS": "list=v3,LIST=v4"}, "PO_MCP_API_VERSIONS must be pairs"),
    ],
    ids=str,
)
def test_a_wrong_setting_is_named_in_one_line_without_its_value(changes: dict[str, str], said: str, file: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load({**REAL, **changes}, file)

    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)
    assert "a-secret" not in str(caught.value)
    assert caught.value.__cause__ is None


TEAM = {"PO_MCP_ISSUER": "https://login.example.com", "PO_MCP_PUBLIC_URL": "https://po.example.com"}


def test_approvers_and_their_limits_are_read_from_a_line_or_from_tables_of_the_file(file: Path) -> None:
    line = {
        "PO_MCP_APPROVERS": "group:leads, google-oauth2|42,scope:po:approve",
        "PO_MCP_APPROVER_LIMITS": "google-oauth2|42: 20000; group:leads: usd=5000, EUR=4500.50; *: Unlimited",
    }
    of_line = load({**REAL, **TEAM, **line}, file)
    file.write_text(
        'approvers = ["group:leads", "google-oauth2|42", "scope:po:approve"]\n[approver_limits]\n'
        '"google-oauth2|42" = "20000"\n"group:leads" = {USD = "5000", EUR = "4500.50"}\n"*" = "unlimited"\n'
    )
    of_file = load({**REAL, **TEAM}, file)

    assert of_line.approvers == of_file.approvers == ("group:leads", "google-oauth2|42", "scope:po:approve")
    assert of_line.approver_limits == of_file.approver_limits
    assert of_file.approver_limits == {
        "google-oauth2|42": {"": Decimal(20000)},
        "group:leads": {"USD": Decimal(5000), "EUR": Decimal("4500.50")},
        "*": None,
    }
    assert (of_file.approvers_by("group:"), of_file.approvers_by("scope:")) == (("leads",), ("po:approve",))


def test_a_scope_to_approve_is_asked_of_assistants_only_where_their_form_may_count(file: Path) -> None:
    asked = {}
    for name, more in {
        "nobody's own": {},
        "own": {"PO_MCP_SELF_APPROVAL": "true"},
        "own, by the page": {"PO_MCP_SELF_APPROVAL": "true", "PO_MCP_APPROVAL": "page"},
        "own, by group": {"PO_MCP_SELF_APPROVAL": "true", "PO_MCP_APPROVERS": "group:leads"},
    }.items():
        asked[name] = load({**REAL, **TEAM, **more}, file).scopes()[2:]

    assert asked == {"nobody's own": (), "own": ("po:approve",), "own, by the page": (), "own, by group": ()}


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", "http://localhost:8000/api/v1", "http://[::1]:8000"])
def test_plain_http_is_taken_for_this_machine_only(url: str, file: Path) -> None:
    assert load({**REAL, "PO_MCP_BASE_URL": url}, file).base_url == url


@pytest.mark.parametrize(
    ("name", "content"), [("ids.toml", '"Acme Fasteners" = 12\n'), ("ids.json", '{"Acme Fasteners": 12}')]
)
def test_vendor_ids_are_read_from_a_file(name: str, content: str, tmp_path: Path, file: Path) -> None:
    (tmp_path / name).write_text(content)

    assert load({"PO_MCP_VENDOR_IDS": str(tmp_path / name)}, file).erp_settings["vendor_ids"] == {"Acme Fasteners": 12}


@pytest.mark.parametrize(
    "content", ['"Acme" = "12"\n', '"Acme" = true\n', '"Acme" = 0\n', '"Acme" = 1.5\n', "Acme = \n"]
)
def test_vendor_ids_that_are_not_whole_numbers_are_refused(content: str, tmp_path: Path, file: Path) -> None:
    (tmp_path / "ids.toml").write_text(content)

    with pytest.raises(ConfigurationError, match="PO_MCP_VENDOR_IDS"):
        load({"PO_MCP_VENDOR_IDS": str(tmp_path / "ids.toml")}, file)


def test_a_file_that_is_not_there_or_not_toml_is_named(tmp_path: Path, file: Path) -> None:
    with pytest.raises(ConfigurationError, match="--config: no such file: "):
        load({}, tmp_path / "absent.toml")
    file.write_text("client_secret = a-secret")
    with pytest.raises(ConfigurationError, match="line 1: not valid TOML") as caught:
        load({}, file)
    assert "a-secret" not in str(caught.value)


def test_no_secret_shows_in_the_settings_repr(file: Path) -> None:
    assert "a-secret" not in repr(load(REAL, file))
    assert "an-id" not in repr(load(REAL, file))


@pytest.mark.parametrize(
    "url",
    [
        *(
            "https://host:abc",
            "https://host:443:80",
            "https://[::1]:99999",
            "https://host:0",
            "https://[::1",
            "https://",
        ),
        *("https://ho\nst", "https://host\t", "https://ho st", "https://host\\@evil", "erp.example.com", "https:/host"),
        *("ftp://host", "https://:443", "//host", "https://host/<x>", "https://host|x"),
    ],
)
def test_an_odd_address_is_refused_by_name(url: str, file: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load({**REAL, "PO_MCP_BASE_URL": url + "/x"}, file)

    assert str(caught.value) == "PO_MCP_BASE_URL must be an address such as https://erp.example.com"


@pytest.mark.parametrize(
    ("url", "taken"),
    [
        ("  https://erp.example.com/  ", "https://erp.example.com"),
        ("HTTPS://erp.example.com:443/api", "https://erp.example.com:443/api"),
        ("https://erp.example.com:", "https://erp.example.com"),
        ('"https://erp.example.com"', "https://erp.example.com"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_address_is_taken_where_one_thing_is_meant(url: str, taken: str, file: Path) -> None:
    assert load({**REAL, "PO_MCP_BASE_URL": url}, file).base_url == taken


@pytest.mark.parametrize(
    ("variable", "value", "taken"),
    [
        *(
            ("ERP", text, "inventory-pro")
            for text in ("Inventory-Pro", "INVENTORY_PRO", " inventory pro ", "InventoryPro")
        ),
        *(("LOG_LEVEL", text, "INFO") for text in ("info", " Info", '"INFO"')),
        ("LOG_LEVEL", "warn", "WARNING"),
        *(("READ_ONLY", text, True) for text in ("TRUE", " yes ", "1", "on", "'true'")),
        ("APPROVAL", "Page", "page"),
        ("TIMEOUT", " 30 ", 30.0),
        ("TIME_ZONE", " Europe/Berlin ", "Europe/Berlin"),
        ("API_VERSIONS", " List=V3 , create = v2,", {"list": "v3", "create": "v2"}),
        ("COMPANY", " Acme Test ", "Acme Test"),
    ],
)
def test_case_blanks_and_quotes_are_forgiven(variable: str, value: str, taken: object, file: Path) -> None:
    assert getattr(load({**REAL, f"PO_MCP_{variable}": value}, file), variable.lower()) == taken


def test_a_secret_is_taken_letter_for_letter(file: Path) -> None:
    secret = load({**REAL, "PO_MCP_CLIENT_SECRET": ' "a" ${b} '}, file).client_secret

    assert secret is not None
    assert secret.get_secret_value() == ' "a" ${b} '


@pytest.mark.parametrize("blank", ["", "  ", "${user_config.read_only}", " ${user_config.base_url} "])
def test_a_blank_field_of_a_host_is_not_set(blank: str, file: Path) -> None:
    names = ("ERP", "BASE_URL", "CLIENT_ID", "CLIENT_SECRET", "READ_ONLY", "APPROVER_PIN", "CREATE_APPROVAL_OVER")

    assert load({f"PO_MCP_{name}": blank for name in names}, file) == load({}, file)


@pytest.mark.parametrize("left", ["${CLIENT}", "${env:CLIENT}", "${input:client}", "${CLIENT:-x}"])
@pytest.mark.parametrize("name", ["CLIENT_ID", "CLIENT_SECRET", "COMPANY", "TIMEOUT"])
def test_a_placeholder_that_the_host_left_is_named(left: str, name: str, file: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load({**REAL, f"PO_MCP_{name}": left}, file)

    assert str(caught.value) == f"PO_MCP_{name} was not filled in by the host (it is {left})"


def test_a_placeholder_inside_an_address_is_named(file: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"PO_MCP_BASE_URL was not filled in by the host \(it is \$\{HOST\}\)"):
        load({**REAL, "PO_MCP_BASE_URL": "https://${HOST}/api"}, file)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('base-url = "https://x"', "base-url is not a setting. Did you mean base_url?"),
        ("timeout = true", "timeout must be a number of seconds from 1 to 3600"),
        ("client_id = 7", "client_id must be text in quotes"),
        ("api_versions = [1]", "api_versions must be pairs such as list=v3,create=v2"),
        ('vendor_ids = "none.toml"', "vendor_ids must name a readable .toml or .json file"),
        ('"a\\nb" = 1', "a?b is not a setting."),
        ("client_secret_file = 7", "client_secret_file must be a path in quotes"),
    ],
)
def test_a_wrong_line_of_the_file_is_named_with_the_file(line: str, said: str, file: Path) -> None:
    file.write_text(line)

    with pytest.raises(ConfigurationError) as caught:
        load({}, file)

    assert str(caught.value) == f"{file}: {said}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (IsADirectoryError)"),
        ("timeout = 7".encode("utf-16"), "cannot be read (UnicodeDecodeError)"),
        (b"x = " + b"[" * 20_000, "cannot be read (RecursionError)"),
    ],
    ids=["a folder", "UTF-16", "nested"],
)
def test_a_file_that_cannot_be_read_is_named(content: bytes | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "odd.toml"
    path.mkdir() if content is None else path.write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        load({}, path)

    assert str(caught.value) == f"{path}: {said}"


def test_a_file_that_begins_with_a_byte_order_mark_is_read(file: Path) -> None:
    file.write_bytes(b"\xef\xbb\xbftimeout = 7\r\n")

    assert load({}, file).timeout == 7


def test_relative_paths_are_in_the_data_folder_and_a_tilde_is_home(
    tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    settings = load({"PO_MCP_JOURNAL": "books/j.db", "PO_MCP_SANDBOX": "~/s.db"}, file)

    assert settings.journal_path() == str(tmp_path / "data" / "po-mcp" / "books" / "j.db")
    assert settings.sandbox_path() == str(tmp_path / "home" / "s.db")


def test_a_relative_vendor_file_is_beside_the_settings_that_name_it(tmp_path: Path, file: Path) -> None:
    (tmp_path / "ids.toml").write_text('"Acme" = 12\n')
    file.write_text('vendor_ids = "ids.toml"\n')

    assert load({}, file).erp_settings["vendor_ids"] == {"Acme": 12}


def secret_of(settings: Settings) -> str:
    assert settings.client_secret is not None
    return settings.client_secret.get_secret_value()


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_a_secret_is_read_from_its_own_file(end: str, tmp_path: Path, file: Path) -> None:
    (tmp_path / "secret").write_bytes(f"from-file{end}".encode())
    variables = {**REAL, "PO_MCP_CLIENT_SECRET": "", "PO_MCP_CLIENT_SECRET_FILE": str(tmp_path / "secret")}

    assert secret_of(load(variables, file)) == "from-file"


def test_a_secrets_file_in_the_environment_stands_before_the_files_secret(tmp_path: Path, file: Path) -> None:
    (tmp_path / "secret").write_text("from-file")
    file.write_text('client_secret = "from-toml"\n')
    variables = {name: value for name, value in REAL.items() if name != "PO_MCP_CLIENT_SECRET"}

    assert secret_of(load({**variables, "PO_MCP_CLIENT_SECRET_FILE": str(tmp_path / "secret")}, file)) == "from-file"
    assert secret_of(load(variables, file)) == "from-toml"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "PO_MCP_CLIENT_SECRET_FILE must name a readable file (No such file or directory)"),
        (b"", "PO_MCP_CLIENT_SECRET_FILE must name a file with the secret and nothing else"),
        (b"two\nlines", "PO_MCP_CLIENT_SECRET_FILE must name a file with the secret and nothing else"),
        (b"\xff\xfe", "PO_MCP_CLIENT_SECRET_FILE must name a file with the secret and nothing else"),
        (b"x" * 20_000, "PO_MCP_CLIENT_SECRET_FILE must name a file with the secret and nothing else"),
    ],
)
def test_a_secrets_file_that_holds_none_is_named(content: bytes | None, said: str, tmp_path: Path, file: Path) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)

    with pytest.raises(ConfigurationError) as caught:
        load({"PO_MCP_CLIENT_SECRET_FILE": str(tmp_path / "secret")}, file)

    assert str(caught.value) == said


def test_a_secret_that_is_given_twice_is_refused(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="PO_MCP_CLIENT_SECRET and PO_MCP_CLIENT_SECRET_FILE are both set"):
        load({**REAL, "PO_MCP_CLIENT_SECRET_FILE": "/x"}, file)


def test_every_secret_of_the_settings_can_be_kept_elsewhere() -> None:
    secret = {name for name, field in Settings.model_fields.items() if "SecretStr" in str(field.annotation)}

    assert secret | {"journal"} == set(SECRETS)  # the address of a database may hold a password


def test_the_address_of_a_database_shows_its_password_nowhere() -> None:
    address = "postgresql://po:a-secret@db.example.com:5433/po?sslmode=verify-full&password=a-secret"
    settings = load({"PO_MCP_JOURNAL": address, "PO_MCP_KEYS": "0123456789abcdef" * 4})

    assert settings.journal_path() == address
    assert settings.journal_name() == "postgresql://db.example.com:5433/po"
    assert "a-secret" not in repr(settings)
    assert "0123456789abcdef" not in repr(settings)


def test_each_use_has_keys_of_its_own_in_the_order_of_the_setting() -> None:
    one, other = "0123456789abcdef" * 4, "fedcba9876543210" * 4
    settings = load({"PO_MCP_KEYS": f"{one}, {other}"})
    state, page = settings.derive_keys("request-state"), settings.derive_keys("page-forms")

    assert [len(key) for key in (*state, *page)] == [32] * 4
    assert len({*state, *page}) == 4
    assert load({"PO_MCP_KEYS": f"{other},{one}"}).derive_keys("page-forms") == page[::-1]
    assert load({}).derive_keys("page-forms") == ()


class Keyring:
    def __init__(self, entries: dict[tuple[str, str], str]) -> None:
        self._entries = entries

    def get_password(self, service: str, name: str) -> str | None:
        if name == "locked":
            raise RuntimeError("the keyring is locked: a-secret")
        return self._entries.get((service, name))


@pytest.mark.parametrize(
    ("value", "taken"), [("keyring:", "by its own name"), ("keyring: erp.example.com", "by another")]
)
def test_a_secret_is_read_from_the_keyring(value: str, taken: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entries = {("po-mcp", "client_secret"): "by its own name", ("po-mcp", "erp.example.com"): "by another"}
    monkeypatch.setitem(sys.modules, "keyring", cast("ModuleType", Keyring(entries)))

    assert secret_of(load({**REAL, "PO_MCP_CLIENT_SECRET": value}, file)) == taken


@pytest.mark.parametrize(
    ("module", "value", "said"),
    [
        (None, "keyring:", "PO_MCP_CLIENT_SECRET is in the keyring, but the Python package keyring is not installed"),
        (Keyring({}), "keyring:x", "PO_MCP_CLIENT_SECRET is not in the keyring (service po-mcp, name x)"),
        (Keyring({}), "keyring:locked", "PO_MCP_CLIENT_SECRET is in the keyring, which cannot be read (RuntimeError)"),
    ],
    ids=["no package", "no such secret", "locked"],
)
def test_a_keyring_that_has_no_secret_is_named(
    module: Keyring | None, value: str, said: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", cast("ModuleType", module))

    with pytest.raises(ConfigurationError) as caught:
        load({**REAL, "PO_MCP_CLIENT_SECRET": value}, file)

    assert str(caught.value) == said


def test_the_keyring_is_not_imported_where_no_setting_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", cast("ModuleType", None))

    assert secret_of(load(REAL, file)) == "a-secret"


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"PO_MCP_API_VERSIONS": "foo=v3"}, "po-mcp: PO_MCP_API_VERSIONS: no call named foo. Calls: list, get, create"),
        ({"PO_MCP_BASE_URL": "https://host:abc"}, "po-mcp: PO_MCP_BASE_URL must be an address"),
        ({"PO_MCP_READ_ONLY": "${READ_ONLY}"}, "po-mcp: PO_MCP_READ_ONLY was not filled in by the host"),
    ],
)
@pytest.mark.parametrize("command", [[], ["doctor"], ["serve"], ["call"]], ids=str)
def test_every_command_ends_with_one_line_and_status_2(
    command: list[str], variables: dict[str, str], said: str, tmp_path: Path
) -> None:
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parent.parent), **variables}

    ended = subprocess.run(
        [sys.executable, "-m", "po_mcp", *command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        input="",
    )

    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(said)
    assert ended.stderr.count("\n") == 1
