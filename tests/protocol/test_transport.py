"""The one way to call an endpoint: what it sends, what it refuses, and that it ends in time and in bounds."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from mcp_oauth_sync.exceptions import InsecureURLError
from mcp_oauth_sync.protocol.reply import MAX_BODY, Reply, TransportFailure
from mcp_oauth_sync.protocol.transport import DEADLINE, DEFAULT_TIMEOUT, Transport

from ..servers import (
    Fault,
    Origin,
    cut,
    drip,
    gzip_bomb,
    gzip_of_normal,
    hang,
    huge,
    json_reply,
    local_ca,
    raw,
    redirect_to,
    reset,
)
from ..servers import reply as answer

DOCUMENT = {"a": "b" * 100}


@pytest.fixture
def origin() -> Any:
    with Origin() as running:
        for path in ("/", "/x", "/y"):
            running.route("*", path, lambda exchange: json_reply(DOCUMENT, headers=[("Set-Cookie", "kept=1; Path=/")]))
        yield running


class Recorder(HTTPAdapter):
    """Sends as usual and keeps the settings it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.settings: list[Mapping[str, Any]] = []

    def send(self, request: requests.PreparedRequest, **settings: Any) -> requests.Response:  # type: ignore[override]
        self.settings.append(settings)
        return super().send(request, **settings)


def call(http: Transport, origin: Origin, path: str = "/") -> Reply:
    return http.get(f"{origin.url}{path}", what="document")


def test_every_request_names_the_program_and_asks_for_plain_json(http: Transport, origin: Origin) -> None:
    call(http, origin)
    http.post_form(f"{origin.url}/", {"a": "b c"}, what="endpoint")
    http.post_json(f"{origin.url}/", "{}", what="endpoint")
    get, form, json = origin.log
    for exchange in origin.log:
        assert exchange.headers["User-Agent"].startswith("mcp-oauth-sync/")
        assert exchange.headers["Accept"] == "application/json"
        assert exchange.headers["Accept-Encoding"] == "identity"
        assert "Authorization" not in exchange.headers
    assert "Content-Type" not in get.headers
    assert (form.headers["Content-Type"], form.body) == ("application/x-www-form-urlencoded", b"a=b+c")
    assert (json.headers["Content-Type"], json.body) == ("application/json", b"{}")


def test_the_user_agent_of_the_session_is_used_when_it_has_one_of_its_own(
    session: requests.Session, origin: Origin
) -> None:
    session.headers["User-Agent"] = "my-program/1.0"
    call(Transport(session=session), origin)
    call(Transport(session=session, user_agent="other/2"), origin)
    assert [exchange.headers["User-Agent"] for exchange in origin.log] == ["my-program/1.0", "other/2"]


def test_nothing_else_of_the_session_is_sent(session: requests.Session, origin: Origin, home: Path) -> None:
    (home / ".netrc").write_text("machine 127.0.0.1 login me password canary-netrc\n")
    session.auth = ("me", "canary-auth")
    session.headers.update({"Authorization": "Bearer canary", "X-Mine": "canary", "Cookie": "canary=1"})
    session.cookies.set("canary", "1")
    session.params = {"canary": "1"}
    session.hooks["response"].append(lambda *_, **__: pytest.fail("a hook of the session ran"))
    http = Transport(session=session)
    call(http, origin)
    call(http, origin)
    for exchange in origin.log:
        assert "canary" not in exchange.target + str(exchange.headers).lower()
        assert "Authorization" not in exchange.headers
        assert "Cookie" not in exchange.headers


def test_a_cookie_is_not_kept(http: Transport, session: requests.Session, origin: Origin) -> None:
    call(http, origin)
    call(http, origin)
    assert [exchange.headers.get("Cookie") for exchange in origin.log] == [None, None]
    assert not session.cookies


def test_further_headers_reach_only_the_url_they_are_for(session: requests.Session, origin: Origin) -> None:
    with Origin() as other:
        other.route("*", "/", lambda exchange: json_reply({}))

        def headers_for(url: str) -> Mapping[str, str]:
            return {"X-Gate": "pass"} if url.startswith(origin.url) else {}

        http = Transport(session=session, headers_for=headers_for)
        call(http, origin)
        call(http, other)
        assert origin.log[0].headers["X-Gate"] == "pass"
        assert "X-Gate" not in other.log[0].headers


