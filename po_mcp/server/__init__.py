"""What an MCP client sees besides tools: resources, prompts, completions, notifications, and the server that holds them."""
