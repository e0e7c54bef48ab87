"""What a person at a terminal reads when they are to sign in by a code. RFC 8628 section 3.3."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from .listener import Listener
from .qr_code import build_qr_code

if TYPE_CHECKING:
    from ..models.device import DeviceAuthorization

#: What is printed when it is done. How it failed, whoever catches the error tells.
ACCEPTED = "The code was accepted."
#: Longest code that is spelled out with a space after each character.
_SPELLED = 24
# Characters that look like others in many fonts.
_LOOKALIKES = {
    "0": "0 is a zero",
    "O": "O is a letter",
    "1": "1 is a one",
    "I": "I is a capital i",
    "l": "l is a small L",
}


def build_code_text(
    device: DeviceAuthorization, *, server_url: str, output: TextIO | None = None, opens: bool = False
) -> str:
    """Return the whole text: where to go, the code, a square for the phone's camera, how long there is.

    Args:
        device: The code and where it is entered, both fit to be shown.
        server_url: What the sign-in is for.
        output: Where the text will be printed; None, or anything but a capable terminal, leaves out the square.
        opens: Whether a browser opens at the address that has the code in it.
    """
    complete, code = device.verification_uri_complete, device.user_code
    square = build_qr_code(complete or device.verification_uri, output=output) if output is not None else []
    lines = [f"Sign in to {server_url}", *(["A browser window opens now. If it does not:"] if opens else [])]
    lines += ["Open this address in a browser on any device, and enter the code below it:", ""]
    lines += [f"  {device.verification_uri}", "", f"    {_spelled(code)}", ""]
    notes = lookalikes(code)
    notes += [f"to copy: {code}"] if _spelled(code) != code else []
    lines += [f"({'; '.join(notes)})"] if notes else []
    if complete:
        lines += ["Or open this one, which has the code in it, and compare:", f"  {complete}"]
    if square:
        lines += ["Or let a phone's camera read this:", *square]  # with light around it that is room enough
    return "\n".join([*lines, f"{time_left(device)} Waiting for you. Ctrl-C stops."])


def lookalikes(code: str) -> list[str]:
    """Return a note for each character of a code that is easily taken for another one."""
    return [note for character, note in _LOOKALIKES.items() if character in code]


def time_left(device: DeviceAuthorization) -> str:
    """Return a sentence about how long a code is good."""
    minutes = int(device.expires_in // 60)
    return f"You have {minutes} minute{'s' if minutes > 1 else ''}." if minutes else "You have less than a minute."


def _spelled(code: str) -> str:
    """Return the code with room around each character; a long one as it is, to fit into a line."""
    return " ".join(code) if len(code) <= _SPELLED else code


def build_code_hint(listener: Listener) -> str:
    """Return a line about the way that needs no browser here, empty where the server does not offer it.

    Args:
        listener: What waits for the browser's answer.
    """
    if not listener.code_offered:
        return ""
    return "A code works too: mcp-oauth-sync auth ... --device, or grant=DeviceCodeGrant()."
