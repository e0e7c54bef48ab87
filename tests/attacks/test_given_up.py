"""What is given up is over: no thread and no connection goes on, however long the server does."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import requests

from mcp_oauth_sync.protocol.reply import TransportFailure
from mcp_oauth_sync.protocol.transport import Transport

from ..servers import Origin, json_reply
from .broken import ENDLESS

#: Seconds until a test gives up itself; the servers of it would go on for longer.
PATIENCE = 20.0


def exchanges_end() -> bool:
    """Tell whether every thread of an exchange comes to its end."""
    until = time.monotonic() + PATIENCE
    while [thread for thread in threading.enumerate() if thread.name == "mcp-oauth-sync exchange"]:
        if time.monotonic() > until:
            return False
        time.sleep(0.005)
    return True


@pytest.mark.parametrize("name", ENDLESS)
def test_an_exchange_that_is_given_up_ends_while_its_server_goes_on(stage, name):
    path = stage.server.well_knowns["oauth"]
    stage.server.fault(path, ENDLESS[name](stage))
    with pytest.raises(TransportFailure):
        Transport(deadline=0.2).get(stage.server.url + path, what="document")
    assert exchanges_end()


@contextmanager
def talker(say: Callable[[socket.socket], None]) -> Iterator[tuple[int, threading.Event]]:
    """Let somebody talk to whoever connects, and give the port and what is set when they have gone."""
    gone = threading.Event()

    def serve() -> None:
        with listening, listening.accept()[0] as connection:
            connection.settimeout(PATIENCE)
            try:
                while True:
                    say(connection)
            except OSError:
                gone.set()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], gone
        assert gone.wait(PATIENCE)
        thread.join()


def greet(connection: socket.socket) -> None:
    """Send one byte of a record of TLS that is as long as records get, now and then."""
    time.sleep(0.02)
    connection.sendall(b"\x16")


def keep_silent(connection: socket.socket) -> None:
    if not connection.recv(4096):
        raise ConnectionError


@pytest.mark.parametrize("say", [greet, keep_silent])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_peer_that_never_answers_is_left(scheme, say):
    with talker(say) as (port, gone):
        with pytest.raises(TransportFailure):
            Transport(deadline=0.2).get(f"{scheme}://127.0.0.1:{port}/", what="document")
        assert gone.wait(PATIENCE)
        assert exchanges_end()


def test_other_exchanges_of_the_same_session_go_on(stage):
    with requests.Session() as session, Origin() as other:
        http = Transport(session=session, deadline=PATIENCE)
        arrived = threading.Event()
        other.route("GET", "/", lambda _: (arrived.wait(PATIENCE), json_reply({"fine": True}))[1])
        replies = []
        thread = threading.Thread(target=lambda: replies.append(http.get(other.url + "/", what="document")))
        thread.start()
        path = stage.server.well_knowns["oauth"]
        stage.server.fault(path, ENDLESS["hang"](stage))
        with pytest.raises(TransportFailure):
            Transport(session=session, deadline=0.2).get(stage.server.url + path, what="document")
        arrived.set()
        thread.join()
        assert [reply.status for reply in replies] == [200]
