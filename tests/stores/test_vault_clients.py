"""Logging in to a Vault with a function or a client of the caller's own."""

from __future__ import annotations

from collections.abc import Callable

import hvac
import pytest
import requests

from mcp_oauth_sync.exceptions import StoreUnavailableError, TokenStorageError
from mcp_oauth_sync.models.secret import Secret

from ..real.openbao import Bao, bao, openbao_server

__all__ = ["bao", "openbao_server"]
pytestmark = pytest.mark.openbao
ENDED = "has expired or was revoked"


def test_a_login_function_is_called_when_there_is_no_token_and_when_it_ended(bao: Bao) -> None:
    tokens: list[str] = []

    def login(client: hvac.Client) -> None:
        tokens.append(Secret(bao.server.new_token(bao.all_we_need())))
        client.token = tokens[-1]

    store = bao.store(login=login)
    store.store_generic("k", "v")
    assert store.retrieve_generic("k") == "v"
    assert len(tokens) == 1
    bao.server.revoke(tokens[0])
    assert store.retrieve_generic("k") == "v"
    assert len(tokens) == 2


def test_a_login_function_that_fails_or_brings_nothing_good_is_told(bao: Bao) -> None:
    def raising(failure: Exception) -> Callable[[hvac.Client], None]:
        def login(client: hvac.Client) -> None:
            raise failure

        return login

    for failure in (hvac.exceptions.InvalidRequest("no"), hvac.exceptions.Forbidden("no")):
        with pytest.raises(StoreUnavailableError, match=f"failed with {type(failure).__name__}") as caught:
            bao.store(login=raising(failure)).retrieve_generic("k")
        assert caught.value.__cause__ is failure
    for failure in (hvac.exceptions.VaultDown("no"), requests.ConnectionError("no"), OSError("no")):
        with pytest.raises(TokenStorageError, match="could not be logged in to") as passing:
            bao.store(login=raising(failure)).retrieve_generic("k")
        assert not isinstance(passing.value, StoreUnavailableError)
    with pytest.raises(KeyError):  # a mistake in it is not hidden
        bao.store(login=raising(KeyError("no"))).retrieve_generic("k")
    with pytest.raises(StoreUnavailableError, match="no token"):
        bao.store(login=lambda client: None).retrieve_generic("k")
    with pytest.raises(StoreUnavailableError, match=ENDED):
        bao.store(login=lambda client: setattr(client, "token", "wrong")).retrieve_generic("k")


def test_a_callers_client_is_not_changed(bao: Bao) -> None:
    client = hvac.Client(url=bao.server.url, token=bao.server.token, namespace="")
    session, adapters = client.session, dict(client.session.adapters)
    before = {**vars(client.adapter)}
    store = bao.store(client=client)
    with store.exclusive("k", namespace="generic"):
        store.store_generic("k", "v")
    assert store.retrieve_generic("k") == "v"
    assert vars(client.adapter) == before
    assert client.allow_redirects is True
    assert (client.session, dict(session.adapters), session.auth) == (session, adapters, None)
    session.close()


def test_what_a_caller_hooks_into_their_session_is_still_called(bao: Bao) -> None:
    client, heard = hvac.Client(url=bao.server.url, token=bao.server.token), []
    client.session.hooks["response"].append(lambda response, **_: heard.append(response.json()))
    store = bao.store(client=client)
    store.store_generic("k", "v")
    assert store.retrieve_generic("k") == "v"
    assert heard[-1]["data"]["data"]["value"] == "v"
    client.session.close()


def test_a_token_that_the_caller_gives_their_client_is_used_from_then_on(bao: Bao) -> None:
    client = hvac.Client(url=bao.server.url, token=bao.server.new_token())
    store = bao.store(client=client)
    store.store_generic("k", "v")
    bao.server.revoke(client.token)
    with pytest.raises(StoreUnavailableError, match=ENDED):
        store.retrieve_generic("k")
    client.token = bao.server.new_token()
    assert store.retrieve_generic("k") == "v"
    client.session.close()


def test_a_login_function_logs_in_the_callers_own_client(bao: Bao) -> None:
    client = hvac.Client(url=bao.server.url, token=bao.server.new_token())
    store = bao.store(client=client, login=lambda given: setattr(given, "token", bao.server.new_token()))
    store.store_generic("k", "v")
    first = client.token
    bao.server.revoke(first)
    assert store.retrieve_generic("k") == "v"
    assert client.token != first
    client.session.close()
