"""The tools, resources and prompts that the official conformance suite asks a server for; po-mcp has none of them.

What each must say is written in the suite's scenarios (`conformance list`, and its source).
"""

from __future__ import annotations

import base64
import io
import json
import struct
import wave
import zlib
from collections.abc import Mapping
from typing import Annotated, Any

from mcp.server import MCPServer
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.shared.exceptions import MCPError
from mcp.types import (
    AudioContent,
    CreateMessageRequest,
    CreateMessageRequestParams,
    ElicitRequest,
    ElicitRequestFormParams,
    EmbeddedResource,
    EmptyResult,
    ImageContent,
    InputRequiredResult,
    ListRootsRequest,
    SamplingMessage,
    SetLevelRequestParams,
    SubscribeRequestParams,
    TextContent,
    TextResourceContents,
    UnsubscribeRequestParams,
)
from pydantic import Field

MISSING_CAPABILITY_CODE = -32021
"""The JSON-RPC error that the suite wants of a tool whose client lacks a capability."""
AnyContext = Context[Any, Any]


def _encode_red_dot() -> str:
    """Return a PNG of one red pixel, in base64."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    dot = b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0\xff\0\0")) + chunk(b"IEND", b"")
    return base64.b64encode(dot).decode()


def _encode_silence() -> str:
    """Return a WAV of one silent frame, in base64."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(b"\0\0")
    return base64.b64encode(file.getvalue()).decode()


def _resource(uri: str, text: str, kind: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, mime_type=kind, text=text))


def _image() -> ImageContent:
    return ImageContent(type="image", data=_encode_red_dot(), mime_type="image/png")


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def _form(message: str, **properties: Any) -> ElicitRequest:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def _sampling(text: str, max_tokens: int) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=_text(text))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens))


def _ask(state: str | None = None, **requests: Any) -> InputRequiredResult:
    return InputRequiredResult(input_requests=requests, request_state=state)


def _read_answers(ctx: AnyContext) -> Mapping[str, Any]:
    """Return what the client answers to an earlier `_ask`, by the names of the requests."""
    return ctx.input_responses or {}


NAME = {"type": "string"}


# The tools, under the names by which the suite calls them: pytest collects none of them, since the file is no test file


async def test_simple_text() -> str:
    return "This is a simple text response for testing."


async def test_image_content() -> list[ImageContent]:
    return [_image()]


async def test_audio_content() -> list[AudioContent]:
    return [AudioContent(type="audio", data=_encode_silence(), mime_type="audio/wav")]


async def test_embedded_resource() -> list[EmbeddedResource]:
    return [_resource("test://embedded-resource", "This is an embedded resource content.")]


async def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
    mixed = _resource("test://mixed-content-resource", '{"test":"data","value":123}', "application/json")
    return [_text("Multiple content types test:"), _image(), mixed]


async def test_error_handling() -> str:
    raise ToolError("This tool intentionally returns an error for testing")


async def test_tool_with_progress(ctx: AnyContext) -> str:
    for done in (0, 50, 100):
        await ctx.report_progress(done, 100, f"Completed step {done} of 100")
    return "done"


async def test_tool_with_logging(ctx: AnyContext) -> str:
    for text in ("started", "processing", "completed"):
        await ctx.session.send_log_message("info", f"Tool {text}", related_request_id=ctx.request_id)
    return "done"


async def test_sampling(prompt: str, ctx: AnyContext) -> str:
    message = SamplingMessage(role="user", content=_text(prompt))
    result = await ctx.session.create_message(messages=[message], max_tokens=100, related_request_id=ctx.request_id)
    return f"LLM response: {getattr(result.content, 'text', '')}"


async def _elicit(ctx: AnyContext, message: str, schema: dict[str, Any]) -> str:
    result = await ctx.session.elicit_form(message, schema, related_request_id=ctx.request_id)
    return f"action={result.action}, content={json.dumps(result.content or {})}"


