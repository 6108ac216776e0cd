"""Convert our tools as pydantic-ai does for Gemini. Prints JSON."""

import json
import sys
from pathlib import Path

from pydantic_ai.profiles.google import GoogleJsonSchemaTransformer

print(  # noqa: T201
    json.dumps(
        {
            tool["name"]: GoogleJsonSchemaTransformer(tool["inputSchema"]).walk()
            for tool in json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        }
    )
)
