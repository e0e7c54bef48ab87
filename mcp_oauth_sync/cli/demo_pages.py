"""The pages of the demo server: one question to a person, and what to say when it is no longer open.

Self-contained HTML: no script, nothing loaded from elsewhere, every value escaped, readable in light and
dark.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Awaitable, Callable
from html import escape
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from ..urls import is_loopback
from .demo_provider import PERSON, DemoProvider

# What each scope means to the person who is asked: a headline and one sentence.
SCOPE_WORDS = {
    "mcp": ("See your notes", "Read the notes kept here, and your name."),
    "notes:write": ("Write notes", "Add new notes in your name. It cannot change or delete old ones."),
}

_STYLE = """
:root { color-scheme: light dark; --ground: #eef1f6; --card: #ffffff; --ink: #161a22; --soft: #566074;
  --line: #dde2eb; --accent: #2f55d4; --on: #ffffff; --tint: #e9eefd; --mark: #2f55d4 }
@media (prefers-color-scheme: dark) { :root { --ground: #10131a; --card: #1a1f29; --ink: #edf0f6;
  --soft: #a3adbf; --line: #2e3543; --accent: #8ea8ff; --on: #10131a; --tint: #262f4a; --mark: #a9bcff } }
* { box-sizing: border-box; margin: 0 }
body { min-height: 100vh; display: grid; place-items: center; padding: 24px 16px; background: var(--ground);
  color: var(--ink); font: 16px/1.5 system-ui, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
main { width: 100%; max-width: 480px; background: var(--card); border: 1px solid var(--line);
  border-radius: 16px; padding: 30px 32px 26px; box-shadow: 0 10px 34px rgba(10, 16, 32, .09) }
header { display: flex; align-items: center; gap: 12px; margin-bottom: 18px }
header i { flex: none; width: 44px; height: 44px; border-radius: 12px; display: grid; place-items: center;
  font-size: 20px; font-weight: 600; line-height: 1; font-style: normal }
header .app { background: var(--tint); color: var(--mark) }
header .here { background: var(--accent); color: var(--on) }
header hr { flex: none; width: 26px; border: 0; border-top: 2px dotted var(--soft) }
header span { margin-left: auto; color: var(--soft); font-size: 13px; text-align: right; line-height: 1.35 }
h1 { font-size: 22px; line-height: 1.3; font-weight: 650; overflow-wrap: anywhere;
  text-wrap: balance }
p { color: var(--soft); margin-top: 10px; font-size: 15px }
strong { color: var(--ink); font-weight: 600 }
ul { list-style: none; padding: 0; margin: 18px 0; border: 1px solid var(--line); border-radius: 12px }
li { display: flex; gap: 12px; padding: 12px 16px }
li + li { border-top: 1px solid var(--line) }
li svg { flex: none; width: 20px; height: 20px; margin-top: 2px; color: var(--mark) }
li b { display: block; font-weight: 600 }
li small { color: var(--soft); font-size: 14px }
dl { display: grid; grid-template-columns: auto 1fr; gap: 4px 16px; font-size: 14px }
dt { color: var(--soft) }
dd { overflow-wrap: anywhere }
form { display: grid; grid-template-columns: 1fr 1fr; gap: 12px; margin-top: 22px }
button { font: inherit; font-weight: 600; padding: 11px 16px; border-radius: 10px; cursor: pointer;
  border: 1px solid var(--line); background: transparent; color: var(--ink) }
button:hover { border-color: var(--soft) }
#allow { background: var(--accent); border-color: var(--accent); color: var(--on) }
#allow:hover { filter: brightness(1.08) }
button:focus-visible { outline: 3px solid var(--mark); outline-offset: 2px }
footer { margin-top: 16px; color: var(--soft); font-size: 13px; text-align: center }
@media (max-width: 460px) { main { padding: 24px 20px } header span { display: none } }
"""

_NOTE = (
    '<svg viewBox="0 0 24 24" width="24" height="24" fill="none" stroke="currentColor" stroke-width="2"'
    ' stroke-linecap="round" stroke-linejoin="round" aria-hidden="true">'
    '<path d="M6 3h9l4 4v14H6z"/><path d="M9.5 11h6M9.5 15h6"/></svg>'
)
_TICK = (
    '<svg viewBox="0 0 20 20" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round"'
    ' stroke-linejoin="round" aria-hidden="true"><circle cx="10" cy="10" r="8.5"/>'
    '<path d="M6.3 10.3l2.5 2.5 4.9-5.4"/></svg>'
)

# No form-action: browsers apply it to the redirect after the form too, and that one goes to the client.
_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; img-src data:; "
    f"style-src 'sha256-{base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()}'",
}


def _page(title: str, body: str, status: int) -> HTMLResponse:
    html = (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<link rel="icon" href="data:,"><style>{_STYLE}</style></head>\n'
        f"<body><main>{body}</main></body></html>\n"
    )
    return HTMLResponse(html, status, _HEADERS)


def _scope_line(scope: str) -> str:
    headline, sentence = SCOPE_WORDS.get(scope, (scope, "This server has no description of it."))
    return f"<li>{_TICK}<div><b>{escape(headline)}</b><small>{escape(sentence)}</small></div></li>"


def _destination(redirect_uri: str) -> str:
    parts = urlsplit(redirect_uri)
    if is_loopback(parts.hostname):
        return f"a program on this computer, port {parts.port or 80}"
    return parts.netloc


def consent_page(
    *, request_id: str, client_name: str, scopes: list[str], server: str, redirect_uri: str
) -> HTMLResponse:
    """Return the page that asks a person whether a client may act for them.

    Args:
        request_id: Names the open request; the form sends it back.
        client_name: What the client calls itself. Nobody has checked it.
        scopes: The scopes asked for.
        server: What the client wants to use.
        redirect_uri: Where the answer goes.
    """
    name = client_name if len(client_name) <= 60 else client_name[:57] + "..."
    initial = next((c for c in name if c.isalnum()), "?").upper()
    body = (
        f'<header><i class="app" aria-hidden="true">{escape(initial)}</i><hr>'
        f'<i class="here">{_NOTE}</i><span>Demo notes<br>on this computer</span></header>'
        f"<h1>Allow “{escape(name)}” to use your notes?</h1>"
        f"<p>You are signed in as <strong>{PERSON}</strong>. It asks to:</p>"
        f"<ul>{''.join(map(_scope_line, scopes))}</ul>"
        f"<dl><dt>Server</dt><dd>{escape(server)}</dd>"
        f"<dt>Answer goes to</dt><dd>{escape(_destination(redirect_uri))}</dd></dl>"
        '<form method="post" action="/consent">'
        f'<input type="hidden" name="request" value="{escape(request_id)}">'
        '<button id="deny" name="decision" value="deny">Deny</button>'
        '<button id="allow" name="decision" value="allow">Allow</button></form>'
        "<footer>A demo: the notes are made up and vanish when it ends.</footer>"
    )
    return _page(f"Allow {name}?", body, 200)


def closed_page() -> HTMLResponse:
    """Return the page for a request that was answered already or never existed."""
    body = (
        "<h1>This question is no longer open</h1>"
        "<p>It was answered already, or the demo was started anew. Close this tab, "
        "go back to the program you came from and start again there.</p>"
    )
    return _page("No longer open", body, 404)


def consent(provider: DemoProvider) -> Callable[[Request], Awaitable[Response]]:
    """Return the handler of ``/consent``: GET shows the question, POST takes the answer."""

    async def handle(request: Request) -> Response:
        if request.method == "POST":
            form = await request.form()
            allowed = form.get("decision") == "allow"
            target = provider.decide(str(form.get("request", "")), allowed=allowed)
            headers = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
            return RedirectResponse(target, 303, headers) if target else closed_page()
        request_id = request.query_params.get("request", "")
        question = provider.open_request(request_id)
        if question is None:
            return closed_page()
        return consent_page(
            request_id=request_id,
            client_name=question.client.client_name or question.client.client_id,
            scopes=question.scopes,
            server=question.resource,
            redirect_uri=str(question.params.redirect_uri),
        )

    return handle
