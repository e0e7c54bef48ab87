"""A workload that shows what its platform says of it: read anew each time, and shown to nobody else."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_oauth_sync import JWTBearerGrant, NoPrompt, OAuth
from mcp_oauth_sync.exceptions import AuthorizationError, TokenExchangeError
from tests.scene import Scene, paths, stored
from tests.servers import AuthorizationServer, Workload, reply

METADATA = "GET /.well-known/oauth-authorization-server 200"


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        yield made


@pytest.fixture
def workload(scene: Scene) -> Workload:
    made = Workload()
    made.trust(scene.az)
    return made


def job(scene: Scene, assertion: Any, **more: Any) -> OAuth:
    return OAuth(scene.url, grant=JWTBearerGrant(assertion), prompt=NoPrompt(), **more)


def test_an_assertion_is_enough_and_nobody_in_particular_shows_it(scene: Scene, workload: Workload) -> None:
    auth = job(scene, workload.assertion(scene.az.issuer))
    assert scene.post(auth).status_code == 200
    [asked] = scene.asked("/token")
    assert sorted(asked.form) == ["assertion", "grant_type", "resource"]
    assert asked.param("grant_type") == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert "Authorization" not in asked.headers
    assert scene.record(auth.name).registration is None


def test_a_function_is_told_whom_the_assertion_has_to_be_for(scene: Scene, workload: Workload) -> None:
    told: list[str] = []

    def bring(audience: str) -> str:
        told.append(audience)
        return workload.assertion(audience)

    auth = job(scene, bring)
    assert scene.post(auth).status_code == 200
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert told == [scene.az.issuer] * 2


def test_a_file_is_read_anew_each_time_as_platforms_replace_it(
    scene: Scene, workload: Workload, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    file.write_text(workload.assertion(scene.az.issuer, jti="first") + "\n")
    auth = job(scene, file)
    assert scene.post(auth).status_code == 200
    file.write_text(workload.assertion(scene.az.issuer, jti="second"))
    scene.az.expire_all_access_tokens()
    assert scene.post(auth).status_code == 200
    assert len({exchange.param("assertion") for exchange in scene.asked("/token")}) == 2


@pytest.mark.parametrize("secret", [None, "a-secret-beside-the-assertion-Zq7XcV2b"])
def test_a_client_that_is_given_is_named_beside_the_assertion(
    scene: Scene, workload: Workload, secret: str | None
) -> None:
    scene.az.machines.add_client("job", secret)
    auth = job(scene, workload.assertion(scene.az.issuer), client_id="job", client_secret=secret)
    assert scene.post(auth).status_code == 200
    registration = scene.record(auth.name).registration
    assert registration is not None
    assert (registration.client_id, registration.source) == ("job", "pre-registered")
    assert auth.sign_out() is True


def test_signing_out_revokes_what_was_given_to_nobody_and_leaves_nothing(scene: Scene, workload: Workload) -> None:
    auth = job(scene, workload.assertion(scene.az.issuer))
    assert scene.post(auth).status_code == 200
    tokens = auth.tokens
    assert tokens is not None
    assert auth.sign_out() is True
    assert not scene.az.is_active(tokens.access_token)
    assert [sorted(exchange.form) for exchange in scene.asked("/revoke")] == [["token", "token_type_hint"]]
    assert scene.manager.names() == []
    assert scene.post(auth).status_code == 200  # and a program that is used again signs in again


def test_a_refresh_token_that_nobody_can_use_is_kept_to_be_revoked(scene: Scene, workload: Workload) -> None:
    scene.az.machines.gives_refresh_tokens = True
    auth = job(scene, workload.assertion(scene.az.issuer))
    assert scene.post(auth).status_code == 200
    scene.expire_record(auth.name)
    assert scene.post(auth).status_code == 200
    assert (scene.az.refreshes, scene.az.machines.assertions) == (0, 2)
    assert auth.sign_out() is True
    assert scene.az.revocations == 2


@pytest.mark.parametrize("audience", ["https://login.example.com", "sts.example.com", ""])
def test_an_assertion_for_another_server_is_not_shown_to_this_one(
    scene: Scene, workload: Workload, audience: str
) -> None:
    before = stored()
    with pytest.raises(AuthorizationError, match="it was not sent") as caught:
        scene.post(job(scene, workload.assertion(audience)))
    assert f"uses {scene.az.issuer}" in caught.value.message
    assert "issuer=" in (caught.value.hint or "")
    assert (paths(scene.az.log), stored()) == ([METADATA], before)


def test_the_caller_may_say_that_a_server_takes_assertions_for_another_audience(
    scene: Scene, workload: Workload
) -> None:
    scene.az.machines.audience = "sts.example.com"
    auth = job(scene, workload.assertion("sts.example.com"), issuer=scene.az.issuer)
    assert scene.post(auth).status_code == 200


def test_the_token_endpoint_is_an_audience_too(scene: Scene, workload: Workload) -> None:
    scene.az.machines.audience = scene.az.endpoint("token")
    assert scene.post(job(scene, workload.assertion(scene.az.endpoint("token")))).status_code == 200


@pytest.mark.parametrize("text", ["/var/run/secrets/tokens/mcp", "not a JWT", "a.b", "a.b.c.d"])
@pytest.mark.parametrize("bound", [False, True])
def test_what_is_no_jwt_is_never_sent(scene: Scene, text: str, bound: bool) -> None:
    with pytest.raises(AuthorizationError, match="is no JWT; it was not sent") as caught:
        scene.post(job(scene, text, issuer=scene.az.issuer if bound else None))
    assert "pathlib.Path" in (caught.value.hint or "")
    assert text not in str(caught.value)
    assert scene.asked("/token") == []


def test_an_encrypted_jwt_goes_only_where_the_caller_says(scene: Scene) -> None:
    with pytest.raises(AuthorizationError, match="is for nobody in particular"):
        scene.post(job(scene, "a.b.c.d.e"))
    scene.az.fault("/token", reply(400, {"error": "invalid_grant"}))
    with pytest.raises(TokenExchangeError, match="did not accept the assertion"):
        scene.post(job(scene, "a.b.c.d.e", issuer=scene.az.issuer))
    assert [exchange.param("assertion") for exchange in scene.asked("/token")] == ["a.b.c.d.e"]


@pytest.mark.parametrize("assertion", ["", "  \n"])
def test_an_empty_assertion_is_refused_at_once(assertion: str) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        JWTBearerGrant(assertion)


def test_a_missing_file_is_named_and_nothing_is_sent(scene: Scene, tmp_path: Path) -> None:
    file = tmp_path / "missing"
    with pytest.raises(AuthorizationError, match=re.escape(f"The assertion cannot be read from {file}")):
        scene.post(job(scene, file))
    assert scene.az.log == []


def test_an_expired_assertion_is_refused_once_and_the_hint_says_why(scene: Scene, workload: Workload) -> None:
    auth = job(scene, workload.assertion(scene.az.issuer, ttl=-60))
    for _ in range(3):
        with pytest.raises(TokenExchangeError) as caught:
            scene.post(auth)
        assert caught.value.error == "invalid_grant"
        assert "its time is over" in (caught.value.hint or "")
    assert len(scene.asked("/token")) == 1


def test_a_clock_that_is_wrong_here_does_not_keep_a_good_assertion_back(
    scene: Scene, workload: Workload, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mcp_oauth_sync.protocol.foreign_assertion.time.time", lambda: 4e9)
    assert scene.post(job(scene, workload.assertion(scene.az.issuer))).status_code == 200


@pytest.mark.parametrize("error", ["invalid_grant", "invalid_scope", "unauthorized_client", "unsupported_grant_type"])
def test_after_a_refusal_there_is_no_second_attempt_and_no_other_grant(
    scene: Scene, workload: Workload, error: str
) -> None:
    scene.az.fault("/token", reply(400, {"error": error, "error_description": "no \x1b[2J"}))
    auth = job(scene, workload.assertion(scene.az.issuer))
    for _ in range(3):
        with pytest.raises(TokenExchangeError, match="did not accept the assertion") as caught:
            scene.post(auth)
        assert caught.value.error == error
        assert "\x1b" not in str(caught.value)
    assert len(scene.asked("/token")) == 1
    assert scene.shown == []


def test_two_workloads_on_one_machine_never_share_a_sign_in(scene: Scene, tmp_path: Path) -> None:
    names = set()
    for subject in ("system:one", "system:two"):
        workload = Workload(subject=subject)
        workload.trust(scene.az)
        file = tmp_path / subject
        file.write_text(workload.assertion(scene.az.issuer))
        for source in (file, workload.assertion(scene.az.issuer)):
            auth = job(scene, source)
            assert scene.post(auth).status_code == 200
            names.add(auth.name)
    assert scene.az.machines.assertions == len(names) == 2
    assert all("system" not in name for name in names)


def test_an_assertion_never_shows_itself(workload: Workload) -> None:
    grant = JWTBearerGrant(workload.assertion("https://login.example.com"))
    assert "eyJ" not in f"{grant!r} {vars(grant)!r}"


def test_another_server_is_not_given_what_was_for_the_first_one(scene: Scene, workload: Workload) -> None:
    auth = job(scene, workload.assertion(scene.az.issuer))
    assert scene.post(auth).status_code == 200
    with AuthorizationServer() as evil:
        scene.mcp.authorization_server = evil
        scene.az.expire_all_access_tokens()
        with pytest.raises(Exception, match="the server now uses"):
            scene.post(auth)
        assert evil.requests("/token") == []
