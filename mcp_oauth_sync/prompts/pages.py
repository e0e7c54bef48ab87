"""The page the browser ends on: self-contained, nothing from elsewhere, everything escaped. RFC 9700 section 4.2."""

from __future__ import annotations

import html

_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark; --ink: #1c2230; --soft: #5a6376; --paper: #f3f5f9; --card: #ffffff;
  --line: #e3e7ef; --mark: {light}; --shade: 0 1px 2px rgb(28 34 48 / .06), 0 12px 32px rgb(28 34 48 / .07); }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e8ebf2; --soft: #a2abbd; --paper: #12151c;
  --card: #1b202b; --line: #2c3443; --mark: {dark}; --shade: none; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-content: center; gap: 20px; padding: 24px;
  grid-template-columns: minmax(0, 31rem); background: var(--paper); color: var(--ink); text-align: center;
  font: 17px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }}
main {{ padding: 44px 40px 36px; background: var(--card); border: 1px solid var(--line); border-radius: 16px;
  box-shadow: var(--shade); }}
svg {{ width: 64px; height: 64px; color: var(--mark); }}
circle {{ fill: currentColor; fill-opacity: .12; stroke: none; }}
h1 {{ margin: 20px 0 10px; font-size: 1.6rem; line-height: 1.25; letter-spacing: -.01em; text-wrap: balance; }}
p {{ margin: 0; overflow-wrap: anywhere; text-wrap: balance; }}
.detail {{ margin-top: 24px; padding-top: 20px; border-top: 1px solid var(--line); }}
.detail, footer {{ color: var(--soft); font-size: .92rem; }}
footer {{ font-size: .82rem; }}
</style>
</head>
<body>
<main>
<svg viewBox="0 0 64 64" fill="none" stroke="currentColor" stroke-width="4" stroke-linecap="round"
 stroke-linejoin="round" aria-hidden="true"><circle cx="32" cy="32" r="32"/><path d="{path}"/></svg>
<h1>{title}</h1>
<p>{text}</p>
<p class="detail">{detail}</p>
</main>
<footer>Shown by mcp-oauth-sync, which runs on this computer.</footer>
</body>
</html>
"""
_GREEN, _AMBER, _RED = ("#17804b", "#4cc38a"), ("#a05a00", "#f0b45c"), ("#b3261e", "#f2877f")
_TICK, _BAR, _CROSS = "M20 33l8.5 8.5L45 24", "M21 32h22", "M23 23l18 18M41 23L23 41"


def _page(title: str, text: str, detail: str, colours: tuple[str, str], path: str) -> bytes:
    shown = [html.escape(part) for part in (title, text, detail)]
    page = _PAGE.format(title=shown[0], text=shown[1], detail=shown[2], light=colours[0], dark=colours[1], path=path)
    return page.encode("utf-8", "replace")


def success_page() -> bytes:
    """Return the page for a sign-in that is complete."""
    return _page(
        "You are signed in",
        "You can close this tab and go back to your program.",
        "The program is already at work, and keeps you signed in from now on.",
        _GREEN,
        _TICK,
    )


def received_page() -> bytes:
    """Return the page for an answer that is still being redeemed."""
    return _page(
        "Answer received",
        "You can close this tab. Your program is completing the sign-in.",
        "Should anything go wrong from here, the program says so.",
        _GREEN,
        _TICK,
    )


def denied_page() -> bytes:
    """Return the page for a person who said no."""
    return _page(
        "Access was not granted",
        "You or the server said no, so the program was given nothing.",
        "You can close this tab. To try again, start the sign-in once more in your program.",
        _AMBER,
        _BAR,
    )


def failure_page(reason: str) -> bytes:
    """Return the page for a sign-in that failed.

    Args:
        reason: What happened, in our words; escaped here.
    """
    return _page(
        "The sign-in did not work",
        "Go back to your program: it says what you can do next.",
        reason,
        _RED,
        _CROSS,
    )


def stranger_page() -> bytes:
    """Return the page for a request that is not the answer waited for."""
    return _page(
        "Not the right page",
        "Your program waits here for the end of a sign-in, and this was something else.",
        "To sign in, go back to the newest tab that your program opened.",
        _AMBER,
        _BAR,
    )
