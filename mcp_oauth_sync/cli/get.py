"""``mcp-oauth-sync get NAME``: everything that is kept of a sign-in, but its secrets."""

from __future__ import annotations

import argparse

from .accounts import manager_for, require_sign_in
from .as_json import show_json
from .described import in_full, in_lines
from .standing import stand
from .table import show_facts


def run(options: argparse.Namespace) -> int:
    """Show it."""
    manager = manager_for(options)
    name, record = require_sign_in(manager, options.name)
    standing = stand(record)
    document = in_full(name, record, standing, manager)
    if options.json:
        show_json(document)
    else:
        show_facts(in_lines(record, standing, document), paint={"state": standing.paint})
    return 0
