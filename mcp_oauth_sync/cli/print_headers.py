"""``mcp-oauth-sync headers NAME``: what signs another program's request. RFC 6750 section 2.1, RFC 9449 section 7.1."""

from __future__ import annotations

import argparse

from .as_json import show_json
from .output import data
from .silent import refuse_terminal, silent_sign_in


def run(options: argparse.Namespace) -> int:
    """Print the headers: one a line, or as JSON."""
    refuse_terminal(options, "A token")
    auth, _ = silent_sign_in(options)
    headers = auth.headers(options.method, options.url)
    if options.json:
        show_json(dict(headers))
    for name, value in headers.items() if not options.json else ():
        data(f"{name}: {value}")
    return 0
