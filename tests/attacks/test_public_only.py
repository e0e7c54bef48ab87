"""A service whose users choose the servers: nothing of this machine, of its network or of its cloud is contacted."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest
import requests
from requests.adapters import HTTPAdapter

from mcp_oauth_sync import (
    DeviceCodeGrant,
    MCPOAuthClient,
    MCPSession,
    OAuth,
    OAuthConfig,
    OAuthFlow,
    OAuthHandler,
    PublicOnlyAdapter,
    SignInOptions,
)
from mcp_oauth_sync.doctor import Examination, Level
from mcp_oauth_sync.exceptions import DiscoveryError, InsecureURLError, NotPublicError
from mcp_oauth_sync.mcp.signed import sign_in

from ..blocks import DOCS, runnable
from ..servers import Reply, local_ca, redirect_to
from .public_stage import ADDRESSES, INSIDE, LITERALS, LOGIN, MCP, PublicStage, public_stage
from .world import LOGIN_AT, MCP_AT, THIRD_AT

PUBLIC = SignInOptions(public_only=True)
ENDPOINTS = ["token_endpoint", "registration_endpoint"]


@pytest.fixture
def remote(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PublicStage]:
    with public_stage(home / "store", tmp_path, monkeypatch) as made:
        yield made


def inside(remote: PublicStage) -> str:
    """Return the origin of the service of this machine, by a name of an attacker's."""
    return f"https://{INSIDE}:{remote.elsewhere.port}"


# What has to work


def test_a_sign_in_at_public_addresses_works_and_contacts_nobody_else(remote: PublicStage) -> None:
    auth = remote.public_auth()
    assert remote.public_call(auth).status_code == 200
    remote.server.expire_all_access_tokens()
    assert remote.public_call(auth).status_code == 200
    assert auth.sign_out(forget=True) is True
    assert remote.world.places == {MCP_AT, LOGIN_AT}
    assert (remote.server.refreshes, remote.server.revocations) == (1, 2)


def test_a_request_of_the_callers_own_session_signs_in_too(remote: PublicStage) -> None:
    with remote.plain() as session:
        assert session.post(remote.mcp.mcp_url, json={}, auth=remote.public_auth(), timeout=20).status_code == 200
    assert remote.server.exchanges == 1


def test_the_steps_the_handler_and_the_session_of_mcp_work_too(remote: PublicStage) -> None:
    with remote.guarded() as session:
        client = MCPOAuthClient(remote.mcp.mcp_url, prompt=remote.prompt(), options=PUBLIC, session=session)
        assert client.authorize()
        handler = OAuthHandler(remote.manager, options=PUBLIC, prompt=remote.prompt(), session=session)
        url = remote.mcp.mcp_url
        assert handler.authenticated_request("notes", url, url, method="POST", json={"x": 1}).status_code == 200
        with handler.mcp_session("notes", url) as mcp:
            mcp.ping()
        with MCPSession(url, auth=remote.public_auth(session=session), session=session) as mcp:
            mcp.ping()
    assert remote.world.places == {MCP_AT, LOGIN_AT}


def test_a_session_of_mcp_without_a_session_of_the_callers_works(
    remote: PublicStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(remote.ca))
    with MCPSession(remote.mcp.mcp_url, auth=remote.public_auth()) as mcp:
        mcp.ping()
    remote.world.names = {MCP: [["10.0.0.1"]]}
    with MCPSession(remote.mcp.mcp_url, auth=None, public_only=True) as mcp, pytest.raises(NotPublicError):
        mcp.ping()


def test_a_session_of_mcp_that_signs_in_by_itself_does_so_at_public_addresses_only(remote: PublicStage) -> None:
    assert sign_in(remote.mcp.mcp_url, None, public_only=True).public_only
    assert not sign_in(remote.mcp.mcp_url, None, public_only=False).public_only


