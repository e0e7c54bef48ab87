"""Whatever is sent to the loopback receiver: no answer but the true one counts, and nothing of it is ever repeated."""

from __future__ import annotations

import contextlib
import random
import socket
from collections.abc import Iterator

import pytest

from mcp_oauth_sync.exceptions import AuthorizationTimeoutError
from mcp_oauth_sync.models.callback import Callback
from mcp_oauth_sync.prompts.loopback import LoopbackListener, loopback_listener
from mcp_oauth_sync.prompts.pages import stranger_page, success_page

from .wire import STATE, answer_target, dial, get, port_of, request_for

MARK = "evilmark7"


@pytest.fixture
def listener() -> Iterator[LoopbackListener]:
    """A receiver whose page need not wait to learn how the sign-in ends."""
    with loopback_listener(Callback.at("http://127.0.0.1/callback"), state=STATE) as made:
        made.conclude(None)
        yield made


def everything(connection: socket.socket) -> bytes:
    """Read to the end, however it comes."""
    got = b""
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            got += part
    return got


def say(listener: LoopbackListener, data: bytes, *, half: bool = True) -> bytes:
    """Send bytes and return all that comes back; with ``half`` nothing more can come from here."""
    with dial(listener) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
            if half:
                connection.shutdown(socket.SHUT_WR)
        return everything(connection)


def unanswered(listener: LoopbackListener) -> bool:
    with contextlib.suppress(AuthorizationTimeoutError):
        listener.wait(0)
        return False
    return True


GOOD = f"/callback?code={MARK}&state={STATE}"
WRONG = f"/callback?code={MARK}&state={MARK}&error={MARK}&error_description=<script>{MARK}</script>"
BODY = f"code={MARK}&state={STATE}"
#: Requests with a mark in some place: a method, a target, further header lines and a body.
MARKED: dict[str, tuple[str, str, str, str]] = {
    "the path": ("GET", f"/{MARK}", "", ""),
    "the query": ("GET", WRONG, "", ""),
    "the method": (MARK.upper(), "/callback", "", ""),
    "a header": ("GET", "/callback", f"X-{MARK}: {MARK}\r\n", ""),
    "where it came from": ("GET", "/callback", f"Origin: https://{MARK}.example\r\nReferer: https://{MARK}/\r\n", ""),
    "a cookie": ("GET", "/callback", f"Cookie: state={STATE}; {MARK}={MARK}\r\n", ""),
    "what a proxy says": ("GET", "/x", f"X-Forwarded-Host: {MARK}\r\nX-Original-URL: {GOOD}\r\n", ""),
    "another method in a header": ("POST", GOOD, "X-HTTP-Method-Override: GET\r\n", ""),
    "a form": (
        "POST",
        "/callback",
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(BODY)}\r\n",
        BODY,
    ),
    "a body of a GET": ("GET", "/callback", f"Content-Length: {len(BODY)}\r\n", BODY),
    "a request in a body": (
        "GET",
        "/x",
        "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        f"0\r\n\r\nGET {GOOD} HTTP/1.1\r\n\r\n",
    ),
    "a body that is waited for": ("PUT", GOOD, "Expect: 100-continue\r\nContent-Length: 9\r\n", ""),
    "a question before a request": (
        "OPTIONS",
        GOOD,
        f"Origin: https://{MARK}\r\nAccess-Control-Request-Private-Network: true\r\n",
        "",
    ),
    "a tunnel": ("CONNECT", f"{MARK}.example:443", "", ""),
    "a trace": ("TRACE", GOOD, f"X-{MARK}: 1\r\n", ""),
    "a deletion": ("DELETE", GOOD, "", ""),
    "another protocol": ("GET", GOOD.replace(STATE, MARK), "Connection: Upgrade\r\nUpgrade: websocket\r\n", ""),
    "the whole URL of a proxy": ("GET", "http://127.0.0.1:{port}" + GOOD, "", ""),
    "a URL of nobody": ("GET", f"//{MARK}.example{GOOD}", "", ""),
    "an encoded path": ("GET", f"/%63allback?code={MARK}&state={STATE}", "", ""),
    "an encoded slash": ("GET", f"%2Fcallback?code={MARK}&state={STATE}", "", ""),
    "a backslash": ("GET", f"\\callback?code={MARK}&state={STATE}", "", ""),
    "a NUL": ("GET", f"/callback%00?code={MARK}&state={STATE}", "", ""),
    "a line break": ("GET", f"/callback?state=%0d%0aLocation:%20https://{MARK}&code={MARK}", "", ""),
    "a state in other brackets": ("GET", f"/callback?state[]={STATE}&code={MARK}", "", ""),
    "a state behind a semicolon": ("GET", f"/callback?code={MARK};state={STATE}", "", ""),
    "an encoded name of the state": ("GET", f"/callback?code={MARK}&state%00={STATE}", "", ""),
    "a state in capitals": ("GET", f"/callback?code={MARK}&STATE={STATE}", "", ""),
    "a state of another form": ("GET", f"/callback?code={MARK}&state={STATE}\u212a", "", ""),
}


