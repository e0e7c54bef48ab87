"""Step 7: what the MCP endpoint says to ``server/discover`` without a token. MCP 2026-07-28, versioning."""

from __future__ import annotations

from collections.abc import Iterator

from ..exceptions import MCPError, printable
from ..models.document import Document
from ..protocol.reply import Reply
from .finding import Finding, Level, Step
from .messages import REVISION, read_message


def check_endpoint(reply: Reply, *, was_open: bool) -> Iterator[Finding]:
    """Yield what follows from the answer.

    Args:
        reply: What came back.
        was_open: Whether another question was answered without a token.
    """
    message = read_message(reply)
    if reply.status in (401, 403):
        if was_open:
            why = "So it asks for a token at some calls only, and a sign-in happens at the first of them."
            yield _found(Level.OK, "asks-sometimes", f"it asks for a token here (HTTP {reply.status})", why=why)
        else:
            yield _found(Level.OK, "asks", f"it asks for a token for server/discover too (HTTP {reply.status})")
    elif message is None:
        said = reply.describe().partition(":")[0]
        yield _found(Level.SKIPPED, "no-message", f"no MCP came back ({said})")
    elif isinstance(message.get("result"), dict):
        yield from _discovered(message["result"])
    else:
        error = message.get("error")
        code = error.get("code") if isinstance(error, dict) else None
        number = f" ({code})" if isinstance(code, int) else ""
        yield _found(Level.OK, "handshake", f"it speaks MCP with a handshake, no server/discover{number}")


def _discovered(result: Document) -> Iterator[Finding]:
    from ..mcp.server_info import ServerInfo  # what only a server that answers needs

    try:
        info = ServerInfo.from_discover(result, protocol_version=REVISION)
    except MCPError as defect:
        why = defect.message
        yield _found(
            Level.WARNING, "discover-malformed", "its answer to server/discover is not as it has to be", why=why
        )
        return
    spoken = printable(", ".join(info.supported_versions), 100)
    yield _found(Level.OK, "discovered", f"it answers server/discover without a token; it speaks {spoken}")


def _found(level: Level, code: str, what: str, *, why: str | None = None) -> Finding:
    return Finding(step=Step.MCP, level=level, code=code, what=what, why=why)
