"""What can be said of a call."""

from __future__ import annotations

import argparse

from .flag_values import read_seconds

CALL_EXAMPLES = """\
arguments:
  name=value     a text, or the number, boolean, array ... that the tool takes
  name:=JSON     any JSON
  '{"a": 1}'     all of them, as one JSON object
  @FILE, -       the same from a file, from standard input

examples:
  mcp-oauth-sync call notion notion-search query=roadmap
  mcp-oauth-sync call notion notion-search @search.json --json
"""


def add_call_flags(parser: argparse.ArgumentParser) -> None:
    """Add the words and flags of ``call``."""
    parser.add_argument("name", metavar="NAME", help="the sign-in")
    parser.add_argument("tool", metavar="TOOL", help="the tool")
    parser.add_argument("arguments", metavar="ARGUMENT", nargs="*", default=[], help="what it is given; see below")
    parser.add_argument("--url", metavar="URL", help="the MCP server, when it was never signed in to")
    parser.add_argument("--json", action="store_true", help="print the whole result as JSON")
    parser.add_argument("--output", metavar="FILE", help="write the first image or other bytes to a new file")
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=read_seconds,
        help="how long to wait for the answer; progress starts it anew (default: 60)",
    )
