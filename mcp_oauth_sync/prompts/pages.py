"""The page the browser ends on: self-contained, nothing from elsewhere, everything escaped. RFC 9700 section 4.2."""

from __future__ import annotations

import html

from ..models.asker import NOBODY, Asker
from .page_style import STYLE

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main class="{kind}">
<svg viewBox="0 0 64 64" aria-hidden="true"><circle cx="32" cy="32" r="32"/><path pathLength="1" d="{path}"/></svg>
<div role="status">
<h1>{title}</h1>
<p>{text}</p>
</div>
{parts}
</main>
<footer>Shown by mcp-oauth-sync, which runs on this computer.</footer>
</body>
</html>
"""
#: How a page looks: its colour, and the drawing in its mark.
_GOOD = ("good", "M20 33l8.5 8.5L45 24")
_NO = ("no", "M21 32h22")
_BAD = ("bad", "M23 23l18 18M41 23L23 41")
_AGAIN = "To try again, start the sign-in once more in your program"


def _page(look: tuple[str, str], title: str, text: str, *parts: str) -> bytes:
    """Return a page.

    Args:
        look: Its colour and drawing.
        title: What happened.
        text: What to do next.
        parts: What follows, as HTML; empty ones are left out.
    """
    kind, path = look
    page = _PAGE.format(
        title=html.escape(title),
        text=html.escape(text),
        parts="\n".join(filter(None, parts)),
        kind=kind,
        path=path,
        style=STYLE,
    )
    return page.encode("utf-8", "replace")


def _said(words: str, advice: str | None = None) -> str:
    """Return the box with what went wrong, and below it what to do about it."""
    lines = [f"<p>{html.escape(line)}</p>" for line in (words, *(advice or "").splitlines()) if line]
    return f'<div class="said">{"".join(lines)}</div>' if lines else ""


def _facts(asker: Asker) -> str:
    """Return who asked, and for what, as far as that is known."""
    known = (("Program", asker.program), ("Server", asker.host))
    rows = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in known if value)
    return f"<dl>{rows}</dl>" if rows else ""


def _note(text: str, command: str = "") -> str:
    """Return the last lines, and a command to run below them."""
    code = f", or run:</p>\n<code>{html.escape(command)}</code>" if command else ".</p>"
    return f'<p class="note">{html.escape(text)}{code}'


def success_page(asker: Asker = NOBODY) -> bytes:
    """Return the page for a sign-in that is complete."""
    return _page(
        _GOOD,
        "You are signed in",
        "You can close this tab and go back to your program.",
        _facts(asker),
        _note("The program is already at work, and keeps you signed in from now on"),
    )


def received_page(asker: Asker = NOBODY) -> bytes:
    """Return the page for an answer that is still being redeemed."""
    return _page(
        _GOOD,
        "Answer received",
        "You can close this tab. Your program is completing the sign-in.",
        _facts(asker),
        _note("Should anything go wrong from here, the program says so"),
    )


def denied_page(asker: Asker = NOBODY, *, said: str | None = None) -> bytes:
    """Return the page for a person who said no.

    Args:
        asker: Who asked, and for what.
        said: What the server gave as the reason, fit to be shown; None when it gave none. Escaped here.
    """
    return _page(
        _NO,
        "Access was not granted",
        "You or the server said no, so the program was given nothing. You can close this tab.",
        _said(f"The server says: {said}") if said else "",
        _facts(asker),
        _note(_AGAIN, asker.command),
    )


def failure_page(reason: str, asker: Asker = NOBODY, *, advice: str | None = None) -> bytes:
    """Return the page for a sign-in that failed.

    Args:
        reason: What happened, in our words; escaped here.
        asker: Who asked, and for what.
        advice: What to do about it, in our words; None when there is nothing to say. Escaped here.
    """
    return _page(
        _BAD,
        "The sign-in did not work",
        "You can close this tab. Go back to your program: it says what you can do next.",
        _said(reason, advice),
        _facts(asker),
        _note(_AGAIN, asker.command),
    )


def stranger_page() -> bytes:
    """Return the page for a request that is not the answer waited for: it names nobody to whoever came."""
    return _page(
        _NO,
        "Not the right page",
        "Your program waits here for the end of a sign-in, and this was something else.",
        _note("To sign in, go back to the newest tab that your program opened"),
    )
