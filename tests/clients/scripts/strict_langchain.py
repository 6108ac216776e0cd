"""Convert our tools as LangChain does for OpenAI's strict mode. Prints JSON."""

import json
import sys
from pathlib import Path

from langchain_core.tools import StructuredTool
from langchain_core.utils.function_calling import convert_to_openai_tool


def convert(tool):
    made = StructuredTool(
        name=tool["name"],
        description=tool["description"],
        args_schema=tool["inputSchema"],
        func=lambda **named: None,
    )
    return convert_to_openai_tool(made, strict=True)["function"]["parameters"]


print(  # noqa: T201
    json.dumps({tool["name"]: convert(tool) for tool in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))})
)
