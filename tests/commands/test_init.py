"""`po-mcp init`: a person answers at a terminal, against the sandbox ERP on a port."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from po_mcp.commands import _setup
from po_mcp.config import load
from po_mcp.connectors.registry import REGISTRY
from po_mcp.errors import ConfigurationError
from po_mcp.hosts import change
from po_mcp.writes.journal import JournalStore
from tests.commands.pseudo_terminal import CTRL_C, at_terminal, environment
from tests.commands.test_sandbox_command import Running, running

SECRET = "canary-secret"


@pytest.fixture(scope="module")
def erp() -> Iterator[Running]:
    with running("--client-id", "an-id", "--client-secret", SECRET) as started:
        yield started


def settings_file(home: Path) -> Path:
    return home / ".config" / "po-mcp" / "config.toml"


def answer_for(erp: Running, secret: str = SECRET) -> list[tuple[str, str]]:
    return [("Which ERP", "2"), ("Address", erp.url), ("Client id", "an-id"), ("Client secret", secret)]


KEPT = [("by reading only?", "y"), ("Write this?", "y")]


def every_text(home: Path) -> str:
    return "\n".join(path.read_text(errors="replace") for path in home.rglob("*") if path.is_file())


def test_an_erp_is_asked_for_checked_and_written(erp: Running, tmp_path: Path) -> None:
    (tmp_path / ".cursor").mkdir()
    answers = [*answer_for(erp), *KEPT, ("Cursor: connect it?", "y"), ("Write this?", "y")]
    status, screen = at_terminal(["init"], answers, environment(tmp_path))
    path = settings_file(tmp_path)
    written = tomllib.loads(path.read_text())
    secret = path.with_name(written["client_secret_file"])

    assert status == 0
    assert "It works." in screen
    assert SECRET not in screen
    assert {name: written[name] for name in ("erp", "base_url", "client_id", "read_only")} == {
        "erp": "inventory-pro",
        "base_url": erp.url,
        "client_id": "an-id",
        "read_only": True,
    }
    assert SECRET not in path.read_text()
    assert secret.read_text() == SECRET
    assert {stat.S_IMODE(one.stat().st_mode) for one in (path, secret)} == {0o600}
    assert json.loads((tmp_path / ".cursor" / "mcp.json").read_text())["mcpServers"]["purchase-orders"]["args"] == []
    assert every_text(tmp_path).count(SECRET) == 1
    settings = load({}, path)
    assert settings.client_secret is not None
    assert settings.client_secret.get_secret_value() == SECRET


def test_a_wrong_secret_is_found_before_anything_is_written(erp: Running, tmp_path: Path) -> None:
    answers = [*answer_for(erp, "wrong"), ("Enter it again?", "y"), *answer_for(erp)[1:], *KEPT]
    status, screen = at_terminal(["init"], answers, environment(tmp_path))

    assert status == 0
    assert screen.index("It does not work: ") < screen.index("It works.")


def test_a_blank_or_odd_answer_is_asked_for_again(erp: Running, tmp_path: Path) -> None:
    answers = [
        *(("Which ERP", answer) for answer in ("99", "0", "abc", " Inventory-Pro ")),
        *(("Address", answer) for answer in ("   ", "localhost:8080", "http://me:pw@localhost", erp.url.upper())),
        *(("Client id", answer) for answer in ("  ", "an-id")),
        *(("Client secret", answer) for answer in (" ", "sécret", SECRET)),
        *KEPT,
    ]
    status, screen = at_terminal(["init"], answers, environment(tmp_path))

    assert status == 0
    assert screen.count("type a number from 1 to 4.") == 3
    assert all(f"{name} must not be blank" in screen for name in ("base_url", "client_id", "client_secret"))
    assert "client_secret must be plain ASCII text" in screen
    assert tomllib.loads(settings_file(tmp_path).read_text())["base_url"] == erp.url


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.mkdir(parents=True), "cannot be read (IsADirectoryError)"),
        (lambda path: path.parent.parent.write_text("x"), "cannot be read (NotADirectoryError)"),
        (lambda path: _write(path, "erp = \n"), "config.toml, line 1: not valid TOML"),
    ],
)
def test_a_file_that_cannot_be_changed_is_said_before_the_first_question(
    spoil: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    spoil(settings_file(tmp_path))
    status, screen = at_terminal(["init"], [], environment(tmp_path))

    assert status == 1
    assert said in " ".join(screen.split())
    assert "Which ERP" not in screen


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True)
    path.write_text(text)


def test_a_folder_without_the_right_to_write_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *arguments: False)

    with pytest.raises(ConfigurationError, match="no right to write"):
        _setup.need_changeable(settings_file(tmp_path))


def test_an_odd_address_is_asked_for_again(erp: Running, tmp_path: Path) -> None:
    answers = [("Which ERP", "2"), ("Address", "https://host:abc"), ("Address", erp.url), *answer_for(erp)[2:], *KEPT]
    status, screen = at_terminal(["init"], answers, environment(tmp_path))

    assert status == 0
    assert "base_url must be an address such as https://erp.example.com" in screen


@pytest.mark.parametrize("until", range(6))
def test_ctrl_c_at_any_question_leaves_nothing(until: int, erp: Running, tmp_path: Path) -> None:
    asked = [*answer_for(erp), *KEPT]
    answers = [*asked[:until], (asked[until][0], CTRL_C)]
    status, screen = at_terminal(["init"], answers, environment(tmp_path))

    assert status == 130
    assert "Stopped." in screen
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_no_writes_no_file(erp: Running, tmp_path: Path) -> None:
    status, screen = at_terminal(["init"], [*answer_for(erp), *KEPT[:1], ("Write this?", "n")], environment(tmp_path))

    assert status == 0
    assert "Nothing was written." in screen
    assert not settings_file(tmp_path).exists()


def test_run_again_it_shows_what_is_there_and_leads_to_the_first_order(erp: Running, tmp_path: Path) -> None:
    at_terminal(["init"], [*answer_for(erp), *KEPT], environment(tmp_path))
    path = settings_file(tmp_path)
    path.write_text("# mine\n" + path.read_text() + 'time_zone = "Europe/Berlin"  # ours\n')
    first = path.read_text()
    answers = [("Change the ERP", "n"), ("may po-mcp write now?", "y"), ("Write this?", "y"), ("Set one?", "n")]
    status, screen = at_terminal(["init"], answers, environment(tmp_path))
    settings = load({}, path)

    assert status == 0, screen
    assert "ERP: Inventory Pro, " in screen
    assert "Mode: reading only" in screen
    assert not settings.read_only
    assert settings.create_approval_over == {"": Decimal(0)}
    assert "# mine" in path.read_text()
    assert '"Europe/Berlin"  # ours' in path.read_text()
    (backup,) = path.parent.glob("config.toml.before-*")
    assert backup.read_text() == first
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600

    _, screen = at_terminal(["init"], [("Change the ERP", "n")], environment(tmp_path))
    assert "Step 2 of 3, the first order: ask your assistant for one small order" in screen


def test_after_the_first_order_it_leads_to_writing(tmp_path: Path) -> None:
    book = tmp_path / "book.db"
    with running("--book", str(book)) as erp:
        path = settings_file(tmp_path)
        path.parent.mkdir(parents=True)
        lines = ['erp = "exsited"', f'base_url = "{erp.url}"', 'client_id = "sandbox"', 'client_secret = "sandbox"']
        path.write_text("\n".join([*lines, 'redirect_uri = "https://x.example"', 'create_approval_over = "0"', ""]))
        order = ["call", "create_purchase_order", "vendor=Acme Fasteners"]
        lines_of_it = 'lines=[{"item":"NUT-M8","quantity":"1","unit_price":"0.22"}]'
        status, screen = at_terminal([*order, lines_of_it], [("Create order", "2")], environment(tmp_path))
        assert status == 0, screen
        answers = [("Change the ERP", "n"), ("Is it right there", "y"), ("Write this?", "y")]
        status, screen = at_terminal(["init"], answers, environment(tmp_path))

    assert status == 0
    assert "Step 3 of 3, writing: order " in screen
    assert load({}, path).create_approval_over is None


def test_settings_that_do_not_work_are_named_and_may_be_entered_again(erp: Running, tmp_path: Path) -> None:
    path = settings_file(tmp_path)
    path.parent.mkdir(parents=True)
    path.write_text('erp = "exsited"\ntimeout = 20\n')
    status, screen = at_terminal(["init"], [*answer_for(erp), *KEPT], environment(tmp_path))

    assert status == 0
    assert "They do not work: PO_MCP_BASE_URL is not set; PO_MCP_ERP=exsited needs it" in screen
    assert load({}, path).timeout == 20


def test_the_sandbox_needs_no_credentials_and_takes_the_old_ones_out(erp: Running, tmp_path: Path) -> None:
    at_terminal(["init"], [*answer_for(erp), *KEPT], environment(tmp_path))
    answers = [("Change the ERP", "y"), ("Which ERP", "1"), ("Write this?", "y"), ("Set one?", "n")]
    status, screen = at_terminal(["init"], answers, environment(tmp_path))

    assert status == 0
    assert tomllib.loads(settings_file(tmp_path).read_text()) == {"erp": "sandbox"}
    assert "It answers from the sandbox." in screen


def test_a_pin_is_asked_twice_and_kept_apart(erp: Running, tmp_path: Path) -> None:
    pin = [("Set one?", "y"), ("PIN,", "12"), ("The same", "12"), ("PIN,", "canary-pin"), ("The same", "canary-pin")]
    answers = [*answer_for(erp), ("by reading only?", "n"), ("Write this?", "y"), *pin]
    status, screen = at_terminal(["init"], answers, environment(tmp_path))
    with closing(JournalStore(tmp_path / ".local" / "share" / "po-mcp" / "journal.db")) as store:
        held = store.approver_pin()

    assert status == 0
    assert "A PIN has 6 to 200 characters." in screen
    assert (held.fits("canary-pin"), held.fits("canary-pim")) == (True, False)
    assert load({}, settings_file(tmp_path)).approver_pin is None
    assert "canary-pin" not in screen + every_text(tmp_path)


def test_settings_of_the_terminal_are_named(tmp_path: Path) -> None:
    _, screen = at_terminal(["init"], [("Which ERP", CTRL_C)], environment(tmp_path, PO_MCP_ERP="exsited"))

    assert "stronger than the file here: PO_MCP_ERP" in screen


def test_an_erp_that_calls_its_credentials_otherwise_is_asked_for_in_its_words(tmp_path: Path) -> None:
    answers = [
        *(("Which ERP", "Tryton"), ("Address with the database", "http://127.0.0.1:9/books"), ("Login", "me")),
        *(("Password (not shown)", SECRET), ("Enter it again?", CTRL_C)),
    ]
    status, screen = at_terminal(["init"], answers, environment(tmp_path))

    assert status == 130
    assert "It does not work: Tryton cannot be reached: connection refused." in screen
    assert SECRET not in screen


def test_a_setting_that_no_other_erp_has_is_asked_for_by_its_name() -> None:
    assert REGISTRY["exsited"].question("redirect_uri") == "Redirect URI that belongs to the credentials"
    assert REGISTRY["exsited"].question("account_number") == "Account number"


def test_without_a_terminal_it_says_what_to_set(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "po_mcp", "init"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        check=False,
        input="",
    )

    assert ended.returncode == 3
    assert str(settings_file(tmp_path)) in ended.stdout
    for name in ("erp", "base_url", "client_id", "client_secret_file", "read_only"):
        assert f"\n{name} = " in ended.stdout
    assert all(f'"{name}"' in ended.stdout for name, erp in REGISTRY.items() if not erp.is_trial)
    assert list(tmp_path.iterdir()) == []


class Keyring:
    """A system's keyring, in memory."""

    def __init__(self, priority: int = 5, *, forgets: bool = False) -> None:
        self.priority, self.forgets = priority, forgets
        self.entries: dict[tuple[str, str], str] = {}

    def get_keyring(self) -> Keyring:
        return self

    def get_password(self, service: str, name: str) -> str | None:
        return self.entries.get((service, name))

    def set_password(self, service: str, name: str, secret: str) -> None:
        if not self.forgets:
            self.entries[service, name] = secret

    def delete_password(self, service: str, name: str) -> None:
        del self.entries[service, name]


