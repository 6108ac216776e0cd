"""Convert our tools as openai-agents does with `convert_schemas_to_strict`. Prints JSON."""

import json
import sys

from agents.strict_schema import ensure_strict_json_schema

print(json.dumps({tool["name"]: ensure_strict_json_schema(tool["inputSchema"]) for tool in json.load(open(sys.argv[1]))}))
