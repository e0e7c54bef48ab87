"""What a call shows: how far it has come, and what the tool gave. Texts are data, everything else is told of."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterator

from ..exceptions import MCPError, printable
from ..mcp.content import Content, ToolResult
from ..mcp.notices import Progress
from .output import data, say, shown, width


class ProgressLine:
    """How far a call has come: at a terminal one line that is written over, elsewhere a line each time."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._columns = 0

    def show(self, done: Progress) -> None:
        """Show how far it has come."""
        if sys.stderr is None or not sys.stderr.isatty():
            say(str(done))
            return
        text = _fitted(shown(str(done)), width() - 1)
        columns = _columns(text)
        print(f"\r{text}{' ' * (self._columns - columns)}", end="", file=sys.stderr, flush=True)
        self._columns = max(columns, 1)

    def leave(self) -> None:
        """Let what is shown next begin a new line."""
        if self._columns:
            self._columns = 0
            say("")


def show_result(result: ToolResult) -> None:
    """Show what a tool gave: texts, links and structured content on standard output, of the rest what it is."""
    silent = True
    for piece in result.content:
        said = piece.resource.text if piece.resource else piece.text
        if said is not None:
            silent = False
            data(said)
        elif piece.type == "resource_link":
            data(printable(piece.uri, 2000))
        else:
            say(_described(piece))
    if silent and result.structured_content is not None:
        data(as_json(result.structured_content))


def explain_failure(result: ToolResult) -> str:
    """Return why a tool says that it failed, in lines that cannot be taken for others of ours."""
    why = result.text.strip()
    if not why and result.structured_content is not None:
        why = as_json(result.structured_content)
    return "\n       ".join(why.splitlines()) or "The tool failed and did not say why."


def first_binary(result: ToolResult) -> bytes | None:
    """Return the first content that is bytes; None when there is none.

    Raises:
        MCPError: It is no base64.
    """
    return next(_binaries(result), None)


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


def _binaries(result: ToolResult) -> Iterator[bytes]:
    for piece in result.content:
        if piece.resource is not None and piece.resource.blob is not None:
            yield piece.resource.data
        elif piece.resource is None and (content := piece.data) is not None:
            yield content


def _described(piece: Content) -> str:
    kind = (piece.resource.mime_type if piece.resource else piece.mime_type) or piece.type
    try:
        content = piece.resource.data if piece.resource else piece.data
    except MCPError:
        return f"[{printable(kind, 60)}, no base64]"
    return f"[{printable(kind, 60)}]" if content is None else f"[{printable(kind, 60)}, {len(content)} bytes]"


def _fitted(text: str, columns: int) -> str:
    while _columns(text) > columns:
        text = text[:-1]
    return text


def _columns(text: str) -> int:
    """Return the columns that a terminal needs for a text; some need fewer."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
