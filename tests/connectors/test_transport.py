"""The way to the ERP's host: a proxy and an authority that the operator names, and why a host cannot be reached."""

from __future__ import annotations

import ssl
import threading
import traceback
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx2
import pytest

from po_mcp.config import Settings, load
from po_mcp.connectors import connect
from po_mcp.connectors.http import exchange, failures
from po_mcp.connectors.http.client import ErpHttpClient
from po_mcp.connectors.http.error_mapping import ErrorMapping
from po_mcp.connectors.http.transport import trust_for
from po_mcp.errors import ConfigurationError, OutcomeUnknown, PurchaseOrderError, Unreachable
from po_mcp.writes.journal import JournalStore
from tests.certificates import own_certificate
from tests.ports import free_port

ERP = {"erp": "inventory-pro", "client_id": "an-id", "client_secret": "a-secret"}


@contextmanager
def listening(certificate: Path | None = None) -> Iterator[tuple[int, list[str]]]:
    """Answer every request with 503, and keep what was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.path)
            self.send_response(503)
            self.send_header("content-length", "0")
            self.end_headers()

        do_GET = do_POST  # noqa: N815

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1], asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def failure(**settings: object) -> str:
    """Read an order with these settings; return the error."""
    store = JournalStore(":memory:")
    erp = connect(Settings.model_validate({**ERP, **settings}), store.shared_token)
    try:
        with pytest.raises(PurchaseOrderError) as failed:
            await erp.probe()
    finally:
        await erp.aclose()
        store.close()
    return str(failed.value)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A key and a certificate for 127.0.0.1 that signs itself."""
    path = tmp_path / "server.pem"
    path.write_bytes(own_certificate().key + own_certificate().pem)
    return path


async def test_a_certificate_that_is_not_trusted_is_named_and_can_be_trusted(certificate: Path) -> None:
    with listening(certificate) as (port, asked):
        url = f"https://127.0.0.1:{port}"
        refused = await failure(base_url=url)
        before = list(asked)
        trusted = await failure(base_url=url, ca_file=str(certificate))

    assert "its certificate is not trusted" in refused
    assert "PO_MCP_CA_FILE" in refused
    assert before == []
    assert "HTTP 503" in trusted
    assert asked


def test_an_authority_that_was_overwritten_since_the_start_is_named(certificate: Path) -> None:
    settings = Settings.model_validate({**ERP, "base_url": "https://127.0.0.1", "ca_file": str(certificate)})
    certificate.write_text("no certificate")

    with pytest.raises(ConfigurationError, match="PO_MCP_CA_FILE must name a readable file of PEM certificates"):
        connect(settings, JournalStore(":memory:").shared_token)


@pytest.fixture(params=["missing.pem", "text.pem"])
def no_certificates(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """A variable of the environment that leads to no certificates, and how that is said."""
    (tmp_path / "text.pem").write_text("no certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / request.param))
    return "SSL_CERT_FILE must name a readable file of PEM certificates"


async def test_certificates_of_the_environment_that_are_gone_are_named_at_the_first_request(
    no_certificates: str,
) -> None:
    assert (await failure(base_url="https://127.0.0.1")).startswith(no_certificates)


async def test_no_certificates_are_read_for_an_address_without_tls(no_certificates: str) -> None:
    assert "connection refused" in await failure(base_url=f"http://127.0.0.1:{free_port()}")


async def test_what_is_opened_for_addresses_without_tls_trusts_no_certificate(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with listening(certificate) as (port, asked):
        url = f"https://127.0.0.1:{port}"
        trusted = await failure(base_url=url)
        before = list(asked)
        monkeypatch.setattr(exchange, "trust_for", lambda scheme: trust_for("http"))
        refused = await failure(base_url=url)

    assert "HTTP 503" in trusted
    assert "its certificate is not trusted" in refused
    assert asked == before


def test_with_a_proxy_they_are_named_at_the_start(no_certificates: str) -> None:
    environment = {"PO_MCP_PROXY": "http://127.0.0.1:9"}

    with pytest.raises(ConfigurationError, match=no_certificates):
        load(environment)


def test_with_a_proxy_those_that_went_since_the_start_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = {**ERP, "base_url": "https://127.0.0.1", "proxy": "http://127.0.0.1:9"}
    loaded = Settings.model_validate(settings)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "missing.pem"))

    with pytest.raises(ConfigurationError, match="SSL_CERT_FILE must name a readable file of PEM certificates"):
        connect(loaded, JournalStore(":memory:").shared_token)


async def test_the_proxy_that_is_set_is_asked_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with listening() as (port, asked):
        proxy = f"http://127.0.0.1:{port}"
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.setenv("no_proxy", "")
        without = await failure(base_url=url)
        by_environment = list(asked)
        through = await failure(base_url=url, proxy=proxy)

    assert "connection refused" in without
    assert by_environment == []
    assert "HTTP 503" in through
    assert asked[0].startswith(url)


async def delete_by_refusing_proxy() -> None:
    """Delete at an address to which the proxy opens no way."""
    mapping = ErrorMapping("Acme", lambda body: "", "", "")
    with listening() as (port, _):
        transport = httpx2.AsyncHTTPTransport(proxy=f"http://127.0.0.1:{port}", retries=0)
        async with aclosing(ErpHttpClient("https://127.0.0.1:9", mapping, transport=transport)) as client:
            await client.write("DELETE", "/orders", "1", expect=frozenset({204}), verify=lambda answer: answer)


async def test_a_write_to_which_the_proxy_opens_no_way_was_not_sent() -> None:
    with pytest.raises(Unreachable, match=r"the proxy refused the connection\. Nothing was sent") as failed:
        await delete_by_refusing_proxy()

    assert failed.value.effect == "nothing_sent"


async def test_without_both_looks_at_a_proxys_refusal_the_write_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    others = tuple(error for error in failures.NOT_SENT if error is not httpx2.ProxyError)
    monkeypatch.setattr(failures, "NOT_SENT", others)
    monkeypatch.setattr(exchange, "FirstByte", lambda before_send: None)

    with pytest.raises(OutcomeUnknown):
        await delete_by_refusing_proxy()


async def test_the_systems_proxy_is_used_where_the_operator_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    with listening() as (port, asked):
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{port}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "")
        through = await failure(base_url=url, proxy="system")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "127.0.0.1")
        named = await failure(base_url=url, proxy="system")

    assert "HTTP 503" in through
    assert asked[0].startswith(url)
    assert "connection refused" in named


