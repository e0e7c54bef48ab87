"""``mcp-oauth-sync tools NAME``: list what a server offers."""

from __future__ import annotations

import argparse

from ..mcp.records import Tool
from .as_json import as_json
from .connection import open_session
from .output import data, say, tool_line, wrapped
from .tool_parameters import read_parameters


def run(options: argparse.Namespace) -> int:
    """List the tools: one a line, with their parameters, or as JSON."""
    with open_session(options) as mcp:
        tools = list(mcp.list_tools())
    if options.json:
        data(as_json([tool.raw for tool in tools]))
    for tool in [] if options.json else tools:
        data(tool_line(tool.name, tool.description))
        if options.long:
            _show_parameters(tool)
    if not tools:
        say("The server offers no tools.")
    return 0


def _show_parameters(tool: Tool) -> None:
    takes = read_parameters(tool.input_schema)
    for parameter in takes.parameters.values():
        said = f"{parameter}: {parameter.description}" if parameter.description else str(parameter)
        data(wrapped(said, "    ", hanging=4))
    if takes.others:
        data("    (and others)" if takes.parameters else "    (anything)")
