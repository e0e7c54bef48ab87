"""Each fault does on the wire what its name says, for as long as it was told to."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from . import (
    AuthorizationServer,
    Chaos,
    Origin,
    bom_of_normal,
    cut,
    delay,
    drip,
    gate,
    gzip_bomb,
    gzip_of_normal,
    hang,
    html,
    huge,
    json_reply,
    local_ca,
    lose_answer,
    raw,
    redirect_to,
    reply,
    reset,
)
from .plain_client import PlainClient

NORMAL = {"normal": "x" * 200}


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin() as running:
        running.route("GET", "/", lambda exchange: json_reply(NORMAL))
        yield running


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def read(http: requests.Session, origin: Origin | Chaos, timeout: float = 5.0) -> requests.Response:
    return http.get(f"{origin.url}/", timeout=timeout, allow_redirects=False)


def test_faults_with_times_run_out_in_order_and_then_it_is_normal_again(origin, http):
    origin.fault("/", reply(503, {"error": "later"}, [("Retry-After", "1")]), times=2)
    origin.fault("/", html(403), times=1)
    answers = [read(http, origin) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [503, 503, 403, 200]
    assert (answers[0].json(), answers[0].headers["Retry-After"]) == ({"error": "later"}, "1")
    assert "<title>" in answers[2].text
    assert [exchange.faults for exchange in origin.log] == [("reply 503",), ("reply 503",), ("html 403",), ()]


def test_a_fault_without_times_holds_until_it_is_replaced_or_cleared(origin, http):
    origin.fault("/", redirect_to("http://127.0.0.1:1/", 307))
    assert [read(http, origin).status_code for _ in range(2)] == [307, 307]
    origin.fault("*", reply(500, b"", content_type=""))
    assert read(http, origin).status_code == 500
    origin.clear_faults()
    assert read(http, origin).json() == NORMAL
    origin.fault("/", reply(418), method="POST")
    assert read(http, origin).status_code == 200


def test_reset_and_lost_answer_look_alike_but_only_one_of_them_acted(http):
    with AuthorizationServer() as server, PlainClient(server) as client:
        server.fault("/register", reset(), times=1)
        with pytest.raises(requests.ConnectionError):
            client.register()
        assert (server.registrations, server.log[0].status) == (0, 0)
        server.fault("/register", lose_answer(), times=1)
        with pytest.raises(requests.ConnectionError):
            client.register()
        assert server.registrations == 1


def test_hang_never_answers_and_does_not_keep_the_server_from_stopping(origin, http):
    origin.fault("/", hang())
    with pytest.raises(requests.ReadTimeout):
        read(http, origin, timeout=0.2)
    start = time.monotonic()
    origin.stop()
    assert time.monotonic() - start < 2


@pytest.mark.parametrize("part", ["body", "headers"])
def test_drip_sends_byte_by_byte_and_never_runs_into_a_read_timeout(origin, http, part):
    origin.fault("/", drip(0.004, part))
    start = time.monotonic()
    assert read(http, origin, timeout=0.3).json() == NORMAL
    assert time.monotonic() - start > 0.3


def test_cut_breaks_off_inside_the_body(origin, http):
    origin.fault("/", cut(10))
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        read(http, origin)


def test_normal_answers_can_come_gzipped_or_with_a_byte_order_mark(origin, http):
    origin.fault("/", gzip_of_normal())
    answer = read(http, origin)
    assert (answer.headers["Content-Encoding"], answer.json()) == ("gzip", NORMAL)
    origin.fault("/", bom_of_normal())
    assert read(http, origin).content.startswith(b'\xef\xbb\xbf{"normal"')


def test_huge_and_gzip_bomb_are_valid_json_of_their_size(origin, http):
    origin.fault("/", huge(300_000))
    answer = read(http, origin)
    assert (len(answer.content), answer.json()) == (300_000, {})
    origin.fault("/", gzip_bomb(2))
    with http.get(origin.url, timeout=5, stream=True) as answer:
        packed = answer.raw.read(decode_content=False)
    assert len(packed) < 10_000
    assert len(gzip.decompress(packed)) == 2 + 2 * (1 << 20)


def test_raw_sends_anything(origin, http):
    origin.fault("/", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Odd: 1\r\n\r\nok"))
    assert read(http, origin).text == "ok"
    origin.fault("/", raw(b"not http at all\r\n\r\n"))
    with pytest.raises(requests.ConnectionError):
        read(http, origin)


def test_delay_waits_before_the_answer(origin, http):
    origin.fault("/", delay(0.1), reply(503))
    start = time.monotonic()
    assert read(http, origin).status_code == 503
    assert time.monotonic() - start >= 0.1


@pytest.mark.parametrize("acted", [False, True])
def test_a_gate_orders_a_race_without_sleeping(origin, http, acted):
    opened, arrived, order = threading.Event(), threading.Event(), []
    origin.route("GET", "/", lambda exchange: order.append("acted") or json_reply(NORMAL))
    origin.fault("/", gate(opened, arrived=arrived, acted=acted), times=1)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(read, http, origin)
        assert arrived.wait(5)
        order.append("opened")
        opened.set()
        assert first.result(5).json() == NORMAL
    assert order == (["acted", "opened"] if acted else ["opened", "acted"])


def test_a_request_cut_short_is_not_acted_upon(origin):
    acted = []
    origin.route("POST", "/", lambda exchange: acted.append(1) or json_reply(NORMAL))
    with socket.create_connection(("127.0.0.1", origin.port), 5) as connection:
        connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf")
        connection.shutdown(socket.SHUT_WR)
        assert connection.recv(100) == b""
    assert (acted, origin.log) == ([], [])


def test_a_tls_server_stops_in_the_middle_of_a_handshake(tmp_path):
    with Origin(tls=local_ca(tmp_path).context) as origin:
        silent = socket.create_connection(("127.0.0.1", origin.port), 5)
        start = time.monotonic()
    silent.close()
    assert time.monotonic() - start < 2
    assert isinstance(origin.tls, ssl.SSLContext)


# The proxy


@pytest.fixture
def chaos(origin: Origin) -> Iterator[Chaos]:
    with Chaos(origin) as running:
        yield running
    assert [thread for thread in threading.enumerate() if thread.name.startswith("chaos-")] == []


def test_a_proxy_without_faults_is_transparent(origin, chaos, http):
    origin.public_url = chaos.url
    assert origin.url == chaos.url
    assert [read(http, chaos).json() for _ in range(3)] == [NORMAL] * 3
    assert chaos.connections == 1


@pytest.mark.parametrize(
    ("fault", "error", "acted"),
    [
        ({"reset_connect": True}, requests.ConnectionError, 0),
        ({"blackhole": True}, requests.ReadTimeout, 0),
        ({"cut_request": 20}, requests.ConnectionError, 0),
        ({"cut_response": 20}, requests.ConnectionError, 1),
        ({"cut_response": 200}, (requests.ConnectionError, requests.exceptions.ChunkedEncodingError), 1),
        ({"lose_response": True}, requests.ConnectionError, 1),
        ({"hang_response": True}, requests.ReadTimeout, 1),
    ],
)
def test_a_proxy_breaks_one_connection_and_lets_the_next_pass(origin, chaos, http, fault, error, acted):
    chaos.set(times=1, **fault)
    with pytest.raises(error):
        read(http, chaos, timeout=0.3 if error is requests.ReadTimeout else 5)
    assert len(origin.log) == acted
    assert read(http, chaos).json() == NORMAL


def test_a_proxy_is_slow_as_told_and_drops_connections_when_its_faults_change(origin, chaos, http):
    assert read(http, chaos).ok
    chaos.set(latency=0.05)
    start = time.monotonic()
    assert read(http, chaos).json() == NORMAL
    assert time.monotonic() - start >= 0.1
    chaos.set(rate=1000)
    start = time.monotonic()
    assert read(http, chaos).json() == NORMAL
    assert time.monotonic() - start >= 0.2
    assert chaos.connections == 3
    with pytest.raises(TypeError, match="unknown"):
        chaos.set(lag=1)
