"""pydantic-ai's toolset for MCP, with a model that follows a script."""

import asyncio
import importlib.metadata as metadata
import json

from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport
from pydantic_ai import Agent
from pydantic_ai.mcp import MCPToolset
from pydantic_ai.messages import ModelResponse, RetryPromptPart, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel
from scenario import ARGS, ASKED, BEFORE, COMMAND, ENV, NUMBER, WHERE, finish

TOOLS = {}


def target():
    return StdioTransport(COMMAND, ARGS, env=ENV, keep_alive=False) if WHERE == "stdio" else WHERE


async def run(calls, handler=None):
    left, seen = list(calls), []

    async def respond(messages, info):
        TOOLS.update({tool.name: tool for tool in info.function_tools})
        for part in messages[-1].parts:
            if isinstance(part, ToolReturnPart | RetryPromptPart):
                content = part.content
                seen.append(content if isinstance(content, str) else json.dumps(content, default=str))
        if not left:
            return ModelResponse(parts=[TextPart("done")])
        name, arguments = left.pop(0)
        return ModelResponse(parts=[ToolCallPart(name, arguments)])

    toolset = MCPToolset(target(), elicitation_handler=handler, init_timeout=60)
    async with Agent(FunctionModel(respond), toolsets=[toolset], retries=5) as agent:
        await agent.run("go")
    return seen


async def main():
    answers = [lambda form: ElicitResult(action="decline"), lambda form: form(order_number=NUMBER)]

    async def person(message, response_type, params, context):
        return answers.pop(0)(response_type)

    before, asked = await run(BEFORE), await run(ASKED, person)
    finish(f"pydantic-ai-slim {metadata.version('pydantic-ai-slim')}", TOOLS, before, asked)


asyncio.run(main())
