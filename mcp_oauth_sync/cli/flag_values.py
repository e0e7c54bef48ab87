"""What the values of flags are read as: ports, addresses, times, keys, secrets."""

from __future__ import annotations

import argparse

_A_DAY = 86400


def read_ports(text: str) -> object:
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


def read_loopback(text: str) -> object:
    """Read a spelling of this machine."""
    from ..urls import is_loopback

    if not is_loopback(text):
        raise argparse.ArgumentTypeError(f"the redirect's host is 127.0.0.1, ::1 or localhost, not {text!r}")
    return text


def read_interface(text: str) -> object:
    """Read the address of an interface."""
    from ipaddress import ip_address

    try:
        return str(ip_address(text))
    except ValueError:
        raise argparse.ArgumentTypeError(f"an interface is an address, like 0.0.0.0 for all: {text!r}") from None


def read_seconds(text: str) -> object:
    """Read a time."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _A_DAY:
        raise argparse.ArgumentTypeError(f"a time is a number of seconds up to {_A_DAY}, not {text!r}")
    return seconds


def read_uri(text: str) -> object:
    """Read an absolute URI."""
    from ..models.option_rules import is_absolute_uri

    if not is_absolute_uri(text):
        raise argparse.ArgumentTypeError(f"an absolute URI without a fragment is needed, not {text!r}")
    return text


def read_resource(text: str) -> object:
    """Read a resource, or the word for none."""
    return None if text.lower() == "none" else read_uri(text)


def read_key(text: str) -> object:
    """Read where a private key lies; it is read when it is needed."""
    from pathlib import Path

    from ..models.client_key import ClientKey

    return ClientKey(Path(text))


def read_pair(text: str) -> object:
    """Read a name and its value."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"a parameter is written as NAME=VALUE, not {text!r}")
    return name, value


def read_secret(text: str) -> object:
    """Read a secret from its file: on the command line everybody could see it."""
    return _from_file(text, "the client's secret")


def read_registration_token(text: str) -> object:
    """Read the token of a protected registration endpoint from its file."""
    return _from_file(text, "the token to register with")


def _from_file(text: str, what: str) -> object:
    from pathlib import Path

    from ..exceptions import RegistrationError
    from ..protocol.given_secret import read_secret_file

    try:
        return read_secret_file(Path(text), what=what, failed=RegistrationError)
    except RegistrationError as failure:
        raise argparse.ArgumentTypeError(failure.message) from None
