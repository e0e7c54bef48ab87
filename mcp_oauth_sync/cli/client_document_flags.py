"""The flags of ``mcp-oauth-sync client-document``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from .flag_values import read_loopback, read_ports
from .parser_parts import add_command, add_json

if TYPE_CHECKING:
    from .parser_parts import Commands


def add_client_document(commands: Commands) -> argparse.ArgumentParser:
    """Add the command to those there are, and return its parser."""
    parser = add_command(
        commands,
        "client-document",
        what="write or check a client-id metadata document",
        description="Write the document that makes a URL of yours your client identifier, or check one that is hosted.",
        examples="""
            mcp-oauth-sync client-document --url https://app.example.com/client.json
            mcp-oauth-sync client-document --check https://app.example.com/client.json""",
    )
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--url", metavar="URL", help="write the document that is going to be at this https URL")
    which.add_argument("--check", metavar="URL", help="fetch the document there, and say what is wrong with it")
    add_json(parser, "print what --check finds as a JSON document")
    writing = parser.add_argument_group("what the document says")
    writing.add_argument("--name", metavar="NAME", help="what people are asked to trust")
    writing.add_argument(
        "--ports", metavar="PORTS", type=read_ports, help="ports that sign-ins listen on (default: 8765-8769)"
    )
    writing.add_argument(
        "--host", metavar="HOSTS", type=_hosts, help="how this machine is spelled (default: 127.0.0.1,localhost)"
    )
    writing.add_argument(
        "--redirect-uri", metavar="URI", action="append", help="a whole redirect URI; may be given several times"
    )
    writing.add_argument("--scopes", metavar="SCOPES", help="scopes to be registered for, separated by spaces")
    writing.add_argument("--client-uri", metavar="URL", help="a page about the program")
    writing.add_argument("--logo-uri", metavar="URL", help="its logo")
    writing.add_argument("--jwks-uri", metavar="URL", help="its public keys, for a client that signs its requests")
    writing.add_argument("--jwks", metavar="FILE", help="its public keys, to be part of the document")
    writing.add_argument("--output", metavar="FILE", help="the file to write (default: standard output)")
    return parser


def _hosts(text: str) -> object:
    return [read_loopback(host) for host in text.split(",")]
