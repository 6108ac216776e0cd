"""po-mcp: an MCP server through which AI assistants work a company's purchase orders."""

__version__ = "0.1.0"
