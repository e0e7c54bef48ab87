"""What a call shows: how far it has come, and what the tool gave. Texts are data, everything else is told of."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ..exceptions import MCPError, printable
from ..mcp.content import Content, ToolResult
from ..mcp.notices import Progress
from .as_json import as_json
from .output import data, is_terminal, say, shown, width


class ProgressLine:
    """How far a call has come: at a terminal one line that is written over, elsewhere a line each time."""

    def __init__(self) -> None:
        """Show nothing yet."""
        self._columns = 0

    def show(self, done: Progress) -> None:
        """Show how far it has come."""
        if not is_terminal(sys.stderr):
            say(str(done))
            return
        from rich.cells import cell_len, set_cell_size

        text = shown(str(done))
        wide = min(cell_len(text), width() - 1)
        line = set_cell_size(text, max(wide, self._columns))
        self._columns = max(wide, 1)  # before anything is seen: Ctrl-C may come in between
        print(f"\r{line}", end="", file=sys.stderr, flush=True)

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
