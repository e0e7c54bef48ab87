"""What a person at a terminal is told to do. RFC 8252 section 4."""

from __future__ import annotations

from ..urls import loopback_host

_PASTE = "paste it here and press Enter.\nWhat you paste is not shown."
_FORWARDING = "Before you open it, run this on the machine with the browser:"
_FORWARDING_TOO = "Or, before you open it, run this on the machine with the browser, and there is\nnothing to paste:"


def sign_in_instructions(
    url: str,
    *,
    server_url: str,
    redirect_uri: str,
    opens: bool,
    listening: bool,
    pasting: bool,
    forwarding: str | None = None,
    offer: str = "",
) -> str:
    """Return the text that gets a person through a sign-in.

    Args:
        url: What they open.
        server_url: What the sign-in is for.
        redirect_uri: Where the browser ends.
        opens: Whether a browser is opened for them.
        listening: Whether the answer arrives by itself.
        pasting: Whether they may paste the address that the browser ends on.
        forwarding: What to run on the machine with the browser so that it finds its way back; None when they
            did not come over SSH, or the way leads elsewhere.
        offer: What to tell them about another way to sign in; empty when there is none.
    """
    only_here = listening and not pasting and not forwarding and loopback_host(redirect_uri) is not None
    where = "in a browser on this machine" if only_here else "in a browser"
    first = f"A browser window opens now. If it does not, open this address {where}:"
    parts = [f"Sign in to {server_url}", first if opens else f"Open this address {where}:", f"  {url}"]
    if pasting:
        parts.append(_pasting(redirect_uri, listening=listening, elsewhere=forwarding is not None))
    if forwarding:
        parts += [_FORWARDING_TOO if pasting else _FORWARDING, f"  {forwarding}"]
    if offer:
        parts.append(offer)
    return "\n\n".join([*parts, "Waiting for the answer. Ctrl-C stops."])


def _pasting(redirect_uri: str, *, listening: bool, elsewhere: bool) -> str:
    if not listening:
        return f"The browser ends on an address that begins with {redirect_uri}\nCopy all of it, {_PASTE}"
    if elsewhere:
        return (
            "The browser ends on a page that does not load, as it looks for this program on\n"
            f"its own machine. Copy the address of that page, {_PASTE}"
        )
    if loopback_host(redirect_uri) is None:
        return f"If it ends on a page that does not load, copy the address of that page,\n{_PASTE}"
    return (
        "Is that browser on another machine? Then it ends on a page that does not load.\n"
        f"Copy the address of that page, {_PASTE}"
    )
