"""The report that is safe to paste where everybody can read it: findings, and each exchange without its secrets."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ..protocol.reply import Reply
from ..version import __version__
from .finding import Report
from .recording import Seen, is_page
from .safe import fingerprint, holds_piece, safe_document, safe_headers, safe_text, safe_url

_HEAD = (
    "Secrets, identifiers and values of queries are left out, or replaced by their length and a piece of a hash.",
    "Names of hosts and plain paths are shown. Read it before you paste it.",
)
_OURS = frozenset("accept content-type mcp-protocol-version mcp-method authorization dpop".split())


def build_trace(report: Report) -> str:
    """Return the report as text, without a secret of the user or of a server.

    Args:
        report: What was found.
    """
    target = safe_text(report.target, report.private) if "://" in report.target else "a sign-in by its name"
    lines = [f"mcp-oauth-sync {__version__} doctor: {target}", *_HEAD, "", "Findings", "--------"]
    for finding in report.findings:
        what = safe_text(finding.what, report.private)
        lines.append(f"{finding.level.value:<8} {finding.step.value}: [{finding.code}] {what}")
    lines += ["", "Exchanges", "---------"]
    for number, seen in enumerate(report.seen, 1):
        lines += [f"{number}. {line}" if not at else f"   {line}" for at, line in enumerate(_told(seen))]
    if not report.seen:
        lines.append("none")
    return "\n".join("<not shown>" if holds_piece(line, report.private) else line for line in lines) + "\n"


def _told(seen: Seen) -> Iterator[str]:
    """Yield the lines about one exchange, the request first."""
    yield f"{seen.method} {safe_url(seen.url)} ({seen.what})"
    if seen.sent:
        names = (name if name.lower() in _OURS else fingerprint(name) for name in seen.sent)
        yield f"sent headers: {', '.join(sorted(names))}"
    if seen.body is not None:
        yield from _pretty("sent: ", _loaded(seen.body))
    if seen.reply is None:
        yield f"no answer: {seen.failure}"
        return
    yield f"HTTP {seen.reply.status}"
    for name, value in safe_headers(seen.reply.headers).items():
        yield f"{name}: {value}"
    document = seen.reply.json_object()
    if document is not None:
        yield from _pretty("", safe_document(document))
    elif seen.reply.body:
        yield f"{_kind(seen.reply)}: {fingerprint(seen.reply.body.decode('latin-1'))}"


def _loaded(body: str) -> object:
    try:
        return safe_document(json.loads(body))
    except ValueError:
        return fingerprint(body)


def _pretty(label: str, document: object) -> Iterator[str]:
    """Yield a document in lines, one for each of its members."""
    if not isinstance(document, dict):
        yield label + json.dumps(document, ensure_ascii=False)
        return
    yield label + "{"
    for name, value in document.items():
        yield f"  {json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}"
    yield "}"


def _kind(reply: Reply) -> str:
    return "an HTML page" if is_page(reply) else "no JSON object"