def test_a_certificate_of_another_name_is_refused(remote: PublicStage, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = local_ca(tmp_path / "other", "other.example.com")
    remote.ca = other.ca_pem
    remote.mcp.tls = other.context
    remote.mcp.stop()
    remote.mcp.start()
    with pytest.raises(requests.exceptions.SSLError):
        remote.public_call(remote.public_auth())
    assert remote.mcp.log == []


def test_a_name_is_looked_up_once_for_each_connection(remote: PublicStage) -> None:
    with remote.guarded() as session:
        session.get(f"https://{MCP}/", timeout=20)
        assert remote.world.asked == [MCP]
        session.get(f"https://{MCP}/", timeout=20)
    assert remote.world.asked == [MCP]


def test_a_connection_goes_to_the_port_of_its_url(remote: PublicStage) -> None:
    with remote.guarded() as session:
        session.get(f"https://{MCP}:8443/", timeout=20)
    assert remote.world.dialled == [(MCP_AT, 8443)]


def test_of_several_addresses_the_public_ones_are_tried_in_order(remote: PublicStage) -> None:
    remote.world.names[MCP] = [["10.0.0.1", THIRD_AT, "::1", MCP_AT]]
    with remote.guarded() as session:
        assert session.get(f"https://{MCP}/", timeout=20).status_code == 404
    assert [host for host, _ in remote.world.dialled] == [THIRD_AT, MCP_AT, "127.0.0.1"][:2]
    remote.world.dialled.clear()


@pytest.mark.parametrize("failure", [TimeoutError("timed out"), OSError("no route")])
def test_an_address_out_of_reach_is_an_error_of_requests(
    remote: PublicStage, failure: OSError, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(*_: Any) -> None:
        raise failure

    kind = requests.ConnectTimeout if isinstance(failure, TimeoutError) else requests.ConnectionError
    monkeypatch.setattr(remote.world, "connect", connect)
    with remote.guarded() as session, pytest.raises(kind):
        session.get(f"https://{MCP}/", timeout=20)


def test_a_name_that_nobody_knows_is_an_error_of_requests(remote: PublicStage) -> None:
    remote.world.down = True
    with remote.guarded() as session, pytest.raises(requests.ConnectionError, match="resolve"):
        session.get(f"https://{MCP}/", timeout=20)
    with pytest.raises(DiscoveryError):
        MCPOAuthClient(remote.mcp.mcp_url, options=PUBLIC).authorize()


def test_the_options_of_a_socket_its_time_limit_and_its_source_are_those_of_requests(remote: PublicStage) -> None:
    class Bound(PublicOnlyAdapter):
        def init_poolmanager(self, *args: Any, **settings: Any) -> None:
            super().init_poolmanager(*args, **settings, source_address=("127.0.0.1", 0))

    limits: list[float | None] = []
    connect = remote.world.connect

    def noted(sock: socket.socket, address: Any) -> None:
        limits.append(sock.gettimeout())
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert sock.getsockname()[0] == "127.0.0.1"
        connect(sock, address)

    remote.world.connect = noted  # type: ignore[method-assign]
    with Bound.guard(remote.guarded()) as session:
        for limit in ((7.5, 20), 6, None):
            session.get(f"https://{MCP}/", timeout=limit)
            session.close()
    assert limits == [7.5, 6, None]


def test_the_guide_for_services_works_as_it_stands(remote: PublicStage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(remote.ca))
    [code] = runnable(DOCS / "how_to" / "users_choose.rst")
    names: dict[str, Any] = {}
    exec(code, names)
    url = remote.mcp.mcp_url
    redirect = remote.person.redirect_only(names["connect"](url, "somebody"))
    assert redirect is not None
    assert OAuth(url, profile="somebody", public_only=True).finish_sign_in(redirect)
    assert names["call"](url, "somebody", {"jsonrpc": "2.0", "id": 1, "method": "ping"}).status_code == 200
    assert names["allowed"](url)
    remote.world.names[INSIDE] = [["127.0.0.1"]]
    for refused in [*LITERALS, "http://localhost", "ftp://x", "nothing"]:
        assert not names["allowed"](refused)
    for url in (LITERALS[0], inside(remote)):
        with pytest.raises(NotPublicError):
            names["connect"](url, "somebody")
        with pytest.raises(NotPublicError):
            names["call"](url, "somebody", {})


# Literal addresses


def test_no_door_opens_to_an_address_that_is_not_public(remote: PublicStage, subtests: Any) -> None:
    for url in [*LITERALS, "https://127.0.0.1", "https://localhost", "https://0", f"http://{MCP}", "http://[::1]"]:
        config = OAuthConfig(f"https://{LOGIN}/authorize", f"https://{MCP}/token", client_id="x", public_only=True)
        if url.startswith("https"):
            config = attrs.evolve(config, token_url=f"{url}/token")
        doors: dict[str, Callable[[str], object]] = {
            "OAuth": lambda where: OAuth(where, public_only=True),
            "client": lambda where: MCPOAuthClient(where, options=PUBLIC),
            "session": lambda where: MCPSession(where, public_only=True),
            "session that signs nothing": lambda where: MCPSession(where, auth=None, public_only=True),
            "handler": lambda where: OAuthHandler(options=PUBLIC).authenticated_request("x", where, where),
            "session of a handler": lambda where: OAuthHandler(options=PUBLIC).mcp_session("x", where),
            "adapter": lambda where: remote.guarded().get(where),
        }
        for name, door in doors.items():
            kind = InsecureURLError if url == f"http://{MCP}" else NotPublicError
            with subtests.test(name, url=url), pytest.raises(kind):
                door(f"{url}/mcp")
        if config.token_url.startswith(url):
            with subtests.test("flow", url=url), pytest.raises(NotPublicError):
                OAuthFlow(config)
    assert remote.world.dialled == []
    assert remote.world.asked == []


def test_the_error_names_the_switch_and_no_address_that_was_found_out(remote: PublicStage) -> None:
    remote.world.names[INSIDE] = [["10.11.12.13"]]
    with remote.guarded() as session, pytest.raises(NotPublicError) as caught:
        session.get(f"https://{INSIDE}/?code=secret")
    assert "public_only" in caught.value.message
    assert caught.value.host == INSIDE
    assert "10.11.12.13" not in str(caught.value)
    assert "secret" not in str(caught.value)


# What a server names


def test_no_authorization_server_in_a_private_network_is_asked(remote: PublicStage, subtests: Any) -> None:
    for url in [*LITERALS, inside(remote)]:
        remote.world.names[INSIDE] = [["127.0.0.1"]]
        remote.mcp.authorization_servers = [url]
        with subtests.test(url), remote.refusing(NotPublicError):
            remote.public_call(remote.public_auth())
    remote.untouched()


def test_no_metadata_in_a_private_network_is_asked_for(remote: PublicStage, subtests: Any) -> None:
    remote.world.names[INSIDE] = [["127.0.0.1"]]
    for url in [*LITERALS, inside(remote)]:
        remote.mcp.challenge_headers = [f'Bearer resource_metadata="{url}/prm"']
        with subtests.test(url), remote.refusing(NotPublicError):
            remote.public_call(remote.public_auth())
        remote.mcp.challenge_headers = None
        with subtests.test("metadata_url", url=url), remote.refusing(NotPublicError):
            remote.public_call(remote.public_auth(metadata_url=f"{url}/as"))


@pytest.mark.parametrize("member", ENDPOINTS)
def test_no_endpoint_in_a_private_network_is_used(remote: PublicStage, subtests: Any, member: str) -> None:
    remote.world.names[INSIDE] = [["127.0.0.1"]]
    for url in [*LITERALS, inside(remote)]:
        remote.server.metadata_overrides = {member: f"{url}/do"}
        shown = 1 if member == "token_endpoint" else 0
        with subtests.test(url), remote.refusing(NotPublicError, shown=shown):
            remote.public_call(remote.public_auth())


def test_no_device_endpoint_in_a_private_network_is_used(remote: PublicStage, subtests: Any) -> None:
    remote.world.names[INSIDE] = [["127.0.0.1"]]
    remote.server.offer_device_codes = True
    for url in [*LITERALS, inside(remote)]:
        remote.server.metadata_overrides = {"device_authorization_endpoint": f"{url}/device"}
        with subtests.test(url), remote.refusing(NotPublicError):
            remote.public_call(remote.public_auth(grant=DeviceCodeGrant()))


def test_no_revocation_endpoint_in_a_private_network_is_told(remote: PublicStage) -> None:
    remote.world.names[INSIDE] = [["127.0.0.1"]]
    for url in [LITERALS[0], inside(remote)]:
        remote.server.metadata_overrides = {"revocation_endpoint": f"{url}/revoke"}
        auth = remote.public_auth()
        assert remote.public_call(auth).status_code == 200
        assert auth.sign_out(forget=True) is False
    remote.untouched()


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_refresh_at_a_name_that_has_become_private_sends_and_loses_nothing(remote: PublicStage, address: str) -> None:
    auth = remote.public_auth()
    assert remote.public_call(auth).status_code == 200
    remote.server.expire_all_access_tokens()
    kept = remote.snapshot()
    remote.world.names[LOGIN] = [[address]]
    with pytest.raises(NotPublicError):
        remote.public_call(remote.public_auth())
    assert remote.snapshot() == kept
    remote.world.names[LOGIN] = [[LOGIN_AT]]
    assert remote.public_call(remote.public_auth()).status_code == 200
    assert remote.server.refreshes == 1


# Rebinding and redirects


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_name_that_is_public_when_asked_for_and_private_when_used_gains_nothing(
    remote: PublicStage, address: str
) -> None:
    remote.world.names[MCP] = [[MCP_AT], [address]]
    with remote.guarded() as session:
        assert session.get(f"https://{MCP}/", timeout=20).status_code == 404
        session.close()  # the next one takes a new connection
        with pytest.raises(NotPublicError):
            session.get(f"https://{MCP}/", timeout=20)
    assert remote.world.asked == [MCP, MCP]
    assert {host for host, _ in remote.world.dialled} <= {MCP_AT, "127.0.0.1"}
    assert len(remote.mcp.log) == 1


def test_an_authorization_server_that_rebinds_between_two_documents_is_not_followed(remote: PublicStage) -> None:
    remote.world.names[LOGIN] = [[LOGIN_AT], [*ADDRESSES]]
    away = [("Location", f"https://{LOGIN}/moved"), ("Connection", "close")]
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"):
        remote.server.route("GET", path, lambda _: Reply(307, away))
    with remote.refusing(NotPublicError):
        remote.public_call(remote.public_auth())
    assert [exchange.status for exchange in remote.server.log] == [307]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_leads_to_a_private_place(remote: PublicStage, subtests: Any, status: int) -> None:
    remote.world.names[INSIDE] = [["127.0.0.1"]]
    auth = remote.public_auth()
    assert remote.public_call(auth).status_code == 200
    for url in [*LITERALS, inside(remote), f"http://127.0.0.1:{remote.elsewhere.port}", f"http://{MCP}"]:
        remote.mcp.fault("/mcp", redirect_to(f"{url}/latest/meta-data", status), times=1)
        with subtests.test(url), pytest.raises(NotPublicError):
            remote.public_call(auth)
    remote.untouched()


def test_a_session_that_is_not_guarded_is_kept_from_redirects_to_addresses(remote: PublicStage) -> None:
    auth = remote.public_auth()
    assert remote.public_call(auth).status_code == 200
    for url in [*LITERALS, f"http://127.0.0.1:{remote.elsewhere.port}"]:
        remote.mcp.fault("/mcp", redirect_to(f"{url}/latest/meta-data", 302), times=1)
        with remote.plain() as session, pytest.raises(NotPublicError):
            session.get(remote.mcp.mcp_url, auth=auth, timeout=20)
    remote.mcp.fault("/mcp", redirect_to("https://[::1/", 302), times=1)
    with remote.plain() as session, pytest.raises(ValueError, match="IPv6"):  # by requests itself
        session.get(remote.mcp.mcp_url, auth=auth, timeout=20)
    remote.untouched()


def test_a_session_of_mcp_follows_its_server_to_no_private_place(remote: PublicStage) -> None:
    remote.world.names[MCP] = [[MCP_AT], ["127.0.0.1"]]
    remote.mcp.route("POST", "/mcp", lambda _: Reply(307, [("Location", "/other"), ("Connection", "close")]))
    with (
        remote.guarded() as session,
        MCPSession(remote.mcp.mcp_url, auth=None, session=session, public_only=True) as mcp,
        pytest.raises(NotPublicError),
    ):
        mcp.ping()
    assert len(remote.mcp.log) == 1


# Who is not guarded says so


def test_a_session_that_makes_other_requests_is_refused(remote: PublicStage) -> None:
    half = requests.Session()
    half.mount("https://", PublicOnlyAdapter())
    for session in (requests.Session(), half):
        with pytest.raises(ValueError, match="guard"):
            OAuthHandler(options=PUBLIC, session=session)
        with pytest.raises(ValueError, match="guard"):
            MCPSession(remote.mcp.mcp_url, session=session, public_only=True)
        with pytest.raises(ValueError, match="guard"):
            MCPSession(remote.mcp.mcp_url, auth=remote.public_auth(), session=session)


def test_an_auth_that_is_not_kept_to_public_addresses_is_refused(remote: PublicStage) -> None:
    with pytest.raises(ValueError, match="public_only"):
        MCPSession(remote.mcp.mcp_url, auth=remote.auth(), public_only=True)
    session = remote.guarded()
    session.auth = remote.auth()
    with pytest.raises(ValueError, match="public_only"):
        MCPSession(remote.mcp.mcp_url, session=session, public_only=True)
    MCPSession(remote.mcp.mcp_url, auth=("user", "password"), public_only=True).close()


def test_the_handler_keeps_endpoints_that_are_spelled_out_to_public_addresses(remote: PublicStage) -> None:
    remote.world.names[INSIDE] = [["127.0.0.1"]]
    for url in (LITERALS[0], inside(remote)):
        config = OAuthConfig(f"https://{LOGIN}/authorize", f"https://{LOGIN}/token", registration_url=f"{url}/register")
        with pytest.raises(NotPublicError):
            OAuthHandler(remote.manager, options=PUBLIC, prompt=remote.prompt()).ensure_authenticated("x", config)
        flow = OAuthFlow(attrs.evolve(config, public_only=True), prompt=remote.prompt())
        with pytest.raises(NotPublicError):
            flow.authorize()


def test_guarding_a_session_drops_its_other_adapters(remote: PublicStage) -> None:
    session = remote.plain()
    session.mount(inside(remote), HTTPAdapter())
    remote.world.names[INSIDE] = [["127.0.0.1"]]
    with PublicOnlyAdapter.guard(session), pytest.raises(NotPublicError):
        session.get(inside(remote), timeout=20)


# Proxies


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    made = Proxy()
    yield made
    made.stop()


class Proxy:
    """A proxy in a private network that writes down what it is asked for, and refuses it."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with connection:
                self.asked.append(connection.recv(4096).split(b"\r\n")[0].decode())
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def stop(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)


def test_a_proxy_is_never_passed_by_and_looks_names_up_itself(
    remote: PublicStage, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.world.names[INSIDE] = [["127.0.0.1"]]
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
    with remote.guarded() as session, pytest.raises(requests.exceptions.ProxyError):
        session.get(f"{inside(remote)}/x", timeout=20)
    with pytest.raises(DiscoveryError):
        MCPOAuthClient(f"https://{MCP}/mcp", options=PUBLIC).authorize()
    with remote.guarded() as session:
        for url in LITERALS:
            with pytest.raises(NotPublicError):
                session.get(url, timeout=20)
    asked = [line.partition("/1.")[0] for line in proxy.asked]
    assert asked == [f"CONNECT {INSIDE}:{remote.elsewhere.port} HTTP", f"CONNECT {MCP}:443 HTTP"]
    assert remote.world.asked == []
    assert {port for _, port in remote.world.dialled} == {proxy.port}


# What the doctor says


def test_the_doctor_says_that_a_server_is_at_no_public_address(remote: PublicStage, home: Path) -> None:
    def examine(url: str) -> dict[str, Level]:
        report = Examination(url, manager=remote.manager, options=PUBLIC, session=remote.plain()).run()
        return {finding.code: finding.level for finding in report.findings}

    assert examine(remote.mcp.mcp_url)["challenge"] is Level.OK
    assert "not-public" not in examine(remote.mcp.mcp_url)
    remote.world.names[INSIDE] = [["127.0.0.1"]]
    for url in (f"{LITERALS[0]}/mcp", f"{inside(remote)}/mcp"):
        assert examine(url)["not-public"] is Level.PROBLEM
        assert "url-refused" not in examine(url)
    remote.mcp.authorization_servers = [inside(remote)]
    assert "not-public" not in examine(remote.mcp.mcp_url)


# What it costs


def test_nothing_of_it_is_loaded_where_it_is_not_asked_for() -> None:
    code = (
        "import json, sys; from mcp_oauth_sync import MCPSession, OAuth, OAuthHandler;"
        "OAuth('https://mcp.example.com'); OAuthHandler(); MCPSession('https://mcp.example.com').close();"
        "print(json.dumps([name for name in sys.modules if 'public' in name]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout) == []
