"""Convert our tools as google-genai does for `tools=[session]`, in both of its ways. Prints JSON."""

import json
import sys
from pathlib import Path

from google.genai._mcp_utils import mcp_to_gemini_tool, mcp_to_gemini_tools
from mcp.types import Tool

tools = [Tool.model_validate(tool) for tool in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))]
parameters = {tool.name: mcp_to_gemini_tool(tool).function_declarations[0].parameters for tool in tools}
as_json_schema = mcp_to_gemini_tools(tools, True)
print(  # noqa: T201
    json.dumps(
        {
            "parameters": {
                name: found.model_dump(mode="json", exclude_none=True) if found else None
                for name, found in parameters.items()
            },
            "as_json_schema": len(as_json_schema),
        }
    )
)
