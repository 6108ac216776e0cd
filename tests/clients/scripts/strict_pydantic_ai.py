"""Convert our tools as pydantic-ai does for OpenAI's strict mode. Prints JSON."""

import json
import sys
from pathlib import Path

from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer

print(  # noqa: T201
    json.dumps(
        {
            tool["name"]: OpenAIJsonSchemaTransformer(tool["inputSchema"], strict=True).walk()
            for tool in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        }
    )
)