async def test_a_systems_proxy_without_a_scheme_speaks_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening() as (port, asked):
        for name in ("http_proxy", "HTTP_PROXY"):
            monkeypatch.setenv(name, f" 127.0.0.1:{port} ")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.setenv(name, "")
        said = await failure(base_url=f"http://127.0.0.1:{free_port()}", proxy="system")

    assert "HTTP 503" in said
    assert asked


@pytest.mark.parametrize(
    "address", ["socks5://user:canary@127.0.0.1:1080", "socks://127.0.0.1:1080", "ftp://127.0.0.1", "http://[::1"]
)
def test_a_systems_proxy_that_cannot_be_used_is_named_without_its_password(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.setenv(name, "")
    environment = {f"PO_MCP_{name.upper()}": value for name, value in ERP.items()}
    environment |= {"PO_MCP_BASE_URL": "https://erp.example.com", "PO_MCP_PROXY": "system"}
    settings = load(environment)
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, address)

    words = "PO_MCP_PROXY is system, and the proxy that the system names must have an address such as http://proxy"
    for play in (lambda: load(environment), lambda: connect(settings, JournalStore(":memory:").shared_token)):
        with pytest.raises(ConfigurationError, match=words) as wrong:
            play()
        assert "canary" not in "".join(traceback.format_exception(wrong.value))
        assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://no-such-host.invalid", "unknown host no-such-host.invalid"),
        ("http://127.0.0.1:{closed}", "connection refused"),
        ("https://127.0.0.1:{plain}", "it does not speak https on this port"),
    ],
)
async def test_why_a_host_cannot_be_reached_is_said(url: str, why: str) -> None:
    with listening() as (port, _):
        said = await failure(base_url=url.format(closed=free_port(), plain=port))

    assert f"Inventory Pro cannot be reached: {why}. Nothing was sent." in said


@pytest.mark.parametrize(
    ("name", "value", "must"),
    [
        ("PROXY", "proxy.example.com", "must be an address such as http://proxy.example.com:3128, or: system"),
        ("PROXY", "ftp://proxy.example.com", "must be an address such as"),
        ("CA_FILE", "/no/such/file", "PO_MCP_CA_FILE must name a readable file of PEM certificates"),
        ("CREATE_APPROVAL_OVER", "USD=1, USD=2", "names a currency twice"),
        ("CREATE_APPROVAL_OVER", "dollars=1", "must name currencies by three letters"),
        ("CREATE_APPROVAL_OVER", "USD=many", "must be an amount such as 5000"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str, must: str) -> None:
    with pytest.raises(ConfigurationError, match="PO_MCP_") as wrong:
        load({f"PO_MCP_{name}": value})

    assert must in str(wrong.value)
    assert "\n" not in str(wrong.value)


def test_a_proxys_password_is_not_shown() -> None:
    settings = load({"PO_MCP_PROXY": "http://user:canary@proxy.example.com:3128"})

    assert "canary" not in repr(settings)
    assert settings.proxy_address() == "http://user:canary@proxy.example.com:3128"
