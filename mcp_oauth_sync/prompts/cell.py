"""What a notebook's cell shows of a sign-in: one output that is changed in place, everything in it escaped.

Every output has a form for frontends without HTML. Once it is over, nothing of the address is left in the notebook.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Iterable, Iterator

from ..exceptions import AccessDeniedError, OAuthError

#: What the box for the address is called. It stays in the notebook when the box was not needed, and a frontend may
#: show it apart from the cell: it has to make sense by itself.
PASTE_HERE = "If the page cannot be reached, paste its address here:"
# Colours that can be read on light and on dark.
_GREEN, _AMBER, _RED, _BLUE = "#1f9d61", "#c67c00", "#d64a41", "#2f74d0"
_WAITING, _DONE, _STOPPED, _FAILED = "\u25cf", "\u2713", "\u25a0", "\u2717"
_CARD = (
    "max-width: 38rem; margin: 4px 0; padding: 12px 18px; border: 1px solid rgba(128, 128, 128, .35); "
    "border-left: 4px solid {colour}; border-radius: 8px; line-height: 1.5; overflow-wrap: anywhere"
)
_BUTTON = (
    "display: inline-block; margin: 12px 0 4px; padding: 7px 16px; border-radius: 6px; background-color: #2563b0; "
    "color: #ffffff; font-weight: 600; text-decoration: none"
)
_TITLE, _SMALL, _NEXT = "font-weight: 600; font-size: 16px", "margin-top: 4px; opacity: .75", "margin-top: 8px"
_CODE = "margin: 8px 0; font-family: monospace; font-size: 30px; font-weight: 700; letter-spacing: 4px"
# JupyterLab runs no other cell while a box waits for input: it is answered as if Enter had been pressed in it.
_PRESS_ENTER = """<script>(() => {{
for (const card of document.querySelectorAll('[id="{card}"]'))
  for (const box of card.closest(".jp-OutputArea")?.querySelectorAll("input.jp-Stdin-input") ?? [])
    if (box.parentNode.textContent === "{prompt}")
      box.dispatchEvent(new KeyboardEvent("keydown", {{key: "Enter", keyCode: 13}}));
}})();</script>"""


class Cell:
    """One output, from the link to how it ended.

    Args:
        server_url: What the sign-in is for.
        link: Where the person goes.
        address: How that is written; None writes the link.
        code: What they enter there; None when there is nothing to enter.
        advice: What to do when something does not work; may be empty.
    """

    def __init__(
        self, server_url: str, *, link: str, address: str | None = None, code: str | None = None, advice: str = ""
    ) -> None:
        """Show nothing yet."""
        self._name = f"mcp-oauth-sync-{secrets.token_hex(8)}"
        self._server_url, self._link, self._address = server_url, link, address or link
        self._code, self._advice = code, advice
        self._shown = self._over = False

    def wait(self, complaint: str = "") -> None:
        """Show where to go.

        Args:
            complaint: What was wrong with the last attempt; may be empty.
        """
        status, colour = complaint or "Waiting for you...", _AMBER if complaint else _BLUE
        plain = [f"Sign in to {self._server_url}", f"Open this address in a browser:\n\n  {self._address}\n"]
        if self._code is not None:
            plain.append(f"Enter this code there:\n\n  {self._code}\n")
        body = [_line(f"Sign in to {self._server_url}", _TITLE), *self._way(), _line(status, _NEXT, _WAITING, colour)]
        self._publish([*body, _line(self._advice, _SMALL)], [*plain, status, self._advice], colour)

    def _way(self) -> Iterator[str]:
        if self._link.startswith(("https://", "http://")):
            yield (
                f'<a href="{html.escape(self._link)}" target="_blank" rel="noopener noreferrer" style="{_BUTTON}">'
                "Open the sign-in page</a>"
            )
        if self._code is not None:
            yield _line(f"and enter this code at {self._address}", _NEXT)
            yield _line(self._code, _CODE)

    def receive(self) -> None:
        """Show that nobody is waited for any more, and have the frontend close its box."""
        self._settle("One moment...", "", _WAITING, _BLUE, closing=True)

    def conclude(self, error: OAuthError | None) -> None:
        """Show how it ended; the first word counts.

        Args:
            error: Why it failed; None when the sign-in is complete.
        """
        if self._over:
            return
        self._over = True
        if error is None:
            self._settle(f"Signed in to {self._server_url}", "", _DONE, _GREEN)
        else:
            symbol, colour = (_STOPPED, _AMBER) if isinstance(error, AccessDeniedError) else (_FAILED, _RED)
            detail = f"{error.message}\n{error.hint or ''}"
            self._settle(f"Not signed in to {self._server_url}", detail, symbol, colour)

    def interrupt(self) -> None:
        """Show that it was stopped, unless it has ended or never began."""
        if self._over or not self._shown:
            return
        self._over = True
        for closing in (True, False):  # what closes the box is not kept in the notebook
            title, detail = f"Not signed in to {self._server_url}", "Interrupted. Run the cell again to start over."
            self._settle(title, detail, _STOPPED, _AMBER, closing=closing)

    def _settle(self, title: str, detail: str, symbol: str, colour: str, *, closing: bool = False) -> None:
        lines = [line for line in detail.splitlines() if line]
        body = [_line(title, "font-weight: 600", symbol, colour), *(_line(line, _SMALL) for line in lines)]
        if closing:
            body.append(_PRESS_ENTER.format(card=self._name, prompt=PASTE_HERE))
        self._publish(body, [title, *lines], colour)

    def _publish(self, body: Iterable[str], plain: Iterable[str], colour: str) -> None:
        from IPython.display import display  # loaded already: this is a notebook

        card = f'<div id="{self._name}" style="{_CARD.format(colour=colour)}">{"".join(body)}</div>'
        forms = {"text/html": card, "text/plain": "\n".join(line for line in plain if line)}
        display(forms, raw=True, display_id=self._name, update=self._shown)  # type: ignore[no-untyped-call]
        self._shown = True


def _line(text: str, style: str, symbol: str = "", colour: str = "") -> str:
    """Return a line of HTML; none for no text."""
    mark = f'<span style="color: {colour}">{symbol}</span>&nbsp; ' if symbol else ""
    return f'<div style="{style}">{mark}{html.escape(text)}</div>' if text else ""
