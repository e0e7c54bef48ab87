"""A client that authenticates with its private key: in the code flow, at every refresh, and when it signs out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from mcp_oauth_sync import ClientKey, NoPrompt
from mcp_oauth_sync.exceptions import RegistrationError
from tests.scene import DAY, YEAR, Scene, paths, shift_clock
from tests.servers import reply
from tests.servers.keys import private_pem, public_pem


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def register(scene: Scene, kind: str = "P-256", **more: Any) -> None:
    grants = ["authorization_code", "refresh_token"]
    scene.az.machines.add_client("app", public_key=public_pem(kind), grant_types=grants, **more)
    scene.az.auth_methods = ("private_key_jwt",)


def key_file(folder: Path, kind: str = "P-256", number: int = 0) -> Path:
    file = folder / "key.pem"
    file.write_text(private_pem(kind, number))
    return file


def sent(scene: Scene, endpoint: str = "/token") -> list[str]:
    """Return the assertions that reached an endpoint, each of which has verified them."""
    found = [exchange.param("client_assertion") for exchange in scene.asked(endpoint)]
    return [assertion for assertion in found if assertion is not None]


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("P-256", "ES256"), ("P-384", "ES384"), ("RSA", "RS256"), ("Ed25519", "EdDSA")],
)
def test_a_key_from_a_file_signs_in_refreshes_and_signs_out(
    scene: Scene, tmp_path: Path, kind: str, algorithm: str
) -> None:
    register(scene, kind)
    auth = scene.sign_in(client_id="app", client_key=ClientKey(key_file(tmp_path, kind)))
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert auth.sign_out() is True
    assertions = [*sent(scene), *sent(scene, "/revoke")]
    assert len(assertions) == len(set(assertions)) == 3
    assert {jwt.get_unverified_header(text)["alg"] for text in assertions} == {algorithm}
    forms = [set(exchange.form) for exchange in (*scene.asked("/token"), *scene.asked("/revoke"))]
    assert [form & {"client_id", "client_secret"} for form in forms] == [set()] * 3
    assert (scene.az.registrations, scene.az.refreshes, scene.az.revocations) == (0, 1, 2)


def test_a_later_process_refreshes_by_what_was_settled_with_the_server(scene: Scene) -> None:
    register(scene, "RSA")
    scene.az.machines.algorithms = ("PS256",)
    key = ClientKey(private_pem("RSA"))
    scene.sign_in(client_id="app", client_key=key)
    scene.expire()
    assert scene.post(scene.oauth(client_id="app", client_key=key, prompt=NoPrompt())).status_code == 200
    assert paths(scene.az.log) == ["POST /token 200"]
    assert jwt.get_unverified_header(sent(scene)[0])["alg"] == "PS256"
    record = scene.record()
    assert record.registration is not None
    assert record.registration.token_endpoint_auth_signing_alg == "PS256"
    assert record.to_record()["schema"] == 2


def test_a_key_that_is_replaced_is_used_from_the_next_request_on(scene: Scene, tmp_path: Path) -> None:
    register(scene)
    auth = scene.sign_in(client_id="app", client_key=ClientKey(key_file(tmp_path)))
    scene.az.clients["app"]["public_key"] = public_pem("RSA", 1)
    key_file(tmp_path, "RSA", 1)
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, scene.shown) == (1, [])


@pytest.mark.parametrize("defect", ["missing", "public", "wrong kind"])
def test_a_key_that_cannot_be_used_is_found_out_before_anybody_is_asked(
    scene: Scene, tmp_path: Path, defect: str
) -> None:
    register(scene)
    file = tmp_path / "key.pem"
    if defect != "missing":
        file.write_text(public_pem() if defect == "public" else private_pem("RSA"))
        scene.az.machines.algorithms = ("ES256",)
    with pytest.raises(RegistrationError) as caught:
        scene.post(scene.oauth(client_id="app", client_key=ClientKey(file)))
    assert str(file) in caught.value.message
    assert scene.shown == []
    assert paths(scene.az.log) == ["GET /.well-known/oauth-authorization-server 200"]


def test_a_method_that_needs_a_key_without_one_is_found_out_before_anybody_is_asked(scene: Scene) -> None:
    register(scene)
    with pytest.raises(RegistrationError, match="authenticates with its private key, which is not here"):
        scene.post(scene.oauth(client_id="app", token_endpoint_auth_method="private_key_jwt"))
    assert scene.shown == []


def test_a_key_without_a_client_is_refused_at_once() -> None:
    with Scene() as scene, pytest.raises(ValueError, match="client_key is the key of a client"):
        scene.oauth(client_key=ClientKey(private_pem()))


def test_a_client_id_document_and_a_key_go_together(scene: Scene) -> None:
    url = "https://app.example.com/client.json"
    document = {"client_id": url, "redirect_uris": ["http://127.0.0.1/callback"], "public_key": public_pem()}
    grants = {"grant_types": ["authorization_code", "refresh_token"]}
    scene.az.client_documents[url] = {**document, **grants, "token_endpoint_auth_method": "private_key_jwt"}
    scene.az.clients[url] = {**scene.az.client_documents[url], "cimd": True}
    scene.az.auth_methods = ("private_key_jwt",)
    auth = scene.sign_in(client_id_metadata_url=url, client_key=ClientKey(private_pem()))
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert len(sent(scene)) == 1
    assert jwt.decode(sent(scene)[0], options={"verify_signature": False})["iss"] == url
    assert scene.az.registrations == 0


def test_a_server_that_insists_on_the_client_id_gets_it_and_once_is_enough_to_learn_it(scene: Scene) -> None:
    register(scene)
    scene.az.machines.wants_client_id = True
    auth = scene.oauth(client_id="app", client_key=ClientKey(private_pem()))
    assert scene.post(auth).status_code == 200
    assert ["client_id" in exchange.form for exchange in scene.asked("/token")] == [False, True]
    assert len(set(sent(scene))) == 2
    scene.forget_log()
    scene.expire()
    assert scene.post(scene.oauth(client_id="app", client_key=ClientKey(private_pem()))).status_code == 200
    assert ["client_id" in exchange.form for exchange in scene.asked("/token")] == [True]


def test_a_refresh_without_the_key_keeps_everything_and_says_what_is_missing(scene: Scene) -> None:
    register(scene)
    scene.sign_in(client_id="app", client_key=ClientKey(private_pem()))
    before = scene.record()
    scene.az.expire_all_access_tokens()
    with pytest.raises(RegistrationError, match="authenticates with its private key") as caught:
        scene.post(scene.oauth(client_id="app"))
    assert caught.value.hint == "Pass client_key=."
    assert (scene.record(), scene.shown, scene.asked("/token")) == (before, [], [])


def test_a_token_that_is_still_good_is_used_when_the_key_is_gone(scene: Scene) -> None:
    register(scene)
    scene.sign_in(client_id="app", client_key=ClientKey(private_pem()))
    scene.age(3590)
    assert scene.post(scene.oauth(client_id="app", client_key=ClientKey(Path("gone.pem")))).status_code == 200
    assert scene.az.log == []


def test_signing_out_without_the_key_removes_everything_here_and_confirms_nothing(scene: Scene) -> None:
    register(scene)
    scene.sign_in(client_id="app", client_key=ClientKey(private_pem()))
    assert scene.oauth(client_id="app").sign_out() is False
    assert (scene.record().tokens, scene.az.log) == (None, [])


def test_in_two_steps_who_finishes_brings_the_key_and_without_it_nothing_is_lost(scene: Scene, tmp_path: Path) -> None:
    register(scene)
    key = ClientKey(key_file(tmp_path))
    started = scene.oauth(client_id="app", client_key=key, prompt=NoPrompt()).start_sign_in()
    redirect = scene.person.redirect_only(started.url)
    assert redirect is not None
    for spoilt in ({}, {"client_key": ClientKey("no key at all")}):
        with pytest.raises(RegistrationError):
            scene.oauth(client_id="app", prompt=NoPrompt(), **spoilt).finish_sign_in(redirect)
        assert sent(scene) == []
    tokens = scene.oauth(client_id="app", client_key=key, prompt=NoPrompt()).finish_sign_in(redirect)
    assert scene.az.is_active(tokens.access_token)
    assert len(sent(scene)) == 1


@pytest.mark.parametrize("shift", [7200.0, -2 * DAY, 10 * YEAR, -10 * YEAR])
def test_a_clock_that_is_set_costs_a_repetition_and_nobody_their_sign_in(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    register(scene)
    options = {"client_id": "app", "client_key": ClientKey(private_pem("P-256")), "prompt": NoPrompt()}
    scene.sign_in(**{**options, "prompt": scene.prompt})
    shift_clock(monkeypatch, shift)
    scene.az.expire_all_access_tokens()
    for _ in range(2):
        assert scene.post(scene.oauth(**options)).status_code == 200
    assert [exchange.status for exchange in scene.asked("/token")][:2] == [401, 200]
    assert len(scene.asked("/token")) <= 4
    assert (scene.shown, scene.az.reuses) == ([], 0)
    assert len(set(sent(scene))) == len(sent(scene))
    scene.az.violations.clear()  # the assertions of the wrong time


@pytest.mark.parametrize(
    ("date", "times"),
    [(None, 1), ("yesterday", 1), ("Mon, 99 Nov 2026 99:99:99 GMT", 1), ("Mon, 02 Nov 2020 09:00:00 GMT", 2)],
    ids=["now", "no date", "an impossible date", "another one"],
)
def test_an_assertion_that_is_refused_is_repeated_once_where_the_server_tells_another_time(
    scene: Scene, date: str | None, times: int
) -> None:
    register(scene)
    auth = scene.sign_in(client_id="app", client_key=ClientKey(private_pem("P-256")))
    scene.az.expire_all_access_tokens()
    scene.az.fault("/token", reply(401, {"error": "invalid_client"}, [("Date", date)] if date else []))
    with pytest.raises(RegistrationError, match="no longer accepts"):
        scene.post(auth)
    issued = [jwt.decode(text, options={"verify_signature": False})["iat"] for text in sent(scene)]
    assert len(issued) == times
    assert times == 1 or issued[1] - issued[0] < -5 * YEAR
