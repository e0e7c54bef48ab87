"""The library against software that others wrote: the official MCP SDK's server, and Chromium."""
