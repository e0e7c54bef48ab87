"""Calls that take too long, are given up, or are ended by another thread; and calls that others hold up no longer."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from urllib3.util import connection

from mcp_oauth_sync import MCPSession
from mcp_oauth_sync.exceptions import MCPError, MCPTimeoutError
from mcp_oauth_sync.mcp.sockets import Sockets
from mcp_oauth_sync.mcp.wire import Wire
from tests.scene import Scene
from tests.servers import Reply, hang, local_ca
from tests.servers.faults import Fault, drip, gate

from .both_eras import HandshakeServer, StatelessServer, as_json, said, stream
from .script import ScriptedMcp, event, result

both_eras = pytest.mark.parametrize("kind", [HandshakeServer, StatelessServer], ids=["handshake", "stateless"])
Kind = Callable[..., Any]
#: Seconds within which what happens at once has happened, on a machine that is busy.
SOON = 5.0


def session(server: ScriptedMcp, **options: Any) -> MCPSession:
    return MCPSession(server.mcp_url, auth=None, **{"timeout": 30, **options})


def progress(message: dict[str, Any], number: int) -> bytes:
    token = message["params"]["_meta"]["progressToken"]
    params = {"progressToken": token, "progress": number}
    return event({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})


class Held:
    """Answers a call with a stream that stays open, and tells when the client has left it."""

    def __init__(self, server: Any, *before: bytes, beat: bytes = b"") -> None:
        self.server, self.before, self.beat = server, before, beat
        self.begun, self.left = threading.Event(), threading.Event()

    def __call__(self, message: dict[str, Any]) -> Reply:
        def pieces() -> Iterator[bytes]:
            try:
                self.begun.set()
                yield from self.server.forever(*self.before, beat=self.beat)
            finally:
                self.left.set()

        return stream(b": here\n\n", then=pieces())


# Too long


@both_eras
def test_a_server_that_says_nothing_at_all_is_given_up(kind: Kind) -> None:
    with kind() as server, session(server) as mcp:
        list(mcp.list_tools())
        server.fault("/mcp", hang(), times=1)
        with pytest.raises(MCPTimeoutError, match=r"within 0\.2 seconds"):
            mcp.call_tool("echo", timeout=0.2)
        assert mcp.call_tool("echo").text == "hi"


@both_eras
@pytest.mark.parametrize("beat", [b"", b": still here\n\n"], ids=["silent", "comments"])
def test_a_stream_without_an_answer_is_given_up(kind: Kind, beat: bytes) -> None:
    with kind() as server, session(server) as mcp:
        server.script["tools_call"] = held = Held(server, beat=beat)
        with pytest.raises(MCPTimeoutError, match=r"within 0\.2 seconds"):
            mcp.call_tool("echo", timeout=0.2)
        assert held.left.wait(SOON)


@both_eras
def test_a_body_that_comes_byte_by_byte_is_given_up(kind: Kind) -> None:
    with kind() as server, session(server) as mcp:
        list(mcp.list_tools())
        server.fault("/mcp", drip(0.05), times=1)
        with pytest.raises(MCPTimeoutError):
            mcp.call_tool("echo", timeout=0.3)


def test_the_session_waits_as_long_as_it_was_told_where_a_call_does_not_say() -> None:
    with StatelessServer() as server, session(server, timeout=0.2) as mcp:
        server.script["tools_call"] = Held(server)
        with pytest.raises(MCPTimeoutError, match=r"within 0\.2 seconds"):
            mcp.call_tool("echo")


@both_eras
def test_progress_gives_a_call_more_time(kind: Kind) -> None:
    with kind() as server, session(server) as mcp:

        def slow(message: dict[str, Any]) -> Reply:
            def pieces() -> Iterator[bytes]:
                for number in range(5):
                    server.release.wait(0.1)
                    yield progress(message, number)
                yield event(result(message, said("done")))

            return stream(then=pieces())

        server.script["tools_call"] = slow
        heard: list[float] = []
        call = mcp.call_tool("echo", on_progress=lambda told: heard.append(told.progress), timeout=0.35)
        assert call.text == "done"
        assert heard == [0, 1, 2, 3, 4]


@both_eras
def test_progress_gives_no_call_more_than_ten_times_its_time(kind: Kind) -> None:
    with kind() as server, session(server) as mcp:

        def endless(message: dict[str, Any]) -> Reply:
            return stream(then=server.forever(beat=progress(message, 1)))

        server.script["tools_call"] = endless
        began = time.monotonic()
        with pytest.raises(MCPTimeoutError):
            mcp.call_tool("echo", on_progress=lambda told: None, timeout=0.05)
        assert time.monotonic() - began < SOON


def test_the_time_a_listener_takes_does_not_count() -> None:
    with StatelessServer() as server, session(server) as mcp:
        server.script["tools_call"] = lambda m: stream(progress(m, 1), event(result(m, said("done"))))
        slow = threading.Event()
        assert mcp.call_tool("echo", on_progress=lambda told: slow.wait(0.4), timeout=0.2).text == "done"


# Given up


def test_a_server_with_a_handshake_is_told_which_call_is_given_up() -> None:
    with HandshakeServer() as server, session(server) as mcp:
        list(mcp.list_tools())
        server.script["tools_call"] = Held(server)
        with pytest.raises(MCPTimeoutError):
            mcp.call_tool("echo", timeout=0.1)
        calling, telling = server.log[-2:]
        assert telling.json() == {
            "jsonrpc": "2.0",
            "method": "notifications/cancelled",
            "params": {"requestId": calling.json()["id"]},
        }
        assert telling.headers["Mcp-Session-Id"] == "session-1"
        server.script["ping"] = as_json({})
        mcp.ping()


def test_a_stateless_server_is_told_by_the_end_of_the_stream() -> None:
    with StatelessServer() as server, session(server) as mcp:
        server.script["tools_call"] = held = Held(server)
        with pytest.raises(MCPTimeoutError):
            mcp.call_tool("echo", timeout=0.1)
        assert held.left.wait(SOON)
        assert server.methods == ["server/discover", "tools/call"]


@both_eras
def test_a_listener_that_raises_ends_the_call(kind: Kind) -> None:
    with kind() as server, session(server) as mcp:
        server.script["tools_call"] = lambda m: stream(progress(m, 1), then=server.forever())

        def stop(told: object) -> None:
            raise LookupError("enough")

        with pytest.raises(LookupError, match="enough"):
            mcp.call_tool("echo", on_progress=stop)
        assert ("notifications/cancelled" in server.methods) == (kind is HandshakeServer)


CHILD = """
import sys
from mcp_oauth_sync import MCPSession
with MCPSession(sys.argv[1], auth=None) as mcp:
    try:
        mcp.call_tool("echo")
    except KeyboardInterrupt:
        print("interrupted", flush=True)
