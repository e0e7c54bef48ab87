"""Several accounts on one server: profiles share nothing, and neither do two clients or two issuers."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator

import attrs
import pytest

from mcp_oauth_sync import NoPrompt, OAuth, OAuthHandler, TokenManager
from mcp_oauth_sync.exceptions import SignInRequiredError
from mcp_oauth_sync.stores import default_manager
from tests.scene import Scene
from tests.servers import gate


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


def access_token(auth: OAuth) -> str:
    assert auth.tokens is not None
    return auth.tokens.access_token


def test_two_profiles_on_one_server_are_two_sign_ins(scene: Scene) -> None:
    private, work = scene.oauth(), scene.oauth(profile="work")
    assert [scene.post(auth).status_code for auth in (private, work)] == [200, 200]
    assert len(scene.shown) == 2
    assert access_token(private) != access_token(work)
    for auth, profile in ((private, None), (work, "work")):
        again = scene.oauth(profile=profile, prompt=NoPrompt())
        assert scene.post(again).status_code == 200
        assert access_token(again) == access_token(auth)


def test_each_profile_is_renewed_and_signed_out_by_itself(scene: Scene) -> None:
    private, work = scene.sign_in(), scene.sign_in(profile="work")
    scene.az.expire_all_access_tokens()
    assert [scene.post(auth).status_code for auth in (private, work)] == [200, 200]
    assert (scene.az.refreshes, scene.az.reuses) == (2, 0)
    assert work.sign_out() is True
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(profile="work", prompt=NoPrompt()))
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200


def test_a_profile_that_is_being_renewed_does_not_hold_up_another(scene: Scene) -> None:
    private, work = scene.sign_in(), scene.sign_in(profile="work")
    scene.az.expire_all_access_tokens()
    arrived, release = threading.Event(), threading.Event()
    scene.az.fault("/token", gate(release, arrived=arrived), times=1)
    statuses: list[int] = []
    slow = threading.Thread(target=lambda: statuses.append(scene.post(private, timeout=60).status_code))
    slow.start()
    assert arrived.wait(10)
    assert scene.post(work).status_code == 200
    assert statuses == []
    release.set()
    slow.join(10)
    assert statuses == [200]


def test_the_environment_chooses_the_profile(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.sign_in(profile="work")
    monkeypatch.setenv("MCP_OAUTH_SYNC_PROFILE", "work")
    assert default_manager().profile == "work"
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(prompt=NoPrompt(), profile="default"))


def test_a_handler_has_a_profile_too(scene: Scene) -> None:
    work = scene.handler(profile="work")
    tokens = work.ensure_authenticated_mcp("notes", scene.url)
    assert OAuthHandler().get_authorization_header("notes") is None
    assert OAuthHandler(profile="work").get_authorization_header("notes") == tokens.get_authorization_header()
    assert (TokenManager().names(), TokenManager(profile="work").names()) == ([], ["notes"])


def test_the_command_line_has_a_profile_too_and_hints_name_it(scene: Scene) -> None:
    with pytest.raises(SignInRequiredError) as caught:
        scene.post(scene.oauth(profile="work", client_id="mine", prompt=NoPrompt()))
    assert (caught.value.hint or "").endswith(f"{scene.url} --client-id mine --profile work")
    scene.sign_in(profile="work", name="notes")
    cleared = [
        subprocess.run(
            [sys.executable, "-m", "mcp_oauth_sync", "clear", "notes", *flags],
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
            env=os.environ,
        ).stderr
        for flags in ([], ["--profile", "work"])
    ]
    assert cleared[0] == "There is no sign-in called 'notes'.\n"
    assert cleared[1].startswith("'notes' was removed here.")
    assert TokenManager(profile="work").load_record("notes") is None


@pytest.mark.parametrize("profile", ["", "a b", "a/b", "ü", "a@b", "x" * 65, "a\n"])
def test_what_is_no_name_for_a_profile_is_refused_at_once(profile: str) -> None:
    with pytest.raises(ValueError, match="a profile has 1 to 64"):
        OAuth("https://mcp.example.com/mcp", profile=profile)
    if profile:
        with pytest.raises(ValueError, match="a profile has 1 to 64"):
            TokenManager(profile=profile)
    refused = subprocess.run(
        [sys.executable, "-m", "mcp_oauth_sync", "clear", "notes", "--profile", profile],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert refused.returncode == 2
    assert "a profile has 1 to 64" in refused.stderr


@pytest.mark.parametrize("namespace", ["", "oauth@work"])
def test_no_namespace_can_be_taken_for_another_ones_profile(namespace: str) -> None:
    with pytest.raises(ValueError, match="a namespace"):
        TokenManager(namespace=namespace)


def test_a_client_of_ones_own_never_uses_the_tokens_of_another_client(scene: Scene) -> None:
    scene.sign_in()
    assert scene.record().registration is not None
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(client_id="registered-by-hand", prompt=NoPrompt()))
    assert scene.asked("/token") == []
    assert [exchange.headers.get("Authorization") for exchange in scene.mcp.requests(scene.mcp.path)] == [None]
    assert scene.post(scene.oauth(prompt=NoPrompt())).status_code == 200


def test_a_sign_in_with_a_client_of_ones_own_is_kept_beside_that_of_another(scene: Scene) -> None:
    first = scene.sign_in()
    registration = scene.record().registration
    assert registration is not None
    other = attrs.evolve(registration, client_id="another-client", source="pre-registered")
    theirs = f"{scene.url} client_id=another-client"
    scene.manager.save_record(theirs, attrs.evolve(scene.record(), registration=other))
    own = scene.oauth(client_id="another-client", prompt=NoPrompt())
    assert own.name == theirs
    assert first.name == scene.url
    assert scene.oauth(client_id=registration.client_id).name == scene.url


def test_tokens_of_another_issuer_are_not_used_when_the_caller_names_one(scene: Scene) -> None:
    scene.sign_in()
    with pytest.raises(SignInRequiredError):
        scene.post(scene.oauth(client_id="mine", issuer="https://login.example.com", prompt=NoPrompt()))
    assert [exchange.headers.get("Authorization") for exchange in scene.mcp.requests(scene.mcp.path)] == [None]
    assert scene.oauth(issuer=scene.az.issuer).name == scene.url
