"""The loopback receiver on its own: where it listens, what it takes, what it turns away, how it ends."""

from __future__ import annotations

import base64
import errno
import hashlib
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import attrs
import pytest

from mcp_oauth_sync.exceptions import (
    AccessDeniedError,
    AuthorizationError,
    AuthorizationTimeoutError,
    InvalidRedirectError,
)
from mcp_oauth_sync.models.asker import Asker
from mcp_oauth_sync.models.callback import Callback
from mcp_oauth_sync.prompts import answer, loopback
from mcp_oauth_sync.prompts.loopback import LoopbackListener, loopback_listener
from mcp_oauth_sync.prompts.page_style import STYLE
from mcp_oauth_sync.prompts.pages import denied_page, failure_page, received_page, stranger_page, success_page

from .wire import (
    STATE,
    accepts_connections,
    answer_target,
    dial,
    get,
    listener_threads,
    port_of,
    read_answer,
    request_for,
    send,
)


@pytest.fixture
def listener() -> Iterator[LoopbackListener]:
    """A receiver whose page need not wait to learn how the sign-in ends."""
    with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as made:
        made.conclude(None)
        yield made


def unanswered(listener: LoopbackListener) -> bool:
    try:
        listener.wait(0)
    except AuthorizationTimeoutError:
        return True
    return False


# Where it listens


def test_it_listens_before_anything_is_shown_and_names_the_port_it_has() -> None:
    with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as listener:
        port = port_of(listener.redirect_uri)
        assert listener.redirect_uri == f"http://127.0.0.1:{port}/callback"
        assert accepts_connections(port)


def test_a_wished_port_and_path_are_taken_while_the_port_is_free() -> None:
    with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as earlier:
        port = port_of(earlier.redirect_uri)
    with loopback_listener(Callback.at(f"http://127.0.0.1:{port}/oauth/done", exact=True), state=STATE) as listener:
        assert listener.redirect_uri == f"http://127.0.0.1:{port}/oauth/done"
        listener.conclude(None)
        assert get(listener, f"/oauth/done?code=c&state={STATE}").status == 200
        assert listener.wait(1) == f"/oauth/done?code=c&state={STATE}"


def test_a_literal_ipv4_address_is_all_it_listens_on(listener: LoopbackListener) -> None:
    port = port_of(listener.redirect_uri)
    assert accepts_connections(port)
    assert not accepts_connections(port, "127.0.0.2")
    assert not accepts_connections(port, "::1")


def test_a_literal_ipv6_address_is_all_it_listens_on() -> None:
    with loopback_listener(Callback.at("http://[::1]/callback"), state=STATE) as listener:
        port = port_of(listener.redirect_uri)
        assert listener.redirect_uri == f"http://[::1]:{port}/callback"
        assert not accepts_connections(port)
        listener.conclude(None)
        assert send(listener, request_for(listener, answer_target()), "::1").status == 200
        assert "the-code" in listener.wait(1)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_localhost_is_answered_on_ipv4_and_ipv6_at_the_same_port(host: str) -> None:
    with loopback_listener(Callback.at("http://localhost/callback"), state=STATE) as listener:
        port = port_of(listener.redirect_uri)
        assert listener.redirect_uri == f"http://localhost:{port}/callback"
        assert accepts_connections(port, "127.0.0.1")
        assert accepts_connections(port, "::1")
        assert not accepts_connections(port, "127.0.0.2")
        listener.conclude(None)
        assert send(listener, request_for(listener, answer_target()), host).status == 200
        assert "the-code" in listener.wait(1)
    assert listener_threads() == []
    assert not accepts_connections(port, "127.0.0.1")
    assert not accepts_connections(port, "::1")


def test_localhost_works_on_a_machine_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "AF_INET6", 1045)  # a family that no machine has
    with loopback_listener(Callback.at("http://localhost/callback"), state=STATE) as listener:
        listener.conclude(None)
        assert get(listener, answer_target()).status == 200


def test_another_loopback_address_can_be_configured_and_is_recognised_by_its_host() -> None:
    with loopback_listener(Callback.at("http://127.0.0.5/callback"), state=STATE) as listener:
        listener.conclude(None)
        assert not accepts_connections(port_of(listener.redirect_uri))
        assert send(listener, request_for(listener, answer_target()), "127.0.0.5").status == 200


