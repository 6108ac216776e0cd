"""A host with MCP Apps: it shows the card in chromium as the specification asks, and opens links in a tab of its own.

The card comes from another origin, in a sandboxed frame, with the default policy. Whatever it says to the host, and
whatever is requested from any network, is kept.
Source: modelcontextprotocol/ext-apps, specification/2026-01-26/apps.mdx.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from mcp import Client
from mcp.client.extension import advertise
from mcp.server import MCPServer
from mcp.server.apps import APP_MIME_TYPE, EXTENSION_ID
from mcp.types import CallToolResult, TextResourceContents

from po_mcp.bootstrap import build_server
from po_mcp.cards.order_card import CARD_URI
from tests.harness import ERAS, IN_MEMORY, MODES

if TYPE_CHECKING:
    from playwright.async_api import Frame, Page, Route

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; media-src 'self' data:; connect-src 'none'"
)
"""The Content-Security-Policy for a card that asks for no domain."""
_WAIT_FOR_DRAWING = """
() => { window.drawn = new Promise((done) => new MutationObserver(done).observe(card, { childList: true })); }
"""
_PAGE = (Path(__file__).parent / "host.html").read_text(encoding="utf-8")


def declaring_client(server: MCPServer[Any], era: str = ERAS[0], **more: Any) -> Client:
    """A client that declares MCP Apps, and no way to ask its user."""
    apps = advertise(EXTENSION_ID, {"mimeTypes": [APP_MIME_TYPE]})
    return Client(server, mode=MODES[era], extensions=[apps], **more)


async def read_card(client: Client) -> str:
    """The card as a client gets it."""
    [content] = (await client.read_resource(CARD_URI)).contents
    assert isinstance(content, TextResourceContents)
    assert content.mime_type == APP_MIME_TYPE
    return content.text


@dataclass
class CardHost:
    """The host's page. `declines` makes it refuse to open links."""

    page: Page
    html: str
    context: Mapping[str, Any] = field(default_factory=dict)
    declines: bool = False
    links: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    async def open(self) -> None:
        await self.page.route("**/*", self._serve)
        await self.page.expose_function("context", lambda: dict(self.context))
        await self.page.expose_function("openLink", self._open_link)
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        await self.page.goto("http://host.test/")
        await self.page.wait_for_function("heard.includes('ui/notifications/initialized')")

    async def show(self, result: CallToolResult | Mapping[str, Any]) -> Frame:
        """Give the card a result as a host does, and return its frame once it is drawn."""
        if isinstance(result, CallToolResult):
            result = result.model_dump(mode="json", by_alias=True, exclude_none=True)
        await self.frame.evaluate(_WAIT_FOR_DRAWING)
        await self.say(method="ui/notifications/tool-input", params={"arguments": {}})
        await self.say(method="ui/notifications/tool-result", params=dict(result))
        await self.frame.evaluate("window.drawn.then(() => null)")
        return self.frame

    async def until(self, condition: str) -> None:
        """Wait until a condition holds in the card, whose policy forbids what playwright's own waiting needs."""
        look = f"const look = () => (({condition}) ? done(null) : setTimeout(look, 10)); look();"
        with anyio.fail_after(15):
            await self.frame.evaluate(f"new Promise((done) => {{ {look} }})")

    async def say(self, **message: Any) -> None:
        await self.page.evaluate("say", message)

    async def heard(self) -> list[str]:
        """The methods of all that the card said, sizes left out."""
        said: list[str] = await self.page.evaluate("heard")
        return [method for method in said if method != "ui/notifications/size-changed"]

    @property
    def frame(self) -> Frame:
        [frame] = [frame for frame in self.page.frames if frame.url == "http://card.test/"]
        return frame

    def _open_link(self, url: str) -> dict[str, Any]:
        self.links.append(url)
        return {"error": {"code": -32000, "message": "denied"}} if self.declines else {"result": {}}

    async def _serve(self, route: Route) -> None:
        bodies = {"http://host.test/": (_PAGE, ""), "http://card.test/": (self.html, POLICY)}
        body, policy = bodies.get(route.request.url, ("", ""))
        await route.fulfill(body=body, content_type="text/html", headers={"Content-Security-Policy": policy})


@asynccontextmanager
async def card_host(
    client: Client,
    change: Callable[[str], str] = str,
    *,
    theme: str = "light",
    context: Mapping[str, Any] | None = None,
    width: int = 720,
    height: int = 600,
) -> AsyncIterator[CardHost]:
    """A host that shows the card of a client's server, after a `change` where a test makes one."""
    # Late: most tests of the card need no browser, and importing what drives one takes a second.
    from tests.approvals.test_browser import chromium

    async with chromium(color_scheme=theme, viewport={"width": width, "height": height}) as page:
        host = CardHost(page, change(await read_card(client)), {"theme": theme, **(context or {})})
        await host.open()
        yield host


@asynccontextmanager
async def sandbox_host(change: Callable[[str], str] = str, **more: Any) -> AsyncIterator[CardHost]:
    """A host that shows the card of a server over the sandbox."""
    async with declaring_client(build_server(IN_MEMORY)) as client, card_host(client, change, **more) as host:
        yield host
