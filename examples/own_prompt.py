"""A way of asking of your own, complete: the link goes into a chat room, and the answer may come back from there.

Run it against a server: ``python examples/own_prompt.py https://mcp.example.com/mcp``. The room is this terminal: what
you type is what somebody writes. ``mcp_oauth_sync.testing.PromptContract`` shows that the prompt works.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

import requests

from mcp_oauth_sync import Callback, DeviceAuthorization, Listener, OAuth, OAuthError, Prompt


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


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} URL")
    room = ChatRoom(print)
    # A real chat calls you when a message comes in; a terminal has to be read.
    threading.Thread(target=lambda: [room.say(line) for line in sys.stdin], daemon=True).start()
    auth = OAuth(sys.argv[1], prompt=ChatPrompt(room))
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"Accept": "application/json, text/event-stream"}
    print(requests.post(sys.argv[1], json=ping, headers=headers, auth=auth, timeout=30).status_code)
