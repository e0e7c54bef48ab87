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
  --line: #dfe3ec; --mark: {light}; }}
@media (prefers-color-scheme: dark) {{ :root {{ --ink: #e8ebf2; --soft: #a2abbd; --paper: #12151c;
  --card: #1b202b; --line: #2c3443; --mark: {dark}; }} }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px; background: var(--paper);
  color: var(--ink); font: 17px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }}
main {{ width: 100%; max-width: 31rem; padding: 44px 40px 36px; background: var(--card);
  border: 1px solid var(--line); border-radius: 16px; text-align: center; }}
svg {{ width: 60px; height: 60px; color: var(--mark); }}
h1 {{ margin: 18px 0 8px; font-size: 1.6rem; line-height: 1.25; letter-spacing: -.01em; }}
p {{ margin: 0 0 10px; overflow-wrap: anywhere; }}
.detail {{ margin-top: 20px; padding-top: 18px; border-top: 1px solid var(--line); color: var(--soft);
  font-size: .92rem; }}
</style>
</head>
<body>
<main>
<svg viewBox="0 0 60 60" fill="none" stroke="currentColor" stroke-width="4" stroke-linecap="round"
 stroke-linejoin="round" aria-hidden="true"><circle cx="30" cy="30" r="26"/><path d="{path}"/></svg>
<h1>{title}</h1>
<p>{text}</p>
<p class="detail">{detail}</p>
</main>
</body>
</html>
"""
_GREEN, _AMBER, _RED = ("#17804b", "#4cc38a"), ("#a05a00", "#f0b45c"), ("#b3261e", "#f2877f")
_TICK, _BAR, _CROSS = "M19 31l8 8 15-17", "M20 30h20", "M22 22l16 16M38 22L22 38"


def _page(title: str, text: str, detail: str, colours: tuple[str, str], path: str) -> bytes:
    shown = [html.escape(part) for part in (title, text, detail)]
    page = _PAGE.format(title=shown[0], text=shown[1], detail=shown[2], light=colours[0], dark=colours[1], path=path)
    return page.encode()


def success_page() -> bytes:
    """Return the page for a sign-in that is complete."""
    return _page(
        "You are signed in",
        "Close this tab and go back to your program: it is already going on.",
        "Nothing else to do here. The program keeps you signed in from now on.",
        _GREEN,
        _TICK,
    )


def received_page() -> bytes:
    """Return the page for an answer that is still being redeemed."""
    return _page(
        "Answer received",
        "Go back to your program: it is finishing the sign-in.",
        "If anything goes wrong from here, the program says so.",
        _GREEN,
        _TICK,
    )


def denied_page() -> bytes:
    """Return the page for a person who said no."""
    return _page(
        "Access was not granted",
        "You or the server declined. Nothing was shared with the program.",
        "Close this tab. To try again, start the sign-in once more in your program.",
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
        "Go back to your program: it says what to do next.",
        reason,
        _RED,
        _CROSS,
    )


def stranger_page() -> bytes:
    """Return the page for a request that is not the answer waited for."""
    return _page(
        "Nothing to see here",
        "This address waits for one particular answer, and this was not it.",
        "If you are signing in, use the newest tab that your program opened.",
        _AMBER,
        _BAR,
    )