@pytest.mark.parametrize("name", MARKED)
def test_nothing_of_a_request_is_in_its_answer_and_none_of_these_counts(
    listener: LoopbackListener, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    method, target, lines, body = MARKED[name]
    port = port_of(listener.redirect_uri)
    head = f"{method} {target.format(port=port)} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{lines}\r\n{body}"
    answer = say(listener, head.encode(), half=False)
    status = answer.partition(b"\r\n")[0]
    assert status.split()[1] in (b"400", b"404", b"405")
    assert MARK not in answer.decode("latin-1").lower()
    assert not [
        word for word in (b"location:", b"refresh:", b"set-cookie:", b"access-control-") if word in answer.lower()
    ]
    assert answer.count(b"HTTP/1.") == 1, "one connection, one answer"
    assert answer.endswith(stranger_page())
    assert unanswered(listener)
    assert get(listener, answer_target()).body == success_page()
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("old", ["HTTP/1.0", "HTTP/1.1"])
def test_an_older_version_without_a_host_is_turned_away(listener: LoopbackListener, old: str) -> None:
    assert say(listener, f"GET {GOOD} {old}\r\n\r\n".encode()).split()[1] == b"400"
    assert unanswered(listener)


@pytest.mark.parametrize("end", range(4, 40, 5))
def test_an_answer_that_is_cut_before_its_state_is_over_does_not_count(listener: LoopbackListener, end: int) -> None:
    whole = request_for(listener, answer_target())
    assert whole.startswith(b"GET /callback?code=the-code&state=")
    say(listener, whole[: whole.index(b"state=") + end - 4])
    assert unanswered(listener)
    assert get(listener, answer_target()).status == 200


def test_requests_one_behind_the_other_get_one_answer_and_the_rest_is_not_looked_at(listener: LoopbackListener) -> None:
    strange, true = request_for(listener, "/favicon.ico"), request_for(listener, answer_target())
    answer = say(listener, strange + true)
    assert answer.count(b"HTTP/1.") == 1
    assert answer.split()[1] == b"404"
    assert unanswered(listener)


def test_a_request_whose_sender_stops_halfway_counts_once_it_is_whole(listener: LoopbackListener) -> None:
    assert say(listener, request_for(listener, answer_target()), half=True).endswith(success_page())
    assert listener.wait(1) == answer_target()


def test_five_hundred_damaged_answers_count_for_nothing_and_hold_up_nobody(
    listener: LoopbackListener, capfd: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(7)
    good = request_for(listener, GOOD)
    first = good.index(b"state=")
    last = good.index(b" HTTP/")
    for number in range(500):
        damaged = bytearray(good)
        damaged[chance.randrange(first, last)] ^= 1 << chance.randrange(1, 5)  # the state, or its name, is another one
        for _ in range(chance.randrange(3)):
            place = chance.randrange(len(damaged) + 1)
            kind = chance.randrange(3)
            if kind == 0:
                damaged[place:place] = chance.randbytes(chance.randrange(1, 9))
            elif kind == 1:
                del damaged[place : place + chance.randrange(1, 30)]
            else:
                damaged[place:place] = damaged[: chance.randrange(len(damaged))]
        answer = say(listener, bytes(damaged))
        assert not answer.startswith(b"HTTP/1.0 200"), (number, bytes(damaged))
        assert MARK.encode() not in answer
    assert unanswered(listener)
    assert get(listener, answer_target()).body == success_page()
    assert capfd.readouterr() == ("", "")
