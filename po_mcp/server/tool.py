"""A registered tool as an MCP tool: unknown arguments are refused, and errors say what to do next."""

from __future__ import annotations

import inspect
from functools import cache, partial
from typing import Any, get_args

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import ArgModelBase, FuncMetadata
from mcp.shared.exceptions import MCPError
from mcp.types import CallToolResult, InputRequiredResult, ToolAnnotations
from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from po_mcp.approvals.elicitation import Elicitor, InputRequired
from po_mcp.desk.context import Desk
from po_mcp.errors import PurchaseOrderError
from po_mcp.tools import RegisteredTool
from po_mcp.tools._lenient import read_arguments
from po_mcp.tools._progress import run_with_progress
from po_mcp.tools._schema import input_schema, output_schema

_INTERNAL_ERROR = "po-mcp could not build the answer. This is a bug; please report it."
_CONTEXT = "ctx"
"""The parameter of each tool's function that gets the SDK's context."""
_MAY_HAVE_WRITTEN = " Do not repeat it. Check with get_operation how it ended."


class _Arguments(ArgModelBase):
    model_config = ConfigDict(extra="forbid")  # the SDK drops what it does not know: delete(dry_run=true) would delete


class _Metadata(FuncMetadata):
    """Argument metadata without the SDK's guess at JSON in texts; `read_arguments` alone reads arguments."""

    def pre_parse_json(self, data: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments unchanged: the SDK would read the text "null" as a missing vendor."""
        return data

    def convert_result(self, result: Any) -> CallToolResult | InputRequiredResult:
        """Return a result whose structured content fits the model of its published schema.

        The same check as the SDK's, which finds its adapter by a private attribute that pydantic looks up in Python.

        Raises:
            ValidationError: it does not fit.
        """
        if not isinstance(result, CallToolResult):
            return super().convert_result(result)
        if not result.is_error:
            self.output_model.model_validate(result.structured_content)
        return result


class PurchasingTool(Tool):
    """A tool that refuses unknown arguments and whose errors say what to do next."""

    async def run(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool = False) -> Any:
        """Run the tool.

        A question ends the call with an `InputRequiredResult`. Errors of `po_mcp.errors` keep their text; any other
        exception stays private, since its text may hold data.

        Raises:
            ToolError: the tool failed; the text is for the model.
        """
        try:
            return await self._call(arguments, context, convert_result)
        except PurchaseOrderError as exc:
            raise ToolError(str(exc)) from exc
        except ToolError as exc:
            # A tool can end a call with a question only by an exception, and the SDK wraps every exception of a
            # tool in a ToolError: the original is its cause.
            match exc.__cause__:
                case InputRequired() as question:
                    return question.result
                case PurchaseOrderError() as error:
                    raise ToolError(str(error)) from error
                case ValidationError() as fault:
                    raise self._translate_validation_error(fault, exc) from fault
                case _:
                    raise
        except MCPError:
            # An answer of the protocol and no crash: the SDK passes it on, too.
            raise
        except Exception as exc:
            # Outside of the tool's own function the SDK would answer with the exception's text.
            raise UnexpectedToolError(self._internal_error()) from exc

    async def _call(self, arguments: dict[str, Any], context: Context[Any, Any], convert_result: bool) -> Any:
        """Return the tool's result, with what became known meanwhile."""
        # The SDK validates what is returned here; arguments that stay wrong are refused there.
        read = read_arguments(arguments, self.parameters)
        request = context.request_context
        desk: Desk = request.lifespan_context
        if read.numbers:
            from po_mcp.tools._zeros import refuse_lost_zeros  # late, for a quick start

            await refuse_lost_zeros(read.numbers, desk)
        call = partial(super().run, read.values, context, convert_result)
        result = await run_with_progress(context, request.meta, call)
        # Nothing was ever asked for here, so there is no news; and looking for it makes no file.
        if not desk.journal.exists():
            return result
        from po_mcp.server.late_news import add_late_news  # late, for a quick start

        return await add_late_news(result, desk, Elicitor(context).requester)

    def find_faults(self, arguments: dict[str, Any]) -> str:
        """Say which arguments are wrong and how to write them, without calling the tool; "" where none is."""
        try:
            self.fn_metadata.arg_model.model_validate(read_arguments(arguments, self.parameters).values)
        except ValidationError as fault:
            return self._describe_faults(fault)
        return ""

    def _translate_validation_error(self, fault: ValidationError, error: ToolError) -> ToolError:
        """Return the error on wrong arguments, or on a result of this server that does not fit its schema."""
        if not isinstance(error, UnexpectedToolError):
            return ToolError(self._describe_faults(fault))
        return UnexpectedToolError(self._internal_error())

    def _describe_faults(self, fault: ValidationError) -> str:
        from po_mcp.server.argument_errors import describe_faults  # late, for a quick start

        return describe_faults(fault, self.parameters)

    def _internal_error(self) -> str:
        is_read = self.annotations is not None and self.annotations.read_only_hint
        return _INTERNAL_ERROR if is_read else _INTERNAL_ERROR + _MAY_HAVE_WRITTEN

    @classmethod
    @cache
    def of(cls, registered: RegisteredTool) -> PurchasingTool:
        """Return the MCP tool of a registered tool; cached, because building its schemas is slow.

        The SDK's `Tool.from_function` would build each model and each schema twice, which a start waits for.
        """
        signature = inspect.signature(registered.function, eval_str=True)
        arguments = _build_arguments(registered.name, signature)
        [_, result] = get_args(signature.return_annotation)  # Annotated[CallToolResult, the typed result]
        return cls(
            fn=registered.function,
            name=registered.name,
            title=registered.title,
            description=registered.description,
            parameters=input_schema(arguments.model_json_schema()),
            fn_metadata=_Metadata(
                arg_model=arguments,
                output_schema=output_schema(_result_schema(result), registered.returns),
                output_model=result,
            ),
            is_async=True,
            context_kwarg=_CONTEXT,
            annotations=ToolAnnotations(
                title=registered.title,
                read_only_hint=registered.read_only,
                destructive_hint=registered.destructive,
                idempotent_hint=registered.idempotent,
                open_world_hint=False,
            ),
        )


def _build_arguments(name: str, signature: inspect.Signature) -> type[ArgModelBase]:
    """Return the model of a tool's arguments: the parameters of its function but the context."""
    fields: dict[str, Any] = {
        parameter.name: (parameter.annotation, ... if parameter.default is parameter.empty else parameter.default)
        for parameter in signature.parameters.values()
        if parameter.name != _CONTEXT
    }
    return create_model(f"{name}Arguments", __base__=_Arguments, **fields)


@cache
def _result_schema(result: type[BaseModel]) -> dict[str, Any]:
    return result.model_json_schema()  # several tools have the same result
