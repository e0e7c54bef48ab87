"""The flags of ``mcp-oauth-sync auth``, and the arguments of :class:`~mcp_oauth_sync.OAuth` they stand for."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from .flag_values import (
    read_interface,
    read_key,
    read_loopback,
    read_pair,
    read_ports,
    read_registration_token,
    read_resource,
    read_seconds,
    read_secret,
    read_uri,
)

#: Where a client's secret is found that is in no file.
CLIENT_SECRET_VARIABLE = "MCP_OAUTH_SYNC_CLIENT_SECRET"


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
        many: Whether it may be given several times, each time with a name and its value.
    """

    flag: str
    argument: str
    help: str
    metavar: str | None = None
    type: Callable[[str], object] = str
    make: Callable[[], object] | None = None
    written: str | None = None
    many: bool = False


def _no() -> object:
    return False


def _device_code() -> object:
    from ..grants.device_code import DeviceCodeGrant

    return DeviceCodeGrant()


def _as_itself() -> object:
    from ..grants.client_credentials import ClientCredentialsGrant

    return ClientCredentialsGrant()


WHO_ASKS, MET_HALFWAY = "who asks", "where a server has to be met halfway (remembered with the sign-in)"
#: By the heading they stand under in the help.
GROUPS: dict[str, tuple[Flag, ...]] = {
    "what to ask for": (
        Flag("--scopes", "scopes", "scopes to ask for, separated by spaces", "SCOPES"),
        Flag("--extra-scopes", "extra_scopes", "scopes to ask for besides", "SCOPES"),
        Flag(
            "--no-offline-access",
            "offline_access",
            "do not ask for offline_access",
            make=_no,
            written="offline_access=False",
        ),
        Flag("--dpop", "dpop", "insist on tokens that are bound to a key", written="dpop=True"),
        Flag(
            "--authorize-param",
            "authorize_params",
            "a further parameter of the authorization request; may be given several times",
            "NAME=VALUE",
            read_pair,
            many=True,
        ),
        Flag("--timeout", "sign_in_timeout", "time to sign in (default: 300)", "SECONDS", read_seconds),
    ),
    WHO_ASKS: (
        Flag("--client-id", "client_id", "a client registered by hand", "ID"),
        Flag("--client-document", "client_id_metadata_url", "a client-id metadata document", "URL"),
        Flag("--client-key", "client_key", "the client's private key, in PEM", "PATH", read_key),
        Flag(
            "--client-secret-file",
            "client_secret",
            f"the client's secret, where it is not in {CLIENT_SECRET_VARIABLE}",
            "PATH",
            read_secret,
        ),
        Flag(
            "--auth-method", "token_endpoint_auth_method", "how the client proves itself: client_secret_post", "METHOD"
        ),
        Flag(
            "--registration-token-file",
            "initial_access_token",
            "what the operator gave you to register with",
            "PATH",
            read_registration_token,
        ),
    ),
    "how to sign in": (
        Flag(
            "--device",
            "grant",
            "show a code to enter on another device",
            make=_device_code,
            written="grant=DeviceCodeGrant()",
        ),
        Flag(
            "--machine",
            "grant",
            "sign in as the client itself, without a person",
            make=_as_itself,
            written="grant=ClientCredentialsGrant()",
        ),
        Flag("--no-browser", "no_browser", "open no browser: print the address, and take the answer pasted"),
        Flag("--accept-bare-code", "accept_bare_code", "take a pasted code that is not part of an address"),
    ),
    "where the browser comes back to": (
        Flag(
            "--port",
            "callback_port",
            "port of the redirect, or several: 8765-8769 (default: any free)",
            "PORT",
            read_ports,
        ),
        Flag("--host", "callback_host", "127.0.0.1, ::1 or localhost, as in the redirect", "HOST", read_loopback),
        Flag("--bind", "callback_bind", "interface to listen on: 0.0.0.0 in a container", "ADDRESS", read_interface),
        Flag("--redirect-uri", "redirect_uri", "the whole redirect, when something forwards it here", "URI"),
    ),
    MET_HALFWAY: (
        Flag("--issuer", "issuer", "the authorization server, where the server names none", "URL", read_uri),
        Flag("--metadata-url", "metadata_url", "where the authorization server's metadata is", "URL", read_uri),
        Flag("--resource", "resource", "the resource to send, or the word none", "URI", read_resource),
        Flag("--expected-resource", "expected_resource", "a published resource to accept", "URI", read_uri),
        Flag(
            "--assume-pkce",
            "assume_pkce",
            "use PKCE though it is not promised",
            written="assume_pkce=True",
        ),
        Flag(
            "--allow-missing-iss",
            "allow_missing_iss",
            "take an answer without the promised iss",
            written="allow_missing_iss=True",
        ),
    ),
}


