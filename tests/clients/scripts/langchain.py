"""Convert our tools as LangChain does for a model, strictly. Prints JSON."""

import json
import sys

from langchain_core.utils.function_calling import convert_to_openai_tool

found = {}
for tool in json.load(open(sys.argv[1])):
    function = {"title": tool["name"], "description": tool["description"], **tool["inputSchema"]}
    found[tool["name"]] = convert_to_openai_tool(function, strict=True)["function"]["parameters"]
print(json.dumps(found))
