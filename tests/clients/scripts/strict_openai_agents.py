"""Convert our tools as openai-agents does with `convert_schemas_to_strict`. Prints JSON."""

import json
import sys
from pathlib import Path

from agents.strict_schema import ensure_strict_json_schema

print(  # noqa: T201
    json.dumps(
        {
            tool["name"]: ensure_strict_json_schema(tool["inputSchema"])
            for tool in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        }
    )
)
