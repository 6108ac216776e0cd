"""What an MCP client sees besides tools: resources, prompts, completions, notifications, the server itself."""