async def test_elicitation(message: str, ctx: AnyContext) -> str:
    schema = {"type": "object", "properties": {"response": NAME}, "required": ["response"]}
    return f"User response: {await _elicit(ctx, message, schema)}"


async def test_elicitation_sep1034_defaults(ctx: AnyContext) -> str:
    properties = {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        "verified": {"type": "boolean", "default": True},
    }
    said = await _elicit(ctx, "Please review the defaults", {"type": "object", "properties": properties})
    return f"Elicitation completed: {said}"


async def test_elicitation_sep1330_enums(ctx: AnyContext) -> str:
    plain, titled = ["option1", "option2", "option3"], [("value1", "One"), ("value2", "Two"), ("value3", "Three")]
    consts = [{"const": value, "title": title} for value, title in titled]
    names = ["Option One", "Option Two", "Option Three"]
    properties = {
        "untitledSingle": {"type": "string", "enum": plain},
        "titledSingle": {"type": "string", "oneOf": consts},
        "legacyEnum": {"type": "string", "enum": ["opt1", "opt2", "opt3"], "enumNames": names},
        "untitledMulti": {"type": "array", "items": {"type": "string", "enum": plain}},
        "titledMulti": {"type": "array", "items": {"anyOf": consts}},
    }
    said = await _elicit(ctx, "Please choose", {"type": "object", "properties": properties})
    return f"Elicitation completed: {said}"


async def test_missing_capability(ctx: AnyContext) -> str:
    capabilities = ctx.session.client_capabilities
    if capabilities is None or capabilities.sampling is None:
        needed: dict[str, Any] = {"requiredCapabilities": {"sampling": {}}}
        raise MCPError(MISSING_CAPABILITY_CODE, "This tool needs sampling", needed)
    return "The client can sample."


async def test_streaming_elicitation(ctx: AnyContext) -> Any:
    await ctx.report_progress(1, 2)
    return _ask(name=_form("What is your name?", name=NAME)) if "name" not in _read_answers(ctx) else "done"


async def test_logging_tool() -> str:
    return "This tool logs nothing that was not asked for."


async def test_input_required_result_elicitation(ctx: AnyContext) -> Any:
    answer = _read_answers(ctx).get("user_name")
    if answer is None or not getattr(answer, "content", None):
        return _ask(user_name=_form("What is your name?", name=NAME))
    return f"Hello, {answer.content['name']}!"


async def test_input_required_result_sampling(ctx: AnyContext) -> Any:
    answer = _read_answers(ctx).get("capital_question")
    if answer is None:
        return _ask(capital_question=_sampling("What is the capital of France?", 100))
    return getattr(answer.content, "text", "")


async def test_input_required_result_list_roots(ctx: AnyContext) -> Any:
    answer = _read_answers(ctx).get("client_roots")
    return _ask(client_roots=ListRootsRequest()) if answer is None else " ".join(str(root.uri) for root in answer.roots)


async def test_input_required_result_request_state(ctx: AnyContext) -> Any:
    if "confirm" in _read_answers(ctx) and ctx.request_state == "state":
        return "state-ok"
    return _ask("state", confirm=_form("Please confirm", ok={"type": "boolean"}))


async def test_input_required_result_tampered_state(ctx: AnyContext) -> Any:
    return await test_input_required_result_request_state(ctx)


async def test_input_required_result_multiple_inputs(ctx: AnyContext) -> Any:
    if {"user_name", "greeting", "client_roots"} <= _read_answers(ctx).keys():
        return "all answered"
    return _ask(
        "state",
        user_name=_form("What is your name?", name=NAME),
        greeting=_sampling("Generate a greeting", 50),
        client_roots=ListRootsRequest(),
    )


