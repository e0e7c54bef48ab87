"""What a person pasted: the line without what terminals put around it, and the answer in it. RFC 6749 section 4.1.2."""

from __future__ import annotations

import re
from urllib.parse import parse_qsl, urlencode

import attrs

from ..models.redirect import MAX_REDIRECT
from ..models.secret import Secret

_ERASE, _CLEAR, _ENTER, _ESCAPE = frozenset("\b\x7f"), "\x15", frozenset("\r\n"), "\x1b"
#: What terminals put around a paste when an earlier program asked them to.
_PASTE_BEGINS, _PASTE_ENDS = "\x1b[200~", "\x1b[201~"
#: A sequence that a special key sends; it is over when this matches.
_SEQUENCE = re.compile(r"\x1b(?:\[[ -?]*[@-~]|O.|[^\[O]|.{16,})", re.DOTALL)
_AROUND = " \t\r\n\"'`<>\u00a0\u200b\u2018\u2019\u201c\u201d"
_BARE_CODE = re.compile(r"[!-~]{6,4096}")
#: What to say when a code alone turns out not to be enough.
BARE_HINT = "A code alone does not say which server it is from: paste the whole address instead."
#: What stands before the query of an address; the address's path may hold "=".
_BEFORE_QUERY = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:.*|/.*|[^=]*", re.DOTALL)


class PastedLine:
    """One line as it arrives, key by key. What it holds is never shown.

    Args:
        longest: Characters after which no more are taken.
    """

    def __init__(self, longest: int = MAX_REDIRECT) -> None:
        """Hold nothing yet."""
        self._longest = longest
        self._characters: list[str] = []
        self._sequence = ""
        self._within_paste = self._entered = False
        self.too_long = False

    def __len__(self) -> int:
        return len(self._characters)

    def take(self, key: str) -> bool:
        """Take one key; tell whether the line is complete.

        Line ends within a marked paste are dropped, so that an address copied from a narrow window comes out whole;
        one at its end completes the line.

        Args:
            key: One character.
        """
        if self._sequence or key == _ESCAPE:
            return self._in_sequence(key)
        if key in _ENTER:
            self._entered = self._within_paste
            return not self._within_paste
        self._entered = False
        if key in _ERASE:
            del self._characters[-1:]
        elif key == _CLEAR:
            self.clear()
        elif key.isprintable() and len(self._characters) < self._longest:
            self._characters.append(key)
        elif key.isprintable():
            self.too_long = True
        return False

    def _in_sequence(self, key: str) -> bool:
        self._sequence += key
        if not _SEQUENCE.fullmatch(self._sequence):
            return False
        sequence, self._sequence = self._sequence, ""
        if sequence == _PASTE_ENDS:
            self._within_paste = False
            return self._entered
        self._within_paste = self._within_paste or sequence == _PASTE_BEGINS
        return False

    def clear(self) -> None:
        """Forget all of it."""
        self._characters.clear()
        self._within_paste = self._entered = self.too_long = False

    @property
    def text(self) -> str:
        """What was pasted, without white space, quotes and angle brackets around it."""
        return Secret("".join(self._characters).strip(_AROUND))


@attrs.frozen(kw_only=True)
class Pasted:
    """What a line turned out to be.

    Attributes:
        redirect: The answer, as a query; None when the line held none.
        bare: Whether it was a code alone.
        complaint: What to paste instead; empty when there is an answer.
    """

    redirect: str | None = attrs.field(default=None, repr=False)
    bare: bool = False
    complaint: str = ""


def read_pasted(text: str, *, state: str, accept_bare_code: bool = False) -> Pasted:
    """Find the answer in what was pasted: the address the browser ended on, its query, or a code alone.

    Nothing is believed here. What is returned is checked like any other redirect, and where the address is from does
    not matter: whoever forwards it may have changed everything before the query.

    Args:
        text: The line; white space, quotes and angle brackets around it do not matter.
        state: Our state, which a code alone is given.
        accept_bare_code: Whether a code alone will do.
    """
    text = Secret(text.strip(_AROUND))
    before, mark, after = text.partition("?")
    query = Secret((after if mark and _BEFORE_QUERY.fullmatch(before) else text).partition("#")[0])
    try:
        names = {name for name, _ in parse_qsl(query, keep_blank_values=True, max_num_fields=100)}
    except ValueError:  # far too many fields
        names = set()
    if "state" in names and names & {"code", "error"}:
        return Pasted(redirect=query)
    if {"redirect_uri", "code_challenge"} & names:
        return Pasted(complaint="That is the address to open. Paste the one that the browser ends on after that.")
    if {"code", "state", "error", "iss"} & names:
        return Pasted(complaint="A part of it is missing. Paste the whole address, with code= and state= in it.")
    if accept_bare_code and _BARE_CODE.fullmatch(text) and "://" not in text:
        return Pasted(redirect=Secret(urlencode({"code": text, "state": state})), bare=True)
    wanted = "the whole address that the browser ends on" + (", or the code" if accept_bare_code else "")
    return Pasted(complaint=f"That is not it. Paste {wanted}.")
