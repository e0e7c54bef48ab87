"""How the page the browser ends on looks, in light and dark, and the policy that allows nothing else. CSP level 3."""

from __future__ import annotations

import base64
import hashlib

STYLE = """
:root { --ink: #1c2230; --soft: #566074; --paper: #f3f5f9; --card: #fff; --line: #e1e6ee; --tint: #f6f8fb;
  --good: #17804b; --no: #9a5700; --bad: #b3261e }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf2; --soft: #a5aebf; --paper: #11141b; --card: #1a1f2a;
  --line: #2d3545; --tint: #141922; --good: #4cc38a; --no: #f0b45c; --bad: #f2877f } }
* { box-sizing: border-box; margin: 0 }
body { min-height: 100vh; display: grid; place-content: center; gap: 16px; padding: 20px 16px;
  grid-template-columns: minmax(0, 33rem); background: var(--paper); color: var(--ink); text-align: center;
  font: 17px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif }
main { padding: 34px 34px 28px; background: var(--card); border: 1px solid var(--line); border-radius: 18px;
  box-shadow: 0 1px 2px rgb(10 16 32 / .05), 0 14px 36px rgb(10 16 32 / .08) }
.good { --mark: var(--good) } .no { --mark: var(--no) } .bad { --mark: var(--bad) }
svg { width: 64px; height: 64px; fill: none; stroke: var(--mark); stroke-width: 4; stroke-linecap: round;
  stroke-linejoin: round }
circle { fill: var(--mark); fill-opacity: .12; stroke: none }
h1 { margin: 16px 0 8px; font-size: 1.6rem; line-height: 1.25; letter-spacing: -.01em; text-wrap: balance }
p, dd, code { overflow-wrap: anywhere }
[role] p, .note, footer { text-wrap: balance }
.said, dl { margin-top: 20px; padding: 12px 16px; border-radius: 10px; background: var(--tint);
  border: 1px solid var(--line); font-size: .92rem; text-align: left }
.said { border-left: 4px solid var(--mark); padding-left: 13px }
.said p + p { margin-top: 6px; color: var(--soft) }
dl { display: grid; grid-template-columns: auto 1fr; gap: 4px 18px }
.said + dl { margin-top: 12px }
dt, .note, footer { color: var(--soft) }
.note { margin-top: 18px; font-size: .92rem }
code { display: block; margin-top: 8px; padding: 10px 14px; border-radius: 10px; background: var(--tint);
  border: 1px solid var(--line); font: .82rem/1.5 ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  text-align: left; user-select: all }
footer { font-size: .82rem }
@media (max-width: 480px) { main { padding: 28px 18px 22px } }
@media (prefers-reduced-motion: no-preference) { path { stroke-dasharray: 1; animation: draw .5s ease-out }
  @keyframes draw { from { stroke-dashoffset: 1 } } }
"""

#: Nothing is loaded, run, framed or sent; this one style is applied.
POLICY = (
    f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