def test_every_request_has_a_timeout_of_its_own_or_the_callers(session: requests.Session, origin: Origin) -> None:
    recorder = Recorder()
    session.mount("http://", recorder)
    call(Transport(session=session), origin)
    call(Transport(session=session, timeout=(3.0, 4.0)), origin)
    assert [settings["timeout"] for settings in recorder.settings] == [DEFAULT_TIMEOUT, (3.0, 4.0)]
    assert DEADLINE <= 30


def test_the_adapters_certificates_and_proxies_of_the_session_are_used(
    session: requests.Session, origin: Origin, tmp_path: Path
) -> None:
    recorder = Recorder()
    session.mount(origin.url, recorder)
    session.verify, session.cert = str(tmp_path / "ca.pem"), str(tmp_path / "client.pem")
    for name in (session.verify, session.cert):
        Path(name).touch()
    session.proxies = {"https": "http://proxy.example.com:3128"}
    call(Transport(session=session), origin)
    settings = recorder.settings[0]
    assert (settings["verify"], settings["cert"]) == (session.verify, session.cert)
    assert settings["proxies"]["https"] == "http://proxy.example.com:3128"
    assert settings["stream"] is True


def test_a_proxy_of_the_environment_is_used_unless_the_session_does_not_trust_it(
    session: requests.Session, origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Origin() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        assert call(Transport(session=session), origin).status == 404
        assert [exchange.target for exchange in proxy.log] == [f"{origin.url}/"]
        session.trust_env = False
        assert call(Transport(session=session), origin).status == 200
        assert len(proxy.log) == 1


def test_a_transport_like_a_request_reaches_servers_the_way_that_request_did(
    session: requests.Session, origin: Origin, tmp_path: Path
) -> None:
    recorder = Recorder()
    session.mount("http://", recorder)
    response = session.get(f"{origin.url}/", headers={"User-Agent": "mine/1"}, timeout=7)
    ca, client = tmp_path / "ca.pem", tmp_path / "client.pem"
    ca.touch()
    client.touch()
    sent_with = {"timeout": 7, "verify": str(ca), "cert": str(client), "proxies": {"https": "http://p"}}
    http = Transport(session=requests.Session()).like(response, sent_with)
    call(http, origin)
    settings = recorder.settings[-1]
    assert (settings["timeout"], settings["verify"], settings["cert"]) == (7, str(ca), str(client))
    assert settings["proxies"] == {"https": "http://p"}
    assert origin.log[-1].headers["User-Agent"] == "mine/1"


@pytest.mark.parametrize(
    "url",
    [
        "http://as.example.com/token",
        "ftp://as.example.com/",
        "https://user:pass@as.example.com/",
        "https://as.example.com/#x",
        "https://as.example.com\\@127.0.0.1/",
        "file:///etc/passwd",
        "",
    ],
)
def test_a_url_that_may_not_be_contacted_is_refused_before_a_connection(http: Transport, url: str) -> None:
    for send in (
        lambda: http.get(url, what="token endpoint"),
        lambda: http.post_form(url, {"code": "canary"}, what="token endpoint"),
        lambda: http.post_json(url, "{}", what="token endpoint"),
    ):
        with pytest.raises(InsecureURLError, match="token endpoint") as refused:
            send()
        assert "canary" not in str(refused.value)


def test_a_server_elsewhere_cannot_make_us_call_this_machine(session: requests.Session, elsewhere: Origin) -> None:
    http = Transport(session=session, allow_loopback=False)
    for host in ("127.0.0.1", "localhost", "127.1", "0.0.0.0", "2130706433", "[::ffff:127.0.0.1]"):
        for scheme in ("http", "https"):
            with pytest.raises(InsecureURLError):
                http.get(f"{scheme}://{host}:{elsewhere.port}/", what="metadata")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_document_may_have_moved_on_its_own_origin(http: Transport, origin: Origin, status: int) -> None:
    origin.fault("/", redirect_to("/x?y=1#z", status))
    assert call(http, origin).json_object() == DOCUMENT
    assert [exchange.target for exchange in origin.log] == ["/", "/x?y=1"]


def test_a_redirect_to_another_origin_is_not_followed(http: Transport, origin: Origin, elsewhere: Origin) -> None:
    for status in (301, 302, 303, 307, 308):
        origin.fault("/", redirect_to(f"{elsewhere.url}/", status))
        assert call(http, origin).status == status
    localhost = f"http://localhost:{origin.port}/"
    origin.fault("/", redirect_to(localhost, 302))
    assert call(http, origin).status == 302


@pytest.mark.parametrize(
    "target",
    [
        "http://[::1",
        "javascript:alert(1)",
        "https://127.0.0.1:{port}/",
        "http://127.0.0.1:99999/",
        "",
    ],
)
def test_a_redirect_to_nowhere_is_an_answer_like_any_other(http: Transport, origin: Origin, target: str) -> None:
    origin.fault("/", redirect_to(target.format(port=origin.port)))
    assert call(http, origin).status == 302
    assert len(origin.log) == 1


@pytest.mark.parametrize("target", ["http://me:pw@127.0.0.1:{port}/x", "/caf\xe9", "/;calc"])
def test_a_redirect_to_what_may_not_be_contacted_is_refused(http: Transport, origin: Origin, target: str) -> None:
    origin.fault("/", redirect_to(target.format(port=origin.port)))
    with pytest.raises(InsecureURLError):
        call(http, origin)
    assert len(origin.log) == 1


def test_redirects_end_after_a_few(http: Transport, origin: Origin) -> None:
    origin.fault("/", redirect_to("/x"))
    origin.fault("/x", redirect_to("/"))
    assert call(http, origin).status == 302
    assert len(origin.log) == 4


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_post_is_never_redirected_not_even_on_its_own_origin(
    http: Transport, origin: Origin, elsewhere: Origin, status: int
) -> None:
    for target in ("/x", f"{elsewhere.url}/"):
        origin.clear()
        origin.fault("/", redirect_to(target, status))
        assert http.post_form(f"{origin.url}/", {"code": "canary"}, what="endpoint").status == status
        assert [(exchange.method, exchange.path) for exchange in origin.log] == [("POST", "/")]


def test_a_certificate_that_cannot_be_verified_stops_everything(session: requests.Session, tmp_path: Path) -> None:
    ca = local_ca(tmp_path)
    with Origin(tls=ca.context) as origin:
        origin.route("*", "/", lambda exchange: json_reply(DOCUMENT))
        http = Transport(session=session)
        with pytest.raises(TransportFailure, match="certificate could not be verified") as refused:
            http.post_form(f"{origin.url}/", {"code": "canary"}, what="token endpoint")
        assert "REQUESTS_CA_BUNDLE" in (refused.value.hint or "")
        assert "session.verify" in (refused.value.hint or "")
        assert not refused.value.sent
        assert origin.log == []


def test_a_certificate_for_another_name_stops_everything(session: requests.Session, tmp_path: Path) -> None:
    ca = local_ca(tmp_path, "as.example.com")
    session.verify = str(ca.ca_pem)
    with Origin(tls=ca.context) as origin:
        with pytest.raises(TransportFailure, match="certificate could not be verified"):
            call(Transport(session=session), origin)
        assert origin.log == []


@pytest.mark.parametrize("way", ["session", "environment", "both"])
def test_a_private_ca_is_trusted_where_the_caller_names_it(
    session: requests.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    ca = local_ca(tmp_path)
    if way != "session":
        bundle = ca.ca_pem if way == "environment" else tmp_path / "other.pem"
        bundle.touch()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    if way != "environment":
        session.verify = str(ca.ca_pem)
    with Origin(tls=ca.context) as origin:
        origin.route("GET", "/", lambda exchange: json_reply(DOCUMENT))
        assert call(Transport(session=session), origin).json_object() == DOCUMENT


QUICK = 0.4


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (reset(), "failed|cut short"),
        (hang(), "no complete answer within 0.4 seconds"),
        (drip(0.05), "no complete answer within 0.4 seconds"),
        (drip(0.05, "headers"), "no complete answer within 0.4 seconds"),
        (cut(3), "cut short|failed"),
        (huge(30 * MAX_BODY), "larger than"),
        (gzip_bomb(50), "larger than"),
        (raw(b"\x00\x01\x02 nonsense\r\n\r\n"), "failed|cut short|no complete answer"),
        (raw(b""), "failed|cut short"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"), "cut short|failed"),
        (raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}"), "cut short|failed"),
        (raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"), "failed|cut short"),
        (raw(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n"), "failed|cut short"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\nx"), "not asked for"),
        (answer(200, b"not gzip", [("Content-Encoding", "gzip")]), "damaged"),
    ],
    ids=lambda value: value.name if isinstance(value, Fault) else "",
)
def test_a_broken_answer_is_a_typed_failure_in_time(
    session: requests.Session, origin: Origin, fault: Fault, words: str
) -> None:
    origin.fault("/", fault)
    slow = fault.name == "hang" or fault.name.startswith("drip")
    http = Transport(session=session, deadline=QUICK if slow else DEADLINE)
    started = time.monotonic()
    with pytest.raises(TransportFailure, match=words) as failed:
        http.post_form(f"{origin.url}/", {"code": "canary-code"}, what="token endpoint")
    assert time.monotonic() - started < QUICK + 10
    assert "canary" not in str(failed.value)
    assert failed.value.sent


def test_a_server_that_is_not_there_is_a_typed_failure(http: Transport, session: requests.Session) -> None:
    with Origin() as gone:
        url = gone.url
    with pytest.raises(TransportFailure, match="connection failed"):
        http.get(f"{url}/", what="document")


def test_an_answer_that_can_not_be_unpacked_does_not_hide_its_status(http: Transport, origin: Origin) -> None:
    for status in (403, 404, 500):
        origin.fault("/", answer(status, b"\x01\x02", [("Content-Encoding", "br")]))
        assert call(http, origin).status == status
        assert call(http, origin).body == b""


def test_an_answer_packed_without_being_asked_is_unpacked(http: Transport, origin: Origin) -> None:
    origin.fault("/", gzip_of_normal())
    assert call(http, origin).json_object() == DOCUMENT


@pytest.mark.parametrize("fault", [gzip_bomb(200), huge(200 * MAX_BODY)], ids=lambda fault: fault.name)
def test_a_bomb_takes_little_memory(http: Transport, origin: Origin, fault: Fault) -> None:
    origin.fault("/", fault)
    tracemalloc.start()
    try:
        with pytest.raises(TransportFailure, match="larger than"):
            call(http, origin)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20 * MAX_BODY


def test_connections_are_used_again(http: Transport, origin: Origin) -> None:
    for _ in range(5):
        call(http, origin)
    assert origin.connections == 1


def test_a_failing_request_leaves_the_next_one_alone(session: requests.Session, origin: Origin) -> None:
    origin.fault("/", hang(), times=1)
    http = Transport(session=session, deadline=QUICK)
    with pytest.raises(TransportFailure):
        call(http, origin)
    assert Transport(session=session).get(f"{origin.url}/", what="document").status == 200


def test_a_header_that_cannot_be_sent_is_a_typed_failure(session: requests.Session, origin: Origin) -> None:
    http = Transport(session=session, headers_for=lambda url: {"X-Gate": "canary\r\nX: y"})
    with pytest.raises(TransportFailure, match="could not be sent") as failed:
        call(http, origin)
    assert "canary" not in str(failed.value)
    assert origin.log == []


def test_a_certificate_file_that_is_not_there_is_named(session: requests.Session) -> None:
    session.verify = "/nowhere/ca.pem"
    with pytest.raises(TransportFailure, match=r"/nowhere/ca\.pem") as failed:
        Transport(session=session).get("https://127.0.0.1:1/", what="document")
    assert not failed.value.sent


class Odd(HTTPAdapter):
    """An adapter of the caller's that fails in its own way."""

    def send(self, *_: Any, **__: Any) -> requests.Response:
        raise RuntimeError("mine")


def test_what_a_callers_own_adapter_raises_is_raised_where_the_caller_waits(session: requests.Session) -> None:
    session.mount("https://as.example.com", Odd())
    with pytest.raises(RuntimeError, match="mine"):
        Transport(session=session).get("https://as.example.com/", what="document")
