"""Sessions with real servers behind OAuth whose tokens end, grow and are revoked while the session goes on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mcp_oauth_sync import MCPSession, NoPrompt
from mcp_oauth_sync.exceptions import AccessDeniedError, SignInRequiredError
from tests.real.everything import EverythingServer, everything, everything_in_both_eras, everything_sse
from tests.real.sdk_features import SdkFeatures, sdk_features
from tests.scene import Scene

from .doors import ERAS, Door

__all__ = ["everything", "everything_in_both_eras", "everything_sse", "sdk_features"]

THREADS = 8


@pytest.fixture
def scene(sdk_features: SdkFeatures) -> Iterator[Scene]:
    with Scene(upstream=sdk_features.mcp_url) as made:
        yield made


@pytest.fixture(params=ERAS)
def mcp(scene: Scene, request: pytest.FixtureRequest) -> Iterator[MCPSession]:
    with Door(scene.url, scene).session(request.param) as made:
        yield made


def echo(mcp: MCPSession) -> None:
    assert mcp.call_tool("echo", {"text": "hi"}).text == "hi"


def methods(scene: Scene) -> list[str]:
    """Return the JSON-RPC methods of what a server let pass, in order."""
    passed = [exchange for exchange in scene.mcp.requests(scene.mcp.path, "POST") if exchange.status in (200, 202)]
    return [exchange.json()["method"] for exchange in passed if "method" in exchange.json()]


@pytest.mark.demo
def test_a_token_that_the_server_lets_expire_is_renewed_once_and_the_session_goes_on(
    scene: Scene, mcp: MCPSession
) -> None:
    echo(mcp)
    for expired in (1, 2):
        scene.az.expire_all_access_tokens()
        echo(mcp)
        echo(mcp)
        assert (scene.az.refreshes, len(scene.shown)) == (expired, 1)
    assert methods(scene).count("initialize") <= 1


@pytest.mark.demo
def test_tokens_that_live_for_a_moment_are_renewed_as_the_session_goes_on(scene: Scene, mcp: MCPSession) -> None:
    scene.az.access_ttl = 0.3
    calls = 0
    while scene.az.refreshes < 3:
        echo(mcp)
        calls += 1
    assert len(scene.shown) == 1
    assert calls > 3, "a token is used more than once"


@pytest.mark.demo
def test_threads_whose_token_expires_share_the_new_one(scene: Scene, mcp: MCPSession) -> None:
    echo(mcp)
    scene.az.expire_all_access_tokens()
    with ThreadPoolExecutor(THREADS) as pool:
        for call in [pool.submit(echo, mcp) for _ in range(2 * THREADS)]:
            call.result()
    assert (scene.az.refreshes, len(scene.shown)) == (1, 1)


@pytest.mark.demo
def test_a_token_that_expires_while_the_person_thinks_is_renewed_for_their_answer(
    scene: Scene, mcp: MCPSession, request: pytest.FixtureRequest
) -> None:
    door = Door(scene.url, scene)

    def think(asked: object) -> bool | dict[str, str]:
        scene.az.expire_all_access_tokens()
        return {"name": "Ann"}

    with door.session(request.node.callspec.params["mcp"], elicit=think) as thinking:
        assert json.loads(thinking.call_tool("book").text)["name"] == "Ann"
    assert (scene.az.refreshes, len(scene.shown)) == (1, 1)


@pytest.mark.demo
def test_a_tool_that_wants_another_scope_has_the_person_asked_and_the_session_goes_on(
    scene: Scene, mcp: MCPSession
) -> None:
    scene.mcp.required_scopes, scene.mcp.challenge_scope = ["mcp"], "mcp"
    scene.mcp.scope_for = {"count": "counting"}
    echo(mcp)
    assert len(scene.shown) == 1
    told: list[object] = []
    assert mcp.call_tool("count", on_progress=told.append).text == "counted to 3"
    assert (len(scene.shown), len(told)) == (2, 3)
    echo(mcp)
    assert mcp.call_tool("count").text == "counted to 3"
    assert len(scene.shown) == 2
    assert methods(scene).count("initialize") <= 1
    sessions = {exchange.headers.get("Mcp-Session-Id") for exchange in scene.mcp.requests()} - {None}
    assert len(sessions) <= 1


@pytest.mark.demo
def test_a_scope_that_the_person_denies_ends_the_call_and_not_the_session(scene: Scene, mcp: MCPSession) -> None:
    echo(mcp)
    scene.mcp.scope_for = {"count": "counting"}
    scene.az.decision = "deny"
    with pytest.raises(AccessDeniedError):
        mcp.call_tool("count")
    echo(mcp)


@pytest.mark.demo
def test_what_was_revoked_is_asked_for_once_again(scene: Scene, mcp: MCPSession) -> None:
    echo(mcp)
    [token] = {token for token in scene.mcp.tokens_seen if token}
    scene.az.revoke_family(token)
    echo(mcp)
    echo(mcp)
    assert len(scene.shown) == 2
    assert methods(scene).count("initialize") <= 1


@pytest.mark.demo
@pytest.mark.parametrize("era", ERAS)
def test_where_nobody_is_there_a_revoked_session_says_which_sign_in_is_needed(scene: Scene, era: str) -> None:
    door = Door(scene.url, scene)
    nobody = scene.oauth(token_manager=door.manager, prompt=NoPrompt())
    with door.session(era) as attended, door.session(era, auth=nobody) as mcp:
        echo(attended)
        echo(mcp)
        [token] = {token for token in scene.mcp.tokens_seen if token}
        scene.az.revoke_family(token)
        for _ in range(2):
            with pytest.raises(SignInRequiredError):
                mcp.call_tool("echo", {"text": "hi"})
        assert len(scene.shown) == 1
        echo(attended)  # signs in again
        echo(mcp)
    assert len(scene.shown) == 2


@pytest.mark.demo
def test_every_request_of_a_session_proves_the_key_that_its_token_is_bound_to(scene: Scene, mcp: MCPSession) -> None:
    scene.offer_binding(only=True, nonces=True)
    told: list[object] = []
    assert mcp.call_tool("count", on_progress=told.append).text == "counted to 3"
    assert mcp.call_tool("book_surely").text == "x comes"
    assert mcp.call_tool("pay").text.startswith("accept")
    scene.az.expire_all_access_tokens()
    scene.mcp.binding.forget_nonces()
    echo(mcp)
    assert (scene.az.refreshes, len(scene.shown)) == (1, 1)
    mcp.close()
    passed = [exchange for exchange in scene.mcp.requests(scene.mcp.path) if 200 <= exchange.status < 300]
    assert {exchange.credentials[0] for exchange in passed} == {"dpop"}
    assert len(scene.mcp.binding.proofs) >= len(passed)
    proven = {claims["htm"] for claims in scene.mcp.binding.proofs}
    assert proven in ({"POST"}, {"POST", "GET", "DELETE"})


@pytest.mark.npm_server
@pytest.mark.parametrize("bound", [False, True])
@pytest.mark.parametrize("server", ["everything", "everything_sse", "everything_in_both_eras"])
def test_servers_from_npm_behind_tokens_that_end_and_grow(
    server: str, bound: bool, request: pytest.FixtureRequest
) -> None:
    upstream: EverythingServer = request.getfixturevalue(server)
    with Scene(upstream=upstream.mcp_url) as scene:
        if bound:
            scene.offer_binding(only=True, nonces=True)
        scene.mcp.scope_for = {"get-sum": "sums"}
        with Door(scene.url, scene).session() as mcp:
            assert mcp.call_tool("echo", {"message": "a"}).text == "Echo: a"
            scene.az.expire_all_access_tokens()
            assert mcp.call_tool("echo", {"message": "b"}).text == "Echo: b"
            assert (scene.az.refreshes, len(scene.shown)) == (1, 1)
            assert "5" in mcp.call_tool("get-sum", {"a": 2, "b": 3}).text
            assert len(scene.shown) == 2
            scene.az.revoke_family([token for token in scene.mcp.tokens_seen if token][-1])
            assert mcp.call_tool("echo", {"message": "c"}).text == "Echo: c"
            assert len(scene.shown) == 3
