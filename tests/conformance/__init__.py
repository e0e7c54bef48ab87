"""The official MCP conformance suite, run against the library one scenario at a time."""
