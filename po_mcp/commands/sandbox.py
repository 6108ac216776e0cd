"""`po-mcp sandbox`: the sandbox ERP on a port of this machine, with faults and habits on demand.

What it needs to run is imported when it runs: the list of all commands must not wait for it.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import click

if TYPE_CHECKING:
    from rich.console import Console
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from po_mcp.sandbox.faults import Exchange, PlannedFault
    from po_mcp.sandbox.habits import Habits
    from po_mcp.transports.uvicorn_server import HttpServer

# Never on the network: anyone who reaches it signs in with a secret that is printed below.
HOST = "127.0.0.1"
NAMES = {"inventory-pro": "Inventory Pro", "exsited": "Exsited"}

Api = Literal["inventory-pro", "exsited"]
Report = Callable[[int, str, str, int | None, str], None]


class CannotStart(click.ClickException):
    """One line on standard error, and status 2."""

    exit_code = 2


@dataclass(frozen=True)
class Offer:
    """What is served, where, and what goes wrong."""

    port: int
    book: str
    orders: int
    apis: tuple[Api, ...]
    plan: Sequence[PlannedFault]
    habits: Habits
    client_id: str
    client_secret: str = field(repr=False)


def _plan(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> tuple[PlannedFault, ...]:
    from po_mcp.sandbox.faults import parse_fault

    # As an option's error, so that click names the option and the text in it.
    try:
        return tuple(map(parse_fault, texts))
    except ValueError as exc:
        raise click.BadParameter(str(exc)) from exc


def _habits(_: click.Context, __: click.Parameter, texts: tuple[str, ...]) -> Habits:
    from po_mcp.sandbox.habits import Habits

    try:
        return Habits(name.strip() for text in texts for name in text.split(","))
    except ValueError as exc:
        raise CannotStart(str(exc)) from exc


def _list_habits(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        _show_habits(_console())
        context.exit()


def _list_faults(context: click.Context, _: click.Parameter, wanted: bool) -> None:
    if wanted:
        _show_faults(_console())
        context.exit()


@click.command("sandbox")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port. Default: any free one.")
@click.option("--book", default=":memory:", help="File for the orders. Default: in memory.")
@click.option(
    "--orders",
    type=click.IntRange(0, 1_000_000),
    default=0,
    help="Fill a new book with at least this many open orders.",
)
@click.option("--api", type=click.Choice([*NAMES, "both"]), default="both", help="API to serve.")
@click.option(
    "--fault", "plan", multiple=True, callback=_plan, metavar="KIND@N", help="Fault to cause; can be repeated."
)
@click.option(
    "--list-faults", is_flag=True, is_eager=True, expose_value=False, callback=_list_faults, help="List all faults."
)
@click.option(
    "--habit", "habits", multiple=True, callback=_habits, metavar="NAME,...", help="Habit of the ERP; can be repeated."
)
@click.option(
    "--list-habits", is_flag=True, is_eager=True, expose_value=False, callback=_list_habits, help="List all habits."
)
@click.option("--client-id", default="sandbox", show_default=True, help="Client id for both APIs.")
@click.option("--client-secret", default="sandbox", show_default=True, help="Client secret for both APIs.")
def command(api: str, **options: Any) -> None:
    """Run the sandbox ERP on a local port.

    A fault is KIND, KIND@N or KIND@N:VALUE: it hits every request, or the Nth (from 1). --list-faults shows them.
    KIND@write1 hits the first write: reads and sign-ins are not counted.

    A habit is NAME or NAME:VALUE: the ERP differs from its documentation, and works correctly in its own eyes.
    """
    import anyio

    apis: tuple[Any, ...] = tuple(NAMES) if api == "both" else (api,)
    anyio.run(_serve, Offer(apis=apis, **options))


async def _serve(offer: Offer) -> None:
    from po_mcp.transports.signals import handle_signals
    from po_mcp.transports.uvicorn_server import explain_listen_error

    console = _console()
    async with AsyncExitStack() as stack:
        app = _app(offer, stack)
        try:
            port, server, sock = await _listen(offer, app, _reporter(console), stack)
        except OSError as exc:
            raise CannotStart(f"Port {offer.port} {explain_listen_error(exc)}.") from exc

        # At once, whatever is open: a client in the middle of a fault would else keep Ctrl-C waiting.
        async def end() -> None:
            server.stop()

        async with handle_signals(end):
            _greet(console, offer, f"http://{HOST}:{port}")
            await server.serve([sock])
    console.print("Sandbox stopped.", style="dim")


def _app(offer: Offer, stack: AsyncExitStack) -> ASGIApp:
    from po_mcp.sandbox import Book, create_app

    try:
        book = Book.open(offer.book, orders=offer.orders, made_on=datetime.now(UTC).date())
    except Exception as exc:  # no folder, no book, a disk that is full: what SQLite says is for the person
        raise CannotStart(f"Cannot open {offer.book}: {exc}") from exc
    stack.callback(book.close)
    habits = list(map(str, offer.habits))
    try:
        return create_app(
            book, apis=offer.apis, client_id=offer.client_id, client_secret=offer.client_secret, habits=habits
        )
    except ValueError as exc:
        raise CannotStart(str(exc)) from exc


async def _listen(
    offer: Offer, app: ASGIApp, report: Report, stack: AsyncExitStack
) -> tuple[int, HttpServer, socket.socket]:
    """Listen; return the port to connect to, and the server with its socket. Raises: OSError."""
    from po_mcp.sandbox.faults import Relay
    from po_mcp.transports.uvicorn_server import create_server, listen

    # The plain server where nothing is to go wrong: the relay reads and writes each byte itself.
    if not offer.plan:
        sock = stack.enter_context(listen(HOST, offer.port))
        return sock.getsockname()[1], create_server(_reporting(app, report)), sock
    # With faults the relay stands on the port that was asked for, and the ERP behind it on another.
    sock = stack.enter_context(listen(HOST, 0))

    def report_exchange(exchange: Exchange) -> None:
        report(exchange.n, exchange.method or "(not read)", exchange.target, exchange.status, exchange.fault)

    relay = Relay(sock.getsockname()[1], offer.plan, port=offer.port, on_exchange=report_exchange)
    await stack.enter_async_context(relay)
    return relay.port, create_server(app), sock


def _reporting(app: ASGIApp, report: Report) -> ASGIApp:
    """Return the application, wrapped to report each answer."""
    count = 0

    async def report_answers(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal count
        # Counted as it comes: answers may overtake one another.
        count += 1
        number, query = count, scope["query_string"].decode("ascii", "replace")

        async def report_and_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                target = f"{scope['path']}?{query}" if query else scope["path"]
                report(number, scope["method"], target, message["status"], "")
            await send(message)

        await app(scope, receive, report_and_send)

    return report_answers


def _console() -> Console:
    from rich.console import Console

    # Without markup: a request's target in brackets would be taken for a style, and vanish.
    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def _reporter(console: Console) -> Report:
    from rich.text import Text

    def report(number: int, method: str, target: str, status: int | None, fault: str) -> None:
        # The target is a client's own text, and could steer the terminal.
        shown = "".join(letter if letter.isprintable() else "?" for letter in target)
        row = f"{number:>4}  {method:<7} {shown}  {status or 'no answer'}"
        console.print(Text.assemble(row, (f"  {fault}" if fault else "", "bold yellow")))

    return report


def _greet(console: Console, offer: Offer, url: str) -> None:
    console.print(f"Sandbox ERP at {url} (no real orders), data: {offer.book}. Ctrl-C stops it.")
    for api in offer.apis:
        console.print(f"\nSettings for {NAMES[api]}:", style="bold")
        for name, value in _settings(api, offer, url).items():
            console.print(f"  PO_MCP_{name}={value}")
    if offer.plan:
        console.print("\nFaults:", style="bold")
        for planned in offer.plan:
            console.print(f"  {planned}  {planned.fault.description}")
    if chosen := list(offer.habits):
        console.print("\nHabits:", style="bold")
        for one in chosen:
            console.print(f"  {one}  {one.habit.description}")
    console.print("\nRequests:", style="bold")


def _settings(api: Api, offer: Offer, url: str) -> dict[str, str]:
    settings = {"ERP": api, "BASE_URL": url, "CLIENT_ID": offer.client_id, "CLIENT_SECRET": offer.client_secret}
    return settings | ({"REDIRECT_URI": f"{url}/back"} if api == "exsited" else {})


def _show_faults(console: Console) -> None:
    from po_mcp.sandbox.faults import FAULTS

    width = max(map(len, FAULTS))
    for fault in FAULTS.values():
        default = f" Default VALUE: {fault.value:g}." if fault.value_kind else ""
        console.print(f"{fault.kind:<{width}}  {fault.description}{default}")


def _show_habits(console: Console) -> None:
    from po_mcp.sandbox.habits import HABITS

    width = max(map(len, HABITS))
    for habit in HABITS.values():
        default = f" Default VALUE: {habit.value}." if habit.value_kind else ""
        console.print(f"{habit.name:<{width}}  {habit.description}{default}")
