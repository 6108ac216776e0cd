"""Settings: where they come from, what is refused, and that no secret shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from po_mcp.config import load
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


def test_nothing_set_is_the_sandbox(file: Path) -> None:
    settings = load({"HOME": "/nowhere", "PATH": "/bin"}, file)

    assert (settings.erp, settings.read_only, settings.approval_ttl) == ("sandbox", False, 600)


def test_the_environment_stands_before_the_file(file: Path) -> None:
    file.write_text('erp = "exsited"\ntimeout = 5\n')

    settings = load(REAL, file)

    assert (settings.erp, settings.timeout) == ("inventory-pro", 5)
    assert settings.base_url == "https://erp.example.com"


def test_an_empty_variable_is_one_that_is_not_set(file: Path) -> None:
    assert load({"PO_MCP_ERP": "", "PO_MCP_BASE_URL": ""}, file).erp == "sandbox"


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
        ({"PO_MCP_BASE_URL": "http://erp.example.com"}, "PO_MCP_BASE_URL must begin with https://"),
        ({"PO_MCP_BASE_URL": "https://me:a-secret@erp.example.com"}, "PO_MCP_BASE_URL must be scheme, host and path"),
        ({"PO_MCP_BASE_URL": "https://erp.example.com?key=a-secret"}, "PO_MCP_BASE_URL must be scheme, host and path"),
        ({"PO_MCP_BASE_URL": "file:///etc/passwd"}, "PO_MCP_BASE_URL must be an address"),
        ({"PO_MCP_CLIENT_SECRET": "a-secret\r\nX: y"}, "PO_MCP_CLIENT_SECRET must be plain ASCII text"),
        ({"PO_MCP_CLIENT_SECRET": ""}, "PO_MCP_CLIENT_SECRET is missing"),
        ({"PO_MCP_ERP": "exsited"}, "PO_MCP_REDIRECT_URI is missing"),
        ({"PO_MCP_APPROVAL_TTL": "1"}, "PO_MCP_APPROVAL_TTL input should be greater than or equal to 30"),
        ({"PO_MCP_VENDOR_IDS": "/no/such/file.toml"}, "PO_MCP_VENDOR_IDS must name a readable .toml or .json file"),
        ({"PO_MCP_CONFIRM": "false"}, "PO_MCP_CONFIRM is not a setting of po-mcp"),
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
    with pytest.raises(ConfigurationError, match="there is no file"):
        load({}, tmp_path / "absent.toml")
    file.write_text("client_secret = a-secret")
    with pytest.raises(ConfigurationError, match="cannot be read as TOML") as caught:
        load({}, file)
    assert "a-secret" not in str(caught.value)


def test_no_secret_shows_in_the_settings_repr(file: Path) -> None:
    assert "a-secret" not in repr(load(REAL, file))
    assert "an-id" not in repr(load(REAL, file))
