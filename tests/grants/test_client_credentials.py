"""A program that signs in as itself: with a secret or a key, never by a registration, and with nobody there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync import ClientCredentialsGrant, ClientKey, NoPrompt, OAuth
from mcp_oauth_sync.exceptions import RegistrationError, RegistrationRequiredError, TokenExchangeError
from tests.scene import Scene, paths, stored
from tests.servers import reply
from tests.servers.keys import private_pem, public_pem

SECRET = "a-secret-of-the-job-Zq7XcV2bN9mK4jH6"


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def job(scene: Scene, **more: Any) -> OAuth:
    known = {"client_id": "job", "client_secret": SECRET, "grant": ClientCredentialsGrant(), "prompt": NoPrompt()}
    return OAuth(scene.url, **{**known, **more})


@pytest.mark.parametrize(
    ("offered", "method"),
    [
        (("client_secret_basic",), "client_secret_basic"),
        (("client_secret_post",), "client_secret_post"),
        (("private_key_jwt", "client_secret_basic"), "client_secret_basic"),
    ],
)
def test_a_secret_goes_the_way_the_server_offers(scene: Scene, offered: tuple[str, ...], method: str) -> None:
    scene.az.machines.add_client("job", SECRET, token_endpoint_auth_method=method)
    scene.az.auth_methods = offered
    assert scene.post(job(scene)).status_code == 200
    [asked] = scene.asked("/token")
    assert asked.param("grant_type") == "client_credentials"
    assert ("Authorization" in asked.headers, "client_secret" in asked.form) == (
        method == "client_secret_basic",
        method == "client_secret_post",
    )
    assert scene.az.machines.credentials == 1


@pytest.mark.parametrize(("kind", "algorithm"), [("P-256", "ES256"), ("RSA", "RS256"), ("Ed25519", "EdDSA")])
def test_a_key_signs_for_the_server(scene: Scene, tmp_path: Path, kind: str, algorithm: str) -> None:
    scene.az.machines.add_client("job", public_key=public_pem(kind), key_id="first")
    scene.az.machines.algorithms = (algorithm,)
    scene.az.auth_methods = ("private_key_jwt",)
    file = tmp_path / "key.pem"
    file.write_text(private_pem(kind))
    auth = job(scene, client_secret=None, client_key=ClientKey(file, key_id="first"))
    assert scene.post(auth).status_code == 200
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    forms = [exchange.form for exchange in scene.asked("/token")]
    assert sorted(forms[0]) == ["client_assertion", "client_assertion_type", "grant_type", "resource"]
    assert len({form["client_assertion"][0] for form in forms}) == 2


def test_what_is_asked_for_is_resource_scope_and_the_callers_own_fields(scene: Scene) -> None:
    scene.az.machines.add_client("job", SECRET)
    scene.mcp.challenge_scope = "notes:read"
    scene.az.scopes_supported = ("notes:read", "offline_access")
    assert scene.post(job(scene, token_params={"audience": "notes"})).status_code == 200
    [asked] = scene.asked("/token")
    sent = {name: asked.param(name) for name in asked.form}
    assert (sent.pop("client_id"), sent.pop("client_secret")) == ("job", SECRET)
    assert sent == {
        "grant_type": "client_credentials",
        "resource": scene.url,
        "scope": "notes:read",  # nobody is offline who was never there
        "audience": "notes",
    }


@pytest.mark.parametrize(
    "given",
    [
        {"client_id": None, "client_secret": None},
        {"client_id": None},
        {"client_secret": None},
        {"client_id": None, "client_secret": None, "client_id_metadata_url": "https://app.example.com/client.json"},
    ],
    ids=["nothing", "a secret alone", "a name alone", "a document that the server does not read"],
)
def test_without_credentials_nothing_is_asked_for_and_nobody_is_registered(scene: Scene, given: dict[str, Any]) -> None:
    before = stored()
    with pytest.raises(RegistrationRequiredError, match="needs credentials, and none were given") as caught:
        scene.post(job(scene, **given))
    assert "client_id= with client_secret= or client_key=" in (caught.value.hint or "")
    assert caught.value.issuer == scene.az.issuer
    assert paths(scene.az.log) == ["GET /.well-known/oauth-authorization-server 200"]
    assert stored() == before


def test_a_registration_that_was_made_for_people_is_not_used(scene: Scene) -> None:
    scene.sign_in(name="notes")
    scene.change_record_of("notes", tokens=None)
    with pytest.raises(RegistrationRequiredError):
        scene.post(job(scene, name="notes", client_id=None, client_secret=None))
    assert scene.asked("/token") == []


def test_a_wrong_secret_is_an_error_that_names_the_client_and_the_server(scene: Scene) -> None:
    scene.az.fault("/token", reply(401, {"error": "invalid_client"}))
    with pytest.raises(TokenExchangeError, match="did not accept the client's credentials: HTTP 401") as caught:
        scene.post(job(scene))
    assert (caught.value.error, caught.value.issuer) == ("invalid_client", scene.az.issuer)
    assert "check client_id, and client_secret or client_key" in (caught.value.hint or "")
    assert not caught.value.transient


def test_a_client_of_another_server_is_not_shown_to_this_one(scene: Scene) -> None:
    with pytest.raises(RegistrationError, match="belongs to https://login"):
        scene.post(job(scene, issuer="https://login.example.com"))
    assert scene.asked("/token") == []


def test_a_server_without_a_token_endpoint_is_an_error(scene: Scene) -> None:
    scene.az.machines.add_client("job", SECRET)
    scene.az.metadata_overrides = {"token_endpoint": None}
    with pytest.raises(Exception, match="has no token endpoint"):
        scene.post(job(scene))


@pytest.mark.parametrize("terminal", [False, True])
def test_no_terminal_and_no_prompt_play_a_part(scene: Scene, terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    import webbrowser

    monkeypatch.setattr(webbrowser, "open", lambda url: pytest.fail("a browser was opened"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: terminal, raising=False)
    scene.az.machines.add_client("job", SECRET)
    assert scene.post(job(scene, prompt=None)).status_code == 200
    assert scene.shown == []


def test_signing_in_on_purpose_obtains_new_tokens(scene: Scene) -> None:
    scene.az.machines.add_client("job", SECRET)
    auth = job(scene)
    assert auth.sign_in().access_token != auth.sign_in(["notes:read"]).access_token
    assert scene.az.machines.credentials == 2
    assert auth.tokens is not None
    assert auth.tokens.scope == "notes:read"


def test_headers_for_another_library_need_no_person_either(scene: Scene) -> None:
    scene.az.machines.add_client("job", SECRET)
    assert job(scene).headers()["Authorization"].startswith("Bearer access-")


def test_an_answer_that_is_no_bearer_token_is_refused(scene: Scene) -> None:
    scene.az.machines.add_client("job", SECRET)
    scene.az.fault("/token", reply(200, {"access_token": "a", "token_type": "mac"}))
    with pytest.raises(TokenExchangeError, match="token type 'mac' is not Bearer"):
        scene.post(job(scene))
