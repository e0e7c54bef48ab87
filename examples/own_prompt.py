"""A way of asking of your own, complete: the link goes into a chat room, and the answer may come back from there.

    python examples/own_prompt.py [URL]

The room is this terminal: what you type is what somebody writes. ``mcp_oauth_sync.testing.PromptContract`` shows that
the prompt works.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from mcp_oauth_sync import Callback, DeviceAuthorization, Listener, MCPSession, OAuth, OAuthError, Prompt


class ChatRoom:
    """Stands for the chat you have: messages go out by ``post`` and come in by ``say``."""

    def __init__(self, post: Callable[[str], object]) -> None:
        """Nobody listens yet."""
        self.post = post
        self.hearers: list[Callable[[str], None]] = []

    def say(self, message: str) -> None:
        """Somebody writes a message."""
        for hear in list(self.hearers):
            hear(message)


class ChatPrompt(Prompt):
    """Posts the link. The browser may come back to this machine, or its last address may be written into the room."""

    def __init__(self, room: ChatRoom) -> None:
        """Ask in this room."""
        self.room = room

    @contextmanager
    def listen(self, callback: Callback, *, state: str) -> Iterator[Listener]:
        """Listen as every prompt does, and in the room too, until the sign-in is over."""
        with super().listen(callback, state=state) as listener:

            def hear(message: str) -> None:
                # What belongs to this sign-in carries its state. Everything else is checked by the library.
                if parse_qs(urlsplit(message.strip()).query).get("state") == [state]:
                    listener.deliver(message.strip())

            self.room.hearers.append(hear)
            try:
                yield listener
            finally:
                self.room.hearers.remove(hear)

    def show(self, url: str, *, listener: Listener, server_url: str) -> None:
        """Post the link. The answer is waited for elsewhere."""
        self.room.post(
            f"Please sign in to {server_url}:\n{url}\n"
            "If the page at the end cannot be reached, write its address into this room."
        )

    def show_code(self, device: DeviceAuthorization, *, server_url: str) -> None:
        """Post a device code."""
        self.room.post(f"To sign in to {server_url}, enter {device.user_code} at {device.verification_uri}")

    def conclude(self, error: OAuthError | None) -> None:
        """Say how a sign-in by code ended."""
        self.room.post("You are signed in." if error is None else f"That did not work: {error.message}")


def main() -> None:
    """Sign in by way of the room."""
    from demo_server import example_server

    with example_server(sys.argv[1:]) as place:

        def post(message: str) -> None:
            print(message)
            for line in message.splitlines():
                if place.prompt is not None and line.startswith("http"):
                    place.prompt.open(line)  # the person is played, who would open the link

        room = ChatRoom(post)

        def hear() -> None:  # a real chat calls you when a message comes in; a terminal has to be read
            for line in sys.stdin:
                room.say(line)

        threading.Thread(target=hear, daemon=True).start()
        auth = OAuth(place.url, prompt=ChatPrompt(room), token_manager=place.token_manager)
        with MCPSession(place.url, auth=auth) as mcp:
            room.post(f"Signed in. The server has {len(list(mcp.list_tools()))} tools.")
        auth.sign_out()


if __name__ == "__main__":
    main()
