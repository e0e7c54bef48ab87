"""``logout NAME`` revokes and removes; ``clear NAME`` only removes. Both are done when they say so."""

from __future__ import annotations

import json

import pytest

from mcp_oauth_sync import NoPrompt, OAuth
from mcp_oauth_sync.stores import default_manager
from tests.servers import html

from .conftest import Scene
from .terminal import run


def test_logout_revokes_the_refresh_token_first_then_the_access_token_and_removes_both(scene: Scene) -> None:
    token = scene.sign_in()
    done = run("logout", "notes")
    assert done == (0, "", "'notes' is signed out; the server has revoked its tokens.\n")
    assert [exchange.path for exchange in scene.az.log] == ["/revoke", "/revoke"]
    hints = [exchange.param("token_type_hint") for exchange in scene.az.log]
    assert hints == ["refresh_token", "access_token"]
    assert not scene.az.is_active(token)
    assert default_manager().load_tokens("notes") is None
    assert run("tools", "notes").status == 3


@pytest.mark.parametrize("trouble", ["gone", "HTML"])
def test_a_logout_the_server_does_not_confirm_still_removes_the_tokens(scene: Scene, trouble: str) -> None:
    scene.sign_in()
    if trouble == "gone":
        scene.az.stop()
    else:
        scene.az.fault("/revoke", html(503))
    done = run("logout", "notes")
    assert (done.status, done.out) == (0, "")
    assert done.err.splitlines()[-1] == (
        "'notes' is signed out here; the server did not confirm that its tokens are revoked."
    )
    assert default_manager().load_tokens("notes") is None


def test_a_second_logout_has_nothing_to_do(scene: Scene) -> None:
    scene.sign_in()
    run("logout", "notes")
    scene.az.clear()
    assert run("logout", "notes") == (0, "", "'notes' is not signed in.\n")
    assert scene.quiet()


def test_clear_removes_the_whole_sign_in_and_tells_no_server(scene: Scene) -> None:
    token = scene.sign_in()
    done = run("clear", "notes")
    assert (done.status, done.out) == (0, "")
    assert done.err.startswith("'notes' was removed here. No server was told")
    assert scene.quiet()
    assert scene.az.is_active(token)
    assert [name for name in scene.files if name.endswith(".enc")] == []


def test_after_clear_another_name_can_stand_for_the_server(scene: Scene) -> None:
    scene.sign_in("old")
    run("clear", "old")
    token = scene.sign_in("new")
    assert OAuth(scene.url, prompt=NoPrompt()).headers() == {"Authorization": f"Bearer {token}"}


def test_clear_leaves_other_sign_ins_alone(scene: Scene) -> None:
    scene.sign_in("one")
    scene.sign_in("two")
    before = scene.files["two.enc"]
    run("clear", "one")
    assert scene.files["two.enc"] == before
    assert "one.enc" not in scene.files


def test_forgetting_the_client_removes_it_at_a_server_that_offers_that(scene: Scene) -> None:
    scene.az.offer_removal = True
    scene.sign_in()
    done = run("logout", "notes", "--forget-client")
    assert (done.status, done.out) == (0, "")
    assert done.err.splitlines() == [
        "'notes' is signed out; the server has revoked its tokens.",
        "Its client is removed at the server and forgotten here; the next sign-in will register another one.",
    ]
    assert [(exchange.method, exchange.path) for exchange in scene.az.log] == [
        ("POST", "/revoke"),
        ("POST", "/revoke"),
        ("DELETE", "/register/1"),
    ]
    assert scene.az.clients == {}
    assert default_manager().load_record("notes") is None


def test_a_client_is_removed_after_its_tokens_are_gone_too(scene: Scene) -> None:
    scene.az.offer_removal = True
    scene.sign_in()
    run("logout", "notes")
    scene.az.clear()
    found = json.loads(run("logout", "notes", "--forget-client", "--json").out)
    assert (found["signed_out"], found["revoked"], found["client_removed"], found["why"]) == (False, None, True, None)
    assert [exchange.method for exchange in scene.az.log] == ["DELETE"]


def test_a_client_that_the_server_keeps_is_forgotten_here_and_said_to_be_left(scene: Scene) -> None:
    scene.az.offer_removal = True
    scene.sign_in()
    scene.az.fault("/register/1", html(403))
    done = run("logout", "notes", "--forget-client")
    assert (done.status, done.out) == (0, "")
    said = done.err.splitlines()
    assert said[1] == "Its client is forgotten here, too; the next sign-in will register another one."
    assert said[2].startswith("It is still known to the server. The client was not removed at http://127.0.0.1:")
    assert "does not let clients remove themselves" in said[2]
    assert len(said) == 3
    assert default_manager().load_record("notes") is None
    scene.az.clear_faults()
