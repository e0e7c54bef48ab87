"""JSON for programs, also where it is shown at a terminal."""

from __future__ import annotations

import json
import sys

from ..exceptions import MCPError
from .output import data, shown


def show_json(value: object) -> None:
    """Print the one document that a program asked for."""
    data(as_json(value))


def as_json(value: object) -> str:
    """Return JSON that a terminal shows as it is: in plain sight where that is safe, else with escapes.

    Raises:
        MCPError: It is nested too deeply.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, indent=2)
        if text != shown(text) or not _encodable(text):
            text = json.dumps(value, indent=2)
    except RecursionError:
        raise MCPError("What the server sent is nested too deeply to be shown.") from None
    return text


def _encodable(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding if sys.stdout is not None else "utf-8")
    except UnicodeEncodeError:
        return False
    return True
