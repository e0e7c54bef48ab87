"""``mcp-oauth-sync tools NAME``: list what a server offers."""

from __future__ import annotations

import argparse

from ..exceptions import printable
from ..mcp.records import Tool
from .as_json import as_json
from .connection import open_session
from .output import data, paragraph, say
from .paint import STRONG
from .table import show_headed, show_table
from .tool_parameters import read_parameters

#: Characters that are shown of what a server calls a tool, and of what it says of it.
_NAME, _SAID = 100, 500


def run(options: argparse.Namespace) -> int:
    """List the tools: one a line, with their parameters, or as JSON."""
    with open_session(options) as mcp:
        tools = list(mcp.list_tools())
    if options.json:
        data(as_json([tool.raw for tool in tools]))
    elif options.long:
        for tool in tools:
            name, said = _row(tool)
            show_headed(name, f"  {said}", paint=STRONG, hanging=4)
            _show_parameters(tool)
    elif tools:
        show_table(("TOOL", "WHAT IT DOES"), [_row(tool) for tool in tools])
    if not tools:
        say("The server offers no tools.")
    return 0


def _row(tool: Tool) -> tuple[str, str]:
    """Return what a tool is called, and the first line of what it does."""
    first = (tool.description or "").strip().partition("\n")[0]
    return printable(tool.name, _NAME), printable(first, _SAID)


def _show_parameters(tool: Tool) -> None:
    takes = read_parameters(tool.input_schema)
    for parameter in takes.parameters.values():
        said = f"{parameter}: {parameter.description}" if parameter.description else str(parameter)
        paragraph(said, "    ", hanging=4)
    if takes.others:
        data("    (and others)" if takes.parameters else "    (anything)")