def draft(path: Path, *, in_keyring: bool = False) -> _setup.Draft:
    values: dict[str, Any] = {"erp": "inventory-pro", "base_url": "https://erp.example.com", "client_id": "an-id"}
    return _setup.Draft(path, values, {"client_secret": SECRET}, in_keyring)


def test_a_secret_goes_into_the_keyring_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", cast("ModuleType", keyring))
    draft(tmp_path / "config.toml", in_keyring=True).save()
    kept = load({}, tmp_path / "config.toml").client_secret

    assert _setup.usable_keyring()
    assert list(keyring.entries.values()) == [SECRET]
    assert kept is not None
    assert kept.get_secret_value() == SECRET
    assert SECRET not in every_text(tmp_path)


@pytest.mark.parametrize("keyring", [None, Keyring(0), object()], ids=["none", "fails", "odd"])
def test_a_keyring_that_keeps_nothing_is_not_used(keyring: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", cast("ModuleType", keyring))

    assert not _setup.usable_keyring()


def test_a_keyring_that_forgets_stops_the_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", cast("ModuleType", Keyring(forgets=True)))

    with pytest.raises(ConfigurationError, match="did not keep the secret"):
        draft(tmp_path / "config.toml", in_keyring=True).save()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("in_keyring", [False, True])
def test_a_failed_write_takes_the_secret_back(
    in_keyring: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = Keyring()
    monkeypatch.setitem(sys.modules, "keyring", cast("ModuleType", keyring))

    def replace(path: Path, content: bytes) -> None:
        if path.name == "config.toml":
            raise OSError(28, "No space left on device")
        path.write_bytes(content)

    monkeypatch.setattr(_setup, "replace", replace)
    with pytest.raises(ConfigurationError, match="No space left on device"):
        draft(tmp_path / "config.toml", in_keyring=in_keyring).save()

    assert list(tmp_path.iterdir()) == []
    assert keyring.entries == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_it_is_written_leaves_nothing_half_done(
    number: signal.Signals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(number)

    def interrupt(path: Path, content: bytes) -> None:
        os.kill(os.getpid(), number)
        change.replace(path, content)

    monkeypatch.setattr(_setup, "replace", interrupt)
    draft(tmp_path / "config.toml").save()

    assert load({}, tmp_path / "config.toml").client_secret is not None
    assert signal.getsignal(number) == before


def test_a_file_in_a_form_that_is_not_changed_is_left(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text('base_url = """\nhttps://x.example"""\n')

    with pytest.raises(ConfigurationError, match="not valid TOML"):
        draft(path).save()
    assert path.read_text() == 'base_url = """\nhttps://x.example"""\n'
    assert list(tmp_path.iterdir()) == [path]


def test_secrets_of_an_old_file_are_not_shown() -> None:
    assert _setup.shown('client_secret = "x"\nclient_secret = "keyring:y"\nerp = "z"\n') == (
        'client_secret = (hidden)\nclient_secret = "keyring:y"\nerp = "z"\n'
    )
