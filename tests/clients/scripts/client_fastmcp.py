"""FastMCP's client."""

import asyncio
import importlib.metadata as metadata
import json

from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport, StreamableHttpTransport
from scenario import ARGS, ASKED, BEFORE, COMMAND, ENV, NUMBER, WHERE, finish


def transport():
    return (
        StdioTransport(COMMAND, ARGS, env=ENV, keep_alive=False) if WHERE == "stdio" else StreamableHttpTransport(WHERE)
    )


async def call(client, name, arguments):
    result = await client.call_tool(name, arguments, raise_on_error=False)
    return json.dumps(result.structured_content) if result.structured_content else result.content[0].text


async def main():
    async with Client(transport()) as client:
        tools = await client.list_tools()
        before = [await call(client, *each) for each in BEFORE]
    answers = [lambda form: ElicitResult(action="decline"), lambda form: form(order_number=NUMBER)]

    async def person(message, response_type, params, context):
        return answers.pop(0)(response_type)

    async with Client(transport(), elicitation_handler=person) as client:
        asked = [await call(client, *each) for each in ASKED]
    finish(f"fastmcp {metadata.version('fastmcp')}", tools, before, asked)


asyncio.run(main())
