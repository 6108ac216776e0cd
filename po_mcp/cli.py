"""The table of commands. Without one, po-mcp serves MCP over stdin and stdout, which is what a host starts."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from po_mcp.garbage import collect_in_command

if TYPE_CHECKING:
    import click

COMMANDS = {
    "init": "Set up: your ERP, its credentials, your assistants.",
    "install": "Connect an assistant on this computer.",
    "uninstall": "Disconnect an assistant on this computer.",
    "serve": "Serve MCP over HTTP, on this computer or to a team.",
    "demo": "Watch a demo with a sandbox ERP.",
    "call": "Run one tool from this terminal.",
    "approve": "Approve or decline what is waiting.",
    "journal": "Show, check and settle recorded operations.",
    "doctor": "Check settings, ERP access and approvals.",
    "sandbox": "Run the sandbox ERP on a local port.",
}
"""Each is `command` in the module of po_mcp.commands that has its name, imported when it runs."""


def main() -> None:
    """Run the command that the command line names."""
    gc.disable()  # what is imported lives as long as the process: the SDK alone makes half a million objects
    if sys.argv[1:]:
        # Click is for those who type: a host starts this without an argument, and waits for the answer to tools/list.
        _group()(prog_name="po-mcp")
    else:
        serve_stdio(None)


def serve_stdio(config: Path | None) -> None:
    """Serve MCP over stdin and stdout until stdin closes or a signal comes."""
    from po_mcp.transports.late_models import build_models_late

    # First of all: what follows imports mcp.
    build_models_late()
    from po_mcp.commands import _settings
    from po_mcp.transports import stdio

    stdio.serve(_settings.load(config), config)


def _late_commands() -> type[click.Group]:
    """Return a group whose commands are imported when they run."""
    import click

    class Commands(click.Group):
        def list_commands(self, ctx: click.Context) -> list[str]:
            # In the order in which they are needed; click sorts them by their letters.
            return list(COMMANDS)

        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            if cmd_name not in COMMANDS:
                return None
            command: click.Command = import_module(f"po_mcp.commands.{cmd_name}").command
            # Not before the command's own imports, which live as long as the process, too.
            collect_in_command()
            return command

    return Commands


def _group() -> click.Group:
    import click

    from po_mcp import __version__

    @click.group(cls=_late_commands(), invoke_without_command=True)
    @click.version_option(__version__, prog_name="po-mcp")
    @click.option(
        "--config", type=click.Path(path_type=Path), help="Read settings from this TOML file instead of config.toml."
    )
    @click.pass_context
    def po_mcp(ctx: click.Context, config: Path | None) -> None:
        """Purchase orders for AI assistants.

        Without a command, po-mcp serves MCP over stdin and stdout; this is what Claude, VS Code or Cursor start.
        Settings come from PO_MCP_... environment variables and from config.toml; po-mcp doctor shows them.
        """
        ctx.obj = config
        if ctx.invoked_subcommand is None:
            serve_stdio(config)

    return po_mcp
