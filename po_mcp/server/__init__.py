"""The MCP surface besides tools: resources, prompts, completions, notifications, and the server that holds them."""