"""


@both_eras
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT for one process there")
def test_ctrl_c_ends_a_call_and_the_server_is_told(kind: Kind) -> None:
    with kind() as server:
        server.script["tools_call"] = held = Held(server)
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, server.mcp_url], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert held.begun.wait(30)
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=30)
        finally:
            child.kill()
            child.wait()
        assert (out, child.returncode) == ("interrupted\n", 0), err
        assert held.left.wait(SOON)
        assert server.methods[-2:] == (
            ["notifications/cancelled", "DELETE"] if kind is HandshakeServer else ["server/discover", "tools/call"]
        )


# Ended by another thread


def ends_at_once(mcp: MCPSession, call: Future[Any]) -> None:
    began = time.monotonic()
    mcp.close()
    with pytest.raises(MCPError, match="was closed"):
        call.result(SOON)
    assert time.monotonic() - began < SOON


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as threads:
        yield threads


@both_eras
def test_closing_ends_a_call_that_reads_a_stream(kind: Kind, pool: ThreadPoolExecutor) -> None:
    with kind() as server, session(server) as mcp:
        server.script["tools_call"] = held = Held(server)
        call = pool.submit(mcp.call_tool, "echo")
        assert held.begun.wait(SOON)
        ends_at_once(mcp, call)
        assert held.left.wait(SOON)


def waiting_for_a_head(server: ScriptedMcp, mcp: MCPSession, pool: ThreadPoolExecutor) -> Future[Any]:
    """Make a call that the server does not begin to answer."""
    list(mcp.list_tools())
    arrived, machine = threading.Event(), server._machine
    assert machine is not None

    def never(message: dict[str, Any]) -> Reply:
        arrived.set()
        while not machine.is_left():
            server.release.wait(0.01)
        return Reply(500)

    server.script["tools_call"] = never
    call = pool.submit(mcp.call_tool, "echo")
    assert arrived.wait(SOON)
    return call


@both_eras
def test_closing_ends_a_call_that_waits_for_its_answer_to_begin(kind: Kind, pool: ThreadPoolExecutor) -> None:
    with kind() as server, session(server) as mcp:
        ends_at_once(mcp, waiting_for_a_head(server, mcp, pool))


def test_closing_ends_such_a_call_over_tls(
    pool: ThreadPoolExecutor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca = local_ca(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ca.ca_pem))
    server = HandshakeServer()
    server.tls = ca.context
    with server, session(server) as mcp:
        ends_at_once(mcp, waiting_for_a_head(server, mcp, pool))
        assert server.methods[-1] == "DELETE"


def test_closing_ends_such_a_call_behind_a_proxy(pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch) -> None:
    with StatelessServer() as server:
        monkeypatch.setenv("HTTP_PROXY", server.url)
        with MCPSession("http://127.0.0.9:9/mcp", auth=None) as mcp:
            ends_at_once(mcp, waiting_for_a_head(server, mcp, pool))
            assert {exchange.target for exchange in server.log} == {"http://127.0.0.9:9/mcp"}


def test_closing_ends_the_first_question_to_a_server(pool: ThreadPoolExecutor) -> None:
    with StatelessServer() as server, session(server) as mcp:
        server.fault("/mcp", hang())
        call = pool.submit(mcp.call_tool, "echo")
        while not server.log:
            time.sleep(0.005)
        ends_at_once(mcp, call)


def test_closing_ends_the_pause_before_a_stream_is_taken_up_again(
    pool: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    sleep, asleep = Wire.sleep, threading.Event()

    def noted(self: Wire, seconds: float) -> None:
        asleep.set()
        sleep(self, seconds)

    monkeypatch.setattr(Wire, "sleep", noted)
    with HandshakeServer() as server, session(server) as mcp:
        server.script["tools_call"] = lambda m: stream(b"id: 1\nretry: 25000\ndata: \n\n")
        call = pool.submit(mcp.call_tool, "echo")
        assert asleep.wait(SOON)
        ends_at_once(mcp, call)


def test_closing_ends_a_call_whose_answer_ends_with_its_connection(pool: ThreadPoolExecutor) -> None:
    sent = threading.Event()

    def hold(wire: Any, head: bytes, body: bytes) -> None:
        wire.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n: here\n\n")
        sent.set()
        wire.stopping.wait()

    with StatelessServer() as server, session(server) as mcp:
        list(mcp.list_tools())
        server.fault("/mcp", Fault("hold", send=hold))
        call = pool.submit(mcp.call_tool, "echo")
        assert sent.wait(SOON)
        ends_at_once(mcp, call)


def test_an_answer_that_begins_after_the_end_is_not_read_on_the_session_of_a_caller(pool: ThreadPoolExecutor) -> None:
    arrived, go_on = threading.Event(), threading.Event()
    with StatelessServer() as server, requests.Session() as own, session(server, session=own) as mcp:
        list(mcp.list_tools())
        server.fault("/mcp", gate(go_on, arrived=arrived))
        call = pool.submit(mcp.call_tool, "echo")
        assert arrived.wait(SOON)
        mcp.close()
        go_on.set()
        with pytest.raises(MCPError, match="was closed"):
            call.result(SOON)


def test_closing_ends_open_streams_on_the_session_of_a_caller_and_leaves_it_open(pool: ThreadPoolExecutor) -> None:
    with StatelessServer() as server, requests.Session() as own, session(server, session=own) as mcp:
        adapters = dict(own.adapters)
        server.script["tools_call"] = held = Held(server)
        call = pool.submit(mcp.call_tool, "echo")
        assert held.begun.wait(SOON)
        ends_at_once(mcp, call)
        assert own.get(server.url, timeout=SOON).status_code == 404
        assert own.adapters == adapters


def test_eight_calls_end_at_once_and_the_session_at_the_server_as_well(pool: ThreadPoolExecutor) -> None:
    with HandshakeServer() as server, session(server) as mcp:
        list(mcp.list_tools())
        call = waiting_for_a_head(server, mcp, pool)
        server.script["prompts_get"] = held = Held(server)
        other = pool.submit(mcp.get_prompt, "p")
        assert held.begun.wait(SOON)
        ends_at_once(mcp, call)
        with pytest.raises(MCPError, match="was closed"):
            other.result(SOON)
        assert server.methods[-1] == "DELETE"
        assert server.alive == set()


def test_a_call_begun_while_the_session_closes_is_refused_or_ends(pool: ThreadPoolExecutor) -> None:
    with StatelessServer() as server:
        for _ in range(20):
            mcp = session(server)
            list(mcp.list_tools())
            together = threading.Barrier(4)

            def call(mcp: MCPSession = mcp, together: threading.Barrier = together) -> None:
                together.wait(SOON)
                for _ in range(1000):
                    mcp.call_tool("echo")

            calls = [pool.submit(call) for _ in range(3)]
            together.wait(SOON)
            mcp.close()
            for each in calls:
                with pytest.raises(MCPError, match="was closed"):
                    each.result(SOON)


# Held up by nobody


@both_eras
def test_a_stream_held_open_delays_no_other_call(kind: Kind, pool: ThreadPoolExecutor) -> None:
    with kind() as server, session(server) as mcp:
        server.script["prompts_get"] = held = Held(server)
        holding = pool.submit(mcp.get_prompt, "p")
        assert held.begun.wait(SOON)
        assert pool.submit(lambda: [mcp.call_tool("echo").text for _ in range(20)]).result(SOON) == ["hi"] * 20
        assert not holding.done()
        ends_at_once(mcp, holding)


@both_eras
def test_nor_does_it_while_the_token_is_renewed(kind: Kind, pool: ThreadPoolExecutor) -> None:
    with kind() as server, Scene(upstream=server.mcp_url) as scene:
        mcp = MCPSession(scene.url, auth=scene.oauth(), timeout=30)
        server.script["prompts_get"] = held = Held(server)
        list(mcp.list_tools())
        holding = pool.submit(mcp.get_prompt, "p")
        assert held.begun.wait(SOON)
        scene.forget_log()
        for _ in range(4):
            scene.expire()
            calls = pool.submit(lambda: [mcp.call_tool("echo").text for _ in range(5)])
            assert calls.result(SOON) == ["hi"] * 5
        assert len(scene.az.requests("/token")) == 4
        assert not holding.done()
        assert scene.shown == []
        ends_at_once(mcp, holding)


# The connections of a session of ours


def test_closing_cuts_no_refresh_short(pool: ThreadPoolExecutor) -> None:
    """A refresh token is used once: whoever does not hear the answer to it has to sign in again."""
    with HandshakeServer() as server, Scene(upstream=server.mcp_url) as scene:
        mcp = MCPSession(scene.url, auth=scene.oauth(), timeout=30)
        list(mcp.list_tools())
        scene.az.expire_all_access_tokens()
        scene.forget_log()
        arrived, go_on = threading.Event(), threading.Event()
        scene.az.fault("/token", gate(go_on, arrived=arrived, acted=True), times=1)
        call = pool.submit(mcp.call_tool, "echo")
        assert arrived.wait(SOON)
        mcp.close()
        go_on.set()
        with pytest.raises(MCPError, match="was closed"):
            call.result(SOON)
        assert server.count("tools/call") == 0
        with MCPSession(scene.url, auth=scene.oauth(), timeout=30) as another:
            assert another.call_tool("echo").text == "hi"
        assert len(scene.az.requests("/token")) == 1
        assert scene.shown == []


def test_the_goodbye_uses_a_connection_that_is_open() -> None:
    with HandshakeServer() as server:
        with session(server) as mcp:
            list(mcp.list_tools())
        assert server.methods[-1] == "DELETE"
        assert server.connections == 1


def elsewhere(act: Callable[[], object]) -> None:
    """Act in another thread, to the end."""
    thread = threading.Thread(target=act)
    thread.start()
    thread.join(SOON)


def test_a_connection_that_is_open_is_not_used_after_the_end() -> None:
    with StatelessServer() as server, requests.Session() as own:
        sockets = Sockets(own)
        with sockets.calling():
            assert own.get(server.url, timeout=SOON).status_code == 404
            elsewhere(sockets.close)
            with pytest.raises(requests.ConnectionError):
                own.get(server.url, timeout=SOON)
        assert len(server.log) == 1
        assert own.get(server.url, timeout=SOON).status_code == 404  # what is no call goes on


def test_a_connection_that_is_made_while_the_session_ends_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with StatelessServer() as server, requests.Session() as own:
        sockets = Sockets(own)
        connect = connection.create_connection

        def slow(*args: Any, **options: Any) -> Any:
            made = connect(*args, **options)
            elsewhere(sockets.close)
            return made

        monkeypatch.setattr(connection, "create_connection", slow)
        with sockets.calling(), pytest.raises(requests.ConnectionError):
            own.get(server.url, timeout=SOON)
        assert server.log == []


def test_the_sessions_own_connections_verify_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = StatelessServer()
    server.tls = local_ca(tmp_path).context
    with server:
        with session(server) as mcp, pytest.raises(MCPError, match="certificate could not be verified"):
            list(mcp.list_tools())
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "local-ca.pem"))
        with session(server) as mcp:
            assert [tool.name for tool in mcp.list_tools()] == ["echo"]
            mcp.call_tool("echo")
            assert server.connections == 2  # one that failed


@both_eras
def test_a_closed_session_leaves_no_connection_open_whatever_still_refers_to_its_answers(kind: Kind) -> None:
    answers: list[requests.Response] = []
    with kind() as server:
        mcp = session(server)
        mcp._wire._session.hooks["response"].append(lambda answer, **_: answers.append(answer))
        assert mcp.call_tool("echo", {"text": "on"}).text
        serving = [thread for thread in threading.enumerate() if thread.name.startswith(f"origin-{server.port}-")]
        assert serving
        mcp.close()
        for thread in serving:
            thread.join(SOON)
        assert [thread.name for thread in serving if thread.is_alive()] == []
        assert answers
