"""LangChain's adapters: a session for each call, which is the default, and one session with a form."""

import asyncio
import importlib.metadata as metadata

from langchain_mcp_adapters.callbacks import Callbacks
from langchain_mcp_adapters.client import MultiServerMCPClient
from langchain_mcp_adapters.tools import load_mcp_tools
from mcp.types import ElicitResult
from scenario import ARGS, ASKED, BEFORE, COMMAND, ENV, NUMBER, WHERE, finish


def servers():
    stdio = {"transport": "stdio", "command": COMMAND, "args": ARGS, "env": ENV}
    return {"po": stdio if WHERE == "stdio" else {"transport": "streamable_http", "url": WHERE}}


async def call(tools, name, arguments):
    result = await tools[name].ainvoke({"type": "tool_call", "id": "1", "name": name, "args": arguments})
    return result.content if isinstance(result.content, str) else result.content[0]["text"]


async def main():
    tools = {tool.name: tool for tool in await MultiServerMCPClient(servers()).get_tools()}
    before = [await call(tools, *each) for each in BEFORE]
    answers = [
        ElicitResult(action="decline"),
        ElicitResult(action="accept", content={"order_number": NUMBER}),
    ]

    async def person(mcp_context, params, context):
        return answers.pop(0)

    client = MultiServerMCPClient(servers(), callbacks=Callbacks(on_elicitation=person))
    async with client.session("po") as session:
        loaded = {tool.name: tool for tool in await load_mcp_tools(session)}
        asked = [await call(loaded, *each) for each in ASKED]
    finish(f"langchain-mcp-adapters {metadata.version('langchain-mcp-adapters')}", tools, before, asked)


asyncio.run(main())
