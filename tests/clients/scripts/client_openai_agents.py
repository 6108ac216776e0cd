"""openai-agents with a model that follows a script; schemas made strict. It has no forms."""

import asyncio
import importlib.metadata as metadata
import json

from agents import Agent, Runner, set_tracing_disabled
from agents.items import ModelResponse
from agents.mcp import MCPServerStdio, MCPServerStreamableHttp
from agents.models.interface import Model
from agents.usage import Usage
from openai.types.responses import ResponseFunctionToolCall, ResponseOutputMessage, ResponseOutputText
from scenario import ARGS, BEFORE, COMMAND, ENV, WHERE, finish

set_tracing_disabled(True)


class Scripted(Model):
    def __init__(self, calls):
        self.calls, self.tools, self.seen = list(calls), [], {}

    async def get_response(self, system_instructions, input, model_settings, tools, *more, **named):  # noqa: A002
        self.tools = tools
        for item in input if isinstance(input, list) else []:
            if isinstance(item, dict) and item.get("type") == "function_call_output":
                self.seen[item["call_id"]] = item["output"]
        return ModelResponse(output=[self.next()], usage=Usage(), response_id=None)

    def next(self):
        if not self.calls:
            text = ResponseOutputText(text="done", type="output_text", annotations=[])
            return ResponseOutputMessage(id="m", role="assistant", status="completed", type="message", content=[text])
        name, arguments = self.calls.pop(0)
        call = f"call {len(self.calls)}"
        return ResponseFunctionToolCall(call_id=call, name=name, arguments=json.dumps(arguments), type="function_call")

    def stream_response(self, *more, **named):
        raise NotImplementedError


async def main():
    stdio = {"command": COMMAND, "args": ARGS, "env": ENV}
    kind, params = (MCPServerStdio, stdio) if WHERE == "stdio" else (MCPServerStreamableHttp, {"url": WHERE})
    async with kind(params=params, client_session_timeout_seconds=60) as server:
        model = Scripted(BEFORE)
        agent = Agent(name="buyer", model=model, mcp_servers=[server], mcp_config={"convert_schemas_to_strict": True})
        await Runner.run(agent, "go", max_turns=20)
    before = [one if isinstance(one, str) else json.dumps(one) for one in model.seen.values()]
    finish(f"openai-agents {metadata.version('openai-agents')}", model.tools, before, [])


asyncio.run(main())
