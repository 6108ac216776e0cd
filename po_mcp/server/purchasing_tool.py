"""A tool as the registry describes it: strict in its arguments, and its errors say what to do next."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp.types import ToolAnnotations
from pydantic import ValidationError

from po_mcp.errors import PurchaseOrderError
from po_mcp.person import Asking
from po_mcp.server.late_news import with_late_news
from po_mcp.tools import Registered
from po_mcp.tools._schema import slim
from po_mcp.untrusted import visible


class PurchasingTool(Tool):
    """A tool whose unknown arguments are refused and whose errors say what to do next."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        """Run the tool; a question ends the call, our errors keep their words, a crash stays private.

        The SDK wraps whatever a tool raises in a `ToolError`, so a question, which leaves the tool as an exception,
        is found in its cause.
        """
        try:
            result = await super().run(arguments, context, convert_result)
            return await with_late_news(result, context.request_context.lifespan_context)
        except ToolError as exc:
            match exc.__cause__:
                case Asking() as asking:
                    return asking.result
                case PurchaseOrderError() as error:
                    raise ToolError(str(error)) from error
                case ValidationError() as error:
                    raise ToolError(_reworded(error, list(self.parameters["properties"]))) from error
                case _:
                    raise

    @classmethod
    @cache
    def of(cls, registered: Registered) -> PurchasingTool:
        """Build the tool that the registry describes, once in a process: its schemas take a while."""
        tool = cls.from_function(
            registered.function,
            title=registered.title,
            description=_one_paragraph(registered.function),
            annotations=ToolAnnotations(
                title=registered.title,
                read_only_hint=registered.read_only,
                destructive_hint=registered.destructive,
                idempotent_hint=registered.idempotent,
                open_world_hint=False,
            ),
        )
        assert isinstance(tool, PurchasingTool)
        model = tool.fn_metadata.arg_model
        model.model_config["extra"] = "forbid"  # the SDK drops what it does not know: delete(dry_run=true) would delete
        model.model_rebuild(force=True)
        tool.parameters = slim(model.model_json_schema(by_alias=True))
        tool.fn_metadata.output_schema = slim(tool.fn_metadata.output_schema or {})
        return tool


def _one_paragraph(function: Callable[..., Any]) -> str:
    return " ".join((function.__doc__ or "").split())


def _reworded(error: ValidationError, known: list[str]) -> str:
    """Say which arguments are wrong and how to write them, without the values that were given.

    Args:
        error: what pydantic found.
        known: the tool's arguments, told where one was given that is none of them.
    """
    found = error.errors(include_input=False, include_url=False, include_context=False)
    faults = [
        f"{visible('.'.join(str(part) for part in fault['loc']), 80)}: {_fault(fault['type'], fault['msg'])}"
        for fault in found
    ]
    strange = [fault["loc"] for fault in found if fault["type"] == "extra_forbidden"]
    leave_out = ". Leave it out" if strange else ""
    takes = f": this tool takes {', '.join(known)}" if any(len(place) == 1 for place in strange) else ""
    return "Nothing was sent. " + "; ".join(faults[:8]) + leave_out + takes


def _fault(kind: str, said: str) -> str:
    if kind == "extra_forbidden":
        return "there is no such argument"
    if kind == "missing":
        return "is missing; ask the user for it"
    return said.removeprefix("Value error, ")
