"""The tree of errors: its shape, its words, and what it never shows."""

from __future__ import annotations

import copy
import inspect
import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mcp_oauth_sync
from mcp_oauth_sync import exceptions
from mcp_oauth_sync.exceptions import (
    AuthorizationTimeoutError,
    DiscoveryError,
    InsecureURLError,
    MCPError,
    MCPTimeoutError,
    MetadataMismatchError,
    OAuthError,
    RegistrationError,
    RegistrationRequiredError,
    ScopeRequiredError,
    TokenExchangeError,
    TokenRefreshError,
    TokenStorageError,
    ToolError,
    printable,
)

ERRORS = [
    value
    for name, value in vars(exceptions).items()
    if inspect.isclass(value) and issubclass(value, OAuthError) and not name.startswith("_")
]


def public_parent(error: type[OAuthError]) -> str:
    return next(base.__name__ for base in error.__mro__[1:] if not base.__name__.startswith("_"))


def test_the_docstring_draws_the_tree_as_it_is() -> None:
    drawn: dict[str, str] = {}
    path: list[str] = []
    for line in (exceptions.__doc__ or "").splitlines():
        if found := re.fullmatch(r"    ((?:[|] +| +)*)(?:\+- )?(\w+Error)(?: \(also \w+\))?", line):
            depth = 0 if "+-" not in line else line.index("+-") // 3
            path = [*path[:depth], found.group(2)]
            if depth:
                drawn[found.group(2)] = path[depth - 1]
    assert drawn == {error.__name__: public_parent(error) for error in ERRORS if error is not OAuthError}


def test_the_base_of_all_errors_is_at_the_door_and_the_others_one_room_further() -> None:
    assert mcp_oauth_sync.OAuthError is OAuthError
    assert mcp_oauth_sync.exceptions is exceptions
    assert all(issubclass(error, mcp_oauth_sync.OAuthError) for error in ERRORS)


def test_three_errors_are_what_python_calls_them_too() -> None:
    assert issubclass(InsecureURLError, ValueError)
    assert issubclass(AuthorizationTimeoutError, TimeoutError)
    assert issubclass(MCPTimeoutError, TimeoutError)


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_says_its_message_and_then_its_hint(kind: type[OAuthError]) -> None:
    error = kind("It broke.", hint="Mend it.")
    assert (error.message, error.hint) == ("It broke.", "Mend it.")
    assert str(error) == "It broke.\nHint: Mend it."
    assert str(kind("It broke.")) == "It broke."


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_survives_copying_and_pickling(kind: type[OAuthError]) -> None:
    error = kind("It broke.", hint="Mend it.")
    for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert type(twin) is kind
        assert vars(twin) == vars(error)
        assert str(twin) == str(error)


def test_a_discovery_error_lists_every_url_tried() -> None:
    error = DiscoveryError("Nothing found.", hint="Look.", url="https://h", tried=["https://h/a: HTTP 404", "b"])
    assert str(error) == "Nothing found.\n  tried https://h/a: HTTP 404\n  tried b\nHint: Look."
    assert error.tried == ("https://h/a: HTTP 404", "b")
    assert error.url == "https://h"


def test_the_attributes_are_there_even_when_nothing_is_known() -> None:
    mismatch = MetadataMismatchError("Other.", expected="a", received="b")
    assert (mismatch.expected, mismatch.received, mismatch.url, mismatch.tried) == ("a", "b", None, ())
    refused = RegistrationRequiredError("No.", issuer="https://as", error="x", error_description="y", status=403)
    assert (refused.issuer, refused.error, refused.error_description, refused.status) == ("https://as", "x", "y", 403)
    bare = TokenExchangeError("No.")
    assert (bare.error, bare.error_description, bare.status) == (None, None, None)
    assert RegistrationError("No.").issuer is None
    assert ScopeRequiredError("More.", scopes=["a", "b"]).scopes == ("a", "b")
    later = TokenRefreshError("Not now.")
    assert (later.retry_after, later.transient) == (None, True)
    stored = TokenStorageError("Full.", store="file", name="n")
    assert (stored.store, stored.name) == ("file", "n")
    rpc = MCPError("No tool.", code=-32601, data={"a": 1}, status=404)
    assert (rpc.code, rpc.data, rpc.status) == (-32601, {"a": 1}, 404)
    late = MCPTimeoutError("No answer.", status=504)
    assert (late.code, late.data, late.status) == (None, None, 504)
    failed = ToolError("No.", result="r")
    assert (failed.result, failed.code, failed.data, failed.status) == ("r", None, None, None)
    assert ToolError("No.").result is None


def test_text_from_a_server_loses_escapes_line_breaks_and_directions() -> None:
    assert printable("a\x1b[31mred\x07\r\nb\u202ec\u2028d\x9be") == "a [31mred b c d e"
    assert printable("  plain   words ") == "plain words"
    assert printable("\ud800x") == "x"
    assert printable(None) == "None"


def test_text_from_a_server_is_cut() -> None:
    assert printable("x" * 10_000) == "x" * 197 + "..."
    assert printable("x" * 200) == "x" * 200
    assert printable("abcdef", 5) == "ab..."


@settings(max_examples=200, derandomize=True, deadline=None, database=None)
@given(text=st.text(), limit=st.integers(3, 50))
def test_shown_text_is_always_printable_and_short(text: str, limit: int) -> None:
    shown = printable(text, limit)
    assert shown.isprintable()
    assert len(shown) <= limit