def add_auth_flags(parser: argparse.ArgumentParser, *, only: Collection[str] = ()) -> None:
    """Let a parser understand them.

    Args:
        parser: The parser.
        only: The headings of those that it is to understand; none at all stands for all.
    """
    for heading in only or GROUPS:
        flags = GROUPS[heading]
        group = parser.add_argument_group(heading)
        for flag in flags:
            how: dict[str, Any] = {"metavar": flag.metavar, "type": flag.type}
            if flag.many:
                how["action"] = "append"
            if flag.metavar is None:  # two flags may stand for the same argument: the last one given counts
                how = {"action": "store_const", "const": flag.flag}
            group.add_argument(flag.flag, dest=flag.argument, default=argparse.SUPPRESS, help=flag.help, **how)


def arguments_of(options: argparse.Namespace) -> dict[str, Any]:
    """Return the arguments of the library for the flags that were given."""
    found: dict[str, Any] = {}
    for flags in GROUPS.values():
        for flag in flags:
            value = getattr(options, flag.argument, None)
            if flag.metavar is not None and hasattr(options, flag.argument):
                found[flag.argument] = dict(value) if flag.many and value else value
            elif flag.metavar is None and value == flag.flag:
                found[flag.argument] = flag.make() if flag.make else True
    secret = os.environ.get(CLIENT_SECRET_VARIABLE)
    if secret and "client_id" in found and not {"client_secret", "client_key"} & found.keys():
        found["client_secret"] = secret
    no_browser, bare = found.pop("no_browser", False), found.pop("accept_bare_code", False)
    if no_browser or bare:
        from ..prompts import ConsolePrompt, choose_prompt

        found["prompt"] = (ConsolePrompt if no_browser else choose_prompt)(accept_bare_code=bare)
    return found


def in_flags(hint: str | None) -> str | None:
    """Return a hint of the library in the words of this command."""
    if hint is None:
        return None
    # A yes for one issuer is said by two flags here.
    hint = re.sub(r"\b(assume_pkce|allow_missing_iss)='([^']*)'", r"\1=True and issuer='\2'", hint)
    for flags in GROUPS.values():
        for flag in flags:
            hint = hint.replace(flag.written, flag.flag) if flag.written else _with_value(hint, flag)
    return hint


def _with_value(hint: str, flag: Flag) -> str:
    if flag.many:

        def each(found: re.Match[str]) -> str:
            pairs = re.findall(r"'([^']*)': '([^']*)'", found[1] or "")
            return " ".join(f"{flag.flag} {shlex.quote(f'{name}={value}')}" for name, value in pairs) or flag.flag

        return re.sub(rf"\b{flag.argument}=(?:\{{([^}}]*)\}})?", each, hint)

    def said(found: re.Match[str]) -> str:
        value = found[1] or found[2]
        return flag.flag if value is None else f"{flag.flag} {shlex.quote('none' if value == 'None' else value)}"

    return re.sub(rf"\b{flag.argument}=(?:'([^']+)'|(\w+))?", said, hint)