@pytest.mark.parametrize(
    "uri",
    [
        "https://127.0.0.1/callback",
        "http://example.com/callback",
        "http://0.0.0.0/callback",
        "http://[::]/callback",
        "http://192.168.0.1/callback",
        "http://127.0.0.1.example.com/callback",
        "my.app:/callback",
        "",
    ],
)
def test_it_never_listens_anywhere_but_on_the_loopback_interface(uri: str) -> None:
    callback = Callback.at(uri)
    with pytest.raises(AuthorizationError, match="not on this machine"), loopback_listener(callback, state=STATE):
        raise AssertionError("it listens")


def test_a_busy_port_that_has_to_be_it_is_an_error_that_names_it(listener: LoopbackListener) -> None:
    callback = Callback.at(listener.redirect_uri, exact=True)
    with pytest.raises(AuthorizationError) as caught, loopback_listener(callback, state="x"):
        raise AssertionError("it listens")
    assert f"127.0.0.1 port {port_of(listener.redirect_uri)}" in caught.value.message
    assert "in use" in caught.value.message
    assert "callback_port=" in str(caught.value.hint)
    assert isinstance(caught.value.__cause__, OSError)


def test_a_busy_port_that_is_only_preferred_gives_way_to_another(listener: LoopbackListener) -> None:
    with loopback_listener(Callback.at(listener.redirect_uri), state="another-state") as other:
        assert port_of(other.redirect_uri) != port_of(listener.redirect_uri)
        assert get(listener, answer_target()).status == 200
        assert unanswered(other)


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.EADDRNOTAVAIL, "callback_bind= takes an address of this machine, or 0.0.0.0 for all of them."),
        (errno.EACCES, "Choose a port above 1023 with callback_port=: those below need rights of their own."),
        (errno.EADDRINUSE, "Choose another port with callback_port=, or end the program that holds this one."),
    ],
)
def test_why_it_cannot_listen_is_told_with_what_to_do(monkeypatch: pytest.MonkeyPatch, number: int, hint: str) -> None:
    def refuse(server: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(loopback._Server, "server_bind", refuse)
    ports = (80, 8765, 8766, 8767, 9000, 9001)
    callback = Callback(redirect_uri="http://localhost/", ports=ports, exact=True)
    with pytest.raises(AuthorizationError) as caught, loopback_listener(callback, state=STATE):
        pass
    listed = "80 or 8765-8767 or 9000-9001"
    assert caught.value.message == f"Cannot listen on 127.0.0.1 port {listed}: {os.strerror(number)}."
    assert caught.value.hint == hint
    assert isinstance(caught.value.__cause__, OSError)


def test_free_ports_are_tried_eight_times_and_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[int] = []

    def refuse(server: loopback._Server) -> None:
        tried.append(server.server_address[1])
        raise OSError("no words")

    monkeypatch.setattr(loopback._Server, "server_bind", refuse)
    for exact, count in ((False, 9), (True, 1)):
        callback = Callback(redirect_uri="http://127.0.0.1/", ports=(0,), exact=exact)
        with pytest.raises(AuthorizationError, match=r"^Cannot listen on 127\.0\.0\.1: no words\."):
            loopback_listener(callback, state=STATE).__enter__()
        assert tried == [0] * count
        tried.clear()


def ask_for_options(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """Note which options sockets are given."""
    asked: list[tuple[int, ...]] = []

    class Asked(socket.socket):
        def setsockopt(self, *option: int) -> None:  # type: ignore[override]
            asked.append(option)

    monkeypatch.setattr(socket, "socket", Asked)
    return asked


@pytest.mark.parametrize(("host", "only"), [("::1", True), ("::", False)])
def test_on_ipv6_it_takes_ipv4_along_only_where_it_is_to_listen_everywhere(
    monkeypatch: pytest.MonkeyPatch, host: str, only: bool
) -> None:
    asked = ask_for_options(monkeypatch)
    server = loopback._Server((host, 0), socket.AF_INET6)
    server.server_close()
    assert ((socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1) in asked) is only
    assert server.shown_address == f"[{host}]:{server.server_port}"


def test_localhost_is_these_two_addresses_and_no_other() -> None:
    servers = loopback._bind(Callback.at("http://localhost/"))
    for server in servers:
        server.server_close()
    assert [server.server_address[0] for server in servers] == ["127.0.0.1", "::1"]
    assert servers[0].shown_address == f"127.0.0.1:{servers[0].server_port}"


@pytest.mark.parametrize(
    ("callback", "host"),
    [
        (Callback.wanted("https://app.example.com/cb", (0,), "127.0.0.2"), "127.0.0.2"),
        (Callback.wanted("https://app.example.com/cb", (0,)), "127.0.0.1"),
        (Callback.wanted("http://127.0.0.3/cb", (0,), "127.0.0.2"), "127.0.0.2"),
        (Callback.wanted("http://127.0.0.3/cb"), "127.0.0.3"),
    ],
)
def test_it_listens_where_it_is_told_then_where_the_redirect_says(callback: Callback, host: str) -> None:
    (server,) = loopback._bind(callback)
    server.server_close()
    assert server.server_address[0] == host


def test_a_redirect_without_a_path_comes_back_at_the_root() -> None:
    assert LoopbackListener("http://127.0.0.1:1", STATE).path == "/"
    assert LoopbackListener("http://127.0.0.1:1?x", STATE).is_at("/")
    assert LoopbackListener("http://127.0.0.1:1", STATE).accept("/?state=another") is False


def test_the_end_waits_for_the_page_of_the_browser_that_brought_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    ended: list[bool] = []
    monkeypatch.setattr(LoopbackListener, "finish", lambda listener: ended.append(True))
    with loopback_listener(Callback.at("http://127.0.0.1/"), state=STATE):
        assert ended == []
    assert ended == [True]


def test_it_keeps_no_program_alive_and_says_whether_it_listens(listener: LoopbackListener) -> None:
    assert listener_threads()
    assert all(thread.daemon for thread in listener_threads())
    assert listener.listening is True
    with loopback_listener(Callback.wanted("https://app.example.com/cb"), state=STATE) as forwarded:
        assert (forwarded.listening, forwarded.address) == (False, None)


def test_a_proxy_may_take_the_beginning_of_the_path_off_and_nothing_else() -> None:
    forwarded = LoopbackListener("https://app.example.com/x/callback", STATE)
    at = {path: forwarded.is_at(path) for path in ("/x/callback", "/callback", "callback", "k", "", "/other", "/x")}
    assert [path for path, is_ours in at.items() if is_ours] == ["/x/callback", "/callback"]
    assert forwarded.is_for(["anything"])
    assert not forwarded.is_for([])
    assert not forwarded.is_for(["a", "b"])
    own = LoopbackListener("http://127.0.0.1:1/x/callback", STATE)
    assert [own.is_at(path) for path in ("/x/callback", "/callback")] == [True, False]


def test_an_end_without_a_word_lets_the_page_go_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer, "PAGE_PATIENCE", 100)
    listener = LoopbackListener("http://127.0.0.1:1/", STATE)
    assert listener.accept(f"/?state={STATE}")
    listener.page_sent()
    listener.finish()
    assert listener.page() == received_page(Asker())


def test_an_answer_says_how_long_it_is_and_who_gave_it(listener: LoopbackListener) -> None:
    page = get(listener, "/nowhere")
    assert page.headers["Content-Length"] == str(len(page.body))
    assert page.headers["Server"].strip() == "mcp-oauth-sync"


@pytest.mark.parametrize(("system", "exclusive"), [("win32", True), ("linux", False)])
def test_no_other_program_can_take_its_port_over(monkeypatch: pytest.MonkeyPatch, system: str, exclusive: bool) -> None:
    asked = ask_for_options(monkeypatch)
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", -5, raising=False)
    monkeypatch.setattr(loopback.sys, "platform", system)
    server = loopback._Server(("127.0.0.1", 0), socket.AF_INET)
    server.server_close()
    assert asked == [(socket.SOL_SOCKET, -5 if exclusive else socket.SO_REUSEADDR, 1)]


@pytest.mark.parametrize("exact", [True, False])
def test_localhost_never_shares_its_port_with_another_program_on_ipv6(exact: bool) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as theirs, ExitStack() as stack:
        port = theirs.getsockname()[1]
        wished = f"http://localhost:{port}/callback"
        if exact:
            with pytest.raises(AuthorizationError, match=f"port {port}"):
                stack.enter_context(loopback_listener(Callback.at(wished, exact=True), state=STATE))
            assert not accepts_connections(port)
        else:
            listener = stack.enter_context(loopback_listener(Callback.at(wished), state=STATE))
            assert port_of(listener.redirect_uri) != port
            assert accepts_connections(port_of(listener.redirect_uri), "::1")


# What it takes


def test_the_answer_is_taken_whole_and_its_browser_gets_the_page(listener: LoopbackListener) -> None:
    reply = get(listener, answer_target() + "&iss=https%3A%2F%2Fas.example.com")
    assert (reply.status, reply.body) == (200, success_page())
    assert listener.wait(1) == answer_target() + "&iss=https%3A%2F%2Fas.example.com"


def test_an_error_with_the_right_state_is_an_answer_too(listener: LoopbackListener) -> None:
    assert get(listener, f"/callback?error=access_denied&state={STATE}").status == 200
    assert "error=access_denied" in listener.wait(1)


def test_a_question_mark_within_the_answer_is_part_of_it(listener: LoopbackListener) -> None:
    assert get(listener, f"/callback?code=a?b&state={STATE}").status == 200
    assert listener.wait(1) == f"/callback?code=a?b&state={STATE}"


def test_the_answer_never_shows_itself(
    listener: LoopbackListener, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    get(listener, "/stranger?code=the-code")
    get(listener, answer_target())
    assert "the-code" not in repr(listener.wait(1))
    assert "the-code" not in repr(vars(listener))
    assert capfd.readouterr() == ("", "")
    assert caplog.text == ""


def test_only_the_first_answer_counts(listener: LoopbackListener) -> None:
    assert get(listener, answer_target("first")).status == 200
    second = get(listener, answer_target("second"))
    assert (second.status, second.body) == (400, stranger_page())
    listener.deliver(answer_target("third"))
    assert listener.wait(1) == answer_target("first")


def test_of_twenty_answers_at_once_exactly_one_is_taken(listener: LoopbackListener) -> None:
    gate = threading.Barrier(20)
    got: list[tuple[int, int]] = []

    def visit(number: int) -> None:
        gate.wait()
        got.append((get(listener, answer_target(f"code{number}.")).status, number))

    threads = [threading.Thread(target=visit, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = [number for status, number in got if status == 200]
    assert sorted({status for status, _ in got}) == [200, 400]
    assert listener.wait(1) == answer_target(f"code{winner}.")


def test_what_comes_behind_the_answer_on_one_connection_is_not_looked_at(listener: LoopbackListener) -> None:
    first, second = (request_for(listener, answer_target(code)) for code in ("first", "second"))
    with dial(listener) as connection:
        connection.sendall(first + b"\x00\xff garbage\r\n\r\n" + second)
        reply = read_answer(connection)
    assert reply.status == 200
    assert listener.wait(1) == answer_target("first")


def test_an_answer_delivered_by_the_application_ends_the_wait_and_keeps_no_browser_waiting() -> None:
    with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as listener:
        listener.deliver("http://127.0.0.1/callback?code=c")
        assert listener.wait(1) == "http://127.0.0.1/callback?code=c"
        started = time.monotonic()
    assert time.monotonic() - started < 0.9  # a browser would have been given a second for its page


# What it turns away

MANY = "&".join(f"p{number}=1" for number in range(120))
STRANGERS = {
    "the favicon": ("GET", "/favicon.ico", 404),
    "the root": ("GET", f"/?code=x&state={STATE}", 404),
    "a path below": ("GET", f"/callback/?code=x&state={STATE}", 404),
    "a path in capitals": ("GET", f"/Callback?code=x&state={STATE}", 404),
    "an encoded question mark": ("GET", f"/callback%3Fcode=x&state={STATE}", 404),
    "a path with dots": ("GET", f"/x/../callback?code=x&state={STATE}", 404),
    "a path parameter": ("GET", f"/callback;x?code=x&state={STATE}", 404),
    "a whole URL": ("GET", f"http://evil.example/callback?code=x&state={STATE}", 404),
    "no query": ("GET", "/callback", 400),
    "no state": ("GET", "/callback?code=x", 400),
    "an empty state": ("GET", "/callback?code=x&state=", 400),
    "a wrong state": ("GET", "/callback?code=x&state=wrong", 400),
    "a state with more behind it": ("GET", f"/callback?code=x&state={STATE}x", 400),
    "a state in capitals": ("GET", f"/callback?code=x&state={STATE.upper()}", 400),
    "a state that is not ASCII": ("GET", "/callback?code=x&state=\xe9\xff", 400),
    "a state that is not UTF-8": ("GET", "/callback?code=x&state=%E9%FF%00", 400),
    "a state from far away": ("GET", "/callback?code=x&state=%F0%9F%92%A9%ED%A0%80", 400),
    "two states": ("GET", f"/callback?code=x&state={STATE}&state={STATE}", 400),
    "a state in a fragment": ("GET", f"/callback?code=x#state={STATE}", 400),
    "a query far too long": ("GET", f"/callback?state={STATE}&code=" + "x" * 17_000, 400),
    "a line that never fits": ("GET", f"/callback?state={STATE}&code=" + "x" * 70_000, 414),
    "far too many fields": ("GET", f"/callback?state={STATE}&code=x&{MANY}", 400),
    "HEAD": ("HEAD", answer_target(), 405),
    "POST": ("POST", answer_target(), 405),
    "OPTIONS": ("OPTIONS", answer_target(), 405),
    "an invented method": ("BREW", answer_target(), 405),
    "a method in small letters": ("get", answer_target(), 405),
}


@pytest.mark.parametrize(("method", "target", "status"), STRANGERS.values(), ids=STRANGERS.keys())
def test_a_stranger_gets_a_short_page_and_the_answer_still_counts(
    listener: LoopbackListener, method: str, target: str, status: int
) -> None:
    with dial(listener) as connection:
        # The answer may be there before all is sent: what is too long is not read to its end.
        try:
            connection.sendall(request_for(listener, target, method=method))
            reply = read_answer(connection, method)
        except ConnectionError:
            assert status == 414
        else:
            assert (reply.status, reply.body) == (status, b"" if method == "HEAD" else stranger_page())
            assert reply.headers.get("Allow") == ("GET" if status == 405 else None)
    assert unanswered(listener)
    assert get(listener, answer_target()).status == 200
    assert listener.wait(1) == answer_target()


HOSTS = {
    "no host": [],
    "another host": ["evil.example:{port}"],
    "the right host without its port": ["127.0.0.1"],
    "the right host with another port": ["127.0.0.1:1"],
    "two hosts": ["127.0.0.1:{port}", "127.0.0.1:{port}"],
    "a good host and a bad one": ["127.0.0.1:{port}", "evil.example:{port}"],
    "a name that begins like ours": ["127.0.0.1.evil.example:{port}"],
    "a user before the host": ["me@127.0.0.1:{port}"],
    "an empty host": [""],
}


@pytest.mark.parametrize("hosts", HOSTS.values(), ids=HOSTS.keys())
def test_a_request_meant_for_another_host_is_turned_away_even_with_the_right_state(
    listener: LoopbackListener, hosts: list[str]
) -> None:
    lines = "".join(f"Host: {host.format(port=port_of(listener.redirect_uri))}\r\n" for host in hosts)
    reply = send(listener, f"GET {answer_target()} HTTP/1.1\r\n{lines}\r\n".encode())
    assert (reply.status, reply.body) == (400, stranger_page())
    assert unanswered(listener)


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "[::1]"])
def test_every_name_of_the_loopback_interface_is_ours(listener: LoopbackListener, name: str) -> None:
    host = f"{name}:{port_of(listener.redirect_uri)}"
    assert send(listener, request_for(listener, answer_target(), host=host)).status == 200


def test_at_the_port_that_browsers_do_not_write_the_host_comes_without_it() -> None:
    listener = LoopbackListener("http://127.0.0.1:80/callback", STATE)
    assert listener.is_for(["127.0.0.1"])
    assert listener.is_for(["127.0.0.1:80"])
    assert not LoopbackListener("http://127.0.0.1:8080/callback", STATE).is_for(["127.0.0.1"])


def tls_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


NO_HTTP = {
    "a greeting of TLS": tls_hello(),
    "an HTTP/2 preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no words": b"\r\n\r\n",
    "one word": b"hello\r\n\r\n",
    "an unknown version": f"GET {answer_target()} HTTP/9.9\r\n\r\n".encode(),
    "the protocol before versions": f"GET {answer_target()}\r\n\r\n".encode(),
    "bytes": bytes(range(256)) * 8,
    "two hundred headers": f"GET {answer_target()} HTTP/1.1\r\n".encode() + b"X: y\r\n" * 200 + b"\r\n",
    "a header without an end": f"GET {answer_target()} HTTP/1.1\r\nX: ".encode() + b"y" * 70_000 + b"\r\n\r\n",
}


@pytest.mark.parametrize("noise", NO_HTTP.values(), ids=NO_HTTP.keys())
def test_what_is_not_http_is_no_answer_and_holds_up_nobody(listener: LoopbackListener, noise: bytes) -> None:
    with dial(listener) as connection:
        connection.sendall(noise)
        assert get(listener, "/favicon.ico").status == 404
        assert unanswered(listener)
        assert get(listener, answer_target()).status == 200


def test_three_hundred_strangers_and_sixty_slow_connections_do_not_hold_up_the_answer(
    listener: LoopbackListener,
) -> None:
    starts = (b"", b"GET /call", request_for(listener, answer_target("stolen"))[:-2])
    statuses: list[int] = []
    targets = ["/favicon.ico", "/callback?code=x&state=wrong", "/callback?error=access_denied"]

    def knock(target: str) -> None:
        statuses.extend(get(listener, target).status for _ in range(25))

    with ExitStack() as stack:
        slow = [stack.enter_context(dial(listener)) for _ in range(60)]
        for number, connection in enumerate(slow):
            connection.sendall(starts[number % 3])
        threads = [threading.Thread(target=knock, args=(targets[number % 3],)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(statuses) == 300
        assert set(statuses) == {400, 404}
        assert unanswered(listener)
        assert get(listener, answer_target()).body == success_page()
        for connection in slow:  # it was not their going away that made room
            connection.setblocking(False)
            with pytest.raises(BlockingIOError):
                connection.recv(1)
    assert listener.wait(1) == answer_target()


def test_more_silent_connections_than_it_holds_push_out_the_oldest_and_not_the_answer(
    listener: LoopbackListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loopback, "MAX_CONNECTIONS", 16)
    with ExitStack() as stack:
        idle = [stack.enter_context(dial(listener)) for _ in range(40)]
        assert idle[0].recv(1) == b""
        assert get(listener, answer_target()).status == 200
    assert listener.wait(1) == answer_target()


def test_the_browser_that_brought_the_answer_is_not_pushed_out_while_it_waits_for_its_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loopback, "MAX_CONNECTIONS", 4)
    with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as listener, ExitStack() as stack:
        browser = stack.enter_context(dial(listener))
        browser.sendall(request_for(listener, answer_target()))
        listener.wait(10)
        for _ in range(8):
            stack.enter_context(dial(listener))
        assert get(listener, "/favicon.ico").status == 404
        listener.conclude(AccessDeniedError("no"))
        assert b"Access was not granted" in read_answer(browser).body


def test_a_silent_connection_is_closed_after_a_while(
    listener: LoopbackListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert loopback._Handler.timeout == loopback.SILENCE == 5
    monkeypatch.setattr(loopback._Handler, "timeout", 0.05)
    with dial(listener) as connection:
        assert connection.recv(1) == b""
    assert unanswered(listener)


def test_a_browser_that_goes_away_before_its_page_harms_nothing(listener: LoopbackListener) -> None:
    with dial(listener) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # close with a reset
        connection.sendall(request_for(listener, answer_target()))
    assert listener.wait(10) == answer_target()


# What it says

SAFE_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Connection": "close",
}


@pytest.mark.parametrize("target", [answer_target(), "/favicon.ico", "/callback?state=wrong"])
def test_every_page_is_kept_from_caches_referrers_frames_and_foreign_content(
    listener: LoopbackListener, target: str
) -> None:
    headers = get(listener, target).headers
    assert {name: headers[name] for name in SAFE_HEADERS} == SAFE_HEADERS
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers.keys().isdisjoint({"Set-Cookie", "Access-Control-Allow-Origin", "Refresh"})
    assert "Python" not in headers["Server"]


@pytest.mark.parametrize("name", ["next", "redirect", "redirect_uri", "return_to", "url", "iss", "error_uri"])
def test_no_parameter_makes_it_redirect_and_none_is_repeated(listener: LoopbackListener, name: str) -> None:
    for state in ("wrong", STATE):
        reply = get(listener, f"/callback?code=x&state={state}&{name}=https://evil.example/%3Cb%3E")
        assert reply.status in (200, 400)
        assert "Location" not in reply.headers
        assert b"evil" not in reply.body


def test_the_page_does_not_wait_for_a_slow_token_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mcp_oauth_sync.prompts.answer.PAGE_PATIENCE", 0.05)
    with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as listener:
        assert get(listener, answer_target()).body == received_page()
    callback = attrs.evolve(Callback.at("http://127.0.0.1/callback"), asker=Asker(server_url="https://h.example"))
    with loopback_listener(callback, state=STATE) as listener:
        assert get(listener, answer_target()).body == received_page(callback.asker)


def test_the_page_names_who_asked_what_went_wrong_and_what_to_run() -> None:
    asker = Asker(program="Notes at work", server_url="https://mcp.example.com/mcp")
    callback = attrs.evolve(Callback.at("http://127.0.0.1/callback"), asker=asker)
    for error, page in {
        None: success_page(asker),
        AccessDeniedError("no", error_description="You may not."): denied_page(asker, said="You may not."),
        AuthorizationError("Bad.", hint="Better."): failure_page("Bad.", asker, advice="Better."),
    }.items():
        with loopback_listener(callback, state=STATE) as listener:
            assert get(listener, "/").body == stranger_page()
            listener.conclude(error)
            assert get(listener, answer_target()).body == page


def test_of_an_answer_that_was_not_ours_nothing_is_shown() -> None:
    with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as listener:
        listener.conclude(InvalidRedirectError("evil words", hint="evil advice"))
        body = get(listener, answer_target()).body
    assert b"did not belong to this sign-in" in body
    assert b"evil" not in body


def test_the_page_follows_the_first_word_on_how_it_ended(listener: LoopbackListener) -> None:
    listener.conclude(AccessDeniedError("too late"))
    assert get(listener, answer_target()).body == success_page()


# How it ends


def test_nobody_coming_is_a_typed_timeout_that_says_how_long_it_waited() -> None:
    with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as listener:
        with pytest.raises(AuthorizationTimeoutError) as caught:
            listener.wait(0.05)
        assert isinstance(caught.value, TimeoutError)
        assert "0.05 seconds" in caught.value.message
        assert "sign_in_timeout=" in str(caught.value.hint)


def test_an_answer_that_comes_late_is_still_in_time(
    listener: LoopbackListener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_oauth_sync.interrupts._PIECE", 0.001)  # many pieces of waiting in a short time
    timer = threading.Timer(0.05, get, (listener, answer_target()))
    timer.start()
    assert listener.wait(30) == answer_target()
    timer.join()


def test_strangers_do_not_prolong_the_wait(listener: LoopbackListener) -> None:
    knocking = threading.Event()

    def knock() -> None:
        while not knocking.is_set():
            get(listener, "/callback?state=wrong")

    thread = threading.Thread(target=knock)
    thread.start()
    try:
        with pytest.raises(AuthorizationTimeoutError):
            listener.wait(0.2)
    finally:
        knocking.set()
        thread.join()


@pytest.mark.parametrize("ending", ["answer", "nobody", "error", "Ctrl-C"])
def test_however_it_ends_the_port_is_free_and_the_thread_is_gone(ending: str) -> None:
    uri = ""
    idle = None
    try:
        with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as listener:
            uri = listener.redirect_uri
            idle = dial(listener)
            assert get(listener, "/favicon.ico").status == 404
            if ending == "answer":
                listener.conclude(None)
                get(listener, answer_target())
                listener.wait(1)
            elif ending == "error":
                raise ZeroDivisionError
            elif ending == "Ctrl-C":
                raise KeyboardInterrupt
    except (ZeroDivisionError, KeyboardInterrupt):
        pass
    assert listener_threads() == []
    assert not accepts_connections(port_of(uri))
    assert idle is not None
    with idle:
        assert idle.recv(1) == b""
    with loopback_listener(Callback.at(uri, exact=True), state=STATE) as again:
        assert again.redirect_uri == uri


def test_a_default_timeout_of_sockets_in_the_program_does_not_end_the_wait() -> None:
    socket.setdefaulttimeout(0.01)
    try:
        with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as listener:
            listener.conclude(None)
            assert unanswered(listener)
            with dial(listener) as connection:
                connection.sendall(b"GET ")
                assert get(listener, "/favicon.ico").status == 404
                connection.sendall(request_for(listener, answer_target())[4:])
                assert read_answer(connection).status == 200
    finally:
        socket.setdefaulttimeout(None)
