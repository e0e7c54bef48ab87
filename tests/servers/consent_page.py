"""The page on which a person allows or denies, and the page for errors that must not be redirected."""

from __future__ import annotations

from html import escape

STYLE = """
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,"DejaVu Sans",sans-serif;max-width:30rem;margin:12vh auto;padding:0 1.5rem}
h1{font-size:1.4rem;line-height:1.25}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.4rem 1rem;padding:1rem;border:1px solid #8886;
border-radius:.5rem}
dt{opacity:.7}dd{margin:0;overflow-wrap:anywhere}
button{font:inherit;padding:.55rem 1.4rem;border:1px solid #888;border-radius:.4rem;
margin-right:.6rem;cursor:pointer}
#allow{background:#0a5fd6;border-color:#0a5fd6;color:#fff}
"""


def page(title: str, body: str) -> str:
    """Wrap a body (already HTML) into a self-contained page."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


def consent(*, client: str, host: str, scopes: list[str], request: str, action: str) -> str:
    """Ask: which program, where the answer goes, what it may do; buttons #allow and #deny."""
    items = "<br>".join(escape(scope) for scope in scopes) or "no particular scope"
    body = (
        f"<dl><dt>Program</dt><dd>{escape(client)}</dd><dt>Answer goes to</dt><dd>{escape(host)}</dd>"
        f"<dt>It may use</dt><dd>{items}</dd></dl>"
        f'<form method="post" action="{escape(action)}">'
        f'<input type="hidden" name="request" value="{escape(request)}">'
        '<button id="allow" name="decision" value="allow">Allow</button>'
        '<button id="deny" name="decision" value="deny">Deny</button></form>'
    )
    return page(f"Allow {client}?", body)


def error_page(title: str, text: str) -> str:
    """Say to the person what is wrong; nothing is redirected."""
    return page(title, f"<p>{escape(text)}</p>")
