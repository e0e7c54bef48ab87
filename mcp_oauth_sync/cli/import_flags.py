"""The flags of ``mcp-oauth-sync import --from``: sign-ins of another library on this machine."""

from __future__ import annotations

import argparse


def add_import_flags(parser: argparse.ArgumentParser) -> None:
    """Add them.

    Args:
        parser: The parser of ``import``.
    """
    group = parser.add_argument_group("sign-ins of another library on this machine")
    group.add_argument(
        "--from",
        dest="source",
        choices=["chuk"],
        help="take over what chuk-mcp-client-oauth has left, and change nothing of it; its files are opened with "
        "the password of --password-file (default: MCP_CLI_ENCRYPTION_KEY, else it is asked for)",
    )
    group.add_argument("--dir", metavar="DIR", help="where it is (default: ~/.chuk_oauth)")
    group.add_argument("--service", metavar="NAME", help="its name in the keyring (default: chuk-oauth)")
    group.add_argument(
        "--url",
        metavar="NAME=URL",
        action="append",
        default=[],
        type=_pair,
        help="the server that a name stands for; may be given several times (default: it is asked for)",
    )


def misused(options: argparse.Namespace) -> str | None:
    """Return what is wrong with flags that do not go together; None when nothing is."""
    if options.source is None:
        given = {"--dir": options.dir, "--service": options.service, "--url": options.url}
        return next((f"{flag} goes with --from" for flag, value in given.items() if value), None)
    given = {"FILE": options.file, "--name": options.name}
    return next((f"{flag} does not go with --from" for flag, value in given.items() if value is not None), None)


def _pair(text: str) -> tuple[str, str]:
    name, equals, url = text.partition("=")
    if not (name and equals and url):
        raise argparse.ArgumentTypeError(f"a name and its server go like notion=https://mcp.notion.com/mcp: {text!r}")
    return name, url
