"""``mcp-oauth-sync export NAME``: seal a sign-in for another machine, and stop using it here."""

from __future__ import annotations

import argparse
import shlex
from pathlib import Path

from ..exceptions import TokenStorageError
from ..urls import without_query
from .accounts import manager_for
from .as_json import show_json
from .new_file import NewFile
from .output import data, say
from .passwords import find_password


def run(options: argparse.Namespace) -> int:
    """Print the sealed sign-in, or write it to a file; where that fails, the sign-in stays here."""
    manager, name = manager_for(options), options.name
    record = manager.movable(name)  # before anybody thinks of a password
    if options.to is None:
        means = {"password": find_password(options.password_file, twice=True)}
    else:
        means = {"public_key": options.to}

    def deliver(sealed: str) -> None:
        if options.output is not None:
            _write_new(Path(options.output), sealed)
        if options.json:
            shown = sealed if options.output is None else None
            kept, server_url = options.keep, without_query(record.server_url) if record.server_url else None
            told = {"name": name, "server_url": server_url, "sealed": shown, "file": options.output, "kept": kept}
            show_json(told)
        elif options.output is None:
            data(sealed)

    manager.export_sign_in(name, **means, keep=options.keep, deliver=deliver)
    where = without_query(record.server_url or record.token_endpoint or "-")
    say(f"{name!r} at {where} is sealed{f' in {options.output}' if options.output else ''}.")
    opens = "the password" if options.to is None else "that key"
    say(f"Who has it and {opens} can do what you can do there: import it once, on one machine, and delete it.")
    if not options.keep:
        flags = [] if options.profile is None else ["--profile", options.profile]
        again = shlex.join(["mcp-oauth-sync", "auth", name, record.server_url or "URL", *flags])
        say(f"It is not used here any more. To sign in anew here: {again}")
    return 0


def _write_new(path: Path, sealed: str) -> None:
    """Write a file that was not there, for its owner only.

    Raises:
        TokenStorageError: It was there, or cannot be written.
    """
    try:
        with NewFile(path) as file:
            file.write(f"{sealed}\n".encode("ascii"))
    except OSError as failure:
        raise TokenStorageError(
            f"The file {path} cannot be written: {failure.strerror or failure}.",
            hint="Choose one that is not there yet; the sign-in is still used here.",
        ) from failure
