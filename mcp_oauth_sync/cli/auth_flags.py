"""The flags of ``mcp-oauth-sync auth``, and the arguments of :class:`~mcp_oauth_sync.OAuth` they stand for."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NamedTuple

_A_DAY = 86400


class Flag(NamedTuple):
    """One flag that stands for one argument of the library.

    Attributes:
        flag: The flag.
        argument: The argument.
        help: What it is for.
        metavar: What its value is called; None for a flag without a value.
        type: Reads the value.
        make: Makes the argument for a flag without a value; None means True.
        written: How hints of the library write the argument; None as ``argument=``.
    """

    flag: str
    argument: str
    help: str
    metavar: str | None = None
    type: Callable[[str], object] = str
    make: Callable[[], object] | None = None
    written: str | None = None


def _ports(text: str) -> object:
    """Read a port, a range of ports, or several of both."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        words = (first, last) if dash else (first, first)
        if not all(word.isascii() and word.isdecimal() and int(word) <= 65535 for word in words):
            raise argparse.ArgumentTypeError(f"a port is a number from 0 to 65535, or a range like 8765-8769: {text!r}")
        if dash and not 0 < int(first) <= int(last):
            raise argparse.ArgumentTypeError(f"a range goes up from a port, like 8765-8769: {text!r}")
        found += range(int(words[0]), int(words[1]) + 1)
    return found


def _loopback(text: str) -> object:
    from ..urls import is_loopback

    if not is_loopback(text):
        raise argparse.ArgumentTypeError(f"the redirect's host is 127.0.0.1, ::1 or localhost, not {text!r}")
    return text


def _interface(text: str) -> object:
    from ipaddress import ip_address

    try:
        return str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"an interface is an address, like 0.0.0.0 for all: {text!r}") from None


def _seconds(text: str) -> object:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _A_DAY:
        raise argparse.ArgumentTypeError(f"a time is a number of seconds up to {_A_DAY}, not {text!r}")
    return seconds


def _device_code() -> object:
    from ..grants.device_code import DeviceCodeGrant

    return DeviceCodeGrant()


#: By the heading they stand under in the help.
GROUPS: dict[str, tuple[Flag, ...]] = {
    "what to ask for": (
        Flag("--scopes", "scopes", "scopes to ask for, separated by spaces", "SCOPES"),
        Flag("--timeout", "sign_in_timeout", "time to sign in (default: 300)", "SECONDS", _seconds),
    ),
    "who asks": (Flag("--client-id", "client_id", "a client registered by hand", "ID"),),
    "how to sign in": (
        Flag(
            "--device",
            "grant",
            "show a code to enter on another device",
            make=_device_code,
            written="grant=DeviceCodeGrant()",
        ),
        Flag("--no-browser", "no_browser", "open no browser: print the address, and take the answer pasted"),
        Flag("--accept-bare-code", "accept_bare_code", "take a pasted code that is not part of an address"),
    ),
    "where the browser comes back to": (
        Flag(
            "--port", "callback_port", "port of the redirect, or several: 8765-8769 (default: any free)", "PORT", _ports
        ),
        Flag("--host", "callback_host", "127.0.0.1, ::1 or localhost, as in the redirect", "HOST", _loopback),
        Flag("--bind", "callback_bind", "interface to listen on: 0.0.0.0 in a container", "ADDRESS", _interface),
        Flag("--redirect-uri", "redirect_uri", "the whole redirect, when something forwards it here", "URI"),
    ),
}


def add_auth_flags(parser: argparse.ArgumentParser) -> None:
    """Let a parser understand them."""
    for heading, flags in GROUPS.items():
        group = parser.add_argument_group(heading)
        for flag in flags:
            if flag.metavar is None:
                group.add_argument(flag.flag, dest=flag.argument, action="store_true", default=None, help=flag.help)
            else:
                group.add_argument(flag.flag, dest=flag.argument, metavar=flag.metavar, type=flag.type, help=flag.help)


def arguments_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of the library for the flags that were given."""
    given = [flag for flags in GROUPS.values() for flag in flags if getattr(options, flag.argument, None) is not None]
    found: dict[str, Any] = {
        flag.argument: flag.make() if flag.make else getattr(options, flag.argument) for flag in given
    }
    no_browser, bare = found.pop("no_browser", False), found.pop("accept_bare_code", False)
    if no_browser or bare:
        from ..prompts import ConsolePrompt, choose_prompt

        found["prompt"] = (ConsolePrompt if no_browser else choose_prompt)(accept_bare_code=bare)
    return found


def in_flags(hint: str | None) -> str | None:
    """Return a hint of the library in the words of this command."""
    for flags in GROUPS.values():
        for flag in flags:
            written = re.escape(flag.written or f"{flag.argument}=")
            value = " " if flag.metavar else ""
            hint = hint and re.sub(rf"\b{written}(?=['\"\w])", flag.flag + value, hint)
            hint = hint and re.sub(rf"\b{written}", flag.flag, hint)
    return hint
