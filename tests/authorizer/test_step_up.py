"""A 403 that asks for more scopes: asked for once, together with what was there, and never in a loop."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from mcp_oauth_sync import NoPrompt
from mcp_oauth_sync.exceptions import AccessDeniedError, ScopeRequiredError
from tests.scene import PING, WRITE, Scene, paths, stored
from tests.servers import reply


@pytest.fixture
def scene() -> Iterator[Scene]:
    with Scene() as made:
        made.mcp.challenge_scope = "notes:read"
        made.mcp.scope_for = {"tools/call": "notes:write"}
        yield made


def scopes_of(url: str) -> set[str]:
    return set(parse_qs(urlsplit(url).query)["scope"][0].split())


def test_a_step_up_asks_for_the_union_and_does_not_refresh(scene: Scene) -> None:
    auth = scene.sign_in()
    response = scene.post(auth, WRITE)
    assert response.status_code == 200
    assert [old.status_code for old in response.history] == [403]
    assert [scopes_of(url) for url in scene.shown] == [{"notes:read", "notes:write"}]
    assert [sent.param("grant_type") for sent in scene.asked("/token")] == ["authorization_code"]
    assert set((scene.record().requested_scope or "").split()) == {"notes:read", "notes:write"}


def test_after_a_step_up_neither_call_needs_another_one(scene: Scene) -> None:
    auth = scene.sign_in()
    scene.post(auth, WRITE)
    scene.forget_log()
    assert [scene.post(auth, body).status_code for body in (PING, WRITE, PING)] == [200] * 3
    assert scene.post(scene.oauth(prompt=NoPrompt()), WRITE).status_code == 200
    assert scene.az.log == []


def test_scopes_add_up_over_several_step_ups(scene: Scene) -> None:
    auth = scene.sign_in()
    scene.mcp.scope_for = {"tools/call": "notes:write"}
    scene.post(auth, WRITE)
    scene.mcp.scope_for = {"tools/call": "notes:delete"}
    assert scene.post(auth, WRITE).status_code == 200
    assert scopes_of(scene.shown[-1]) == {"notes:read", "notes:write", "notes:delete"}


def test_a_server_that_never_has_enough_is_asked_once_per_set_of_scopes(scene: Scene) -> None:
    auth = scene.sign_in()
    scene.mcp.always_403 = "notes:all"
    assert scene.post(auth, WRITE).status_code == 403
    assert len(scene.shown) == 1
    assert scene.post(auth, WRITE).status_code == 403
    assert len(scene.shown) == 1  # not a second time for a second request either
    scene.mcp.always_403 = "notes:other"
    assert scene.post(auth, WRITE).status_code == 403
    assert len(scene.shown) == 2


def test_a_server_that_asks_for_another_scope_each_time_is_given_up(scene: Scene) -> None:
    auth = scene.sign_in()
    number = iter(range(100))
    scene.mcp.always_403 = True
    scene.mcp.challenge = lambda text: text.replace("notes:read", f"scope:{next(number)}")
    assert scene.post(auth, WRITE).status_code == 403
    assert len(scene.shown) <= 3


def test_where_nobody_is_there_the_error_names_the_scopes_and_the_command(scene: Scene) -> None:
    scene.sign_in()
    before = stored()
    with pytest.raises(ScopeRequiredError) as caught:
        scene.post(scene.oauth(prompt=NoPrompt()), WRITE)
    assert caught.value.scopes == ("notes:write",)
    assert "--scopes 'notes:read notes:write'" in (caught.value.hint or "")
    assert (scene.az.log, stored()) == ([], before)


def test_a_403_that_asks_for_no_scope_is_the_callers_business(scene: Scene) -> None:
    auth = scene.sign_in()
    for answer in (
        reply(403, {"error": "forbidden"}),
        reply(403, headers=[("WWW-Authenticate", 'Bearer error="invalid_token"')]),
        reply(403, headers=[("WWW-Authenticate", 'Bearer error="insufficient_scope"')]),
    ):
        scene.mcp.fault(scene.mcp.path, answer, times=1)
        assert scene.post(auth).status_code == 403
    assert (scene.az.log, scene.shown) == ([], [])
    assert paths(scene.mcp.log) == ["POST /mcp 403"] * 3


def test_a_person_who_declines_the_step_up_keeps_what_they_had(scene: Scene) -> None:
    auth = scene.sign_in()
    before = stored()
    scene.az.decision = "deny"
    with pytest.raises(AccessDeniedError):
        scene.post(auth, WRITE)
    with pytest.raises(AccessDeniedError):
        scene.post(auth, WRITE)
    assert len(scene.shown) == 1
    assert stored() == before
    assert scene.post(auth).status_code == 200


def test_a_step_up_done_by_another_process_is_taken_over(scene: Scene) -> None:
    one, other = scene.sign_in(), scene.oauth()
    assert scene.post(other).status_code == 200
    assert scene.post(one, WRITE).status_code == 200
    scene.forget_log()
    assert scene.post(other, WRITE).status_code == 200
    assert (scene.az.log, scene.shown) == ([], [])


def test_headers_for_more_scopes_ask_for_the_union(scene: Scene) -> None:
    handler = scene.handler()
    handler.ensure_authenticated_mcp("notes", scene.url)
    tokens = handler.ensure_authenticated_mcp("notes", scene.url, ["notes:write"])
    assert set(tokens.scopes) == {"notes:read", "notes:write"}
    assert scopes_of(scene.shown[-1]) == {"notes:read", "notes:write"}
    assert handler.ensure_authenticated_mcp("notes", scene.url, ["notes:write"]) == tokens
    assert len(scene.shown) == 2
