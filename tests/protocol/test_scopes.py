"""Which scopes are asked for: the caller, else the challenge, else the resource, else none."""

from __future__ import annotations

import pytest

from mcp_oauth_sync.models.metadata import AuthorizationServerMetadata, ProtectedResourceMetadata
from mcp_oauth_sync.models.options import SignInOptions
from mcp_oauth_sync.protocol.scopes import select_scopes, union

DEFAULT = SignInOptions()


def resource(*scopes: str) -> ProtectedResourceMetadata:
    return ProtectedResourceMetadata(resource="https://h", scopes_supported=scopes)


def server(*scopes: str) -> AuthorizationServerMetadata:
    return AuthorizationServerMetadata(issuer="https://as", scopes_supported=scopes)


def test_the_challenge_is_authoritative_even_for_scopes_the_resource_does_not_list() -> None:
    assert select_scopes(DEFAULT, challenged=("z",), resource=resource("a", "b"), server=server("a")) == ("z",)


def test_without_a_challenge_all_scopes_of_the_resource_are_asked_for() -> None:
    assert select_scopes(DEFAULT, resource=resource("a", "b")) == ("a", "b")


@pytest.mark.parametrize("said", [None, resource(), ProtectedResourceMetadata(resource="https://h")])
def test_where_nothing_or_an_empty_list_is_said_no_scope_is_asked_for(said: ProtectedResourceMetadata | None) -> None:
    assert select_scopes(DEFAULT, resource=said, server=server("openid", "profile", "email")) == ()


def test_scopes_given_by_the_caller_replace_every_other_choice() -> None:
    options = SignInOptions(scopes="mine")
    assert select_scopes(options, challenged=("z",), resource=resource("a"), server=server("offline_access")) == (
        "mine",
    )


def test_an_empty_choice_of_the_caller_asks_for_none() -> None:
    assert select_scopes(SignInOptions(scopes=()), challenged=("z",), resource=resource("a")) == ()


def test_extra_scopes_are_added_to_whatever_is_chosen() -> None:
    options = SignInOptions(extra_scopes=["more", "z"])
    assert select_scopes(options, challenged=("z",)) == ("z", "more")
    assert select_scopes(options, resource=resource("a")) == ("a", "more", "z")
    assert select_scopes(options) == ("more", "z")
    assert select_scopes(SignInOptions(scopes="mine", extra_scopes="more")) == ("mine", "more")


def test_offline_access_is_added_where_the_authorization_server_lists_it() -> None:
    listed = server("offline_access", "a")
    assert select_scopes(DEFAULT, challenged=("z",), server=listed) == ("z", "offline_access")
    assert select_scopes(DEFAULT, resource=resource("a"), server=listed) == ("a", "offline_access")
    assert select_scopes(DEFAULT, resource=resource("offline_access"), server=listed) == ("offline_access",)


@pytest.mark.parametrize("said", [None, server(), server("a"), AuthorizationServerMetadata(issuer="https://as")])
def test_offline_access_is_not_added_where_it_is_not_listed(said: AuthorizationServerMetadata | None) -> None:
    assert select_scopes(DEFAULT, challenged=("z",), server=said) == ("z",)


def test_offline_access_can_be_switched_off_and_is_never_asked_for_alone() -> None:
    listed = server("offline_access")
    assert select_scopes(SignInOptions(offline_access=False), challenged=("z",), server=listed) == ("z",)
    assert select_scopes(DEFAULT, server=listed) == ()


def test_a_step_up_asks_for_what_was_held_and_what_is_challenged() -> None:
    assert select_scopes(DEFAULT, challenged=("b", "c"), held=("a", "b")) == ("a", "b", "c")
    assert select_scopes(SignInOptions(scopes="a"), challenged=("c",), held=("a",)) == ("a", "c")


def test_a_union_keeps_the_order_and_each_scope_once() -> None:
    assert union(("a", "b"), ("b", "c"), ()) == ("a", "b", "c")
