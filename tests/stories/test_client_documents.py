"""A client that is known by a document of its own: written by us, read by servers that are strict in different ways."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_oauth_sync import CallbackPrompt, ClientKey, NoPrompt, SignInOptions
from mcp_oauth_sync.exceptions import AuthorizationError, AuthorizationTimeoutError, RegistrationRequiredError
from mcp_oauth_sync.models.client import DOCUMENT
from mcp_oauth_sync.protocol.client_id_document import build_client_document, build_loopback_redirects
from tests.scene import Scene
from tests.servers import AuthorizationServer
from tests.servers.keys import private_key, private_pem
from tests.servers.ports import free_ports

URL = "https://app.example.com/oauth/client.json"


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def publish(server: AuthorizationServer, ports: list[int], **more: Any) -> None:
    """Host the document where the server finds it."""
    made = build_client_document(URL, build_loopback_redirects(ports), client_name="Notes at work", **more)
    server.client_documents[URL] = json.loads(json.dumps(made))


def port_of(url: str) -> int | None:
    return urlsplit(parse_qs(urlsplit(url).query)["redirect_uri"][0]).port


@pytest.mark.parametrize("strictness", ["any", "exact", "any-if-documented-without"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_documented_port_is_taken_by_every_server(scene: Scene, strictness: str, host: str) -> None:
    ports = free_ports(3)
    publish(scene.az, ports)
    scene.az.document_ports = strictness
    options: dict[str, Any] = {"client_id_metadata_url": URL, "callback_port": ports, "callback_host": host}
    assert scene.post(scene.oauth(**options)).status_code == 200
    assert port_of(scene.shown[0]) == ports[0]
    assert scene.az.registrations == 0
    registration = scene.record().registration
    assert registration is not None
    assert (registration.client_id, registration.source) == (URL, DOCUMENT)
    scene.expire()
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200


@pytest.mark.parametrize("strictness", ["any", "any-if-documented-without"])
def test_any_other_port_is_taken_by_servers_that_do_not_look_at_it(scene: Scene, strictness: str) -> None:
    documented, other = free_ports(2)
    publish(scene.az, [documented])
    scene.az.document_ports = strictness
    assert scene.post(scene.oauth(client_id_metadata_url=URL, callback_port=other)).status_code == 200
    assert port_of(scene.shown[0]) == other


def test_a_port_that_is_not_documented_ends_on_a_page_and_the_error_says_what_may_be_behind_it(scene: Scene) -> None:
    documented, other = free_ports(2)
    publish(scene.az, [documented])
    scene.az.document_ports = "exact"
    auth = scene.oauth(client_id_metadata_url=URL, callback_port=other, sign_in_timeout=0.3)
    with pytest.raises(AuthorizationTimeoutError) as refused:
        scene.post(auth)
    scene.person.join()
    assert scene.person.page is not None
    assert scene.person.page.status == 400
    hint = refused.value.hint or ""
    for part in (f"http://127.0.0.1:{other}/callback", URL, "callback_port=", "client-document --ports"):
        assert part in hint


@pytest.mark.parametrize("error", ["invalid_request", "invalid_redirect_uri", "unauthorized_client"])
@pytest.mark.parametrize("by_hand", [False, True])
def test_a_refusal_that_comes_back_says_so_too(scene: Scene, error: str, by_hand: bool) -> None:
    publish(scene.az, free_ports(1))
    scene.az.decision = error
    client = scene.client(options=SignInOptions(client_id_metadata_url=URL))

    def sign_in() -> None:
        redirect = scene.person.redirect_only(client.get_authorization_url()) or ""
        client.read_authorization_response(redirect)

    with pytest.raises(AuthorizationError, match=error) as refused:
        sign_in() if by_hand else client.authorize()
    assert "client-document --ports" in (refused.value.hint or "")


def test_of_the_documented_ports_a_busy_one_is_passed_over(scene: Scene) -> None:
    ports = free_ports(2)
    publish(scene.az, ports)
    scene.az.document_ports = "exact"
    with socket.create_server(("127.0.0.1", ports[0])):
        assert scene.post(scene.oauth(client_id_metadata_url=URL, callback_port=ports)).status_code == 200
    assert port_of(scene.shown[0]) == ports[1]


def test_a_process_that_names_neither_document_nor_port_signs_in_again_with_both(scene: Scene) -> None:
    ports = free_ports(2)
    publish(scene.az, ports)
    scene.az.document_ports = "exact"
    scene.sign_in(client_id_metadata_url=URL, callback_port=ports)
    scene.oauth().sign_out()
    scene.forget_log()
    with socket.create_server(("127.0.0.1", ports[0])):
        assert scene.post(scene.oauth()).status_code == 200
    assert port_of(scene.shown[0]) == ports[1]
    assert parse_qs(urlsplit(scene.shown[0]).query)["client_id"] == [URL]


def test_a_document_goes_along_to_another_authorization_server_that_reads_it(scene: Scene) -> None:
    ports = free_ports(1)
    publish(scene.az, ports)
    scene.sign_in(client_id_metadata_url=URL, callback_port=ports)
    with AuthorizationServer() as new:
        publish(new, ports)
        scene.mcp.authorization_server = new
        assert scene.post(scene.oauth()).status_code == 200
        assert (new.registrations, scene.record().issuer) == (0, new.issuer)
        assert new.violations == []


def test_at_another_authorization_server_that_reads_none_the_document_is_of_no_use(scene: Scene) -> None:
    ports = free_ports(1)
    publish(scene.az, ports)
    scene.sign_in(client_id_metadata_url=URL, callback_port=ports)
    with AuthorizationServer() as new:
        scene.mcp.authorization_server = new
        new.registration_mode = "absent"
        with pytest.raises(RegistrationRequiredError):
            scene.post(scene.oauth())
        new.registration_mode = "open"
        assert scene.post(scene.oauth(name="again")).status_code == 200
        assert (new.registrations, new.violations) == (1, [])


def test_a_document_with_a_public_key_makes_a_client_that_signs(scene: Scene) -> None:
    import jwt

    key = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(private_key("P-256", 0).public_key()))
    ports = free_ports(1)
    publish(scene.az, ports, jwks={"keys": [{**key, "kid": "2026"}]})
    scene.az.auth_methods = ("private_key_jwt",)
    options = {"client_id_metadata_url": URL, "client_key": ClientKey(private_pem(), key_id="2026")}
    assert scene.post(scene.oauth(**options, callback_port=ports)).status_code == 200
    [sent] = scene.asked("/token")
    assert sent.param("client_assertion")
    scene.expire()
    assert scene.post(scene.oauth(**options, prompt=NoPrompt())).status_code == 200


def test_where_documents_are_read_and_there_is_no_other_way_the_error_says_how_to_get_one(scene: Scene) -> None:
    publish(scene.az, free_ports(1))
    scene.az.registration_mode = "absent"
    with pytest.raises(RegistrationRequiredError) as refused:
        scene.post(scene.oauth())
    assert "client_id_metadata_url=" in (refused.value.hint or "")
    assert "client-document" in (refused.value.hint or "")


def test_a_public_page_asks_for_the_name_in_the_document(scene: Scene) -> None:
    ports = free_ports(1)
    publish(scene.az, ports)
    scene.az.auto_consent = False
    pages: list[str] = []

    def show(url: str) -> None:
        import requests

        pages.append(requests.get(url, timeout=10).text)
        scene.show(url)

    scene.az.seen_once = type("Never", (set,), {"__contains__": lambda *_: False})()  # the page is looked at twice
    auth = scene.oauth(client_id_metadata_url=URL, callback_port=ports, prompt=CallbackPrompt(show))
    assert scene.post(auth).status_code == 200
    assert "Notes at work" in pages[0]
