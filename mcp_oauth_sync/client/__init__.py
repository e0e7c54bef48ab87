"""The steps for one MCP server, each callable alone: what to find out about it, and what to do with that."""

from .client import MCPOAuthClient

__all__ = ["MCPOAuthClient"]
