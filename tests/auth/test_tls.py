"""The caller's CA bundle and client certificate hold for the OAuth endpoints too; nothing is ever taken on trust."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import requests
import trustme

from mcp_oauth_sync import CallbackPrompt
from mcp_oauth_sync.exceptions import DiscoveryError, OAuthError
from tests.servers import AuthorizationServer, McpServer, Person, local_ca

from .stage import CALL, another_process, auth_for, grow_old, session_for, steps


class Secure(NamedTuple):
    """Both servers with certificates of one private CA, and somebody whose browser knows it."""

    az: AuthorizationServer
    mcp: McpServer
    person: Person
    ca: str


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[Secure]:
    """Both servers over https."""
    ca = local_ca(tmp_path)
    with AuthorizationServer(ca.context) as az, McpServer(az, tls=ca.context) as mcp:
        yield Secure(az, mcp, Person(ca=ca.ca_pem), str(ca.ca_pem))
        assert az.violations == mcp.violations == []


def test_a_bundle_given_with_the_request_holds_for_the_sign_in(secure: Secure) -> None:
    auth = auth_for(secure.mcp, secure.person)
    assert requests.post(secure.mcp.mcp_url, json=CALL, auth=auth, verify=secure.ca).status_code == 200
    assert secure.az.exchanges == 1


def test_the_bundle_of_the_session_holds_for_the_sign_in_and_for_refreshes(secure: Secure) -> None:
    with session_for(secure.mcp, secure.person) as session:
        session.verify = secure.ca
        assert session.post(secure.mcp.mcp_url, json=CALL).status_code == 200
        secure.az.expire_all_access_tokens()
        assert session.post(secure.mcp.mcp_url, json=CALL).status_code == 200
    assert secure.az.refreshes == 1
    assert secure.az.failed_handshakes == secure.mcp.failed_handshakes == 0


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_bundle_of_the_environment_holds_for_everything(
    secure: Secure, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, secure.ca)
    with session_for(secure.mcp, secure.person) as session:
        assert session.post(secure.mcp.mcp_url, json=CALL).status_code == 200
    secure.az.expire_all_access_tokens()
    grow_old(secure.mcp.mcp_url)
    another_process(monkeypatch)
    secure.mcp.clear()
    with session_for(secure.mcp) as later:
        assert later.post(secure.mcp.mcp_url, json=CALL).status_code == 200
    assert steps(secure.mcp) == [("POST", "/mcp", 200)]
    assert secure.az.refreshes == 1


def test_the_bundle_of_a_session_given_for_oauth_holds_before_the_first_request(
    secure: Secure, monkeypatch: pytest.MonkeyPatch
) -> None:
    with requests.Session() as session:
        session.verify = secure.ca
        session.auth = auth_for(secure.mcp, secure.person, session=session)
        session.auth.sign_in()
        secure.az.expire_all_access_tokens()
        grow_old(secure.mcp.mcp_url)
        another_process(monkeypatch)
        session.auth = auth_for(secure.mcp, session=session)
        assert session.post(secure.mcp.mcp_url, json=CALL).status_code == 200
    assert secure.az.refreshes == 1
    assert secure.az.failed_handshakes == 0


def test_the_bundle_of_the_session_wins_over_that_of_the_environment(
    secure: Secure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(local_ca(tmp_path / "other").ca_pem))
    with requests.Session() as given:
        given.verify = secure.ca
        auth = auth_for(secure.mcp, secure.person, session=given)
        assert requests.post(secure.mcp.mcp_url, json=CALL, auth=auth, verify=secure.ca).status_code == 200


def test_an_authorization_server_with_an_unknown_certificate_is_sent_nothing_and_the_error_names_the_remedy(
    tmp_path: Path, home: Path
) -> None:
    for name in ("known", "unknown"):
        (tmp_path / name).mkdir()
    known, unknown = local_ca(tmp_path / "known"), local_ca(tmp_path / "unknown")
    person = Person(ca=unknown.ca_pem)
    with AuthorizationServer(unknown.context) as az, McpServer(az, tls=known.context) as mcp:
        with session_for(mcp, person) as session:
            session.verify = str(known.ca_pem)
            with pytest.raises(DiscoveryError) as caught:
                session.post(mcp.mcp_url, json=CALL)
        assert az.log == []
    assert az.failed_handshakes >= 1
    text = str(caught.value)
    assert "REQUESTS_CA_BUNDLE" in text
    assert "verify" in text
    assert az.url in text
    assert person.visited == []
    assert list(home.rglob("*.enc")) == []


def test_a_certificate_for_another_name_is_refused(tmp_path: Path) -> None:
    ca = local_ca(tmp_path)
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("elsewhere.example.com").configure_cert(context)
    bundle = tmp_path / "both.pem"
    bundle.write_bytes(ca.ca_pem.read_bytes() + authority.cert_pem.bytes())
    person = Person(ca=bundle)
    with AuthorizationServer(context) as az, McpServer(az, tls=ca.context) as mcp:
        with session_for(mcp, person) as session:
            session.verify = str(bundle)
            with pytest.raises(OAuthError):
                session.post(mcp.mcp_url, json=CALL)
        assert az.log == []
        assert person.visited == []


@pytest.fixture
def mutual(tmp_path: Path) -> Iterator[tuple[Secure, tuple[str, str]]]:
    """Both servers demand a client certificate."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.configure_trust(context)
    context.verify_mode = ssl.CERT_REQUIRED
    bundle, cert, key = tmp_path / "ca.pem", tmp_path / "client.pem", tmp_path / "client.key"
    authority.cert_pem.write_to_path(bundle)
    client = authority.issue_cert("somebody@example.com")
    client.cert_chain_pems[0].write_to_path(cert)
    client.private_key_pem.write_to_path(key)
    with AuthorizationServer(context) as az, McpServer(az, tls=context) as mcp:
        yield Secure(az, mcp, Person(ca=bundle), str(bundle)), (str(cert), str(key))
        assert az.violations == mcp.violations == []


def browsing_with(cert: tuple[str, str], ca: str) -> CallbackPrompt:
    def show(url: str) -> str:
        return requests.get(url, cert=cert, verify=ca, allow_redirects=False, timeout=10).headers["Location"]

    return CallbackPrompt(show)


@pytest.mark.parametrize("where", ["request", "session", "given session"])
def test_a_client_certificate_is_shown_to_the_oauth_endpoints_too(
    mutual: tuple[Secure, tuple[str, str]], where: str
) -> None:
    secure, cert = mutual
    with requests.Session() as session:
        options = {"session": session} if where == "given session" else {}
        auth = auth_for(secure.mcp, prompt=browsing_with(cert, secure.ca), **options)
        if where == "request":
            answer = requests.post(secure.mcp.mcp_url, json=CALL, auth=auth, cert=cert, verify=secure.ca)
        else:
            session.cert, session.verify = cert, secure.ca
            answer = session.post(secure.mcp.mcp_url, json=CALL, auth=auth)
    assert answer.status_code == 200
    assert (secure.az.registrations, secure.az.exchanges) == (1, 1)


def test_without_the_client_certificate_nothing_arrives(mutual: tuple[Secure, tuple[str, str]]) -> None:
    secure, _ = mutual
    with session_for(secure.mcp, secure.person) as session:
        session.verify = secure.ca
        with pytest.raises(requests.exceptions.RequestException):
            session.post(secure.mcp.mcp_url, json=CALL)
    assert secure.mcp.log == secure.az.log == []