async def test_input_required_result_multi_round(ctx: AnyContext) -> Any:
    if "step2" in _read_answers(ctx) and ctx.request_state == "round 2":
        return "both answered"
    if "step1" in _read_answers(ctx) and ctx.request_state == "round 1":
        return _ask("round 2", step2=_form("Step 2: What is your favorite color?", color=NAME))
    return _ask("round 1", step1=_form("Step 1: What is your name?", name=NAME))


async def test_input_required_result_capabilities(ctx: AnyContext) -> Any:
    can, requests = ctx.session.client_capabilities, dict[str, Any]()
    if can is not None and can.sampling is not None:
        requests["greeting"] = _sampling("Generate a greeting", 50)
    if can is not None and can.elicitation is not None:
        requests["user_name"] = _form("What is your name?", name=NAME)
    return _ask(**requests) if requests and not _read_answers(ctx) else "done"


TOOLS = [tool for name, tool in list(globals().items()) if name.startswith("test_")]


# Resources and prompts


async def _static_text() -> str:
    return "This is the content of the static text resource."


async def _static_binary() -> bytes:
    return base64.b64decode(_encode_red_dot())


async def _template(id: str) -> str:  # noqa: A002  # the suite names it
    return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})


async def _simple_prompt() -> list[Any]:
    return [UserMessage("This is a simple prompt for testing.")]


async def _prompt_with_arguments(
    arg1: Annotated[str, Field(description="first")], arg2: Annotated[str, Field(description="second")]
) -> list[Any]:
    return [UserMessage(f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'")]


async def _prompt_with_resource(resourceUri: str) -> list[Any]:  # noqa: N803  # the suite names it
    embedded = _resource(resourceUri, "Embedded resource content for testing.")
    return [UserMessage(embedded), UserMessage("Please process the embedded resource above.")]


async def _prompt_with_image() -> list[Any]:
    return [UserMessage(_image()), UserMessage("Please analyze the image above.")]


async def _prompt_that_asks(ctx: AnyContext) -> Any:
    if "user_context" not in _read_answers(ctx):
        return _ask(user_context=_form("What context should the prompt use?", context=NAME))
    return [UserMessage("Thank you.")]


def _add_handlers(server: MCPServer[Any]) -> None:
    """Let a server take subscriptions to a resource of the suite beside its own, and levels of log messages."""
    low = server._lowlevel_server

    async def accept(ctx: Any, params: Any) -> EmptyResult:
        return EmptyResult()

    def accept_watched(own: Any) -> Any:
        async def handle(ctx: Any, params: Any) -> Any:
            is_watched = str(params.uri) == "test://watched-resource"
            return await (accept if is_watched else own.handler)(ctx, params)

        return handle

    low.add_request_handler("logging/setLevel", SetLevelRequestParams, accept)
    for method, params in (
        ("resources/subscribe", SubscribeRequestParams),
        ("resources/unsubscribe", UnsubscribeRequestParams),
    ):
        low.add_request_handler(method, params, accept_watched(low._request_handlers[method]))


def add_fixtures(server: MCPServer[Any]) -> list[str]:
    """Add all tools, resources and prompts to a server; return the names of the tools."""
    for tool in TOOLS:
        server.add_tool(tool, description=f"Fixture {tool.__name__}", structured_output=False)
    server.resource("test://static-text", mime_type="text/plain")(_static_text)
    server.resource("test://static-binary", mime_type="image/png")(_static_binary)
    server.resource("test://template/{id}/data", mime_type="application/json")(_template)
    prompts: dict[str, Any] = {
        "test_simple_prompt": _simple_prompt,
        "test_prompt_with_arguments": _prompt_with_arguments,
        "test_prompt_with_embedded_resource": _prompt_with_resource,
        "test_prompt_with_image": _prompt_with_image,
        "test_input_required_result_prompt": _prompt_that_asks,
    }
    for name, prompt in prompts.items():
        server.prompt(name=name, description=f"Fixture {name}")(prompt)
    _add_handlers(server)
    return [tool.__name__ for tool in TOOLS]
