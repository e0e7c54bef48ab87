"""What the examples share: a server to call, a folder for the sign-in, and somebody who signs in.

Without an address the server is the demo's, a real MCP server with OAuth that keeps notes
(``pip install 'mcp-oauth-sync[demo]'``). It is a child process, and ends with the example.

You sign in with your browser. Where there is nobody or no browser, you are played: the same pages, the same redirect.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from mcp_oauth_sync import OAuthError, TokenManager
from mcp_oauth_sync.cli.demo_stage import PlayedPerson, demo_server


@dataclass(frozen=True)
class Place:
    """Where an example takes place.

    Attributes:
        url: The MCP server.
        folder: The sign-in is kept here, and removed with it at the end.
        token_manager: Keeps it, in encrypted files.
        prompt: Who plays the person; None asks the real one, in whatever way is right here.
    """

    url: str
    folder: Path
    token_manager: TokenManager
    prompt: PlayedPerson | None


def notes(*, access_ttl: int = 3600, event_streams: bool = False) -> AbstractContextManager[str]:
    """Return the demo's server, to be started."""
    return demo_server(access_ttl=access_ttl, event_streams=event_streams)


@contextmanager
def example_server(
    arguments: Sequence[str],
    start: Callable[[], AbstractContextManager[str]] = notes,
    person: type[PlayedPerson] | None = PlayedPerson,
) -> Iterator[Place]:
    """Give an example a place, and tidy up after it however it ends; an error of ours ends it with one line.

    Args:
        arguments: Of the command line: the address of a server, or none.
        start: What to run where there is none.
        person: Who signs in there, where nobody else can; None where nobody has to.
    """
    if len(arguments) > 1 or any(given.startswith("-") for given in arguments):
        sys.exit(f"usage: python {sys.argv[0]} [URL]")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill tidies up, too
    try:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="example-")))
            url, played = (*arguments, "")[0], None
            if not url:
                print("Starting a server on this computer.")
                url = stack.enter_context(start())
                os.environ["no_proxy"] = "127.0.0.1"  # a proxy has no business here
                if person is not None and person.needed():
                    print("Nobody can be asked here: the person is played.")
                    played = stack.enter_context(person(lambda seen: print(f"  [browser] {seen}")))
            print("The sign-in is kept in a temporary folder.\n")
            yield Place(url, folder, TokenManager(folder, "encrypted_file"), played)
        print(f"\nThe folder is removed{'.' if arguments else ', the server is stopped.'}")
    except OAuthError as error:
        sys.exit(f"error: {error}")
    except requests.RequestException as error:
        sys.exit(f"error: the server could not be reached, or refused the request: {type(error).__name__}")
    except KeyboardInterrupt:
        sys.exit(130)
