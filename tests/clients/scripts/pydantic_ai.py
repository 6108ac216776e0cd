"""Convert our tools as pydantic-ai does for OpenAI, strictly, and for Google. Prints JSON."""

import json
import sys

from pydantic_ai.profiles.google import GoogleJsonSchemaTransformer
from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer

tools = {tool["name"]: tool["inputSchema"] for tool in json.load(open(sys.argv[1]))}
print(
    json.dumps(
        {
            "openai": {name: OpenAIJsonSchemaTransformer(schema, strict=True).walk() for name, schema in tools.items()},
            "google": {name: GoogleJsonSchemaTransformer(schema).walk() for name, schema in tools.items()},
        }
    )
)
