"""Tests of what speaks MCP."""
