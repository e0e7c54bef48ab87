"""Speaking MCP over requests."""
